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
    epoch: the number of times that the pictures were seen before. pictures: which of the data set these are, and `seed` the
    run's: for what must be the same for a picture in every epoch.
    """

    rng: np.random.Generator
    total: int
    at: np.ndarray
    epoch: int = 0
    pictures: np.ndarray | None = None
    seed: int = 0

    @staticmethod
    def of(rng: np.random.Generator, n: int) -> "Draws":
        """For a batch that is all here."""
        return Draws(rng, n, np.arange(n), pictures=np.arange(n))

    def random(self, *shape: int) -> np.ndarray:
        """float64 n×shape in [0, 1)."""
        return self.rng.random((self.total, *shape))[self.at]

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        """float64 n×shape in [low, high)."""
        return low + (high - low) * self.random(*shape)

    def normal(self, *shape: int) -> np.ndarray:
        """float64 n×shape, standard normal."""
        return self.rng.standard_normal((self.total, *shape))[self.at]

    def integers(self, low: int, high: int, *shape: int) -> np.ndarray:
        """int64 n×shape, low ≤ number < high."""
        return self.rng.integers(low, high, (self.total, *shape))[self.at]

    def coins(self) -> np.ndarray:
        """bool n: heads or tails, for a picture the same in every epoch of a run."""
        if self.pictures is None:
            raise ValueError("Draws.pictures is needed: which pictures of the data set these are")
        return (_scramble(self.pictures.astype(np.uint64) ^ _scramble(np.uint64(self.seed))) >> np.uint64(63)).astype(bool)


def _scramble(numbers: "np.ndarray | np.uint64") -> np.ndarray:
    """SplitMix64 (Steele et al. 2014): neighbours become independent numbers, on every machine the same."""
    with np.errstate(over="ignore"):
        z = np.asarray(numbers, np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))
