"""Training by stochastic gradient descent. Every random choice is a function of the seed and the step.

So a run that was killed and resumed goes on as if it never stopped, and the state to keep is weights, momentum and step.
"""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neocog.errors import BadPicture, UserError
from neocog.nets import Recipe
from neocog.nn import Model, Outputs
from neocog.pictures.sets import Dataset
from neocog.pictures.store import Store
from neocog.runs import Config, Predictor, RunFolder
from neocog.runs.events import Event
from neocog.runs.folder import BEST, LAST
from neocog.train import machine
from neocog.train.augment import augment
from neocog.train.losses import Loss, make_loss
from neocog.train.schedule import learning_rate

SAVE_EVERY = 20.0  # seconds between checkpoints, besides one after each validation
LOG_POINTS = 400  # lines of loss in the events of a run, about
VALIDATIONS = 40  # at most about so many in a run

OnEvent = Callable[[Event], None]


class Interrupted(Exception):
    """Training was asked to stop and has saved its state at `step`."""

    def __init__(self, step: int):
        super().__init__(f"stopped at step {step}")
        self.step = step


@dataclass(frozen=True)
class Fitted:
    """A finished training: the predictor (best weights), where validation was best, and pictures that failed."""

    predictor: Predictor
    best_step: int
    best_top1: float | None
    failed: tuple[BadPicture, ...]


def generator(*key: int) -> np.random.Generator:
    """Random numbers that are a function of `key`."""
    return np.random.default_rng(np.random.SeedSequence(key))


class Batches:
    """Shuffled batches of the training pictures: which, by seed and step alone."""

    def __init__(self, store: Store, recipe: Recipe, seed: int, where: torch.device):
        self.store, self.recipe, self.seed, self.where = store, recipe, seed, where
        self.indices = store.good
        if len(self.indices) == 0:
            raise UserError("none of the training pictures can be read")
        self.size = min(recipe.batch, len(self.indices))
        self.per_epoch = max(1, len(self.indices) // self.size)
        self._order: tuple[int, np.ndarray] = (-1, self.indices)

    def order(self, epoch: int) -> np.ndarray:
        """The pictures in the order of this epoch."""
        if self._order[0] != epoch:
            self._order = (epoch, generator(self.seed, 1, epoch).permutation(self.indices))
        return self._order[1]

    def get(self, step: int) -> tuple[Tensor, Tensor]:
        """(N×C×H×W, N labels) of one step, augmented and normalised."""
        epoch, place = divmod(step, self.per_epoch)
        wanted = self.order(epoch)[place * self.size : (place + 1) * self.size]
        pixels, kept = self.store.get(wanted)
        pixels = augment(pixels, self.recipe.augment, generator(self.seed, 2, step))
        x = torch.from_numpy(self.store.preprocessing.normalise(pixels)).to(self.where)
        return x.contiguous(memory_format=torch.channels_last), torch.from_numpy(self.store.pictures.labels[kept]).to(
            self.where
        )


class Trainer:
    """Model, optimiser and loss; one step at a time."""

    def __init__(self, model: Model, recipe: Recipe, steps: int, seed: int, precision: str):
        self.model, self.recipe, self.steps, self.seed = model, recipe, steps, seed
        self.loss: Loss = make_loss(recipe)
        self.named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.optimizer = torch.optim.SGD(
            self.named.values(),
            lr=recipe.lr,
            momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
            nesterov=recipe.nesterov,
        )
        self.where = next(model.parameters()).device
        self.half = precision == "bf16"

    def step(self, step: int, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """One update; (loss, number of right answers) as tensors of no dimension."""
        torch.manual_seed(hash((self.seed, 3, step)) & 0x7FFFFFFF)  # dropout; tuples of ints hash alike everywhere
        self.model.train()
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.recipe, step, self.steps)
        with torch.autocast(self.where.type, torch.bfloat16, enabled=self.half):
            out = self.model(x)
        logits, aux = out if isinstance(out, Outputs) else (out, {})
        assert isinstance(logits, Tensor)
        loss = self.loss(logits.float(), y)
        for tap in self.model.arch.taps:
            loss = loss + tap.weight * self.loss(aux[tap.name].float(), y)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), (logits.argmax(1) == y).sum()

    def state(self) -> dict[str, Tensor]:
        """Weights and momentum by name."""
        momentum = {
            f"momentum.{name}": self.optimizer.state[p]["momentum_buffer"]
            for name, p in self.named.items()
            if self.optimizer.state.get(p, {}).get("momentum_buffer") is not None
        }
        return {**{f"model.{k}": v for k, v in self.model.state_dict().items()}, **momentum}

    def restore(self, values: dict[str, Tensor]) -> None:
        """The inverse of `state`."""
        self.model.load_state_dict({k.removeprefix("model."): v for k, v in values.items() if k.startswith("model.")})
        for name, param in self.named.items():
            if f"momentum.{name}" in values:
                # laid out as the weight is, so that sums come out to the last bit as in the run that was stopped
                self.optimizer.state[param]["momentum_buffer"] = torch.empty_like(param).copy_(values[f"momentum.{name}"])


