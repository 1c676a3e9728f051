"""A convolution's filters as a figure: all on one scale, the flagged ones framed, and below how large each of them is."""

from collections.abc import Sequence

import numpy as np

from neocog.explain.answers.filters import DEAD, DOMINATES, RADIUS, Filters
from neocog.explain.targets import listed
from neocog.figure.colours import diverging
from neocog.figure.parts import MARGIN, Plot, Series, colour_bar, heading, lines, number
from neocog.figure.sketch import NORMAL, SMALL, Sketch

MOST = 128  # filters that are drawn
TILE, WIDE = 50, 16


def tiles_of(found: Filters, numbers: Sequence[int], scale: float) -> list[np.ndarray]:
    """Filters as colours, uint8 h×w×3: on red, green and blue around grey, or a filter's heaviest slice from cold to warm."""
    if found.on_pixels and found.weights.shape[1] == 3:
        return [diverging(found.weights[i], scale) for i in numbers]
    slices = found.slices
    return [diverging(found.weights[i, slices[i]], scale) for i in numbers]


def drawn_scale(found: Filters) -> float:
    """The largest weight of what is drawn, of all filters."""
    if found.on_pixels:
        return float(np.abs(found.weights).max())
    return float(np.abs(found.weights[np.arange(len(found.weights)), found.slices]).max())


def draw_filters(title: str, found: Filters, most: int = MOST) -> Sketch:
    """All filters, or those with the largest RMS, on one scale; the flagged ones framed; below, the RMS of all."""
    count, channels, high, wide = found.weights.shape
    shown = np.sort(np.argsort(-found.rms, kind="stable")[:most]).tolist()
    factor = max(1, round(TILE / max(high, wide)))
    tile, step, line = (high * factor, wide * factor), max(wide * factor, 34) + 10, high * factor + 24
    across = min(WIDE, len(shown))
    sheet = Sketch(max(across * step - 10, 900) + 2 * MARGIN, 0, title)
    reads = "the picture" if found.on_pixels else f"{channels} map{'s' if channels > 1 else ''}"
    some = f" · the {len(shown)} with the largest RMS" if len(shown) < count else ""
    fold = " · batch normalisation's factor in them" if found.folded else ""
    y = heading(sheet, title, f"{found.path} · {found.words} · {count} filters that read {reads}{some}{fold}")
    y = _legend(sheet, y + 4, found)
    scale = drawn_scale(found)
    flagged = {**dict.fromkeys(found.silent, "k3"), **dict.fromkeys(found.dead, "k0"), **dict.fromkeys(found.dominating, "k1")}
    flagged |= dict.fromkeys(found.clipped, "k1")
    for k, (i, pixels) in enumerate(zip(shown, tiles_of(found, shown, scale), strict=True)):
        x, top = MARGIN + k % across * step, y + k // across * line
        sheet.picture(x, top, pixels, tile[1], tile[0])
        if i in flagged:
            sheet.frame(x - 2.5, top - 2.5, tile[1] + 5, tile[0] + 5, flagged[i], 2.5)
        words = str(i) if found.on_pixels or channels == 1 else f"{i} ← {found.slices[i]}"
        sheet.text(x + tile[1] / 2, top + tile[0] + 13, words, SMALL - 1, "middle", flagged.get(i, "soft"))
    y += -(-len(shown) // across) * line + 26
    _chart(sheet, y, found)
    sheet.high = y + 190
    return sheet


def _legend(sheet: Sketch, y: float, found: Filters) -> float:
    """The scale, and the rules by which filters are flagged, with how many each found."""
    colour, scale = found.on_pixels and found.weights.shape[1] == 3, drawn_scale(found)
    sheet.picture(MARGIN, y, colour_bar(colours=colour), 150, 10)
    for x, words, anchor in ((0, "−" + number(scale), "start"), (75, "0", "middle"), (150, "+" + number(scale), "end")):
        sheet.text(MARGIN + x, y + 22, words, SMALL, anchor, "soft")
    slices = "of each filter the slice with the largest weights, number ← its input map"
    sheet.text(MARGIN + 172, y + 9, "red, green and blue each on this scale" if colour else
               "weights" if found.weights.shape[1] == 1 else slices, SMALL, ink="soft")  # fmt: skip
    rows = rules(found)
    for i, (ink, words) in enumerate(rows):
        sheet.frame(MARGIN + 173, y + 19.5 + 16 * i, 9, 9, ink, 2)
        sheet.text(MARGIN + 190, y + 28 + 16 * i, words, SMALL, ink="soft")
    return y + 34 + 16 * len(rows)


def rules(found: Filters) -> list[tuple[str, str]]:
    """(ink, words): each rule by which a filter is flagged, and which it found."""
    median = float(np.median(found.rms))
    out = []
    if found.pixel_rms is not None:
        top = float(found.pixel_rms.max())
        out.append(("k1", f"ZFNet would clip: RMS above {RADIUS} on pixels from 0 to 255 (largest here {number(top)}): "
                          f"{_named(found.clipped)}"))  # fmt: skip
    out.append(("k1", f"dominates: RMS above {DOMINATES:g} × the median of {number(median)}: {_named(found.dominating)}"))
    out.append(("k0", f"dead: RMS below {DEAD:g} × the median: {_named(found.dead)}"))
    if found.answered is not None:
        out.append(("k3", f"silent: never above 0 on {found.looked:,} pictures: {_named(found.silent)}"))
    return out


def _named(numbers: Sequence[int]) -> str:
    return f"{len(numbers)} ({listed([str(i) for i in numbers])})" if numbers else "none"


def _chart(sheet: Sketch, y: float, found: Filters) -> None:
    """The RMS of all filters, falling, against the rules' lines."""
    rms, median = np.sort(found.rms)[::-1], float(np.median(found.rms))
    places = list(range(1, len(rms) + 1))
    ends = [1, max(2, len(rms))]
    series = [Series("RMS of the filters, falling", places, rms.tolist(), "k5", dots=len(rms) == 1)]
    for name, value, ink in (("median", median, "k2"), (f"{DOMINATES:g} × median", DOMINATES * median, "k1"),
                             (f"{DEAD:g} × median", DEAD * median, "k0")):  # fmt: skip
        series.append(Series(name, ends, [value, value], ink, dashed=True))
    sheet.text(MARGIN, y, "how large the filters are", NORMAL, bold=True)
    plot = Plot(MARGIN + 56, y + 34, sheet.wide - 2 * MARGIN - 250, 100)
    lines(sheet, plot, series, "filter, by rank", "RMS", low=0.0, legend=False)
    for i, one in enumerate(series):
        x, at = plot.x + plot.wide + 24, plot.y + 12 + 18 * i
        sheet.line([(x, at - 4), (x + 18, at - 4)], one.ink, 2, one.dashed)
        sheet.text(x + 26, at, one.name, SMALL, ink="soft")
