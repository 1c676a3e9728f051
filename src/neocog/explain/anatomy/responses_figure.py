"""The figures of the layers' answers: deviations through depth and ranked, residual branches, highway gates."""

from collections.abc import Sequence

import numpy as np

from neocog.explain.anatomy.flow_figure import HIGH, WHOSE
from neocog.explain.anatomy.responses import Responses
from neocog.figure.parts import MARGIN, WIDE, Plot, Series, fitted, heading, key, lines, number, pixels_of_map, scale_bar
from neocog.figure.sketch import SMALL, Sketch

ROW = 11  # pixels of a gate's row


def draw_responses(found: Sequence[tuple[str, Responses]], about: str) -> Sketch:
    """One line a network in each panel; `found` has what to call each."""
    blocks = any(one.blocks for _, one in found)
    gated = [(name, one) for name, one in found if one.gates]
    top = 28 + 54 + 16 * len(found) + 8
    notes = _notes(blocks, bool(gated), found)
    below = top + HIGH + 78
    gates_high = sum(46 + 14 + 8 + ROW * len(one.gates) for _, one in gated) + (44 if gated else 0)
    high = below + (HIGH * 0.7 + 76 if blocks else 0) + gates_high + 16 * len(notes) + 18
    sheet = Sketch(WIDE, high, "Standard deviation of layer responses: " + ", ".join(name for name, _ in found))
    heading(sheet, "How large the layers' answers are", about)
    names = [f"{fitted(name, 430)}: median of {len(one.std)} layers {number(float(np.median(one.std)))}" for name, one in found]
    key(sheet, MARGIN, 28 + 62, [(words, f"k{i}") for i, words in enumerate(names)])
    half = (WIDE - 2 * MARGIN - 2 * 52 - 24) / 2
    left, right = Plot(MARGIN + 46, top + 30, half, HIGH), Plot(MARGIN + 46 + half + 82, top + 30, half, HIGH)
    wide = max(float(one.std.max()) for _, one in found) > 30 * max(min(float(one.std.min()) for _, one in found), 1e-12)
    order = [Series("", one.depths, one.std.tolist(), f"k{i}") for i, (_, one) in enumerate(found)]
    ranked = [
        Series("", range(1, len(one.std) + 1), np.sort(one.std)[::-1].tolist(), f"k{i}") for i, (_, one) in enumerate(found)
    ]
    low = None if wide else 0.0
    lines(sheet, left, order, "layer with weights, from the picture", "standard deviation", wide, low, legend=False)
    lines(sheet, right, ranked, "layers, largest first", "the same, ranked", wide, low, legend=False)
    if blocks:
        plot = Plot(left.x, below + 30, WIDE - MARGIN - left.x - 8, HIGH * 0.7)
        series = [
            Series(name, one.block_depths, one.ratios[:, 0].tolist(), f"k{i}", (one.ratios[:, 0] - one.ratios[:, 1]).tolist(),
                   (one.ratios[:, 0] + one.ratios[:, 1]).tolist(), dots=True)
            for i, (name, one) in enumerate(found) if one.blocks
        ]  # fmt: skip
        lines(sheet, plot, series, "layers with weights before the block's sum", "‖F‖/‖x‖: the branch over the shortcut",
              low=0.0, legend=False)  # fmt: skip
        below += HIGH * 0.7 + 76
    for name, one in gated:
        below = _gates(sheet, below + 20, name, one)
    if gated:
        scale_bar(sheet, MARGIN + 46, below + 14, 160, 1.0, False, "mean opening T of a unit: 0 carries, 1 transforms")
        below += 52
    for i, words in enumerate(notes):
        sheet.text(MARGIN, below + 16 * i + 14, words, SMALL, ink="soft")
    return sheet


def _gates(sheet: Sketch, y: float, name: str, one: Responses) -> float:
    """A row a layer, its units sorted by their mean opening; the mean of the layer at its right."""
    sheet.text(MARGIN, y + 4, f"{fitted(name, 500)}: gates, one row a layer, its units by their opening", SMALL, bold=True)
    y, room = y + 16, WIDE - 2 * MARGIN - 150
    for path, opening in zip(one.gate_paths, one.gates, strict=True):
        sheet.text(MARGIN, y + ROW - 2, fitted(path.removesuffix(".gate.sigmoid"), 64, ROW - 1.5), ROW - 1.5, ink="soft")
        sheet.picture(MARGIN + 70, y, pixels_of_map(np.sort(opening)[::-1][None], 1.0), room, ROW - 1)
        sheet.text(MARGIN + 78 + room, y + ROW - 2, f"mean {opening.mean():.3f}", ROW - 1.5, ink="soft")
        y += ROW
    return y + 8


def _notes(blocks: bool, gated: bool, found: Sequence[tuple[str, Responses]]) -> list[str]:
    by = {one.statistics for _, one in found}
    notes = [
        "Deviation over pictures, maps and places of what each layer gives behind its BN, before non-linearity and addition,",
        "as in He et al. 2015, figure 7; without the classifier and the projections of shortcuts. BN by "
        + (f"{WHOSE[by.pop()]}." if len(by) == 1 else "running statistics where trained, the batch's where not."),
    ]
    if blocks:
        notes.append("Dots: mean over the pictures; bands: plus and minus a standard deviation of theirs.")
    return notes
