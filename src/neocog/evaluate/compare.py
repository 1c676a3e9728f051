"""Two classifiers, or two methods trained with several seeds each, on the same pictures.

One training each: the pictures are what varies. Several: also how a training happens to end. Then picture i is right or
wrong by y[s, i] = mean + picture i + seed s + the rest, both of them random, as in a study with several readers and many cases
(Hillis 2007). The variance of the difference is estimated from that, turned into the number of independent pictures that
would give the same, and put into the score interval, with Student's t for the few seeds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from neocog.errors import UserError
from neocog.evaluate.distributions import Z95, t_beyond, t_quantile
from neocog.evaluate.predictions import Predictions
from neocog.evaluate.statistics import holm, mcnemar, ranks, score_interval, wilson

PICTURES, BOTH = "pictures", "pictures and seeds"


@dataclass(frozen=True)
class Rate:
    """Error in percent with its 95 % interval; spread: standard deviation over seeds (None of one). covers: the randomness
    that the interval is about, "pictures" or "pictures and seeds"."""

    error: float
    ci95: tuple[float, float]
    spread: float | None
    n: int
    seeds: int
    covers: str


@dataclass(frozen=True)
class Comparison:
    """Error of a less error of b in percent points, its 95 % interval, and the p-value of "no difference".

    p_holm: after correction for all comparisons that were made together. test: how p was got. covers: as in `Rate`.
    """

    a: str
    b: str
    difference: float
    ci95: tuple[float, float]
    p: float
    n: int
    seeds: tuple[int, int]
    covers: str
    test: str
    p_holm: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        plain = {"a": self.a, "b": self.b, "difference": round(self.difference, 4), "ci95": [round(v, 4) for v in self.ci95]}
        plain |= {"p": self.p, "n": self.n, "seeds": list(self.seeds), "covers": self.covers, "test": self.test}
        return plain if self.p_holm is None else {**plain, "p_holm": self.p_holm}

    def sentence(self) -> str:
        """In words."""
        low, high = self.ci95
        better = self.a if self.difference < 0 else self.b
        p, which = (self.p, "p") if self.p_holm is None else (self.p_holm, "p (Holm)")
        return (
            f"{self.a} − {self.b}: {self.difference:+.2f} points of error, 95 % interval {low:+.2f} to {high:+.2f} "
            f"(n {self.n:,}; {self.covers} vary), {which} = {p:.2g}: "
            + (f"{better} is better" if p < 0.05 else "no difference can be told")
        )


def _shared(mean: float, wrong: np.ndarray) -> tuple[float, float]:
    """(variance of `mean` that comes from the seeds, the same before what the pictures explain is taken off), S×N answers."""
    seeds, n = wrong.shape
    if seeds < 2:
        return 0.0, 0.0
    rows, columns = wrong.mean(1), wrong.mean(0)
    rest = ((wrong - rows[:, None] - columns + mean) ** 2).sum() / (seeds - 1) / max(1, n - 1)
    raw = float(rows.var(ddof=1)) / seeds
    return max(0.0, raw - rest / (seeds * n)), raw


def _effective(single: float, pictures: float, parts: list[tuple[float, float, int]], n: int, most: int) -> tuple[float, float]:
    """(independent pictures worth the same, degrees of freedom). single: variance of one picture; pictures: of the mean, from
    the pictures; parts: of each method its variance from the seeds, the raw one, and its seeds."""
    total = pictures + sum(part for part, _, _ in parts)
    if single <= 0 or total <= 0:
        return float(n), math.inf
    doubt = sum(raw**2 / (seeds - 1) for part, raw, seeds in parts if seeds > 1 and part > 0)  # Satterthwaite's
    doubt += pictures**2 / max(1, n - 1)
    return min(single / total, float(n * most)), total**2 / doubt if doubt > 0 else math.inf


def error_rate(wrong: np.ndarray) -> Rate:
    """The error of one method: bool [N], or S×N of S trainings. One training: Wilson's interval."""
    table = np.atleast_2d(np.asarray(wrong, bool)).astype(np.float64)
    seeds, n = table.shape
    mean = float(table.mean()) if n else 0.0
    if seeds == 1 or n == 0:
        low, high = wilson(mean * n, n)
        return Rate(100 * mean, (100 * low, 100 * high), None, n, seeds, PICTURES)
    share, raw = _shared(mean, table)
    worth, freedom = _effective(mean * (1 - mean), float(table.mean(0).var()) / n, [(share, raw, seeds)], n, seeds)
    low, high = wilson(mean * worth, worth, t_quantile(freedom))
    return Rate(100 * mean, (100 * low, 100 * high), 100 * float(table.mean(1).std(ddof=1)), n, seeds, BOTH)


