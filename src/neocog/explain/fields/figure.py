"""The figure of receptive fields: nested boxes on the picture, a table of their sizes, and the pixels that no window reads."""

from collections.abc import Sequence

import numpy as np

from neocog.arch.drawing.measure import clip, wrap
from neocog.arch.fit import Misfit
from neocog.explain.fields.placing import Box, on_picture, outline
from neocog.explain.fields.theoretical import UnitField
from neocog.figure.parts import MARGIN, coloured, heading, ruler
from neocog.figure.sketch import LARGE, NORMAL, SMALL, Sketch
from neocog.pictures.preprocessing import Preprocessing

PANEL, ROW, WIDE = 400, 19, 940
INKS = ("k0", "k1", "k2", "k3", "k4", "k5")
MOST = 2 * len(INKS)  # boxes that can be told apart: six colours, then the same dashed
AROUND = 0.3  # of the picture's longer side: how much of the padding is drawn at most


def draw_fields(title: str, picture: np.ndarray, record: Preprocessing | None, found: Sequence[UnitField],
                unread: Sequence[Misfit] = ()) -> Sketch:  # fmt: skip
    """The picture, uint8 H×W×C as it came, with the boxes of `found`, innermost first. record: how the network gets it; None
    for a picture that is its input already. unread: layers whose stride leaves pixels out (`neocog.arch.fit.misfits`)."""
    pixels = coloured(picture)
    high, wide = pixels.shape[:2]
    last, record = found[-1], record or plain(*found[-1].shape)
    shapes = [outline(one.whole, record, high, wide) for one in found]
    about = f"{last.path}, row {last.place[0]}, column {last.place[1]} · reads {last.shape[2]}×{last.shape[1]} ({record.id})"
    lost = [one for one in unread if one.unread and not one.between]
    lines = [line for one in lost for line in _notes(one)]
    if len(lost) < len(unread):
        lines += _wrapped(
            f"windows smaller than their step skip rows and columns in {', '.join(o.path for o in unread if o.between)}"
        )
    small, whole = _magnified(shapes, high, wide), _window(shapes, high, wide)
    net = outline(Box(0, 0, *last.shape[1:]), record, high, wide)
    panel = PANEL if small is not None else PANEL * (whole[2] - whole[0]) / max(whole[2] - whole[0], whole[3] - whole[1])
    tall = 132 + panel + (len(found) + 3) * ROW + len(lines) * 18 + (98 if lost else 8)
    sheet = Sketch(WIDE, tall, title)
    y = heading(sheet, clip(title, LARGE * 1.12, WIDE - 2 * MARGIN), about) + 22
    sheet.text(MARGIN, y - 8, "the picture; pale: what the network does not get of it" if _cropped(net, high, wide) else
               "the picture", SMALL, ink="soft")  # fmt: skip
    _panel(sheet, MARGIN, y, pixels, found, shapes, net, whole, lost)
    if small is not None:
        times = max(whole[2] - whole[0], whole[3] - whole[1]) / (small[2] - small[0])
        x = WIDE - MARGIN - PANEL
        sheet.text(x, y - 8, f"the smaller boxes, {times:.2g} times as large", SMALL, ink="soft")
        _panel(sheet, x, y, pixels, found, shapes, net, small, ())
    y = _table(sheet, y + panel + 46, found, record, high, wide)
    for line in lines:
        sheet.text(MARGIN, y, line, NORMAL, ink="k1")
        y += 18
    if lost:
        _strip(sheet, MARGIN, y, lost[0])
    return sheet


def _cropped(net: tuple[float, ...], high: int, wide: int) -> bool:
    return net[0] > 0.5 or net[1] > 0.5 or net[2] < high - 0.5 or net[3] < wide - 0.5


def plain(channels: int, height: int, width: int) -> Preprocessing:
    """The record of pictures that are the input already."""
    return Preprocessing(height, width, "L" if channels == 1 else "RGB", "none")


View = tuple[float, float, float, float]  # top, left, bottom, right of what a panel shows, in pixels of the picture


def _window(shapes: Sequence[View], high: int, wide: int) -> View:
    """The picture with as much around it as the boxes need, and no more than AROUND."""
    room = AROUND * max(high, wide)
    top, left = (max(min(0.0, *(s[i] for s in shapes)), -room) for i in (0, 1))
    bottom, right = (min(max(float(n), *(s[i] for s in shapes)), n + room) for n, i in ((high, 2), (wide, 3)))
    return top, left, bottom, right