def fit(
    config: Config,
    data: Dataset,
    stores: dict[str, Store],
    folder: RunFolder,
    on_event: OnEvent,
    stop: Callable[[], bool],
    device: str = "auto",
) -> Fitted:
    """Train, or go on with, the run of `folder`. Raises Interrupted after saving when `stop()` turns true.

    stores: the pixels of "train" and, where there is a validation split, "val".
    """
    machine.keep_freed_memory()
    where = machine.device(device)
    model = new_model(config, where)
    batches = Batches(stores["train"], config.recipe, config.seed, where)
    trainer = Trainer(model, config.recipe, config.steps, config.seed, config.precision)
    predictor = Predictor(model, config.preprocessing, config.classes, config.net)
    start, best, saved = 0, {"step": 0, "top1": None, "loss": None}, folder.read_state()
    log = folder.events()

    def tell(event: Event) -> None:
        on_event(log.append(event))

    if saved is not None:
        trainer.restore(saved[0])
        start, best = saved[1]["step"], saved[1]["best"]
        tell({"event": "resume", "step": start, "steps": config.steps})
    else:
        tell(
            {
                "event": "start",
                "step": 0,
                "steps": config.steps,
                "net": config.net,
                "steps_per_epoch": batches.per_epoch,
            }
        )

    def save(step: int) -> None:
        folder.save_state(trainer.state(), {"step": step, "best": best})

    validate_every = max(batches.per_epoch, config.steps // VALIDATIONS)
    log_every = max(1, config.steps // LOG_POINTS)
    losses: list[Tensor] = []
    rights: list[Tensor] = []
    clock = saved_at = time.monotonic()
    try:
        for step in range(start, config.steps):
            if stop():
                save(step)
                tell({"event": "interrupted", "step": step})
                raise Interrupted(step)
            loss, right = trainer.step(step, *batches.get(step))
            losses.append(loss)
            rights.append(right)
            done = step + 1
            judged = done % validate_every == 0 or done == config.steps
            if judged or done % log_every == 0:
                mean = float(torch.stack(losses).mean())
                now = time.monotonic()
                tell(
                    {
                        "event": "step",
                        "step": done,
                        "loss": round(mean, 6),
                        "lr": learning_rate(config.recipe, step, config.steps),
                        "top1": round(float(torch.stack(rights).sum()) / (len(rights) * batches.size) * 100, 3),
                        "images_per_s": round(len(losses) * batches.size / max(now - clock, 1e-9), 1),
                    }
                )
                if not np.isfinite(mean):
                    rate = config.recipe.lr
                    raise UserError(
                        f"the loss is no number any more at step {done}: --lr {rate:g} is too high; try {rate / 4:g}"
                    )
                losses, rights, clock = [], [], now
            if judged:
                best = _validate(predictor, stores.get("val"), done, best, tell, folder, config)
                save(done)
                clock = saved_at = time.monotonic()
            elif time.monotonic() - saved_at > SAVE_EVERY:
                save(done)
                saved_at = time.monotonic()
        folder.save_weights(LAST, model.state_dict(), config, {"step": config.steps})
        folder.finish()
        tell({"event": "trained", "step": config.steps, "best": best})
    finally:
        log.close()
    failed = tuple(store.failed[i] for store in stores.values() for i in sorted(store.failed))
    return Fitted(predictor, best["step"], best["top1"], failed)


def new_model(config: Config, where: torch.device) -> Model:
    """The network of a run at its start."""
    model = Model(config.arch, torch.Generator().manual_seed(config.seed))
    model.preprocessing, model.classes = config.preprocessing, config.classes
    return model.to(where).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _validate(
    predictor: Predictor,
    store: Store | None,
    step: int,
    best: dict[str, Any],
    tell: OnEvent,
    folder: RunFolder,
    config: Config,
) -> dict[str, Any]:
    """Judge the weights of this step on the validation split; keep them as the best if they are."""
    if store is None:
        now: dict[str, Any] = {"step": step, "top1": None, "loss": None}
        better = True
    else:
        scored = predictor.score_all(store.pictures, store=store)
        scores, labels = torch.from_numpy(scored.scores), torch.from_numpy(scored.labels)
        top1 = float((scores.argmax(1) == labels).float().mean()) * 100
        loss = float(make_loss(replace(config.recipe, label_smoothing=0.0))(scores, labels))
        now = {"step": step, "top1": round(top1, 4), "loss": round(loss, 6)}
        better = best["top1"] is None or (now["top1"], -now["loss"]) > (best["top1"], -best["loss"])
        tell({"event": "validation", **now, "best": better, "n": len(labels)})
    if not better:
        return best
    folder.save_weights(BEST, predictor.model.state_dict(), config, {"step": step})
    return now


def calibrate(config: Config, stores: dict[str, Store], seconds: float, device: str = "auto") -> int:
    """How many steps fit in `seconds` on this machine, validations included; measured once, on a copy of the network."""
    machine.keep_freed_memory()
    where = machine.device(device)
    model = new_model(config, where)
    batches = Batches(stores["train"], config.recipe, config.seed, where)
    trainer = Trainer(copy.deepcopy(model), config.recipe, 10**6, config.seed, config.precision)
    trial = min(5.0, max(1.0, seconds / 20))
    times: list[float] = []
    begin = time.monotonic()
    while len(times) < 4 or (time.monotonic() - begin < trial and len(times) < 200):
        tick = time.monotonic()
        float(trainer.step(len(times), *batches.get(len(times)))[0])
        times.append(time.monotonic() - tick)
    spent = time.monotonic() - begin
    per_step = sorted(times[1:])[len(times[1:]) // 2]
    judging = 0.0
    if (val := stores.get("val")) is not None:
        pixels, _ = val.get(np.arange(min(256, len(val.pictures))))
        tick = time.monotonic()
        Predictor(model, config.preprocessing, config.classes, config.net).scores(pixels)
        judging = (time.monotonic() - tick) / max(1, len(pixels)) * len(val.pictures) / batches.per_epoch
    return max(1, int(0.95 * (seconds - spent) / (per_step + judging)))
