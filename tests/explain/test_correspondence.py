"""Correspondence: the formula by hand, parts that correspond, and the command."""

import json

import numpy as np
import pytest
from PIL import Image

from neocog.arch.drawing.measure import width
from neocog.errors import UserError
from neocog.explain.occlusion.correspondence import _random_masks, correspondence, hamming, parts_of
from neocog.explain.occlusion.correspondence_figure import draw_correspondence
from neocog.explain.occlusion.hidden import read_boxes
from neocog.nn import create_model
from neocog.pictures.preprocessing import Preprocessing
from tests.conftest import rng


def test_hamming_by_hand():
    """Pairs (0,1), (0,2), (1,2); 0 against + differs, 0 against 0 agrees."""
    signs = np.array([[1, 0, -1, 0], [1, 1, 1, 0], [1, 0, -1, 0]])
    share, of_moved = hamming(signs)
    assert share.tolist() == [0.5, 0, 0.5]
    assert np.allclose(of_moved, [2 / 3, 0, 2 / 3])


def made(n: int = 4) -> tuple[list[Image.Image], dict[str, list[tuple[int, int, int, int]]]]:
    """Red squares on tiles of black and white, each elsewhere: hiding the square is always the same change."""
    draws, pictures, boxes = np.random.default_rng(0), [], []
    for _ in range(n):
        tiles = draws.choice(np.array([0, 220], np.uint8), (4, 4, 1))
        pixels = np.repeat(np.tile(tiles, (1, 1, 3)), 8, 0).repeat(8, 1)
        top, left = draws.integers(2, 20, 2)
        pixels[top : top + 8, left : left + 8] = 255, 0, 0
        pictures.append(Image.fromarray(pixels))
        boxes.append((int(left), int(top), int(left) + 8, int(top) + 8))
    return pictures, {"square": boxes}


def ready():
    """Features that know nothing of places, nor of neighbours: means of functions of single pixels."""
    model = create_model("INPUT 3x32x32 CONV 1x1 16 RELU GAP FC 4", generator=rng()).eval()
    model.preprocessing = Preprocessing(32, 32, "RGB", "none", mean=(0.43,), std=(0.2,))
    model.classes = tuple("abcd")
    return model


def test_a_part_that_corresponds_changes_the_features_alike():
    model, (pictures, parts) = ready(), made()
    path = next(node.path for node in model.arch.nodes if node.path.startswith(("gap", "avgpool", "pool")))
    found = correspondence(model, pictures, parts, [path], draws=12)
    assert found.parts == ("square", "random") and found.pairs == 6
    assert found.delta[0, 0] == 0 == found.spread[0, 0], "the same pixels were taken from all"
    assert found.delta[0, 1] > 0.1 and found.differ[0, 1] >= found.delta[0, 1]
    again = correspondence(model, pictures, parts, [path], draws=12)
    assert np.array_equal(found.delta, again.delta)
    asked = iter([False, True])
    with pytest.raises(KeyboardInterrupt):
        correspondence(model, pictures, parts, [path], stop=lambda: next(asked))
    with pytest.raises(UserError, match="1 pictures"):
        correspondence(model, pictures[:1], {"square": parts["square"][:1]}, [path])


def test_the_command_reads_a_table(neocog, idx, tmp_path):
    run, out = tmp_path / "run", tmp_path / "c.svg"
    neocog("train", idx, "--net", "INPUT 1x28x28 CONV 5x5 4 RELU POOL 2 FC 10", "--steps", 3, "--out", run).check(0)
    pictures, parts = made(3)
    lines = ["file,part,left,top,right,bottom"]
    for i, (picture, box) in enumerate(zip(pictures, parts["square"], strict=True)):
        picture.save(tmp_path / f"{i}.png")
        lines += [f"{i}.png,square,{','.join(map(str, box))}", f"{i}.png,object,0,0,30,30"]
    table = tmp_path / "parts.csv"
    table.write_text("\n".join(lines))
    common = ("explain", run, "--method", "correspondence", "--out", out)
    facts = json.loads(neocog(*common, "--boxes", table, "--n", 4, "--json").check(0).out)
    assert facts["pairs"] == 3 and facts["draws"] == 4
    assert [part["part"] for part in facts["layers"][0]["parts"]] == ["square", "random"]
    assert "3 pairs of 3 pictures" in out.read_text()
    neocog(*common).complaint("--boxes")
    neocog(*common, "--boxes", tmp_path / "none.csv").complaint("none.csv")
    table.write_text("\n".join(lines[:-1]))
    neocog(*common, "--boxes", table).complaint("2.png has no box of the part 'object'")
    table.write_text("\n".join([*lines, lines[-1]]))
    neocog(*common, "--boxes", table).complaint("two boxes")
    table.write_text("\n".join([*lines[:-1], "2.png,object,0,0,40,30"]))
    neocog(*common, "--boxes", table).complaint("32×32 pixels", "40,30")


def test_parts_are_read_in_order(tmp_path):
    path = tmp_path / "b.csv"
    path.write_text("file,part,left,top,right,bottom\nb.png,eye,1,1,3,3\na.png,eye,2,2,4,4\n")
    files, parts = parts_of(read_boxes(path))
    assert files == ["b.png", "a.png"] and parts == {"eye": {"b.png": (1, 1, 3, 3), "a.png": (2, 2, 4, 4)}}


def test_a_part_that_the_network_gets_nothing_of_is_told():
    """Hidden, it would change nothing, and seem to correspond perfectly."""
    model, (pictures, _) = ready(), made()
    large = [picture.resize((32 * 40, 32 * 40)) for picture in pictures]
    model.preprocessing = Preprocessing(32, 32, "RGB", "squash")
    with pytest.raises(UserError, match="the part 'eye' of picture 1 of 4, 4,4,9,9, is cropped away or less than a pixel"):
        correspondence(model, large, {"eye": [(4, 4, 9, 9)] * 4}, ["relu1"])
    with pytest.raises(UserError, match="nothing of where random parts are drawn"):
        correspondence(model, large, {"square": [(0, 0, 640, 640)] * 4, "object": [(4, 4, 9, 9)] * 4}, ["relu1"])


def test_random_parts_lie_where_the_network_looks():
    """Of a strip only the middle is looked at: no random part may lie beside it, where hiding changes nothing."""
    model, (pictures, _) = ready(), made()
    strips = [picture.resize((32 * 12, 32)) for picture in pictures]
    model.preprocessing = Preprocessing(32, 32, "RGB", "shorter", mean=(0.43,), std=(0.2,))
    middle = (32 * 12 - 32) // 2
    masks = _random_masks(model, strips, [(middle, 0, middle + 8, 8)], None, 20, 0)
    assert len(masks) == 20 and all(one.any() for many in masks for one in many)


def test_blur_hides_as_much_as_the_part_is_large():
    model, (pictures, parts) = ready(), made()
    found = correspondence(model, pictures, parts, ["relu1"], fill="blur", draws=2)
    assert "σ 4 px" in found.fill, "half of a square's side of 8"


def test_no_words_of_the_figure_leave_the_page():
    model, (pictures, parts) = ready(), made()
    found = correspondence(model, pictures, parts, ["relu1"], draws=2)
    sheet = draw_correspondence("a title that is long" * 6, found, pictures, parts)
    for _, x, y, words, size, anchor, _, bold in (mark for mark in sheet.marks if mark[0] == "text"):
        long = width(words, size, bold)
        left = x - {"start": 0, "middle": long / 2, "end": long}[anchor]
        assert left >= 0 and left + long <= sheet.wide and y <= sheet.high, words
