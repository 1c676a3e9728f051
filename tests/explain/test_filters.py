"""Filters as they act, and the ones that dominate, are dead or are silent."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from neocog.errors import UserError
from neocog.explain import draw_filters, filters_of, relu_of, strongest
from neocog.explain.answers.filters_figure import tiles_of
from neocog.nets import resolve
from neocog.nn import Model
from neocog.pictures.preprocessing import Preprocessing
from tests.conftest import rng
from tests.explain.test_top import many, small


def plain(color: str = "RGB", scale: float = 1.0, std: tuple[float, ...] = (1.0,)) -> Model:
    """Without normalisation, on bare pixels: as ZFNet reads them."""
    model = Model(resolve("INPUT 3x13x13 CONV 5x5 9 RELU GAP FC 4").build(), rng()).eval()
    model.preprocessing = Preprocessing(13, 13, color, "none", scale=scale, mean=(0.0,), std=std)
    model.classes = ("a", "b", "c", "d")
    return model


def test_planted_filters_are_flagged():
    model = plain()
    layer = model.get_submodule("conv1")
    with torch.no_grad():
        weight = torch.randn(9, 3, 5, 5, generator=rng(3))
        layer.weight.copy_(weight / weight.square().mean((1, 2, 3), keepdim=True).sqrt() * 0.02)
        layer.weight[2] *= 10  # RMS 0.2
        layer.weight[5] *= 0.01
        layer.weight[7] *= 2.9  # large, but by no rule
        layer.bias[4] = -1e6
    found = filters_of(model)
    assert (found.path, found.clipped, found.dominating, found.dead) == ("conv1", (2,), (2,), (5,))
    assert np.allclose(found.rms[[0, 2, 5, 7]], [0.02, 0.2, 0.0002, 0.058], rtol=1e-3)
    assert relu_of(model.arch, "conv1") == "relu1" and found.silent == ()
    top = strongest(model, many(), ["relu1"], 1)
    seen = replace(found, answered=top.layers["relu1"].answered, looked=top.looked)
    assert 4 in seen.silent and 2 not in seen.silent
    words = " ".join(str(mark[3]) for mark in draw_filters("t", seen).marks if mark[0] == "text")
    assert "dead: RMS below 0.1 × the median: 1 (5)" in words and "0.2" in words and "70 pictures" in words


def test_zfnets_radius_is_for_pixels():
    """The same filters on inputs of another scale: what they do to a pixel decides."""
    bare, scaled = plain(), plain(scale=1 / 255, std=(0.25, 0.25, 0.5))
    weight = torch.full((9, 3, 5, 5), 0.2)
    with torch.no_grad():
        bare.get_submodule("conv1").weight.copy_(weight)
        scaled.get_submodule("conv1").weight.copy_(weight * 255 * torch.tensor([0.25, 0.25, 0.5])[:, None, None])
    assert filters_of(bare).clipped == filters_of(scaled).clipped == tuple(range(9))
    assert np.allclose(filters_of(bare).pixel_rms, 0.2) and np.allclose(filters_of(scaled).pixel_rms, 0.2)


def test_batch_normalisation_is_in_the_filters():
    """A filter and its normalisation act as one: their answers differ by a constant only."""
    model = small()
    with torch.no_grad():
        norm = model.get_submodule("bn1")
        norm.weight.copy_(torch.tensor([1.0, 2, -1, 0.5, 3, 1]))
        norm.running_var.copy_(torch.tensor([1.0, 4, 1, 9, 1, 0.25]))
    found = filters_of(model)
    assert found.folded and found.on_pixels
    x = torch.randn(1, 3, 13, 13, generator=rng(1))
    with torch.no_grad():
        acts = norm(model.get_submodule("conv1")(x)) - norm(model.get_submodule("conv1")(torch.zeros_like(x)))
        assert torch.allclose(torch.conv2d(x, torch.from_numpy(found.weights), padding=1), acts, atol=1e-4)


def test_colours_are_those_people_see():
    """A filter for red is red in either order of channels; a filter on maps shows its heaviest slice."""
    for color, channel in (("RGB", 0), ("BGR", 2)):
        model = plain(color)
        with torch.no_grad():
            weight = model.get_submodule("conv1").weight.zero_()
            weight[0, channel] = 1.0
        assert tiles_of(filters_of(model), [0], 1.0)[0][2, 2].tolist() == [255, 128, 128]
    model = small()
    with torch.no_grad():
        model.get_submodule("conv2").weight[3, 4] = 9.0
    found = filters_of(model, "conv2")
    assert not found.on_pixels and found.slices[3] == 4 and found.pixel_rms is None and found.clipped == ()


def test_bad_wishes_are_told():
    with pytest.raises(UserError, match="'relu1' is no convolution; its convolutions are conv1, conv2"):
        filters_of(small(), "relu1")
    with pytest.raises(UserError, match="mlp has no convolution"):
        filters_of(Model(resolve("mlp").build(), rng()))
    assert relu_of(resolve("lenet5").build(), "C1") is None