def _magnified(shapes: Sequence[View], high: int, wide: int) -> View | None:
    """A square around the boxes that the whole picture shows too small; None if there are none."""
    side = max(high, wide)
    small = [s for s in shapes if max(s[2] - s[0], s[3] - s[1]) < side / 5]
    if not small:
        return None
    half = max(max(s[2] - s[0], s[3] - s[1]) for s in small) * 0.62
    row, column = (sum(small[-1][i : i + 3 : 2]) / 2 for i in (0, 1))
    edges = (row - half, column - half, row + half, column + half)
    return tuple(float(round(v)) for v in edges)  # type: ignore[return-value]  # whole pixels, so that none sticks out


def _panel(sheet: Sketch, x: float, y: float, pixels: np.ndarray, found: Sequence[UnitField], shapes: Sequence[View],
           net: View, view: View, unread: Sequence[Misfit]) -> None:  # fmt: skip
    top, left, bottom, right = view
    scale = PANEL / max(bottom - top, right - left)
    high, wide = pixels.shape[:2]

    def at(row: float, column: float) -> tuple[float, float]:
        row, column = min(max(row, top), bottom), min(max(column, left), right)
        return x + (column - left) * scale, y + (row - top) * scale

    # what is no picture stays paper with a frame; what the network never gets is pale
    first = (max(0, int(top)), max(0, int(left)))
    end = (min(high, int(np.ceil(bottom))), min(wide, int(np.ceil(right))))
    rows, columns = np.arange(first[0], end[0])[:, None] + 0.5, np.arange(first[1], end[1])[None] + 0.5
    got = (rows >= net[0]) & (rows <= net[2]) & (columns >= net[1]) & (columns <= net[3])
    part = pixels[first[0] : end[0], first[1] : end[1]]
    pale = np.rint(part * 0.35 + 155).astype(np.uint8)
    (x0, y0), (x1, y1) = (x + (first[1] - left) * scale, y + (first[0] - top) * scale), (
        x + (end[1] - left) * scale, y + (end[0] - top) * scale)  # fmt: skip
    outside = (y0 > y + 1, x0 > x + 1, y1 < y + (bottom - top) * scale - 1, x1 < x + (right - left) * scale - 1)
    if any(outside):
        sheet.box(x, y, (right - left) * scale, (bottom - top) * scale, "soft", 0.08)
        sheet.text(x + 5, y + 13 if outside[0] else y + (bottom - top) * scale - 5, "padding", SMALL, ink="soft")
    sheet.picture(x0, y0, np.where(got[..., None], part, pale), x1 - x0, y1 - y0)
    for i, shape in reversed(list(enumerate(shapes))):
        _outline(sheet, at, shape, view, INKS[i % len(INKS)], i >= len(INKS))
    for one in unread[:1]:
        _mark_unread(sheet, at, net, one, found[-1])
    size = next((n for n in (200, 100, 50, 20, 10, 5, 2, 1) if n * scale < PANEL / 3), 1)
    ruler(sheet, x, y + (bottom - top) * scale + 14, size, scale)


def _outline(sheet: Sketch, at, shape: View, view: View, ink: str, dashed: bool) -> None:
    """The four sides that lie in view; under each a light line, so that it is seen on any picture."""
    top, left, bottom, right = shape
    sides = [((top, left), (top, right), 0, top), ((bottom, left), (bottom, right), 2, bottom),
             ((top, left), (bottom, left), 1, left), ((top, right), (bottom, right), 3, right)]  # fmt: skip
    for start, end, axis, value in sides:
        low, high = (view[0], view[2]) if axis in (0, 2) else (view[1], view[3])
        if low <= value <= high:
            line = [at(*start), at(*end)]
            if line[0] != line[1]:
                sheet.line(line, "light", 4.2)
                sheet.line(line, ink, 2.2, dashed)


def _mark_unread(sheet: Sketch, at, net: View, one: Misfit, last: UnitField) -> None:
    """The strip at the right and below, as wide as what the first layer leaves unread."""
    if not (one.of_picture and one.unread):
        return
    rows, columns = ((net[2] - net[0]) / last.shape[1], (net[3] - net[1]) / last.shape[2])
    if "rows" in one.axis:
        (x0, y0), (x1, y1) = at(net[2] - max(rows * one.unread, 0.5), net[1]), at(net[2], net[3])
        sheet.box(x0, y0, x1 - x0, max(y1 - y0, 2), "k1", 0.95)
    if "columns" in one.axis:
        (x0, y0), (x1, y1) = at(net[0], net[3] - max(columns * one.unread, 0.5)), at(net[2], net[3])
        sheet.box(x0, y0, max(x1 - x0, 2), y1 - y0, "k1", 0.95)


