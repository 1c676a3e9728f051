"""The views of a picture that a protocol asks for, as boxes: pure functions of its size, and the pixels of each.

Everything is counted in whole pixels of the picture after it was resized. Offsets of centres are rounded as in the one-crop
record, halves to even. A mirrored view is the mirror image of its crop (Krizhevsky et al. 2012), not a crop of the mirror
image: where a margin is odd, the two centres differ by a pixel.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

from neocog.errors import BadPicture
from neocog.evaluate.protocol import Term
from neocog.pictures import geometry
from neocog.pictures.modes import flatten
from neocog.pictures.preprocessing import Preprocessing

MOST = 1 << 24  # pixels of a resized picture; only strips hundreds of times longer than wide have more


class Box(NamedTuple):
    """A part of a picture."""

    top: int
    left: int
    height: int
    width: int


class View(NamedTuple):
    """Of the picture at rows×columns the box, at height×width (resized, if it has another size), mirrored or not."""

    rows: int
    columns: int
    box: Box
    height: int
    width: int
    mirror: bool = False


def scaled(record: Preprocessing, height: int, width: int, side: int) -> tuple[int, int]:
    """(rows, columns) of a height×width picture whose short side is brought to `side`; side×side where the record squashes."""
    if record.resize == "squash":
        return side, side
    longer = int(side * max(height, width) / min(height, width))  # rounded down, as in `geometry.shorter_and_crop`
    return (longer, side) if width <= height else (side, longer)


def centre(box: Box, height: int, width: int) -> Box:
    """The middle height×width of a box."""
    return Box(box.top + round((box.height - height) / 2), box.left + round((box.width - width) / 2), height, width)


def five(box: Box, height: int, width: int) -> tuple[Box, ...]:
    """Corners (top left, top right, bottom left, bottom right) and centre (Krizhevsky et al. 2012, section 4.1)."""
    down, across = box.top + box.height - height, box.left + box.width - width
    corners = ((box.top, box.left), (box.top, across), (down, box.left), (down, across))
    return (*(Box(top, left, height, width) for top, left in corners), centre(box, height, width))


def grid(box: Box, height: int, width: int, count: int = 5) -> tuple[Box, ...]:
    """A regular count×count grid from edge to edge, row by row; its middle is the centre (Simonyan & Zisserman 2014, 3.2)."""
    down, across = box.height - height, box.width - width
    places = [(round(down * i / (count - 1)), round(across * j / (count - 1))) for i in range(count) for j in range(count)]
    return tuple(Box(box.top + top, box.left + left, height, width) for top, left in places)


def squares(rows: int, columns: int) -> tuple[Box, Box, Box]:
    """The left, centre and right squares, of portraits the top, centre and bottom ones (Szegedy et al. 2014, section 7)."""
    side = min(rows, columns)
    down, across = rows - side, columns - side
    middle = centre(Box(0, 0, rows, columns), side, side)
    return Box(0, 0, side, side), middle, Box(down, across, side, side)


def boxes(term: Term, rows: int, columns: int, height: int, width: int) -> tuple[Box, ...]:
    """The boxes of one scale, in the order of the papers, before they are mirrored."""
    whole = Box(0, 0, rows, columns)
    if term.kind == "dense":
        return (whole,)
    if term.kind == "1crop":
        return (centre(whole, height, width),)
    if term.kind == "50crop":
        return grid(whole, height, width)
    if term.kind == "144crop":
        return tuple(box for square in squares(rows, columns) for box in (*five(square, height, width), square))
    return five(squares(rows, columns)[1] if term.square else whole, height, width)


def views(term: Term, record: Preprocessing, height: int, width: int) -> Iterator[View]:
    """Every view that a resolved term takes of an upright picture of this size, as often as it counts.

    Scale by scale; of each the boxes, then the same mirrored.
    """
    mirrored = term.kind in ("10crop", "50crop", "144crop") or (term.kind == "dense" and term.flip)
    for side in term.scales:
        rows, columns = scaled(record, height, width, side)
        found = boxes(term, rows, columns, record.height, record.width)
        size = (rows, columns) if term.kind == "dense" else (record.height, record.width)
        for mirror in (False, True) if mirrored else (False,):
            for box in found:
                yield View(rows, columns, box, *size, mirror)


class Scaled:
    """A picture in the record's colours, resized once for each size that its views need: uint8 h×w×C each."""

    def __init__(self, picture: Image.Image, record: Preprocessing, wanted: list[View], name: str = ""):
        self._way = record.interpolation if record.antialias else geometry.LINEAR
        flat, mode = flatten(picture), "L" if record.color == "L" else "RGB"
        coloured = flat if flat.mode == mode else flat.convert(mode)
        self.whole: dict[tuple[int, int], np.ndarray] = {}
        for rows, columns in dict.fromkeys((view.rows, view.columns) for view in wanted):
            if rows * columns > MOST:
                raise BadPicture(name, f"a strip of {picture.width}×{picture.height} would become {columns}×{rows}")
            pixels = np.asarray(geometry.squash(coloured, rows, columns, self._way)).reshape(rows, columns, record.channels)
            self.whole[rows, columns] = pixels[:, :, ::-1] if record.color == "BGR" else pixels

    def cut(self, view: View) -> np.ndarray:
        """uint8 height×width×C."""
        top, left, height, width = view.box
        part = self.whole[view.rows, view.columns][top : top + height, left : left + width]
        if (height, width) != (view.height, view.width):
            picture = Image.fromarray(np.ascontiguousarray(part if part.shape[2] == 3 else part[:, :, 0]))
            resized = geometry.squash(picture, view.height, view.width, self._way)
            part = np.asarray(resized).reshape(view.height, view.width, -1)
        return part[:, ::-1] if view.mirror else part
