"""What of the picture as it came can reach a unit: painted, for every kind of preprocessing."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from neocog.arch import AvgPool2d, Conv2d, Linear, MaxPool2d, Sequential, analyse, architecture
from neocog.cli.looking.fields import resized
from neocog.errors import UserError
from neocog.explain import Box, draw_fields, on_picture, unit_field, unit_fields
from neocog.nets import resolve
from neocog.nn import Model
from neocog.pictures.preprocessing import Preprocessing
from tests.conftest import rng

KINDS = (
    Preprocessing(20, 24, "L", "shorter", resize_to=26),
    Preprocessing(20, 24, "L", "squash"),
    Preprocessing(20, 24, "L", "squash", resize_to=28, interpolation="bicubic"),
    Preprocessing(20, 24, "L", "squash", resize_to=26, antialias=False),
    Preprocessing(20, 24, "L", "shorter", resize_to=26, interpolation="nearest"),
    Preprocessing(20, 24, "L", "pad", interpolation="lanczos"),
    Preprocessing(20, 24, "L", "none", interpolation="box"),
)


@settings(max_examples=150)
@given(st.sampled_from(KINDS), st.integers(3, 70), st.integers(3, 70), st.integers(0, 10**6))
def test_nothing_outside_the_box_reaches_it_and_its_edges_do(record: Preprocessing, height: int, width: int, seed: int):
    """A box of the network's input, brought back to the picture: all else repainted changes no byte in it. Two lines of pixels
    within each of its sides do change some, so that it is no larger than it must be (five of lanczos, whose last pixels may
    have less than half a byte's share)."""
    draws = np.random.default_rng(seed)
    top, left = int(draws.integers(0, 18)), int(draws.integers(0, 22))
    box = Box(top, left, int(draws.integers(top + 1, 21)), int(draws.integers(left + 1, 25)))
    on = on_picture(box, record, height, width)

    def read(picture: np.ndarray) -> np.ndarray:
        return record.image(Image.fromarray(picture))[box.top : box.bottom, box.left : box.right]

    black, white = np.zeros((height, width), np.uint8), np.full((height, width), 255, np.uint8)
    inside = np.zeros((height, width), bool)
    inside[on.top : on.bottom, on.left : on.right] = True
    assert np.array_equal(read(black), read(np.where(inside, black, white)))
    if on.empty:
        return
    n, grey = 5 if record.interpolation == "lanczos" else 2, np.full_like(black, 128)
    rows, columns = range(on.top, on.bottom), range(on.left, on.right)
    for axis, lines in ((0, rows[:n]), (0, rows[-n:]), (1, columns[:n]), (1, columns[-n:])):
        changed = []
        for line in lines:  # one by one: a filter's lobes above and below zero could cancel
            painted = grey.copy()
            np.moveaxis(painted, axis, 0)[line] = 255
            changed.append((read(painted) != read(grey)).any())
        assert any(changed)


@pytest.mark.parametrize("record", KINDS[:4] + KINDS[5:6])
@pytest.mark.parametrize(("height", "width"), [(31, 57), (64, 40), (12, 15)])
def test_a_unit_feels_its_box_on_the_picture_and_nothing_else(record: Preprocessing, height: int, width: int):
    """The whole way, through a network: paint outside the box and the unit's value keeps every bit; paint it and it moves."""
    arch = architecture(
        "walk",
        (1, 20, 24),
        Sequential(a=Conv2d(2, 3, 2, 1, bias=False), b=MaxPool2d(2, 1), c=Conv2d(1, (3, 1), padding=(1, 0), bias=False)),
    )
    model = Model(arch, rng()).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.uniform_(0.5, 1.5, generator=rng(1))
    for place in ((0, 0), (4, 5), (8, 10)):
        box = on_picture(unit_field(arch, "c", place).seen, record, height, width)
        inside = np.zeros((height, width), bool)
        inside[box.top : box.bottom, box.left : box.right] = True
        base = np.random.default_rng(0).integers(0, 100, (height, width), dtype=np.uint8)
        values = []
        for painted in (base, np.where(inside, base, 255 - base), np.where(inside, 255 - base, base)):
            with torch.no_grad():
                x = torch.from_numpy(record.normalise(record.image(Image.fromarray(painted.astype(np.uint8)))[None]))
                values.append(float(model(x)[0, 0, place[0], place[1]]))
        assert values[0] == values[1]
        assert values[2] > values[0] or box.empty


def test_padding_holes_and_gates_are_told():
    arch = architecture("holes", (1, 24, 24), Sequential(a=Conv2d(1, 3, padding=4, dilation=4), b=AvgPool2d(2, 2)))
    field = unit_field(arch, "a", (12, 12))
    assert field.size == (9, 9) and field.share == pytest.approx(1 / 9) and not any(field.padding)
    corner = unit_field(arch, "b", (0, 0))
    assert corner.whole == Box(-4, -4, 6, 6) and corner.seen == Box(0, 0, 6, 6) and corner.padding == (4, 4, 0, 0)
    assert corner.share == pytest.approx(16 / 36)
    gated = resolve("se_resnet50").build()
    last = unit_field(gated, "layer4.2.relu3")
    assert len(last.gates) == 16 and last.size == (483, 483) and last.exceeds == (259, 259)
    full = unit_field(resolve("lenet5").build(), "F6")
    assert full.everything and full.seen == Box(0, 0, 32, 32)


def test_strides_that_do_not_fit_leave_pixels_that_no_unit_sees():
    """AlexNet on 224: the last row and column are in nobody's box."""
    arch = replace(resolve("alexnet").build(), input=(3, 224, 224))
    rows = analyse(arch).by_path["conv1"].output[1]
    assert unit_field(arch, "conv1", (rows - 1, rows - 1)).seen == Box(212, 212, 223, 223)


def test_bad_questions_are_answered():
    arch = resolve("lenet5").build()
    with pytest.raises(UserError, match="no layer 'C9'"):
        unit_field(arch, "C9")
    with pytest.raises(UserError, match="places 0,0 to 27,27; there is no 28,3"):
        unit_field(arch, "C1", (28, 3))
    with pytest.raises(UserError, match="reads 9 numbers, no pictures"):
        unit_field(architecture("flat", (9,), Sequential(fc=Linear(2))), "fc")


def test_the_figure_says_what_it_draws():
    arch = replace(resolve("alexnet").build(), input=(3, 224, 224))
    from neocog.arch.fit import misfits

    found = unit_fields(arch, ["conv1", "pool2", "pool5"])
    picture = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    sheet = draw_fields("a title", picture, Preprocessing(224, 224, resize_to=256), found, misfits(arch))
    text = sheet.svg()
    for words in (
        "conv1",
        "pool5",
        "195×195 px",
        "one row and column of pixels is never seen",
        "pale: what the network does not get",
    ):
        assert words in text
    assert sheet.pixels(1).size == (round(sheet.wide), round(sheet.high))


def test_the_command(neocog, tmp_path):
    """By name, without weights; on the picture as it came."""
    picture = tmp_path / "p.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 70), dtype=np.uint8)).save(picture)
    said = neocog(
        "explain",
        "lenet5",
        picture,
        "--method",
        "field",
        "--layer",
        "C3",
        "--layer",
        "C1",
        "--place",
        "2,3",
        "--out",
        tmp_path / "f.svg",
        "--json",
    ).check(0)
    facts = json.loads(said.out)
    assert [one["path"] for one in facts["layers"]] == ["C1", "C3"] and facts["picture"] == [40, 70]
    assert facts["layers"][1]["receptive_field"] == [14, 14] and facts["layers"][1]["place"] == [2, 3]
    neocog("explain", "lenet5", "--method", "field", "--layer", "C9", "--out", tmp_path / "f.png").complaint("C9", "C3")
    neocog("explain", "lenet5", "--method", "field", "--place", "99,0", "--out", tmp_path / "f.png").complaint(
        "99,0", "places 0,0"
    )
    neocog("explain", "mlp", "--method", "field", "--out", tmp_path / "f.png").complaint("mlp", "whole picture at once")


def test_the_command_tells_of_units_and_places_that_are_not_there(neocog, tmp_path):
    def field(*more: object):
        return neocog(
            "explain", "lenet5", "--method", "field", *more, "--out", tmp_path / "f.svg", "--arrays", tmp_path / "f.npz"
        )

    field("--layer", "C3", "--unit", -1).complaint("numbered 0 to 15")
    field("--layer", "F6", "--place", "5,3").complaint("F6", "places 0,0 to 0,0")
    field("--layer", "C3", "--layer", "C1", "--layer", "C3").check(0)
    with np.load(tmp_path / "f.npz") as arrays:
        assert arrays["boxes"].shape == (2, 4) and (arrays["boxes"][1, 2:] - arrays["boxes"][1, :2]).tolist() == [14, 14]


def test_a_larger_input_is_cut_out_of_a_larger_picture():
    """At 320 no border appears that 224 of 256 does not have."""
    record = resized(Preprocessing(224, 224, "RGB", "shorter", resize_to=256), 320)
    assert (record.height, record.width, record.resize_to) == (320, 320, 366)
    assert on_picture(Box(0, 0, 1, 320), record, 500, 500).top > 0
    assert resized(Preprocessing(28, 28, "L", "none"), 32).resize_to is None
