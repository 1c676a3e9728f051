"""What is settled before the first step: whether a network can be trained so, and how its steps are computed."""

from collections.abc import Mapping
from typing import Any

import torch

from neocog.arch import RBF, Architecture, BatchNorm2d, Linear, analyse
from neocog.arch.account import Row
from neocog.errors import UserError
from neocog.nets import Recipe
from neocog.pictures.augment.spec import parse_all
from neocog.pictures.doctor.quick import quick_findings, too_many_bad
from neocog.pictures.sets import Dataset
from neocog.pictures.store import Store
from neocog.train import memory, neocognitron
from neocog.train.frozen import solved
from neocog.train.optim.freeze import frozen_paths
from neocog.train.starts.whiten import first_convolution
from neocog.train.wishes import Wishes


def refuse_bad(data: Dataset, stores: Mapping[str, Store], limit: float) -> None:
    """Raises DataError if more than the share `limit` of all pictures cannot be read, as far as is known by now."""
    splits = [split for split in (data.train, data.val, data.test) if split is not None]
    bad = [*data.skipped, *(store.failed[i] for store in stores.values() for i in sorted(store.failed))]
    too_many_bad(bad, len(data.skipped) + sum(map(len, splits)), limit)


def what_the_doctor_says(data: Dataset) -> list[str]:
    """What a quick look finds wrong with the data, a line each; files that are left out are told at the end."""
    told = {bad.where for bad in data.skipped}
    grave = (found for found in quick_findings(data) if found.severity != "note")
    return [found.sentence for found in grave if not (found.files and told.issuperset(found.files))]


def check_recipe(recipe: Recipe, arch: Architecture, batch: int) -> None:
    """Raises UserError for what this network cannot be trained with."""
    if recipe.learner in ("neocognitron", neocognitron.TAUGHT):
        neocognitron.check(arch)
    solved.check(arch, recipe.learner)
    weighted = [row.node.record for row in analyse(arch).rows if row.tensors]
    if recipe.learner == "perceptron" and not (len(weighted) == 1 and isinstance(weighted[0], Linear)):
        raise UserError(f"--learner perceptron teaches one full connection; {arch.name} is more than that")
    if recipe.loss in ("mle", "map") and not any(isinstance(n.record, RBF) for n in arch.nodes):
        raise UserError(f"--loss {recipe.loss} is for scores that are distances to codes (lenet5's); {arch.name} gives others")
    check_normalised(arch, batch)
    mixing = [spec.name for spec in parse_all(recipe.augment) if spec.kind.stage == "mix"]
    if mixing and recipe.loss != "cross_entropy":
        raise UserError(f"--loss {recipe.loss} wants one class a picture: leave out {', '.join(mixing)}")
    frozen_paths(arch, recipe.freeze)
    if recipe.start == "whiten":
        first_convolution(arch)


def check_normalised(arch: Architecture, together: int) -> None:
    """Raises UserError where so few pictures at a time leave batch normalisation a single number."""
    if together == 1 and any(row.output[1:] == (1, 1) for row in normalised(arch)):
        raise UserError(
            "one picture at a time leaves batch normalisation nothing to average over: a larger --batch, fewer --pieces"
        )


def normalised(arch: Architecture) -> list[Row]:
    """The rows that normalise over a batch."""
    return [row for row in analyse(arch).rows if isinstance(row.node.record, BatchNorm2d)]


def engine_of(wishes: Wishes, arch: Architecture, recipe: Recipe, count: int, where: torch.device) -> dict[str, Any]:
    """How the steps are computed, where that shows in the last bits of the weights; what was not asked for is left out."""
    asked = {
        "compile": wishes.compile,
        "checkpointing": wishes.checkpointing,
        "mend": wishes.mend,
        "snapshots": wishes.snapshots,
    }
    if recipe.learner != "sgd":
        if vain := [f"--{name}" for name, value in {**asked, "pieces": wishes.pieces}.items() if value]:
            raise UserError(f"{', '.join(vain)}: for gradient descent; here the learner is {recipe.learner}")
        return {"pieces": 1}
    free = memory.free_memory(where)
    pieces = min(wishes.pieces or 1, recipe.batch, count)
    if wishes.pieces is None and not wishes.checkpointing:
        pieces = memory.fit_pieces(arch, min(recipe.batch, count), recipe.optimizer, bool(recipe.ema), free)
    if pieces > 1:
        check_normalised(arch, min(recipe.batch, count) // pieces)
    return {"pieces": pieces, **{name: value for name, value in asked.items() if value}}
