"""What a classifier said of every picture of a split, on disk as it is made: an evaluation folder.

evaluation.json   net, classes, protocol, data (spec, name, fingerprint, split), weights (SHA-256), n
pictures.tsv      `label name`, tab between, a line for each picture in the order of the split
scores.f32        n rows of as many float32 as there are classes: natural logarithms of probabilities; NaN: no answer.
                  Two are equal only where the network's own scores are: see `narrow`
failed.jsonl      the pictures that could not be read, each with its reason

Rows are appended; a killed evaluation goes on after its last whole row. Any tool can read it: the rows are raw, little endian.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from neocog.errors import BadPicture, UserError
from neocog.files import PART, end_line, lock, write_bytes, write_json

ABOUT, PICTURES, SCORES, FAILED = "evaluation.json", "pictures.tsv", "scores.f32", "failed.jsonl"
SCHEMA = 1
ROW = np.dtype("<f4")
LEAST = int(np.float32(np.inf).view(np.int32))  # -inf, as the number of float32 between it and 0


@dataclass(frozen=True, eq=False)
class Predictions:
    """log_probabilities: float32 N×classes (a row of NaN: no answer); labels: int64 [N]; names: of the pictures.

    Of large sets the scores stay in their file (a memory map), so figures are to be taken some rows at a time.
    """

    log_probabilities: np.ndarray
    labels: np.ndarray
    names: Sequence[str]
    classes: tuple[str, ...]
    protocol: str
    net: str
    data: dict[str, Any] = field(default_factory=dict)
    failed: tuple[BadPicture, ...] = ()

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def answered(self) -> np.ndarray:
        """Sorted positions of the pictures that have an answer."""
        return np.flatnonzero(~np.isnan(self.log_probabilities[:, 0]))


def wide_log_softmax(scores: np.ndarray) -> np.ndarray:
    """N×classes scores → float64 logarithms of their softmax; a row with NaN, +inf, or nothing but -inf becomes NaN."""
    wide = scores.astype(np.float64)
    with np.errstate(invalid="ignore"):
        wide -= wide.max(1, keepdims=True)
        return wide - np.log(np.exp(wide).sum(1, keepdims=True))


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """The same as float32, in the order of the scores."""
    return narrow(wide_log_softmax(scores), scores)


def log_mean(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Logarithm of the mean of probabilities that are given by their logarithms, N×classes each: views, or an ensemble."""
    with np.errstate(invalid="ignore"):  # NaN: no answer
        total = np.logaddexp.reduce([part.astype(np.float64) for part in parts], axis=0)
    return narrow(total - np.log(len(parts)))


def narrow(wide: np.ndarray, order: np.ndarray | None = None) -> np.ndarray:
    """float64 N×classes logarithms of probabilities → float32 that are equal only where those in `order` are (None: the same).

    Between the logarithms of a thousand nearly equal classes there are too few float32, and a tie counts as an error: where
    rounding would make one, the lower value goes to the next float32 below, by as many as there are classes at most.
    """
    order, small = wide if order is None else order, np.minimum(wide, 0).astype(np.float32)
    falling = np.argsort(order, axis=1)[:, ::-1]
    ranked, rounded = np.take_along_axis(order, falling, 1), np.take_along_axis(small, falling, 1)
    below = ranked[:, 1:] < ranked[:, :-1]
    merged = np.flatnonzero((below & (rounded[:, 1:] >= rounded[:, :-1])).any(1))
    if len(merged):
        steps = np.pad(np.cumsum(below[merged], 1), ((0, 0), (1, 0)))
        places = -np.abs(rounded[merged]).view(np.int32).astype(np.int64)  # float32 below 0, counted downwards
        places = np.minimum.accumulate(places + steps, 1) - steps
        values = -np.minimum(-places, LEAST).astype(np.int32).view(np.float32)
        small[merged[:, None], falling[merged]] = values
    return small


