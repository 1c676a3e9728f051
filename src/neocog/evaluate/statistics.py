"""Counts, intervals and tests of error rates. numpy only; large evaluations are read some rows at a time.

Which interval and which test is right where: docs/statistics.md.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from neocog.evaluate.distributions import NORMAL, Z95, fair_coin
from neocog.evaluate.predictions import Predictions
from neocog.runs import ranking

NUMBERS = 1 << 22  # that are looked at together


def blocks(predictions: Predictions) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(positions [n], their log-probabilities n×classes) of the pictures that have an answer, some at a time, in order."""
    step, answered = max(1, NUMBERS // max(1, len(predictions.classes))), predictions.answered
    for start in range(0, len(answered), step):
        at = answered[start : start + step]
        yield at, predictions.log_probabilities[at]


def ranks(predictions: Predictions) -> np.ndarray:
    """int64, one for each answered picture: at which place its class stands, 1: it was the answer; ties count against it."""
    found = [ranking.ranks(scores, predictions.labels[at]) for at, scores in blocks(predictions)]
    return np.concatenate([np.empty(0, np.int64), *found])


def wrong_at(predictions: Predictions, k: int = 1) -> np.ndarray:
    """bool, one for each answered picture: whether its class is *not* among the k likeliest."""
    return ranks(predictions) > k


def answers(predictions: Predictions) -> np.ndarray:
    """int64, one for each answered picture: the likeliest class. Of several, one that is not the true one."""
    found = [np.empty(0, np.int64)]
    for at, scores in blocks(predictions):
        rows, labels = np.arange(len(at)), predictions.labels[at]
        own = scores[rows, labels]
        others = scores.copy()
        others[rows, labels] = -np.inf
        best = others.argmax(1)
        found.append(np.where(own > others[rows, best], labels, best))
    return np.concatenate(found)


def confusion(predictions: Predictions) -> np.ndarray:
    """int64 classes×classes: how many pictures of the row's class were taken for the column's. Its diagonal: those right."""
    count = len(predictions.classes)
    cells = predictions.labels[predictions.answered] * count + answers(predictions)
    return np.bincount(cells, minlength=count * count).reshape(count, count)


@dataclass(frozen=True)
class ClassRow:
    """One class: `wrong` of `n` pictures, error and its 95 % (Wilson) interval in percent; what it is taken for most often.

    error is None where there is no picture. taken_for: (another class, how many pictures), most often first.
    """

    name: str
    n: int
    wrong: int
    error: float | None
    ci95: tuple[float, float]
    taken_for: tuple[tuple[str, int], ...]


def per_class(predictions: Predictions, others: int = 3) -> list[ClassRow]:
    """A row for each class, in the classifier's order."""
    table, rows = confusion(predictions), []
    for i, name in enumerate(predictions.classes):
        n, wrong = int(table[i].sum()), int(table[i].sum() - table[i, i])
        low, high = wilson(wrong, n)
        mistakes = table[i].copy()
        mistakes[i] = 0
        often = [int(k) for k in np.argsort(-mistakes, kind="stable")[:others] if mistakes[k]]
        taken = tuple((predictions.classes[k], int(mistakes[k])) for k in often)
        rows.append(ClassRow(name, n, wrong, 100 * wrong / n if n else None, (100 * low, 100 * high), taken))
    return rows


def wilson(wrong: float, n: float, z: float = Z95) -> tuple[float, float]:
    """The 95 % interval of a share, wrong of n (Wilson 1927)."""
    if n == 0:
        return 0.0, 1.0
    p, zz = wrong / n, z * z
    centre, half = (p + zz / (2 * n)) / (1 + zz / n), z / (1 + zz / n) * math.sqrt(p * (1 - p) / n + zz / (4 * n * n))
    return max(0.0, centre - half), min(1.0, centre + half)


def bootstrap(
    values: np.ndarray,
    of: Callable[[np.ndarray], np.ndarray] | None = None,
    rounds: int = 2000,
    seed: int = 0,
    method: str = "bca",
    level: float = 0.95,
) -> tuple[float, float]:
    """The interval of a figure that is a function of means over pictures (Efron & Tibshirani 1993, chapters 13 and 14).

    values: a number for each picture, [N], or K of them, N×K. of: means …×K → figures […]; None: the mean itself. Accuracy,
    a difference, a ratio of two means, the calibration error (three numbers for each bin) are all of that kind.
    method: "bca" (corrected for bias and skewness) or "percentile". The same seed gives the same interval.
    """
    if method not in ("bca", "percentile"):
        raise ValueError(f"method is bca or percentile, not {method!r}")
    table = np.asarray(values, np.float64)
    table = table[:, None] if table.ndim == 1 else table
    n, figure = len(table), of or (lambda means: means[..., 0])
    if n == 0:
        raise ValueError("nothing to draw from: no pictures")
    rng, drawn, step = np.random.default_rng(seed), [], max(1, NUMBERS // n)
    for start in range(0, rounds, step):
        some = min(step, rounds - start)
        picked = rng.integers(0, n, (some, n)) + np.arange(some)[:, None] * n
        times = np.bincount(picked.ravel(), minlength=some * n).reshape(some, n)
        drawn.append(figure(times @ table / n))
    found, ends = np.concatenate(drawn), np.array([(1 - level) / 2, (1 + level) / 2])
    if method == "bca" and n > 1:
        mean = table.mean(0)
        here = figure(mean)
        below = ((found < here).mean() + (found <= here).mean()) / 2
        if 0 < below < 1:
            without = figure((n * mean - table) / (n - 1))  # the jackknife: each picture left out once
            away = without.mean() - without
            spread = (away**2).sum() ** 1.5
            skew = (away**3).sum() / (6 * spread) if spread > 0 else 0.0
            bias = NORMAL.inv_cdf(below)
            moved = [bias + NORMAL.inv_cdf(end) for end in ends]
            ends = np.array([NORMAL.cdf(bias + m / (1 - skew * m)) for m in moved])
    low, high = np.quantile(found, ends)
    return float(low), float(high)


def _discordant(wrong_a: np.ndarray, wrong_b: np.ndarray) -> tuple[int, int, int]:
    """(pictures that only a gets wrong, those that only b does, all)."""
    a, b = np.asarray(wrong_a, bool), np.asarray(wrong_b, bool)
    if a.shape != b.shape or a.ndim != 1:
        raise ValueError(f"two answers to the same pictures are compared, not {a.shape} and {b.shape}")
    return int((a & ~b).sum()), int((b & ~a).sum()), len(a)


def difference(wrong_a: np.ndarray, wrong_b: np.ndarray) -> tuple[float, float, float]:
    """(difference, low, high): error of a less error of b on the same pictures, in percent points, with its 95 % interval.

    Tango's score interval for paired shares (Statistics in Medicine 17, 1998, 891-908): the differences that the score
    test does not reject. It leaves out 0 exactly where McNemar's test in its large-sample form says p < 5 %.
    """
    only_a, only_b, n = _discordant(wrong_a, wrong_b)
    if n == 0:
        return 0.0, -100.0, 100.0
    low, high = score_interval(only_a, only_b, n)
    return 100 * (only_a - only_b) / n, 100 * low, 100 * high


def score_interval(only_a: float, only_b: float, n: float, z: float = Z95) -> tuple[float, float]:
    """Tango's interval, as shares: of n pictures, only_a (only_b) that one of the two alone gets wrong; not only whole ones."""
    return _edge(only_a, only_b, n, z), -_edge(only_b, only_a, n, z)


def _edge(more: float, less: float, n: float, z: float) -> float:
    """The smallest difference (more − less) / n that the score test does not reject."""

    def score(delta: float) -> float:
        """Tango's statistic for the difference delta; it falls as delta grows."""
        b, c = (2 * n - more + less) * delta - more - less, -less * delta * (1 - delta)
        share = (math.sqrt(max(0.0, b * b - 8 * n * c)) - b) / (4 * n)  # of `less`, the likeliest under delta
        variance = n * (2 * share + delta * (1 - delta))
        away = more - less - n * delta
        return math.copysign(math.inf, away) if variance <= 0 else away / math.sqrt(variance)

    low, high = -1.0, (more - less) / n
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if score(middle) > z else (low, middle)
    return (low + high) / 2


class McNemar(NamedTuple):
    """only_a, only_b: pictures that only one of the two gets wrong. p: exact, two-sided; mid_p: less cautious, nearer 5 %."""

    only_a: int
    only_b: int
    p: float
    mid_p: float


def mcnemar(wrong_a: np.ndarray, wrong_b: np.ndarray) -> McNemar:
    """Whether two classifiers err equally often, from the same pictures (McNemar 1947; exact: the binomial test of those
    that one of the two gets wrong; mid-p: Fagerland, Lydersen & Laake 2013)."""
    only_a, only_b, _ = _discordant(wrong_a, wrong_b)
    few, n = min(only_a, only_b), only_a + only_b
    tail = fair_coin(few, n)
    itself = tail - fair_coin(few - 1, n)  # P(exactly few)
    return McNemar(only_a, only_b, min(1.0, 2 * tail), min(1.0, 2 * tail - itself))


def holm(ps: Sequence[float]) -> list[float]:
    """p-values of several tests, each raised so that the chance of *any* false alarm stays below 5 % (Holm 1979)."""
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    raised, most = [0.0] * len(ps), 0.0
    for place, i in enumerate(order):
        most = max(most, min(1.0, (len(ps) - place) * ps[i]))
        raised[i] = most
    return raised
