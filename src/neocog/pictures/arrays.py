"""From pixels in memory to a `Dataset`: what idx files, CIFAR and the embedded digits have in common."""

from collections.abc import Sequence

import numpy as np

from neocog.errors import DataError
from neocog.pictures.sets import ArrayPictures, Dataset, carve, fingerprint

Labelled = tuple[np.ndarray, np.ndarray]
"""Pixels uint8 N×H×W[×C] and labels [N]."""


def array_dataset(
    name: str,
    classes: Sequence[str],
    train: Labelled,
    test: Labelled | None,
    *,
    flip: bool,
    seed: int = 0,
    val_fraction: float,
    test_fraction: float = 1 / 6,
    notes: Sequence[str] = (),
) -> Dataset:
    """Validation is carved from training; so is the test set (`test_fraction`), before, when there is none."""
    if len(train[0]) == 0:
        raise DataError(f"{name}: holds no training pictures")
    notes = list(notes)
    parts = [*train, *(test or ())]
    rest = ArrayPictures(*train, classes, f"{name}/train")
    if test is None:
        rest, test_set = carve(rest, test_fraction, seed)
        notes.append(f"no test set: {len(test_set or ()):,} training pictures held back as one (seed {seed})")
    else:
        test_set = ArrayPictures(*test, classes, f"{name}/test")
    rest, val = carve(rest, val_fraction, seed)
    if val is not None:
        notes.append(f"validation: {len(val):,} pictures carved from training, {val_fraction:.3g} of each class (seed {seed})")
    present = np.bincount(rest.labels, minlength=len(classes))
    if empty := [label for label, count in zip(classes, present, strict=True) if not count]:
        notes.append(f"no training picture of {', '.join(map(repr, empty))}")
    return Dataset(name, tuple(classes), rest, val, test_set, fingerprint(parts), flip, tuple(notes))
