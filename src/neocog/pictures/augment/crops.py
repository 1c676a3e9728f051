"""Where in a picture the network's input is cut out: pure functions of sizes and a random generator.

A box is in pixels of the upright source picture, with fractions: what a window of whole pixels in the resized picture is
in the source. Resampling the box alone gives the pixels that resizing the whole and cropping would, for less work.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

ATTEMPTS = 10  # torchvision's, and fb.resnet.torch's


class Box(NamedTuple):
    """A window of a picture."""

    top: float
    left: float
    height: float
    width: float


Geometry = Callable[[int, int, int, int, np.random.Generator], Box]
"""(height, width, out_height, out_width, rng) → the box that becomes out_height×out_width pixels."""


def short_side(height: int, width: int, side: int) -> tuple[int, int]:
    """(rows, columns) with the short side at `side` and the long one in proportion, rounded down like torchvision."""
    long = int(side * max(height, width) / min(height, width))
    return (side, long) if height <= width else (long, side)


def scaled_crop(height: int, width: int, out_height: int, out_width: int, rng: np.random.Generator, low: int, high: int,
                crop: int, square: bool = False) -> Box:  # fmt: skip
    """The short side becomes S, a whole number from `low` to `high`; then a window, all places equally likely.

    With low < high this is the scale jitter of VGG (section 3.1: S from 256 to 512) and ResNet (section 3.4: from 256 to 480).
    `square`: windows in the middle square only, with low = high = 256 AlexNet's (section 2: "cropped out the central 256×256
    patch"). S is for inputs of `crop`; for others it is taken in proportion, and never too small for the window.
    """
    wanted = round(int(rng.integers(low, high + 1)) * min(out_height, out_width) / crop)
    side = max(wanted, max(out_height, out_width) if square else 1)
    rows, columns = short_side(height, width, side)
    while rows < out_height or columns < out_width:
        side = max(side + 1, int(side * max(out_height / rows, out_width / columns)))
        rows, columns = short_side(height, width, side)
    high_rows, high_columns = (side, side) if square else (rows, columns)
    top = (rows - high_rows) // 2 + int(rng.integers(0, high_rows - out_height + 1))
    left = (columns - high_columns) // 2 + int(rng.integers(0, high_columns - out_width + 1))
    down, across = height / rows, width / columns
    return Box(top * down, left * across, out_height * down, out_width * across)


def resized_crop(height: int, width: int, out_height: int, out_width: int, rng: np.random.Generator, low: float = 0.08,
                 high: float = 1.0, narrow: float = 3 / 4, wide: float = 4 / 3) -> Box:  # fmt: skip
    """A share of the area from `low` to `high`, width / height from `narrow` to `wide` (GoogLeNet, section 6).

    The paper says no more; as in torchvision the share is uniform, the ratio uniform in its logarithm, sides are whole
    pixels, and after ten windows that do not fit it is the largest in the middle whose ratio is allowed.
    """
    for _ in range(ATTEMPTS):
        area = height * width * rng.uniform(low, high)
        ratio = math.exp(rng.uniform(math.log(narrow), math.log(wide)))
        columns, rows = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < columns <= width and 0 < rows <= height:
            top, left = int(rng.integers(0, height - rows + 1)), int(rng.integers(0, width - columns + 1))
            return Box(top, left, rows, columns)
    rows, columns = height, width
    if width / height < narrow:
        rows = max(1, min(height, round(width / narrow)))
    elif width / height > wide:
        columns = max(1, min(width, round(height * wide)))
    return Box((height - rows) // 2, (width - columns) // 2, rows, columns)
