"""The figure of an evolution: a row for each map, a column for each snapshot."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from neocog.arch import Architecture, analyse
from neocog.arch.drawing.measure import width
from neocog.explain.answers.filters_figure import tiles_of
from neocog.explain.deconvnet.figure import reconstruction
from neocog.explain.winners.evolution import Evolution
from neocog.explain.winners.figure import FULL, full_scale
from neocog.figure.parts import MARGIN, heading, number, ruler
from neocog.figure.sketch import LARGE, NORMAL, SMALL, Sketch

TILE, LARGEST, GAP, NAME, WIDE = 56, 76, 8, 84, 1400  # pixels: tiles, those made smaller, the rows' names, a page


def draw_evolution(title: str, about: str, arch: Architecture, found: Evolution, per_epoch: int = 0, most: int = 8) -> Sketch:
    """A block for each layer, and one for the `most` largest filters of the first convolution. per_epoch: steps of an epoch."""
    blocks = [(_factor(ones[0].patches.shape[2:4]), ones) for ones in found.layers.values()]
    tiles = [ones[0].patches.shape[3] * factor for factor, ones in blocks]
    column = max([*tiles, TILE]) + GAP
    group = NAME + len(found.steps) * column + 24  # a map's row; several stand side by side where there is room
    across = max(1, min(int(WIDE / group), max(len(ones[0].maps) for _, ones in blocks)))
    grid = _Grid(column, group, across, per_epoch, found.steps)
    undefined = next((ones[0].why for _, ones in blocks if ones[0].why), "")
    lines = (
        f"Patches only. {undefined}" if undefined else
        f"Upper: {blocks[0][1][0].rule} of the strongest answer; grey is 0, full colours are ±s ({FULL:.0%} lie within).",
        "Lower: what it was an answer to, with its size; a bar before it: another picture than at the snapshot before.",
    )  # fmt: skip
    needed = (
        across * group - 24 - GAP,
        1000,
        width(title, LARGE, True),
        width(about, NORMAL),
        *(width(w, SMALL) for w in lines),
    )
    sheet = Sketch(2 * MARGIN + max(needed), 0, title)
    y = heading(sheet, title, about)
    for i, words in enumerate(lines):
        sheet.text(MARGIN, y + 4 + 16 * i, words, SMALL, ink="k1" if undefined and not i else "soft")
    y += 40
    for factor, ones in blocks:
        y = _layer(sheet, y, arch, found, ones[0].path, factor, grid) + 10
    if found.filters:
        y = _filters(sheet, y, found, grid, most)
    sheet.high = y + 12
    return sheet


class _Grid(NamedTuple):
    """Where rows and columns go: a column's width, a row's, how many rows stand side by side, and the columns' steps."""

    column: float
    group: float
    across: int
    per_epoch: int
    steps: Sequence[int]

    def row(self, m: int) -> tuple[float, int]:
        """Where row m begins, and in which line it is."""
        return MARGIN + m % self.across * self.group, m // self.across


def _factor(side: tuple[int, ...]) -> float:
    longest = max(side)
    if longest > 1.25 * LARGEST:
        return LARGEST / longest
    return 2 if longest <= LARGEST / 2 < 2 * longest and round(TILE / longest) < 2 else max(1, round(TILE / longest))


def _head(sheet: Sketch, y: float, name: str, words: str, rows: int, grid: _Grid) -> float:
    sheet.line([(MARGIN, y), (sheet.wide - MARGIN, y)])
    sheet.text(MARGIN, y + 24, name, 15, bold=True)
    sheet.text(MARGIN + width(name, 15, True) + 14, y + 24, words, NORMAL, ink="soft")
    for m in range(min(rows, grid.across)):
        for i, step in enumerate(grid.steps):
            x = grid.row(m)[0] + NAME + i * grid.column
            epoch = f"epoch {step / grid.per_epoch:.3g}" if grid.per_epoch else ""
            for line, text in enumerate(filter(None, (epoch, f"step {step:,}"))):
                sheet.text(x, y + 46 + 14 * line, text, SMALL - (1 if line else 0), ink="soft" if line else "ink")
    return y + (70 if grid.per_epoch else 56)


def _layer(sheet: Sketch, y: float, arch: Architecture, found: Evolution, path: str, factor: float, grid: _Grid) -> float:
    ones, row = found.layers[path], analyse(arch).by_path[path]
    count, high, wide = row.output
    sees = "the whole picture" if row.field is None else f"{row.field[1].size}×{row.field[0].size} pixels"
    words = f"{row.node.record.describe()} · {len(ones[0].maps)} of {count} maps of {wide}×{high} · a unit sees {sees}"
    ruler(sheet, sheet.wide - MARGIN - ones[0].patches.shape[3] * factor - 44, y + 24, ones[0].patches.shape[3], factor)
    y = _head(sheet, y, path, words, len(ones[0].maps), grid)
    tall, long = (side * factor for side in ones[0].patches.shape[2:4])
    drawn, moved = ones[0].projections is not None, found.moved(path)
    line = (2 if drawn else 1) * tall + 32
    for m, unit in enumerate(ones[0].maps):
        start, below = grid.row(m)
        top = y + below * line
        sheet.text(start, top + 14, f"map {unit}", SMALL, bold=True)
        scale = full_scale(np.stack([one.projections[m] for one in ones if one.projections is not None])) if drawn else 0.0
        if drawn:
            sheet.text(start, top + 30, f"s = {number(scale)}", SMALL, ink="soft")
        for i, one in enumerate(ones):
            x, below = start + NAME + i * grid.column, top + (tall + 3 if drawn else 0)
            if one.projections is not None:
                sheet.picture(x, top, reconstruction(one.projections[m, 0], scale), long, tall)
            sheet.picture(x, below, one.patches[m, 0], long, tall)
            if moved[i, m]:
                sheet.box(x - 4, below, 2.5, tall, "k1")
            value = float(one.values[m, 0])
            sheet.text(x, below + tall + 13, number(value) if np.isfinite(value) else "–", SMALL - 1, ink="soft")
    return y + -(-len(ones[0].maps) // grid.across) * line


def _filters(sheet: Sketch, y: float, found: Evolution, grid: _Grid, most: int) -> float:
    """The filters that are largest in the end, all on one scale."""
    last = found.filters[-1]
    numbers = np.sort(np.argsort(-last.rms, kind="stable")[:most]).tolist()
    scale = full_scale(np.stack([one.weights[numbers] for one in found.filters]))
    high, wide = last.weights.shape[2:]
    factor = max(1, round(TILE / max(high, wide)))
    fold = ", batch normalisation's factor in them" if last.folded else ""
    kind = f"{last.words} · the {len(numbers)} largest of {len(last.rms)} filters forming{fold}"
    words = f"{kind}; grey is 0, full colours are ±{number(scale)}"
    y = _head(sheet, y, last.path, words, len(numbers), grid)
    tiles = [tiles_of(one, numbers, scale) for one in found.filters]
    line = high * factor + 10
    for m, which in enumerate(numbers):
        start, below = grid.row(m)
        sheet.text(start, y + below * line + 14, f"filter {which}", SMALL, bold=True)
        for i, ones in enumerate(tiles):
            sheet.picture(start + NAME + i * grid.column, y + below * line, ones[m], wide * factor, high * factor)
    return y + -(-len(numbers) // grid.across) * line
