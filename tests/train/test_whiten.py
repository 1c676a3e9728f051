"""Whitening of the first convolution: what it is for, and which networks can have it."""

import pytest
import torch
from torch import Tensor

from neocog.arch import Conv2d, Flatten, Linear, ReLU, Sequential, architecture, head
from neocog.errors import UserError
from neocog.nets import resolve
from neocog.nn import Model
from neocog.pictures.named import load_data
from neocog.train.starts.whiten import first_convolution, whiten, whitening


def correlated(n: int, channels: int, side: int, seed: int = 0) -> Tensor:
    """Pictures whose neighbouring pixels are alike, as photos' are, with a little noise."""
    noise = torch.randn(n, channels, side, side, generator=torch.Generator().manual_seed(seed))
    return noise.cumsum(2).cumsum(3) / side + 0.1 * noise


def test_answers_are_uncorrelated_and_of_deviation_one():
    """The second moments of a filter bank's answers are the identity; of the patches themselves they are far from it."""
    x = correlated(200, 3, 12)
    filters = whitening(x, (2, 2), 12, eps=0.0)
    answers = torch.nn.functional.conv2d(x, filters).permute(1, 0, 2, 3).flatten(1)
    assert torch.allclose(answers @ answers.T / answers.shape[1], torch.eye(12), atol=1e-3)
    pixels = x.permute(1, 0, 2, 3).flatten(1)
    assert float((pixels @ pixels.T / pixels.shape[1] - torch.eye(3)).abs().max()) > 0.5


def test_real_pictures_and_noise():
    """On digits: the leading axes have deviation 1; ε keeps those along which there is nothing from being blown up."""
    data = load_data("digits")
    assert data.train.arrays is not None
    x = torch.from_numpy(data.train.arrays[:500]).permute(0, 3, 1, 2).float() / 255
    answers = torch.nn.functional.conv2d(x, whitening(x, (3, 3), 9)).permute(1, 0, 2, 3).flatten(1)
    moments = answers @ answers.T / answers.shape[1]
    assert torch.allclose(moments - moments.diagonal().diag(), torch.zeros(9, 9), atol=1e-3)
    assert float(moments[0, 0]) == pytest.approx(1, abs=0.02)
    flat = whitening(torch.ones(4, 1, 8, 8), (2, 2), 4)
    assert bool(torch.isfinite(flat).all())
    assert float(flat.abs().max()) <= 1 / 5e-4**0.5 + 1e-3


def test_the_first_layer_has_both_signs_and_learns_no_more():
    model = Model(architecture("net", (3, 9, 9), Sequential(
        stem=Conv2d(20, 3, 2), relu=ReLU(), conv=Conv2d(4, 3), flatten=Flatten(), fc=head(Linear(2)),
    )))  # fmt: skip
    x = correlated(100, 3, 9)
    stem, other = model.get_parameter("stem.weight"), model.get_parameter("conv.weight")
    before = other.clone()
    whiten(model, x)
    half = stem[:10]
    assert torch.equal(stem[10:], -half)
    assert torch.equal(half, whitening(x, (3, 3), 10))
    assert torch.equal(other, before)
    assert (stem.requires_grad, other.requires_grad) == (False, True)
    again = Model(model.arch)
    whiten(again, x)
    assert torch.equal(again.get_parameter("stem.weight"), stem), "a function of the pictures alone"


@pytest.mark.parametrize("name", ["perceptron", "vgg16"])
def test_networks_that_cannot(name: str):
    """No convolution at all; 64 maps where a patch of 27 numbers has 27 axes, and two signs make 54."""
    with pytest.raises(UserError, match=f"{name} cannot start with whitening"):
        first_convolution(resolve(name).build())


def test_networks_that_can():
    assert [first_convolution(resolve(name).build()) for name in ("airbench94", "alexnet", "lenet5")] == [
        "whiten",
        "conv1",
        "C1",
    ]
