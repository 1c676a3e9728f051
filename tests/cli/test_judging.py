"""evaluate's tables and curves, and predict's figure, through the command."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neocog.arch.drawing.measure import width
from neocog.cli.evaluate_tables import confusion_lines
from neocog.cli.predict_figure import WHOLE, figure, true_class
from neocog.evaluate.changes import KINDS
from neocog.evaluate.predictions import Predictions
from neocog.evaluate.robust_chart import LEFT, RIGHT, WIDE
from neocog.figure.sketch import SMALL

from .command import Server

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures each of three classes, in folders of their names."""
    from neocog.pictures.embedded import digits

    images, labels = digits()
    root = tmp_path_factory.mktemp("digits")
    for name in (1, 4, 7):
        (root / str(name)).mkdir()
        for k in np.flatnonzero(labels == name)[:2]:
            Image.fromarray(images[k]).save(root / str(name) / f"{k}.png")
    return root


def test_evaluate_tells_confusion_calibration_and_curves(neocog: Server, finished: Path, idx: Path, tmp_path: Path):
    asked = ("evaluate", finished, idx, "--n", 40, "--robust", "shift=0:20,noise=0:30")
    said = neocog(*asked, "--confusion", "--calibration", "--chart", tmp_path / "c.svg", "--layer", "conv").check(0).out
    for words in (
        "test, 40 of 200",
        "taken for",
        "expected calibration error",
        "the surest",
        "shift: moved",
        "conv moved",
        "n 40",
    ):
        assert words in said, words
    assert len(ET.parse(tmp_path / "c.svg").findall(f".//{SVG}circle")) == 8
    found = neocog(*asked, "--calibration", "--json").check(0).json()
    assert found["n"] == 40 and [c["kind"] for c in found["robust"]] == ["shift", "noise"]
    for curve in found["robust"]:
        assert curve["points"][0]["error"] == curve["plain"]["error"] == pytest.approx(found["top1_error"])
    assert sum(row["n"] for row in found["calibration"]["bins"]) == 40
    assert found["calibration"]["accuracy"] == pytest.approx(100 - found["top1_error"])


def test_evaluate_tells_slips_before_it_begins(neocog: Server, finished: Path, idx: Path):
    neocog("evaluate", finished, idx, "--robust", "shfit").complaint("did you mean shift")
    neocog("evaluate", finished, idx, "--robust", "noise=9999").complaint("numbers from 0")
    neocog("evaluate", finished, idx, "--chart", "a.svg").complaint("belongs to --robust")
    neocog("evaluate", finished, idx, "--robust", "noise", "--chart", "a.pdf").complaint(
        "--chart a.pdf", "ends in .png or .svg"
    )
    neocog("evaluate", finished, idx, "--robust", "noise", "--layer", "cnv").complaint("did you mean conv")
    neocog("evaluate", finished, idx, "--n", 0).complaint("at least one")


def test_predict_draws_five_bars_a_picture_and_its_json_stays(neocog: Server, finished: Path, digits: Path, tmp_path: Path):
    (digits / "notes.png").write_bytes(b"no picture")
    plain = neocog("predict", finished, digits, "--json", "--top", 2).check(3)
    said = neocog("predict", finished, digits, "--json", "--top", 2, "--figure", tmp_path / "f.svg").check(3)
    assert plain.json() == said.json() and [len(a.get("top", [])) for a in said.json()].count(2) == 6
    drawn = ET.parse(tmp_path / "f.svg")
    assert len(drawn.findall(f".//{SVG}image")) == 6
    words = [text.text for text in drawn.findall(f".//{SVG}text")]
    assert sum(word.endswith(" %") for word in words if word) == 30 and "the true class" in words
    told = neocog("predict", finished, digits / "1", "--figure", tmp_path / "f.png").check(0)
    assert "2 pictures" in told.out and min(Image.open(tmp_path / "f.png").size) > 400
    neocog("predict", finished, digits, "--figure", tmp_path / "f.pdf").complaint("ends in .png or .svg")
    neocog("predict", finished, digits, "--out", tmp_path / "f.png").complaint("--figure F.png")


def test_the_bar_of_the_true_class_is_the_coloured_one(digits: Path):
    """The class is the folder's name, only where there is such a class."""
    file = str(next((digits / "4").glob("*.png")))
    assert (true_class(file, ["4", "9"]), true_class(file, ["a"])) == ("4", "")
    shares = (0.5, 0.2, 0.1, 0.1, 0.05, 0.05)
    for order, bars, words in (("941078", 1, False), ("910784", 0, True), ("4", 1, False)):
        top = [{"label": name, "probability": share} for name, share in zip(order, shares, strict=False)]
        marks = figure("net", tuple("0123456789"), [{"file": file, "top": top}]).marks
        areas = [mark for mark in marks if mark[0] == "area"]
        assert sum(mark[2] == "k1" for mark in areas) == bars + 1, "and one in the legend"
        assert any("true class is number 6" in mark[3] for mark in marks if mark[0] == "text") == words
    unknown = figure("net", ("a", "b"), [{"file": file, "top": [{"label": "a", "probability": 0.9}]}])
    assert not any(mark[2] == "k1" for mark in unknown.marks if mark[0] == "area")
    widest = max(mark[1][1][0] - mark[1][0][0] for mark in unknown.marks if mark[0] == "area")
    assert widest == pytest.approx(0.9 * WHOLE)


def test_figures_stand_beside_the_bars_and_cards_are_no_taller_than_needed(digits: Path):
    file = str(next((digits / "4").glob("*.png")))
    sure = figure("net", ("a", "b"), [{"file": file, "top": [{"label": "a", "probability": 1.0}]}])
    bar = next(mark[1] for mark in sure.marks if mark[0] == "area")
    told = next(mark for mark in sure.marks if mark[0] == "text" and mark[3] == "100.0 %")
    assert told[5] == "end" and told[1] - width(told[3], told[4]) >= max(x for x, _ in bar)
    ten = figure("net", tuple("0123456789"), [{"file": file, "top": [{"label": "4", "probability": 1.0}]}])
    assert ten.high - sure.high >= 3 * 19


def test_subtitles_of_the_curves_keep_to_their_panels():
    assert all(width(kind.words, SMALL - 1.5) < WIDE - LEFT - RIGHT for kind in KINDS.values())


def test_of_many_classes_the_commonest_mistakes_are_told():
    classes = tuple(f"class{i}" for i in range(30))
    labels = np.repeat([3, 5, 8], (6, 4, 2))
    taken = np.repeat([3, 4, 9, 8], (1, 5, 4, 2))
    logs = np.log(np.full((12, 30), 0.01, np.float32))
    logs[np.arange(12), taken] = 0
    said = confusion_lines(Predictions(logs, labels, [str(i) for i in range(12)], classes, "p", "n"))
    assert [line.strip() for line in said[2:]] == ["5  class3 taken for class4", "4  class5 taken for class9"]
    few = Predictions(logs[:, :10], labels, [str(i) for i in range(12)], classes[:10], "p", "n")
    table = [line.split() for line in confusion_lines(few)[3:]]
    assert table[3][:2] == ["class3", "3"] and table[3][5:7] == ["1", "5"] and json.dumps(table)
