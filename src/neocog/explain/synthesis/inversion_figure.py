"""The figure of inverted features: the picture, what each layer keeps of it, from shallow to deep, and how the loss fell."""

from collections.abc import Sequence

import numpy as np

from neocog.arch.drawing.measure import clip
from neocog.explain.synthesis.inversion import Inversion, InversionSettings
from neocog.figure.parts import MARGIN, Plot, Series, coloured, heading, key, lines, number, round_length, ruler
from neocog.figure.sketch import LARGE, NORMAL, SMALL, Sketch

SIDE, GAP, ACROSS = 210, 20, 4


def draw_inversion(title: str, original: np.ndarray, found: Sequence[Inversion], views: Sequence[np.ndarray],
                   settings: InversionSettings) -> Sketch:  # fmt: skip
    """original, views: uint8 H×W×C as people look at them, the latter of each of `found`."""
    high, wide = original.shape[:2]
    tall = SIDE * high / wide
    count = len(found) + 1
    columns = min(ACROSS, count)
    rows = -(-count // columns)
    across = max(columns * (SIDE + GAP) - GAP, 640) + 2 * MARGIN
    sheet = Sketch(across, MARGIN + 60 + rows * (tall + 74) + 230 + MARGIN, title)
    about = (
        f"|Φ(x) − Φ₀|²/|Φ₀|² + {settings.range_weight:g}·range norm (α 6) + v·total variation · Adam, {settings.steps} steps "
        f"from noise, seed {settings.seed}"
    )
    y = heading(sheet, clip(title, LARGE * 1.12, across - 2 * MARGIN), clip(about, NORMAL, across - 2 * MARGIN)) + 14
    tiles = [("the picture", f"{wide}×{high} as the network gets it", "", coloured(original))]
    for one, view in zip(found, views, strict=True):
        tiles.append((one.path, f"error {number(100 * one.error)} % of the features", f"pixels {one.distance:.1f} of 255 off · "
                      f"v {number(one.variation_weight)}", coloured(view)))  # fmt: skip
    for k, (name, first, second, pixels) in enumerate(tiles):
        x, top = MARGIN + k % columns * (SIDE + GAP), y + k // columns * (tall + 74)
        sheet.text(x, top + 12, clip(name, NORMAL * 1.12, SIDE), NORMAL, bold=True)
        sheet.picture(x, top + 20, pixels, SIDE, tall)
        sheet.text(x, top + 20 + tall + 15, first, SMALL, ink="soft")
        sheet.text(x, top + 20 + tall + 30, second, SMALL, ink="soft")
        if not k:
            ruler(sheet, x, top + 20 + tall + 32, round_length(wide), SIDE / wide)
    y += rows * (tall + 74) + 26
    series = [
        Series(f"{one.path}", list(range(1, len(one.losses) + 1)), [float(v) for v in one.losses], f"k{i % 6}", dashed=i >= 6)
        for i, one in enumerate(found)
    ]
    plot = Plot(MARGIN + 52, y, across - 2 * MARGIN - 52 - 190, 150)
    lines(sheet, plot, series, "step", "what is minimised", True, legend=False)
    key(sheet, plot.x + plot.wide + 24, plot.y + 14, [(clip(s.name, SMALL, 150), s.ink) for s in series])
    sheet.high = y + 150 + 50
    return sheet
