"""The classroom's blackboard: numbers in cells, sums written out, what was proved; the same in every lesson."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Generator, Tensor

from neocog.arch.drawing.measure import width, wrap
from neocog.figure.parts import heading
from neocog.figure.sketch import NORMAL, SMALL, Sketch

WIDE, MARGIN = 900, 28
PLUS, MINUS = "k1", "k0"
"""Inks of signed numbers. Every number also carries its sign, so that nothing hangs on the colour."""
Tint = Callable[[float, int, int], tuple[str, float] | None]


def begin(title: str, about: str, wide: float = WIDE) -> tuple[Sketch, float]:
    """An empty page with its heading; where the next thing may begin. `finish` gives it its height."""
    page = Sketch(wide, 0, title)
    y = heading(page, title, margin=MARGIN)
    for words in wrap(about.split(" "), " ", NORMAL, wide - 2 * MARGIN):
        page.text(MARGIN, y + 5, words, ink="soft")
        y += 19
    return page, y + 16


def finish(page: Sketch, y: float, proved: Sequence[str], source: str) -> Sketch:
    """What was computed, with a bar before it, and where one reads more; then the page ends."""
    room = page.wide - 2 * MARGIN - 14
    lines = [line for words in proved for line in wrap(words.split(" "), " ", NORMAL, room)]
    page.box(MARGIN, y, 4, 19 * len(lines) + 2, "k2")
    for i, words in enumerate(lines):
        page.text(MARGIN + 14, y + 15 + 19 * i, words)
    y += 19 * len(lines) + 22
    for words in wrap(source.split(" "), " ", SMALL, page.wide - 2 * MARGIN):
        page.text(MARGIN, y, words, SMALL, ink="soft")
        y += 15
    page.high = y + 6
    return page


def draw(seed: int, *shape: int, low: int = -2, high: int = 3) -> Tensor:
    """Small whole numbers low … high−1 as float64, so that sums on paper come out exactly."""
    return torch.randint(low, high, shape, generator=Generator().manual_seed(seed)).double()


def normal(seed: int, *shape: int) -> Tensor:
    """Numbers of a normal distribution, float64."""
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def gap(a: Tensor, b: Tensor) -> float:
    """The largest difference."""
    return float((a - b).abs().max())


def plain(value: float) -> str:
    """A number as one writes it on a board."""
    return f"{value:.4g}".replace("-", "−")


def tiny(value: float) -> str:
    """A largest difference: 0, or how small."""
    return "0" if value == 0 else f"{value:.1e}".replace("-", "−")


def signed(values: np.ndarray | Tensor, most: float = 0.5) -> Tint:
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


def window(sheet: Sketch, x: float, y: float, row: float, column: float, size: tuple[float, float], cell: float, ink: str,
           thick: float = 2.5) -> None:  # fmt: skip
    """A frame around cells of a grid at (x, y)."""
    sheet.frame(x + column * cell, y + row * cell, size[1] * cell, size[0] * cell, ink, thick)


def caption(sheet: Sketch, x: float, y: float, words: str, about: str = "") -> None:
    """A name over a panel, and softly what it is; y is the panel's top."""
    sheet.text(x, y - 8, words, bold=True)
    if about:
        sheet.text(x + width(words, NORMAL, True) + 9, y - 8, about, SMALL, ink="soft")


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
