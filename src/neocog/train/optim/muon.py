"""Muon: momentum whose update of a convolution is made orthogonal (Jordan et al. 2024; here as in airbench94_muon.py).

A filter bank is a matrix, out × in·kh·kw. Its gradient is mostly a few directions; the orthogonal matrix nearest to it moves
all directions alike, and a short training gets further: one pass over Fashion-MNIST to where SGD needs two and more.
"""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

# X ← aX + b(XXᵀ)X + c(XXᵀ)²X. The slope a at zero is as steep as can be: three rounds bring singular values that are no
# dust to about 0.5 to 1.5, which is as good as 1 here.
A, B, C = 3.4445, -4.7750, 2.0315
ROUNDS = 3
TINY = 1e-7


def orthogonal(matrix: Tensor, rounds: int = ROUNDS) -> Tensor:
    """About U·Vᵀ where `matrix` is U·S·Vᵀ: Newton and Schulz's iteration of fifth order. m×n → m×n."""
    x = matrix / (matrix.norm() + TINY)  # the largest singular value is 1 at most
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    for _ in range(rounds):
        gram = x @ x.T
        x = A * x + (B * gram + C * gram @ gram) @ x
    return x.T if tall else x


class Muon(Optimizer):
    """Muon with Nesterov momentum for the filters of convolutions, SGD with Nesterov's `rest_momentum` for all else.

    Filters are kept at a norm of √out before each step, so that the rate is the share of them that a step renews, and
    `weight_decay` has nothing to do there; it pulls on the rest only.
    """

    def __init__(self, params: Iterable[Any], lr: float, momentum: float = 0.6, rest_momentum: float = 0.85,
                 weight_decay: float = 0.0):  # fmt: skip
        super().__init__(params, {"lr": lr, "momentum": momentum, "rest_momentum": rest_momentum, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """One update of all parameters that have gradients."""
        assert closure is None
        for group in self.param_groups:
            learning = [p for p in group["params"] if p.grad is not None]
            for p in (p for p in learning if p.dim() == 4):
                p.mul_(len(p) ** 0.5 / p.norm().clamp(min=TINY))
                update = self._ahead(p, p.grad, group["momentum"])
                p.add_(orthogonal(update.reshape(len(p), -1)).reshape(p.shape), alpha=-group["lr"])
            for p in (p for p in learning if p.dim() != 4):
                gradient = p.grad.add(p, alpha=group["weight_decay"]) if group["weight_decay"] else p.grad
                p.add_(self._ahead(p, gradient, group["rest_momentum"]), alpha=-group["lr"])

    def _ahead(self, p: Tensor, gradient: Tensor, momentum: float) -> Tensor:
        """The velocity one step ahead (Nesterov), after `gradient` was taken in."""
        state = self.state[p]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(p)
        return gradient.add(state["momentum_buffer"].mul_(momentum).add_(gradient), alpha=momentum)
