"""Every recipe of every network makes an optimiser and takes real steps, on the smallest pictures that the network takes."""

import math

import pytest
import torch

from neocog.arch import Architecture, fits
from neocog.arch.rewrite import with_classes, with_input
from neocog.errors import ShapeError
from neocog.nets import nets, resolve
from neocog.nets.recipes import recipes
from neocog.nn import Model
from neocog.train.batches import Batch
from neocog.train.optim.levenberg import DiagonalLM
from neocog.train.trainer import Trainer

SIDES = (32, 48, 64, 75, 96, 107, 128, 160, 192, 224, 227, 256, 299)
BATCH, CLASSES, STEPS = 4, 3, 3  # dropout can silence the head of a small net for a step or two
QUICK = ["lenet5", "resnet8.cifar", "mobilenet_v2.w035", "highway10.mnist", "squeezenet1_1"]


def smallest(name: str) -> Architecture:
    """The network for three classes, on the smallest pictures of SIDES that it takes; else its own."""
    arch = resolve(name).build()
    for side in SIDES:
        shape = (arch.input[0], side, side)
        if side < arch.input[-1] and fits(arch, shape):
            try:
                arch, _ = with_input(arch, shape)
                break
            except ShapeError:
                continue
    return with_classes(arch, CLASSES)[0]


def check(name: str) -> None:
    torch.set_num_threads(1)
    found = {key: r for key, r in recipes(resolve(name)).items() if r.learner == "sgd"}
    arch = smallest(name)
    model = Model(arch, torch.Generator().manual_seed(0))
    start = {key: value.clone() for key, value in model.state_dict().items()}
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(BATCH, *arch.input, generator=generator)
    y = torch.randint(CLASSES, (BATCH,), generator=generator)
    shares = torch.rand(BATCH, CLASSES, generator=generator).softmax(1)
    for key, recipe in found.items():
        model.load_state_dict(start)
        mixed = any(word.startswith(("mixup", "cutmix")) for word in recipe.augment)
        trainer = Trainer(model, recipe, 1000, 0)
        for step in range(STEPS):
            if isinstance(trainer.optimizer, DiagonalLM):
                trainer.optimizer.estimate(model, trainer.loss, x, y)
            loss, right = trainer.step(step, Batch(x, shares if mixed else y, BATCH))
            assert math.isfinite(float(loss)), f"{key}: loss {float(loss)} at step {step}"
            assert 0 <= int(right) <= BATCH
        learned = [n for n, p in trainer.named.items() if not torch.equal(p, start[n])]
        assert len(learned) > 0.5 * len(trainer.named), f"{key}: only {learned} learned anything"
        for part in (model, trainer.judged):
            assert all(bool(p.isfinite().all()) for p in part.state_dict().values()), f"{key}: a weight is no number"


@pytest.mark.parametrize("name", QUICK)
def test_recipes_of_small_networks_take_steps(name: str):
    check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in nets() if n not in QUICK and resolve(n).build().head is not None])
def test_every_recipe_of_every_network_takes_steps(name: str):
    check(name)
