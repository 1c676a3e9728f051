"""Is anything being learned? A loss that stays at that of guessing is recognised early, explained, and mended on request."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from neocog.nets import Recipe
from neocog.nn import Model, Outputs
from neocog.train.batches import Batch
from neocog.train.optim.losses import make_loss

LOOK = 200  # steps until it is looked at
BLOWN = 3.0  # times guessing's loss: steps were too long
WINDOW = 50  # steps whose mean loss is looked at
NEAR = 0.985  # of guessing's loss: above it, nothing was learned
DEAD = 0.9  # share of silent units at which a layer counts as dead
FAINT = 1e-2  # deviation of the scores below which they say nothing


def guessing(labels: np.ndarray, classes: int) -> float:
    """The cross-entropy of answering with the classes' frequencies: ln(classes) where they are equal."""
    shares = np.bincount(labels, minlength=classes) / max(1, len(labels))
    return float(-sum(p * math.log(p) for p in shares if p > 0))


def when(steps: int) -> int | None:
    """The step after which to look, or None for a training too short to say anything."""
    at = min(LOOK, steps // 2)
    return at if at >= WINDOW else None


def looks_stuck(losses: Sequence[float], guess: float) -> bool:
    """Whether the last steps' mean loss is that of guessing, or worse, or no number."""
    recent = float(np.mean(losses[-WINDOW:]))
    return not recent < NEAR * guess


@dataclass(frozen=True)
class Diagnosis:
    """What a batch tells of a network that does not learn.

    spread: deviation of the scores between pictures; dead: share of the last hidden layer's units that are silent for the whole
    batch; first: the norm of the first layer's gradient relative to the last one's.
    """

    spread: float
    dead: float
    first: float
    blown: bool = False  # the loss is far above guessing's

    @property
    def words(self) -> str:
        """Why, in one clause."""
        if self.blown:
            return "the loss is far above that of guessing: the rate is too high"
        if self.dead >= DEAD:
            silent = f"{100 * self.dead:.0f} % of the last hidden units are silent for every picture"
            return f"{silent}: the rate was too high for this start"
        if self.spread < FAINT:
            same = f"the scores hardly differ from picture to picture (deviation {self.spread:.1e})"
            return f"{same}: the signal fades on its way through the layers, because the start is too small for this depth"
        if self.first < 1e-4:
            return f"the gradient fades on its way back (first layer's {self.first:.1e} of the last one's)"
        return "scores and gradients look sound: the rate is too high to settle, or too low to move"


def diagnose(model: Model, recipe: Recipe, batch: Batch) -> Diagnosis:
    """Run a batch and look; leaves the model as it was, but for gradients, which are cleared."""
    silent: list[float] = []

    def note(module: nn.Module, args: object, out: torch.Tensor) -> None:
        silent.append(float((out.detach().flatten(1) <= 0).all(0).float().mean()))

    hooks = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, (nn.ReLU, nn.ReLU6))]
    was, buffers = model.training, [b.clone() for b in model.buffers()]
    try:
        model.train()
        out = model(batch.x)
        scores = out.logits if isinstance(out, Outputs) else out
        assert isinstance(scores, torch.Tensor)
        make_loss(recipe)(scores.float(), batch.y).backward()
    finally:
        for hook in hooks:
            hook.remove()
        for buffer, kept in zip(model.buffers(), buffers, strict=True):
            buffer.copy_(kept)
        model.train(was)
    norms = [float(p.grad.norm()) for p in model.parameters() if p.grad is not None and p.dim() > 1]
    model.zero_grad(set_to_none=True)
    spread = float(scores.detach().float().std(0).mean()) if len(scores) > 1 else 0.0
    return Diagnosis(spread, silent[-1] if silent else 0.0, norms[0] / norms[-1] if norms and norms[-1] else 0.0)


def mended(recipe: Recipe, found: Diagnosis) -> tuple[Recipe, str]:
    """(the recipe to begin again with, what was changed): a start of unit variance where the signal fades, else a tenth of
    the rate."""
    faint = not found.blown and found.dead < DEAD and (found.spread < FAINT or found.first < 1e-4)
    if faint and recipe.start != "unit-variance":
        return replace(recipe, start="unit-variance"), "--start unit-variance, from which every map has deviation 1"
    return replace(recipe, lr=recipe.lr / 10), f"--lr {recipe.lr / 10:g}, a tenth"
