"""Windows that torch lacks: local connection, L2 pooling, normalisation within and between maps. Maps are N×C×H×W."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neocog.arch.window import Window
from neocog.nn.layers import Pads, pad


class LocallyConnected2d(nn.Module):
    """A convolution without sharing. Weight: places × out × C·kh·kw; bias: places × out."""

    def __init__(
        self,
        channels: int,
        out: int,
        places: tuple[int, int],
        kernel: tuple[int, int],
        stride: tuple[int, int],
        pads: Pads,
        bias: bool,
    ):
        super().__init__()
        self.places, self.kernel, self.stride, self.pads = places, kernel, stride, pads
        n = places[0] * places[1]
        self.weight = nn.Parameter(torch.empty(n, out, channels * kernel[0] * kernel[1]))
        self.bias = nn.Parameter(torch.empty(n, out)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        windows = F.unfold(pad(x, self.pads), self.kernel, stride=self.stride)  # N × C·kh·kw × places
        answers = self.weight @ windows.permute(2, 1, 0)  # places × out × N: one matrix product a place
        if self.bias is not None:
            answers = answers + self.bias[:, :, None]
        return answers.permute(2, 1, 0).unflatten(2, self.places)

    def extra_repr(self) -> str:
        return f"{self.weight.shape[1]}, {self.kernel}, stride={self.stride}, places={self.places}"


class PlaceBias(nn.Module):
    """A bias for each place. Bias: C × H × W."""

    def __init__(self, shape: tuple[int, ...]):
        super().__init__()
        self.bias = nn.Parameter(torch.empty(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias


class ConstantPad2d(nn.Module):
    """Positions of `value` around the maps."""

    def __init__(self, pads: Pads, value: float):
        super().__init__()
        self.pads, self.value = pads, value

    def forward(self, x: Tensor) -> Tensor:
        return pad(x, self.pads, self.value)


def gaussian(kernel: tuple[int, int], sigma: float) -> Tensor:
    """kh × kw weights of a Gaussian around the middle, which sum to 1."""
    rows, columns = (torch.arange(n, dtype=torch.float64, device="cpu") - (n - 1) / 2 for n in kernel)
    weights = torch.exp(-(rows[:, None] ** 2 + columns[None, :] ** 2) / (2 * sigma**2))
    return (weights / weights.sum()).float()


class L2Pool2d(nn.Module):
    """√(Σ w·x²) over windows: w is 1, 1/area (`mean`) or a Gaussian. Its derivative at 0 is taken as 0."""

    def __init__(
        self,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        pads: Pads,
        ceil: bool,
        mean: bool,
        sigma: float | None,
    ):
        super().__init__()
        self.kernel, self.stride, self.pads, self.ceil, self.mean = kernel, stride, pads, ceil, mean
        self.register_buffer("mask", None if sigma is None else gaussian(kernel, sigma)[None, None], persistent=False)

    mask: Tensor | None

    def forward(self, x: Tensor) -> Tensor:
        squares = pad(x * x, self._pads(x))
        if self.mask is None:
            area = self.kernel[0] * self.kernel[1] if self.mean else 1
            total = F.avg_pool2d(squares, self.kernel, self.stride, divisor_override=area)
        else:
            total = F.conv2d(squares.flatten(0, 1)[:, None], self.mask, stride=self.stride)[:, 0].unflatten(0, x.shape[:2])
        some = total > 0  # √'s slope at 0 is infinite: without the detour the gradient there would be NaN
        return torch.where(some, torch.where(some, total, 1.0).sqrt(), 0.0)

    def _pads(self, x: Tensor) -> Pads:
        """The padding, and behind it what the last window needs when sizes round up."""
        if not self.ceil:
            return self.pads
        wanted = []
        for axis, (before, after) in enumerate(self.pads):
            n, kernel, stride = x.shape[2 + axis], self.kernel[axis], self.stride[axis]
            places = Window(kernel, stride, before, after, 1, True).output(n)
            wanted.append((before, (places - 1) * stride + kernel - n - before))
        return wanted[0], wanted[1]

    def extra_repr(self) -> str:
        return f"{self.kernel}, stride={self.stride}, padding={self.pads}, ceil={self.ceil}, mean={self.mean}"


class LRNWithinChannel(nn.Module):
    """a / (k + α/size² Σ a²)^β over a window of the same map; zeros beyond the border count, as in Caffe."""

    def __init__(self, size: int, alpha: float, beta: float, k: float):
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, x: Tensor) -> Tensor:
        mean = F.avg_pool2d(x * x, self.size, 1, self.size // 2)
        return x * (mean * self.alpha + self.k).pow(-self.beta)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha:g}, beta={self.beta:g}, k={self.k:g}"


class LocalContrastNorm(nn.Module):
    """Subtractive and divisive normalisation over a Gaussian window of all maps (Jarrett et al. 2009, section 2)."""

    def __init__(self, size: int, sigma: float, floor: float):
        super().__init__()
        self.margin, self.floor = size // 2, floor
        self.register_buffer("mask", gaussian((size, size), sigma)[None, None], persistent=False)

    mask: Tensor

    def _mean(self, x: Tensor) -> Tensor:
        """The weighted mean around each place over all maps: N×1×H×W."""
        return F.conv2d(x.mean(1, keepdim=True), self.mask, padding=self.margin)

    def forward(self, x: Tensor) -> Tensor:
        inside = self._mean(torch.ones_like(x[:1, :1]))  # how much of the window lies on the picture
        centred = x - self._mean(x) / inside
        variance = self._mean(centred * centred) / inside
        spread = variance.clamp_min(self.floor**2).sqrt()
        return centred / torch.maximum(spread, spread.mean((1, 2, 3), keepdim=True))
