"""The weights' gradient by matrix products is the library's: exactly, where arithmetic is exact."""

from unittest import mock

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neocog.nets import Recipe
from neocog.nn import create_model, weight_gradient
from neocog.nn.layers import Conv2d
from neocog.train.batches import Batch
from neocog.train.trainer import Trainer
from tests.conftest import rng


def whole(*shape: int) -> torch.Tensor:
    """Small whole numbers, channels last: sums of their products are exact in float32."""
    return torch.randint(-3, 4, shape, generator=rng()).float().contiguous(memory_format=torch.channels_last)


@given(st.integers(1, 5), st.integers(16, 20), st.integers(1, 9), st.tuples(st.integers(1, 12), st.integers(1, 12)),
       st.tuples(st.integers(1, 5), st.integers(1, 5)), st.tuples(st.integers(1, 3), st.integers(1, 3)),
       st.tuples(st.integers(0, 2), st.integers(0, 2)), st.booleans(), st.sampled_from([1, 300, 1 << 18]))  # fmt: skip
def test_all_three_gradients_are_the_librarys(n, channels, out, size, kernel, stride, padding, bias, patches):
    """Of any window, stride and padding; by whole pictures, by rows, by a row at a time."""
    if any(size[i] + 2 * padding[i] < kernel[i] for i in (0, 1)):
        return
    layer = Conv2d(channels, out, kernel, stride, tuple((p, p) for p in padding), (1, 1), 1, bias)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(whole(*p.shape) if p.dim() == 4 else torch.ones(out))
    x = whole(n, channels, *size).requires_grad_()
    found = []
    for on in (False, True):
        with (
            mock.patch.multiple(weight_gradient, HELPS=on, FEW_POINTWISE=16, FEW_OUT=1, PATCHES=patches),
            weight_gradient.quick(),
        ):
            y = layer(x)
            assert (y.grad_fn.name() == "_ConvolutionBackward") == on
            found.append([y, *torch.autograd.grad(y, [x, *layer.parameters()], whole(*y.shape))])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_only_training_takes_it_and_only_where_it_gains(monkeypatch):
    monkeypatch.setattr(weight_gradient, "HELPS", True)
    few, many = (torch.nn.Conv2d(c, 8, 3).to(memory_format=torch.channels_last) for c in (3, 32))
    x = {layer: whole(2, layer.in_channels, 30, 30) for layer in (few, many)}
    assert not weight_gradient.gains(many, x[many])
    with weight_gradient.quick():
        assert weight_gradient.gains(many, x[many]) and not weight_gradient.gains(few, x[few])
        assert not weight_gradient.gains(many, x[many].contiguous()) and not weight_gradient.gains(many, x[many].double())
        with torch.autocast("cpu", torch.bfloat16):
            assert not weight_gradient.gains(many, x[many])
        with torch.no_grad():
            assert not weight_gradient.gains(many, x[many])
        many.weight.requires_grad_(False)
        assert not weight_gradient.gains(many, x[many])
    with weight_gradient.quick(False):
        assert not weight_gradient.gains(many.requires_grad_(), x[many])


@pytest.mark.parametrize("pieces", [1, 3])
@pytest.mark.parametrize("checkpointing", [False, True])
def test_a_training_step_is_the_same_to_rounding(monkeypatch, pieces, checkpointing):
    """resnet20.cifar, a step; also where the forward pass is done again for the backward one."""
    x, y = torch.rand(12, 3, 32, 32, generator=rng()).contiguous(memory_format=torch.channels_last), torch.arange(12) % 10
    ends, taken = [], mock.Mock(wraps=weight_gradient.weight_gradient)
    monkeypatch.setattr(weight_gradient, "weight_gradient", taken)
    for on in (False, True):
        monkeypatch.setattr(weight_gradient, "HELPS", on)
        model = create_model("resnet20.cifar", generator=rng()).to(memory_format=torch.channels_last)
        if checkpointing:
            model.set_grad_checkpointing()
        trainer = Trainer(model, Recipe(lr=0.05, schedule="constant"), 100, 0, pieces=pieces)
        trainer.step(0, Batch(x, y, 12))
        ends.append(model.state_dict())
        assert taken.call_count == 7 * pieces * on  # those that read 16 maps of 32×32
    assert all(torch.allclose(ends[0][key].double(), ends[1][key].double(), atol=1e-5, rtol=1e-4) for key in ends[0])
