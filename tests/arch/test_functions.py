"""Functions of each number that come with other people's networks: their values, their JSON, their errors."""

import math

import pytest
import torch

from neocog.arch import (
    ELU,
    Abs,
    Affine,
    Architecture,
    Exp,
    Leaf,
    LeakyReLU,
    Log,
    Maximum,
    Node,
    Power,
    PReLU,
    Scale,
    Softplus,
    analyse,
)
from neocog.errors import UserError
from neocog.nn import Model
from tests.conftest import check_declared, randomise, rng

X = torch.rand(2, 4, 3, 3, generator=rng()) * 4 + 0.1  # above 0, for powers and logarithms
HALF = X - 2


def model(record: Leaf, inputs: tuple[str, ...] = ("input",)) -> Model:
    nodes = (
        (Node("f", record, inputs),)
        if inputs == ("input",)
        else (Node("g", Scale(-1.0), ("input",)), Node("f", record, inputs))
    )
    arch = Architecture("one", (4, 3, 3), nodes, "f")
    assert Architecture.from_json(arch.to_json()) == arch
    assert analyse(arch).output == (4, 3, 3)
    made = Model(arch, rng())
    check_declared(made)
    return made


@pytest.mark.parametrize(
    ("record", "x", "want"),
    [
        (LeakyReLU(0.2), HALF, torch.where(HALF > 0, HALF, 0.2 * HALF)),
        (ELU(0.7), HALF, torch.where(HALF > 0, HALF, 0.7 * (HALF.exp() - 1))),
        (Softplus(), HALF, (1 + HALF.exp()).log()),
        (Softplus(), 50 + HALF, 50 + HALF),
        (Abs(), HALF, torch.where(HALF > 0, HALF, -HALF)),
        (Power(2.5, 0.5, 1), X, (1 + 0.5 * X) ** 2.5),
        (Power(3), HALF, HALF * HALF * HALF),
        (Exp(scale=0.5, shift=0.1), HALF, (0.1 + 0.5 * HALF).exp()),
        (Exp(2.0), HALF, 2**HALF),
        (Log(10.0, 3.0, 1.0), X, (1 + 3 * X).log10()),
        (Log(), X, X.log()),
    ],
    ids=lambda value: repr(value) if isinstance(value, Leaf) else "",
)
def test_values(record: Leaf, x: torch.Tensor, want: torch.Tensor):
    assert torch.allclose(model(record)(x), want, rtol=2e-6, atol=1e-6)
    assert analyse(model(record).arch).total("params") == 0


@pytest.mark.parametrize("shared", [False, True])
def test_prelu(shared: bool):
    made = model(PReLU(shared))
    weight = made.get_parameter("f.weight")
    assert weight.shape == (1 if shared else 4,) and bool((weight == 0.25).all())
    with torch.no_grad():
        weight.uniform_(0, 1, generator=rng(1))
    assert torch.equal(made(HALF), torch.where(HALF > 0, HALF, weight.view(1, -1, 1, 1) * HALF))


def test_affine():
    made = model(Affine())
    assert torch.equal(made(X), X), "it starts as nothing at all"
    randomise(made)
    weight, bias = (made.get_parameter(f"f.{k}").view(1, -1, 1, 1) for k in ("weight", "bias"))
    assert torch.equal(made(X), X * weight + bias)
    assert [k for k, _ in model(Affine(bias=False)).named_parameters()] == ["f.weight"]
    assert [k for k, _ in model(Affine(scale=False)).named_parameters()] == ["f.bias"]
    with pytest.raises(UserError, match="nothing at all"):
        Affine(False, False)


def test_maximum():
    assert torch.equal(model(Maximum(), ("input", "g"))(HALF), HALF.abs())
    with pytest.raises(UserError, match="cannot take the maximum of 1×2×2 and 2×2×2"):
        Maximum().output((1, 2, 2), (2, 2, 2))


def test_bases():
    for kind in (Exp, Log):
        assert kind().base == math.e
        for base in (0.0, -1.0, 1.0):
            with pytest.raises(UserError, match="base is above 0 and not 1"):
                kind(base)
