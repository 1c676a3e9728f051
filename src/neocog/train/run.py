"""From data and wishes to a resolved run, and through it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neocog.arch import RBF, Architecture, BatchNorm2d, Linear, SCell, analyse
from neocog.arch.account import Row
from neocog.errors import UserError
from neocog.nets import Net, Recipe, resolve
from neocog.pictures.preprocessing import Preprocessing, mean_std
from neocog.pictures.sets import Dataset, Pictures
from neocog.pictures.store import Store
from neocog.runs import Config, RunFolder
from neocog.train import machine, memory, neocognitron, perceptron, sgd
from neocog.train.choose import choose_recipe, default_net, fit
from neocog.train.session import Fitted, OnEvent

LEARNERS = {
    "sgd": sgd.fit,
    "perceptron": perceptron.fit,
    "neocognitron": neocognitron.fit,
    neocognitron.TAUGHT: neocognitron.fit,
}
MAX_BAD = 0.05  # the share of pictures that may be unreadable
HALF_FROM = 5_000_000  # MACs a picture: smaller nets gain nothing from bfloat16
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Wishes:
    """What the user asked for; None leaves it to the card, the data or the machine."""

    net: str | None = None
    recipe: str = "quick"
    epochs: float | None = None
    steps: int | None = None
    budget: float | None = None  # seconds
    seed: int = 0
    side: int | None = None
    device: str = "auto"
    precision: str = "auto"
    weights: str | None = None  # a run, a weight file or "pretrained": where the start comes from
    compile: bool = False
    checkpointing: bool = False
    mend: bool = False  # begin again with another start or rate where nothing is learned
    snapshots: int = 0  # how many weights to keep on the way
    max_bad: float = MAX_BAD
    changes: tuple[tuple[str, Any], ...] = ()  # fields of the recipe: (("lr", 0.05), …)


@dataclass(frozen=True)
class Resolved:
    """A run ready to start: its configuration, the pixels, and one line for each decision taken on the way."""

    config: Config
    stores: dict[str, Store]
    reasons: tuple[str, ...]


def open_stores(data: Dataset, preprocessing: Preprocessing, on_progress: Progress | None = None) -> dict[str, Store]:
    """The pixels of the training and validation splits, decoded into memory where they fit."""
    stores = {}
    for name, pictures in (("train", data.train), ("val", data.val)):
        if pictures is None:
            continue
        stores[name] = Store(pictures, preprocessing)
        stores[name].fill(
            None if on_progress is None else lambda done, total, n=name: on_progress(f"reading {n} pictures", done, total)
        )
    return stores


def resolve_run(data: Dataset, spec: str, wishes: Wishes, on_progress: Progress | None = None) -> Resolved:
    """Decide all that `wishes` leaves open. Raises UserError or ShapeError for what cannot be."""
    reasons = list(data.notes)
    name, why = (wishes.net, "") if wishes.net else default_net(data.size)
    net = resolve(name)
    if why:
        reasons.append(f"net {name}: {why}; --net takes another")
    elif net.name != wishes.net:
        reasons.append(f"{wishes.net} is {net.name} here")
    choice = fit(net, data.size, len(data.classes), wishes.side, alike=data.train.arrays is not None)
    recipe = _recipe(net, wishes, data)
    preprocessing = _measured(data.train, choice.preprocessing) if choice.measure else choice.preprocessing
    stores = open_stores(data, preprocessing, on_progress)
    count = len(stores["train"].good)
    labels = data.train.labels[stores["train"].good]
    for number, name in enumerate(data.classes):
        if number not in labels:
            raise UserError(
                f"{data.name}: not one training picture of class '{name}' can be read; mend them or remove the class"
            )
    if recipe.name == "quick" and "batch" not in dict(wishes.changes) and recipe.learner == "sgd":
        recipe, note = _for_few(recipe, count, keep_rate="lr" in dict(wishes.changes))
        reasons += note
    _check_recipe(recipe, choice.arch, min(recipe.batch, count))
    where = machine.device(wishes.device)
    precision = wishes.precision
    if precision == "auto":
        macs = analyse(choice.arch).total("macs")
        precision = "bf16" if machine.bf16_helps(where) and macs >= HALF_FROM and recipe.loss == "cross_entropy" else "fp32"
    per_epoch = max(1, count // min(recipe.batch, count))
    engine = _engine(wishes, choice.arch, recipe, count, where)
    if engine["pieces"] > 1:
        reasons.append(
            f"batches of {min(recipe.batch, count)} in {engine['pieces']} pieces, to fit into memory"
            + ("; batch normalisation sees each piece by itself" if _normalised(choice.arch) else "")
        )
    config = Config(
        net=net.name,
        kind=recipe.learner,
        arch=choice.arch,
        preprocessing=preprocessing,
        recipe=recipe,
        classes=data.classes,
        data={
            "spec": spec,
            "name": data.name,
            "fingerprint": data.fingerprint,
            "split_seed": wishes.seed,
            "n_train": count,
            "n_val": len(data.val) if data.val else 0,
            "n_test": len(data.test) if data.test else 0,
        },
        seed=wishes.seed,
        steps=1,
        steps_per_epoch=per_epoch,
        precision=precision,
        length="",
        versions=machine.versions(),
        engine=engine,
    )
    return Resolved(_with_length(config, wishes, stores, on_progress), stores, (*reasons, *choice.reasons))


def _recipe(net: Net, wishes: Wishes, data: Dataset) -> Recipe:
    recipe = choose_recipe(net, wishes.recipe, data.flip)
    changes = dict(wishes.changes)
    if changes.get("momentum") == 0 or changes.get("optimizer", "sgd") != "sgd":
        changes.setdefault("nesterov", False)  # there is nothing to look ahead along
    try:
        return replace(recipe, **changes)
    except TypeError as error:  # a name that no recipe has
        raise UserError(f"recipe: {error}") from None


def _check_recipe(recipe: Recipe, arch: Architecture, batch: int) -> None:
    """Raises UserError for what this network cannot be trained with."""
    if recipe.learner in ("neocognitron", neocognitron.TAUGHT):
        neocognitron.check(arch)
    weighted = [row.node.record for row in analyse(arch).rows if row.tensors]
    if recipe.learner == "perceptron" and not (len(weighted) == 1 and isinstance(weighted[0], Linear)):
        raise UserError(f"--learner perceptron teaches one full connection; {arch.name} is more than that")
    if recipe.loss in ("mle", "map") and not any(isinstance(n.record, RBF) for n in arch.nodes):
        raise UserError(f"--loss {recipe.loss} is for scores that are distances to codes (lenet5's); {arch.name} gives others")
    if batch == 1 and any(row.output[1:] == (1, 1) for row in _normalised(arch)):
        raise UserError("batches of one picture leave batch normalisation nothing to average over: --batch 2 or more")


def _normalised(arch: Architecture) -> list[Row]:
    return [row for row in analyse(arch).rows if isinstance(row.node.record, BatchNorm2d)]


def _engine(wishes: Wishes, arch: Architecture, recipe: Recipe, count: int, where: torch.device) -> dict[str, Any]:
    """How the steps are computed, where that shows in the last bits of the weights; what was not asked for is left out."""
    if recipe.learner != "sgd":
        return {"pieces": 1}
    free = memory.free_memory(where)
    pieces = 1
    if not wishes.checkpointing:
        pieces = memory.fit_pieces(arch, min(recipe.batch, count), recipe.optimizer, bool(recipe.ema), free)
    asked = {"compile": wishes.compile, "checkpointing": wishes.checkpointing, "mend": wishes.mend, "snapshots": wishes.snapshots}
    return {"pieces": pieces, **{name: value for name, value in asked.items() if value}}


def _for_few(recipe: Recipe, pictures: int, keep_rate: bool) -> tuple[Recipe, list[str]]:
    """Smaller batches for a small set, so that a pass has some sixteen updates or more; the rate shrinks with the batch."""
    batch = recipe.batch
    while batch > 8 and batch * 16 > pictures:
        batch //= 2
    if batch == recipe.batch:
        return recipe, []
    smaller = replace(recipe, batch=batch, lr=recipe.lr if keep_rate else recipe.lr * batch / recipe.batch)
    return smaller, [f"{pictures:,} training pictures are few: batches of {batch}, rate {smaller.lr:g}"]


def _measured(pictures: Pictures, preprocessing: Preprocessing) -> Preprocessing:
    """Mean and standard deviation of up to 2,000 of the training pictures, evenly spaced; without the black of a padding."""
    sample = pictures.subset(np.unique(np.linspace(0, len(pictures) - 1, min(2000, len(pictures))).astype(int)))
    plain = replace(preprocessing, scale=1 / 255, mean=(0.0,), std=(1.0,))
    if preprocessing.resize == "pad" and sample.arrays is not None:
        mean, std = mean_std(sample.arrays)
    else:
        pixels, _ = Store(sample, plain).get(range(len(sample)))
        if not len(pixels):
            raise UserError("none of the training pictures can be read")
        mean, std = mean_std(pixels)
    return replace(plain, mean=tuple(round(v, 4) for v in mean), std=tuple(max(round(v, 4), 1e-3) for v in std))


def _with_length(config: Config, wishes: Wishes, stores: dict[str, Store], on_progress: Progress | None) -> Config:
    """A number of steps, once and for all."""
    given = [w for w in (wishes.epochs, wishes.steps, wishes.budget) if w is not None]
    if len(given) > 1:
        raise UserError("--epochs, --steps and --budget each set the length: give one of them")
    if any(not value > 0 or math.isinf(value) for value in given):
        raise UserError("the length of a training must be above 0")
    if config.kind == "perceptron":
        if wishes.budget is not None:
            raise UserError("the perceptron's length is a number of passes: give --epochs")
        passes = int(wishes.epochs or wishes.steps or config.recipe.epochs)
        return replace(config, steps=max(1, passes), steps_per_epoch=1, length=f"up to {max(1, passes)} passes")
    if config.kind in ("neocognitron", neocognitron.TAUGHT):
        if wishes.budget is not None:
            raise UserError("the Neocognitron's length is a number of passes for each layer: give --epochs")
        if wishes.steps is None:
            layers = sum(isinstance(node.record, SCell) for node in config.arch.nodes)
            epochs = wishes.epochs if wishes.epochs is not None else config.recipe.epochs
            steps = layers * max(1, round(epochs * config.steps_per_epoch))
            return replace(config, steps=steps, length=f"{epochs:g} epochs for each of {layers} layers")
    if wishes.steps is not None:
        return replace(config, steps=int(wishes.steps), length=f"{wishes.steps} steps")
    if wishes.budget is not None:
        steps = sgd.calibrate(config, stores, wishes.budget, wishes.device, on_progress)
        return replace(config, steps=steps, length=f"{wishes.budget:g} s on this machine, {steps} steps")
    epochs = wishes.epochs if wishes.epochs is not None else _default_epochs(config)
    return replace(config, steps=max(1, round(epochs * config.steps_per_epoch)), length=f"{epochs:g} epochs")


def _default_epochs(config: Config) -> float:
    """The recipe's passes; more of them over a small set, which would otherwise see too few steps to learn anything."""
    least = 400 if config.recipe.name == "quick" else 0
    return max(config.recipe.epochs, min(60.0, round(least / config.steps_per_epoch)))


def check_same_data(config: Config, data: Dataset, spec: str, folder: RunFolder) -> None:
    """Raises UserError if the data is not what the run was begun with."""
    if data.fingerprint != config.data["fingerprint"]:
        raise UserError(
            f"{spec} is not the data that {folder.path} was begun with ({config.data['name']}): "
            "pictures were added, removed or changed; begin a new run"
        )


def reopen(folder: RunFolder, data: Dataset, on_progress: Progress | None = None) -> Resolved:
    """A run that was begun on this data, ready to go on."""
    config = folder.config()
    return Resolved(config, open_stores(data, config.preprocessing, on_progress), ())


def run(
    resolved: Resolved,
    data: Dataset,
    out: str | Path,
    on_event: OnEvent,
    stop: Callable[[], bool],
    device: str = "auto",
) -> Fitted:
    """Train to the end in the run folder `out`. Raises Interrupted when `stop()` turns true; the run can then be resumed."""
    return LEARNERS[resolved.config.kind](resolved.config, data, resolved.stores, RunFolder(out), on_event, stop, device)
