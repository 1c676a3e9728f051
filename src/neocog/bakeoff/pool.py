"""Where the trainings of a bake-off run: one after another here, in several processes, or on a Ray cluster.

Each of them is `trial.trial`, so the results are the same. What a training does elsewhere is read from its events.jsonl.
"""

import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from neocog.bakeoff.plan import run_folder
from neocog.bakeoff.trial import Outcome, trial
from neocog.bakeoff.worker import STOPPED
from neocog.errors import UserError
from neocog.pictures.sets import Dataset
from neocog.runs.config import EVENTS
from neocog.train import Interrupted

Job = tuple[str, int]  # network, seed
OnEvent = Callable[[Job, dict[str, Any]], None]
OnDone = Callable[[Outcome], None]
POLL = 0.2  # seconds
GRACE = 30.0  # seconds in which a process that was asked to stop may save


def one_by_one(
    folder: Path, jobs: Sequence[Job], data: Dataset, on_event: OnEvent, on_done: OnDone, stop: Callable[[], bool]
) -> None:
    """Here, one after another. Raises Interrupted when `stop()` turns true."""
    for job in jobs:
        if stop():
            raise Interrupted(0)

        def tell(event: dict[str, Any], job: Job = job) -> None:
            on_event(job, event)

        on_done(trial(folder, *job, data, tell, stop))


class Logs:
    """What the logs of some runs have gained since they were last looked at."""

    def __init__(self, folder: Path, jobs: Sequence[Job]):
        self._files = {job: run_folder(folder, *job) / EVENTS for job in jobs}
        self._at = {job: file.stat().st_size if file.exists() else 0 for job, file in self._files.items()}

    def tell(self, on_event: OnEvent) -> None:
        """Hand on the new lines that are whole."""
        for job, file in self._files.items():
            if not file.exists() or file.stat().st_size <= self._at[job]:
                continue
            with file.open("rb") as log:
                log.seek(self._at[job])
                whole = log.read().rpartition(b"\n")[0] + b"\n"
            self._at[job] += len(whole)
            for line in whole.splitlines():
                try:
                    on_event(job, json.loads(line))
                except ValueError:
                    continue  # one that a kill cut off


def in_processes(
    folder: Path, jobs: Sequence[Job], count: int, threads: int, on_event: OnEvent, on_done: OnDone, stop: Callable[[], bool]
) -> None:
    """In `count` processes at a time, a fresh one for each training. Raises Interrupted when `stop()` turns true."""
    waiting, going, logs = list(jobs), dict[Job, Worker](), Logs(folder, jobs)
    try:
        while waiting or going:
            if stop():
                raise Interrupted(0)
            while waiting and len(going) < count:
                going[waiting[0]] = _start(folder, waiting[0], threads)
                waiting.pop(0)
            time.sleep(POLL)
            logs.tell(on_event)
            for job, worker in list(going.items()):
                if worker.process.poll() is not None and not stop():  # else it may have been told to stop too
                    del going[job]
                    on_done(_ended(job, worker))
    finally:
        _end(going.values())
        logs.tell(on_event)


@dataclass(frozen=True)
class Worker:
    """A process at work on a training, and what it says: in files, for a pipe that nobody reads would fill and hold it up."""

    process: "subprocess.Popen[bytes]"
    out: IO[bytes]
    err: IO[bytes]

    def lines(self) -> tuple[list[str], list[str]]:
        """What it said on stdout and stderr, once it has ended."""
        said = []
        for file in (self.out, self.err):
            with file:
                file.seek(0)
                said.append(file.read().decode(errors="replace").split("\n"))
        return said[0], said[1]


