"""Histograms of streams of numbers whose range nobody knows beforehand, in memory that does not grow."""

import math
from dataclasses import dataclass

import numpy as np
from torch import Tensor

BINS = 256
LEAST = 2.0**-60  # the range where there is nothing but zeros, or nothing


@dataclass(frozen=True, eq=False)
class Counts:
    """`counts` of numbers in equal bins over −top … top; n of them are finite, `zeros` exactly 0, `odd` beside them not finite.

    rms: root of the mean square; low and high: the smallest and the largest. These are NaN where no number is finite.
    """

    counts: np.ndarray
    top: float
    n: int
    zeros: int
    odd: int
    mean: float
    rms: float
    low: float
    high: float

    @property
    def edges(self) -> np.ndarray:
        """Of the bins, one more than there are."""
        return np.linspace(-self.top, self.top, len(self.counts) + 1)

    @property
    def zero_share(self) -> float:
        """Of the finite numbers, how many are exactly 0."""
        return self.zeros / max(self.n, 1)

    @property
    def std(self) -> float:
        """Their standard deviation."""
        return math.sqrt(max(self.rms**2 - self.mean**2, 0.0))

    def within(self, share: float) -> float:
        """The smallest edge ±e between which at least `share` of the numbers lie: what a drawing shows."""
        half = len(self.counts) // 2
        inside = np.cumsum(self.counts[half:] + self.counts[:half][::-1])
        place = int(np.searchsorted(inside, share * self.n))
        return self.top * (min(place, half - 1) + 1) / half

    def to(self, top: float) -> "Counts":
        """The same in bins over a range that is `top`, larger by a power of two."""
        counts, mine = self.counts, self.top
        while mine < top:
            counts, mine = doubled(counts), mine * 2
        return Counts(counts, mine, self.n, self.zeros, self.odd, self.mean, self.rms, self.low, self.high)


class Counter:
    """Counts numbers as they come. The range is a power of two above the largest so far: where it must grow, bins merge in
    pairs, so that the counts are those of numpy's histogram over the final range, exactly."""

    def __init__(self, bins: int = BINS):
        self._counts = np.zeros(bins, np.int64)
        self._top, self._n, self._zeros, self._odd = 0.0, 0, 0, 0
        self._sum, self._squares, self._low, self._high = 0.0, 0.0, math.inf, -math.inf

    def add(self, values: "Tensor | np.ndarray") -> None:
        """More numbers, of any shape."""
        flat = (values.detach().float().cpu().numpy() if isinstance(values, Tensor) else np.asarray(values)).reshape(-1)
        finite = np.isfinite(flat)
        if not finite.all():
            self._odd += int((~finite).sum())
            flat = flat[finite]
        if not len(flat):
            return
        low, high = float(flat.min()), float(flat.max())
        self._low, self._high = min(self._low, low), max(self._high, high)
        self._grow(max(abs(low), abs(high)))
        self._counts += np.histogram(flat, len(self._counts), (-self._top, self._top))[0]
        self._n += len(flat)
        self._zeros += int(len(flat) - np.count_nonzero(flat))
        self._sum += float(flat.sum(dtype=np.float64))
        self._squares += float(np.square(flat, dtype=np.float64).sum())

    def _grow(self, largest: float) -> None:
        need = 2.0 ** (math.frexp(largest)[1]) if largest > 0 else LEAST  # strictly above: no number lies on the last edge
        if not self._n:
            self._top = need
        while self._top < need:
            self._counts, self._top = doubled(self._counts), self._top * 2

    @property
    def found(self) -> Counts:
        """What was counted so far."""
        if not self._n:
            return Counts(self._counts.copy(), LEAST, 0, 0, self._odd, math.nan, math.nan, math.nan, math.nan)
        return Counts(self._counts.copy(), self._top, self._n, self._zeros, self._odd, self._sum / self._n,
                      math.sqrt(self._squares / self._n), self._low, self._high)  # fmt: skip


def doubled(counts: np.ndarray) -> np.ndarray:
    """The same numbers over twice the range in as many bins: pairs merge in the middle half, the outer quarters are empty."""
    quarter = len(counts) // 4
    return np.concatenate([np.zeros(quarter, counts.dtype), counts.reshape(-1, 2).sum(1), np.zeros(quarter, counts.dtype)])
