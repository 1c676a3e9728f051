"""Attributions as people meet them: records with what must be said beside the map, figures, the command."""

import json

import numpy as np
import pytest
import torch

from neocog.errors import UserError
from neocog.explain import Target, attribute, draw_attribution, draw_comparison
from neocog.explain.attribution.figure import colour_top
from neocog.figure.parts import wrapped
from neocog.nn import Model, create_model
from neocog.pictures.preprocessing import Preprocessing
from tests.conftest import randomise, rng


def ready(name: str = "resnet8.cifar", color: str = "RGB") -> Model:
    model = create_model(name, generator=rng()).eval()
    randomise(model)
    _, high, wide = model.arch.input
    model.preprocessing = Preprocessing(high, wide, color, "squash", mean=(0.5,), std=(0.25,))
    model.classes = tuple(f"c{i}" for i in range(model.num_classes))
    return model


def noise(side: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)


def test_an_attribution_says_what_it_is_of():
    model, pixels = ready(), noise(32)
    found = attribute(model, pixels, "cam", 3)
    with torch.no_grad():
        scores = model(torch.from_numpy(model.preprocessing.normalise(pixels[None])))[0]
    assert found.unit == "c3" and found.value == pytest.approx(float(scores[3]), abs=1e-5)
    assert found.probability == pytest.approx(float(scores.softmax(0)[3]), abs=1e-5)
    assert found.layer and found.map.shape == (8, 8) and "the score" in found.notes[0] and np.array_equal(found.picture, pixels)
    assert attribute(model, pixels, "gradient").unit == f"c{int(scores.argmax())}", "unasked, the network's answer"
    inner = attribute(model, pixels, "gradient", Target(found.layer, torch.tensor([2]), torch.tensor([[4, 5]])))
    assert inner.unit == f"map 2 of {found.layer} at 4,5" and inner.probability is None
    assert "misses" in attribute(model, pixels, "integrated-gradients", 3, steps=2).notes[0]
    assert "too much, take more --steps" in attribute(model, pixels, "integrated-gradients", 3, steps=1).notes[0]
    assert "random" in attribute(model, pixels, "guided-backprop", 3).notes[-1], "its warning is never left out"
    with pytest.raises(UserError, match="did you mean grad-cam"):
        attribute(model, pixels, "gradcam")
    with pytest.raises(UserError, match="10 classes, numbered 0 to 9; there is no 10"):
        attribute(model, pixels, "gradient", 10)
    with pytest.raises(UserError, match=r"resnet8\.cifar has no 'conv99'"):
        attribute(model, pixels, "grad-cam", 3, layer="conv99")
    with pytest.raises(UserError, match="cam is not defined: its scores come from"):
        attribute(ready("lenet5.modern", "L"), pixels, "cam")


def test_colours_come_in_the_order_of_the_picture():
    """Of a network that reads blue first, the gradient's planes are turned as the picture is."""
    rgb, bgr = ready(), ready(color="BGR")
    with torch.no_grad():
        first = bgr.get_submodule(bgr.arch.nodes[0].path)
        first.weight.copy_(rgb.get_submodule(rgb.arch.nodes[0].path).weight.flip(1))
    one, other = (attribute(model, noise(32), "gradient", 3) for model in (rgb, bgr))
    assert np.array_equal(one.picture, other.picture)
    assert np.allclose(one.values, other.values, atol=1e-5 * np.abs(one.values).max())


def test_a_grey_gradient_keeps_its_signs_where_it_stands_alone():
    """Its map has sizes, so over the picture it is only red; beside it the numbers are red for, blue against."""
    found = attribute(ready("lenet5.modern", "L"), noise(32), "gradient", 3)
    assert found.map.min() >= 0 > found.values.min() and not found.signed and not found.coloured
    drawn = draw_attribution(found)
    _, over, alone, *_ = (mark[3].astype(int) for mark in drawn.marks if mark[0] == "picture")
    assert (over[..., 2] <= over[..., 0] + 2).all() and (alone[..., 2] > alone[..., 0] + 40).any()
    words = [mark[3] for mark in drawn.marks if mark[0] == "text"]
    assert any(word.endswith("red for, blue against") for word in words)
    assert attribute(ready("lenet5.modern", "L"), noise(32), "hirescam", 3).signed


def test_a_map_of_nothing_says_why():
    """Grad-CAM of a class that every place speaks against; of a score that a ReLU holds at 0."""
    model = ready()
    with torch.no_grad():
        model.get_classifier().weight[3] = -1.0
    found = attribute(model, noise(32), "grad-cam", 3)
    assert not found.map.any() and "every place speaks against" in found.notes[0]
    net = ready("nin.cifar10")
    with torch.no_grad():
        net.get_submodule(net.arch.head.path).bias[4] = -1e4
    assert "no gradient reaches" in attribute(net, noise(32), "grad-cam", 4).notes[0]


