"""What of the picture a unit can see at all: its receptive field as a box, exact, from the architecture alone.

The windows are followed back from the unit, layer by layer, and cut to each layer's map on the way: a zero of padding sees
nothing, and joins see what their branches see. Where Araujo, Norris & Sim (2019) follow one number per layer, this follows the
positions themselves: branches whose centres differ, padding on one side, holes and strides that do not fit come out right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from neocog.arch import Architecture, analyse
from neocog.arch.account import Analysis, Row
from neocog.arch.window import Shape, Window
from neocog.errors import UserError
from neocog.explain.fields.placing import Box


@dataclass(frozen=True)
class UnitField:
    """What a unit of `path` at `place` (row, column) sees of an input of `shape`. All maps of a layer see the same.

    size, stride: the layer's receptive field and step, [rows, columns] of pixels; None where it sees everything. whole: the
    box of that size, which may stick out of the picture. seen: the pixels that can reach the unit, as a box. share: how much
    of `seen` does reach it; below 1 there are holes. aligned: whether all branches agree on stride and centre; if not, `size`
    is that of place 0,0. gates: layers on the way that see the whole picture and are left out.
    """

    path: str
    words: str
    place: tuple[int, int]
    shape: Shape
    size: tuple[int, int] | None
    stride: tuple[int, int] | None
    whole: Box
    seen: Box
    share: float
    aligned: bool
    gates: tuple[str, ...]

    @property
    def everything(self) -> bool:
        """Whether its layer has no bounded field: a full connection, a global mean."""
        return self.size is None

    @property
    def padding(self) -> tuple[int, int, int, int]:
        """How many rows and columns of `whole` are no picture: above, left, below, right."""
        return self.whole.beyond(*self.shape[1:])

    @property
    def exceeds(self) -> tuple[int, int]:
        """By how many pixels the field is larger than the picture, in rows and columns."""
        size = self.size or (0, 0)
        return max(0, size[0] - self.shape[1]), max(0, size[1] - self.shape[2])


def unit_field(arch: Architecture, path: str, place: tuple[int, int] | None = None, input: Shape | None = None) -> UnitField:
    """The field of the units of layer `path` at `place` (None: the middle of the map) on an input of C×H×W.

    Raises UserError for no such layer or place, and for an input that is no picture.
    """
    table = analyse(arch, input)
    if len(table.input) != 3:
        raise UserError(f"{arch.name} reads {table.input[0]} numbers, no pictures: nothing in it has a receptive field")
    if path not in table.by_path:
        raise UserError(f"{arch.name} has no layer '{path}'")
    row = table.by_path[path]
    record, (_, height, width) = row.node.record, table.input
    rows, columns = row.output[1:] if len(row.output) == 3 else (1, 1)
    at = (rows // 2, columns // 2) if place is None else place
    if not (0 <= at[0] < rows and 0 <= at[1] < columns):
        raise UserError(f"{arch.name}: '{path}' has places 0,0 to {rows - 1},{columns - 1}; there is no {at[0]},{at[1]}")
    if row.field is None or len(row.output) != 3:
        all_of_it = Box(0, 0, height, width)
        return UnitField(path, record.describe(), at, table.input, None, None, all_of_it, all_of_it, 1.0, True, ())
    whole = _hull(table, path, at)
    seen = coverage(table, path, at)
    box = _box_of(seen)
    share = float(seen[box.top : box.bottom, box.left : box.right].mean()) if not box.empty else 0.0
    size, stride = (row.field[0].size, row.field[1].size), (row.field[0].stride, row.field[1].stride)
    aligned = row.field[0].aligned and row.field[1].aligned
    return UnitField(path, record.describe(), at, table.input, size, stride, whole, box, share, aligned, gates(table, path))


def unit_fields(arch: Architecture, paths: Sequence[str], place: tuple[int, int] | None = None,
           input: Shape | None = None) -> tuple[UnitField, ...]:  # fmt: skip
    """The fields of units of several layers that look at one spot: at `place` of the last of `paths`, of the others at the
    place whose field's centre lies nearest to that one's."""
    last = unit_field(arch, paths[-1], place, input)
    table = analyse(arch, input)
    found = []
    for path in paths[:-1]:
        row = table.by_path[path]
        near = _nearest(row, last.whole) if row.field is not None and len(row.output) == 3 else None
        found.append(unit_field(arch, path, near, input))
    return (*found, last)


def growing(table: Analysis) -> tuple[str, ...]:
    """The layers of the main network at which the receptive field becomes larger than it was anywhere before."""
    found, most = [], (0, 0)
    for row in table.rows:
        if row.aux or row.field is None or len(row.output) != 3:
            continue
        size = (row.field[0].size, row.field[1].size)
        if size[0] > most[0] or size[1] > most[1]:
            found.append(row.path)
            most = (max(size[0], most[0]), max(size[1], most[1]))
    return tuple(found)


def chosen(paths: Sequence[str], most: int) -> tuple[str, ...]:
    """At most so many of the paths, evenly, first and last among them; of one, the last."""
    if len(paths) <= most:
        return tuple(paths)
    if most == 1:
        return tuple(paths[-1:])
    return tuple(paths[round(i * (len(paths) - 1) / (most - 1))] for i in range(most))


def coverage(table: Analysis, path: str, place: tuple[int, int]) -> np.ndarray:
    """H×W of the picture, true where a pixel can reach the unit: what the windows between read, holes left out."""
    rows, columns = table.by_path[path].output[1:]
    start = np.zeros((rows, columns), bool)
    start[place] = True
    masks: dict[str, np.ndarray] = {path: start}
    for row in reversed(table.rows):
        mask = masks.pop(row.path, None)
        if mask is None:
            continue
        windows = row.node.record.windows(*row.inputs)
        assert windows is not None
        for name, shape in _sources(table, row):
            spread = _read(_read(mask, windows[0], shape[1]).T, windows[1], shape[2]).T
            masks[name] = masks[name] | spread if name in masks else spread
    return masks.get("input", np.zeros(table.input[1:], bool))


def gates(table: Analysis, path: str) -> tuple[str, ...]:
    """The layers that a unit of `path` reads and that see the whole picture; they are left out of its field."""
    need = table.arch.ancestors(path)
    return tuple(
        dict.fromkeys(
            name
            for row in table.rows
            if row.path in need and row.field is not None
            for name in row.node.inputs
            if name != "input" and table.by_path[name].field is None
        )
    )


def _sources(table: Analysis, row: Row) -> list[tuple[str, Shape]]:
    """What a node reads, but for gates, with the shapes."""
    pairs = zip(row.node.inputs, row.inputs, strict=True)
    return [(name, shape) for name, shape in pairs if name == "input" or table.by_path[name].field is not None]


def _read(mask: np.ndarray, window: Window, n: int) -> np.ndarray:
    """places×… of a map → n×… of what it reads along its first axis."""
    out = np.zeros((n, *mask.shape[1:]), bool)
    for tap in range(window.kernel):
        at = np.arange(len(mask)) * window.stride - window.before + tap * window.dilation
        inside = (at >= 0) & (at < n)
        out[at[inside]] |= mask[inside]
    return out


def _hull(table: Analysis, path: str, place: tuple[int, int]) -> Box:
    """The box that the unit's windows span, padding and all."""
    spans: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {path: ((place[0], place[0]), (place[1], place[1]))}
    for row in reversed(table.rows):
        span = spans.pop(row.path, None)
        if span is None:
            continue
        windows = row.node.record.windows(*row.inputs)
        assert windows is not None
        for name, _ in _sources(table, row):
            read = [
                (low * window.stride - window.before, high * window.stride - window.before + window.extent - 1)
                for (low, high), window in zip(span, windows, strict=True)
            ]
            if name in spans:
                read = [(min(a, c), max(b, d)) for (a, b), (c, d) in zip(read, spans[name], strict=True)]
            spans[name] = (read[0], read[1])
    (top, bottom), (left, right) = spans["input"]
    return Box(top, left, bottom + 1, right + 1)


def _box_of(mask: np.ndarray) -> Box:
    """The smallest box that holds all that is true."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return Box(int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1) if len(rows) else Box(0, 0, 0, 0)


def _nearest(row: Row, box: Box) -> tuple[int, int]:
    """The place of a map whose field is centred nearest to the centre of `box`."""
    assert row.field is not None
    at = []
    for extent, n, (first, end) in zip(row.field, row.output[1:], ((box.top, box.bottom), (box.left, box.right)), strict=True):
        wanted = ((first + end - 1) / 2 - extent.center) / extent.stride
        at.append(min(max(round(wanted), 0), n - 1))
    return at[0], at[1]
