"""How long a training is: passes, updates or seconds become a number of steps, once."""

import math
from dataclasses import replace

from neocog.arch import SCell
from neocog.errors import UserError
from neocog.nets import Recipe
from neocog.pictures.store import Store
from neocog.runs import Config
from neocog.train import neocognitron, sgd
from neocog.train.frozen import features, solved
from neocog.train.wishes import Progress, Wishes


def with_length(config: Config, wishes: Wishes, stores: dict[str, Store], on_progress: Progress | None) -> Config:
    """A number of steps, once and for all."""
    given = [w for w in (wishes.epochs, wishes.steps, wishes.budget) if w is not None]
    if len(given) > 1:
        raise UserError("--epochs, --steps and --budget each set the length: give one of them")
    if any(not value > 0 or math.isinf(value) for value in given):
        raise UserError("the length of a training must be above 0")
    if config.kind == features.KIND:
        return features.length(config)
    if config.kind in solved.KINDS:
        return solved.length(config, wishes, stores)
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
    epochs = wishes.epochs if wishes.epochs is not None else default_epochs(config)
    return replace(config, steps=max(1, round(epochs * config.steps_per_epoch)), length=f"{epochs:g} epochs")


def default_epochs(config: Config) -> float:
    """The recipe's passes; more of them over a small set, which would otherwise see too few steps to learn anything."""
    least = 400 if config.recipe.name == "quick" else 0
    return max(config.recipe.epochs, min(60.0, round(least / config.steps_per_epoch)))


def for_few(recipe: Recipe, pictures: int, keep_rate: bool) -> tuple[Recipe, list[str]]:
    """Smaller batches for a small set, so that a pass has some sixteen updates or more; the rate shrinks with the batch."""
    batch = recipe.batch
    while batch > 8 and batch * 16 > pictures:
        batch //= 2
    if batch == recipe.batch:
        return recipe, []
    smaller = replace(recipe, batch=batch, lr=recipe.lr if keep_rate else recipe.lr * batch / recipe.batch)
    return smaller, [f"{pictures:,} training pictures are few: batches of {batch}, rate {smaller.lr:g}"]
