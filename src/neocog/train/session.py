"""What every learner does besides learning: events, validation, the best weights, the state to resume from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neocog.arch.rewrite import tensors
from neocog.errors import BadPicture, UserError
from neocog.nets import resolve
from neocog.nn import Model
from neocog.pictures.store import Store
from neocog.runs import Config, Predictor, RunFolder, wrong_in_top
from neocog.runs.config import BEST, LAST, STATE
from neocog.runs.events import Event
from neocog.train.optim.losses import make_loss
from neocog.train.together.world import ALONE, World
from neocog.weights import check_keys

OnEvent = Callable[[Event], None]


class Interrupted(Exception):
    """Training was asked to stop and has saved its state at `step`."""

    def __init__(self, step: int):
        super().__init__(f"stopped at step {step}")
        self.step = step


@dataclass(frozen=True)
class Fitted:
    """A finished training: the predictor (weights of the last step), where validation was best, pictures that failed."""

    predictor: Predictor
    best_step: int
    best_top1: float | None
    failed: tuple[BadPicture, ...]


@dataclass
class Best:
    """The validation of the weights that are kept so far; top1 in percent."""

    step: int = 0
    top1: float | None = None
    loss: float | None = None


@dataclass
class Session:
    """A run while it learns. Use as a context manager: it opens the log and closes it.

    model: the one that is saved and judged; a learner may keep another beside it. Of several processes only the main writes.
    """

    config: Config
    folder: RunFolder
    stores: Mapping[str, Store]
    model: Model
    on_event: OnEvent
    world: World = ALONE
    best: Best = field(default_factory=Best)

    def __post_init__(self) -> None:
        c = self.config
        self.predictor = Predictor(self.model, c.preprocessing, c.classes, c.net, c.recipe.test_flip)

    def __enter__(self) -> "Session":
        if self.world.main:
            self.log = self.folder.events()
            self.folder.clean()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.world.main:
            self.log.close()

    def tell(self, event: Event) -> None:
        """Write an event and show it."""
        if self.world.main:
            self.on_event(self.log.append(event))

    def begin(self, per_epoch: int) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The state to go on from, or None at the start of a run. Raises UserError for a state that is not this run's."""
        saved = self.folder.read_state() if self.world.main else None
        meta = self.world.say(saved[1] if saved else None)
        if meta is None:
            start = {
                "event": "start",
                "step": 0,
                "steps": self.config.steps,
                "net": self.config.net,
                "steps_per_epoch": per_epoch,
            }
            self.tell(start)
            return None
        values = self.world.spread(saved[0] if saved else None)
        what = f"{self.folder.path / STATE} is not the state of this run; delete it to begin again from the start"
        weights = {k.removeprefix("model."): v for k, v in values.items() if k.startswith("model.")}
        check_keys(weights, tensors(self.config.arch), what)
        step, best = meta.get("step"), meta.get("best")
        if not isinstance(step, int) or not 0 <= step <= self.config.steps or not isinstance(best, dict):
            raise UserError(what)
        self.best = Best(best.get("step", 0), best.get("top1"), best.get("loss"))
        self.tell({"event": "resume", "step": step, "steps": self.config.steps})
        return dict(values), meta

    def save(self, values: Mapping[str, Tensor], step: int, **more: Any) -> None:
        """The state to resume from after `step` steps. values: all tensors, the network's under "model."; if there are none
        such, those of the model that is judged."""
        mine = {} if any(k.startswith("model.") for k in values) else self.model.state_dict()
        state = dict(self.world.whole({f"model.{key}": value for key, value in mine.items()} | dict(values)))
        if not self.world.main:
            return
        self.folder.save_state(state, {"step": step, "best": vars(self.best), **more})

    def interrupt(self, values: Mapping[str, Tensor], step: int, **more: Any) -> Interrupted:
        """Save, and give the exception to raise."""
        self.save(values, step, **more)
        self.tell({"event": "interrupted", "step": step})
        return Interrupted(step)

    def validate(self, step: int, with_loss: bool = True) -> Best:
        """Judge the weights of this step on the validation split; keep them if they are the best, or there is no split.

        The best has the highest top-1, then the lowest loss where scores have one (a perceptron's have none).
        """
        self.check_finite(step)
        now = Best(step)
        better = True
        if (store := self.stores.get("val")) is not None:
            judge = replace(self.predictor, model=self.world.plain(self.model))
            mine = judge.score_all(store.pictures, store=store, among=self.world.share(len(store.pictures)))
            scored, labels = self.world.gather(mine.scores), self.world.gather(mine.labels)
            loss = make_loss(replace(self.config.recipe, label_smoothing=0.0))
            now.top1 = round(100 * (1 - float(wrong_in_top(scored, labels, 1).mean())), 4)
            now.loss = round(float(loss(torch.from_numpy(scored), torch.from_numpy(labels))), 6) if with_loss else None
            better = self.best.top1 is None or (now.top1, -(now.loss or 0.0)) > (self.best.top1, -(self.best.loss or 0.0))
            self.tell({"event": "validation", **vars(now), "best": better, "n": len(labels)})
        if better:
            self.best = now
            self.keep(BEST, step)
        return now

    def keep(self, name: str, step: int) -> None:
        """Save the weights of this step under a name of the run's folder."""
        values = dict(self.world.whole(self.model.state_dict()))
        if self.world.main:
            self.folder.save_weights(name, values, self.config, {"step": step})

    def check_finite(self, step: int) -> None:
        """Raises UserError, with advice, once a weight is no number any more."""
        values = self.world.whole(self.model.state_dict()).values()
        if not all(bool(torch.isfinite(p).all()) for p in values if p.is_floating_point()):
            rate = self.config.recipe.lr
            diverged = f"training diverged: loss and weights are no numbers any more at step {step}"
            better = min(rate / 4, resolve(self.config.net).card.quick.lr)  # what is known to work, if the wish was far from it
            raise UserError(f"{diverged}; --lr {rate:g} is too high: begin again in another --out with {better:g}")

    def finish(self, step: int) -> Fitted:
        """The last weights, and no state any more."""
        mine = [(store.failed[i].where, store.failed[i].why) for store in self.stores.values() for i in sorted(store.failed)]
        failed = tuple(BadPicture(*found) for found in dict.fromkeys(map(tuple, self.world.collect(mine))))
        self.keep(LAST, step)
        names = [{"file": f.where, "error": f.why} for f in failed]
        self.tell({"event": "trained", "step": step, "best": vars(self.best), "failed": names})
        if self.world.main:
            self.folder.finish()
        self.world.wait()
        return Fitted(replace(self.predictor, model=self.world.plain(self.model)), self.best.step, self.best.top1, failed)


def even_steps(steps: int, count: int) -> np.ndarray:
    """`count` steps evenly spread over a training, the last one among them."""
    return np.unique(np.round(np.linspace(0, steps, count + 1)[1:]).astype(int))
