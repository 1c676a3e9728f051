"""The figure of idle units: a row a layer, its units by how often they answer, and what is dead or saturated."""

import numpy as np

from neocog.explain.anatomy.dead import FLAT, Idle, Layer
from neocog.figure.parts import MARGIN, WIDE, fitted, heading, pixels_of_map, scale_bar
from neocog.figure.sketch import NORMAL, SMALL, Sketch

ROW, NAME, WORDS = 18, 170, 300


def draw_dead(about: str, found: Idle) -> Sketch:
    """Rows in the order of the layers; each strip holds a layer's units, the liveliest first."""
    title = f"{found.dead:,} of {found.units:,} units never answer"
    title += f", {found.saturated:,} are saturated" if any(layer.kind != "ReLU" for layer in found.layers) else ""
    sheet = Sketch(WIDE, 96 + ROW * len(found.layers) + 110, title)
    y = heading(sheet, title, fitted(about, WIDE - 2 * MARGIN, NORMAL)) + 30
    strip = WIDE - 2 * MARGIN - NAME - WORDS
    sheet.text(MARGIN + NAME, y - 8, "units, the liveliest first", SMALL, ink="soft")
    sheet.text(MARGIN + NAME + strip + 12, y - 8, "units that never answered, and answers of 0", SMALL, ink="soft")
    for layer in found.layers:
        sheet.text(MARGIN, y + ROW - 6, fitted(f"{layer.path} {layer.kind}", NAME - 10), SMALL)
        sheet.picture(MARGIN + NAME, y + 1, pixels_of_map(np.sort(layer.live)[::-1][None], 1.0), strip, ROW - 4)
        gone = len(layer.dead) + len(layer.saturated)  # no unit is both
        if gone:
            wide = strip * gone / len(layer.top)
            sheet.box(MARGIN + NAME + strip - wide, y + 1, wide, ROW - 4, "k1")
        sheet.text(MARGIN + NAME + strip + 12, y + ROW - 6, _words(layer), SMALL, ink="ink" if gone else "soft")
        y += ROW
    y += 22
    scale_bar(
        sheet,
        MARGIN + NAME,
        y,
        180,
        1.0,
        False,
        "part of a unit's answers, over pictures and places, that are neither 0 nor saturated",
    )
    sheet.box(MARGIN, y, 14, 10, "k1")
    sheet.text(MARGIN + 20, y + 9, "dead or saturated", SMALL, ink="soft")
    words = (
        f"Dead: 0 at every place of every picture. Saturated: at all of them, slope below {100 * FLAT:.0f} % of the steepest."
    )
    sheet.text(MARGIN, y + 50, words, SMALL, ink="soft")
    return sheet


def _words(layer: Layer) -> str:
    units = len(layer.top)
    if layer.kind == "ReLU":
        return f"{len(layer.dead):,} of {units:,} dead · {100 * layer.zeros:.0f} % zeros"
    if layer.kind == "ReLU6":
        return f"{len(layer.dead):,} of {units:,} dead · {100 * layer.zeros:.0f} % zeros · {100 * layer.flat:.1f} % at 6"
    return f"{len(layer.saturated):,} of {units:,} saturated · {100 * layer.flat:.0f} % of answers flat"
