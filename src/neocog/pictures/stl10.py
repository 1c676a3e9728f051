"""STL-10 in its binary files: 96×96 colour pictures of ten classes, 5,000 to learn from, 8,000 to test (Coates, Lee & Ng 2011).

Format: https://cs.stanford.edu/~acoates/stl10, "binary files": pixels plane after plane, each plane column after column; labels
from 1. The 100,000 pictures without labels are left out, and that is said.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from neocog.errors import DataError
from neocog.pictures.arrays import Labelled, array_dataset
from neocog.pictures.scan import is_file
from neocog.pictures.sets import Dataset

SIDE = 96
PICTURE = 3 * SIDE * SIDE
TRAIN, TEST, NAMES = ("train_X.bin", "train_y.bin"), ("test_X.bin", "test_y.bin"), "class_names.txt"
UNLABELED, FOLDS = "unlabeled_X.bin", "fold_indices.txt"
STL10_FILES = frozenset((*TRAIN, *TEST, NAMES, FOLDS))
"""The files that are kept of the archive."""
CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
PUBLISHED = {TRAIN[0]: 5_000, TEST[0]: 8_000}
PART = 500  # pictures that are turned at a time


def stl10_folder(root: Path) -> Path | None:
    """Where the files are: `root` itself or the folder that the archive unpacks to; None if there are none."""
    return next((f for f in (root, root / "stl10_binary") if any(is_file(f / one) for one in (TRAIN[0], TEST[0]))), None)


def load_stl10_folder(
    root: str | Path,
    seed: int = 0,
    val_fraction: float | None = None,
    test_fraction: float | None = None,
    name: str | None = None,
    md5: Mapping[str, str] | None = None,
) -> Dataset:
    """STL-10 from its binary files. Validation is a stratified `val_fraction` (1/10) of the 5,000 training pictures, and
    where there is no test file, `test_fraction` (1/6) is held back first. `md5`: what files must have, by name.
    """
    folder = stl10_folder(Path(root))
    if folder is None:
        raise DataError(f"{root}: no STL-10 files in it ({', '.join((*TRAIN, *TEST))})")
    if not is_file(folder / TRAIN[0]):
        raise DataError(f"{folder}: {TEST[0]} is there but no training pictures ({TRAIN[0]}, {TRAIN[1]})")
    notes: list[str] = []
    train = _read(folder, TRAIN, md5, notes)
    test = _read(folder, TEST, md5, notes) if is_file(folder / TEST[0]) else None
    if is_file(folder / UNLABELED):
        count = (folder / UNLABELED).stat().st_size // PICTURE
        notes.append(f"{UNLABELED}: {count:,} pictures without labels left out")
    if is_file(folder / FOLDS):
        notes.append(f"{FOLDS}: the ten folds of 1,000 pictures of STL-10's own protocol are not used")
    return array_dataset(
        name or "stl10",
        _class_names(folder / NAMES),
        train,
        test,
        flip=True,
        seed=seed,
        val_fraction=1 / 10 if val_fraction is None else val_fraction,
        test_fraction=1 / 6 if test_fraction is None else test_fraction,
        notes=notes,
    )


def _read(folder: Path, files: tuple[str, str], md5: Mapping[str, str] | None, notes: list[str]) -> Labelled:
    """Pixels uint8 N×96×96×3 and labels [N] from 0."""
    pixels, marks = (folder / file for file in files)
    try:
        size = pixels.stat().st_size
        if not size or size % PICTURE:
            raise DataError(f"{pixels}: {size:,} bytes are not a whole number of {PICTURE:,}-byte pictures: fetch it again")
        labels = np.frombuffer(marks.read_bytes(), np.uint8).astype(np.int64) - 1
        for path in (pixels, marks):
            _check(path, (md5 or {}).get(path.name))
        images = np.empty((size // PICTURE, SIDE, SIDE, 3), np.uint8)
        with pixels.open("rb") as file:
            for start in range(0, len(images), PART):
                part = images[start : start + PART]
                planes = np.frombuffer(file.read(len(part) * PICTURE), np.uint8).reshape(-1, 3, SIDE, SIDE)
                part[...] = planes.transpose(0, 3, 2, 1)  # columns first on disk
    except OSError as error:
        raise DataError(f"{error.filename} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if len(labels) != len(images):
        raise DataError(f"{folder}: {len(images):,} pictures in {files[0]} but {len(labels):,} labels in {files[1]}")
    if labels.min() < 0 or labels.max() >= len(CLASSES):
        raise DataError(f"{marks}: labels run from {labels.min() + 1} to {labels.max() + 1}; STL-10's from 1 to {len(CLASSES)}")
    if len(images) != PUBLISHED[files[0]]:
        notes.append(f"{files[0]} holds {len(images):,} pictures; the published file has {PUBLISHED[files[0]]:,}")
    return images, labels


def _check(path: Path, wanted: str | None) -> None:
    if wanted is None:
        return
    with path.open("rb") as file:
        actual = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if actual != wanted:
        raise DataError(f"{path} is damaged: its md5 is {actual}, not {wanted}: delete it and fetch it again")


def _class_names(path: Path) -> tuple[str, ...]:
    """The file's, one a line; the published ones where it is missing."""
    if not is_file(path):
        return CLASSES
    names = tuple(line.strip() for line in path.read_text("utf-8", "replace").splitlines() if line.strip())
    if len(names) != len(CLASSES) or len(set(names)) != len(names):
        raise DataError(f"{path}: expected {len(CLASSES)} different class names, one a line, found {len(set(names))}")
    return names
