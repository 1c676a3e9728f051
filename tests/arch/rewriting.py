"""What the tests of rewrites share."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import pytest
import torch

from neocog.arch import Architecture, analyse
from neocog.arch.rewrite import Rewrite, tensors
from neocog.nets import nets, resolve
from neocog.nn import Model
from neocog.weights import apply_plan
from tests.conftest import randomise, rng

from .cases import CASES

QUICK = {"lenet5", "lenet5.modern", "lenet.caffe", "mlp", "linear", "resnet8.cifar", "plain20.cifar", "resnet20.cifar_b",
         "squeezenet1_1", "mobilenet_v1.w025", "allcnn_c", "neocognitron",
         "neocognitron.two_thresholds"}  # fmt: skip


def every_net(names: Iterable[str] | None = None) -> list:
    """All networks as parameters: one of each kind in the quick tier, the others in the slow one."""
    return [pytest.param(n, marks=() if n in QUICK else pytest.mark.slow) for n in (nets() if names is None else names)]


def build(name: str) -> Architecture:
    """A network, or one of the hard cases."""
    return resolve(name).build() if name in nets() else CASES[name].build()


def model(name: str, change: Callable[[Architecture], Architecture] = lambda arch: arch) -> Model:
    """Its Module in evaluation, biases and running statistics random."""
    built = Model(change(build(name)), rng()).eval()
    randomise(built)
    with torch.no_grad():
        for value in built.parameters():
            if (
                value.is_floating_point() and not value.any()
            ):  # a perceptron and a Neocognitron start from nothing, which would show nothing
                value.uniform_(0, 0.2, generator=rng(1))
    return built


def moved(old: Model, rewrite: Rewrite) -> Model:
    """The new network with what the plan makes of the old one's tensors; the rest starts afresh."""
    arch, plan = rewrite
    new = Model(arch, rng(7)).eval()
    made = apply_plan(plan, old.state_dict(), tensors(arch))
    assert set(made) == plan.kept
    missing, unexpected = new.load_state_dict(made, strict=False)
    assert not unexpected
    assert set(missing) == set(tensors(arch)) - plan.kept
    return new


@contextmanager
def exactly(name: str) -> Iterator[None]:
    """The nets of the slow tier at 64 bits, the largest apart: at 32 the deepest overflow on random weights, and gates near
    their threshold (SE-ResNet-101, EfficientNet-B7) turn a rounding in the last place into another answer."""
    wide = name not in QUICK and analyse(build(name)).total("params") < 80e6
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64 if wide else torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@torch.no_grad()
def answer(net: Model, x: torch.Tensor) -> torch.Tensor:
    """N×scores, maps flattened."""
    out = net(x)
    assert isinstance(out, torch.Tensor)
    return out.flatten(1)
