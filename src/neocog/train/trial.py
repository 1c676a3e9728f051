"""Short trials on a copy of the network: how long a step takes, how much memory, and which learning rates learn."""

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from neocog.errors import UserError
from neocog.pictures.store import Store
from neocog.runs import Config, Predictor
from neocog.train import machine
from neocog.train.batches import Batches
from neocog.train.memory import fixed_bytes, free_memory, picture_bytes
from neocog.train.sgd import begin as begin_weights
from neocog.train.sgd import new_model, new_trainer
from neocog.train.starts.start import Start
from neocog.train.wishes import Progress

LOWEST, HIGHEST = 1e-5, 10.0  # of the rates that are tried
SMOOTH = 0.9
BLOWN = 4.0  # times the best loss: there is no need to go on


@dataclass(frozen=True)
class Speed:
    """Seconds a step, with its share of what is done once a pass, and for judging the validation split once, measured here."""

    step: float
    judging: float


def speed(
    config: Config, stores: dict[str, Store], seconds: float, device: str = "auto", on_progress: Progress | None = None
) -> Speed:
    """Measured in a trial of about `seconds`, two steps at least. `on_progress` may raise to stop it."""
    machine.keep_freed_memory()
    where = machine.device(device)
    model = new_model(config, where)
    batches = Batches(stores["train"], config.recipe, config.seed, where)
    trainer = new_trainer(config, model, 10**6)
    times: list[float] = []
    estimate = 0.0  # seconds of what the optimiser wants to know once a pass
    start = time.monotonic()
    while len(times) < 2 or (time.monotonic() - start < seconds and len(times) < 200):
        if on_progress is not None:
            on_progress("measuring this machine", min(100, round(100 * (time.monotonic() - start) / seconds)), 100)
        tick = time.monotonic()
        trainer.prepare(len(times), batches)
        estimate = max(estimate, time.monotonic() - tick)
        tick = time.monotonic()
        float(trainer.step(len(times), batches.get(len(times)))[0])
        times.append(time.monotonic() - tick)
    judging = 0.0
    if (val := stores.get("val")) is not None:
        tick = time.monotonic()
        pixels, _ = val.get(np.arange(min(256, len(val.pictures))))
        Predictor(model, config.preprocessing, config.classes, config.net, config.recipe.test_flip).scores(pixels)
        judging = (time.monotonic() - tick) / max(1, len(pixels)) * len(val.pictures)
    return Speed(float(np.median(times[1:])) + estimate / batches.per_epoch, judging)


@dataclass(frozen=True)
class Needs:
    """Bytes that a training takes at once, and those that are free here."""

    training: int
    free: int
    pieces: int


def needs(config: Config, device: str = "auto") -> Needs:
    """An estimate from the layer table: every map kept for the way back, whatever checkpointing would spare."""
    recipe, pieces = config.recipe, config.engine.get("pieces", 1)
    fixed = fixed_bytes(config.arch, recipe.optimizer, bool(recipe.ema))
    batch = math.ceil(min(recipe.batch, max(1, config.data["n_train"])) / pieces)
    return Needs(fixed + batch * picture_bytes(config.arch), free_memory(machine.device(device)), pieces)


@dataclass(frozen=True)
class RateRange:
    """A learning-rate range test (Smith 2017, section 3.3): the smoothed loss at each rate tried, and the rate to take."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggested: float


def rate_range(
    config: Config,
    stores: dict[str, Store],
    steps: int = 100,
    device: str = "auto",
    on_progress: Progress | None = None,
    start: Start | None = None,
) -> RateRange:
    """Train a copy, from the weights that the run begins from, while the rate grows from 1e-5 to 10.

    Suggested is a tenth of the rate where the loss was least, for plain momentum, where it still falls steeply.
    """
    machine.keep_freed_memory()
    where = machine.device(device)
    recipe = replace(config.recipe, schedule="constant", warmup=0.0, lr=1.0, ema=0.0)
    trial = replace(config, recipe=recipe)
    model = new_model(trial, where)
    if start is not None:
        model.load_state_dict(start.values, strict=False)
    batches = Batches(stores["train"], recipe, config.seed, where)
    begin_weights(model, trial, batches)
    trainer = new_trainer(trial, model, steps)
    rates, losses, mean = [], [], 0.0
    for step in range(steps):
        if on_progress is not None:
            on_progress("trying learning rates", step, steps)
        trainer.factor = LOWEST * (HIGHEST / LOWEST) ** (step / max(1, steps - 1))
        trainer.prepare(step, batches)
        loss = float(trainer.step(step, batches.get(step))[0])
        mean = SMOOTH * mean + (1 - SMOOTH) * loss
        smooth = mean / (1 - SMOOTH ** (step + 1))
        if not math.isfinite(smooth) or (losses and smooth > BLOWN * min(losses)):
            break
        rates.append(trainer.factor)
        losses.append(smooth)
    if len(losses) < 3:
        raise UserError("the loss is no number at the smallest rate already: look at the pictures and at the start")
    return RateRange(tuple(rates), tuple(losses), rates[int(np.argmin(losses))] / 10)