def _start(folder: Path, job: Job, threads: int) -> Worker:
    """A process of a group of its own, so that Ctrl-C in the terminal reaches it only through this one."""
    few = {name: str(threads) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS")}
    out, err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 (`Worker.lines` closes them)
    process = subprocess.Popen(
        [sys.executable, "-m", "neocog.bakeoff.worker", str(folder), *map(str, job)],
        stdout=out, stderr=err, start_new_session=True, env={**os.environ, **few},
    )  # fmt: skip
    return Worker(process, out, err)


def _ended(job: Job, worker: Worker) -> Outcome:
    code, (out, err) = worker.process.returncode, worker.lines()
    out, err = ([line for line in lines if line.strip()] for lines in (out, err))
    if code == 0 and out:
        return Outcome(**json.loads(out[-1]))
    if code == STOPPED:
        return Outcome(*job, "its process was told to stop by somebody else, and saved")
    if code < 0:
        return Outcome(*job, f"its process was killed by signal {-code}" + ("; memory may have run out" if code == -9 else ""))
    return Outcome(*job, f"its process failed: {err[-1].strip() if err else 'nothing was said'}")


def _end(workers: Iterable[Worker]) -> None:
    """Ask them to save and stop; those that do not are killed."""
    left, end = list(workers), time.monotonic() + GRACE
    for worker in left:
        worker.process.terminate()
    for worker in left:
        try:
            worker.process.wait(timeout=max(0.1, end - time.monotonic()))
        except subprocess.TimeoutExpired:
            worker.process.kill()
            worker.process.wait()
        worker.lines()


@contextmanager
def cluster(address: str) -> Iterator[Any]:
    """Ray, connected to the cluster at `address`, or one of this machine's for "local"."""
    try:
        import ray
    except ImportError:
        raise UserError("--ray needs Ray: pip install 'neocog[ray]'") from None
    mine = not ray.is_initialized()
    with redirect_stdout(sys.stderr):  # where Ray's own words go: what the command prints is for other programs to read
        yield from _connected(ray, address, mine)


def _connected(ray: Any, address: str, mine: bool) -> Iterator[Any]:
    if mine:
        settings: dict[str, Any] = {"include_dashboard": False} if address == "local" else {"address": address}
        try:
            ray.init(**settings, log_to_driver=False, logging_level=logging.ERROR)
        except (ConnectionError, ValueError, RuntimeError) as error:
            raise UserError(f"--ray {address}: {' '.join(str(error).split())[:200]}") from None
    try:
        yield ray
    finally:
        if mine:
            ray.shutdown()


def on_ray(
    folder: Path, jobs: Sequence[Job], threads: int, address: str, on_event: OnEvent, on_done: OnDone,
    stop: Callable[[], bool], gpu: bool = False,
) -> None:  # fmt: skip
    """As tasks of a Ray cluster whose nodes share the folder. A task whose node dies is tried again elsewhere and goes on from
    the run's state. Raises Interrupted when `stop()` turns true."""
    with cluster(address) as ray:
        path, logs = str(folder.resolve()), Logs(folder, jobs)
        keep = {name: value for name, value in os.environ.items() if name.startswith("NEOCOG_")}
        here = str(Path.cwd())
        task = ray.remote(_task).options(
            num_cpus=threads, num_gpus=1 if gpu else 0, max_retries=-1, runtime_env={"env_vars": keep} if keep else None
        )
        going = {task.remote(path, here, *job): job for job in jobs}
        try:
            while going:
                if stop():
                    raise Interrupted(0)
                ready, _ = ray.wait(list(going), num_returns=1, timeout=POLL)
                logs.tell(on_event)
                for reference in ready:
                    job = going.pop(reference)
                    try:
                        on_done(Outcome(**ray.get(reference)))
                    except ray.exceptions.RayError as error:
                        on_done(Outcome(*job, f"its task failed: {str(error).strip().splitlines()[-1]}"))
        finally:
            for reference in going:
                ray.cancel(reference, force=True)
            logs.tell(on_event)


def _task(folder: str, here: str, net: str, seed: int) -> dict[str, Any]:
    """A training as Ray's nodes run it, in the folder where the command was given, if there is one of that name."""
    if Path(here).is_dir():
        os.chdir(here)
    return trial(Path(folder), net, seed).to_json()
