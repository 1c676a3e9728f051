"""The gradient of a convolution's weights as matrix products, where the library's own is slow.

Where a processor has AVX2 alone, oneDNN has fast kernels for maps with channels last, forward and for the maps' gradient, but
for the weights' gradient one that jumps through memory: 13 thousand million operations a second for VGG's second layer, where
the forward pass makes 80. Here, some pictures' patches at a time are written side by side, as much as a processor's cache
holds, and multiplied with the maps' gradient: 53 to 80.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

HELPS = torch.backends.cpu.get_cpu_capability() == "AVX2"  # measured there: bench/weight_gradient.py
PATCHES = 1 << 19  # numbers that each thread writes side by side at a time: 2 MB
# Where the library's own is as fast: few channels in; few maps out, unless windows overlap on wide maps.
FEW, FEW_POINTWISE, FEW_OUT, WIDE = 16, 64, 96, 28

_on = False


@contextmanager
def quick(wanted: bool = True) -> Iterator[None]:
    """Within, convolutions that gain by it take their weights' gradient so. Only the first derivative can be had then."""
    global _on
    before, _on = _on, wanted and HELPS
    try:
        yield
    finally:
        _on = before


def gains(layer: nn.Conv2d, x: Tensor) -> bool:
    """Whether this convolution is to be taken so now. x: N×C×H×W."""
    if not _on or not torch.is_grad_enabled() or torch.is_autocast_enabled("cpu"):
        return False
    pointwise = layer.kernel_size == (1, 1)
    large = layer.in_channels >= (FEW_POINTWISE if pointwise else FEW)
    large = large and (layer.out_channels >= FEW_OUT or (not pointwise and x.shape[3] >= WIDE))
    plain = layer.groups == 1 and layer.dilation == (1, 1) and layer.weight.requires_grad
    last = x.is_contiguous(memory_format=torch.channels_last)
    return large and plain and last and x.dtype == torch.float32 and x.device.type == "cpu"


def convolve(layer: nn.Conv2d, x: Tensor) -> Tensor:
    """What the layer gives for x."""
    return _Convolution.apply(x, layer.weight, layer.bias, layer.stride, layer.padding)  # type: ignore[no-any-return]


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, stride: Any, padding: Any) -> Tensor:  # type: ignore[override]
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding, ctx.biased = stride, padding, bias is not None
        return F.conv2d(x, weight, bias, stride, padding)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, weight = ctx.saved_tensors
        below = None
        if ctx.needs_input_grad[0]:
            below = torch.ops.aten.convolution_backward(
                gradient, x, weight, None, ctx.stride, ctx.padding, (1, 1), False, (0, 0), 1, (True, False, False)
            )[0]
        of_bias = gradient.sum((0, 2, 3)) if ctx.biased else None
        return below, weight_gradient(gradient, x, weight.shape[2:], ctx.stride, ctx.padding), of_bias, None, None


def weight_gradient(
    gradient: Tensor, x: Tensor, kernel: tuple[int, ...], stride: tuple[int, int], padding: tuple[int, int]
) -> Tensor:
    """gradient N×O×P×Q of the maps that came of x, N×C×H×W → O×C×kh×kw, of the weights."""
    (n, out, rows, columns), channels, (high, wide) = gradient.shape, x.shape[1], kernel
    if rows * columns == 0 or n == 0:
        return gradient.new_zeros(out, channels, high, wide)
    above, below = gradient.permute(0, 2, 3, 1), x.permute(0, 2, 3, 1)
    if (high, wide) == (1, 1) and padding == (0, 0):
        read = below[:, :: stride[0], :: stride[1]]
        return torch.mm(above.reshape(-1, out).t(), read.reshape(-1, channels)).view(out, channels, 1, 1)
    below = F.pad(below, (0, 0, padding[1], padding[1], padding[0], padding[0]))
    patches = below.unfold(1, high, stride[0]).unfold(2, wide, stride[1]).permute(0, 1, 2, 4, 5, 3)  # N×P×Q×kh×kw×C, no copy
    size = high * wide * channels
    room = PATCHES * torch.get_num_threads()
    some = max(1, room // (rows * columns * size))  # pictures; of large maps, less than one: `part` rows of it
    part = max(1, min(rows, room // (columns * size)))
    side = gradient.new_empty(min(some, n) * part * columns, size)
    found = gradient.new_zeros(out, size)
    for first in range(0, n, some):
        for row in range(0, rows, part):
            cut = patches[first : first + some, row : row + part]
            wanted = above[first : first + some, row : row + part].reshape(-1, out)
            beside = side[: len(wanted)]
            beside.view(cut.shape).copy_(cut)
            found.addmm_(wanted.t(), beside)
    return found.view(out, high, wide, channels).permute(0, 3, 1, 2)
