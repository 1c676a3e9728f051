"""Projections of units: the right ones, at the right places, in the right boxes, on a symmetric scale; and the command."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from neocog.arch.drawing.measure import width
from neocog.errors import UserError
from neocog.explain.deconvnet.figure import draw_projection, reconstruction
from neocog.explain.deconvnet.project import Projection, contrast, cut, liveliest, placed, project
from neocog.explain.deconvnet.rules import backward
from neocog.explain.fields.placing import Box
from neocog.explain.inside import values_at
from neocog.explain.targets import Target, classes
from neocog.nn import Model, create_model
from tests.conftest import rng


@pytest.fixture(scope="module")
def model() -> Model:
    return create_model("INPUT 3x32x32 CONV 3x3 8 RELU POOL 2 CONV 3x3 12 RELU POOL 2 FC 4", generator=rng()).eval()


def noise(model: Model, n: int = 1) -> torch.Tensor:
    return torch.randn(n, *model.arch.input, generator=rng())


def test_the_liveliest_maps_at_their_strongest_places(model: Model):
    x = noise(model)
    target = liveliest(model, x, "relu2", 5)
    with torch.no_grad():
        maps = values_at(model, x, ("relu2",))["relu2"][0]
    peaks = maps.flatten(1).amax(1)
    assert target.channels.tolist() == peaks.argsort(descending=True)[:5].tolist()
    found = project(model, x.expand(5, -1, -1, -1), target)
    assert np.allclose(found.values, peaks[target.channels], rtol=1e-6)
    for i, (row, column) in enumerate(found.places if found.places is not None else ()):
        assert maps[found.units[i], row, column] == peaks[found.units[i]]
    again = placed(model, x.expand(5, -1, -1, -1), Target("relu2", target.channels))
    assert torch.equal(again.places, target.places)  # type: ignore[arg-type]
    assert torch.equal(liveliest(model, x, "fc1", 2).channels, model(x)[0].argsort(descending=True)[:2])


def test_a_projection_is_the_rules_and_lies_in_its_boxes(model: Model):
    x = noise(model, 3)
    target = Target("relu2", torch.tensor([0, 4, 7]), torch.tensor([[0, 0], [5, 9], [12, 12]]))
    found = project(model, x, target, batch=2)
    assert np.array_equal(found.pixels, torch.cat([
        backward(model, x[:2], target.part(0, 2), "deconvnet"), backward(model, x[2:], target.part(2, 3), "deconvnet")
    ]).numpy())  # fmt: skip
    for k, box in enumerate(found.boxes):
        inside = found.pixels[k].copy()
        seen = box.within(32, 32)
        inside[:, seen.top : seen.bottom, seen.left : seen.right] = 0
        assert not inside.any() and found.seen(k).shape == (3, box.height, box.width)
        assert np.abs(found.seen(k)).sum() == pytest.approx(np.abs(found.pixels[k]).sum())
    assert found.boxes[0].height == 8 and found.words == "ReLU"
    score = project(model, x, classes([1, 2, 3]))
    assert score.places is None and score.boxes[0] == Box(0, 0, 32, 32)


def test_cutting_and_the_scale_of_a_tile():
    picture = np.arange(12.0).reshape(1, 3, 4)
    assert cut(picture, Box(-1, 2, 2, 5), -9.0)[0].tolist() == [[-9, -9, -9], [2, 3, -9], [6, 7, -9]]
    assert contrast(np.zeros((3, 2, 2))) == 0
    assert contrast(np.array([1.0, -4.0]), 1.0) == 4
    pixels = np.zeros((3, 1, 3))
    pixels[0] = [[-2, 0, 2]]
    assert reconstruction(pixels, 2.0)[0, :, 0].tolist() == [0, 128, 255] and set(reconstruction(pixels, 2.0)[0, :, 2]) == {128}
    assert reconstruction(pixels, 2.0, "BGR")[0, :, 2].tolist() == [0, 128, 255]
    grey = reconstruction(pixels[:1], 2.0)[0].astype(int)
    assert grey[0, 2] > grey[0, 0] and grey[2, 0] > grey[2, 2] and np.ptp(grey[1]) < 10  # cold, grey, warm


def texts(figure: object) -> str:
    return " ".join(mark[3] for mark in figure.marks if mark[0] == "text")  # type: ignore[attr-defined]


def test_the_figure_names_what_it_shows(model: Model):
    x = noise(model)
    layers: list[Projection] = []
    for path in ("relu1", "relu2"):
        target = liveliest(model, x, path, 3)
        layers.append(project(model, x.expand(3, -1, -1, -1), target))
    view = np.zeros((32, 32, 3), np.uint8)
    figure = draw_projection("a net: a picture" + " of a long name" * 20, view, layers)
    said = texts(figure)
    for layer in layers:
        for k in range(3):
            assert layer.path in said and f"map {layer.units[k]}" in said  # type: ignore[operator]
    assert "deconvnet" in said and "sees 3×3 px" in said and "px" in said and "±" in said
    for _, x, y, words, size, anchor, *_ in (mark for mark in figure.marks if mark[0] == "text"):
        wide = width(words, size) * {"start": 1, "middle": 0.5, "end": 0}[anchor]
        assert x >= 0 and x + wide <= figure.wide and y <= figure.high, words
    silent = Projection("relu1", "ReLU", "deconvnet", np.array([0]), np.array([[0, 0]]), np.zeros(1), (Box(0, 0, 3, 3),),
                        np.zeros((1, 3, 32, 32)))  # fmt: skip
    assert "nothing came back" in texts(draw_projection("t", view, [silent]))


def test_what_is_undefined_is_refused():
    with pytest.raises(UserError, match="not defined for"):
        project(create_model("lenet5").eval(), torch.zeros(1, 1, 32, 32), Target("C1_squash", torch.tensor([0])))


def test_the_command(neocog, idx, digit, tmp_path):
    run, out = tmp_path / "run", tmp_path / "d.png"
    net = "INPUT 1x28x28 CONV 5x5 6 RELU POOL 2 CONV 3x3 8 RELU POOL 2 FC 10"
    neocog("train", idx, "--net", net, "--steps", 3, "--out", run).check(0)
    said = json.loads(
        neocog("explain", run, digit, "--method", "deconvnet", "--n", 2, "--out", out, "--json",
               "--arrays", tmp_path / "d.npz").check(0).out
    )  # fmt: skip
    assert [unit["layer"] for unit in said["units"]] == ["relu1", "relu1", "relu2", "relu2"]
    assert all(unit["box"][2] - unit["box"][0] == (5 if unit["layer"] == "relu1" else 10) for unit in said["units"])
    arrays = np.load(tmp_path / "d.npz")
    assert arrays["relu2_pixels"].shape == (2, 1, 28, 28) and Image.open(out).width > 600
    picked = ("--layer", "relu2", "--unit", 3, "--place", "2,4", "--out", tmp_path / "d.svg", "--json")
    one = json.loads(neocog("explain", run, digit, "--method", "deconvnet", *picked).check(0).out)["units"]
    assert [(unit["unit"], unit["place"]) for unit in one] == [(3, [2, 4])]
    neocog("explain", run, digit, "--method", "deconvnet", "--class", "7", "--out", out).check(0)

    def wrong(*options: object):
        return neocog("explain", run, digit, "--method", "deconvnet", *options, "--out", out)

    wrong("--layer", "relu9").complaint("relu9", "relu2")
    wrong("--layer", "relu2", "--unit", 8).complaint("relu2", "8 maps")
    wrong("--layer", "relu2", "--unit", 1, "--place", "40,1").complaint("40,1")
    wrong("--class", "x").complaint("x")
    wrong("--class", "7", "--layer", "relu2").complaint("--class", "--layer")
    wrong("--place", "1,1").complaint("--layer")
    linear = tmp_path / "linear"
    neocog("train", idx, "--net", "linear", "--steps", 3, "--out", linear).check(0)
    neocog("explain", linear, digit, "--method", "deconvnet", "--class", "7", "--out", out).complaint("no ReLU", "occlusion")
