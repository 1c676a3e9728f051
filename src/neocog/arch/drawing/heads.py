"""Auxiliary heads, which stand beside the column in dashed frames; so do layers that nobody reads."""

from dataclasses import dataclass

from neocog.arch.account import Analysis
from neocog.arch.drawing.measure import SMALL, width
from neocog.arch.drawing.repeats import framed
from neocog.arch.drawing.scene import Box, Label, Line, Mark, Panel, Piece, moved
from neocog.arch.drawing.tree import Item, Tangle, components, series
from neocog.arch.drawing.units import Unit

AWAY = 28  # from the column to the frames


@dataclass(slots=True)
class Head:
    """Who feeds it, what it is of, and what is written under it."""

    source: int
    items: list[Item]
    caption: str


def heads(table: Analysis, boxes: list[Unit]) -> list[Head]:
    """Auxiliary heads, and layers that nobody reads, each with the box that feeds it."""
    by_path = {row.path: unit.id for unit in boxes[1:] for row in unit.rows}
    free = [unit for unit in boxes[1:] if unit.main and unit.main.aux]
    weights = {by_path[tap.output]: tap.weight for tap in table.arch.taps}
    out = []
    for part in components(free):
        inside = {unit.id for unit in part}
        feeds = sorted({name for unit in part for name in unit.inputs if name not in inside})
        for unit in part:  # drawn as if one value came in; the caption names the others
            unit.inputs = tuple(name if name in inside else feeds[-1] for name in unit.inputs)
        losses = [f"{weights[unit.id]:g}" for unit in part if unit.id in weights]
        caption = f"training only, loss × {' and '.join(losses)}" if losses else "read by no layer"
        names = [main.path if (main := boxes[name].main) else "input" for name in feeds]
        caption += f", reads {' and '.join(names)}" if len(feeds) > 1 else ""
        ends = [unit for unit in part if not inside.intersection(unit.readers)]
        items: list[Item] = [Tangle(part, feeds[-1], None)] if len(ends) > 1 else series(boxes, part, feeds[-1], None)
        out.append(Head(feeds[-1], framed(items, table.arch), caption))
    return out


def breadth(head: Head, piece: Piece) -> float:
    """Width of the frame."""
    return max(piece.left + piece.right + 18, width(head.caption, SMALL) + 16)


def place(head: Head, piece: Piece, box: Box, right: float, top: float) -> list[Mark]:
    """A head in its dashed frame, right of the column that ends at `right`, and the dashed line from the box that feeds it."""
    wide, y = breadth(head, piece), box.y + box.h / 2
    left = right + AWAY
    axis = round(left + max(piece.left + 9, (wide - piece.left - piece.right) / 2 + piece.left))
    pad, gutter = 10, right + 12
    start, end = (box.x + box.w, y), (axis, top + pad + piece.entry)
    # A head that another pushed down is reached along the gutter, so that the line does not run through the other.
    bends = ((axis, y),) if top <= y + 14 else ((gutter, y), (gutter, top - 10), (axis, top - 10))
    return [
        Panel(left, top, wide, pad + piece.height + 26, "aux", head.caption),
        Label(left + 8, top + pad + piece.height + 18, head.caption, SMALL, style="name"),
        Line((start, *bends, end), "dash", piece.arrow),
        *moved(piece.marks, axis, top + pad),
    ]
