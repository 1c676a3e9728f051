"""CIFAR-10 and CIFAR-100 in their binary version: records of label byte(s) and 3×32×32 pixels, plane after plane.

Format: https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version". The Python version is pickles, which are never
loaded here.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neocog.errors import DataError
from neocog.pictures.arrays import Labelled, array_dataset
from neocog.pictures.scan import is_file
from neocog.pictures.sets import Dataset

_PIXELS = 3 * 32 * 32


@dataclass(frozen=True)
class _Version:
    """Names of files, label bytes a record (the last is the class), and pictures in each complete file."""

    name: str
    train: tuple[str, ...]
    test: str
    names: str
    label_bytes: int
    classes: int
    per_train: int
    per_test: int


_TEN = _Version(
    "cifar10",
    tuple(f"data_batch_{i}.bin" for i in range(1, 6)),
    "test_batch.bin",
    "batches.meta.txt",
    1,
    10,
    10_000,
    10_000,
)
_HUNDRED = _Version("cifar100", ("train.bin",), "test.bin", "fine_label_names.txt", 2, 100, 50_000, 10_000)

CIFAR_FILES = frozenset(file for one in (_TEN, _HUNDRED) for file in (*one.train, one.test, one.names))
"""The files of both binary versions that are read."""


def cifar_folder(root: Path) -> tuple[Path, _Version] | None:
    """Where the binary files are: `root` itself or the folder its archive unpacks to; None if there are none."""
    for folder in (root, root / "cifar-10-batches-bin", root / "cifar-100-binary"):
        if any(is_file(folder / file) for file in (*_TEN.train, _TEN.test)):
            return folder, _TEN
        if is_file(folder / "train.bin") and is_file(folder / _HUNDRED.names):
            return folder, _HUNDRED
    return None


def load_cifar_folder(
    root: str | Path,
    seed: int = 0,
    val_fraction: float | None = None,
    test_fraction: float | None = None,
    name: str | None = None,
    md5: Mapping[str, str] | None = None,
) -> Dataset:
    """CIFAR-10 from whichever `data_batch_*.bin` there are, or CIFAR-100 with its fine labels.

    Validation is a stratified `val_fraction` (1/10) of the training pictures; without a test file, `test_fraction`
    (1/6) is held back as a test set first. `md5` holds what files must have, by name; files not in it pass.
    """
    root = Path(root)
    found = cifar_folder(root)
    if found is None:
        if any(is_file(root / file) for file in ("data_batch_1", "test_batch")):
            raise DataError(f"{root} holds the Python version of CIFAR, pickles that neocog does not load: get the binary one")
        raise DataError(f"{root}: no CIFAR files in it (data_batch_1.bin …, or train.bin and {_HUNDRED.names})")
    folder, version = found
    notes: list[str] = []
    batches = [file for file in version.train if is_file(folder / file)]
    if not batches:
        raise DataError(f"{folder}: {version.test} is there but no training batch ({version.train[0]} …)")
    classes = _class_names(folder / version.names, version.classes)
    if len(batches) < len(version.train):
        notes.append(f"{len(batches)} of {len(version.train)} training batches are here: {', '.join(batches)}")
    parts = [_read(folder / file, version, version.per_train, md5, notes) for file in batches]
    train = np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts])
    has_test = is_file(folder / version.test)
    test = _read(folder / version.test, version, version.per_test, md5, notes) if has_test else None
    return array_dataset(
        name or version.name,
        classes,
        train,
        test,
        flip=True,
        seed=seed,
        val_fraction=1 / 10 if val_fraction is None else val_fraction,
        test_fraction=1 / 6 if test_fraction is None else test_fraction,
        notes=notes,
    )


def _read(path: Path, version: _Version, expected: int, md5: Mapping[str, str] | None, notes: list[str]) -> Labelled:
    """Pixels uint8 N×32×32×3 and labels [N] of one file."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    wanted = (md5 or {}).get(path.name)
    if wanted and (actual := hashlib.md5(raw, usedforsecurity=False).hexdigest()) != wanted:
        raise DataError(f"{path} is damaged: its md5 is {actual}, not {wanted}: delete it and fetch it again")
    record = version.label_bytes + _PIXELS
    if not raw or len(raw) % record:
        raise DataError(f"{path}: {len(raw):,} bytes are not a whole number of {record}-byte records: fetch it again")
    rows = np.frombuffer(raw, np.uint8).reshape(-1, record)
    labels = rows[:, version.label_bytes - 1].astype(np.int64)
    if labels.max() >= version.classes:
        raise DataError(f"{path}: a label is {labels.max()}, but there are {version.classes} classes: is it {version.name}?")
    if len(rows) != expected:
        notes.append(f"{path.name} holds {len(rows):,} pictures; the published file has {expected:,}")
    planes = rows[:, version.label_bytes :].reshape(-1, 3, 32, 32)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels


def _class_names(path: Path, count: int) -> tuple[str, ...]:
    try:
        names = tuple(line.strip() for line in path.read_text("utf-8").splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror.lower() if isinstance(error, OSError) and error.strerror else "not text"
        raise DataError(f"{path}, which holds the class names, cannot be read: {why}") from error
    if len(names) != count or len(set(names)) != count:
        raise DataError(f"{path}: expected {count} different class names, one a line, found {len(set(names))}")
    return names
