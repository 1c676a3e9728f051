"""A lesson's board: its heading, captions, tables, charts, boxes with arrows, what was proved, and the paper at the foot."""

from collections.abc import Sequence
from typing import Any

from neocog.arch.drawing.measure import width, wrap
from neocog.figure.parts import Plot, Series, heading, key, lines
from neocog.figure.sketch import NORMAL, SMALL, Sketch

WIDE, MARGIN = 940, 28
AXIS = 52
"""What the numbers of a chart's upright axis want at its left."""


def board(title: str, about: str) -> tuple[Sketch, float]:
    """An empty board with its title and a line or two about it; where the next thing may begin. `close` gives it its height."""
    sheet = Sketch(WIDE, 0, title)
    y = heading(sheet, title, margin=MARGIN)
    return sheet, prose(sheet, MARGIN, y + 5, WIDE - 2 * MARGIN, about) + 12


def prose(sheet: Sketch, x: float, y: float, room: float, words: str, size: float = NORMAL, ink: str = "soft") -> float:
    """Words in as many lines as the room asks for, the first on the base line y; the base line after the last."""
    lines = wrap(words.split(" "), " ", size, room)
    for i, line in enumerate(lines):
        sheet.text(x, y + i * size * 1.4, line, size, ink=ink)
    return y + len(lines) * size * 1.4


def close(sheet: Sketch, y: float, proved: Sequence[str], source: str) -> Sketch:
    """What was computed, with a bar before it, and where one reads more; then the board ends."""
    high = 19
    lines = [line for words in proved for line in wrap(words.split(" "), " ", NORMAL, sheet.wide - 2 * MARGIN - 14)]
    if lines:
        sheet.box(MARGIN, y, 4, high * len(lines) + 2, "k2")
        for i, words in enumerate(lines):
            sheet.text(MARGIN + 14, y + 15 + high * i, words)
        y += high * len(lines) + 22
    sheet.high = prose(sheet, MARGIN, y, sheet.wide - 2 * MARGIN, source, SMALL) + 8
    return sheet


def caption(sheet: Sketch, x: float, y: float, words: str, about: str = "", ink: str = "ink") -> None:
    """The name of a part of the board on the base line y, and softly what it is."""
    sheet.text(x, y, words, NORMAL, ink=ink, bold=True)
    if about:
        sheet.text(x + width(words, NORMAL, True) + 9, y, about, SMALL, ink="soft")


def table(
    sheet: Sketch,
    x: float,
    y: float,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    gap: float = 22,
    strong: Sequence[int] = (),
    size: float = NORMAL,
    columns: Sequence[float] = (),
) -> float:
    """Words in columns, the first from the left and the others to the right, heads above a line; the height below it.

    `strong`: rows in bold. A column is as wide as its widest words, or as `columns` says, for tables that stand in line; a
    table too wide for the board draws together.
    """
    wide, room = [0.0], sheet.wide - MARGIN - x
    while True:
        wide = [max(width(words, size, True) for words in column) for column in zip(heads, *rows, strict=True)]
        wide = [max(pair) for pair in zip(wide, columns, strict=True)] if columns else wide
        gap = min(gap, (room - sum(wide)) / max(len(wide) - 1, 1))
        if gap >= 10 or size < SMALL - 1:
            break
        size, gap = size - 0.5, 22
    ends = [x + sum(wide[: i + 1]) + i * gap for i in range(len(wide))]
    line = size * 1.55

    def row(at: float, cells: Sequence[str], ink: str, bold: bool) -> None:
        sheet.text(x, at, cells[0], size, ink=ink, bold=bold)
        for end, words in zip(ends[1:], cells[1:], strict=True):
            sheet.text(end, at, words, size, "end", ink, bold)

    row(y, heads, "soft", False)
    sheet.line([(x, y + 6), (ends[-1], y + 6)], "soft")
    for i, cells in enumerate(rows):
        row(y + 6 + (i + 1) * line - 3, cells, "ink", i in strong)
    return y + 6 + len(rows) * line + 8


def boxed(
    sheet: Sketch,
    x: float,
    y: float,
    wide: float,
    high: float,
    words: str,
    below: str = "",
    ink: str = "k0",
    opacity: float = 0.16,
) -> None:
    """A part of a network: its name in a tinted frame, and a line of numbers under the name."""
    sheet.box(x, y, wide, high, ink, opacity)
    sheet.frame(x, y, wide, high, ink, 1.3)
    middle = y + high / 2 + (0 if below else 4.5)
    sheet.text(x + wide / 2, middle - (2 if below else 0), words, NORMAL, "middle", bold=True)
    if below:
        sheet.text(x + wide / 2, middle + 13, below, SMALL - 1, "middle", "soft")


def printed(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The same table as lines for a terminal."""
    wide = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return [
        "  ".join(f"{w:<{n}}" if i == 0 else f"{w:>{n}}" for i, (w, n) in enumerate(zip(row, wide, strict=True))).rstrip()
        for row in (heads, *rows)
    ]


def chart(sheet: Sketch, plot: Plot, series: Sequence[Series], across: str, up: str, **more: Any) -> None:
    """A chart of lines with its key above it, where no line runs."""
    lines(sheet, plot, series, across, up, legend=False, **more)
    if len(series) > 1:
        key(sheet, plot.x, plot.y - 28, [(one.name, one.ink) for one in series], across=True)


def beside(sheet: Sketch, y: float, high: float) -> tuple[Plot, Plot]:
    """Room for two charts next to each other, their upper edges at y."""
    wide = (sheet.wide - 2 * MARGIN - 2 * AXIS - 14) / 2
    return Plot(MARGIN + AXIS, y, wide, high), Plot(sheet.wide - MARGIN - wide, y, wide, high)


def across(sheet: Sketch, y: float, high: float) -> Plot:
    """Room for one chart as wide as the board."""
    return Plot(MARGIN + AXIS, y, sheet.wide - 2 * MARGIN - AXIS - 18, high)
