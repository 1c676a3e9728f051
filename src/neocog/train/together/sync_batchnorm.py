"""Batch normalisation over the pictures of all processes, on any device.

torch's SyncBatchNorm is for GPUs only. This one needs two small collectives a layer and step, and so K processes with a
share of a batch each compute what one process with the whole batch computes (Ioffe & Szegedy 2015, algorithm 1 and the
derivatives of section 3), but for the order of the sums.
"""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn.modules.batchnorm import _BatchNorm


def synchronise(model: nn.Module) -> int:
    """Turn every batch normalisation of the model into one over all processes; how many there were.

    Names, parameters, buffers and hooks stay; only what `forward` does in training changes.
    """
    count = 0
    for module in model.modules():
        if type(module) in _ACROSS:
            module.__class__ = _ACROSS[type(module)]
            count += 1
    return count


class _Across(_BatchNorm):
    def forward(self, input: Tensor) -> Tensor:
        if not self.training or not self.track_running_stats:
            return super().forward(input)
        assert self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        mean, var, count = _moments(input.detach())
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        with torch.no_grad():
            self.running_mean.lerp_(mean, share)
            self.running_var.lerp_(var * (count / (count - 1).clamp(min=1)), share)  # what it keeps is the unbiased estimate
        out = _Normalise.apply(input, self.weight, self.bias, mean, var, count, self.eps)
        assert isinstance(out, Tensor)
        return out


class BatchNorm1d(_Across, nn.BatchNorm1d):
    """torch's, over all processes in training."""


class BatchNorm2d(_Across, nn.BatchNorm2d):
    """torch's, over all processes in training."""


_ACROSS: dict[type[nn.Module], type[_Across]] = {nn.BatchNorm1d: BatchNorm1d, nn.BatchNorm2d: BatchNorm2d}


def _moments(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and variance of each channel over all processes, and of how many numbers.

    Each process's mean and sum of squares about it are put together (Chan, Golub & LeVeque 1983, eq. 2.1), since the
    difference of two large sums of squares would lose the digits.
    """
    channels = x.shape[1]
    here = torch.zeros(2 * channels + 1, dtype=torch.float32, device=x.device)
    if x.numel():
        axes = [0, *range(2, x.dim())]
        var, mean = torch.var_mean(x.float(), axes, correction=0)
        n = x.numel() // channels
        here[:channels], here[channels : 2 * channels], here[-1] = mean, var * n, n
    all_of_them = [torch.empty_like(here) for _ in range(dist.get_world_size())]
    dist.all_gather(all_of_them, here)
    rows = torch.stack(all_of_them).double()  # K×2C+1
    means, squares, counts = rows[:, :channels], rows[:, channels:-1], rows[:, -1:]
    count = counts.sum()
    mean = (means * counts).sum(0) / count
    var = (squares + counts * (means - mean) ** 2).sum(0) / count
    return mean.float(), var.float(), count.float()


class _Normalise(torch.autograd.Function):
    """y = w·(x − μ)/√(σ² + ε) + b, where μ and σ² depend on the x of all processes."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, var: Tensor, count: Tensor, eps: float
    ) -> Tensor:
        ctx.save_for_backward(x, weight, mean, var, count)
        ctx.eps = eps
        return torch.batch_norm(x, weight, bias, mean, var, False, 0.0, eps, False)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # pyright: ignore[reportIncompatibleMethodOverride]
        x, weight, mean, var, count = ctx.saved_tensors
        channels, inverse = x.shape[1], (var + ctx.eps).rsqrt()
        (gradient,) = gradients
        if x.numel():
            # with μ and σ² held still: dx = g·w/σ, Σg·x̂ and Σg
            dx, dweight, dbias = torch.ops.aten.native_batch_norm_backward(
                gradient, x, weight, mean, var, None, None, False, ctx.eps, [True, True, True]
            )
        else:
            dx, dweight, dbias = torch.zeros_like(x), torch.zeros_like(mean), torch.zeros_like(mean)
        everywhere = torch.cat([dweight.float(), dbias.float()])
        dist.all_reduce(everywhere)
        # and what flows through them: −w/σ·(Σg + x̂·Σg·x̂)/count, the sums over all processes
        scale = inverse if weight is None else inverse * weight
        slope = scale * inverse * everywhere[:channels] / count
        offset = scale * everywhere[channels:] / count - slope * mean
        shape = (1, channels, *(1,) * (x.dim() - 2))
        dx = (dx.float() - torch.addcmul(offset.view(shape), x.float(), slope.view(shape))).to(x.dtype)
        return dx, None if weight is None else dweight, None if weight is None else dbias, None, None, None, None
