"""A run's events as other people's dashboards show them: TensorBoard by default where it is installed, others by name.

They read the same events as everything else, and keep nothing that a run needs: one that fails is told of once and left
out, and the run goes on.
"""

import importlib.util
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from neocog.errors import UserError, nearest
from neocog.runs.config import Config
from neocog.runs.events import Event

FOLDER = "tensorboard"  # in the run folder
KINDS = {"step": "train", "validation": "validation", "test": "test"}
WITHOUT = ("time", "event", "step", "n")  # keys that are no figures
KNOWN = ("tensorboard", "wandb", "mlflow", "trackio", "aim", "comet_ml", "clearml", "dvclive", "swanlab")


class Tracker(Protocol):
    """Where figures go: `begin` once, at the step that a run starts or goes on from, then `figures` often, `end` once."""

    def begin(self, step: int) -> None: ...
    def figures(self, values: dict[str, float], step: int) -> None: ...
    def end(self) -> None: ...


class Trackers:
    """Events to trackers. Called with each event; use as a context manager. `complain(words)` is told what went wrong."""

    def __init__(self, trackers: Sequence[Tracker], complain: Callable[[str], None]):
        self._begun: set[int] = set()
        self._alive, self._complain = dict(enumerate(trackers)), complain

    def __enter__(self) -> "Trackers":
        return self

    def __exit__(self, *_: object) -> None:
        for key in list(self._alive):
            if key in self._begun:
                self._try(key, lambda tracker: tracker.end())

    def __call__(self, event: Event) -> None:
        kind, step = event.get("event"), event.get("step", 0)
        for key in list(self._alive):
            if kind in ("start", "resume") or key not in self._begun:
                self._begun.add(key)
                self._try(key, lambda tracker: tracker.begin(step))
            if kind in KINDS and key in self._alive and (values := figures(event)):
                self._try(key, lambda tracker, values=values: tracker.figures(values, step))

    def _try(self, key: int, action: Callable[[Tracker], None]) -> None:
        tracker = self._alive[key]
        try:
            action(tracker)
        except Exception as error:  # a dashboard is never worth a run
            del self._alive[key]
            said = " ".join(str(error).split())[:200] or type(error).__name__
            self._complain(f"{getattr(tracker, 'name', type(tracker).__name__)} has no more figures of this run: {said}")


def figures(event: Event) -> dict[str, float]:
    """The numbers of an event under the names that dashboards group by: `train/loss`, `validation/top1`."""
    group = KINDS[event["event"]]
    numbers = {k: v for k, v in event.items() if k not in WITHOUT and isinstance(v, int | float) and not isinstance(v, bool)}
    return {f"{group}/{name}": float(value) for name, value in numbers.items()}


def check(names: Sequence[str]) -> None:
    """Raises UserError for a tracker that is unknown or not installed."""
    for name in names:
        if name != "none" and name not in KNOWN:
            near = nearest(name, KNOWN)
            hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(KNOWN)} and none"
            raise UserError(f"--track {name}: {hint}")
        if name != "none" and not importlib.util.find_spec(name):
            raise UserError(f"--track {name} needs its package: pip install {name.replace('_', '-')}")
        if name not in ("none", "tensorboard") and not importlib.util.find_spec("accelerate"):
            raise UserError(f"--track {name} goes through accelerate: pip install 'neocog[scale]'")


def trackers(names: Sequence[str] | None, folder: Path, config: Config) -> list[Tracker]:
    """Those of these names; with None TensorBoard, if it is installed. Raises UserError as `check` does."""
    if names is None:
        return [TensorBoard(folder / FOLDER)] if importlib.util.find_spec("tensorboard") else []
    check(names)
    return [
        TensorBoard(folder / FOLDER) if name == "tensorboard" else Foreign(name, folder, config)
        for name in names
        if name != "none"
    ]


class TensorBoard:
    """An event file below the run folder: `tensorboard --logdir runs`.

    Written record by record where it is asked for: torch's writer leaves that to a thread, in which a full disk is a
    traceback that nobody can catch.
    """

    name = "tensorboard"

    def __init__(self, folder: Path):
        self.folder, self.file = folder, None

    def begin(self, step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event as Record  # pyright: ignore[reportAttributeAccessIssue]
        from tensorboard.compat.proto.event_pb2 import SessionLog  # pyright: ignore[reportAttributeAccessIssue]

        self.end()
        self.folder.mkdir(exist_ok=True)
        self.file = (self.folder / f"events.out.tfevents.{time.time():.6f}.{os.getpid()}").open("ab")
        self._write(Record(wall_time=time.time(), file_version="brain.Event:2"))
        if step:  # what was logged of steps that a resumed run takes again is hidden
            self._write(Record(wall_time=time.time(), step=step + 1, session_log=SessionLog(status=SessionLog.START)))

    def figures(self, values: dict[str, float], step: int) -> None:
        from tensorboard.compat.proto.event_pb2 import Event as Record  # pyright: ignore[reportAttributeAccessIssue]
        from tensorboard.compat.proto.summary_pb2 import Summary  # pyright: ignore[reportAttributeAccessIssue]

        summary = Summary(value=[Summary.Value(tag=name, simple_value=value) for name, value in values.items()])
        self._write(Record(wall_time=time.time(), step=step, summary=summary))

    def _write(self, record: Any) -> None:
        from tensorboard.summary.writer.record_writer import RecordWriter

        assert self.file is not None
        RecordWriter(self.file).write(record.SerializeToString())
        self.file.flush()

    def end(self) -> None:
        if self.file is not None:
            file, self.file = self.file, None
            file.close()


class Foreign:
    """One of accelerate's trackers."""

    def __init__(self, name: str, folder: Path, config: Config):
        from accelerate.tracking import LOGGER_TYPE_TO_CLASS

        self.name, self.kind, self.folder, self.config = name, LOGGER_TYPE_TO_CLASS[name], folder, config
        self.tracker: Any = None

    def begin(self, step: int) -> None:
        from accelerate import PartialState

        if self.tracker is not None:
            return
        PartialState()  # the trackers ask it who is the main process
        place = {"logging_dir": str(self.folder)} if self.kind.requires_logging_directory else {}
        self.tracker = self.kind("neocog", **place)
        self.tracker.start()
        c = self.config
        told = {"net": c.net, "data": c.data.get("name"), "seed": c.seed, "steps": c.steps, "precision": c.precision}
        recipe = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in c.recipe.to_json().items()}
        self.tracker.store_init_configuration(told | {f"recipe.{k}": v for k, v in recipe.items()})

    def figures(self, values: dict[str, float], step: int) -> None:
        self.tracker.log(values, step=step)

    def end(self) -> None:
        if self.tracker is not None:
            self.tracker.finish()
