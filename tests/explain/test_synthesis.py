"""Pictures made from what a network knows: what can be had back is, and a unit gets what it asks for."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from neocog.arch import Conv2d, Flatten, Linear, ReLU, Sequential, architecture
from neocog.errors import UserError
from neocog.explain import (
    AscentSettings,
    InversionSettings,
    Target,
    best_of,
    classes,
    draw_inversion,
    draw_maxima,
    invert,
    maximise,
)
from neocog.explain.synthesis.ascent import blurred, jittered, range_norm, variation
from neocog.nn import Model
from neocog.pictures.preprocessing import Preprocessing
from tests.conftest import rng

from .test_explain import noise, ready

RECORD = Preprocessing(12, 14, "RGB", "none", mean=(0.5,), std=(0.25,))


def net(*layers, **named) -> Model:
    model = Model(architecture("net", (3, 12, 14), Sequential(*layers, **named)), rng(1)).eval()
    model.preprocessing, model.classes = RECORD, tuple("abcdef")
    return model


def picture() -> np.ndarray:
    """A soft ramp with an edge, far from grey in parts."""
    rows, columns = np.mgrid[:12, :14]
    return np.stack([rows * 18, columns * 15, np.where(columns > 6, 190, 70)], 2).astype(np.uint8)


def test_an_invertible_layer_gives_the_picture_back():
    """Six filters of 1×1 that span the three colours, nothing rectified: to within a byte or two, without priors."""
    model = net(a=Conv2d(6, 1), f=Flatten(), fc=Linear(6))
    found = invert(model, picture(), "a", InversionSettings(steps=150, rate=30, range_weight=0, variation_weight=0))
    assert found.distance < 2 and found.error < 0.02
    assert found.losses[-1] < 1e-4 * found.losses[0]


def test_what_a_layer_threw_away_does_not_come_back():
    """A filter that sums the colours: the sum comes back, the colours do not; and a larger prior makes it smoother."""
    model = net(a=Conv2d(1, 1, bias=False), f=Flatten(), fc=Linear(6))
    with torch.no_grad():
        model.get_parameter("a.weight").fill_(1 / 3)
    found = invert(model, picture(), "a", InversionSettings(steps=150, rate=20, range_weight=0, variation_weight=0))
    assert np.abs(found.pixels.mean(2) - picture().mean(2)).mean() < 2 and found.distance > 15
    rough, smooth = (invert(model, noise_picture(), "a", InversionSettings(steps=60, variation_weight=w)) for w in (0.0, 0.3))
    assert _rough(smooth.pixels) < 0.6 * _rough(rough.pixels)


def noise_picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 14, 3), dtype=np.uint8)


def _rough(pixels: np.ndarray) -> float:
    return float(np.abs(np.diff(pixels.astype(float), axis=1)).mean())


def test_a_linear_unit_goes_along_its_weights():
    """Its best picture is black and white by the sign of every weight; the value is reached to the last."""
    model = net(f=Flatten(), fc=Linear(6))
    plain = AscentSettings(steps=80, rate=60, decay=0, blur=0, jitter=0)
    found = maximise(model, classes([2, 4]), plain)
    weight = model.get_parameter("fc.weight").detach().numpy().reshape(6, 3, 12, 14)
    for k, number in enumerate((2, 4)):
        assert np.array_equal(found.pixels[k] == 255, weight[number].transpose(1, 2, 0) > 0)
        best = np.abs(weight[number]).sum() * 2 + model.get_parameter("fc.bias")[number].item()  # inputs are −2 … 2
        assert found.values[k] == pytest.approx(best, rel=1e-4) and found.values[k] > found.start[k]


def test_a_unit_of_a_map_changes_only_what_it_sees():
    model = net(a=Conv2d(4, 3, padding=1), r=ReLU(), b=Conv2d(2, 3, padding=1), f=Flatten(), fc=Linear(6))
    target = Target("b", torch.tensor([1]), torch.tensor([[6, 7]]))
    plain = AscentSettings(steps=30, decay=0, blur=0, jitter=0)
    found = maximise(model, target, plain)
    still = maximise(model, target, AscentSettings(steps=1, rate=1e-9, decay=0, blur=0, jitter=0))
    moved = (found.pixels[0] != still.pixels[0]).any(2)
    rows, columns = np.nonzero(moved)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 8, 5, 9)
    assert found.values[0] > found.start[0]


def test_priors_do_what_their_names_say():
    flat, rough = torch.full((1, 3, 12, 14), 90.0), torch.rand(1, 3, 12, 14, generator=rng()) * 255
    assert float(variation(flat)) == 0 < float(variation(rough))
    assert float(range_norm(flat, torch.tensor(90.0))) < 1e-9
    assert float(range_norm(flat + 80, torch.tensor(90.0))) == pytest.approx(1)
    assert torch.allclose(blurred(flat, 1.3), flat) and float(variation(blurred(rough, 1.0))) < float(variation(rough))
    moved = jittered(rough, 3, 5)
    assert torch.equal(moved.flatten().sort()[0], rough.flatten().sort()[0]) and torch.equal(moved, jittered(rough, 3, 5))


def test_stopped_it_goes_on_to_the_same_picture(tmp_path):
    """With Adam's state, and the same jitter."""
    model = ready("lenet5.modern")
    settings = AscentSettings(steps=12)
    whole = maximise(model, classes([3]), settings)
    calls = iter([False] * 5 + [True])
    with pytest.raises(KeyboardInterrupt):
        maximise(model, classes([3]), settings, cache=tmp_path, stop=lambda: next(calls))
    (kept,) = tmp_path.iterdir()
    steps = []
    again = maximise(model, classes([3]), settings, cache=tmp_path, on_step=lambda done, total: steps.append(done))
    assert steps[0] == 6 and np.array_equal(again.pixels, whole.pixels) and np.array_equal(again.curve, whole.curve)
    kept.write_bytes(b"damaged")
    assert np.array_equal(maximise(model, classes([3]), settings, cache=tmp_path).pixels, whole.pixels)


