"""Where what a network reads lies on the picture as it came: its record's geometry, undone exactly."""

import math
from dataclasses import dataclass
from itertools import accumulate, repeat

from neocog.pictures.preprocessing import Preprocessing

# How far a filter of Pillow reaches, in pixels of the smaller picture; "nearest" takes one pixel.
SUPPORT = {"box": 0.5, "bilinear": 1.0, "hamming": 1.0, "bicubic": 2.0, "lanczos": 3.0}


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels: rows top … bottom and columns left … right, the ends left out."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        """Its rows."""
        return max(0, self.bottom - self.top)

    @property
    def width(self) -> int:
        """Its columns."""
        return max(0, self.right - self.left)

    @property
    def empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.height == 0 or self.width == 0

    def within(self, height: int, width: int) -> "Box":
        """What of it lies on a picture of that size."""
        top, left = min(max(self.top, 0), height), min(max(self.left, 0), width)
        return Box(top, left, max(top, min(self.bottom, height)), max(left, min(self.right, width)))

    def beyond(self, height: int, width: int) -> tuple[int, int, int, int]:
        """How many pixels of it lie above, left of, below and right of a picture of that size."""
        return max(0, -self.top), max(0, -self.left), max(0, self.bottom - height), max(0, self.right - width)


@dataclass(frozen=True, slots=True)
class Axis:
    """One axis of a record's geometry: `before` pixels of the picture become `after`, and the network's first pixel is number
    `start` of these; below 0 there is black."""

    before: int
    after: int
    start: int
    filter: str  # Pillow's, "linear" for bilinear without antialiasing

    def place(self, at: float) -> float:
        """An edge between the network's pixels, on the picture, in its pixels; it may lie outside."""
        return (at + self.start) * self.before / self.after

    def read(self, first: int, end: int) -> tuple[int, int]:
        """Which pixels of the picture, first and behind the last, take part in the network's pixels first … end."""
        low, high = max(first + self.start, 0), min(end + self.start, self.after)
        if low >= high:
            return 0, 0
        return self._of(low)[0], self._of(high - 1)[1]

    def _of(self, pixel: int) -> tuple[int, int]:
        """Those that one pixel of the resized picture is made from (Pillow's precompute_coeffs; weights of zero left out)."""
        if self.before == self.after:
            return pixel, pixel + 1
        ratio = self.before / self.after
        centre = (pixel + 0.5) * ratio
        if self.filter == "nearest":  # Pillow walks from pixel to pixel, and so do its roundings
            *_, at = accumulate(repeat(ratio, pixel), initial=ratio * 0.5)
            return int(at), int(at) + 1
        if self.filter == "linear":
            at = min(max(centre - 0.5, 0.0), self.before - 1.0)
            return math.floor(at), min(math.ceil(at), self.before - 1) + 1
        reach = SUPPORT[self.filter] * max(ratio, 1.0)
        low, high = max(int(centre - reach + 0.5), 0), min(int(centre + reach + 0.5), self.before)
        if self.filter != "box":  # at its very end such a filter is zero
            while low < high - 1 and centre - (low + 0.5) >= reach:
                low += 1
            while high - 1 > low and high - 0.5 - centre >= reach:
                high -= 1
        return low, high


def axes(record: Preprocessing, height: int, width: int) -> tuple[Axis, Axis]:
    """(rows, columns) of what `record.image` does with a picture of height×width.

    Of strips that are huge (16 million pixels and more, 16 times as long as wide) it may be a pixel off.
    """
    want = (record.height, record.width)
    if record.resize == "shorter":
        short, long = sorted((height, width))
        to = min(want) if record.resize_to is None else record.resize_to
        longer = int(to * long / short)
        after = (longer, to) if width <= height else (to, longer)
    elif record.resize == "pad":
        ratio = min(want[0] / height, want[1] / width)
        fitted = [min(limit, max(1, round(side * ratio))) for side, limit in zip((height, width), want, strict=True)]
        after = (height, width) if ratio >= 1 else (fitted[0], fitted[1])
    elif record.resize == "squash" and record.resize_to:
        after = (record.resize_to, record.resize_to)
    else:
        after = want
    way = record.interpolation if record.antialias else "linear"
    rows, columns = (_start(n, out) for n, out in zip(after, want, strict=True))
    return Axis(height, after[0], rows, way), Axis(width, after[1], columns, way)


def _start(resized: int, wanted: int) -> int:
    """Where the centre crop begins; where the picture is smaller, minus the black before it."""
    return round((resized - wanted) / 2) if resized >= wanted else -((wanted - resized) // 2)


def on_picture(box: Box, record: Preprocessing, height: int, width: int) -> Box:
    """The pixels of a picture of height×width that take part in what the network gets in `box`: no other can reach it.

    What the filter that resizes reaches around the box is counted in; a pixel at its end may have so small a share in a byte
    that it is lost in rounding.
    """
    rows, columns = axes(record, height, width)
    (top, bottom), (left, right) = rows.read(box.top, box.bottom), columns.read(box.left, box.right)
    return Box(top, left, bottom, right) if top < bottom and left < right else Box(0, 0, 0, 0)


def outline(box: Box, record: Preprocessing, height: int, width: int) -> tuple[float, float, float, float]:
    """(top, left, bottom, right) of the same box as a shape on the picture: resized and shifted back, edges to edges."""
    rows, columns = axes(record, height, width)
    return rows.place(box.top), columns.place(box.left), rows.place(box.bottom), columns.place(box.right)
