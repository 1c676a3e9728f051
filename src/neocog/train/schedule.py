"""Learning rates as a function of the step alone, so that a resumed run needs no state for them."""

from neocog.nets import Recipe


def learning_rate(recipe: Recipe, step: int, steps: int) -> float:
    """The rate of step 0 ≤ step < steps."""
    if recipe.schedule == "constant":
        return recipe.lr
    done = (step + 1) / steps
    warm = min(1.0, done / recipe.warmup) if recipe.warmup else 1.0
    if recipe.schedule == "onecycle":
        low = 1 / 25
        return recipe.lr * (low + (1 - low) * warm if warm < 1 else min(1.0, (1 - done + 1 / steps) / (1 - recipe.warmup)))
    passed = sum(step / steps >= milestone for milestone in recipe.milestones)
    return recipe.lr * warm * recipe.gamma**passed