def test_the_model_is_left_as_it_was():
    model = ready("resnet8.cifar").train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    maximise(model, classes([1]), AscentSettings(steps=2))
    invert(model, noise(32, 3), "layer1.0.relu2", InversionSettings(steps=2))
    assert model.training and all(p.requires_grad and p.grad is None for p in model.parameters())
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_the_best_of_many_are_those_of_a_sort():
    model = ready("lenet5.modern")
    x = torch.randn(23, *model.arch.input, generator=rng())
    with torch.no_grad():
        values = model(x)[:, 4].double().numpy()
    found = best_of(model, classes([4]), ((x[i : i + 5], np.arange(i, min(i + 5, 23))) for i in range(0, 23, 5)), k=4)
    order = np.argsort(-values)[:4]
    assert found.indices.tolist() == order.tolist() and np.allclose(found.values, values[order], atol=1e-5)
    assert found.n == 23 and found.mean == pytest.approx(values.mean(), abs=1e-5)


def test_bad_questions_are_answered():
    model = net(a=Conv2d(2, 1, bias=False), r=ReLU(), f=Flatten(), fc=Linear(6))
    with torch.no_grad():
        model.get_parameter("a.weight").zero_()
    with pytest.raises(UserError, match="nothing but zeros"):
        invert(model, picture(), "r")
    counts = ready("knn")
    with pytest.raises(UserError, match="knn: no small change of a pixel"):
        maximise(counts, classes([1]), AscentSettings(steps=1))
    with pytest.raises(UserError, match="net has no layer 'q'"):
        invert(model, picture(), "q")
    with pytest.raises(UserError, match="net has no layer 'q'"):
        maximise(model, Target("q", torch.tensor([0])), AscentSettings(steps=1))
    with pytest.raises(UserError, match="nothing to maximise"):
        maximise(model, classes([]))


def test_the_figures_say_what_they_draw():
    model = net(a=Conv2d(6, 1), f=Flatten(), fc=Linear(6))
    how = InversionSettings(steps=3)
    found = invert(model, picture(), "a", how)
    text = draw_inversion("a title", picture(), [found], [found.pixels], how).svg()
    for words in ("a title", "range norm", "Adam, 3 steps", "of 255 off"):
        assert words in text
    made = maximise(model, classes([1, 1]), AscentSettings(steps=3))
    best = best_of(model, classes([1]), [(torch.randn(3, 3, 12, 14, generator=rng()), np.arange(3))])
    text = draw_maxima("a title", made, list(made.pixels), ["b", "b again"], best, [picture()] * 3).svg()
    for words in ("before the softmax", "decay", "jitter", "best of 3 real", "from"):
        assert words in text


def test_the_commands(neocog, idx, tmp_path):
    run = tmp_path / "run"
    neocog("train", idx, "--net", "lenet5.modern", "--steps", 3, "--out", run).check(0)
    digit = tmp_path / "d.png"
    Image.fromarray(noise(28, 1)).save(digit)
    out, cache = tmp_path / "o.svg", tmp_path / "cache"
    how = ("--steps", 3, "--cache", cache, "--out", out, "--json")
    told = json.loads(neocog("explain", run, digit, "--method", "invert", "--layer", "conv3", *how).check(0).out)
    assert [one["path"] for one in told["layers"]] == ["conv3"] and told["layers"][0]["error"] > 0 and out.is_file()
    told = json.loads(
        neocog("explain", run, "--method", "maximise", "--class", "3", "--n", 2, "--data", idx, *how).check(0).out
    )
    assert len(told["values"]) == 2 and told["real"]["n"] > 3 and len(told["real"]["values"]) == 4
    told = json.loads(neocog("explain", run, "--method", "maximise", "--layer", "conv2", "--unit", 2, *how).check(0).out)
    assert told["layer"] == "conv2"
    for words, said in (
        ((), "wants a class"),
        (("--class", "zebra"), "zebra"),
        (("--layer", "conv2", "--unit", 99), "numbered 0 to 15"),
        (("--layer", "conv9", "--unit", 1), "conv9"),
        (("--class", "3", "--layer", "conv3"), "one of them"),
        (("--class", "3", "--place", "1,1"), "one of them"),
        (("--layer", "fc1", "--unit", 1, "--place", "0,0"), "no places"),
    ):
        neocog("explain", run, "--method", "maximise", *words, "--out", out).complaint(said)
