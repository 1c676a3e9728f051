"""Training by stochastic gradient descent. Every random choice is a function of the seed and the step.

So a run that was killed and resumed goes on as if it never stopped; the state to keep is weights, momentum and step.
"""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from neocog.errors import UserError
from neocog.nets import Recipe
from neocog.nn import Model, Outputs
from neocog.pictures.sets import Dataset
from neocog.pictures.store import Store
from neocog.runs import Config, Predictor, RunFolder
from neocog.train import machine
from neocog.train.augment import augment
from neocog.train.losses import Loss, make_loss
from neocog.train.schedule import learning_rate
from neocog.train.session import Fitted, OnEvent, Session

SAVE_EVERY = 20.0  # seconds between checkpoints, besides one after each validation
LOG_POINTS = 400  # lines of loss in the events of a run, about
VALIDATIONS = 40  # at most about so many in a run


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
        labels = torch.from_numpy(self.store.pictures.labels[kept]).to(self.where)
        return x.contiguous(memory_format=torch.channels_last), labels


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

    def momentum(self) -> dict[str, Tensor]:
        """The optimiser's state by name."""
        states = {name: self.optimizer.state.get(p, {}).get("momentum_buffer") for name, p in self.named.items()}
        return {f"momentum.{name}": buffer for name, buffer in states.items() if buffer is not None}

    def restore(self, values: dict[str, Tensor]) -> None:
        """Weights ("model.…") and momentum of a saved state."""
        self.model.load_state_dict({k.removeprefix("model."): v for k, v in values.items() if k.startswith("model.")})
        for name, param in self.named.items():
            if f"momentum.{name}" in values:
                # laid out as the weight is, so that sums come out to the last bit as in the run that was stopped
                self.optimizer.state[param]["momentum_buffer"] = torch.empty_like(param).copy_(values[f"momentum.{name}"])


class Meter:
    """Mean loss, accuracy and speed since it was last read."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget."""
        self.losses: list[Tensor] = []
        self.rights: list[Tensor] = []
        self.seen, self.clock = 0, time.monotonic()

    def add(self, loss: Tensor, right: Tensor, pictures: int) -> None:
        """One step more."""
        self.losses.append(loss)
        self.rights.append(right)
        self.seen += pictures

    def read(self) -> dict[str, float]:
        """loss, top1 (percent) and images_per_s; starts afresh."""
        loss = float(torch.stack(self.losses).mean())
        top1 = 100 * float(torch.stack(self.rights).sum()) / self.seen
        speed = self.seen / max(time.monotonic() - self.clock, 1e-9)
        self.reset()
        return {"loss": round(loss, 6), "top1": round(top1, 3), "images_per_s": round(speed, 1)}


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
    validate_every = max(batches.per_epoch, config.steps // VALIDATIONS)
    log_every = max(1, config.steps // LOG_POINTS)
    with Session(config, folder, stores, model, on_event) as session:
        start = 0
        if (saved := session.begin(batches.per_epoch)) is not None:
            trainer.restore(saved[0])
            start = saved[1]["step"]
        meter, saved_at = Meter(), time.monotonic()
        for step in range(start, config.steps):
            if stop():
                raise session.interrupt(trainer.momentum(), step)
            x, y = batches.get(step)
            meter.add(*trainer.step(step, x, y), len(y))
            done = step + 1
            judged = done % validate_every == 0 or done == config.steps
            if judged or done % log_every == 0:
                figures = meter.read()
                session.tell({"event": "step", "step": done, "lr": learning_rate(config.recipe, step, config.steps), **figures})
                if not np.isfinite(figures["loss"]):
                    session.check_finite(done)
            if judged:
                session.validate(done)
                meter.reset()
            if judged or time.monotonic() - saved_at > SAVE_EVERY:
                session.save(trainer.momentum(), done)
                saved_at = time.monotonic()
        return session.finish(config.steps)


def new_model(config: Config, where: torch.device) -> Model:
    """The network of a run at its start."""
    model = Model(config.arch, torch.Generator().manual_seed(config.seed))
    model.preprocessing, model.classes = config.preprocessing, config.classes
    return model.to(where).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


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
    machine.keep_freed_memory()
    where = machine.device(device)
    model = new_model(config, where)
    batches = Batches(stores["train"], config.recipe, config.seed, where)
    trainer = Trainer(model, config.recipe, 10**6, config.seed, config.precision)
    trial = min(6.0, max(1.0, seconds / 20))
    times: list[float] = []
    begin = time.monotonic()
    while len(times) < 2 or (time.monotonic() - begin < trial and len(times) < 200):
        if on_progress is not None:
            on_progress("measuring this machine", min(100, round(100 * (time.monotonic() - begin) / trial)), 100)
        tick = time.monotonic()
        float(trainer.step(len(times), *batches.get(len(times)))[0])
        times.append(time.monotonic() - tick)
    spent = time.monotonic() - begin
    per_step = float(np.median(times[1:]))
    judging = 0.0
    if (val := stores.get("val")) is not None:
        tick = time.monotonic()
        pixels, _ = val.get(np.arange(min(256, len(val.pictures))))
        Predictor(model, config.preprocessing, config.classes, config.net).scores(pixels)
        judging = (time.monotonic() - tick) / max(1, len(pixels)) * len(val.pictures) / batches.per_epoch
    return max(1, int(0.95 * (seconds - spent) / (per_step + judging)))
