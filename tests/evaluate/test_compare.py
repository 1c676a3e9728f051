"""Two classifiers on the same pictures: one training each, several seeds each, and evaluations that do not belong together."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neocog.errors import BadPicture, UserError
from neocog.evaluate.compare import compare, compare_all, compare_wrong, error_rate, same_pictures
from neocog.evaluate.predictions import Predictions, Writer, log_softmax, read_predictions
from neocog.evaluate.statistics import difference, holm, mcnemar, wilson, wrong_at


def judged(seed: int, good: float = 2.0, net: str = "net", n: int = 200) -> Predictions:
    labels = np.arange(n) % 4
    scores = np.random.default_rng(seed).standard_normal((n, 4)) + good * np.eye(4)[labels]
    return Predictions(
        log_softmax(scores), labels, [f"p{i}" for i in range(n)], tuple("abcd"), "1crop", net, {"fingerprint": "x"}
    )


def test_one_training_each_is_mcnemar_and_the_paired_interval():
    a, b = judged(0, 1.0, "worse"), judged(1, 3.0, "better")
    found = compare(a, b)
    wrong = wrong_at(a), wrong_at(b)
    assert (found.difference, *found.ci95) == pytest.approx(difference(*wrong))
    assert found.p == mcnemar(*wrong).p < 0.01 and found.covers == "pictures" and found.n == 200
    assert "better is better" in found.sentence() and "no difference can be told" in compare(a, a).sentence()
    rate = error_rate(wrong[0])
    assert rate.ci95 == pytest.approx([100 * v for v in wilson(int(wrong[0].sum()), 200)]) and rate.spread is None


@given(st.integers(0, 300), st.integers(1, 4), st.integers(1, 4), st.integers(1, 40))
def test_whatever_the_answers(seed, s_a, s_b, n):
    rng = np.random.default_rng(seed)
    a, b = rng.random((s_a, n)) < rng.random(), rng.random((s_b, n)) < rng.random()
    found, back = compare_wrong(a, b), compare_wrong(b, a)
    assert found.difference == pytest.approx(100 * (a.mean() - b.mean())) == pytest.approx(-back.difference)
    assert found.ci95 == pytest.approx((-back.ci95[1], -back.ci95[0]), abs=1e-6) and found.p == pytest.approx(back.p)
    assert found.ci95[0] - 1e-6 <= found.difference <= found.ci95[1] + 1e-6 and 0 <= found.p <= 1
    order = rng.permutation(n)
    assert compare_wrong(a[::-1][:, order], b[:, order]).ci95 == pytest.approx(found.ci95, abs=1e-6)
    assert found.covers == ("pictures and seeds" if min(s_a, s_b) > 1 else "pictures")
    rate = error_rate(a)
    assert rate.ci95[0] - 1e-9 <= rate.error <= rate.ci95[1] + 1e-9 and (rate.spread is None) == (s_a == 1)


def trainings(rng: np.random.Generator, seeds: int, n: int, wobble: float) -> tuple[np.ndarray, np.ndarray]:
    """Two methods that err equally often: pictures are hard for both, and each training comes out a little different."""
    hard = rng.standard_normal(n)

    def one() -> np.ndarray:
        own = hard + 0.5 * rng.standard_normal(n)
        return own + wobble * rng.standard_normal((seeds, 1)) + 0.7 * rng.standard_normal((seeds, n)) > 2

    return one(), one()


@pytest.mark.parametrize(("seeds", "wobble"), [(2, 0.1), (3, 0.0), (3, 0.1)])
def test_with_seeds_false_alarms_stay_rare(seeds, wobble):
    """1 in 20 at 5 %; 150 trials, so at most 17 with 99.9 % certainty."""
    rng = np.random.default_rng(7)
    alarms = [compare_wrong(*trainings(rng, seeds, 400, wobble)).ci95 for _ in range(150)]
    assert sum(low > 0 or high < 0 for low, high in alarms) <= 17


def test_one_seed_is_fooled_by_how_trainings_vary():
    """Why seeds are asked for: the exact test of two single trainings sees differences where the methods have none."""
    rng = np.random.default_rng(7)
    alarms = [compare_wrong(*trainings(rng, 1, 1000, 0.2)).p < 0.05 for _ in range(100)]
    assert sum(alarms) > 20


def test_of_seeds_that_do_not_differ_the_pictures_are_left():
    """The same answers three times: as one training, with n pictures."""
    rng = np.random.default_rng(0)
    a, b = rng.random(500) < 0.3, rng.random(500) < 0.2
    found = compare_wrong(np.tile(a, (3, 1)), np.tile(b, (3, 1)))
    assert (found.difference, *found.ci95) == pytest.approx(difference(a, b), abs=0.02)


def test_all_pairs_with_holm():
    methods = {
        name: [judged(10 * i + s, good, name) for s in range(2)]
        for i, (name, good) in enumerate((("a", 1), ("b", 2), ("c", 3)))
    }
    found = compare_all(methods)
    assert [(one.a, one.b) for one in found] == [("a", "b"), ("a", "c"), ("b", "c")]
    assert [one.p_holm for one in found] == holm([one.p for one in found])
    assert {"a", "b", "difference", "ci95", "p", "p_holm", "n", "seeds", "covers", "test"} == set(found[0].to_json())


def test_pictures_that_one_could_not_read_are_left_out_for_both(tmp_path):
    a, b = judged(0), judged(1)
    rows = np.array(b.log_probabilities)
    rows[[3, 50]] = np.nan
    about = {"net": "b", "classes": list("abcd"), "protocol": "1crop", "data": {"fingerprint": "x"}}
    with Writer(tmp_path / "e", about, b.labels, b.names) as writer:
        writer.append(rows, [BadPicture("p3", "empty file"), BadPicture("p50", "empty file")])
    read = read_predictions(tmp_path / "e")
    assert compare(a, read).n == 198
    kept = np.setdiff1d(np.arange(200), [3, 50])
    assert (same_pictures((a, read)) == [wrong_at(a)[kept], wrong_at(b)[kept]]).all()


def test_what_the_document_shows_runs(tmp_path, monkeypatch, capsys):
    text = (Path(__file__).parents[2] / "docs" / "statistics.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, flags=re.S)
    monkeypatch.chdir(tmp_path)
    for seed, net in enumerate("ab"):
        one = judged(seed, net=net)
        about = {"net": net, "classes": list("abcd"), "protocol": "1crop", "data": one.data}
        with Writer(tmp_path / "judged" / net, about, one.labels, one.names) as writer:
            writer.append(one.log_probabilities)
    exec(code, {})  # our own document
    assert "points of error" in capsys.readouterr().out


def test_classes_in_another_order_are_the_same_pictures_other_pictures_are_not():
    a, b = judged(0), judged(1)
    turned = replace(b, log_probabilities=b.log_probabilities[:, ::-1], labels=3 - b.labels, classes=tuple("dcba"))
    assert compare(a, turned) == compare(a, b)
    for other in (replace(b, data={"fingerprint": "y"}), replace(b, names=b.names[::-1]), judged(1, n=100),
                  replace(b, labels=np.roll(b.labels, 1))):  # fmt: skip
        with pytest.raises(UserError, match="different pictures"):
            compare(a, other)
    with pytest.raises(UserError, match="no picture"):
        compare_wrong(np.empty(0, bool), np.empty(0, bool))
