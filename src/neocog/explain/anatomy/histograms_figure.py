"""The figure of histograms over a training: a row a layer, ridges from the first moment (back) to the last (front)."""

from collections.abc import Sequence

import numpy as np

from neocog.explain.anatomy.histograms import KINDS, Moment, together
from neocog.figure.parts import MARGIN, WIDE, fitted, heading, number
from neocog.figure.sketch import NORMAL, SMALL, Sketch

SHOWN, NAME, GAP, TALL, STEP = 0.995, 128, 26, 34, 9
WORDS = {"weights": "weights", "outputs": "outputs", "gradients": "gradients of the weights"}


def draw_histograms(about: str, moments: Sequence[Moment], layers: Sequence[int] | None = None) -> Sketch:
    """Of the layers with these numbers in their moments (None: all). Each cell has a scale of its own, symmetric about 0."""
    title, count = "Weights, outputs and gradients of the layers", len(moments)
    chosen = range(len(moments[0].paths)) if layers is None else layers
    row = TALL + STEP * (count - 1) + 46
    wide = (WIDE - 2 * MARGIN - NAME - 2 * GAP) / 3
    sheet = Sketch(WIDE, 104 + row * len(chosen) + 56, title)
    y = heading(sheet, title, fitted(about, WIDE - 2 * MARGIN, NORMAL)) + 26
    for j, kind in enumerate(KINDS):
        sheet.text(MARGIN + NAME + j * (wide + GAP), y, WORDS[kind], SMALL, bold=True)
    y += 10
    for i in chosen:
        sheet.text(MARGIN, y + row - 36, fitted(moments[0].paths[i], NAME - 12), SMALL, bold=True)
        sheet.text(MARGIN, y + row - 21, f"{moments[0].counts['weights'][i].n:,} weights", SMALL - 1, ink="soft")
        for j, kind in enumerate(KINDS):
            _cell(sheet, MARGIN + NAME + j * (wide + GAP), y + 8, wide, moments, kind, i)
        y += row
    words = [
        f"Each cell shows {100 * SHOWN:.1f} % of its numbers; every ridge is as high as its highest bar. "
        "Below: ± its range and the root mean square."
    ]
    if count > 1:
        words.append(f"Ridges from back to front: {moments[0].name} … {moments[-1].name}; the last is blue.")
    for i, line in enumerate(words):
        sheet.text(MARGIN, y + 14 + 16 * i, line, SMALL, ink="soft")
    return sheet


def _cell(sheet: Sketch, x: float, y: float, wide: float, moments: Sequence[Moment], kind: str, layer: int) -> None:
    rows, top = together(moments, kind, layer)
    span = max(one.counts[kind][layer].within(SHOWN) for one in moments)
    bins = rows.shape[1]
    half = min(bins // 2, max(2, round(span / top * bins / 2)))
    rows = rows[:, bins // 2 - half : bins // 2 + half]
    step = -(-len(rows[0]) // 64)
    cut = len(rows[0]) // step * step
    start = (len(rows[0]) - cut) // 2
    rows = rows[:, start : start + cut].reshape(len(rows), -1, step).sum(2)
    for k, counts in enumerate(rows):
        base = y + TALL + STEP * k
        tall = TALL * counts / max(int(counts.max()), 1)
        line = [(x + (b + 0.5) / len(counts) * wide, base - float(h)) for b, h in enumerate(tall)]
        last = k == len(rows) - 1
        edge = [(x, base), *line, (x + wide, base)]
        sheet.area(edge, "paper", 1.0)
        sheet.area(edge, "k0" if last else "k5", 0.55 if last else 0.25)
        sheet.line(edge, "k0" if last else "k5", 1.2 if last else 0.8)
    base = y + TALL + STEP * (len(rows) - 1)
    sheet.line([(x + wide / 2, base), (x + wide / 2, base + 4)], "soft")
    first, end = (one.counts[kind][layer] for one in (moments[0], moments[-1]))
    sheet.text(x, base + 14, f"±{number(span)}", SMALL - 1, ink="soft")
    words = number(end.rms) if len(moments) == 1 else f"{number(first.rms)} → {number(end.rms)}"
    words += f", {100 * end.zero_share:.1f} % zeros" if end.zero_share >= 0.001 else ""
    words += f", {end.odd:,} not finite" if end.odd else ""
    sheet.text(x + wide, base + 14, f"rms {words}", SMALL - 1, "end", "soft")


def spread(count: int, most: int) -> list[int]:
    """At most `most` of `count` numbers, evenly, with the first and the last."""
    return sorted({round(i) for i in np.linspace(0, count - 1, min(count, most))})
