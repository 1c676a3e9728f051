"""The figure of nearest pictures: a row a picture, its nearest ones from left to right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neocog.figure.parts import MARGIN, fitted, heading
from neocog.figure.sketch import NORMAL, SMALL, Sketch

SIDE, GAP = 96, 12  # of a tile, and between two


@dataclass(frozen=True, eq=False)
class Tile:
    """A picture, uint8 H×W×3, two lines below it, and whether the class in the first is the one that was asked about."""

    pixels: np.ndarray
    words: str
    more: str
    same: bool = True


def draw_nearest(about: Sequence[str], rows: Sequence[tuple[Tile, Sequence[Tile]]]) -> Sketch:
    """Each row a picture and its neighbours; classes other than the network's answer are marked."""
    count = max(len(near) for _, near in rows)
    wide = max(2 * MARGIN + (count + 1) * (SIDE + GAP) + 24, 620)
    title = "The nearest pictures in the network's own eyes"
    sheet = Sketch(wide, 74 + 16 * len(about) + len(rows) * (SIDE + 50) + 40, title)
    y = heading(sheet, title) - 2
    for words in about:
        sheet.text(MARGIN, y + 12, fitted(words, wide - 2 * MARGIN, NORMAL), NORMAL, ink="soft")
        y += 18
    y += 22
    for own, near in rows:
        _tile(sheet, MARGIN, y, own)
        for j, one in enumerate(near):
            _tile(sheet, MARGIN + 24 + (j + 1) * (SIDE + GAP), y, one)
        sheet.line([(MARGIN + SIDE + GAP + 6, y), (MARGIN + SIDE + GAP + 6, y + SIDE)], "soft")
        y += SIDE + 50
    sheet.box(MARGIN, y + 2, 14, 4, "k1")
    sheet.text(MARGIN + 20, y + 8, "of another class than the network's answer; below, the distance", SMALL, ink="soft")
    return sheet


def _tile(sheet: Sketch, x: float, y: float, one: Tile) -> None:
    high, wide = one.pixels.shape[:2]
    scale = SIDE / max(high, wide)
    w, h = wide * scale, high * scale
    sheet.picture(x + (SIDE - w) / 2, y + (SIDE - h) / 2, one.pixels, w, h)
    if not one.same:
        sheet.box(x, y + SIDE + 3, SIDE, 4, "k1")
    sheet.text(x, y + SIDE + 20, fitted(one.words, SIDE + GAP - 4), SMALL, bold=not one.same)
    sheet.text(x, y + SIDE + 34, fitted(one.more, SIDE + GAP - 4), SMALL, ink="soft")
