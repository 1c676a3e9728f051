"""The layers that torch lacks, or has slowly. Maps are N×C×H×W."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

from neocog.arch.window import Window
from neocog.nn.weight_gradient import convolve, gains

Pads = tuple[tuple[int, int], tuple[int, int]]


def pad(x: Tensor, pads: Pads, value: float = 0.0) -> Tensor:
    """`x` with ((top, bottom), (left, right)) more positions of `value`."""
    (top, bottom), (left, right) = pads
    return F.pad(x, (left, right, top, bottom), value=value)


def even(pads: Pads) -> tuple[int, int] | None:
    """(rows, columns) where both sides are padded alike and nothing is cut off, as torch's own layers can; else None."""
    (top, bottom), (left, right) = pads
    return (top, left) if top == bottom >= 0 and left == right >= 0 else None


def trim(
    pooled: Tensor,
    x: Tensor,
    kernel: tuple[int, int],
    stride: tuple[int, int],
    pads: Pads,
    dilation: tuple[int, int],
    ceil: bool,
) -> Tensor:
    """`pooled` without a last window that starts in the padding: torch knows that rule only for padding of its own."""
    if not ceil:
        return pooled
    rows, columns = (Window(kernel[i], stride[i], *pads[i], dilation[i], True).output(x.shape[2 + i]) for i in (0, 1))
    return pooled[:, :, :rows, :columns]


class Conv2d(nn.Conv2d):
    """torch's convolution, with padding that may differ from side to side."""

    def __init__(
        self,
        channels: int,
        out: int,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        pads: Pads,
        dilation: tuple[int, int],
        groups: int,
        bias: bool,
    ):
        both = even(pads)
        super().__init__(channels, out, kernel, stride, both or 0, dilation, groups, bias)
        self.pads = None if both else pads

    def forward(self, input: Tensor) -> Tensor:
        x = input if self.pads is None else pad(input, self.pads)
        return convolve(self, x) if gains(self, x) else super().forward(x)


class MaxPool2d(nn.Module):
    """Maximum over windows; padding is -∞ and may differ from side to side."""

    def __init__(self, kernel: tuple[int, int], stride: tuple[int, int], pads: Pads, dilation: tuple[int, int], ceil: bool):
        super().__init__()
        self.kernel, self.stride, self.dilation, self.ceil = kernel, stride, dilation, ceil
        both = even(pads)
        inside = both is not None and both[0] <= kernel[0] // 2 and both[1] <= kernel[1] // 2  # torch's own limit
        self.padding, self.pads = (both if inside and both else (0, 0)), None if inside else pads

    def forward(self, x: Tensor) -> Tensor:
        if self.pads is None:
            return F.max_pool2d(x, self.kernel, self.stride, self.padding, self.dilation, self.ceil)
        pooled = F.max_pool2d(pad(x, self.pads, float("-inf")), self.kernel, self.stride, 0, self.dilation, self.ceil)
        return trim(pooled, x, self.kernel, self.stride, self.pads, self.dilation, self.ceil)

    def extra_repr(self) -> str:
        return f"{self.kernel}, stride={self.stride}, padding={self.pads or self.padding}, ceil={self.ceil}"


class AvgPool2d(nn.Module):
    """Mean over windows; `count_padding` as in torch and Caffe."""

    def __init__(self, kernel: tuple[int, int], stride: tuple[int, int], pads: Pads, ceil: bool, count_padding: bool):
        super().__init__()
        self.kernel, self.stride, self.ceil, self.count = kernel, stride, ceil, count_padding
        both = even(pads)
        inside = both is not None and both[0] <= kernel[0] // 2 and both[1] <= kernel[1] // 2
        self.padding, self.pads = (both if inside and both else (0, 0)), None if inside else pads

    def forward(self, x: Tensor) -> Tensor:
        if self.pads is None:
            return F.avg_pool2d(x, self.kernel, self.stride, self.padding, self.ceil, self.count)
        mean = F.avg_pool2d(pad(x, self.pads), self.kernel, self.stride, 0, self.ceil)
        if not self.count:
            real = pad(torch.ones_like(x[:1, :1]), self.pads)
            mean = mean / F.avg_pool2d(real, self.kernel, self.stride, 0, self.ceil)
        return trim(mean, x, self.kernel, self.stride, self.pads, (1, 1), self.ceil)

    def extra_repr(self) -> str:
        return f"{self.kernel}, stride={self.stride}, padding={self.pads or self.padding}, ceil={self.ceil}"