def test_figures_hold_every_word_and_number():
    model, pixels = ready(), noise(32)
    names = ("gradient", "integrated-gradients", "grad-cam", "hirescam")
    found = [attribute(model, pixels, name, 3, sanity=name == "grad-cam") for name in names]
    for one in found:
        drawn = draw_attribution(one)
        words = " ".join(str(mark[3]) for mark in drawn.marks if mark[0] == "text")
        assert one.method.title in words and one.method.source in words and "c3" in words and "px" in words
        assert ("not checked on this picture" in words) == (one.badge is None)
        assert one.badge is None or "ρ" in words
        inside(drawn)
        assert "<svg" in drawn.svg() and drawn.pixels(1).width == round(drawn.wide)
    sheet = draw_comparison("many", "about", found, {"cam": "why not"})
    words = " ".join(str(mark[3]) for mark in sheet.marks if mark[0] == "text")
    assert all(one.method.title in words for one in found) and "cam: why not" in words and "randomisation" in words
    inside(sheet)


def inside(drawn) -> None:
    """Nothing lies outside the page."""
    for mark in drawn.marks:
        places = mark[1] if mark[0] in ("line", "area") else [(mark[1], mark[2])]
        assert all(0 <= x <= drawn.wide and 0 <= y <= drawn.high for x, y in places), mark


def test_pixel_fine_maps_end_their_colours_where_few_lie_above():
    fine = np.full((100, 100), 0.1)
    fine[:2] = 1.0
    fine[0, 0] = 50.0
    assert colour_top(fine) == 1.0 and colour_top(fine[:8, :8]) == 50.0
    lines = wrapped("one two three four five six", 60)
    assert " ".join(lines) == "one two three four five six" and len(lines) > 2


def test_the_command(neocog, idx, digit, tmp_path):
    out = tmp_path / "run"
    neocog("train", idx, "--net", "lenet5.modern", "--steps", 3, "--out", out).check(0)
    picture, svg = tmp_path / "p.png", tmp_path / "p.svg"
    ask = ("explain", out, digit, "--out")
    said = neocog(
        *ask, svg, "--method", "grad-cam", "--class", "7", "--sanity", "--json", "--arrays", tmp_path / "a.npz"
    ).check(0)
    facts = json.loads(said.out)
    assert facts["method"] == "grad-cam" and facts["unit"] == "7" and set(facts["sanity"]) >= {"randomisation", "deletion"}
    with np.load(tmp_path / "a.npz") as arrays:
        assert list(arrays["map"].shape) == facts["shape"] and arrays["picture"].shape == (32, 32, 3)
    assert "prefers-color-scheme:dark" in svg.read_text("utf-8")
    said = neocog(*ask, picture, "--method", "gradient", "--layer", "conv2", "--unit", 3, "--place", "1,2").check(0)
    assert "map 3 of conv2 at 1,2" in said.out and "not checked on this picture" in said.out
    said = neocog(*ask, picture, "--method", "compare", "--n", 2, "--steps", 4, "--json").check(0)
    facts = json.loads(said.out)
    assert "cam" in facts["undefined"] and {"saliency", "layer-cam", "occlusion", "deconvnet"} <= set(facts["methods"])
    neocog(*ask, picture, "--method", "cam").complaint("lenet5.modern", "global mean")
    neocog(*ask, picture, "--method", "grad-cam", "--class", "twelve").complaint("twelve")
    neocog(*ask, picture, "--method", "grad-cam", "--layer", "conv9").complaint("conv9", "conv3")
    neocog(*ask, picture, "--method", "gradient", "--place", "1,2").complaint("--unit")
    neocog(*ask, picture, "--method", "gradient", "--layer", "conv2", "--unit", 3, "--class", "7").complaint(
        "--class", "--unit"
    )
    neocog(*ask, picture, "--method", "saliency", "--steps", 3).complaint("--steps")
    neocog(*ask, picture, "--method", "gradient", "--layer", "conv2").complaint("--layer", "--unit")
    few = ("--n", 2, "--steps", 2, "--json")
    said = neocog(*ask, picture, "--method", "compare", "--layer", "conv1", "--unit", 2, *few).check(0)
    facts = json.loads(said.out)
    assert "no maps" in facts["undefined"]["grad-cam"] and "gradient" in facts["methods"], "before the unit there are none"
