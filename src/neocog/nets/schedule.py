"""Learning rates as a function of the step alone, so a resumed run needs no state for them. No torch: `recipe` draws them."""

import math

from neocog.nets.recipe import Recipe


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
    """The share of the rate that the schedule leaves after a fraction 0 ≤ `at` < 1 of all steps.

    "linear", "cosine", "poly", "exponential" and "inv" begin behind the warm-up.
    """
    if recipe.schedule == "step":
        passed = sum(at >= milestone for milestone in recipe.milestones)
        return recipe.factors[passed - 1] if recipe.factors and passed else recipe.gamma**passed
    t = max(0.0, at - recipe.warmup) / (1 - recipe.warmup)
    if recipe.schedule == "linear":
        return 1 - t
    if recipe.schedule == "poly":
        return (1 - t) ** recipe.power
    if recipe.schedule == "cosine":
        return (1 + math.cos(math.pi * t)) / 2
    if recipe.schedule == "exponential":
        return recipe.gamma**t
    if recipe.schedule == "inv":
        return (1 + recipe.gamma * t) ** -recipe.power
    return 1.0  # constant; the plateau's fall is not the step's doing
