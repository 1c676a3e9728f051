"""HOG's picture: strokes lie along edges, and what speaks for a class and against it adds up to the class's score."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from neocog.arch import HOG
from neocog.errors import UserError
from neocog.explain import Strokes, draw_strokes, spoken, strokes
from neocog.explain.answers.hog import GROUND, stroke_picture
from neocog.nn import create_model
from neocog.pictures.preprocessing import Preprocessing
from tests.conftest import rng


def edge(standing: bool) -> np.ndarray:
    """A bright half: the edge between runs through the middle, through cells of 8 pixels."""
    picture = np.zeros((48, 48, 1), np.uint8)
    picture[:, 20:] = 200
    return picture if standing else picture.transpose(1, 0, 2)


def test_a_standing_edge_is_a_standing_stroke():
    for standing in (True, False):
        found = strokes(edge(standing), HOG(cell=8))
        assert found.cells.shape == (6, 6, 9) and found.length == 900 and found.cell == 8
        drawn = stroke_picture(found, float(found.cells.max())).astype(int)
        side = drawn.shape[0] // 6
        cell = drawn[2 * side : 3 * side, 2 * side : 3 * side]
        lit = np.abs(cell - np.array(GROUND)).sum(2)
        middle = slice(side // 2 - 3, side // 2 + 4)
        along, across = (lit[:, middle], lit[middle]) if standing else (lit[middle], lit[:, middle])
        assert along.sum() > 2 * across.sum() > 0
        assert not np.abs(drawn[:side, 5 * side :] - np.array(GROUND)).any() or not standing, "a flat cell stays dark"


def test_for_and_against_add_up_to_the_score():
    """With blocks of one cell nothing is averaged: their difference is the score but for the bias."""
    model = create_model("hog-svm", num_classes=3, in_chans=1, img_size=28, generator=rng()).eval()
    model.preprocessing, model.classes = Preprocessing(28, 28, "L", resize="none"), ("a", "b", "c")
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28, 1), dtype=np.uint8)
    said = spoken(model, pixels, 1)
    assert said is not None and said.name == "b" and (said.pro.cells >= 0).all() and (said.contra.cells >= 0).all()
    with torch.no_grad():
        score = float(model(torch.from_numpy(model.preprocessing.normalise(pixels[None])))[0, 1] - model.svm.bias[1])
    times_counted = np.outer(*2 * (np.array([1, 2, 2, 2, 2, 2, 1]),))[..., None]  # blocks that hold each of 7×7 cells
    assert float(((said.pro.cells - said.contra.cells) * times_counted).sum()) == pytest.approx(score, abs=1e-4)
    other = create_model("lenet5.modern").eval()
    assert spoken(other, pixels, 0) is None


def test_too_small_a_picture_is_told():
    with pytest.raises(UserError, match="holds no block"):
        strokes(np.zeros((7, 20, 3), np.uint8))


def test_the_command_draws_and_tells_the_length(neocog, idx, digit, tmp_path):
    neocog("train", idx, "--net", "hog-svm", "--out", tmp_path / "run").check(0)
    out = tmp_path / "hog.png"
    told = json.loads(neocog("explain", tmp_path / "run", digit, "--method", "hog", "--out", out, "--json").check(0).out)
    assert told["length"] == 36 * (told["cells"][0] - 1) * (told["cells"][1] - 1) and told["orientations"] == 9
    assert Image.open(out).width > 600
    neocog("explain", tmp_path / "run", "--method", "hog", "--out", out).complaint("picture")


def test_the_sheet_has_both_panels():
    pixels = edge(True)
    found = strokes(pixels)
    assert isinstance(found, Strokes) and found.cell == 4
    page = draw_strokes("an edge", pixels, found)
    assert page.width > 2 * 300 and page.height > 300
