"""Whether a classifier's probabilities can be believed: calibration, and what is gained by answering only when sure.

Probabilities are those of the evaluation, of the class that is answered; errors and calibration errors are in percent.
"""

import math
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from neocog.evaluate.predictions import Predictions
from neocog.evaluate.statistics import answers, blocks, wilson

BINS = 15  # as Guo et al. 2017, section 2
GROUPS = ("width", "mass")


def confidence(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """(float64 [n] probability of the class that is answered, bool [n] whether it is the true one) of the answered pictures."""
    sure = [np.exp(scores.max(1).astype(np.float64)) for _, scores in blocks(predictions)]
    right = answers(predictions) == predictions.labels[predictions.answered]
    return np.minimum(np.concatenate([np.empty(0), *sure]), 1.0), right


@dataclass(frozen=True)
class Bin:
    """The n pictures with low < confidence ≤ high: mean confidence, accuracy and its 95 % interval, in percent (None: no n)."""

    low: float
    high: float
    n: int
    confidence: float | None
    accuracy: float | None
    ci95: tuple[float, float]


def reliability(predictions: Predictions, bins: int = BINS, equal: str = "width") -> list[Bin]:
    """The reliability diagram: bins of equal `width`, or of equal `mass` (as nearly as ties allow)."""
    return _binned(*confidence(predictions), bins, equal)


def _binned(sure: np.ndarray, right: np.ndarray, bins: int, equal: str) -> list[Bin]:
    if equal not in GROUPS:
        raise ValueError(f"bins are of equal width or mass, not {equal!r}")
    edges = np.linspace(0, 1, bins + 1)
    if equal == "mass" and len(sure):
        edges = np.unique(np.concatenate([[0.0], np.quantile(sure, edges[1:-1]), [1.0]]))
    place = np.clip(np.searchsorted(edges, sure, "left") - 1, 0, len(edges) - 2)
    count, found = np.bincount(place, minlength=len(edges) - 1), []
    confidences = np.bincount(place, sure, len(edges) - 1)
    hits = np.bincount(place, right, len(edges) - 1)
    for i, n in enumerate(count.tolist()):
        low, high = wilson(hits[i], n)
        mean, accuracy = (100 * confidences[i] / n, 100 * hits[i] / n) if n else (None, None)
        found.append(Bin(100 * edges[i], 100 * edges[i + 1], n, mean, accuracy, (100 * low, 100 * high)))
    return found


def gap(bins: list[Bin]) -> float:
    """Expected calibration error in percent points: mean over pictures of |accuracy − confidence| of their bin."""
    n = sum(one.n for one in bins)
    return sum(one.n * abs(one.accuracy - one.confidence) for one in bins if one.n) / n if n else 0.0  # type: ignore[operator]


def ece(predictions: Predictions, bins: int = BINS, equal: str = "width") -> float:
    """Expected calibration error in percent points (Naeini et al. 2015; equal mass: Nguyen & O'Connor 2015).

    It is never below 0 and grows with fewer pictures: compare only figures of one n and one binning.
    """
    return gap(reliability(predictions, bins, equal))


def losses(predictions: Predictions) -> tuple[np.ndarray, np.ndarray]:
    """Of each answered picture: its negative log-likelihood in nats, and its Brier score Σ(p − y)² over all classes, 0 to 2."""
    likelihood, brier = [np.empty(0)], [np.empty(0)]
    for at, scores in blocks(predictions):
        rows, chances = np.arange(len(at)), np.exp(scores.astype(np.float64))
        own = chances[rows, predictions.labels[at]]
        likelihood.append(-scores[rows, predictions.labels[at]].astype(np.float64))
        brier.append((chances**2).sum(1) - 2 * own + 1)
    return np.concatenate(likelihood), np.concatenate(brier)


@dataclass(frozen=True, eq=False)
class Selective:
    """Answering only the surest: coverage (share answered, 1/n … 1), the error in percent among them, the confidence it takes.

    area: mean error over all coverages (Geifman & El-Yaniv 2017); best: that of an order that has all errors last.
    """

    coverage: np.ndarray
    risk: np.ndarray
    threshold: np.ndarray
    area: float
    best: float

    def error_at(self, share: float) -> float:
        """Error in percent when the surest `share` of the pictures is answered."""
        return float(self.risk[max(0, min(len(self.risk), round(share * len(self.risk))) - 1)])

    def coverage_at(self, error: float) -> float:
        """The largest share that can be answered with at most this error in percent."""
        fits = np.flatnonzero(self.risk <= error)
        return float(self.coverage[fits[-1]]) if len(fits) else 0.0


def selective(predictions: Predictions) -> Selective:
    """The risk-coverage curve by falling confidence. Of pictures with one confidence the errors are spread evenly."""
    return _selective(*confidence(predictions))


def _selective(sure: np.ndarray, right: np.ndarray) -> Selective:
    n, order = len(sure), np.argsort(-sure, kind="stable")
    if not n:
        return Selective(np.empty(0), np.empty(0), np.empty(0), 0.0, 0.0)
    place, ranked = np.arange(1, n + 1), sure[order]
    ends = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))  # the last of each confidence
    wrong = np.cumsum(~right[order])
    spread = np.interp(place, np.concatenate([[0], ends + 1]), np.concatenate([[0], wrong[ends]]))
    risk = 100 * spread / place
    at_best = 100 * np.maximum(0, place - int(right.sum())) / place
    return Selective(place / n, risk, ranked, float(risk.mean()), float(at_best.mean()))


@dataclass(frozen=True)
class Calibration:
    """All of it in one record. Percent, but brier (0 to 2) and nll (nats)."""

    n: int
    accuracy: float
    confidence: float
    ece: float
    ece_mass: float
    brier: float
    nll: float
    bins: tuple[Bin, ...]
    area: float
    best_area: float
    error_at: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A plain object; nll is null where a true class was given no chance at all, for JSON knows no infinity."""
        return asdict(self) | {"nll": self.nll if math.isfinite(self.nll) else None}

    def sentence(self) -> str:
        """In words, for `evaluate`."""
        told = "over" if self.confidence > self.accuracy else "under"
        kept = ", ".join(f"{100 - error:.2f} % right of the surest {share} %" for share, error in self.error_at.items())
        return (
            f"calibration: {self.confidence:.2f} % sure on average and {self.accuracy:.2f} % right ({told}confident); "
            f"expected calibration error {self.ece:.2f} points ({len(self.bins)} bins, n {self.n:,}), "
            f"Brier {self.brier:.4f}, negative log-likelihood {self.nll:.4f} · {kept}"
        )


def calibrate(predictions: Predictions, bins: int = BINS) -> Calibration:
    """Every figure of this module, for tables and reports. Nothing is changed about the classifier."""
    sure, right = confidence(predictions)
    likelihood, brier = losses(predictions)
    if not len(sure):
        return Calibration(0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, (), 0.0, 0.0)
    wide, curve = _binned(sure, right, bins, "width"), _selective(sure, right)
    return Calibration(
        len(sure),
        100 * float(right.mean()),
        100 * float(sure.mean()),
        gap(wide),
        gap(_binned(sure, right, bins, "mass")),
        float(brier.mean()),
        float(likelihood.mean()),
        tuple(wide),
        curve.area,
        curve.best,
        {str(share): curve.error_at(share / 100) for share in (50, 80, 90)},
    )
