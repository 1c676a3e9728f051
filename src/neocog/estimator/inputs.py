"""From what scikit-learn's users hand over to pictures: arrays, rows of numbers, lists of pictures or of paths."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from neocog.errors import BadPicture, DataError
from neocog.pictures.decode import Probe
from neocog.pictures.modes import flatten, is_grey
from neocog.pictures.sets import FilePictures, Pictures

CHUNK = 1 << 20  # numbers that are converted at a time: the only floats that are ever made
ORIENTATION = 0x0112  # EXIF; from 5 on the picture lies on its side
Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Reading:
    """How numbers are read as pixels, settled once from the training data.

    shape: (height, width, channels) of a row; low, high: the numbers that are black and white.
    """

    shape: Shape
    low: float
    high: float

    def pixels(self, values: np.ndarray) -> np.ndarray:
        """N×F, N×H×W or N×H×W×C numbers → uint8 N×H×W×C; what is beyond black or white becomes black or white.

        DataError for numbers in [0, 1] where those learned from were bytes: they would all be black.
        """
        if values.ndim == 2:
            values = values.reshape(len(values), *self.shape)
        values = values[..., None] if values.ndim == 3 else values
        if (self.low, self.high) == (0, 255):
            if values.dtype == np.uint8:
                return values
            if values.size and values.dtype.kind == "f" and 0 < values.max() <= 1 and values.min() >= 0:
                raise DataError("all numbers lie in [0, 1], but the classifier learned from 0 to 255: X * 255")
        out = np.empty(values.shape, np.uint8)
        step = max(1, CHUNK // max(1, math.prod(values.shape[1:])))
        gain = 255 / (self.high - self.low) if self.high > self.low else 0.0
        for start in range(0, len(values), step):
            some = values[start : start + step]
            wide = some.astype(np.float64)
            out[start : start + step] = np.clip((wide - self.low) * gain + 0.5, 0, 255)  # rounded
        return out

    def to_json(self) -> dict[str, Any]:
        """Plain values, for the run's configuration."""
        return {"image_shape": list(self.shape), "pixel_range": [self.low, self.high]}


def settle(values: np.ndarray, image_shape: Sequence[int] | None, pixel_range: Sequence[float] | None) -> Reading:
    """The reading of training data N×F, N×H×W or N×H×W×C. DataError for shapes that are no pictures.

    Bytes are pixels. Other numbers that all lie in [0, 1] run from black to white there; any others from their
    smallest to their largest.
    """
    shape = _row_shape(values.shape[1], image_shape) if values.ndim == 2 else _array_shape(values.shape)
    if pixel_range is not None:
        low, high = map(float, pixel_range)
        if not low < high:
            raise DataError(f"pixel_range goes from black to white, (0, 1) say, not {tuple(pixel_range)}")
    elif values.dtype == np.uint8:
        low, high = 0.0, 255.0
    else:
        low, high = float(values.min()), float(values.max())
        if low >= 0 and high <= 1:
            low, high = 0.0, 1.0
    return Reading(shape, low, high)


def is_square(length: int) -> bool:
    """Whether so many numbers are a square grey picture."""
    return math.isqrt(length) ** 2 == length


def _row_shape(length: int, image_shape: Sequence[int] | None) -> Shape:
    if image_shape is None:
        side = math.isqrt(length)
        return (side, side, 1) if is_square(length) else (1, length, 1)
    shape = tuple(image_shape)
    if len(shape) not in (2, 3) or not all(isinstance(n, (int, np.integer)) and n > 0 for n in shape):
        raise DataError(f"image_shape is (height, width) or (height, width, 3), not {image_shape}")
    if math.prod(shape) != length:
        raise DataError(f"image_shape {'×'.join(map(str, shape))} is {math.prod(shape)} numbers, but X has {length} a row")
    return _array_shape((0, *shape))


def _array_shape(shape: Sequence[int]) -> Shape:
    height, width, channels = (*shape[1:], 1)[:3] if len(shape) in (3, 4) else (0, 0, 0)
    if channels in (1, 3) and height and width:
        return height, width, channels
    hint = ""
    if len(shape) == 4 and shape[1] in (1, 3):
        hint = "; colours come last: X.transpose(0, 2, 3, 1)"
    elif len(shape) == 4 and shape[3] in (2, 4):
        hint = f"; without transparency: X[..., :{shape[3] - 1}]"
    raise DataError(f"pictures are N×H×W, or N×H×W×C with 1 or 3 channels, not {'×'.join(map(str, shape))}{hint}")


def is_pictures(X: Any) -> bool:
    """Whether these are pictures or paths, one by one, and not numbers."""
    if getattr(X, "ndim", 1) != 1 or not hasattr(X, "__len__") or not hasattr(X, "__iter__") or isinstance(X, dict):
        return False
    first = next(iter(X), None)
    if isinstance(first, np.ndarray) and first.ndim >= 2:  # of several sizes; of one size they are an array
        return len({np.shape(one) for one in X}) > 1
    return isinstance(first, (str, os.PathLike, Image.Image))


def pictures(X: Any, labels: np.ndarray, classes: Sequence[str]) -> Pictures:
    """Paths, PIL pictures, or uint8 arrays of several sizes. DataError for a mixture."""
    items = list(X)
    wanted = (str, os.PathLike) if isinstance(items[0], (str, os.PathLike)) else (Image.Image, np.ndarray)
    for i, one in enumerate(items):
        if not isinstance(one, wanted) or (isinstance(one, np.ndarray) and (one.dtype != np.uint8 or one.ndim not in (2, 3))):
            what = f"{one.dtype} of {one.ndim} dimensions" if isinstance(one, np.ndarray) else f"of type {type(one).__name__}"
            raise DataError(f"X[{i}] is {what}: a list is of paths, or of PIL pictures and uint8 arrays H×W or H×W×C")
    if isinstance(items[0], (str, os.PathLike)):
        paths = [Path(os.fspath(one)).absolute() for one in items]
        return FilePictures(paths, labels, classes, os.path.commonpath([path.parent for path in paths]))
    return PilPictures([one if isinstance(one, Image.Image) else _image(one) for one in items], labels, classes)


def _image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels)


class PilPictures(Pictures):
    """Pictures as Pillow holds them."""

    def __init__(
        self, images: Sequence[Image.Image], labels: np.ndarray, classes: Sequence[str], numbers: np.ndarray | None = None
    ):
        super().__init__(labels, classes, len(images))
        self._images, self._numbers = images, np.arange(len(images)) if numbers is None else numbers

    def picture(self, i: int) -> Image.Image:
        try:
            return flatten(ImageOps.exif_transpose(self._images[i]))
        except (OSError, ValueError) as error:  # opened, but never read until now
            raise BadPicture(self.name(i), str(error)) from None

    def header(self, i: int) -> Probe:
        image = self._images[i]  # not decoded for this, where it was only opened
        width, height = image.size[::-1] if image.getexif().get(ORIENTATION, 1) >= 5 else image.size
        return Probe(height, width, 1 if is_grey(image.mode) else 3)

    def name(self, i: int) -> str:
        return f"X[{self._numbers[i]}]"

    def subset(self, indices: np.ndarray | Sequence[int]) -> "PilPictures":
        at = np.asarray(indices, np.int64)
        return PilPictures([self._images[i] for i in at], self.labels[at], self.classes, self._numbers[at])
