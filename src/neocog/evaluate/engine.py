"""Judging a whole split under a protocol: a stream of pictures in, log-probabilities out, in memory that does not grow with
the split, resumable after a kill, shared by several processes."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from neocog.errors import BadPicture
from neocog.evaluate.ensemble import Ensemble
from neocog.evaluate.judge import Judgement, judged, match_classes
from neocog.evaluate.predictions import Predictions, Writer, one_line, read_predictions
from neocog.evaluate.protocol import PLAIN, parse_protocol
from neocog.evaluate.protocol import Protocol as Views
from neocog.pictures.sets import Pictures, fingerprint
from neocog.runs import Predictor
from neocog.runs.marks import weights_mark

IN_MEMORY = 1 << 28  # bytes of answers; more of them lie in a file that nobody sees
OnProgress = Callable[[int, int], None]


class Stopped(Exception):
    """An evaluation was asked to stop after `done` of `total` pictures; those in a folder are kept."""

    def __init__(self, done: int, total: int):
        super().__init__(f"stopped after {done:,} of {total:,} pictures")
        self.done, self.total = done, total


class Together(Protocol):
    """The processes that share an evaluation (`neocog.train.together.world.World`)."""

    @property
    def rank(self) -> int: ...
    @property
    def size(self) -> int: ...
    def gather(self, array: np.ndarray) -> np.ndarray: ...
    def collect(self, words: Sequence[Any]) -> list[Any]: ...
    def say(self, words: Any = None) -> Any: ...
    def any(self, flag: bool) -> bool: ...


def predict_all(
    predictor: Predictor | Sequence[Predictor],
    pictures: Pictures,
    protocol: Views | str = PLAIN,
    on_progress: OnProgress | None = None,
    out: Path | None = None,
    about: dict[str, Any] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Predictions:
    """What a classifier says of every picture of a split; of several classifiers, the mean of their probabilities.

    Each sees the pictures as its own record wants them; classes are matched by name. out: an evaluation folder, which is gone
    on with if it holds a part of the same evaluation. about: what else to write there ({"data": {…}}). Raises Stopped once
    `stop()` is true, UserError for classes that it does not know and protocols that do not fit.
    """
    found = predict_together(None, predictor, pictures, protocol, on_progress, out, about, stop)
    assert found is not None
    return found


def predict_together(
    world: Together | None,
    predictor: Predictor | Sequence[Predictor],
    pictures: Pictures,
    protocol: Views | str = PLAIN,
    on_progress: OnProgress | None = None,
    out: Path | None = None,
    about: dict[str, Any] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Predictions | None:
    """As `predict_all`, each picture judged by one of the processes; the first one writes, and it alone gets the predictions.

    The pictures that are taken together do not depend on how many processes there are, so neither do the answers.
    """
    members = [predictor] if isinstance(predictor, Predictor) else list(predictor)
    several = world if world is not None and world.size > 1 else None
    return _run(members, pictures, protocol, on_progress, out, about or {}, stop, several)


def evaluate(
    predictor: Predictor, pictures: Pictures, on_progress: OnProgress | None = None, protocol: Views | str = PLAIN
) -> Judgement:
    """Judge a classifier on a split, and keep nothing but its errors."""
    return judged(predict_all(predictor, pictures, protocol, on_progress))


def _run(
    members: list[Predictor],
    pictures: Pictures,
    protocol: Views | str,
    on_progress: OnProgress | None,
    out: Path | None,
    about: dict[str, Any],
    stop: Callable[[], bool] | None,
    world: Together | None,
) -> Predictions | None:
    matched = match_classes(pictures, members[0].classes)
    views = parse_protocol(protocol) if isinstance(protocol, str) else protocol
    main, n = world is None or world.rank == 0, len(matched)
    with ExitStack() as stack:
        judges = stack.enter_context(Ensemble(members, matched, views))
        sink: Writer | _Held | None = None
        if main:
            names = (matched.name(i) for i in range(n))
            if out is None:
                sink = _Held(n, len(matched.classes))
            else:
                mark = fingerprint([matched.labels, *(matched.name(i) for i in range(n))])
                told = {
                    "net": judges.net,
                    "classes": list(matched.classes),
                    "protocol": judges.id,
                    "data": {},
                    "pictures": mark,
                }
                told |= {"weights": [weights_mark(member.model) for member in members]} | about
                sink = stack.enter_context(Writer(out, told, matched.labels, names))
        done = world.say(sink.done if sink else None) if world is not None else sink.done if sink is not None else 0

        def tell(now: float) -> None:
            if world is None and stop is not None and stop():
                raise Stopped(sink.done if sink is not None else 0, n)
            if on_progress is not None:
                on_progress(int(now), n)

        for start, rows, failed in _chunks(judges, n, done, tell, world):
            if sink is not None:
                sink.append(rows[max(0, sink.done - start) :], failed)  # a kill may have cut a chunk in two
            if world is not None and world.any(stop is not None and stop()):
                raise Stopped(start + len(rows), n)
            if on_progress is not None:
                on_progress(start + len(rows), n)
        if sink is None:
            return None
    if out is not None:
        return read_predictions(out)
    assert isinstance(sink, _Held)
    data = about.get("data", {})
    labels, all_names = matched.labels, [one_line(matched.name(i)) for i in range(n)]  # as if they had been in a folder
    return Predictions(sink.rows, labels, all_names, matched.classes, judges.id, judges.net, data, tuple(sink.failed))


def _chunks(
    judges: Ensemble, n: int, done: int, tell: Callable[[float], None], world: Together | None
) -> Iterator[tuple[int, np.ndarray, list[BadPicture]]]:
    """(where they begin, rows, unreadable ones) of one stretch of pictures after another; boundaries never depend on `done`."""
    chunk, (rank, size) = judges.chunk, (world.rank, world.size) if world is not None else (0, 1)
    for start in range(done // chunk * chunk, n if done < n else 0, chunk * size):
        mine = np.arange(min(start + rank * chunk, n), min(start + (rank + 1) * chunk, n))

        def watch(share: float, start: int = start, count: int = len(mine)) -> None:
            tell(start + share * count * size)

        rows, failed = judges.rows(mine, watch)
        if world is not None:
            rows = world.gather(rows)
            failed = [BadPicture(*words) for words in world.collect([[f.where, f.why] for f in failed])]
        yield start, rows, failed


class _Held:
    """Answers that are kept in memory, or in a file without a name where they are many."""

    def __init__(self, n: int, width: int):
        if n * width * 4 > IN_MEMORY:
            with tempfile.TemporaryFile() as file:
                if hasattr(os, "posix_fallocate"):  # a full disk is told now, and does not kill the process later
                    os.posix_fallocate(file.fileno(), 0, n * width * 4)
                self.rows: np.ndarray = np.memmap(file, np.float32, "w+", shape=(n, width))
        else:
            self.rows = np.empty((n, width), np.float32)
        self.done, self.failed = 0, list[BadPicture]()

    def append(self, rows: np.ndarray, failed: Sequence[BadPicture]) -> None:
        """The next rows."""
        self.rows[self.done : self.done + len(rows)] = rows
        self.done += len(rows)
        self.failed += failed
