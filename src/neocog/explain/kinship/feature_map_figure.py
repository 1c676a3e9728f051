"""The figure of a map of features: dots or small pictures at their places, classes by colour and shape, wrong ones crossed."""

from collections.abc import Mapping, Sequence

import numpy as np

from neocog.arch.drawing.measure import width
from neocog.explain.kinship.feature_map import NEIGHBOURS, PLAIN, FeatureMap
from neocog.figure.parts import MARGIN, fitted, heading
from neocog.figure.sketch import NORMAL, SMALL, Sketch

SIDE, KEY, THUMB, MOST = 640, 190, 24, 18  # the map, the key, a small picture, classes in the key: as many as marks differ


def draw_map(about: str, found: FeatureMap, classes: Sequence[str], pictures: Mapping[int, np.ndarray] | None = None) -> Sketch:
    """`pictures`: uint8 H×W×3 by index, drawn in place of dots."""
    title = "Pictures by what the classifier reads of them"
    sheet = Sketch(2 * MARGIN + SIDE + KEY, SIDE + 196, title)
    y = heading(sheet, title, fitted(about, SIDE + KEY, NORMAL)) + 8
    low, high = found.places.min(0), found.places.max(0)
    spots = (found.places - low) / np.maximum(high - low, 1e-9) * (SIDE - 36) + (MARGIN + 18, y + 18)
    sheet.frame(MARGIN, y, SIDE, SIDE)
    for i in np.argsort(found.wrong, kind="stable"):  # wrong ones on top
        at, label = (float(spots[i, 0]), float(spots[i, 1])), int(found.labels[i])
        if pictures is not None and int(found.indices[i]) in pictures:
            _thumb(sheet, at, pictures[int(found.indices[i])], label)
        else:
            _mark(sheet, *at, label, 2.6)
        if found.wrong[i]:
            _cross(sheet, *at, 4.5 if pictures is None else THUMB / 2)
    present = [int(c) for c in np.unique(found.labels)]
    for c in present if len(present) <= MOST else ():
        x0, y0 = np.median(spots[found.labels == c], 0)
        words = classes[c].split(", ")[0]
        half = width(words, NORMAL) / 2 + 4
        x0 = min(max(float(x0), MARGIN + half), MARGIN + SIDE - half)
        sheet.box(x0 - half, float(y0) - 10, 2 * half, 18, "paper", 0.8)
        sheet.text(x0, float(y0) + 4, words, NORMAL, "middle", bold=True)
    _key(sheet, MARGIN + SIDE + 16, y + 10, found, present, classes)
    for i, words in enumerate(_words(found)):
        sheet.text(MARGIN, y + SIDE + 22 + 17 * i, words, SMALL, ink="soft")
    return sheet


def _key(sheet: Sketch, x: float, y: float, found: FeatureMap, present: Sequence[int], classes: Sequence[str]) -> None:
    for c in present[:MOST]:
        mine = found.labels == c
        _mark(sheet, x + 5, y - 4, c, 4)
        words = f"{int(mine.sum())}, {int(found.wrong[mine].sum())} wrong"
        sheet.text(x + 16, y, f"{fitted(classes[c], KEY - 36 - width(words, SMALL))} {words}", SMALL)
        y += 19
    if len(present) > MOST:
        sheet.text(x + 16, y, f"… and {len(present) - MOST} more", SMALL, ink="soft")
        y += 19
    _cross(sheet, x + 5, y - 4, 4.5)
    sheet.text(x + 16, y, f"wrong: {int(found.wrong.sum())} of {len(found.labels):,}", SMALL)


def _words(found: FeatureMap) -> list[str]:
    near, after = (f"{100 * share:.1f} %" for share in found.alike)
    variance = f"PCA to {min(PLAIN, found.features)} ({100 * found.kept:.1f} % of the variance)"
    return [
        f"{found.features:,} features of '{found.path}', {variance}, t-SNE with perplexity {found.perplexity:.3g}.",
        f"Trustworthiness {found.trust:.3f} (1: no false neighbours). Of the {NEIGHBOURS} nearest, {near} share the class "
        f"in the features, {after} on the map.",
        "Only neighbourhoods mean something: distances between groups, their sizes and densities do not.",
    ]


def _mark(sheet: Sketch, x: float, y: float, label: int, size: float) -> None:
    """One of six colours and three shapes."""
    ink, shape = f"k{label % 6}", label // 6 % 3
    if shape == 0:
        sheet.dot(x, y, ink, size=size)
    elif shape == 1:
        sheet.box(x - size, y - size, 2 * size, 2 * size, ink)
    else:
        sheet.area([(x, y - size * 1.3), (x + size * 1.2, y + size), (x - size * 1.2, y + size)], ink, 1.0)


def _cross(sheet: Sketch, x: float, y: float, size: float) -> None:
    sheet.line([(x - size, y - size), (x + size, y + size)], "ink", 1.3)
    sheet.line([(x - size, y + size), (x + size, y - size)], "ink", 1.3)


def _thumb(sheet: Sketch, at: tuple[float, float], pixels: np.ndarray, label: int) -> None:
    scale = THUMB / max(pixels.shape[:2])
    wide, high = pixels.shape[1] * scale, pixels.shape[0] * scale
    x, y = at[0] - wide / 2, at[1] - high / 2
    sheet.picture(x, y, pixels, wide, high)
    sheet.frame(x, y, wide, high, f"k{label % 6}", 2)