def _table(sheet: Sketch, y: float, found: Sequence[UnitField], record: Preprocessing, high: int, wide: int) -> float:
    columns = (MARGIN, MARGIN + 34, MARGIN + 206, MARGIN + 366, MARGIN + 476, MARGIN + 534, MARGIN + 644, MARGIN + 724)
    heads = ("", "layer", "", "field", "step", "on the picture", "reached", "larger than the input")
    for x, words in zip(columns, heads, strict=True):
        sheet.text(x, y, words, SMALL, ink="soft")
    sheet.line([(MARGIN, y + 6), (WIDE - MARGIN, y + 6)])
    for i, one in enumerate(found):
        y += ROW
        sheet.line([(MARGIN, y - 4), (MARGIN + 24, y - 4)], INKS[i % len(INKS)], 2.6, i >= len(INKS))
        cells = cells_of(one, record, high, wide)
        for x, room, words in zip(columns[1:], (166, 154, 106, 54, 106, 76, 160), cells, strict=True):
            sheet.text(x, y, clip(words, NORMAL, room), NORMAL)
    y += ROW
    gates = found[-1].gates
    if gates:
        what = f"{len(gates)} gates that see the whole picture are left out ({', '.join(gates[:2])}{' …' if gates[2:] else ''})"
        sheet.text(MARGIN, y + 4, clip(what, SMALL, WIDE - 2 * MARGIN), SMALL, ink="soft")
    elif not found[-1].aligned:
        sheet.text(
            MARGIN, y + 4, "branches whose centres or strides differ: a field is all that any of them sees", SMALL, ink="soft"
        )
    return y + 24


def cells_of(one: UnitField, record: Preprocessing, high: int, wide: int) -> tuple[str, ...]:
    """A layer's row of the table: name, what it is, field, step, its box on the picture, how much of it is read, excess."""
    on = on_picture(one.seen, record, high, wide)
    if one.size is None or one.stride is None:
        return one.path, one.words, "everything", "", f"{on.width}×{on.height} px", "100 %", ""
    rows, columns = one.exceeds
    more = f"by {columns}×{rows} px" if rows or columns else ""
    step = f"{one.stride[1]}" if one.stride[0] == one.stride[1] else f"{one.stride[1]}×{one.stride[0]}"
    field, box, share = f"{one.size[1]}×{one.size[0]} px", f"{on.width}×{on.height} px", f"{100 * one.share:.3g} %"
    return one.path, one.words, field, step, box, share, more


def _notes(one: Misfit) -> list[str]:
    return _wrapped(f"{one.path}: {one}")


def _wrapped(words: str) -> list[str]:
    return wrap(words.split(" "), " ", NORMAL, WIDE - 2 * MARGIN)


def _strip(sheet: Sketch, x: float, y: float, one: Misfit) -> None:
    """The end of one row of what the layer reads, its last windows as brackets, and the positions that none of them reaches."""
    window, n = one.window, one.positions
    shown = min(n + window.after, max(3 * window.stride + window.extent + one.unread, 16), 46)
    cell = min(16.0, (WIDE - 2 * MARGIN - 160) / shown)
    first = n + window.after - shown
    starts = [k * window.stride - window.before for k in range(window.output(n))]
    read = window.reads(n)
    for k in range(shown):
        at = first + k
        ink, strong = ("k1", 0.9) if at < n and at not in read else ("k0", 0.28) if at < n else ("soft", 0.15)
        sheet.box(x + k * cell + 0.5, y, cell - 1, 14, ink, strong)
    for j, start in enumerate(s for s in starts[-4:] if s >= first):
        x0, x1, below = x + (start - first) * cell, x + (start - first + window.extent) * cell, y + 20 + 7 * j
        sheet.line([(x0 + 1, below - 4), (x0 + 1, below), (x1 - 1, below), (x1 - 1, below - 4)], "ink", 1.3)
    what = "pixels" if one.of_picture else "positions"
    sheet.text(x + shown * cell + 10, y + 11, f"{what} {max(first, 0)} … {n - 1}", SMALL, ink="soft")
    last = f"the last windows of {one.path}; strong colour: {what} that none of them reads"
    sheet.text(x, y + 66, last, SMALL, ink="soft")
