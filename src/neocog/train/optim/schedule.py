"""Learning rates of steps (`neocog.nets.schedule`), and what the schedule "plateau" remembers."""

from dataclasses import dataclass

from neocog.nets import Recipe
from neocog.nets.schedule import learning_rate as learning_rate


@dataclass(frozen=True, slots=True)
class Plateau:
    """The state of the schedule "plateau": `factor` on the rate, the best error, passes since it."""

    factor: float = 1.0
    best: float | None = None
    waited: float = 0.0

    def after(self, recipe: Recipe, error: float, epochs: float = 1.0) -> "Plateau":
        """After a validation with this error (or loss), `epochs` passes after the one before."""
        if self.best is None or error < self.best:
            return Plateau(self.factor, error)
        waited = self.waited + epochs
        if waited < recipe.patience - 1e-9:
            return Plateau(self.factor, self.best, waited)
        return Plateau(self.factor * recipe.gamma, self.best)