def compare_wrong(wrong_a: np.ndarray, wrong_b: np.ndarray, a: str = "a", b: str = "b") -> Comparison:
    """Two methods on the same N pictures: bool [N] or S×N each. One training each: McNemar's exact test and Tango's interval.

    Where one of them has a single seed, nothing can be said of how its trainings vary: only the pictures are covered.
    """
    one, two = (np.atleast_2d(np.asarray(w, bool)) for w in (wrong_a, wrong_b))
    n, seeds = one.shape[1], (len(one), len(two))
    if two.shape[1] != n:
        raise ValueError(f"answers to {n} and to {two.shape[1]} pictures cannot be compared")
    if n == 0:
        raise UserError(f"{a} and {b}: no picture was answered by both, so nothing can be compared")
    if seeds == (1, 1):
        low, high = score_interval(float((one & ~two).sum()), float((two & ~one).sum()), n, Z95)
        p = mcnemar(one[0], two[0]).p
        return Comparison(
            a, b, 100 * float(one.mean() - two.mean()), (100 * low, 100 * high), p, n, seeds, PICTURES, "McNemar, exact"
        )
    x, y = one.mean(0), two.mean(0)
    only_a, only_b, delta = float((x * (1 - y)).mean()), float((y * (1 - x)).mean()), float(x.mean() - y.mean())
    both = min(seeds) > 1
    parts = [(*_shared(float(w.mean()), w.astype(np.float64)), len(w)) for w in (one, two)] if both else []
    worth, freedom = _effective(only_a + only_b - delta**2, float((x - y).var()) / n, parts, n, max(seeds))
    low, high = score_interval(only_a * worth, only_b * worth, worth, t_quantile(freedom))
    score = worth**0.5 * abs(delta) / (only_a + only_b) ** 0.5 if delta else 0.0
    return Comparison(
        a,
        b,
        100 * delta,
        (100 * low, 100 * high),
        t_beyond(score, freedom),
        n,
        seeds,
        BOTH if both else PICTURES,
        "score test, t",
    )


def same_pictures(evaluations: Sequence[Predictions], k: int = 1) -> np.ndarray:
    """bool S×N: whether each evaluation is wrong (in its k likeliest) on the pictures that all of them answered.

    Raises UserError if they are of different pictures.
    """
    first = evaluations[0]
    names, truth = list(first.names), [first.classes[label] for label in first.labels]
    answered = np.ones(len(first), bool)
    for one in evaluations:
        prints = {e.data["fingerprint"] for e in (first, one) if e.data.get("fingerprint")}
        if len(prints) > 1 or list(one.names) != names or [one.classes[label] for label in one.labels] != truth:
            raise UserError(
                f"{first.net} and {one.net} were judged on different pictures ({len(first):,} and {len(one):,}): "
                "evaluate both on the same split of the same data"
            )
        answered &= ~np.isnan(one.log_probabilities[:, 0])
    rows = []
    for one in evaluations:
        place = np.zeros(len(one), np.int64)
        place[one.answered] = ranks(one)
        rows.append(place[answered] > k)
    return np.array(rows)


def compare(a: Predictions, b: Predictions, k: int = 1) -> Comparison:
    """Two classifiers on the same pictures."""
    wrong = same_pictures((a, b), k)
    return compare_wrong(wrong[0], wrong[1], a.net, b.net)


def compare_all(methods: Mapping[str, Sequence[Predictions]], k: int = 1) -> list[Comparison]:
    """Every pair of methods, each with an evaluation for each of its seeds, with p-values for so many comparisons (Holm)."""
    wrong = same_pictures([one for seeds in methods.values() for one in seeds], k)
    ends = np.cumsum([len(seeds) for seeds in methods.values()])
    rows = dict(zip(methods, np.split(wrong, ends[:-1]), strict=True))
    return with_holm([compare_wrong(rows[a], rows[b], a, b) for a, b in combinations(methods, 2)])


def with_holm(found: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons with `p_holm`, all of them taken as one family."""
    return [replace(one, p_holm=p) for one, p in zip(found, holm([one.p for one in found]), strict=True)]
