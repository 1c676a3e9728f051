"""Counts, intervals and tests against scipy, scikit-learn and closed forms, and the properties that hold whatever the data."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from neocog.evaluate.distributions import beta_share, fair_coin, t_beyond, t_quantile
from neocog.evaluate.predictions import Predictions, log_softmax
from neocog.evaluate.statistics import (
    answers,
    bootstrap,
    confusion,
    difference,
    holm,
    mcnemar,
    per_class,
    ranks,
    score_interval,
    wrong_at,
)

Z = 1.959963984540054


def made(n: int = 400, classes: int = 7, seed: int = 0, missing: int = 0) -> Predictions:
    """Scores that are often right, some rows without an answer."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    scores = rng.standard_normal((n, classes)) + 2 * np.eye(classes)[labels] * rng.random((n, 1))
    found = log_softmax(scores)
    found[rng.permutation(n)[:missing]] = np.nan
    return Predictions(found, labels, [f"p[{i}]" for i in range(n)], tuple("abcdefghijklmnop"[:classes]), "1crop", "net")


def shuffled(one: Predictions, order: np.ndarray) -> Predictions:
    names = list(np.array(one.names)[order])
    return Predictions(one.log_probabilities[order], one.labels[order], names, one.classes, one.protocol, one.net)


counts = st.integers(0, 60)
tables = st.tuples(counts, counts, counts, counts).filter(lambda t: sum(t) > 0)  # only a wrong, only b, both, neither


def pairs(table: tuple[int, int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    a, b, both, neither = table
    return np.repeat([True, False, True, False], (a, b, both, neither)), np.repeat(
        [False, True, True, False], (a, b, both, neither)
    )


@given(st.floats(0.3, 5000), st.floats(0.3, 5000), st.floats(0, 1))
def test_the_beta_function_is_scipys(a, b, x):
    assert beta_share(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), rel=1e-7, abs=1e-12)


@settings(max_examples=40)
@given(st.integers(-1, 3000), st.integers(0, 3000), st.floats(0, 40), st.floats(1, 1e6))
def test_coins_and_students_t_are_scipys(k, n, t, freedom):
    assert fair_coin(k, n) == pytest.approx(stats.binom.cdf(k, n, 0.5), rel=1e-9, abs=1e-300)
    assert t_beyond(t, freedom) == pytest.approx(2 * stats.t.sf(t, freedom), rel=1e-7, abs=1e-14)
    assert t_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-7)


@given(tables)
def test_mcnemar_is_the_binomial_test(table):
    found = mcnemar(*pairs(table))
    only_a, only_b = table[:2]
    n = only_a + only_b
    assert (found.only_a, found.only_b) == (only_a, only_b)
    assert found.p == pytest.approx(stats.binomtest(only_a, n).pvalue if n else 1.0)
    assert found.mid_p == pytest.approx(min(1.0, found.p - stats.binom.pmf(only_a, n, 0.5)) if only_a != only_b else 1.0)
    assert mcnemar(*reversed(pairs(table)))[2:] == found[2:]


def tango(b: int, c: int, n: int) -> tuple[float, float]:
    """By its definition: the likeliest share under each difference is searched for, not taken from the closed form."""

    def statistic(delta: float) -> float:
        def surprise(q: float) -> float:  # q: share of c alone; b alone then has q + delta
            rest = 1 - 2 * q - delta
            parts = ((b, q + delta), (c, q), (n - b - c, rest))
            return -sum(k * math.log(max(share, 1e-300)) for k, share in parts if k)

        low, high = max(0.0, -delta), (1 - delta) / 2
        q = optimize.minimize_scalar(surprise, bounds=(low, high), method="bounded", options={"xatol": 1e-13}).x
        return (b - c - n * delta) / math.sqrt(n * (2 * q + delta - delta * delta))

    here = (b - c) / n
    ends = [(lambda d: statistic(d) - Z, -1 + 1e-9, here), (lambda d: statistic(d) + Z, here, 1 - 1e-9)]
    low, high = (optimize.root_scalar(away, bracket=(start, stop), xtol=1e-10).root for away, start, stop in ends)
    return low, high


@pytest.mark.parametrize(("b", "c", "n"), [(15, 5, 100), (2, 7, 30), (40, 38, 10_000), (1, 0, 44), (9, 3, 44)])
def test_the_paired_interval_is_what_the_score_test_does_not_reject(b, c, n):
    assert score_interval(b, c, n) == pytest.approx(tango(b, c, n), abs=2e-5)


@given(tables)
def test_the_paired_interval_holds_the_difference_turns_with_exchange_and_agrees_with_the_test(table):
    a, b = pairs(table)
    here, low, high = difference(a, b)
    assert here == pytest.approx(100 * (a.mean() - b.mean()))
    assert -100 <= low <= here + 1e-9 and here - 1e-9 <= high <= 100
    assert difference(b, a) == pytest.approx((-here, -high, -low))
    order = np.random.default_rng(0).permutation(len(a))
    assert difference(a[order], b[order]) == (here, low, high)
    only_a, only_b = table[:2]
    score = (only_a - only_b) / math.sqrt(only_a + only_b) if only_a + only_b else 0.0
    if abs(abs(score) - Z) > 1e-6:
        assert (low > 0 or high < 0) == (abs(score) > Z)


