"""Dense evaluation: exactly what windows give where nothing is padded, something else where zeros are; and what it costs."""

import numpy as np
import pytest
import torch

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    analyse,
    architecture,
    head,
)
from neocog.errors import UserError
from neocog.evaluate.cost import cost
from neocog.evaluate.dense import Dense
from neocog.nets import resolve
from neocog.nn import Model
from neocog.pictures.preprocessing import Preprocessing
from neocog.runs import Predictor
from tests.conftest import rng


def vgg_like(padding: int) -> Architecture:
    return architecture("small", (3, 16, 16), Sequential(
        conv1=Conv2d(4, 3, padding=padding), relu1=ReLU(), pool1=MaxPool2d(2, 2),
        conv2=Conv2d(6, 3, padding=padding), relu2=ReLU(), flatten=Flatten(),
        fc1=Linear(8), relu3=ReLU(), fc2=head(Linear(5)),
    ))  # fmt: skip


def predictor(arch: Architecture, whole_numbers: bool = False) -> Predictor:
    """Random weights; whole_numbers: small integers, whose sums floating point adds without rounding in any order."""
    model = Model(arch, rng()).eval()
    if whole_numbers:
        with torch.no_grad():
            for p in model.parameters():
                p.copy_(torch.randint(-2, 3, p.shape, generator=rng(1)))
    record = Preprocessing(*arch.input[1:], resize="shorter", scale=1.0)
    return Predictor(model, record, tuple("abcde"), arch.name)


def windows(p: Predictor, pixels: np.ndarray, stride: int) -> np.ndarray:
    """Scores of every window of the native size, one crop after another: classes×h×w."""
    size = p.preprocessing.height
    rows, columns = ((side - size) // stride + 1 for side in pixels.shape[:2])
    crops = [
        pixels[r * stride : r * stride + size, c * stride : c * stride + size] for r in range(rows) for c in range(columns)
    ]
    return p.scores(np.stack(crops)).T.reshape(-1, rows, columns)


def test_without_padding_it_is_window_by_window_exactly():
    """In whole numbers, so that not even the order of sums shows."""
    p = predictor(vgg_like(0), whole_numbers=True)
    pixels = np.random.default_rng(0).integers(0, 4, (27, 30, 3), np.uint8)
    found, want = Dense(p).maps(pixels[None])[0], windows(p, pixels, 2)
    assert found.shape == (5, 6, 8) and np.abs(want).max() > 100
    np.testing.assert_array_equal(found, want)
    np.testing.assert_allclose(Dense(p).scores(pixels[None])[0], want.mean((1, 2)), rtol=1e-6)


def test_with_padding_it_is_not():
    """A crop's border sees zeros where the map sees the picture: of the places of a large map, none is what its crop gives."""
    p = predictor(vgg_like(1))
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    found, want = Dense(p).maps(pixels[None])[0], windows(p, pixels, 2)
    assert found.shape == want.shape == (5, 9, 9)
    relative = np.abs(found - want).max() / np.abs(want).max()
    assert relative > 0.05 and (np.abs(found - want).max(0) > 1e-3).all()


def test_a_global_average_averages_a_larger_map():
    """ResNet's way: one answer, which is the mean of the scores of its places, since all behind the average is linear."""
    arch = architecture("gap", (3, 16, 16), Sequential(
        conv=Conv2d(6, 3, stride=2, padding=1), relu=ReLU(), pool=AdaptiveAvgPool2d(1), flatten=Flatten(), fc=head(Linear(5)),
    ))  # fmt: skip
    p, pixels = predictor(arch), np.random.default_rng(0).integers(0, 256, (2, 40, 28, 3), np.uint8)
    dense = Dense(p)
    assert dense.maps(pixels).shape == (2, 5, 1, 1) and dense.places(pixels).shape == (2, 5, 20, 14)
    np.testing.assert_allclose(dense.places(pixels).mean((2, 3)), dense.scores(pixels), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(dense.scores(pixels[:, :16, :16]), p.scores(pixels[:, :16, :16]), rtol=1e-5, atol=1e-4)
    assert cost(arch, 32).averaged == "pool" and cost(arch, 32).places == (16, 16)


def test_padding_that_depends_on_the_size_is_settled_for_each_size():
    """TensorFlow's SAME: at 17 it pads both sides, at 16 one; a network built for 17 must agree."""
    arch = architecture("same", (3, 16, 16), Sequential(
        conv=Conv2d(6, 3, stride=2, padding="same"), relu=ReLU(), pool=AdaptiveAvgPool2d(1), flatten=Flatten(),
        fc=head(Linear(5)),
    ))  # fmt: skip
    p, dense = predictor(arch), Dense(predictor(arch))
    from neocog.arch.rewrite import with_input

    for side in (16, 17, 19, 21, 23, 25, 17):
        pixels = np.random.default_rng(side).integers(0, 256, (1, side, side, 3), np.uint8)
        built = Model(with_input(arch, (3, side, side))[0]).eval()
        built.load_state_dict(p.model.state_dict())
        want = built(torch.from_numpy(p.preprocessing.normalise(pixels))).detach().numpy()
        np.testing.assert_allclose(dense.scores(pixels), want, rtol=1e-4, atol=1e-3)


def test_what_it_costs_at_384():
    """VGG-16: 36 places, 11.24 times fewer multiplications than 36 crops."""
    found = cost(resolve("vgg16").build(), 384)
    assert (found.places, found.macs, found.averaged) == ((6, 6), 49_551_114_240, "")
    assert found.saving == pytest.approx(11.24, abs=0.005) and found.saving == 36 * found.crop_macs / found.macs
    for words in ("6×6 places", "49,551,114,240", "11.24× fewer", "556,929,515,520", "36 crops"):
        assert words in found.sentence()
    one = cost(resolve("resnet18").build(), 384)
    assert one.averaged == "avgpool" and one.places == (12, 12)
    assert one.macs == analyse(resolve("resnet18").build(), (3, 384, 384)).total("macs") and "one answer" in one.sentence()


def test_what_cannot_be_is_told():
    with pytest.raises(UserError, match="dense@200: too small for vgg16"):
        cost(resolve("vgg16").build(), 200)
