"""Judging a whole split under a protocol: a stream of pictures in, log-probabilities out, in memory that does not grow with
the split, resumable after a kill, shared by several processes."""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from neocog.errors import BadPicture, UserError
from neocog.evaluate.judge import Judgement, judged, match_classes
from neocog.evaluate.predictions import Predictions, Writer, log_mean, read_predictions
from neocog.evaluate.protocol import PLAIN, parse_protocol
from neocog.evaluate.protocol import Protocol as Views
from neocog.evaluate.scoring import Rows, Scorer, Watch
from neocog.pictures.sets import Pictures, fingerprint
from neocog.runs import Predictor

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

    Each sees the pictures as its own record wants them; classes are matched by name. out: an evaluation folder, which is gone on
    with if it holds a part of the same evaluation. about: what else to write there ({"data": {…}}). Raises Stopped once `stop()`
    is true, UserError for classes that it does not know and protocols that do not fit.
    """
    members = [predictor] if isinstance(predictor, Predictor) else list(predictor)
    found = _run(members, pictures, protocol, on_progress, out, about or {}, stop, None)
    assert found is not None
    return found


def predict_together(
    world: Together,
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
    return _run(members, pictures, protocol, on_progress, out, about or {}, stop, world if world.size > 1 else None)


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
        scorers = [Scorer(member, matched, views) for member in members]
        for scorer in scorers:
            stack.callback(scorer.close)
        orders = [_order(member.classes, members[0].classes) for member in members]
        net, id = " + ".join(member.net for member in members), _id(scorers)
        sink: Writer | _Held | None = None
        if main:
            names = (matched.name(i) for i in range(n))
            if out is None:
                sink = _Held(n, len(matched.classes))
            else:
                mark = fingerprint([matched.labels, *(matched.name(i) for i in range(n))])
                told = {"net": net, "classes": list(matched.classes), "protocol": id, "data": {}, "pictures": mark}
                told |= {"weights": [weights_mark(member) for member in members]} | about
                sink = stack.enter_context(Writer(out, told, matched.labels, names))
        done = world.say(sink.done if sink else None) if world is not None else sink.done if sink is not None else 0

        def tell(now: float) -> None:
            if world is None and stop is not None and stop():
                raise Stopped(sink.done if sink is not None else 0, n)
            if on_progress is not None:
                on_progress(int(now), n)

        for start, rows, failed in _chunks(scorers, orders, n, done, tell, world):
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
    labels, all_names = matched.labels, [matched.name(i) for i in range(n)]
    return Predictions(sink.rows, labels, all_names, matched.classes, id, net, data, tuple(sink.failed))


def _chunks(
    scorers: Sequence[Scorer],
    orders: Sequence[np.ndarray | None],
    n: int,
    done: int,
    tell: Callable[[float], None],
    world: Together | None,
) -> Iterator[tuple[int, np.ndarray, list[BadPicture]]]:
    """(where they begin, rows, unreadable ones) of one stretch of pictures after another; boundaries never depend on `done`."""
    chunk = min(scorer.chunk for scorer in scorers)
    rank, size = (world.rank, world.size) if world is not None else (0, 1)
    for start in range(done // chunk * chunk, n if done < n else 0, chunk * size):
        mine = np.arange(min(start + rank * chunk, n), min(start + (rank + 1) * chunk, n))

        def watch(share: float, start: int = start, count: int = len(mine)) -> None:
            tell(start + share * count * size)

        rows, failed = ensemble(scorers, orders, mine, watch)
        if world is not None:
            rows = world.gather(rows)
            failed = [BadPicture(*words) for words in world.collect([[f.where, f.why] for f in failed])]
        yield start, rows, failed


def ensemble(
    scorers: Sequence[Scorer], orders: Sequence[np.ndarray | None], indices: np.ndarray, watch: Watch = lambda share: None
) -> Rows:
    """The mean of the members' probabilities, their classes in the first one's order; a picture that any of them cannot read
    has no answer."""
    parts, failed = [], {}
    for place, (scorer, order) in enumerate(zip(scorers, orders, strict=True)):
        rows, bad = scorer.rows(indices, lambda share, place=place: watch((place + share) / len(scorers)))
        parts.append(rows if order is None else rows[:, order])
        failed |= dict(zip(np.flatnonzero(np.isnan(rows[:, 0])).tolist(), bad, strict=True))
    rows = parts[0] if len(parts) == 1 else log_mean(parts)
    return rows, [failed[k] for k in sorted(failed)]


def _order(classes: tuple[str, ...], wanted: tuple[str, ...]) -> np.ndarray | None:
    """Columns of a member in the first one's order. Raises UserError if it tells other classes apart."""
    if classes == wanted:
        return None
    if set(classes) != set(wanted) or len(classes) != len(wanted):
        odd = sorted(set(classes) ^ set(wanted))
        raise UserError(
            f"an ensemble tells the same classes apart; only some of these runs know {', '.join(map(repr, odd[:3]))}"
        )
    place = {name: i for i, name in enumerate(classes)}
    return np.array([place[name] for name in wanted])


def _id(scorers: Sequence[Scorer]) -> str:
    """The protocol of an ensemble names those of its members."""
    ids = list(dict.fromkeys(scorer.id for scorer in scorers))
    return ids[0] if len(scorers) == 1 else f"ensemble of {len(scorers)}: {' & '.join(ids)}"


def weights_mark(predictor: Predictor) -> str:
    """SHA-256 over the network's tensors."""
    digest = hashlib.sha256()
    for key, value in sorted(predictor.model.state_dict().items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


class _Held:
    """Answers that are kept in memory, or in a file without a name where they are many."""

    def __init__(self, n: int, width: int):
        if n * width * 4 > IN_MEMORY:
            with tempfile.TemporaryFile() as file:
                self.rows: np.ndarray = np.memmap(file, np.float32, "w+", shape=(n, width))
        else:
            self.rows = np.empty((n, width), np.float32)
        self.done, self.failed = 0, list[BadPicture]()

    def append(self, rows: np.ndarray, failed: Sequence[BadPicture]) -> None:
        """The next rows."""
        self.rows[self.done : self.done + len(rows)] = rows
        self.done += len(rows)
        self.failed += failed
