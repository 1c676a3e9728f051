"""The figure of activation maximisation: pictures that units answer most to, beside the best of the real ones."""

from collections.abc import Sequence

import numpy as np

from neocog.arch.drawing.measure import clip, wrap
from neocog.explain.synthesis.maximisation import Best, Maxima
from neocog.figure.parts import MARGIN, Plot, Series, coloured, heading, lines, number, round_length, ruler
from neocog.figure.sketch import LARGE, NORMAL, SMALL, Sketch

SIDE, SMALLER, GAP, ACROSS = 300, 136, 18, 3


def draw_maxima(title: str, found: Maxima, views: Sequence[np.ndarray], names: Sequence[str], best: Best | None = None,
                real: Sequence[np.ndarray] = ()) -> Sketch:  # fmt: skip
    """views: each of the pictures as people look at it, uint8 H×W×C, with the words of its unit in `names`. real: the pictures
    of `best`, of the first unit."""
    high, wide = views[0].shape[:2]
    tall, small = SIDE * high / wide, SMALLER * high / wide
    columns = min(ACROSS, len(views))
    rows = -(-len(views) // columns)
    across = max(columns * (SIDE + GAP) - GAP, 4 * (SMALLER + GAP) - GAP, 620) + 2 * MARGIN
    sheet = Sketch(across, 2000, title)
    y = heading(sheet, clip(title, LARGE * 1.12, across - 2 * MARGIN)) - 6
    for line in about(found):
        for part in wrap(line.split(" · "), " · ", NORMAL, across - 2 * MARGIN):
            sheet.text(MARGIN, y + 14, part, NORMAL, ink="soft")
            y += 18
    y += 16
    for k, (view, name) in enumerate(zip(views, names, strict=True)):
        x, top = MARGIN + k % columns * (SIDE + GAP), y + k // columns * (tall + 66)
        shift = 22 if len(views) > 1 else 0  # for the colour of its line in the chart
        if shift:
            sheet.line([(x, top + 8), (x + 15, top + 8)], f"k{k % 6}", 2.4)
        sheet.text(x + shift, top + 12, clip(name, NORMAL * 1.12, SIDE - shift), NORMAL, bold=True)
        sheet.picture(x, top + 20, coloured(view), SIDE, tall)
        words = f"value {number(float(found.values[k]))}, from {number(float(found.start[k]))}"
        sheet.text(x + (0 if k else 130), top + 20 + tall + 16, words, SMALL, ink="soft")
        if not k:
            ruler(sheet, x, top + 20 + tall + 14, round_length(wide), SIDE / wide)
    beside = len(views) == 1  # then there is room
    left, top = (MARGIN + SIDE + 2 * GAP, y) if beside else (MARGIN, y + rows * (tall + 66) + 6)
    y += rows * (tall + 66) + 6
    if best is not None:
        words = f"best of {best.n:,} real · mean {number(best.mean)}"
        sheet.text(left, top + 12, clip(words, NORMAL * 1.12, across - MARGIN - left), NORMAL, bold=True)
        for k, (pixels, value) in enumerate(zip(real, best.values, strict=True)):
            row, column = divmod(k, 2) if beside else (0, k)
            x, above = left + column * (SMALLER + GAP), top + 20 + row * (small + 26)
            sheet.picture(x, above, coloured(pixels), SMALLER, small)
            sheet.text(x, above + small + 16, f"value {number(float(value))}", SMALL, ink="soft")
        y += 0 if beside else small + 58
    series = [
        Series(name, list(range(1, len(found.curve) + 1)), [float(v) for v in found.curve[:, k]], f"k{k % 6}", dashed=k >= 6)
        for k, name in enumerate(names)
    ]
    lines(
        sheet,
        Plot(MARGIN + 52, y + 16, across - 2 * MARGIN - 60, 130),
        series,
        "step",
        "value, while the picture is moved about",
        legend=False,
    )
    sheet.high = y + 16 + 130 + 46
    return sheet


def about(found: Maxima) -> list[str]:
    """What was climbed and under which priors."""
    s, target = found.settings, found.target
    where = "" if target.places is None else f" at row {int(target.places[0, 0])}, column {int(target.places[0, 1])}"
    what = (
        "the class's score before the softmax"
        if target.path is None
        else f"a unit of {target.path}{where or ', wherever it is largest'}"
    )
    return [
        f"climbed: {what} · Adam, {s.steps} steps of at most {s.rate:g} pixel values, from noise, seed {s.seed}",
        f"priors: decay {s.decay:g} · blur {s.blur:g} px (of 224) every {s.blur_every} steps, falling to a third · jitter "
        f"{100 * s.jitter:g} % of the side · bytes 0 to 255",
    ]
