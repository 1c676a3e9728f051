"""Patches are the receptive fields' boxes, borders and all; projections are those of each winner by itself."""

import numpy as np
import pytest
import torch

from neocog.explain import Target, backward, boxes_of, draw_top, exemplars, input_of, natural_layers, strongest, telling_maps
from neocog.explain.winners.patches import GREY, cut
from neocog.explain.winners.search import Winners
from neocog.nets import resolve
from neocog.nn import Model
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.sets import ArrayPictures
from tests.conftest import rng
from tests.explain.test_top import many, small


def test_a_box_at_the_border_is_cut_to_grey():
    """By hand: conv 3×3 p1, pool 3/2, conv 3×3/2 p1: a unit sees 9×9 pixels from −3 on, its neighbour 4 further on."""
    arch = small().arch
    assert boxes_of(arch, "relu2", np.array([[0, 0], [1, 2]])).tolist() == [[-3, -3, 6, 6], [1, 5, 10, 14]]
    padded = resolve("INPUT 3x13x13 CONV 5x5 p2 6 RELU GAP FC 4").build()
    assert boxes_of(padded, "relu1", np.array([[0, 12], [6, 6]])).tolist() == [[-2, 10, 3, 15], [4, 4, 9, 9]]
    pixels = np.arange(13 * 13 * 3, dtype=np.uint8).reshape(13, 13, 3)
    patch = cut(pixels, (-2, 10, 3, 15), GREY)
    assert patch.shape == (5, 5, 3) and (patch[:2] == GREY).all() and (patch[:, 3:] == GREY).all()
    assert np.array_equal(patch[2:, :3], pixels[:3, 10:])


def test_a_field_larger_than_the_picture_is_the_picture():
    arch = resolve("resnet20.cifar").build()
    assert boxes_of(arch, "layer3.2.relu2", np.array([[0, 0], [7, 7]])).tolist() == [[0, 0, 32, 32]] * 2


def test_every_winner_is_projected_by_itself():
    """Its value times what the rule gives for that one unit of that one picture; nothing of it lies outside the box."""
    model, pictures = small(), many()
    top = strongest(model, pictures)
    for path in natural_layers(model.arch):
        found = exemplars(model, pictures, top.layers[path], (4, 1))
        assert found.maps == (4, 1) and not found.why and found.projections is not None
        for m, unit in enumerate(found.maps):
            for j in range(9):
                i, place = int(found.pictures[m, j]), found.places[m, j].tolist()
                x = input_of(model, pictures.arrays[i])
                target = Target(path, torch.tensor([unit]), torch.tensor([place]))
                whole = (backward(model, x, target, "deconvnet")[0] * float(found.values[m, j])).numpy()
                top_row, left, bottom, right = (side + 13 for side in found.boxes[m, j].tolist())
                wide = np.pad(whole, ((0, 0), (13, 13), (13, 13)))
                assert np.allclose(found.projections[m, j], wide[:, top_row:bottom, left:right], atol=1e-5)
                wide[:, top_row:bottom, left:right] = 0
                assert (wide == 0).all()
                framed = np.pad(pictures.arrays[i], ((13, 13), (13, 13), (0, 0)), constant_values=GREY)
                assert np.array_equal(found.patches[m, j], framed[top_row:bottom, left:right])
                assert found.labels[m, j] == pictures.labels[i]


def test_where_the_rule_is_undefined_there_are_patches_and_the_reason():
    model = Model(resolve("lenet5").build(), rng()).eval()
    model.preprocessing, model.classes = resolve("lenet5").card.preprocessing, tuple("0123456789")
    images = np.random.default_rng(0).integers(0, 256, (12, 28, 28), dtype=np.uint8)
    pictures = ArrayPictures(images, np.arange(12) % 10, model.classes, "noise")
    top = strongest(model, pictures)
    found = [exemplars(model, pictures, winners, telling_maps(winners, 2)) for winners in top.layers.values()]
    assert all(one.projections is None and "lenet5: deconvnet is not defined for" in one.why for one in found)
    sheet = draw_top("title", "about", model.arch, found, model.classes)
    words = " ".join(str(mark[3]) for mark in sheet.marks if mark[0] == "text")
    assert "Patches only" in words and "is not defined for" in words


def test_bgr_networks_are_shown_in_rgb():
    plain, swapped = small(), small()
    record = plain.preprocessing
    swapped.preprocessing = Preprocessing(13, 13, "BGR", "none", mean=record.mean, std=record.std)
    with torch.no_grad():
        swapped.get_submodule("conv1").weight.copy_(plain.get_submodule("conv1").weight.flip(1))
    both = [exemplars(m, many(), strongest(m, many()).layers["relu2"], (0, 3)) for m in (plain, swapped)]
    assert np.array_equal(both[0].pictures, both[1].pictures)
    assert np.array_equal(both[0].patches, both[1].patches)
    assert np.allclose(both[0].projections, both[1].projections, atol=1e-4)


def test_telling_maps_answer_most_and_differ():
    """Map 1 answers less than map 0 to the same pictures, so map 2 comes before it; map 3 has nothing to show."""
    pictures = np.array([[0, 1, 2], [0, 1, 2], [3, 4, 5], [-1, -1, -1]])
    values = np.array([[9.0, 8, 7], [8, 7, 6], [5, 4, 3], [-np.inf] * 3])
    winners = Winners("x", values, pictures, np.zeros((4, 3, 2), int), np.array([9, 9, 9, 0]))
    assert telling_maps(winners, 1) == (0,)
    assert telling_maps(winners, 2) == (0, 2)
    assert telling_maps(winners, 9) == (0, 1, 2)


@pytest.mark.parametrize("maps", [1, 5])
@pytest.mark.parametrize(
    "text", ["INPUT 3x13x13 CONV 3x3 6 RELU GAP FC 4", "INPUT 3x64x64 CONV 9x9/4 6 RELU CONV 15x15 6 RELU GAP FC 4"]
)
def test_nothing_of_the_figure_lies_over_another(text: str, maps: int):
    """Pictures do not overlap, words neither, and all lies on the page."""
    from neocog.arch.drawing.measure import width

    model = Model(resolve(text).build(), rng()).eval()
    side = model.arch.input[1]
    model.preprocessing, model.classes = Preprocessing(side, side, resize="none"), ("aa", "bb", "cc", "dd")
    images = np.random.default_rng(0).integers(0, 256, (11, side, side, 3), dtype=np.uint8)
    pictures = ArrayPictures(images, np.arange(11) % 2, model.classes, "noise")
    top = strongest(model, pictures)
    found = [exemplars(model, pictures, winners, range(maps)) for winners in top.layers.values()]
    sheet = draw_top("A title", "about it", model.arch, found, model.classes)
    boxes = [(x, y, x + wide, y + high) for kind, x, y, _, wide, high in (m for m in sheet.marks if m[0] == "picture")]
    for _, x, y, words, size, anchor, *_ in (m for m in sheet.marks if m[0] == "text"):
        long = width(words, size)
        left = x - {"start": 0, "middle": long / 2, "end": long}[anchor]
        boxes.append((left, y - size * 0.7, left + long, y + size * 0.2))
    for i, (left, up, right, down) in enumerate(boxes):
        assert left >= 0 and up >= 0 and right <= sheet.wide and down <= sheet.high
        for x, y, far, low in boxes[:i]:
            assert right <= x or far <= left or down <= y or low <= up
