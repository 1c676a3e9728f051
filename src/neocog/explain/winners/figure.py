"""Zeiler & Fergus's figure 2 of a network: for each map nine projections beside the nine patches they belong to."""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from neocog.arch import Architecture, analyse
from neocog.arch.drawing.measure import width
from neocog.explain.deconvnet.figure import reconstruction
from neocog.explain.winners.patches import Exemplars
from neocog.figure.parts import MARGIN, colour_bar, heading, number, ruler
from neocog.figure.sketch import LARGE, NORMAL, SMALL, Sketch

WIDE, GAP, BETWEEN = 1376, 22, 9  # pixels: of the page inside its margins, around a map, between its two grids
TILE, LARGEST = 50, 72  # the side that a tile should have about, and that of one which must be made smaller
CAPTION = 52  # below the tiles: two lines and the gap to the next map
FULL = 0.98  # this share of a map's projections lies within its colours; the rest is as dark or bright as they go


def draw_top(title: str, about: str, arch: Architecture, found: Sequence[Exemplars], classes: Sequence[str] = ()) -> Sketch:
    """A block for each layer, in their order. `classes` are the names of the pictures' labels, where they are to be told."""
    why = next((one.why for one in found if one.why), "")
    plans = [_Plan.of(one) for one in found]
    needed = [*(plan.inner for plan in plans), 640.0, width(title, LARGE, True), width(about, NORMAL), width(why, NORMAL) + 100]
    needed += [152 + width(line, SMALL) for line in _legend(found)]
    needed += [width(plan.found.path, 15, True) + width(_about(arch, plan), NORMAL) + plan.tile[1] + 90 for plan in plans]
    sheet = Sketch(max(needed) + 2 * MARGIN, 0, title)
    y = _key(sheet, heading(sheet, title, about) + 6, found, why)
    for plan in plans:
        y = _block(sheet, y, arch, plan, classes) + 14
    sheet.high = y + 6
    return sheet


