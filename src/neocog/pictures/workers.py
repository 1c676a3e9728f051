"""Processes that make pixels, and that nothing can hang on: no queue and no lock is shared by any two of them.

Each worker has a socket and a stretch of unnamed shared memory of its own, and is started afresh (never forked from
this process, its threads and its torch). One that dies, hangs or runs out of memory is replaced and its pictures are given
out again; a picture that did that to three of them is a bad one, by name. A worker whose parent is gone ends, because its
socket closes.
"""

import contextlib
import mmap
import os
import pickle
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections import Counter, deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np

from neocog.errors import BadPicture
from neocog.pictures.making import Job, Maker

CHUNK = 8  # pictures in a task, at most
QUEUED = 2  # tasks that a worker has at a time: one it does, one it finds when that is done
TRIES = 3  # workers that a picture may cost
STILLBORN = (
    30  # workers killed in a row before they began anything, from which there will be no more; ends of their own count ten
)
PATIENCE = 120.0  # seconds for one picture
_HEAD = 64  # bytes before the pixels: the number of the picture that is being made
AVAILABLE = os.name == "posix"


class WorkersFailed(RuntimeError):
    """They do not even start, or what was asked of them is a mistake."""


class Crew:
    """`size` worker processes, started when they are first needed."""

    def __init__(self, maker: Maker, size: int, patience: float = PATIENCE):
        self.size, self.patience = size, patience
        self._hello = pickle.dumps(maker)
        height, width, channels = maker.shape
        self._slot = CHUNK * height * width * channels  # whole pictures that are larger go through the socket
        self._workers: list[_Worker] = []
        self._deaths: Counter[str] = Counter()
        self._stillborn = 0
        self._lock = threading.Lock()
        weakref.finalize(self, _end_all, self._workers)

    def run(self, jobs: Sequence[Job], rows: Sequence[np.ndarray] | None = None) -> list[np.ndarray | BadPicture]:
        """What became of each job, in order; its pixels are put into its row, where there are any."""
        with self._lock:
            return self._run(jobs, rows)

    def close(self) -> None:
        """End the processes."""
        with self._lock:
            _end_all(self._workers)

    @property
    def pids(self) -> list[int]:
        """The processes that run at the moment."""
        return [worker.process.pid for worker in self._workers]

    def _run(self, jobs: Sequence[Job], rows: Sequence[np.ndarray] | None) -> list[np.ndarray | BadPicture]:
        results: list[Any] = [None] * len(jobs)
        chunk = max(1, min(CHUNK, -(-len(jobs) // (self.size * QUEUED))))
        waiting = deque(tuple(range(start, min(start + chunk, len(jobs)))) for start in range(0, len(jobs), chunk))
        left = len(jobs)
        try:
            while left:
                while len(self._workers) < min(self.size, left):
                    self._workers.append(_start(self._hello, self._slot))
                for worker in self._workers:
                    while waiting and len(worker.tasks) < QUEUED and worker.give(waiting[0], jobs):
                        waiting.popleft()
                ready = wait([worker.connection for worker in self._workers], timeout=1.0)
                for worker in list(self._workers):
                    try:
                        if worker.connection in ready:
                            left -= worker.take(results, rows)
                            self._stillborn = 0
                        elif not worker.stuck(self.patience):
                            continue
                        else:
                            raise EOFError
                    except (EOFError, OSError):
                        left -= self._bury(worker, jobs, waiting, results)
        except BaseException:
            _end_all(self._workers)  # what they are doing belongs to nobody any more
            raise
        return results

    def _bury(self, worker: "_Worker", jobs: Sequence[Job], waiting: deque[tuple[int, ...]], results: list[Any]) -> int:
        """Give out again what a dead worker had; how many pictures are given up."""
        self._workers.remove(worker)
        current = worker.current
        worker.end()
        lost = [i for task in worker.tasks for i in task]
        if current < 0 or not lost:
            self._stillborn += 1 if worker.process.returncode < 0 else STILLBORN // TRIES  # killed, or ended by itself
            if self._stillborn >= STILLBORN:
                raise WorkersFailed("worker processes end as soon as they start")
        given_up = 0
        if current >= 0 and current in lost:
            self._deaths[jobs[current].name] += 1
            if self._deaths[jobs[current].name] >= TRIES:
                why = f"ended {TRIES} processes that decoded it: too large for the memory, or a fault in the decoder"
                results[current] = BadPicture(jobs[current].name, why)
                lost.remove(current)
                given_up = 1
        waiting.extendleft((i,) for i in reversed(lost))  # one at a time: the next death has one to blame
        return given_up


class _Worker:
    """One process, its socket and its memory, as the parent sees them."""

    def __init__(self, hello: bytes, slot: int):
        ours, theirs = socket.socketpair()
        memory = _unnamed_memory(_HEAD + QUEUED * slot)
        code = f"from neocog.pictures.workers import work; work({theirs.fileno()}, {memory}, {slot}, {os.getpid()})"
        path = os.pathsep.join([str(Path(__file__).parents[2]), *(entry or str(Path.cwd()) for entry in sys.path)])
        environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-P", "-c", code],  # -P: no module of the folder that one happens to stand in
                pass_fds=(theirs.fileno(), memory), env=environment, stdin=subprocess.DEVNULL,
                process_group=0,  # Ctrl-C is meant for the parent, even while this one is still starting
            )  # fmt: skip
        self.connection = Connection(ours.detach())
        self.memory = mmap.mmap(memory, _HEAD + QUEUED * slot)
        os.close(memory)
        self._head = np.frombuffer(self.memory, np.int64, 2)
        self._head[:] = -1
        self._slots = [np.frombuffer(self.memory, np.uint8, slot, _HEAD + k * slot) for k in range(QUEUED)]
        self._turn, self.tasks = 0, deque[tuple[int, ...]]()
        self._seen, self._since = -2, time.monotonic()
        with contextlib.suppress(OSError):
            self.connection.send_bytes(hello)

    @property
    def current(self) -> int:
        """The job that is being done, or was when it died; -1: none."""
        return int(self._head[0])

    def give(self, task: tuple[int, ...], jobs: Sequence[Job]) -> bool:
        """Send a task. False if it is dead, which the next wait will find."""
        try:
            message = pickle.dumps((task, [jobs[i] for i in task]))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise WorkersFailed(f"what was to be done cannot be sent to a process: {error}") from error
        try:
            self.connection.send_bytes(message)
        except OSError:
            return False
        if not self.tasks:
            self._since = time.monotonic()
        self.tasks.append(task)
        return True

    def take(self, results: list[Any], rows: Sequence[np.ndarray] | None) -> int:
        """Take over what a task gave; how many pictures. EOFError if it is dead."""
        answers = pickle.loads(self.connection.recv_bytes())
        if isinstance(answers, str):
            raise WorkersFailed(answers)
        slot, at = self._slots[self._turn], 0
        self._turn = (self._turn + 1) % QUEUED
        task = self.tasks.popleft()
        for i, answer in zip(task, answers, strict=True):
            if isinstance(answer, list):  # an exception of two words does not survive pickling
                answer = BadPicture(*answer)
            elif isinstance(answer, tuple):  # a shape: the pixels are in the slot
                size = int(np.prod(answer))
                answer = slot[at : at + size].reshape(answer)
                at += size
                answer = answer if rows is not None else answer.copy()
            if isinstance(answer, np.ndarray) and rows is not None:
                rows[i][...] = answer
                answer = rows[i]
            results[i] = answer
        self._since = time.monotonic()
        return len(task)

    def stuck(self, patience: float) -> bool:
        """Busy with the same picture for too long."""
        beat = int(self._head[1])
        if beat != self._seen or not self.tasks:
            self._seen, self._since = beat, time.monotonic()
        return time.monotonic() - self._since > patience

    def end(self) -> None:
        """Kill and forget."""
        self.connection.close()
        self.process.kill()
        self.process.wait()


def _start(hello: bytes, slot: int) -> _Worker:
    try:
        return _Worker(hello, slot)
    except OSError as error:  # no more processes, files or memory
        raise WorkersFailed(f"worker processes cannot be started ({(error.strerror or str(error)).lower()})") from error


def _end_all(workers: list[_Worker]) -> None:
    while workers:
        workers.pop().end()


def _unnamed_memory(size: int) -> int:
    """A file descriptor of memory that is gone when the last process that has it is."""
    if hasattr(os, "memfd_create"):
        handle = os.memfd_create("neocog")
    else:
        with tempfile.TemporaryFile() as file:
            handle = os.dup(file.fileno())
    os.ftruncate(handle, size)
    return handle


def work(channel: int, memory: int, slot: int, parent: int) -> None:
    """What a worker process does until its parent hangs up."""
    for number in (signal.SIGINT, signal.SIGTERM):  # meant for the parent, which finishes its batch and hangs up
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(OSError):  # when memory runs out, a worker can be replaced, the training cannot
        Path("/proc/self/oom_score_adj").write_text("800")
    connection, shared = Connection(channel), mmap.mmap(memory, _HEAD + QUEUED * slot)
    head, turn = np.frombuffer(shared, np.int64, 2), 0
    slots = [np.frombuffer(shared, np.uint8, slot, _HEAD + k * slot) for k in range(QUEUED)]
    with contextlib.suppress(EOFError, ConnectionError):
        maker: Maker = pickle.loads(connection.recv_bytes())
        while True:
            while not connection.poll(5.0):
                if os.getppid() != parent:  # it is gone, and somebody else holds its end of the socket
                    return
            message = connection.recv_bytes()
            try:
                task, jobs = pickle.loads(message)
                answers = _answers(maker, task, jobs, slots[turn], head)
            except MemoryError:
                os._exit(9)
            except Exception as error:
                answers = f"{type(error).__name__}: {error}"
            turn = (turn + 1) % QUEUED
            connection.send_bytes(pickle.dumps(answers))


def _answers(maker: Maker, task: Sequence[int], jobs: Sequence[Job], slot: np.ndarray, head: np.ndarray) -> list[Any]:
    """Of each job: a shape, when the pixels are in the slot; the pixels, when they do not fit; or what is wrong."""
    answers: list[Any] = []
    at = 0
    for i, job in zip(task, jobs, strict=True):
        head[0] = i
        head[1] += 1
        try:
            found = job.make(maker)
        except BadPicture as bad:
            answers.append([bad.where, bad.why])
            continue
        if at + found.size <= slot.size:
            slot[at : at + found.size].reshape(found.shape)[...] = found
            at += found.size
            answers.append(found.shape)
        else:
            answers.append(np.ascontiguousarray(found))
    head[0] = -1
    return answers
