"""Learning rates as a function of the step alone, so that a resumed run needs no state for them; and the plateau's state."""

import math
from dataclasses import dataclass

from neocog.nets import Recipe


def learning_rate(recipe: Recipe, step: int, steps: int, factor: float = 1.0) -> float:
    """The rate of step 0 ≤ step < steps; `factor`: what the plateau has come to."""
    warmup, at = recipe.warmup, step / steps
    if recipe.schedule == "onecycle":
        done = (step + 1) / steps
        if done < warmup:
            return recipe.lr * (1 / 25 + (1 - 1 / 25) * done / warmup)
        return recipe.lr * min(1.0, (1 - at) / (1 - warmup))
    rate = recipe.lr * factor * shape(recipe, at)
    if at < warmup:
        rate *= recipe.warmup_hold or min(1.0, (step + 1) / (warmup * steps))
    return rate


def shape(recipe: Recipe, at: float) -> float:
    """The share of the rate that the schedule leaves after a fraction 0 ≤ `at` < 1 of all steps; linear, cosine, poly and
    exponential begin behind the warm-up."""
    if recipe.schedule == "step":
        passed = sum(at >= milestone for milestone in recipe.milestones)
        return recipe.gamma**passed if not recipe.factors or not passed else recipe.factors[passed - 1]
    t = max(0.0, at - recipe.warmup) / (1 - recipe.warmup)
    if recipe.schedule == "linear":
        return 1 - t
    if recipe.schedule == "poly":
        return (1 - t) ** recipe.power
    if recipe.schedule == "cosine":
        return (1 + math.cos(math.pi * t)) / 2
    if recipe.schedule == "exponential":
        return recipe.gamma**t
    return 1.0  # constant; the plateau's fall is not the step's doing


@dataclass(frozen=True, slots=True)
class Plateau:
    """What the schedule "plateau" remembers: `factor` on the rate, the best error, passes since it."""

    factor: float = 1.0
    best: float = math.inf
    waited: float = 0.0

    def after(self, recipe: Recipe, error: float, epochs: float = 1.0) -> "Plateau":
        """After a validation with this error (or loss), `epochs` passes after the one before."""
        if error < self.best:
            return Plateau(self.factor, error)
        waited = self.waited + epochs
        if waited < recipe.patience - 1e-9:
            return Plateau(self.factor, self.best, waited)
        return Plateau(self.factor * recipe.gamma, self.best)