class TableConv2d(nn.Module):
    """LeNet-5's C3: each map reads its own choice of maps. Weight: links × kh × kw."""

    def __init__(
        self,
        channels: int,
        table: tuple[tuple[int, ...], ...],
        kernel: tuple[int, int],
        stride: tuple[int, int],
        pads: Pads,
        bias: bool = True,
    ):
        super().__init__()
        self.table, self.stride, self.pads, self.channels = table, stride, pads, channels
        self.weight = nn.Parameter(torch.empty(sum(map(len, table)), *kernel))
        self.bias = nn.Parameter(torch.empty(len(table))) if bias else None
        places = [i * channels + j for i, row in enumerate(table) for j in row]
        self.register_buffer("places", torch.tensor(places, device="cpu"), persistent=False)

    places: Tensor

    def dense(self) -> Tensor:
        """The weight as maps × channels × kh × kw, zeros where there is no link."""
        flat = self.weight.new_zeros(len(self.table) * self.channels, *self.weight.shape[1:])
        return flat.index_copy(0, self.places, self.weight).unflatten(0, (len(self.table), self.channels))

    def forward(self, x: Tensor) -> Tensor:
        both = even(self.pads)
        return F.conv2d(x if both else pad(x, self.pads), self.dense(), self.bias, self.stride, both or 0)


class Subsampling(nn.Module):
    """LeNet-5's S layers: the sum over each window, times a coefficient, plus a bias, for each map."""

    def __init__(self, maps: int, kernel: tuple[int, int], stride: tuple[int, int], pads: Pads):
        super().__init__()
        self.kernel, self.stride, self.pads = kernel, stride, pads
        self.weight = nn.Parameter(torch.empty(maps))
        self.bias = nn.Parameter(torch.empty(maps))

    def forward(self, x: Tensor) -> Tensor:
        total = F.avg_pool2d(pad(x, self.pads) if any(map(any, self.pads)) else x, self.kernel, self.stride, divisor_override=1)
        return total * self.weight[:, None, None] + self.bias[:, None, None]


def _window_sum(x: Tensor, before: int, after: int) -> Tensor:
    """The sum over each map, `before` maps before it and `after` behind: shifted slices, added in place."""
    total, maps = x.clone(), x.shape[1]
    for shift in range(1, min(before, maps - 1) + 1):
        total[:, shift:] += x[:, :-shift]
    for shift in range(1, min(after, maps - 1) + 1):
        total[:, :-shift] += x[:, shift:]
    return total


class _LRN(torch.autograd.Function):
    """y = x·b^-β with b = k + α·Σx², and its derivative g·b^-β − 2αβ·x·Σ′(g·x·b^(-β-1)), Σ′ over the mirrored window."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, size: int, alpha: float, beta: float, k: float) -> Tensor:
        before = size // 2
        base = _window_sum(x * x, before, size - 1 - before).mul_(alpha).add_(k)
        scale = _power(base, beta)
        ctx.save_for_backward(x, base, scale)
        ctx.constants = (size, alpha, beta)
        return x * scale

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        (gradient,) = gradients
        x, base, scale = ctx.saved_tensors
        size, alpha, beta = ctx.constants
        before = size // 2
        direct = gradient * scale
        spread = _window_sum(direct * x / base, size - 1 - before, before)
        return direct - spread.mul_(2 * alpha * beta).mul_(x), None, None, None, None


def _power(base: Tensor, beta: float) -> Tensor:
    """base^-β; for β = ¾ by two square roots, which cost a fifth of a power."""
    return torch.rsqrt(base * torch.sqrt(base)) if beta == 0.75 else base.pow(-beta)


class LRN(nn.Module):
    """a / (k + α′ Σ a²)^β over `size` neighbouring maps, α′ = α or α/size.

    Sums of shifted slices, with the derivative written out: several times faster on a CPU than torch's, which pools over
    a fifth axis.
    """

    def __init__(self, size: int, alpha: float, beta: float, k: float, divide_alpha: bool):
        super().__init__()
        self.size, self.beta, self.k = size, beta, k
        self.alpha = alpha / size if divide_alpha else alpha

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_grad_enabled() and x.requires_grad and not torch.compiler.is_compiling():
            out = _LRN.apply(x, self.size, self.alpha, self.beta, self.k)
            assert isinstance(out, Tensor)
            return out
        before = self.size // 2
        return x * _power(_window_sum(x * x, before, self.size - 1 - before) * self.alpha + self.k, self.beta)

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha:g}, beta={self.beta:g}, k={self.k:g}"


class LayerNorm2d(nn.Module):
    """Layer normalisation over the maps at each place, or over features."""

    def __init__(self, maps: int, eps: float):
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.empty(maps))
        self.bias = nn.Parameter(torch.empty(maps))

    def forward(self, x: Tensor) -> Tensor:
        last = x.movedim(1, -1)
        return F.layer_norm(last, last.shape[-1:], self.weight, self.bias, self.eps).movedim(-1, 1)


class ScaledTanh(nn.Module):
    """scale·tanh(slope·x)."""

    def __init__(self, scale: float, slope: float):
        super().__init__()
        self.scale, self.slope = scale, slope

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * torch.tanh(self.slope * x)


class DropPath(nn.Module):
    """In training, drops the whole branch of a picture with probability p and scales the rest by 1/(1-p)."""

    def __init__(self, p: float):
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        keep = x.new_empty(x.shape[0], *(1 for _ in x.shape[1:])).bernoulli_(1 - self.p)
        return x * keep / (1 - self.p)


class PadChannels(nn.Module):
    """Zero maps before and after the others."""

    def __init__(self, before: int, after: int):
        super().__init__()
        self.before, self.after = before, after

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x, (*(0,) * (2 * (x.dim() - 2)), self.before, self.after))


class Slice(nn.Module):
    """Maps start … stop-1."""

    def __init__(self, start: int, stop: int):
        super().__init__()
        self.start, self.stop = start, stop

    def forward(self, x: Tensor) -> Tensor:
        return x[:, self.start : self.stop]


class Scale(nn.Module):
    """factor·x + shift."""

    def __init__(self, factor: float, shift: float):
        super().__init__()
        self.factor, self.shift = factor, shift

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor + self.shift if self.shift else x * self.factor


class LayerScale(nn.Module):
    """One trained factor for each map."""

    def __init__(self, maps: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(maps))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.view(-1, *(1 for _ in x.shape[2:]))


class Add(nn.Module):
    """The sum of its inputs."""

    def forward(self, *xs: Tensor) -> Tensor:
        total = xs[0]
        for x in xs[1:]:
            total = total + x
        return total


class Cat(nn.Module):
    """Its inputs' maps one after another."""

    def forward(self, *xs: Tensor) -> Tensor:
        return torch.cat(xs, 1)


