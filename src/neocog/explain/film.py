"""The figure of an evolution: a row for each map, a column for each snapshot."""

from collections.abc import Sequence

import numpy as np

from neocog.arch import Architecture, analyse
from neocog.arch.drawing.measure import width
from neocog.explain.evolution import Evolution
from neocog.explain.filters import drawn_scale, tiles_of
from neocog.explain.nines import FULL, amount, colours_of, full_scale
from neocog.figure.parts import heading, ruler
from neocog.figure.sketch import LARGE, NORMAL, SMALL, Sketch

TILE, LARGEST, MARGIN, GAP, NAME = 56, 76, 28, 8, 84  # pixels: of a tile, of one made smaller, of the rows' names


def draw_evolution(title: str, about: str, arch: Architecture, found: Evolution, per_epoch: int = 0, most: int = 8) -> Sketch:
    """A block for each layer, and one for the `most` largest filters of the first convolution. per_epoch: steps of an epoch."""
    blocks = [(_factor(ones[0].patches.shape[2:4]), ones) for ones in found.layers.values()]
    tiles = [ones[0].patches.shape[3] * factor for factor, ones in blocks]
    column = max([*tiles, TILE]) + GAP
    sheet = Sketch(2 * MARGIN + NAME + len(found.steps) * column - GAP, 0, title)
    sheet.wide = max(sheet.wide, 2 * MARGIN + max(700, width(title, LARGE, True), width(about, NORMAL)))
    y = heading(sheet, title, about)
    undefined = next((ones[0].why for _, ones in blocks if ones[0].why), "")
    lines = (
        f"Patches only. {undefined}" if undefined else
        f"Upper: {blocks[0][1][0].rule} of the strongest answer, grey is 0, a map's colours end at ± its s ({FULL:.0%} lie within).",
        "Lower: what it was an answer to, with its size; a bar before it: another picture than at the snapshot before.",
    )  # fmt: skip
    for i, words in enumerate(lines):
        sheet.text(MARGIN, y + 4 + 16 * i, words, SMALL, ink="k1" if undefined and not i else "soft")
    y += 40
    for factor, ones in blocks:
        y = _layer(sheet, y, arch, found, ones[0].path, factor, column, per_epoch) + 10
    if found.filters:
        y = _filters(sheet, y, found, column, per_epoch, most)
    sheet.high = y + 12
    return sheet


def _factor(side: tuple[int, ...]) -> float:
    longest = max(side)
    if longest > 1.25 * LARGEST:
        return LARGEST / longest
    return 2 if longest <= LARGEST / 2 < 2 * longest and round(TILE / longest) < 2 else max(1, round(TILE / longest))


def _head(sheet: Sketch, y: float, name: str, words: str, steps: Sequence[int], column: float, per_epoch: int) -> float:
    sheet.line([(MARGIN, y), (sheet.wide - MARGIN, y)])
    sheet.text(MARGIN, y + 24, name, 15, bold=True)
    sheet.text(MARGIN + width(name, 15, True) + 14, y + 24, words, NORMAL, ink="soft")
    for i, step in enumerate(steps):
        x = MARGIN + NAME + i * column
        epoch = f"epoch {step / per_epoch:.3g}" if per_epoch else ""
        for line, text in enumerate(filter(None, (epoch, f"step {step:,}"))):
            sheet.text(x, y + 46 + 14 * line, text, SMALL - (1 if line else 0), ink="soft" if line else "ink")
    return y + (70 if per_epoch else 56)


def _layer(sheet: Sketch, y: float, arch: Architecture, found: Evolution, path: str, factor: float, column: float,
           per_epoch: int) -> float:  # fmt: skip
    ones, row = found.layers[path], analyse(arch).by_path[path]
    count, high, wide = row.output
    sees = "the whole picture" if row.field is None else f"{row.field[1].size}×{row.field[0].size} pixels"
    words = f"{row.node.record.describe()} · {len(ones[0].maps)} of {count} maps of {wide}×{high} · a unit sees {sees}"
    ruler(sheet, sheet.wide - MARGIN - ones[0].patches.shape[3] * factor - 44, y + 24, ones[0].patches.shape[3], factor)
    y = _head(sheet, y, path, words, found.steps, column, per_epoch)
    tall, long = (side * factor for side in ones[0].patches.shape[2:4])
    drawn, moved = ones[0].projections is not None, found.moved(path)
    line = (2 if drawn else 1) * tall + 32
    for m, unit in enumerate(ones[0].maps):
        top = y + m * line
        sheet.text(MARGIN, top + 14, f"map {unit}", SMALL, bold=True)
        scale = full_scale(np.stack([one.projections[m] for one in ones if one.projections is not None])) if drawn else 0.0
        if drawn:
            sheet.text(MARGIN, top + 30, f"s = {amount(scale)}", SMALL, ink="soft")
        for i, one in enumerate(ones):
            x, below = MARGIN + NAME + i * column, top + (tall + 3 if drawn else 0)
            if one.projections is not None:
                sheet.picture(x, top, colours_of(one.projections[m, 0], scale), long, tall)
            sheet.picture(x, below, one.patches[m, 0], long, tall)
            if moved[i, m]:
                sheet.box(x - 4, below, 2.5, tall, "k1")
            value = float(one.values[m, 0])
            sheet.text(x, below + tall + 13, amount(value) if np.isfinite(value) else "–", SMALL - 1, ink="soft")
    return y + len(ones[0].maps) * line


def _filters(sheet: Sketch, y: float, found: Evolution, column: float, per_epoch: int, most: int) -> float:
    """The filters that are largest in the end, all on the scale of the largest weight of any snapshot."""
    last = found.filters[-1]
    numbers = np.sort(np.argsort(-last.rms, kind="stable")[:most]).tolist()
    scale = max(drawn_scale(one) for one in found.filters)
    high, wide = last.weights.shape[2:]
    factor = max(1, round(TILE / max(high, wide)))
    fold = ", batch normalisation's factor in them" if last.folded else ""
    words = f"{last.words} · the {len(numbers)} largest of {len(last.rms)} filters forming{fold}; grey is 0, colours end at ±{amount(scale)}"
    y = _head(sheet, y, last.path, words, found.steps, column, per_epoch)
    tiles = [tiles_of(one, numbers, scale) for one in found.filters]
    line = high * factor + 10
    for m, number in enumerate(numbers):
        sheet.text(MARGIN, y + m * line + 14, f"filter {number}", SMALL, bold=True)
        for i, ones in enumerate(tiles):
            sheet.picture(MARGIN + NAME + i * column, y + m * line, ones[m], wide * factor, high * factor)
    return y + len(numbers) * line
