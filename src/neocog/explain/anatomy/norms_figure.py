"""The figure of normalisation: a row a layer, its numbers before and after, and who was changed how much."""

from collections.abc import Sequence

import numpy as np

from neocog.explain.anatomy.counting import Counts
from neocog.explain.anatomy.norms import BatchNormed, Damped
from neocog.figure.parts import MARGIN, WIDE, Plot, fitted, heading, histogram, number
from neocog.figure.sketch import NORMAL, SMALL, Sketch

HIGH, ROW, GAP, SHOWN = 92, 176, 30, 0.998
PANEL = (WIDE - 2 * MARGIN - 3 * GAP) / 4


def draw_norms(about: str, layers: Sequence[BatchNormed | Damped]) -> Sketch:
    """Left to right: before, after; of BN the running means beside those of the pictures and γ, of LRN factors and maps."""
    title, kinds = "What normalisation does to the answers", {type(layer) for layer in layers}
    notes = _notes(kinds)
    sheet = Sketch(WIDE, 92 + ROW * len(layers) + 16 * len(notes) + 14, title)
    y = heading(sheet, title, fitted(about, WIDE - 2 * MARGIN, NORMAL)) + 24
    for layer in layers:
        words = f"{layer.path}: deviation {number(layer.before.std)} → {number(layer.after.std)}, " + _about(layer)
        sheet.text(MARGIN, y, fitted(words, WIDE - 2 * MARGIN), SMALL, bold=True)
        _pair(sheet, y + 30, layer)
        if isinstance(layer, BatchNormed):
            _batch_norm(sheet, y + 30, layer)
        else:
            _damped(sheet, y + 30, layer)
        y += ROW
    for i, words in enumerate(notes):
        sheet.text(MARGIN, y + 16 * i - 4, words, SMALL, ink="soft")
    return sheet


def zoomed(counts: Counts, span: float, most: int = 64) -> tuple[np.ndarray, float]:
    """The counts between about ±span in at most `most` bins, and the span that they have."""
    bins = len(counts.counts)
    half = min(bins // 2, max(2, int(np.ceil(span / counts.top * bins / 2))))
    step = -(-2 * half // most)
    half = min(bins // 2, -(-half // step) * step)
    kept = counts.counts[bins // 2 - half : bins // 2 + half]
    return kept.reshape(-1, step).sum(1) if len(kept) % step == 0 else kept, half * 2 * counts.top / bins


def _place(column: int, y: float) -> Plot:
    return Plot(MARGIN + column * (PANEL + GAP), y, PANEL, HIGH)


def _pair(sheet: Sketch, y: float, layer: BatchNormed | Damped) -> None:
    for column, (counts, words, ink) in enumerate(((layer.before, "before", "k5"), (layer.after, "after", "k0"))):
        shown, span = zoomed(counts, counts.within(SHOWN))
        low, middle = -span, len(shown) // 2
        if counts.low >= 0:  # behind a ReLU
            shown, low = shown[middle:], 0.0
        histogram(sheet, _place(column, y), shown.tolist(), low, span, ink, words)


def _batch_norm(sheet: Sketch, y: float, layer: BatchNormed) -> None:
    """Each map's running mean (across) and the pictures' (up), in one scale; its γ."""
    plot = _place(2, y)
    means = np.stack([layer.kept[:, 0], layer.seen[:, 0]])
    known = np.isfinite(means).all(0)
    low, high = (means[:, known].min(), means[:, known].max()) if known.any() else (0.0, 0.0)
    reach = max(high - low, 1e-9)
    side = min(plot.wide, plot.high)
    x0 = plot.x + (plot.wide - side) / 2
    sheet.frame(x0, plot.y, side, side)
    sheet.line([(x0, plot.y + side), (x0 + side, plot.y)], "soft", 1, True)
    for i, (kept, seen) in ((i, means[:, i]) for i in np.flatnonzero(known)):
        sheet.dot(x0 + (kept - low) / reach * side, plot.y + side - (seen - low) / reach * side, "k0", f"map {i}", 2)
    sheet.text(plot.x, plot.y - 5, "maps' means: kept across, seen up", SMALL, ink="soft")
    sheet.text(x0, plot.y + side + 14, number(low), SMALL - 1, "start", "soft")
    sheet.text(x0 + side, plot.y + side + 14, number(high), SMALL - 1, "end", "soft")
    gain = np.nan_to_num(layer.affine[:, 0])
    top = max(float(np.abs(gain).max()), 1e-9)
    low = -top if gain.min() < 0 else 0.0
    counts = np.histogram(gain, 24, (low, top))[0]
    histogram(sheet, _place(3, y), counts.tolist(), low, top, "k2", f"γ of {len(gain)} maps")


def _damped(sheet: Sketch, y: float, layer: Damped) -> None:
    """The factors with both readings of α; each map's damping, most damped first."""
    plot = _place(2, y)
    most, bins = max(1, int(layer.factors.max())), layer.factors.shape[1]
    first = max(0, min(bins - 8, int(np.argmax(layer.factors.sum(0) > 0.001 * layer.factors.sum())) - 1))
    step = plot.wide / (bins - first)
    for row, ink in ((1, "k1"), (0, "k0")):
        edge = [(plot.x, plot.y + plot.high)]
        for i, count in enumerate(layer.factors[row, first:]):
            tall = plot.y + plot.high * (1 - count / most)
            edge += [(plot.x + i * step, tall), (plot.x + (i + 1) * step, tall)]
        edge.append((plot.x + plot.wide, plot.y + plot.high))
        sheet.area(edge, ink, 0.35)
        sheet.line(edge, ink, 1.4, dashed=row == 1)
    names = ("α/size", "α") if layer.divided else ("α", "α/size")
    sheet.text(plot.x, plot.y - 5, f"factor; dashed: {names[1]} in place of {names[0]}", SMALL, ink="soft")
    for at, value, anchor in ((plot.x, first * layer.most / bins, "start"), (plot.x + plot.wide, layer.most, "end")):
        sheet.text(at, plot.y + plot.high + 14, number(value), SMALL - 1, anchor, "soft")
    live = np.sort(layer.maps[np.isfinite(layer.maps)])
    histogram(sheet, _place(3, y), (live / layer.most).tolist(), 1, max(len(live), 1), "k2",
              f"maps: {number(live[0])} … {number(live[-1])}" if len(live) else "all maps are silent")  # fmt: skip


def _about(layer: BatchNormed | Damped) -> str:
    if isinstance(layer, BatchNormed):
        off = f"whose means lie {number(layer.drift)} deviations off (median of its maps)"
        return "by the batch's statistics" if layer.statistics == "batch" else f"by running statistics, {off}"
    silent = int((~np.isfinite(layer.maps)).sum())
    other = f"with {'α' if layer.divided else 'α/size'} {number(layer.mean[1])}"
    return f"mean factor {number(layer.mean[0])} ({other}), at most {number(layer.most)}; {silent} maps silent"


def _notes(kinds: set[type]) -> list[str]:
    notes = [f"Histograms show {100 * SHOWN:.1f} % of the numbers. Heights are relative to the highest bar."]
    if BatchNormed in kinds:
        notes.append("BN: dots on the dashed line are maps whose running mean is that of these pictures.")
    if Damped in kinds:
        notes.append("LRN: after/before of all answers that are not 0, as the network has it and under the other reading of α;")
        notes.append(
            "maps: the sum of what is left of each over that of what came, the most damped first; full height is k^−β."
        )
    return notes
