"""From pictures and labels, as scikit-learn's users have them, to a data set."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_consistent_length, column_or_1d

from neocog.errors import BadPicture, DataError
from neocog.estimator.inputs import Reading, is_square, pictures, settle
from neocog.pictures.sets import ArrayPictures, Dataset, FilePictures, Pictures, carve, fingerprint

Made = tuple[str, Dataset, np.ndarray, Reading]
"""What the data is called, the data, its classes in scikit-learn's order, and how numbers are read."""


def of_numbers(values: np.ndarray, y: Any, image_shape: Sequence[int] | None, pixel_range: Sequence[float] | None,
               fraction: float, seed: int) -> Made:  # fmt: skip
    """Of N×F, N×H×W or N×H×W×C numbers. DataError or ValueError for what is no classification of pictures."""
    classes, labels, names = _classes(values, y)
    reading, notes = settle(values, image_shape, pixel_range), []
    if values.ndim == 2 and image_shape is None and not is_square(values.shape[1]):
        notes.append(f"{values.shape[1]} numbers a row are no square picture: each row is a single line of pixels; "
                     "image_shape=(height, width) says otherwise")  # fmt: skip
    found = ArrayPictures(reading.pixels(values), labels, names, "X")
    return "array", _dataset("array", found, fraction, seed, notes), classes, reading


def of_pictures(X: Any, y: Any, fraction: float, seed: int) -> Made:
    """Of a list of paths or pictures; those that cannot be read are left out. Errors as of `of_numbers`."""
    classes, labels, names = _classes(X, y)
    found, skipped = _readable(pictures(X, labels, names))
    if not len(found):
        raise DataError(f"none of the {len(skipped)} pictures can be read, the first: {skipped[0]}")
    data = replace(_dataset("pictures", found, fraction, seed, []), skipped=skipped)
    return "pictures", data, classes, Reading((0, 0, 0), 0, 255)


def _classes(X: Any, y: Any) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """(classes, the number of each picture's, their names), as scikit-learn checks them."""
    if y is None:
        raise DataError("fit requires y to be passed, but the target y is None")
    y = column_or_1d(y, warn=True)
    check_consistent_length(X, y)
    if y.dtype.kind == "f":
        assert_all_finite(y, input_name="y")
    check_classification_targets(y)
    classes, labels = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise DataError(f"a classifier needs pictures of two classes or more; these are of one class: {classes[0]}")
    return classes, labels, tuple(str(name) for name in classes)


def _dataset(name: str, found: Pictures, fraction: float, seed: int, notes: list[str]) -> Dataset:
    rest, held = carve(found, fraction, seed)
    data = Dataset(name, found.classes, rest, held, None, _mark(found), True, tuple(notes))
    if data.size[2] == 3:
        return data
    # Not by the classes' names, as for folders: ensembles number them before they come here.
    return replace(data, flip=False, notes=(*notes, "grey pictures are not mirrored in training; augment says otherwise"))


def _readable(found: Pictures) -> tuple[Pictures, tuple[BadPicture, ...]]:
    """(those whose header can be read, the others)."""
    good, bad = [], []
    for i in range(len(found)):
        try:
            found.header(i)
            good.append(i)
        except BadPicture as error:
            bad.append(error)
    return (found.subset(good), tuple(bad)) if bad else (found, ())


def _mark(found: Pictures) -> str:
    """The fingerprint of a set."""
    if isinstance(found, ArrayPictures):
        return fingerprint([found.arrays, found.labels])
    if isinstance(found, FilePictures):
        return fingerprint([*(f"{path} {path.stat().st_size}" for path in found.paths), found.labels])
    return fingerprint([*(_told(found, i) for i in range(len(found))), found.labels])


def _told(found: Pictures, i: int) -> np.ndarray | str:
    try:
        return np.asarray(found.picture(i))
    except BadPicture as error:
        return error.why
