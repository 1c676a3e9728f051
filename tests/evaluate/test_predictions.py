"""Evaluation folders: what a float32 must keep, what a kill may leave, names of any bytes, damage in one line."""

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neocog.errors import BadPicture, UserError
from neocog.evaluate.predictions import ABOUT, FAILED, PICTURES, Writer, log_mean, log_softmax, narrow, read_predictions
from neocog.runs.ranking import ranks

ODD = os.fsdecode(b"caf\xe9")  # a folder's name that is no UTF-8


def about(**more: Any) -> dict[str, Any]:
    return {"net": "n", "classes": ["a", ODD, "猫"], "protocol": "p", "data": {"spec": "x", "fingerprint": "f"}} | more


def begin(folder: Path, rows: int = 0, **more: Any) -> Writer:
    """An evaluation of four pictures, so many of them done."""
    writer = Writer(folder, about(**more), np.array([0, 1, 2, 1]), [f"{ODD}/{i}.png" for i in range(4)])
    with writer:
        writer.append(np.zeros((rows, 3), np.float32))
    return writer


@pytest.mark.parametrize("spread", [1e-9, 1e-5, 1e-3, 1.0, 50.0])
@pytest.mark.parametrize("middle", [0.0, 7.0])
def test_no_two_scores_become_equal(spread: float, middle: float):
    """1,000 classes: the true one's place is that of the raw scores, in ties (half of the rows have them) and out of them."""
    draws = np.random.default_rng(0)
    scores = (middle + spread * draws.standard_normal((64, 1000))).astype(np.float32)
    scores[::2] = np.round(scores[::2] / spread, 1) * spread
    labels = draws.integers(0, 1000, 64)
    logs = log_softmax(scores)
    assert logs.dtype == np.float32 and (ranks(logs, labels) == ranks(scores, labels)).all()
    wide = scores.astype(float) - scores.max(1, keepdims=True)
    wide -= np.log(np.exp(wide).sum(1, keepdims=True))
    assert np.abs(logs - wide).max() < 1e-3 and (logs.max(1) == wide.astype(np.float32).max(1)).all()
    np.testing.assert_allclose(np.exp(logs.astype(float)).sum(1), 1, atol=5e-4)
    both = np.logaddexp(wide, wide[::-1]) - np.log(2)
    assert (ranks(narrow(both), labels) == ranks(both, labels)).all()


def test_what_is_impossible_and_what_is_broken():
    none = -np.inf
    rows = log_softmax(np.array([[0, none, 0], [none, none, none], [0, np.nan, 0], [0, np.inf, 0]], np.float32))
    assert rows[0].tolist() == pytest.approx([-np.log(2), none, -np.log(2)])
    assert np.isnan(rows[1:]).any(1).all()
    assert log_mean([rows[:1], rows[:1]])[0].tolist() == pytest.approx(rows[0].tolist())


def test_a_torn_line_costs_no_other(tmp_path: Path):
    begin(tmp_path / "e", 1)
    (tmp_path / "e" / FAILED).write_text('{"file": "one", "error": "bad"}\n{"file": "tw')
    with Writer(tmp_path / "e", about(), np.array([0, 1, 2, 1]), [f"{ODD}/{i}.png" for i in range(4)]) as writer:
        writer.append(np.full((3, 3), np.nan, np.float32), [BadPicture("two", "worse"), BadPicture(f"{ODD}/3.png", "gone")])
    assert [f.where for f in read_predictions(tmp_path / "e").failed] == ["one", "two", f"{ODD}/3.png"]


def test_names_of_any_bytes_come_back(tmp_path: Path):
    begin(tmp_path / "e", 4)
    found = read_predictions(tmp_path / "e")
    assert found.classes == ("a", ODD, "猫") and found.names[3] == f"{ODD}/3.png" and found.answered is found.answered
    begin(tmp_path / "e", 0)  # the same evaluation, and not another one
    begin(tmp_path / "plain", 4, classes=["a", "b", "猫"])
    assert "猫" in (tmp_path / "plain" / ABOUT).read_text(encoding="utf-8"), "people read it too"


@pytest.mark.parametrize(
    ("file", "words", "said"),
    [
        (PICTURES, "0\ta\n1\tb\n3\tc\n0\td\n", "labels from 0 to 3 for 3 classes"),
        (PICTURES, "0\ta\n-1\tb\n2\tc\n0\td\n", "labels from -1 to 2"),
        (PICTURES, "0\ta\n", "1 lines for 4 pictures"),
        (PICTURES, "zero\ta\n", "invalid literal"),
        (ABOUT, '{"schema": 1, "n": 4, "classes": ["a"]}', "protocol"),
        (ABOUT, '{"schema": 1, "n": "many", "classes": []}', "damaged"),
        (ABOUT, "{", "damaged"),
    ],
)
def test_damage_is_told(tmp_path: Path, file: str, words: str, said: str):
    begin(tmp_path / "e", 4)
    (tmp_path / "e" / file).write_text(words)
    with pytest.raises(UserError, match=said):
        read_predictions(tmp_path / "e")


def test_what_makes_it_the_same_evaluation(tmp_path: Path):
    begin(tmp_path / "e", 2)
    begin(tmp_path / "e", 2, data={"spec": "elsewhere/x", "name": "moved", "fingerprint": "f"})
    assert len(read_predictions(tmp_path / "e")) == 4
    for other, what in ((about(data={"fingerprint": "g"}), "data"), (about(protocol="q"), "protocol")):
        with pytest.raises(UserError, match=rf"something else: choose another --out \(not the same: {what}\)"):
            begin(tmp_path / "e", 0, **other)
    # killed between its first two files
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed" / PICTURES).write_text("0\tx\n")
    begin(tmp_path / "killed", 4)
    assert json.loads((tmp_path / "killed" / ABOUT).read_text())["n"] == len(read_predictions(tmp_path / "killed")) == 4
    (tmp_path / "killed" / ABOUT).rename(tmp_path / "killed" / "mine.txt")
    with pytest.raises(UserError, match="something else already"):
        begin(tmp_path / "killed", 0)