def test_without_discordant_pictures_the_interval_is_the_closed_form():
    """Both are right everywhere: ±z²/(n + z²)."""
    none = np.zeros(50, bool)
    end = 100 * Z**2 / (50 + Z**2)
    assert difference(none, none) == pytest.approx((0.0, -end, end), abs=1e-9)
    assert difference(none[:0], none[:0]) == (0.0, -100.0, 100.0)


@pytest.mark.parametrize(("n", "shares"), [(60, (0.1, 0.05)), (200, (0.03, 0.03)), (500, (0.08, 0.02))])
def test_the_paired_interval_covers_19_times_in_20(n, shares):
    """Exactly, not by chance: over every table that has some probability."""
    one, other, inside = *shares, 0.0
    true, chances = one - other, stats.binom.pmf(np.arange(n + 1), n, one + other)
    for together in np.flatnonzero(chances > 1e-9):
        for b, chance in enumerate(stats.binom.pmf(np.arange(together + 1), together, one / (one + other))):
            if chances[together] * chance > 1e-8:
                low, high = score_interval(b, int(together) - b, n)
                inside += chances[together] * chance * (low <= true <= high)
    assert 0.935 < inside < 0.975


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_is_scipys_step_down_and_keeps_the_order(ps):
    got = holm(ps)
    expected = np.zeros(len(ps))
    order = np.argsort(ps, kind="stable")
    expected[order] = np.maximum.accumulate([min(1, (len(ps) - i) * ps[k]) for i, k in enumerate(order)]) if ps else []
    assert got == pytest.approx(expected.tolist())
    assert all(p <= q <= min(1, p * len(ps)) + 1e-15 for p, q in zip(ps, got, strict=True))


@pytest.mark.parametrize("method", ["bca", "percentile"])
def test_the_bootstrap_agrees_with_scipys(method):
    values = np.random.default_rng(3).exponential(1.0, 80)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method=method, rng=np.random.default_rng(1)
    ).confidence_interval
    assert bootstrap(values, rounds=20_000, method=method) == pytest.approx((theirs.low, theirs.high), abs=0.012)


def test_the_bootstrap_of_functions_of_means_and_its_edges():
    rng = np.random.default_rng(0)
    both = rng.random((300, 2)) + np.array([1, 0])
    ratio = bootstrap(both, lambda means: means[..., 1] / means[..., 0], method="percentile", rounds=4000)
    theirs = stats.bootstrap((both[:, 0], both[:, 1]), lambda x, y, axis: y.mean(axis) / x.mean(axis), paired=True,
                             vectorized=True, n_resamples=4000, method="percentile", rng=np.random.default_rng(1))  # fmt: skip
    assert ratio == pytest.approx(tuple(theirs.confidence_interval), abs=0.01)
    assert bootstrap(both[:, 0], seed=1) == bootstrap(both[:, 0], seed=1) != bootstrap(both[:, 0], seed=2)
    assert bootstrap(np.ones(20)) == (1.0, 1.0) and bootstrap(np.array([0.25])) == (0.25, 0.25)
    with pytest.raises(ValueError, match="no pictures"):
        bootstrap(np.empty(0))
    with pytest.raises(ValueError, match="bca or percentile"):
        bootstrap(np.ones(3), method="basic")


def test_counts_against_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed (extra: peers)")
    one = made(missing=23)
    at = one.answered
    assert len(at) == 377
    truth, scores = one.labels[at], one.log_probabilities[at]
    assert (confusion(one) == metrics.confusion_matrix(truth, scores.argmax(1), labels=range(7))).all()
    for k in (1, 2, 5):
        theirs = metrics.top_k_accuracy_score(truth, scores, k=k, labels=range(7))
        assert 1 - wrong_at(one, k).mean() == pytest.approx(theirs)


@pytest.mark.parametrize("numbers", [1, 50, 1 << 22])
def test_counts_do_not_depend_on_how_many_rows_are_read_together(numbers, monkeypatch):
    whole = made(missing=5)
    expected = (confusion(whole).tolist(), ranks(whole).tolist(), answers(whole).tolist())
    monkeypatch.setattr("neocog.evaluate.statistics.NUMBERS", numbers)
    assert (confusion(whole).tolist(), ranks(whole).tolist(), answers(whole).tolist()) == expected


@given(st.integers(0, 1000))
def test_rows_of_classes_add_up(seed):
    one = made(60, 5, seed, missing=seed % 7)
    rows, table = per_class(one), confusion(one)
    assert sum(row.n for row in rows) == len(one.answered) == table.sum()
    assert sum(row.wrong for row in rows) == wrong_at(one).sum() == table.sum() - np.trace(table)
    for row in rows:
        if row.n:
            assert row.error is not None and row.ci95[0] - 1e-9 <= row.error <= row.ci95[1] + 1e-9
        assert [k for _, k in row.taken_for] == sorted((k for _, k in row.taken_for), reverse=True)
    order = np.random.default_rng(seed).permutation(60)
    assert (confusion(shuffled(one, order)) == table).all()


def test_ties_are_against_us_and_a_class_without_pictures_has_no_error():
    flat = Predictions(
        np.full((4, 3), -math.log(3), np.float32), np.array([0, 0, 1, 1]), list("wxyz"), ("a", "b", "c"), "p", "n"
    )
    assert wrong_at(flat).all() and wrong_at(flat, 2).all() and not wrong_at(flat, 3).any()
    assert confusion(flat).tolist() == [[0, 2, 0], [2, 0, 0], [0, 0, 0]]
    last = per_class(flat)[2]
    assert (last.n, last.error, last.taken_for) == (0, None, ()) and last.ci95 == (0, 100)