class Writer:
    """An evaluation folder that is being filled. Use as a context manager; `done` rows are there already.

    Raises UserError if the folder holds an evaluation of something else.
    """

    def __init__(self, folder: str | Path, about: dict[str, Any], labels: np.ndarray, names: Iterable[str]):
        self.path, self.about = Path(folder), {"schema": SCHEMA, **about, "n": len(labels)}
        self._width = len(about["classes"])
        self._labels, self._names = labels, names

    def __enter__(self) -> "Writer":
        if (self.path / ABOUT).is_file():
            there, wanted = _marks(_about(self.path)), _marks(json.loads(json.dumps(self.about)))
            if odd := [key for key in {**there, **wanted} if there.get(key) != wanted.get(key)]:
                what = f"{self.path} holds an evaluation of something else: choose another --out"
                raise UserError(f"{what} (not the same: {', '.join(odd)})")
        elif self.path.exists() and not (self.path.is_dir() and all(map(_begun, self.path.iterdir()))):
            raise UserError(f"{self.path} holds something else already: choose another --out")
        else:
            self.path.mkdir(parents=True, exist_ok=True)
            rows = (f"{label}\t{one_line(name)}\n" for label, name in zip(self._labels, self._names, strict=True))
            write_bytes(self.path / PICTURES, "".join(rows).encode("utf-8", "surrogateescape"))
            write_json(self.path / ABOUT, self.about)
        self._file = (self.path / SCORES).open("ab")
        if not lock(self._file):
            self._file.close()
            raise UserError(f"{self.path}: another process is at this evaluation; wait for it, or choose another --out")
        self._file.truncate(self.done * self._width * ROW.itemsize)
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(OSError):  # what a full disk kept back has been complained of already
            self._file.close()

    @property
    def done(self) -> int:
        """Whole rows in the file."""
        file = self.path / SCORES
        return min(file.stat().st_size // (self._width * ROW.itemsize), len(self._labels)) if file.exists() else 0

    def append(self, rows: np.ndarray, failed: Iterable[BadPicture] = ()) -> None:
        """The next rows, NaN for those in `failed`; they are in the file when this returns."""
        try:
            if failures := "".join(json.dumps({"file": f.where, "error": f.why}) + "\n" for f in failed):
                with (self.path / FAILED).open("a", encoding="utf-8") as file:
                    end_line(file, self.path / FAILED)
                    file.write(failures)
            self._file.write(np.ascontiguousarray(rows, ROW).tobytes())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path / SCORES)) from None


_PLAIN = str.maketrans("\t\n\r", "   ")


def one_line(name: str) -> str:
    """A picture's name as it stands in a table: without tabs and ends of lines."""
    return name.translate(_PLAIN)


def _begun(file: Path) -> bool:
    """Whether a killed process left this before the evaluation could begin."""
    return file.name == PICTURES or file.suffix == PART


def _marks(about: dict[str, Any]) -> dict[str, Any]:
    """What tells one evaluation from another: of data its fingerprint and split, not under which name it was found."""
    return about | {"data": {key: value for key, value in about.get("data", {}).items() if key not in ("spec", "name")}}


def _about(path: Path) -> dict[str, Any]:
    try:
        found = json.loads((path / ABOUT).read_text(encoding="utf-8"))
        if found.get("schema") != SCHEMA:
            raise UserError(f"{path}: an evaluation of schema {found.get('schema')!r}; this neocog reads schema {SCHEMA}")
    except (ValueError, AttributeError) as error:
        raise UserError(f"{path / ABOUT} is damaged ({error}); evaluate again into another folder") from None
    return found


def is_evaluation(folder: str | Path) -> bool:
    """Whether an evaluation was begun here."""
    return (Path(folder) / ABOUT).is_file()


def read_predictions(folder: str | Path) -> Predictions:
    """A finished evaluation. Raises UserError for what is none, is damaged, or was stopped before its end."""
    path = Path(folder)
    if not is_evaluation(path):
        raise UserError(f"{path} is no evaluation: it has no {ABOUT}")
    about = _about(path)
    try:
        n, classes, told = int(about["n"]), tuple(about["classes"]), (about["protocol"], about["net"], about["data"])
        lines = (path / PICTURES).read_text(encoding="utf-8", errors="surrogateescape").split("\n")[:-1]
        rows = [line.split("\t", 1) for line in lines]
        labels, names = np.array([int(label) for label, _ in rows], np.int64), [name for _, name in rows]
        if len(rows) != n:
            raise ValueError(f"{PICTURES} has {len(rows):,} lines for {n:,} pictures")
        if n and not 0 <= labels.min() <= labels.max() < len(classes):
            raise ValueError(f"{PICTURES} has labels from {labels.min()} to {labels.max()} for {len(classes)} classes")
        done = (path / SCORES).stat().st_size // (len(classes) * ROW.itemsize) if n else 0
    except (ValueError, KeyError, TypeError, FileNotFoundError) as error:
        raise UserError(f"{path}: a damaged evaluation ({error}); evaluate again into another folder") from None
    if done < n:
        raise UserError(f"{path}: {done:,} of {n:,} pictures were judged; run the same evaluation again to go on")
    scores = np.memmap(path / SCORES, ROW, "r", shape=(n, len(classes))) if n else np.empty((0, len(classes)), np.float32)
    return Predictions(scores, labels, names, classes, *told, _failures(path / FAILED))


def _failures(file: Path) -> tuple[BadPicture, ...]:
    """Those that were written down, each once: a killed evaluation may have told one twice, or only a part of its line."""
    found: dict[str, BadPicture] = {}
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else ():
        with contextlib.suppress(ValueError, KeyError, TypeError):
            told = json.loads(line)
            found[told["file"]] = BadPicture(told["file"], told["error"])
    return tuple(found.values())
