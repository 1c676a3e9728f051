"""The figure of the gradient's way back: norms through depth of several networks, bounds, and what shortcuts carried."""

from collections.abc import Sequence

import numpy as np

from neocog.arch.drawing.measure import width
from neocog.explain.anatomy.flow import Flow
from neocog.figure.parts import MARGIN, WIDE, Plot, Series, fitted, heading, key, lines, number
from neocog.figure.sketch import SMALL, Sketch

HIGH = 230  # of a chart
WHOSE = {"batch": "the batch's statistics", "running": "running statistics"}


def draw_flow(found: Sequence[tuple[str, Flow]], about: str) -> Sketch:
    """One line a network; `found` has what to call each. `about`: which pictures, and how many."""
    blocks = [(name, flow, f"k{i}") for i, (name, flow) in enumerate(found) if flow.blocks]
    bounded = any(np.isfinite(flow.bound[0]) for _, flow in found)
    notes = _notes(found, bounded, bool(blocks))
    top = 28 + 54 + 16 * len(found) + 8
    below = top + HIGH + 78
    high = below + (HIGH * 0.62 + 76 if blocks else 0) + 16 * len(notes) + 18
    sheet = Sketch(WIDE, high, "Gradient norm through depth: " + ", ".join(name for name, _ in found))
    heading(sheet, "The gradient on its way back", about)
    key(sheet, MARGIN, 28 + 62, [(_line(name, flow), f"k{i}") for i, (name, flow) in enumerate(found)])
    half = (WIDE - 2 * MARGIN - 2 * 52 - 24) / 2
    left, right = Plot(MARGIN + 46, top + 30, half, HIGH), Plot(MARGIN + 46 + half + 82, top + 30, half, HIGH)
    dashed = []
    for i, (name, flow) in enumerate(found):
        if np.isfinite(flow.quarter[0]) and flow.quarter[0] < flow.quarter[-1]:
            dashed.append(Series(f"{name}: 1/4 a sigmoid", flow.depths, flow.quarter.tolist(), f"k{i}", dashed=True))
    _chart(
        sheet,
        left,
        [(f, f.outputs, f"k{i}") for i, (_, f) in enumerate(found)],
        "‖∂L/∂z‖ at the layers' outputs, one picture",
        dashed,
    )
    _chart(
        sheet,
        right,
        [(f, f.weights, f"k{i}") for i, (_, f) in enumerate(found)],
        "‖∂L/∂W‖ of the layers' weights, mean loss",
        [],
    )
    if blocks:
        plot = Plot(left.x, below + 30, WIDE - MARGIN - left.x - 8, HIGH * 0.62)
        series = [
            Series(name, flow.block_depths, (100 * np.median(flow.shares, 0)).tolist(), ink,
                   (100 * flow.shares.min(0)).tolist(), (100 * flow.shares.max(0)).tolist(), dots=True)
            for name, flow, ink in blocks
        ]  # fmt: skip
        across = "layers with weights before the block's sum"
        lines(sheet, plot, series, across, "% of the gradient at a block's entrance that came by its shortcut", low=0.0,
              high=max(100.0, *(v for s in series for v in s.y)), legend=False)  # fmt: skip
        below += HIGH * 0.62 + 76
    for i, words in enumerate(notes):
        sheet.text(MARGIN, below + 16 * i + 14, words, SMALL, ink="soft")
    return sheet


def _chart(sheet: Sketch, plot: Plot, rows: Sequence[tuple[Flow, np.ndarray, str]], up: str, more: Sequence[Series]) -> None:
    series = [
        Series("", flow.depths, np.median(norms, 0).tolist(), ink, norms.min(0).tolist(), norms.max(0).tolist())
        for flow, norms, ink in rows
    ]
    lines(sheet, plot, [*series, *more], "layer with weights, from the picture", up, logarithmic=True, legend=False)


def _line(name: str, flow: Flow) -> str:
    words = f": first/last layer {number(flow.ratio)} at the outputs, {number(flow.weight_ratio)} of the weights"
    return fitted(name, WIDE - 2 * MARGIN - 22 - width(words, SMALL)) + words


def _notes(found: Sequence[tuple[str, Flow]], bounded: bool, blocks: bool) -> list[str]:
    by = f" BN by {WHOSE[found[0][1].statistics]}." if any(flow.normalised for _, flow in found) else ""
    notes = [f"Lines: median of the batches; bands: smallest to largest. L is softmax cross-entropy; norms are Euclidean.{by}"]
    if any(np.isfinite(flow.quarter[0]) for _, flow in found):
        notes.append(
            "Dashed: 1/4 for each sigmoid behind the layer, the steepest that a sigmoid can be, and weights of norm 1."
        )
    for name, flow in found if bounded else ():
        if np.isfinite(flow.bound[0]):
            words = f"the layers' norms multiply to at most {number(flow.bound[0])} at the first"
            notes.append(f"{fitted(name, 420)}: {words}; {number(np.median(flow.outputs[:, 0]))} came.")
    if blocks:
        notes += [
            "A share is ⟨c, g⟩/‖g‖² of the gradient g at the entrance and its part c by the shortcut; the other has the rest,",
            "and where that points against it, c has more than 100 %. A highway block's shortcut is x·(1 − T), gate included.",
        ]
    return notes
