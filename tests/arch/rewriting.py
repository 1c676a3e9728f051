"""What the tests of rewrites share."""

from collections.abc import Callable, Iterable

import pytest
import torch

from neocog.arch import Architecture
from neocog.arch.rewrite import Rewrite, tensors
from neocog.nets import nets, resolve
from neocog.nn import Model
from neocog.weights import apply_plan
from tests.conftest import randomise, rng

from .cases import CASES

QUICK = {"lenet5", "lenet5.modern", "lenet.caffe", "mlp", "linear", "resnet8.cifar", "plain20.cifar", "resnet20.cifar_b",
         "squeezenet1_1", "mobilenetv2", "googlenet.bn", "highway.mnist", "allcnn.c"}  # fmt: skip


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


@torch.no_grad()
def answer(net: Model, x: torch.Tensor) -> torch.Tensor:
    """N×scores, maps flattened."""
    out = net(x)
    assert isinstance(out, torch.Tensor)
    return out.flatten(1)
