"""The figure of nearest pictures: a row a picture, its nearest ones from left to right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neocog.explain.anatomy.flow_figure import MARGIN, fitted
from neocog.figure.parts import heading, number
from neocog.figure.sketch import NORMAL, SMALL, Sketch

TILE, GAP = 96, 12


@dataclass(frozen=True, eq=False)
class Shown:
    """A picture, uint8 H×W×3, two lines below it, and whether the class in the first is the one that was asked about."""

    pixels: np.ndarray
    words: str
    more: str
    same: bool = True


def draw_nearest(about: Sequence[str], rows: Sequence[tuple[Shown, Sequence[Shown]]]) -> Sketch:
    """Each row a picture and its neighbours; classes other than the network's answer are marked."""
    count = max(len(near) for _, near in rows)
    wide = max(2 * MARGIN + (count + 1) * (TILE + GAP) + 24, 620)
    title = "The nearest pictures in the network's own eyes"
    sheet = Sketch(wide, 74 + 16 * len(about) + len(rows) * (TILE + 50) + 40, title)
    y = heading(sheet, title) - 2
    for words in about:
        sheet.text(MARGIN, y + 12, fitted(words, wide - 2 * MARGIN, NORMAL), NORMAL, ink="soft")
        y += 18
    y += 22
    for own, near in rows:
        _tile(sheet, MARGIN, y, own)
        for j, one in enumerate(near):
            _tile(sheet, MARGIN + 24 + (j + 1) * (TILE + GAP), y, one)
        sheet.line([(MARGIN + TILE + GAP + 6, y), (MARGIN + TILE + GAP + 6, y + TILE)], "soft")
        y += TILE + 50
    sheet.box(MARGIN, y + 2, 14, 4, "k1")
    sheet.text(MARGIN + 20, y + 8, "of another class than the network's answer; below, the distance", SMALL, ink="soft")
    return sheet


def _tile(sheet: Sketch, x: float, y: float, one: Shown) -> None:
    high, wide = one.pixels.shape[:2]
    scale = TILE / max(high, wide)
    w, h = wide * scale, high * scale
    sheet.picture(x + (TILE - w) / 2, y + (TILE - h) / 2, one.pixels, w, h)
    if not one.same:
        sheet.box(x, y + TILE + 3, TILE, 4, "k1")
    sheet.text(x, y + TILE + 20, fitted(one.words, TILE + GAP - 4), SMALL, bold=not one.same)
    sheet.text(x, y + TILE + 34, fitted(one.more, TILE + GAP - 4), SMALL, ink="soft")


def far(distance: float) -> str:
    """A distance as it is written."""
    return number(distance)
