"""The running mean of the weights over the steps (Polyak & Juditsky 1992), judged and kept in place of the last."""

# torch's own optimisers stand on its _foreach_ functions
# pyright: reportPrivateImportUsage=false

import copy

import torch
from torch import Tensor

from neocog.nn import Model


class Average:
    """A copy of the network that follows it: average ← d · average + (1 − d) · weights, after each step.

    Where the number of the step is told, d = min(decay, (1 + step) / (10 + step)), as TensorFlow's `num_updates` has it: else a
    decay of 0.9999 would hold a short training at its start.
    """

    def __init__(self, model: Model, decay: float):
        self.model, self.decay = copy.deepcopy(model).eval().requires_grad_(False), decay
        self._of: Model | None = None

    def _pair(self, model: Model) -> None:
        """The tensors of both, once: they are the same objects at every step, and looking them up takes longer than adding."""
        mine, theirs = self.model.state_dict(keep_vars=True), model.state_dict(keep_vars=True)
        self._of = model
        self._means: list[Tensor] = [v.detach() for v in mine.values() if v.is_floating_point()]
        self._values: list[Tensor] = [theirs[k].detach() for k, v in mine.items() if v.is_floating_point()]
        self._counts = [(v, theirs[k]) for k, v in mine.items() if not v.is_floating_point()]

    @torch.no_grad()
    def update(self, model: Model, step: int | None = None) -> None:
        """Take one step's weights in; running statistics too. Counters are copied."""
        if self._of is not model:
            self._pair(model)
        decay = self.decay if step is None else min(self.decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._means, self._values, 1 - decay)
        for mine, theirs in self._counts:
            mine.copy_(theirs)