class Mul(nn.Module):
    """The product of its inputs; a gate of N×C×1×1 counts for the whole map."""

    def forward(self, *xs: Tensor) -> Tensor:
        product = xs[0]
        for x in xs[1:]:
            product = product * x
        return product


class RBF(nn.Module):
    """Squared distances to the codes: N×F → N×out, N×F×H×W → N×out×H×W. Codes: out × F, not trained unless asked."""

    def __init__(self, out: int, features: int, trainable: bool):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out, features), requires_grad=trainable)

    def forward(self, x: Tensor) -> Tensor:
        # Σ(x-w)² as it stands: the expanded form |x|² - 2xw + |w|² loses the small distances that matter to rounding
        return (x[:, None] - self.weight.view(*self.weight.shape, *(1 for _ in x.shape[2:]))).square().sum(2)


def falling_mask(kernel: tuple[int, int], decay: float) -> Tensor:
    """kh × kw weights decay^distance from the centre, which sum to 1."""
    rows = torch.arange(kernel[0], dtype=torch.float32, device="cpu") - (kernel[0] - 1) / 2
    columns = torch.arange(kernel[1], dtype=torch.float32, device="cpu") - (kernel[1] - 1) / 2
    mask = decay ** torch.sqrt(rows[:, None] ** 2 + columns[None, :] ** 2)
    return mask / mask.sum()


class SCell(nn.Module):
    """Neocognitron's S-cells and their V-cell (Fukushima 1980, eqs. 1, 2). Weight a: planes × C × kh × kw; bias b: planes."""

    def __init__(
        self,
        channels: int,
        planes: int,
        kernel: tuple[int, int],
        stride: tuple[int, int],
        pads: Pads,
        selectivity: float,
        decay: float,
    ):
        super().__init__()
        self.stride, self.pads, self.r = stride, pads, selectivity
        self.weight = nn.Parameter(torch.empty(planes, channels, *kernel))
        self.bias = nn.Parameter(torch.empty(planes))
        mask = (falling_mask(kernel, decay) / channels).expand(1, channels, *kernel).clone()
        self.register_buffer("mask", mask, persistent=False)

    mask: Tensor

    def inhibition(self, x: Tensor) -> Tensor:
        """The V-cell's answer √(Σ c·x²): N×1×H×W."""
        return F.conv2d(pad(x * x, self.pads), self.mask, stride=self.stride).clamp_min(0).sqrt()

    def forward(self, x: Tensor) -> Tensor:
        return self.answer(x, self.r)

    def answer(self, x: Tensor, r: float) -> Tensor:
        """The S-cells' answers at a selectivity of r, which may differ while they learn."""
        excitation = F.conv2d(pad(x, self.pads), self.weight, stride=self.stride)
        inhibition = 2 * r / (1 + r) * self.bias[:, None, None] * self.inhibition(x)
        return r * F.relu((1 + excitation) / (1 + inhibition) - 1)


class CCell(nn.Module):
    """Neocognitron's C-cells (Fukushima 1980, eqs. 3 to 5)."""

    def __init__(self, channels: int, kernel: tuple[int, int], stride: tuple[int, int], pads: Pads, decay: float, gain: float):
        super().__init__()
        self.stride, self.pads = stride, pads
        mask = gain * falling_mask(kernel, decay)
        self.register_buffer("mask", mask.expand(channels, 1, *kernel).clone(), persistent=False)

    mask: Tensor

    def forward(self, x: Tensor) -> Tensor:
        blur = F.conv2d(pad(x, self.pads), self.mask, stride=self.stride, groups=x.shape[1])
        raised = F.relu((1 + blur) / (1 + blur.mean(1, keepdim=True)) - 1)
        return raised / (0.5 + raised)
