"""One training of a bake-off and its one look at the test pictures: one function for this process, others and clusters."""

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from neocog.bakeoff.plan import Plan, read_plan, run_folder
from neocog.bakeoff.prepare import threads
from neocog.errors import UserError
from neocog.evaluate.engine import Stopped
from neocog.evaluate.once import TEST, judge_once, told_test
from neocog.evaluate.predictions import is_evaluation
from neocog.pictures import load_data
from neocog.pictures.sealed import Sealed, sealed
from neocog.pictures.sets import Dataset
from neocog.runs import Predictor, RunFolder, load_predictor
from neocog.runs.events import Event
from neocog.runs.learned import LEARNED, write_learned
from neocog.train import Interrupted, reopen
from neocog.train import run as train_run
from neocog.train.machine import device
from neocog.train.memory import out_of_memory

PATIENCE = 60.0  # seconds that a process which is being ended may still hold the run

OnEvent = Callable[[Event], None]


@dataclass(frozen=True)
class Outcome:
    """What became of a training: judged, or why not."""

    net: str
    seed: int
    error: str | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        return asdict(self)


def load(plan: Plan) -> Dataset:
    """The data of a bake-off, split as the plan says, the test split under seal. Raises UserError if it is other data."""
    data = load_data(plan.data["spec"], seed=plan.data["split_seed"])
    if data.fingerprint != plan.data["fingerprint"]:
        raise UserError(f"{plan.data['spec']} is not the data that the bake-off was begun with: pictures were added or changed")
    return sealed(data)


def trial(
    folder: Path, net: str, seed: int, data: Dataset | None = None, on_event: OnEvent | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Outcome:  # fmt: skip
    """Train the run of `net` and `seed`, or go on with it, and judge it once, unless that was done.

    What is wrong with this training alone is told in the outcome. Raises Interrupted after saving when `stop()` turns true.
    """
    plan = read_plan(folder)
    run = RunFolder(run_folder(folder, net, seed))
    tell = on_event or (lambda event: None)
    try:
        if is_done(run.path):
            return Outcome(net, seed)
        data = data or load(plan)
        with threads(plan.threads):
            _wait_for(run, stop)
            if not (run.path / LEARNED).exists():
                write_learned(run.path, data.train, data.val)
            if not run.finished:

                def watch(name: str, done: int, total: int) -> None:
                    if stop():
                        raise Interrupted(0)

                resolved = reopen(run, data, watch)
                try:
                    train_run(resolved, data, run.path, tell, stop, plan.device)
                finally:
                    for store in resolved.stores.values():
                        store.close()
            judge(run, data, plan, stop)
    except UserError as error:
        return Outcome(net, seed, str(error))
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return Outcome(net, seed, "memory ran out")
    return Outcome(net, seed)


def is_done(run: Path) -> bool:
    """Whether a run was trained and judged to the end."""
    folder = RunFolder(run)
    return folder.finished and is_evaluation(run / TEST) and told_test(folder) is not None


def _wait_for(run: RunFolder, stop: Callable[[], bool]) -> None:
    """Wait for the process that still holds the run: one that lost its parent, or its node, ends within a step or two."""
    end = time.monotonic() + PATIENCE
    while True:
        try:
            return run.events().close()
        except UserError:
            if time.monotonic() > end:
                raise
            if stop():
                raise Interrupted(0) from None
            time.sleep(0.2)


def judge(run: RunFolder, data: Dataset, plan: Plan, stop: Callable[[], bool]) -> None:
    """Judge the run on the test split, whose seal is broken here and nowhere else; leave the evaluation in RUN/test."""
    assert isinstance(data.test, Sealed)

    def judge_on_device() -> Predictor:
        predictor = load_predictor(run.path)
        predictor.model.to(device(plan.device))
        return predictor

    try:
        judge_once(run, data.test.open(), judge_on_device, plan.protocol, stop=stop)
    except Stopped:
        raise Interrupted(run.config().steps) from None
