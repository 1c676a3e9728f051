"""The figure of effective receptive fields: maps on linear and logarithmic scales, and the profiles through their centres."""

from collections.abc import Sequence

import numpy as np

from neocog.arch.drawing.measure import clip
from neocog.explain.fields.effective import LEVEL, EffectiveField
from neocog.explain.fields.placing import Box
from neocog.figure.parts import MARGIN, Plot, Series, colour_bar, heading, key, lines, pixels_of_map, ruler, scale_bar
from neocog.figure.sketch import LARGE, NORMAL, SMALL, Sketch

SIDE, GAP, DECADES = 205, 24, 4


def draw_effective(title: str, found: Sequence[tuple[str, EffectiveField]], pictures: str = "") -> Sketch:
    """One or two fields of the same layer, each with its words ("as trained", "at the start"), side by side; `pictures` says
    over what."""
    first = found[0][1]
    view = _view(first)
    high, wide, field = view.height, view.width, first.field
    panel = SIDE * high / max(high, wide)
    across = 4 * SIDE + 3 * GAP + 2 * MARGIN
    sheet = Sketch(across, 120 + panel + 74 + 40 + 190 + 66 + MARGIN, title)
    size = f"{field.size[1]}×{field.size[0]}" if field.size else "everything"
    about = f"layer {field.path} ({field.words}), place {field.place[0]},{field.place[1]}: it can see {size} pixels "
    about += f"of {field.shape[2]}×{field.shape[1]}"
    about += f" · {pictures}" if pictures else ""
    y = heading(sheet, clip(title, LARGE * 1.12, across - 2 * MARGIN), about) + 30
    x = float(MARGIN)
    for words, one in found:
        top = float(one.map.max())
        part = one.map[view.top : view.bottom, view.left : view.right]
        pair = ((part / top if top > 0 else part, "linear"), (_logarithm(part, top), "logarithmic"))
        sheet.text(x, y - 20, f"{words}: mean of {_of_what(one)}", NORMAL, bold=True)
        for values, scale in pair:
            sheet.text(x, y - 4, scale, SMALL, ink="soft")
            sheet.picture(x, y, pixels_of_map(values, 1.0), panel * wide / high, panel)
            _frames(sheet, x, y, one, view, panel / high)
            ruler(sheet, x, y + panel + 13, next(n for n in (100, 50, 20, 10, 5, 2, 1) if n <= max(1, wide // 3)), panel / high)
            if scale == "linear":
                scale_bar(sheet, x, y + panel + 28, SIDE * 0.8, 1.0, False)
            else:
                sheet.picture(x, y + panel + 28, colour_bar(False), SIDE * 0.8, 10)
                sheet.text(x, y + panel + 51, f"≤ 10⁻{DECADES}", SMALL, ink="soft")
                sheet.text(x + SIDE * 0.8, y + panel + 51, "1", SMALL, "end", "soft")
            x += SIDE + GAP
    y += panel + 72
    below = "|gradient| summed over the colours, by its largest value · "
    below += "dashed: what the unit can see · full: a square as large as the pixels above "
    below += f"{100 * LEVEL:.3g} % of the largest"
    sheet.text(MARGIN, y, below, SMALL, ink="soft")
    y += 44
    if len(found) > 1:
        key(sheet, MARGIN + 130, y - 14, [(words, f"k{i}") for i, (words, _) in enumerate(found)], across=True)
    chart = (across - 2 * MARGIN - 60) / 2 - 30
    for k, logarithmic in enumerate((False, True)):
        plot = Plot(MARGIN + 48 + k * (chart + 90), y, chart, 190)
        series = [
            Series(words, list(range(view.left, view.right)),
                   [float(v) for v in _floor(one.profiles[1][view.left : view.right], logarithmic)], f"k{i}", dashed=i > 0)
            for i, (words, one) in enumerate(found)
        ]  # fmt: skip
        lines(sheet, plot, series, f"column, along row {first.centre[0]}", "logarithmic" if k else "linear", logarithmic,
              legend=False,
              low=None if logarithmic else 0.0, high=None if logarithmic else 1.0)  # fmt: skip
    for i, (words, one) in enumerate(found):
        sheet.text(MARGIN, y + 190 + 58 + 18 * i, sentence(words, one), NORMAL)
    sheet.high = y + 190 + 58 + 18 * len(found) + 10
    return sheet


def sentence(words: str, one: EffectiveField) -> str:
    """Its numbers, for people."""
    down, across = one.std
    seen = one.field.seen
    return (
        f"{words}: effective size {one.size:.1f} px, {100 * one.ratio:.0f} % of the "
        f"{seen.width}×{seen.height} px that it can see · deviation {across:.2f} px across, {down:.2f} down"
    )


def _of_what(one: EffectiveField) -> str:
    pictures = f"{one.n} picture" + "s" * (one.n > 1)
    return f"{pictures}, {one.draws} draw" + "s" * (one.draws > 1) + " of weights" if one.draws else pictures


def _view(one: EffectiveField) -> Box:
    """What of the picture is drawn: what the unit can see, and a little around it."""
    seen, (high, wide) = one.field.seen, one.map.shape
    edge = max(1, round(max(seen.height, seen.width) * 0.1))
    return Box(seen.top - edge, seen.left - edge, seen.bottom + edge, seen.right + edge).within(high, wide)


def _logarithm(values: np.ndarray, top: float) -> np.ndarray:
    """From 0, at 10^-DECADES of the largest and below, to 1."""
    return np.clip(1 + np.log10(np.maximum(values / max(top, 1e-300), 10.0 ** -(DECADES + 1))) / DECADES, 0, 1)


def _floor(line: np.ndarray, logarithmic: bool) -> np.ndarray:
    return np.maximum(line, 10.0**-DECADES) if logarithmic else line


def _frames(sheet: Sketch, x: float, y: float, one: EffectiveField, view: Box, scale: float) -> None:
    """What the unit can see, dashed, and the square of the effective size around its middle."""
    seen, (row, column), half = one.field.seen, one.centre, one.size / 2
    square = (row + 0.5 - half, column + 0.5 - half, row + 0.5 + half, column + 0.5 + half)
    for (top, left, bottom, right), ink, dashed in (
        ((seen.top, seen.left, seen.bottom, seen.right), "k1", True), (square, "k4", False)):  # fmt: skip
        rows = [(min(max(v, view.top), view.bottom) - view.top) * scale + y for v in (top, bottom)]
        columns = [(min(max(v, view.left), view.right) - view.left) * scale + x for v in (left, right)]
        corners = [(columns[i], rows[j]) for i, j in ((0, 0), (1, 0), (1, 1), (0, 1), (0, 0))]
        sheet.line(corners, ink, 1.6, dashed)
