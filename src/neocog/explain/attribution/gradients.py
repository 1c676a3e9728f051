"""Attributions from the gradient of a unit with respect to the picture: plain, averaged, along a path, with changed rules."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from neocog.explain.deconvnet.rules import backward
from neocog.explain.inside import undisturbed, values_at
from neocog.explain.occlusion.baselines import baseline_of
from neocog.explain.targets import Target, strongest, value_of

TOGETHER = 16  # pictures in one pass, of the methods that make many out of one


def gradient(model: nn.Module, x: Tensor, target: Target) -> Tensor:
    """∂unit/∂x, N×C×H×W."""
    return backward(model, x, target)


def saliency(model: nn.Module, x: Tensor, target: Target) -> Tensor:
    """max over colours of |∂unit/∂x|, N×H×W (Simonyan, Vedaldi & Zisserman 2014, section 3.1)."""
    return backward(model, x, target).abs().amax(1)


def input_x_gradient(model: nn.Module, x: Tensor, target: Target) -> Tensor:
    """x · ∂unit/∂x, N×C×H×W (Shrikumar et al. 2016): of a network that is linear without a bias, each number's contribution."""
    return x * backward(model, x, target)


def smoothgrad(model: nn.Module, x: Tensor, target: Target, samples: int = 25, noise: float = 0.15, seed: int = 0) -> Tensor:
    """The mean gradient over `samples` noisy copies, N×C×H×W (Smilkov et al. 2017): x + N(0, σ²), σ = noise · (max x − min x).

    The paper's figures take 10 to 20 % noise. All pictures get the same draws, so a batch gives what one by one gives. A unit
    without a place stays at its clean place.
    """
    target = placed(model, x, target)
    share = x.flatten(1)
    sigma = noise * (share.amax(1) - share.amin(1)).view(-1, 1, 1, 1)
    draws = torch.Generator().manual_seed(seed)
    total = torch.zeros_like(x)
    for count in _portions(samples, len(x)):
        each = [torch.randn(x.shape[1:], generator=draws, dtype=x.dtype) for _ in range(count)]  # several at once differ
        drawn = torch.stack(each).to(x.device)
        noisy = (x[:, None] + sigma[:, None] * drawn).flatten(0, 1)
        total += backward(model, noisy, target.repeated(count)).view(len(x), count, *x.shape[1:]).sum(1)
    return total / samples


@dataclass(frozen=True, eq=False)
class Integrated:
    """maps N×C×H×W; `difference` N: unit(x) − unit(baseline); `gap` N: how far the maps' sum misses it, by size."""

    maps: Tensor
    difference: Tensor
    gap: Tensor

    @property
    def missed(self) -> Tensor:
        """The gap as a share of the difference: completeness says 0 (Sundararajan et al. 2017, proposition 1)."""
        return self.gap / self.difference.abs().clamp_min(1e-12)


def integrated_gradients(
    model: nn.Module, x: Tensor, target: Target, steps: int = 50, baseline: str | Tensor = "mean"
) -> Integrated:
    """(x − x′) · ∫₀¹ ∂unit(x′ + α(x − x′))/∂x dα (Sundararajan, Taly & Yan 2017), by Gauss and Legendre's rule of `steps`.

    x′ is `baseline`: words as `baseline_of` takes them, or an input. A unit without a place is followed to its clean place.
    """
    start = baseline_of(model, x, baseline) if isinstance(baseline, str) else baseline.expand_as(x)
    target = placed(model, x, target)
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    alphas, shares = (torch.as_tensor(v, dtype=x.dtype, device=x.device) for v in ((nodes + 1) / 2, weights / 2))
    total, done = torch.zeros_like(x), 0
    for count in _portions(steps, len(x)):
        here = alphas[done : done + count].view(1, -1, 1, 1, 1)
        between = (start[:, None] + here * (x - start)[:, None]).flatten(0, 1)
        slopes = backward(model, between, target.repeated(count)).view(len(x), count, *x.shape[1:])
        total += (slopes * shares[done : done + count].view(1, -1, 1, 1, 1)).sum(1)
        done += count
    maps = (x - start) * total
    with undisturbed(model), torch.no_grad():
        difference = value_of(model, x, target) - value_of(model, start, target)
    return Integrated(maps, difference, (maps.flatten(1).sum(1) - difference).abs())


def path_difference(model: nn.Module, x: Tensor, target: Target, baseline: str = "mean") -> float:
    """unit(x) − unit(baseline) of one picture: what integrated gradients must sum to."""
    target = placed(model, x, target)
    with undisturbed(model), torch.no_grad():
        return float((value_of(model, x, target) - value_of(model, baseline_of(model, x, baseline), target))[0])


def placed(model: nn.Module, x: Tensor, target: Target) -> Target:
    """The target with its places: of a map without one, where it answers most to x. On the way from a baseline, and under
    noise, the maximum may move; the unit that is explained must not."""
    if target.path is None or target.places is not None:
        return target
    with undisturbed(model), torch.no_grad():
        out = values_at(model, x, (target.path,))[target.path]
    if out.dim() < 4:
        return target
    chosen = out[torch.arange(len(out)), target.channels.to(out.device)]
    at = strongest(chosen)[:, 0]
    return Target(target.path, target.channels, torch.stack([at // chosen.shape[2], at % chosen.shape[2]], 1))


def guided_backprop(model: nn.Module, x: Tensor, target: Target) -> Tensor:
    """The gradient, cut at every ReLU where it or the ReLU's input is negative, N×C×H×W (Springenberg et al. 2015)."""
    return backward(model, x.contiguous(), target, rule="guided")


def _portions(total: int, pictures: int) -> Iterator[int]:
    """`total` copies of each of some pictures in portions that fit into one pass."""
    most = max(1, TOGETHER // pictures)
    while total > 0:
        yield min(most, total)
        total -= most