class _Plan:
    """Where a layer's tiles go: `side` tiles a row and column of a grid, each `tile` (rows, columns) pixels."""

    def __init__(self, found: Exemplars, side: int, tile: tuple[float, float], across: int):
        self.found, self.side, self.tile, self.across = found, side, tile, across
        self.grids = 1 if found.projections is None else 2
        self.rows = -(-found.values.shape[1] // side)  # of a grid
        self.cell = self.grids * side * tile[1] + (self.grids - 1) * BETWEEN

    @staticmethod
    def of(found: Exemplars) -> "_Plan":
        """Tiles enlarged by a whole factor, or made smaller."""
        count, k, high, wide = found.patches.shape[:4]
        side = int(np.ceil(np.sqrt(k)))
        longest = max(high, wide)
        factor = LARGEST / longest if longest > 1.25 * LARGEST else max(1, round(TILE / longest))
        if factor == 1 and 2 * longest <= LARGEST:
            factor = 2
        plan = _Plan(found, side, (high * factor, wide * factor), 1)
        plan.across = max(1, min(count, int((WIDE + GAP) / (plan.cell + GAP))))
        return plan

    @property
    def inner(self) -> float:
        """Its width on the page."""
        return self.across * (self.cell + GAP) - GAP


def _legend(found: Sequence[Exemplars]) -> tuple[str, ...]:
    one = next((one for one in found if one.projections is not None), None)
    if one is None or one.projections is None:
        return ()
    kind = "red, green and blue each on this scale" if one.projections.shape[2] == 3 else "this scale"
    return (
        f"left: {one.rule} from that one unit, begun with its value; {kind}, s stands under each map ({FULL:.0%} lie within)",
        "right: what the unit sees of the network's input (its receptive field), grey beyond the border",
    )


def _key(sheet: Sketch, y: float, found: Sequence[Exemplars], why: str) -> float:
    """The projections' scale and what stands where; if there are layers without projections, why."""
    lines = _legend(found)
    if lines:
        colours = any(one.projections is not None and one.projections.shape[2] == 3 for one in found)
        sheet.picture(MARGIN, y, colour_bar(colours=colours), 130, 10)
        for x, words, anchor in ((0, "−s", "start"), (65, "0", "middle"), (130, "+s", "end")):
            sheet.text(MARGIN + x, y + 22, words, SMALL, anchor, "soft")
        for i, line in enumerate(lines):
            sheet.text(MARGIN + 152, y + 8 + 16 * i, line, SMALL, ink="soft")
        y += 44
    if why:
        sheet.text(MARGIN, y + 8, f"Patches only. {why}", NORMAL, ink="k1")
        y += 30
    return y


def _about(arch: Architecture, plan: _Plan) -> str:
    """What the layer is, how many of its maps are drawn, what a unit of it sees."""
    row, drawn = analyse(arch).by_path[plan.found.path], len(plan.found.maps)
    count, high, wide = row.output
    field = "sees the whole picture"
    if row.field is not None:
        rows, columns = row.field
        field = f"sees {columns.size}×{rows.size} pixels, every {rows.stride}"
        if rows.size >= arch.input[1] or columns.size >= arch.input[2]:
            field += ": shown whole"
    some = "" if drawn == count else f" · {drawn} of them"
    return f"{row.node.record.describe()} · {count} maps of {wide}×{high}{some} · a unit {field}"


def _block(sheet: Sketch, y: float, arch: Architecture, plan: _Plan, classes: Sequence[str]) -> float:
    found = plan.found
    gap = min(3 * GAP, (sheet.wide - 2 * MARGIN - plan.across * plan.cell) / max(1, plan.across - 1))
    sheet.line([(MARGIN, y), (sheet.wide - MARGIN, y)])
    y += 26
    sheet.text(MARGIN, y, found.path, 15, bold=True)
    sheet.text(MARGIN + width(found.path, 15, True) + 14, y, _about(arch, plan), NORMAL, ink="soft")
    scale = plan.tile[1] / found.patches.shape[3]
    ruler(sheet, sheet.wide - MARGIN - plan.tile[1] - 44, y, found.patches.shape[3], scale)
    y += 14
    line = plan.rows * plan.tile[0] + CAPTION
    for m in range(len(found.maps)):
        x = MARGIN + m % plan.across * (plan.cell + gap)
        _map(sheet, x, y + m // plan.across * line, plan, m, classes)
    return y + -(-len(found.maps) // plan.across) * line


def _map(sheet: Sketch, x: float, y: float, plan: _Plan, m: int, classes: Sequence[str]) -> None:
    found, under = plan.found, plan.rows * plan.tile[0] + 15
    right = x + plan.cell - plan.side * plan.tile[1]
    if found.projections is not None:
        scale = full_scale(found.projections[m])
        _grid(sheet, x, y, plan, [reconstruction(one, scale) for one in found.projections[m]])
        sheet.text(x, y + under + 14, f"s = {number(scale)}", SMALL, ink="soft")
    _grid(sheet, right, y, plan, list(found.patches[m]))
    name = f"map {found.maps[m]}"
    sheet.text(x, y + under, name, SMALL, bold=True)
    some = [number(value) for value in found.values[m].tolist() if np.isfinite(value)]
    silent = not (found.values[m] > 0).any()
    answers = "never above 0" if silent else some[0] if len(some) == 1 else f"{some[0]} to {some[-1]}"
    start = right if found.projections is not None else x + width(name, SMALL, True) + 10
    sheet.text(start, y + under, answers, SMALL, ink="soft")
    if classes and not silent and (words := commonest(found.labels[m], classes, x + plan.cell - right)):
        sheet.text(right, y + under + 14, words, SMALL, ink="soft")


def _grid(sheet: Sketch, x: float, y: float, plan: _Plan, tiles: Sequence[np.ndarray]) -> None:
    """The tiles as one picture, and lines of paper between them."""
    high, wide = tiles[0].shape[:2]
    page = np.full((plan.rows * high, plan.side * wide, 3), 128, np.uint8)
    for i, tile in enumerate(tiles):
        row, column = i // plan.side * high, i % plan.side * wide
        page[row : row + high, column : column + wide] = tile
    tall, long = plan.rows * plan.tile[0], plan.side * plan.tile[1]
    sheet.picture(x, y, page, long, tall)
    for i in range(1, plan.rows):
        sheet.line([(x, y + i * plan.tile[0]), (x + long, y + i * plan.tile[0])], "paper", 2)
    for i in range(1, plan.side):
        sheet.line([(x + i * plan.tile[1], y), (x + i * plan.tile[1], y + tall)], "paper", 2)


def full_scale(projections: np.ndarray) -> float:
    """What the full colour stands for: FULL of the numbers lie within ± this."""
    sizes = np.abs(projections)
    return float(np.quantile(sizes[sizes > 0], FULL)) if (sizes > 0).any() else 0.0


def commonest(labels: np.ndarray, classes: Sequence[str], room: float) -> str:
    """ "frog 6 of 9": the class of most of the pictures, where it is that of a third at least and there is room for it."""
    known = labels[labels >= 0].tolist()
    label, times = Counter(known).most_common(1)[0] if known else (0, 0)
    if times < max(2, len(known) / 3):
        return ""
    name, tail = classes[label].split(",")[0], f" {times} of {len(known)}"
    while name and width(name + tail, SMALL) > room:
        name = name[:-2].rstrip() + "…" if len(name) > 4 else ""
    return name + tail if name else ""
