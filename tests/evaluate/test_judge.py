"""Error rates and their intervals against numbers worked out elsewhere; ties, classes by name, and nothing to judge."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neocog.errors import BadPicture, UserError
from neocog.evaluate.judge import Judgement, judged, match_classes
from neocog.evaluate.predictions import Predictions
from neocog.evaluate.statistics import wilson
from neocog.pictures import ArrayPictures
from neocog.runs import wrong_in_top


@pytest.mark.parametrize(
    ("wrong", "n", "low", "high"),
    [
        # R: binom::binom.confint(x, n, methods="wilson"), and the closed forms at the ends: z²/(n+z²)
        (0, 10, 0.0, 27.7533),
        (10, 10, 72.2467, 100.0),
        (50, 100, 40.3832, 59.6168),
        (1, 10, 1.7876, 40.4150),
        (95, 10_000, 0.7777, 1.1599),
        (0, 0, 0.0, 100.0),
    ],
)
def test_wilson_gives_the_published_intervals(wrong, n, low, high):
    assert [100 * v for v in wilson(wrong, n)] == pytest.approx([low, high], abs=1e-3)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_ends_are_where_the_score_test_says(case):
    """The defining equation: at either end e, |p - e| = z·sqrt(e(1 - e)/n), unless it is cut off at 0 or 1."""
    wrong, n = case
    p, z = wrong / n, 1.959963984540054
    low, high = wilson(wrong, n)
    assert 0 <= low <= p + 1e-12 and p - 1e-12 <= high <= 1
    for end in (low, high):
        if 1e-12 < end < 1 - 1e-12:
            assert abs(p - end) == pytest.approx(z * math.sqrt(end * (1 - end) / n), abs=1e-9)
    other = wilson(n - wrong, n)
    assert (1 - other[1], 1 - other[0]) == pytest.approx((low, high), abs=1e-12)


scores = st.integers(2, 9).flatmap(
    lambda c: st.lists(
        st.tuples(st.lists(st.sampled_from([-2.0, -1.0, 0.0, 0.5, 3.0]), min_size=c, max_size=c), st.integers(0, c - 1)),
        min_size=1,
        max_size=12,
    )
)


@given(scores, st.integers(1, 6))
def test_wrong_in_top_is_what_sorting_says_with_ties_against_us(rows, k):
    """Sorted by falling score and, where they tie, the true class last: right if it is among the first k."""
    expected = []
    for values, label in rows:
        order = sorted(range(len(values)), key=lambda i: (-values[i], i == label))
        expected.append(label not in order[:k])
    got = wrong_in_top(np.array([v for v, _ in rows]), np.array([y for _, y in rows]), k)
    assert got.tolist() == expected


def test_constant_and_impossible_scores_are_not_right():
    labels = np.arange(10)
    assert wrong_in_top(np.zeros((10, 10)), labels, 1).all() and wrong_in_top(np.zeros((10, 10)), labels, 5).all()
    assert not wrong_in_top(np.zeros((10, 10)), labels, 10).any()
    assert wrong_in_top(np.full((10, 10), np.nan), labels, 1).all(), "no number is larger than another here: no answer"
    one_bad = np.eye(10)
    one_bad[3, 3] = np.nan
    assert wrong_in_top(one_bad, labels, 1).tolist() == [i == 3 for i in range(10)]


def said(scores: np.ndarray, labels: list[int], protocol: str, failed: tuple[BadPicture, ...] = ()) -> Predictions:
    names, classes = [f"{i}.png" for i in range(len(labels))], tuple(map(str, range(scores.shape[1])))
    return Predictions(scores.astype(np.float32), np.array(labels, np.int64), names, classes, protocol, "net", {}, failed)


def test_a_judgement_counts_and_says_how():
    out = judged(said(np.eye(3)[[0, 1, 1, 2]], [0, 1, 2, 2], "native-32", (BadPicture("a/b.png", "empty file"),)))
    assert (out.top1_error, out.top5_error, out.n, out.majority_error) == (25.0, None, 4, 50.0)
    plain = json.loads(json.dumps(out.to_json()))
    assert {"top1_error", "top5_error", "n", "protocol", "ci95"} <= set(plain)
    back = Judgement.from_json(plain)
    assert back.to_json() == out.to_json() and back.failed[0].where == "a/b.png"
    sentence = out.sentence("test")
    for words in ("75.00 % right", "n 4", "native-32", "interval", "commonest class: 50.00 %"):
        assert words in sentence
    ten = judged(said(-np.abs(np.arange(10)[None] - np.arange(10)[:, None]), list(range(10)), "p"))
    assert (ten.top1_error, ten.top5_error) == (0.0, 0.0)
    with pytest.raises(UserError, match="nothing to judge"):
        judged(said(np.empty((0, 3)), [], "p"))


def test_classes_are_matched_by_name():
    images = np.zeros((3, 2, 2), np.uint8)
    pictures = ArrayPictures(images, [0, 1, 1], ["dog", "cat"], "x")
    matched = match_classes(pictures, ("ant", "cat", "dog"))
    assert (matched.labels.tolist(), matched.classes, pictures.labels.tolist()) == ([2, 1, 1], ("ant", "cat", "dog"), [0, 1, 1])
    with pytest.raises(UserError, match="knows no class 'dog'"):
        match_classes(pictures, ("ant", "cat"))
