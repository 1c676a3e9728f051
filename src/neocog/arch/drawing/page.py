"""The blocks view: the network from top to bottom, in as many columns as make a page of readable shape."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from neocog.arch.account import Analysis
from neocog.arch.drawing import heads
from neocog.arch.drawing.heads import AWAY, Head
from neocog.arch.drawing.layout import GAP, Layout
from neocog.arch.drawing.measure import BIG, SMALL, clip, width
from neocog.arch.drawing.repeats import collapsed, framed
from neocog.arch.drawing.scene import Box, Label, Line, Mark, Piece, moved
from neocog.arch.drawing.tree import Fork, Item, Tangle, leaves, series
from neocog.arch.drawing.units import Unit, units
from neocog.arch.window import times

ASPECT = 1.3  # width over height that the page tries for
COLUMN_GAP = 44
STAGE = 26  # room for a stage's name, left of its column
Side = tuple[Head, Piece]


@dataclass(slots=True)
class Column:
    """A piece of the main line, its heads at the right, and where they start."""

    piece: Piece
    rows: list[list[Item]]
    sides: list[tuple[Head, Piece, float]]  # and how far down each starts
    width: float = 0.0
    height: float = 0.0


def blocks(table: Analysis, full: bool = False) -> tuple[list[Mark], float, float]:
    """The marks of the page, its width and its height."""
    boxes = units(table)
    layout = Layout(table)
    main = [unit for unit in boxes[1:] if unit.main and not unit.main.aux]
    stages = _stages(table, main)
    found = heads.heads(table, boxes)
    items = framed(series(boxes, main, 0, None), table.arch)
    if not full:
        items = collapsed(items, frozenset(head.source for head in found), stages)
    items = [boxes[0], *items]
    rows = _rows(items)
    sides: list[Side] = [(head, layout.chain(head.items)) for head in found]
    best = min(_candidates(layout, rows, sides), key=lambda c: c[0])
    columns = [_column(layout, boxes, part, sides, stages, part[-1][-1] is rows[-1][-1]) for part in best[1]]
    return _assembled(columns, stages)


def _candidates(layout: Layout, rows: list[list[Item]], sides: list[Side]) -> Iterator[tuple[float, list[list[list[Item]]]]]:
    """(how far the page is from the shape that it tries for, the rows of each column), from one column up."""
    shown = rows[0][0].shape(layout.table) if isinstance(rows[0][0], Unit) else ""
    sizes: list[tuple[float, float, float]] = []  # left, right and height of each row
    for row in rows:
        piece = layout.chain(row, None, "", shown)
        fed = [side for side in sides if any(unit.id == side[0].source for unit in leaves(row))]
        right = piece.right + (AWAY + max(heads.breadth(*side) for side in fed) if fed else 0)
        sizes.append((piece.left, right, piece.height + GAP))
        shown = next((s for item in reversed(row) if (s := layout.shape(item))), shown)
    for count in range(1, len(rows) + 1):
        ends = _partition([size[2] for size in sizes], count)
        parts = [sizes[a:b] for a, b in pairwise((0, *ends))]
        wide = sum(max(p[0] for p in part) + max(p[1] for p in part) for part in parts)
        wide += (COLUMN_GAP + STAGE) * (len(parts) - 1)
        tall = max(sum(p[2] for p in part) for part in parts)
        yield (
            0.0 if count == 1 and tall < 620 else abs(math.log(wide / tall / ASPECT)),
            [rows[a:b] for a, b in pairwise((0, *ends))],
        )
        if wide > ASPECT * tall:
            return


def _stages(table: Analysis, main: list[Unit]) -> dict[int, str]:
    """The name of the outermost stage of each box that is in one."""
    names = {mark.path: mark.label or mark.path for mark in table.arch.marked("stage")}
    out: dict[int, str] = {}
    for unit in main if names else []:
        assert unit.main is not None
        parts = unit.main.path.split(".")
        for i in range(1, len(parts)):
            if (scope := ".".join(parts[:i])) in names:
                out[unit.id] = names[scope]
                break
    return out


def _rows(items: list[Item]) -> list[list[Item]]:
    """Items that no column may part: a fork goes with its join."""
    rows: list[list[Item]] = []
    for item in items:
        if rows and isinstance(rows[-1][-1], Fork | Tangle):
            rows[-1].append(item)
        else:
            rows.append([item])
    return rows


def _partition(heights: list[float], count: int) -> list[int]:
    """Where each of at most `count` columns ends, the tallest as low as can be (the least limit by bisection)."""
    low, high = max(heights), sum(heights)
    while high - low > 1:
        middle = (low + high) / 2
        low, high = (low, middle) if len(_filled(heights, middle)) <= count else (middle, high)
    return _filled(heights, high)


def _filled(heights: list[float], limit: float) -> list[int]:
    ends: list[int] = []
    used = 0.0
    for i, height in enumerate(heights):
        if i and used + height > limit:
            ends.append(i)
            used = 0.0
        used += height
    return [*ends, len(heights)]


def _column(
    layout: Layout, boxes: list[Unit], rows: list[list[Item]], sides: list[Side], stages: dict[int, str], final: bool
) -> Column:
    items = [item for row in rows for item in row]
    first = next(leaves(items))
    shown = (boxes[first.inputs[0]] if first.main else first).shape(layout.table)
    piece = layout.chain(items, None, "", shown, last=not final, least=112)
    if final:
        _end(layout, piece)
    column = Column(piece, rows, [])
    if any(unit.id in stages for unit in leaves(items)):
        piece.left += STAGE
    right = piece.right
    column.height = piece.height
    at = {mark.unit: mark for mark in piece.marks if isinstance(mark, Box)}
    low = 0.0
    for head, aside in sides:
        if head.source in at:
            box = at[head.source]
            top = max(low, box.y + box.h / 2 + 14)
            column.sides.append((head, aside, top))
            low = top + aside.height + 60
            column.height = max(column.height, low - 20)
            right = max(right, piece.right + AWAY + heads.breadth(head, aside))
    column.width = piece.left + right
    return column


def _end(layout: Layout, piece: Piece) -> None:
    """What comes out, under the last layer."""
    lines = (("output", BIG), (times(layout.table.output), SMALL))
    wide = max(72, 2 * int((max(width(text, size) for text, size in lines) + 18) / 2))
    y = piece.height + GAP
    piece.marks.append(Line((*piece.exits[0].points, (0.0, y))))
    piece.marks.append(Box(-wide / 2, y, wide, 36, "end", lines, "what the network answers"))
    piece.left, piece.right, piece.height = max(piece.left, wide / 2), max(piece.right, wide / 2), y + 36


def _assembled(columns: list[Column], stages: dict[int, str]) -> tuple[list[Mark], float, float]:
    marks: list[Mark] = []
    x, bottom = 0.0, max(c.height for c in columns)
    before: tuple[float, float, float, float] | None = None  # where the value left the column before, and its way: down, right
    for column in columns:
        piece = column.piece
        axis = math.ceil(x + piece.left)
        if before:
            x0, y0, low, gutter = before
            marks.append(Line(((x0, y0), (x0, low), (gutter, low), (gutter, -16.0), (axis, -16.0), (axis, piece.entry)),
                              "", piece.arrow))  # fmt: skip
        here = [*piece.marks, *_stage_bars(column, stages)]
        at = {mark.unit: mark for mark in piece.marks if isinstance(mark, Box)}
        for head, aside, top in column.sides:
            here += heads.place(head, aside, at[head.source], piece.right, top)
        marks += moved(here, axis, 0)
        gutter = x + column.width + COLUMN_GAP / 2
        lowest = max(column.height - 2, piece.exits[0].points[-1][1])
        if column is not columns[-1]:
            x0, y0 = axis + piece.exits[0].x, piece.exits[0].points[-1][1]
            before = (x0, y0, lowest + 14, gutter)
        x += column.width + COLUMN_GAP
    return marks, x - COLUMN_GAP, bottom + 16


def _stage_bars(column: Column, stages: dict[int, str]) -> list[Mark]:
    """A bar and a name left of the rows of one stage."""
    spans: list[tuple[str, float, float, float]] = []
    items = [item for row in column.rows for item in row]
    for item, (top, bottom, left) in zip(items, column.piece.spans, strict=True):
        name = next((stages.get(unit.id) for unit in leaves([item])), None)
        if name is None:
            continue
        if spans and spans[-1][0] == name:
            spans[-1] = (name, spans[-1][1], bottom, max(left, spans[-1][3]))
        else:
            spans.append((name, top, bottom, left))
    out: list[Mark] = []
    for name, top, bottom, left in spans:
        x = -left - 8
        out.append(Line(((x, top), (x, bottom)), "bar", False))
        out.append(Label(x - 6, (top + bottom) / 2, clip(name, BIG, bottom - top), BIG, "middle", "stage", True))
    return out
