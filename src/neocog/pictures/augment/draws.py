"""Random numbers of a batch, the same for its pictures however the batch is shared out among processes."""

from dataclasses import dataclass

import numpy as np


def generator(*key: int) -> np.random.Generator:
    """Random numbers that are a function of `key`."""
    return np.random.default_rng(np.random.SeedSequence(key))


@dataclass(frozen=True)
class Draws:
    """One number (or vector) for each picture of a batch of `total`, of which this process has those at `at`.

    Every process draws for the whole batch and keeps its own: the pictures of a step do not depend on how many share it.
    """

    rng: np.random.Generator
    total: int
    at: np.ndarray

    @staticmethod
    def of(rng: np.random.Generator, n: int) -> "Draws":
        """For a batch that is all here."""
        return Draws(rng, n, np.arange(n))

    def random(self, *shape: int) -> np.ndarray:
        """float64 n×shape in [0, 1)."""
        return self.rng.random((self.total, *shape))[self.at]

    def normal(self, *shape: int) -> np.ndarray:
        """float64 n×shape, standard normal."""
        return self.rng.standard_normal((self.total, *shape))[self.at]

    def integers(self, low: int, high: int, *shape: int) -> np.ndarray:
        """int64 n×shape, low ≤ number < high."""
        return self.rng.integers(low, high, (self.total, *shape))[self.at]
