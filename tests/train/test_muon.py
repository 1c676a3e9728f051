"""Muon, against singular values and against its formula written out."""

import copy

import pytest
import torch

from neocog.arch import BatchNorm2d, Conv2d, Flatten, Linear, ReLU, Sequential, architecture, head
from neocog.nets import Recipe
from neocog.nn import Model
from neocog.train.optim.muon import Muon, orthogonal
from neocog.train.optim.optimise import make_optimizer


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("shape", [(8, 72), (72, 8), (16, 16)])
def test_singular_vectors_stay_and_values_come_near_one(shape: tuple[int, int]):
    """The directions are those of before; with six rounds, values that were no dust lie between 0.5 and 1.5."""
    g = torch.randn(shape, generator=seeded())
    u, s, vt = torch.linalg.svd(g, full_matrices=False)
    middle = u.T @ orthogonal(g, 6) @ vt.T
    assert float((middle - middle.diagonal().diag()).abs().max()) < 1e-3
    kept = middle.diagonal()[s > 0.05 * s[0]]
    assert len(kept) >= len(s) - 2
    assert float(kept.min()) > 0.5
    assert float(kept.max()) < 1.5
    assert torch.allclose(orthogonal(1e4 * g), orthogonal(g), atol=1e-4), "only the direction of a gradient counts"


def test_three_steps_by_hand():
    """Filters: norm √out, then a rate times the orthogonal Nesterov step. The rest: torch's SGD with the other momentum."""
    net = architecture("net", (2, 6, 6), Sequential(
        conv=Conv2d(4, 3), bn=BatchNorm2d(), relu=ReLU(), flatten=Flatten(), fc=head(Linear(3)),
    ))  # fmt: skip
    ours = Model(net, seeded(1))
    theirs = copy.deepcopy(ours)
    recipe = Recipe(optimizer="muon", lr=0.2, momentum=0.6, rho=0.8, weight_decay=1e-2, bias_lr=3.0)
    muon = make_optimizer(recipe, ours)
    assert isinstance(muon, Muon)
    rest = [(name, p) for name, p in theirs.named_parameters() if p.dim() != 4]
    groups = [{"params": [p], "lr": 0.6 if name.endswith("bias") else 0.2} for name, p in rest]
    sgd = torch.optim.SGD(groups, momentum=0.8, nesterov=True, weight_decay=1e-2)
    filters = theirs.get_parameter("conv.weight")
    velocity = torch.zeros_like(filters)
    for step in range(3):
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.grad = torch.randn(mine.shape, generator=seeded(step))
            other.grad = torch.randn(mine.shape, generator=seeded(step))
        muon.step()
        sgd.step()
        with torch.no_grad():
            gradient = torch.as_tensor(filters.grad)
            velocity = 0.6 * velocity + gradient
            filters *= 2 / filters.norm()  # √4 maps
            filters -= 0.2 * orthogonal((gradient + 0.6 * velocity).flatten(1)).reshape(filters.shape)
    for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(mine, other, atol=1e-6), name


def test_what_does_not_learn_is_left_alone():
    net = architecture("net", (1, 4, 4), Sequential(conv=Conv2d(2, 3), flatten=Flatten(), fc=head(Linear(2))))
    model = Model(net, seeded())
    filters = model.get_parameter("conv.weight").requires_grad_(False)
    before = filters.clone()
    muon = make_optimizer(Recipe(optimizer="muon"), model)
    scores = model(torch.ones(1, 1, 4, 4))
    assert isinstance(scores, torch.Tensor)
    scores.sum().backward()
    muon.step()
    assert torch.equal(filters, before)
