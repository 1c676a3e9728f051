"""Numbers in cells, windows on them, and sums written out: what lessons that compute on paper are drawn with."""

from collections.abc import Callable

import numpy as np
from torch import Tensor

from neocog.explain.classroom.board import caption
from neocog.explain.classroom.numbers import plain
from neocog.figure.sketch import NORMAL, Sketch

PLUS, MINUS = "k1", "k0"
"""Inks of signed numbers. Every number also carries its sign, so that nothing hangs on the colour."""
Tint = Callable[[float, int, int], tuple[str, float] | None]
"""(value, row, column) → ink and opacity of its cell, or None for paper."""


def tinted(values: np.ndarray | Tensor, most: float = 0.5) -> Tint:
    """Warm above 0, cold below, the stronger the larger; 0 is paper."""
    top = float(np.abs(np.asarray(values)).max()) or 1.0
    return lambda v, i, j: None if v == 0 else (PLUS if v > 0 else MINUS, 0.08 + (most - 0.08) * min(abs(v) / top, 1))


def grid(sheet: Sketch, x: float, y: float, values: np.ndarray | Tensor, cell: float, tint: Tint | None = None,
         form: Callable[[float], str] = plain, faint: np.ndarray | None = None, size: float | None = None) -> None:  # fmt: skip
    """Rows × columns of numbers in cells. NaN leaves a cell empty; `faint` marks cells that are padding."""
    numbers = np.asarray(values)
    rows, columns = numbers.shape
    size = min(NORMAL + 1, cell * 0.42) if size is None else size
    for i in range(rows):
        for j in range(columns):
            value = float(numbers[i, j])
            left, top, pale = x + j * cell, y + i * cell, faint is not None and bool(faint[i, j])
            shade = None if value != value or pale or tint is None else tint(value, i, j)
            if pale:
                sheet.box(left, top, cell, cell, "soft", 0.1)
            if shade:
                sheet.box(left, top, cell, cell, *shade)
            if value == value:
                ink = "soft" if pale else "ink"
                sheet.text(left + cell / 2, top + cell / 2 + size * 0.36, form(value), size, "middle", ink)
    for i in range(rows + 1):
        sheet.line([(x, y + i * cell), (x + columns * cell, y + i * cell)])
    for j in range(columns + 1):
        sheet.line([(x + j * cell, y), (x + j * cell, y + rows * cell)])


def named(sheet: Sketch, x: float, top: float, words: str, about: str = "") -> None:
    """The name of a panel whose upper edge is at `top`."""
    caption(sheet, x, top - 8, words, about)


def window(sheet: Sketch, x: float, y: float, row: float, column: float, size: tuple[float, float], cell: float, ink: str,
           thick: float = 2.5) -> None:  # fmt: skip
    """A frame around cells of a grid at (x, y)."""
    sheet.frame(x + column * cell, y + row * cell, size[1] * cell, size[0] * cell, ink, thick)


def sign(sheet: Sketch, x: float, y: float, words: str, size: float = 22) -> None:
    """An operator between two panels, centred on (x, y)."""
    sheet.text(x, y + size * 0.36, words, size, "middle", "soft")


def bracket(value: float) -> str:
    """A factor as it stands in a sum: negative ones in brackets."""
    return f"({plain(value)})" if value < 0 else plain(value)


def products(a: np.ndarray | Tensor, b: np.ndarray | Tensor) -> list[str]:
    """The sum of a·b written out, one line for each row."""
    rows = zip(np.asarray(a), np.asarray(b), strict=True)
    return [" + ".join(f"{bracket(p)}·{bracket(q)}" for p, q in zip(one, other, strict=True)) for one, other in rows]
