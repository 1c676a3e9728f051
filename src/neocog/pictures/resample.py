"""Resampling of a part of a picture: what is not wanted is not computed. Bilinear within 2/255 of resizing all and cropping."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image

from neocog.pictures import geometry
from neocog.pictures.preprocessing import Preprocessing

_REACH = {"box": 0.5, "bilinear": 1, "hamming": 1, "bicubic": 2, "lanczos": 3}  # of Pillow's filters, in pixels
_WHOLE = ("box", "bicubic", "lanczos")  # filters that show the last bit of a position, or have negative weights
MOST = 3
_OVER = 4096  # no side is padded by more than this: boxes far outside of a picture are a mistake


class Window(NamedTuple):
    """The whole picture at rows×columns, of which the part from (top, left), of the input's size, is wanted."""

    rows: int
    columns: int
    top: int
    left: int
    height: int
    width: int


Resize = Callable[[np.ndarray, Window, str], np.ndarray]
"""(uint8 H×W×C, window, Pillow's name of the filter) → uint8 window.height×window.width×C."""


def window(record: Preprocessing, height: int, width: int, exact: bool = False) -> Window | None:
    """What the record cuts out of an upright picture of this size; None where it is not a part of a resized whole that
    filters with antialiasing make. The arithmetic is that of `geometry`.

    exact: None too for filters with negative weights. Pillow 13 chooses by the sizes whether rows or columns come first, and
    rounds in between: of a part it may choose otherwise than of the whole, and there these filters differ by up to 11/255.
    And for the box, which jumps from one pixel to the next where the last bit of a position says so.
    """
    if not record.antialias or record.interpolation not in _REACH or record.resize == "pad":
        return None
    if exact and record.interpolation in _WHOLE:
        return None
    if record.resize == "shorter":
        side = record.resize_to or min(record.height, record.width)
        longer = int(side * max(height, width) / min(height, width))
        rows, columns = (longer, side) if width <= height else (side, longer)
    elif record.resize == "squash" and record.resize_to:
        rows = columns = record.resize_to
    else:
        rows, columns = record.height, record.width
    if rows < record.height or columns < record.width:
        return None
    top, left = round((rows - record.height) / 2), round((columns - record.width) / 2)
    return Window(rows, columns, top, left, record.height, record.width)


def ordinary(channels: int, window: Window, interpolation: str) -> bool:
    """Bilinear RGB of usual proportions: what torch resamples within 1/255 of Pillow. The whole is computed: not where that is
    more than `MOST` times what is wanted."""
    return interpolation == "bilinear" and channels == 3 and window.rows * window.columns <= MOST * window.height * window.width


def pillow_resize(pixels: np.ndarray, window: Window, interpolation: str) -> np.ndarray:
    """Only the window, by Pillow."""
    rows, columns, top, left, height, width = window
    down, across = pixels.shape[0] / rows, pixels.shape[1] / columns
    return cut(pixels, (top * down, left * across, height * down, width * across), height, width, interpolation)


def cut(pixels: np.ndarray, box: tuple[float, float, float, float], height: int, width: int, interpolation: str) -> np.ndarray:
    """uint8 H×W×C and a box (top, left, height, width), with fractions, in its pixels → uint8 height×width×C, antialiased.

    What surrounds the box counts at its edge, as it does where the whole is resized; outside of the picture it is black.
    interpolation: one of Pillow's, or `geometry.LINEAR` (then the box is taken to whole pixels).
    """
    top, left, tall, wide = box
    if top < 0 or left < 0 or top + tall > pixels.shape[0] + 1e-6 or left + wide > pixels.shape[1] + 1e-6:
        return cut(*_padded(pixels, box), height, width, interpolation)
    if (tall, wide) == (height, width) and top == int(top) and left == int(left):
        return pixels[int(top) : int(top) + height, int(left) : int(left) + width]
    if interpolation == geometry.LINEAR:
        y, x = round(top), round(left)
        part = pixels[y : max(y + 1, round(top + tall)), x : max(x + 1, round(left + wide))]
        return _array(geometry.squash(_picture(part), height, width, geometry.LINEAR))
    reach = _REACH.get(interpolation, 1)
    y0, y1 = _around(top, tall, height, reach, pixels.shape[0])
    x0, x1 = _around(left, wide, width, reach, pixels.shape[1])
    right, bottom = min(left + wide - x0, x1 - x0), min(top + tall - y0, y1 - y0)
    picture = _picture(pixels[y0:y1, x0:x1])
    return _array(
        picture.resize((width, height), Image.Resampling[interpolation.upper()], (left - x0, top - y0, right, bottom))
    )


def shortened(pixels: np.ndarray, side: int, interpolation: str) -> np.ndarray:
    """The whole with its short side at `side`, the long one in proportion (rounded down); smaller ones as they are."""
    height, width = pixels.shape[:2]
    if min(height, width) <= side:
        return pixels
    longer = int(side * max(height, width) / min(height, width))
    rows, columns = (longer, side) if width <= height else (side, longer)
    way = geometry.LINEAR if interpolation == geometry.LINEAR else interpolation
    return _array(geometry.squash(_picture(pixels), rows, columns, way))


def _around(start: float, length: float, size: int, reach: float, limit: int) -> tuple[int, int]:
    """The whole pixels that a filter touches."""
    touched = reach * max(1.0, length / size) + 1
    return max(0, math.floor(start - touched)), min(limit, math.ceil(start + length + touched))


def _padded(pixels: np.ndarray, box: tuple[float, float, float, float]) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    """The picture on black that is large enough for the box."""
    top, left, tall, wide = box
    before = [max(0, math.ceil(-edge)) for edge in (top, left)]
    after = [max(0, math.ceil(end - size)) for end, size in ((top + tall, pixels.shape[0]), (left + wide, pixels.shape[1]))]
    if max(*before, *after) > _OVER:
        raise ValueError(f"a box {box} so far outside of a picture of {pixels.shape[0]}×{pixels.shape[1]} is a mistake")
    padding = ((before[0], after[0]), (before[1], after[1]), (0, 0))
    return np.pad(pixels, padding), (top + before[0], left + before[1], tall, wide)


def _picture(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels))


def _array(picture: Image.Image) -> np.ndarray:
    found = np.asarray(picture)
    return found[:, :, None] if found.ndim == 2 else found
