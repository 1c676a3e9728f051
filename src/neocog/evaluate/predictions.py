"""What a classifier said of every picture of a split, on disk as it is made: an evaluation folder.

evaluation.json   net, classes, protocol, data (spec, name, fingerprint, split), weights (SHA-256), n
pictures.tsv      `label name`, tab between, a line for each picture in the order of the split
scores.f32        n rows of as many float32 as there are classes: natural logarithms of probabilities; NaN: no answer
failed.jsonl      the pictures that could not be read, each with its reason

Rows are appended; a killed evaluation goes on after its last whole row. Any tool can read it: the rows are raw, little endian.
"""

import contextlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from neocog.errors import BadPicture, UserError
from neocog.files import write_bytes

ABOUT, PICTURES, SCORES, FAILED = "evaluation.json", "pictures.tsv", "scores.f32", "failed.jsonl"
SCHEMA = 1
ROW = np.dtype("<f4")


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

    @property
    def answered(self) -> np.ndarray:
        """Sorted positions of the pictures that have an answer."""
        return np.flatnonzero(~np.isnan(self.log_probabilities[:, 0]))


def log_softmax(scores: np.ndarray) -> np.ndarray:
    """N×classes scores → float32 logarithms of their softmax, computed in float64."""
    wide = scores.astype(np.float64)
    wide -= wide.max(1, keepdims=True)
    return (wide - np.log(np.exp(wide).sum(1, keepdims=True))).astype(np.float32)


def log_mean(parts: Sequence[np.ndarray]) -> np.ndarray:
    """Logarithm of the mean of probabilities that are given by their logarithms, N×classes each: views, or an ensemble."""
    with np.errstate(invalid="ignore"):  # NaN: no answer
        total = np.logaddexp.reduce([part.astype(np.float64) for part in parts], axis=0)
    return (total - np.log(len(parts))).astype(np.float32)


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
            if _about(self.path) != json.loads(json.dumps(self.about)):
                raise UserError(f"{self.path} holds an evaluation of something else: choose another --out")
        elif self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise UserError(f"{self.path} holds something else already: choose another --out")
        else:
            self.path.mkdir(parents=True, exist_ok=True)
            rows = (f"{label}\t{name.translate(_PLAIN)}\n" for label, name in zip(self._labels, self._names, strict=True))
            write_bytes(self.path / PICTURES, "".join(rows).encode("utf-8", "surrogateescape"))
            write_bytes(self.path / ABOUT, (json.dumps(self.about, ensure_ascii=False, indent=1) + "\n").encode())
        self._file = (self.path / SCORES).open("ab")
        _lock(self._file, self.path)
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
                    file.write(failures)
            self._file.write(np.ascontiguousarray(rows, ROW).tobytes())
            self._file.flush()
            os.fsync(self._file.fileno())
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path / SCORES)) from None


def _lock(file: IO[bytes], path: Path) -> None:
    """Two processes must not fill one folder. Raises UserError if another one is at it."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise UserError(f"{path}: another process is at this evaluation; wait for it, or choose another --out") from None
    except (ImportError, OSError):
        return  # a system or a file system without locks


_PLAIN = str.maketrans("\t\n\r", "   ")


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
        n, width = about["n"], len(about["classes"])
        lines = (path / PICTURES).read_text(encoding="utf-8", errors="surrogateescape").split("\n")[:-1]
        rows = [line.split("\t", 1) for line in lines]
        labels, names = np.array([int(label) for label, _ in rows], np.int64), [name for _, name in rows]
        size = (path / SCORES).stat().st_size // (width * ROW.itemsize)
    except (ValueError, KeyError, TypeError, FileNotFoundError) as error:
        raise UserError(f"{path}: a damaged evaluation ({error}); evaluate again into another folder") from None
    if len(rows) != n or size < n:
        raise UserError(
            f"{path}: {min(size, len(rows)):,} of {n:,} pictures were judged; run the same evaluation again to go on"
        )
    scores = np.memmap(path / SCORES, ROW, "r", shape=(n, width)) if n else np.empty((0, width), np.float32)
    failures: dict[str, BadPicture] = {}  # a killed evaluation may have told one twice
    if (path / FAILED).is_file():
        for line in (path / FAILED).read_text(encoding="utf-8").splitlines():
            told = json.loads(line)
            failures[told["file"]] = BadPicture(told["file"], told["error"])
    return Predictions(
        scores, labels, names, tuple(about["classes"]), about["protocol"], about["net"], about["data"], tuple(failures.values())
    )
