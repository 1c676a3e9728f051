"""Training by gradient descent. Every random choice is a function of the seed and the step.

So a run that was killed and resumed goes on as if it never stopped; the state to keep is weights, the optimiser's memory, the
running mean, what the plateau has come to, and the step.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import PurePath

import numpy as np
import torch

from neocog.nn import Model
from neocog.pictures.augment.draws import generator
from neocog.pictures.sets import Dataset
from neocog.pictures.store import Store
from neocog.runs import Config, RunFolder
from neocog.train import machine, stuck
from neocog.train.batches import Ahead, Batches
from neocog.train.optim.schedule import Plateau
from neocog.train.session import Fitted, OnEvent, Session, even_steps
from neocog.train.starts.start import load_start
from neocog.train.starts.unit_variance import unit_variance
from neocog.train.starts.whiten import whiten
from neocog.train.together.world import ALONE, World, total
from neocog.train.trainer import Meter, Trainer

__all__ = ["calibrate", "fit", "generator", "new_model"]

SAVE_EVERY = 20.0  # seconds between checkpoints, besides one after each validation
LOG_POINTS = 400  # lines of loss in the events of a run, about
VALIDATIONS = 40  # at most about so many in a run
SNAPSHOTS = PurePath("snapshots")
START_PICTURES = 2048  # that a start made from pictures looks at, at most
LOOK_AT = 256  # that a start of unit variance looks at, at least: maps of one picture need not differ


class Stuck(Exception):
    """Nothing was learned; `config` is the run to begin again with."""

    def __init__(self, config: Config):
        super().__init__("nothing was learned")
        self.config = config


def fit(
    config: Config,
    data: Dataset,
    stores: dict[str, Store],
    folder: RunFolder,
    on_event: OnEvent,
    stop: Callable[[], bool],
    device: str = "auto",
    world: World = ALONE,
) -> Fitted:
    """Train, or go on with, the run of `folder`. Raises Interrupted after saving when `stop()` turns true.

    stores: the pixels of "train" and, where there is a validation split, "val". A run that learns nothing and may be mended
    (`config.engine["mend"]`) is begun again, twice at most, with its configuration rewritten.
    """
    machine.keep_freed_memory()
    while True:
        try:
            return _fit(config, stores, folder, on_event, stop, world.device or machine.device(device), world)
        except Stuck as found:
            config = Config.from_json(world.say(found.config.to_json()))  # each process looked at pictures of its own
            if world.main:
                folder.begin_again(config)
            world.wait()


def _fit(
    config: Config,
    stores: dict[str, Store],
    folder: RunFolder,
    on_event: OnEvent,
    stop: Callable[[], bool],
    where: torch.device,
    world: World,
) -> Fitted:
    model = new_model(config, where)
    load_start(model, config, folder)
    recipe, steps = config.recipe, config.steps
    batches = Batches(stores["train"], recipe, config.seed, where, world)
    trainer = new_trainer(config, model, steps, world)
    validate_every = max(batches.per_epoch, steps // VALIDATIONS)
    log_every = max(1, steps // LOG_POINTS)
    look = 0 if world.shard else stuck.when(steps)  # the diagnosis looks at whole weights
    guess = stuck.guessing(batches.store.pictures.labels[batches.indices], len(config.classes))
    snapshots = set(even_steps(steps, config.engine.get("snapshots", 0)).tolist())
    plateau, losses, start = Plateau(), [], 0
    with Session(config, folder, stores, trainer.judged, on_event, world) as session, Ahead(batches, steps) as ahead:
        if (saved := session.begin(batches.per_epoch)) is not None:
            trainer.restore(saved[0])
            start, plateau = saved[1]["step"], Plateau(**saved[1].get("plateau", {}))
            losses, trainer.pieces = saved[1].get("losses", []), saved[1].get("pieces", trainer.pieces)
        else:
            begin(model, config, batches)
            trainer.begin()

        def memory() -> dict:
            return {"plateau": asdict(plateau), "losses": losses if look else [], "pieces": trainer.pieces}

        meter, saved_at = Meter(world), time.monotonic()
        for step in range(start, steps):
            if world.any(stop()):
                raise session.interrupt(trainer.state(), step, **memory())
            trainer.factor, pieces = plateau.factor, trainer.pieces
            trainer.prepare(step, batches)
            batch = ahead.get(step)
            loss, right = trainer.step(step, batch)
            meter.add(loss, right, len(batch.y))
            done = step + 1
            if trainer.pieces != pieces:
                session.tell({"event": "memory", "step": done, "pieces": trainer.pieces, "batch": batches.size})
            if look and done <= look:
                mean = total(world, float(loss) * len(batch.y)) / batch.total
                losses = [*losses, mean][-stuck.WINDOW :]
                if done == look and stuck.looks_stuck(losses, guess):
                    explain(session, trainer, batches, done, losses, guess)
            judged = done % validate_every == 0 or done == steps
            if judged or done % log_every == 0:
                figures = meter.read()
                session.tell({"event": "step", "step": done, "lr": trainer.rate(step), **figures})
                if not np.isfinite(figures["loss"]):
                    session.check_finite(done)
            if judged:
                now = session.validate(done)
                if now.top1 is not None and recipe.schedule == "plateau":
                    plateau = plateau.after(recipe, 100 - now.top1, validate_every / batches.per_epoch)
                meter.reset()
            if done in snapshots:
                session.keep(str(SNAPSHOTS / f"step-{done:07}.safetensors"), done)
            if judged or world.in_step(time.monotonic() - saved_at > SAVE_EVERY):
                session.save(trainer.state(), done, **memory())
                saved_at = time.monotonic()
        return session.finish(steps)


def explain(session: Session, trainer: Trainer, batches: Batches, step: int, losses: list[float], guess: float) -> None:
    """Tell that nothing was learned, and why. Raises Stuck where the run may be mended and was not twice already."""
    config = session.config
    mean = float(np.mean(losses))
    found = replace(
        stuck.diagnose(trainer.model, config.recipe, batches.get(step).part(trainer.pieces)),
        blown=not mean < stuck.BLOWN * guess,
    )
    recipe, change = stuck.mended(config.recipe, found)
    mends = bool(config.engine.get("mend")) and len(config.mended) < 2
    session.tell({"event": "stuck", "step": step, "loss": round(mean, 4), "guessing": round(guess, 4), "why": found.words,
                  "advice": change, "mends": mends, **asdict(found)})  # fmt: skip
    if mends:
        raise Stuck(replace(config, recipe=recipe, mended=(*config.mended, f"step {step}: {change}")))


def new_model(config: Config, where: torch.device) -> Model:
    """The network of a run, as chance starts it."""
    model = Model(config.arch, torch.Generator().manual_seed(config.seed))
    model.preprocessing, model.classes = config.preprocessing, config.classes
    if config.engine.get("checkpointing"):
        model.set_grad_checkpointing()
    return model.to(where).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def new_trainer(config: Config, model: Model, steps: int, world: World = ALONE) -> Trainer:
    """The trainer of a run."""
    e = config.engine
    return Trainer(
        model, config.recipe, steps, config.seed, config.precision, e.get("pieces", 1), e.get("compile", False), world
    )


def begin(model: Model, config: Config, batches: Batches) -> None:
    """The start of a run that is not by chance alone: what the recipe makes of pictures."""
    if not config.recipe.start:
        return
    x = batches.some(START_PICTURES, 6).x
    if config.recipe.start == "whiten":
        whiten(model, x)
    else:
        unit_variance(model, x[: max(LOOK_AT, config.recipe.batch)])


def calibrate(
    config: Config,
    stores: dict[str, Store],
    seconds: float,
    device: str = "auto",
    on_progress: Callable[[str, int, int], None] | None = None,
) -> int:
    """How many steps fit in `seconds` on this machine, validations included; measured once, on a copy of the network.

    The trial takes a twentieth of the time, but two steps at least. `on_progress` may raise to stop it.
    """
    from neocog.train.trial import speed

    begin = time.monotonic()
    found = speed(config, stores, min(6.0, max(1.0, seconds / 20)), device, on_progress)
    left = seconds - (time.monotonic() - begin)
    return max(1, int(0.95 * left / (found.step + found.judging / config.steps_per_epoch)))
