"""Several processes compute what one computes: gradients, batch normalisation, augmentation, evaluation."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from neocog.arch import SiLU
from neocog.arch.rewrite import with_activation, with_channels, with_classes, with_input
from neocog.errors import UserError
from neocog.nets import Recipe, resolve
from neocog.nn import Model
from neocog.pictures import ArrayPictures, Preprocessing
from neocog.pictures.store import Store
from neocog.train.batches import Batches
from neocog.train.together.shard import check
from neocog.train.together.world import ALONE, World
from neocog.train.trainer import Trainer

from .team import team

pytest.importorskip("accelerate", reason="several processes need accelerate")
RECIPE = Recipe(lr=0.05, nesterov=True, batch=16, augment=("flip", "crop"), schedule="constant")


def model(name: str) -> Model:
    """A residual net with batch normalisation. Smooth: at the kink of a ReLU the last bit of a sum becomes a jump."""
    arch, _ = with_activation(resolve(name).build(), SiLU())
    arch, _ = with_input(with_channels(with_classes(arch, 4)[0], 3)[0], (3, 16, 16))
    return Model(arch, torch.Generator().manual_seed(0)).to(memory_format=torch.channels_last)


def store(count: int = 40) -> Store:
    rng = np.random.default_rng(0)
    pixels, labels = rng.integers(0, 256, (count, 16, 16, 3), np.uint8), rng.integers(0, 4, count)
    return Store(ArrayPictures(pixels, labels, list("abcd"), "some"), Preprocessing(16, 16, mean=(0.5,), std=(0.25,)))


def steps(world: World, name: str, recipe: Recipe, count: int = 5) -> dict[str, np.ndarray]:
    trainer = Trainer(model(name), recipe, count, seed=3, world=world)
    batches = Batches(store(), recipe, 3, torch.device("cpu"), world)
    for step in range(count):
        trainer.step(step, batches.get(step))
    values = trainer.model.state_dict() | {f"velocity.{k}": v for k, v in trainer.state().items()}
    values = world.whole(values)
    return {key: value.numpy().copy() for key, value in values.items()}


def restored(world: World) -> bool:
    """Whether a divided network that is put back takes the very steps of the one whose state it got."""
    batches = Batches(store(), RECIPE, 3, torch.device("cpu"), world)
    one, other = (Trainer(model("resnet8.cifar"), RECIPE, 4, seed=3, world=world) for _ in range(2))
    for step in range(2):
        one.step(step, batches.get(step))
    other.restore({key: value.clone() for key, value in world.whole(one.state()).items()})
    for trainer in (one, other):
        for step in (2, 3):
            trainer.step(step, batches.get(step))
    ours, theirs = world.whole(one.state()), world.whole(other.state())
    alike = world.plain(one.model)(torch.ones(1, 3, 16, 16)).equal(world.plain(other.model)(torch.ones(1, 3, 16, 16)))
    return alike and ours.keys() == theirs.keys() and all(torch.equal(ours[key], theirs[key]) for key in ours)


def everything(world: World) -> dict:
    """What one process of a team finds; one start of processes serves all tests here, for starting them takes longest."""
    told = {"a": torch.arange(3), "b": torch.tensor(True)}
    scores = np.arange(7 * 3, dtype=np.float32).reshape(7, 3)
    return {
        "trained": steps(world, "resnet8.cifar", RECIPE),
        "few": steps(world, "resnet8.cifar", replace(RECIPE, batch=2), 3),
        "divided": steps(replace(world, shard=True), "resnet8.cifar", replace(RECIPE, clip=5.0)),
        "restored": restored(replace(world, shard=True)),
        "gathered": world.gather(scores[world.share(len(scores))]),
        "judged": len(world.share(7)),
        "none": world.gather(scores[:0]),
        "sums": [float(v) for v in world.sums(torch.tensor(float(world.rank)), torch.tensor(2.0))],
        "any": (world.any(world.rank == 1), world.any(False)),
        "said": world.say({"rank": world.rank}),
        "spread": {key: value.tolist() for key, value in world.spread(told if world.main else None).items()},
    }


@pytest.fixture(scope="module")
def three() -> list[dict]:
    return team(3, everything)


def same(several: dict[str, np.ndarray], one: dict[str, np.ndarray]) -> None:
    """Weights within 1e-5 of one another (1e-6 on average)."""
    assert several.keys() == one.keys()
    for key, value in one.items():
        np.testing.assert_allclose(several[key], value, atol=1e-5, rtol=1e-5, err_msg=key)
    away = np.concatenate([np.abs(several[k] - v).ravel() for k, v in one.items() if v.dtype == np.float32])
    assert away.mean() < 1e-6


def test_three_processes_train_as_one_with_the_same_batch(three):
    """16 pictures over three processes: 5, 5 and 6. Residual net with batch normalisation, Nesterov, flips and crops."""
    alone = steps(ALONE, "resnet8.cifar", RECIPE)
    untouched = dict(model("resnet8.cifar").state_dict())
    assert max(np.abs(alone[k] - v.numpy()).max() for k, v in untouched.items()) > 0.01, "nothing was learned"
    for found in three:
        same(found["trained"], alone)
        assert all(np.array_equal(found["trained"][k], three[0]["trained"][k]) for k in alone), "processes drifted apart"


def test_a_process_without_a_picture_of_the_batch_does_its_part(three):
    alone = steps(ALONE, "resnet8.cifar", replace(RECIPE, batch=2), 3)
    for found in three:
        same(found["few"], alone)


def test_divided_weights_learn_as_whole_ones_do(three):
    """FSDP2 by blocks, the norm of all gradients limited; and its state, put together and put back."""
    alone = steps(ALONE, "resnet8.cifar", replace(RECIPE, clip=5.0))
    for found in three:
        same(found["divided"], alone)
        assert found["restored"]


@pytest.mark.parametrize("change", [{"ema": 0.9}, {"filter_rms": 0.1}, {"start": "whiten"}, {"optimizer": "lm"}])
def test_what_needs_whole_weights_is_refused(change):
    check(RECIPE)
    with pytest.raises(UserError, match=f"--shard does not go with --{next(iter(change)).replace('_', '-')}"):
        check(replace(RECIPE, nesterov=False, **change))


def test_one_process_pays_nothing():
    """Neither accelerate nor torch's distributed part is loaded by a training in one process."""
    code = (
        "import sys; from neocog.cli.together import world_of; from neocog.train import sgd; assert world_of().size == 1;"
        "print([m for m in ('accelerate', 'neocog.train.together.distributed', 'torch.distributed.fsdp') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_picture_is_judged_once(three):
    """Seven pictures over three processes, none twice."""
    assert sorted(found["judged"] for found in three) == [2, 2, 3]
    for found in three:
        assert np.array_equal(found["gathered"], np.arange(21, dtype=np.float32).reshape(7, 3))
        assert found["none"].shape == (0, 3)


def test_processes_tell_one_another(three):
    for found in three:
        assert found["sums"] == [3.0, 6.0] and found["any"] == (True, False) and found["said"] == {"rank": 0}
        assert found["spread"] == {"a": [0, 1, 2], "b": True}
