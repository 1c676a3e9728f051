"""Calibration and selective answers against scikit-learn, by brute force, and for forecasts whose truth is known."""

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neocog.evaluate.calibration import calibrate, confidence, ece, losses, reliability, selective
from neocog.evaluate.predictions import Predictions, log_softmax
from neocog.evaluate.statistics import bootstrap

from .test_statistics import made, shuffled


def forecasts(chances: np.ndarray, labels: np.ndarray) -> Predictions:
    names = [str(i) for i in range(len(labels))]
    with np.errstate(divide="ignore"):
        logs = np.log(chances).astype(np.float32)
    return Predictions(logs, labels, names, tuple("abcdefgh"[: chances.shape[1]]), "p", "n")


def by_hand(one: Predictions, bins: int) -> float:
    """ECE as Guo et al. 2017 write it, equation 3."""
    total, n = 0.0, len(one.answered)
    chances = np.exp(one.log_probabilities[one.answered].astype(np.float64))
    right = chances.argmax(1) == one.labels[one.answered]
    for m in range(1, bins + 1):
        inside = [i for i in range(n) if (m - 1) / bins < chances[i].max() <= m / bins]
        if inside:
            total += len(inside) / n * abs(np.mean(right[inside]) - np.mean(chances[inside].max(1)))
    return 100 * total


@pytest.mark.parametrize("bins", [1, 10, 15])
def test_the_calibration_error_is_that_of_the_paper(bins):
    one = made(300, missing=11)
    assert ece(one, bins) == pytest.approx(by_hand(one, bins), abs=1e-9)
    assert sum(row.n for row in reliability(one, bins)) == 289


def test_forecasts_that_are_right_as_often_as_they_say_are_calibrated():
    """Of 100 pictures with 0.8, 80 are right; of 100 with 0.6, 60 are."""
    chances = np.repeat([[0.8, 0.2], [0.6, 0.4]], 100, axis=0)
    labels = np.concatenate([np.repeat([0, 1], (80, 20)), np.repeat([0, 1], (60, 40))])
    one = forecasts(chances, labels)
    assert ece(one) == pytest.approx(0, abs=1e-5) == pytest.approx(ece(one, equal="mass"), abs=1e-5)
    told = [(row.n, row.accuracy) for row in reliability(one, 5) if row.n]
    assert told == [(100, pytest.approx(60)), (100, pytest.approx(80))] or told == [(200, pytest.approx(70))]
    sure = forecasts(np.tile([[1.0, 0.0]], (50, 1)), np.repeat([0, 1], (30, 20)))
    assert ece(sure) == pytest.approx(40) and losses(sure)[0].max() == math.inf


def test_losses_and_bins_against_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed (extra: peers)")
    from sklearn.calibration import calibration_curve

    one = made(500, 4, missing=9)
    chances, truth = np.exp(one.log_probabilities[one.answered].astype(np.float64)), one.labels[one.answered]
    likelihood, brier = losses(one)
    assert likelihood.mean() == pytest.approx(metrics.log_loss(truth, chances / chances.sum(1, keepdims=True)), rel=1e-6)
    assert brier.mean() == pytest.approx(((chances - np.eye(4)[truth]) ** 2).sum(1).mean(), rel=1e-6)
    two = made(500, 2)
    chances = np.exp(two.log_probabilities.astype(np.float64))
    _, brier = losses(two)
    assert brier.mean() == pytest.approx(2 * metrics.brier_score_loss(two.labels, chances[:, 1]), rel=1e-6)
    sure, right = confidence(one)
    for equal, name in (("width", "uniform"), ("mass", "quantile")):
        shares, means = calibration_curve(right, sure, n_bins=8, strategy=name)
        ours = [row for row in reliability(one, 8, equal) if row.n]
        assert [row.accuracy for row in ours] == pytest.approx((100 * shares).tolist())
        assert [row.confidence for row in ours] == pytest.approx((100 * means).tolist())


def test_risk_against_coverage_by_brute_force():
    """With ties: the mean over every order that the confidences allow."""
    chances = np.array([[0.9, 0.1], [0.7, 0.3], [0.7, 0.3], [0.6, 0.4], [0.6, 0.4]])
    one = forecasts(chances, np.array([0, 1, 0, 1, 1]))
    wrong = np.array([0, 1, 0, 1, 1])
    allowed = [
        o for o in itertools.permutations(range(5)) if all(chances[a, 0] >= chances[b, 0] for a, b in itertools.pairwise(o))
    ]
    curves = [np.cumsum(wrong[list(order)]) / np.arange(1, 6) for order in allowed]
    found = selective(one)
    assert found.risk == pytest.approx(100 * np.mean(curves, axis=0))
    assert found.coverage.tolist() == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert found.area == pytest.approx(100 * np.mean(curves)) and found.best == pytest.approx(100 * (1 / 3 + 2 / 4 + 3 / 5) / 5)
    assert (found.error_at(0.2), found.error_at(1.0), found.coverage_at(0)) == (0, pytest.approx(60), pytest.approx(0.2))


@given(st.integers(0, 500), st.integers(1, 80))
def test_figures_do_not_depend_on_the_order_of_the_pictures(seed, n):
    one = made(n, 5, seed, missing=seed % 3)
    if not len(one.answered):
        return
    other = shuffled(one, np.random.default_rng(seed).permutation(n))
    a, b = calibrate(one).to_json(), calibrate(other).to_json()
    assert json.loads(json.dumps(a, default=float)).keys() == b.keys()
    for key in ("n", "accuracy", "confidence", "ece", "ece_mass", "brier", "nll", "area", "best_area"):
        assert a[key] == pytest.approx(b[key], abs=1e-9), key
    assert 0 <= a["best_area"] <= a["area"] + 1e-9 and 0 <= a["ece"] <= 100 and 0 <= a["brier"] <= 2
    assert a["ece"] >= abs(a["accuracy"] - a["confidence"]) - 1e-9
    assert "calibration" in calibrate(one).sentence()


def test_the_calibration_error_is_a_function_of_means():
    """So that `bootstrap` gives its interval: three columns for each bin would do, here with one bin."""
    one = made(400, 6)
    sure, right = confidence(one)
    low, high = bootstrap(
        np.stack([sure, right], 1), lambda means: 100 * abs(means[..., 0] - means[..., 1]), method="percentile"
    )
    assert low <= ece(one, 1) <= high


def test_nothing_answered():
    none = Predictions(np.full((3, 2), np.nan, np.float32), np.zeros(3, np.int64), list("abc"), ("a", "b"), "p", "n")
    assert calibrate(none).n == 0 and len(selective(none).risk) == 0 and ece(none) == 0
    assert log_softmax(np.zeros((1, 2))).shape == (1, 2)
