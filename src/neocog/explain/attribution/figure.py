"""Pictures of attributions: one beside its picture with its scales, and many on one sheet."""

from collections.abc import Mapping, Sequence

import numpy as np

from neocog.arch.drawing.measure import clip, width
from neocog.explain.attribution.attribute import UNCHECKED, Attribution
from neocog.explain.attribution.sanity import STAYS, Badge
from neocog.figure.colours import diverging
from neocog.figure.parts import (
    MARGIN,
    Plot,
    Series,
    heading,
    lines,
    number,
    overlay,
    pixels_of_map,
    round_length,
    ruler,
    scale_bar,
    wrapped,
)
from neocog.figure.sketch import LARGE, NORMAL, SMALL, Sketch

SIDE, GAP, BAR = 264.0, 26.0, 160.0  # BAR: of a scale at least, so that its numbers have room below narrow pictures
SHARE = 0.995  # of a pixel-fine map's sizes: where its colours end, for few single pixels are far above all others
FINE = 64  # places a side from which on a map counts as pixel-fine


def colour_top(one: np.ndarray) -> float:
    """Where the colours of a map end: at its largest size, or where only 0.5 % of a pixel-fine map's places lie above."""
    sizes = np.abs(one)
    most = float(sizes.max())
    return (float(np.quantile(sizes, SHARE)) or most) if max(one.shape[-2:]) >= FINE else most


def draw_attribution(found: Attribution) -> Sketch:
    """The picture; the map laid over it; the map alone; their scales; what was measured of the method here."""
    notes = [*found.notes, f"{found.method.title}: {found.badge.words if found.badge else UNCHECKED}"]
    wide = 2 * MARGIN + 3 * SIDE + 2 * GAP
    said_below = [line for note in notes for line in wrapped(note, wide - 2 * MARGIN)]
    high, across = found.picture.shape[:2]
    scale = SIDE / max(high, across)
    w, h = across * scale, high * scale
    charts = 210 if found.badge and found.badge.told else 0
    chance = "" if found.probability is None else f", probability {number(found.probability)}"
    what = "score" if found.probability is not None else "value"
    said = f"{found.net} · {found.method.source} · {what} {number(found.value)}{chance}"
    about = wrapped(said + (f" · {found.told}" if found.told else ""), wide - 2 * MARGIN)
    title = f"{found.method.title} of {found.unit}"
    sheet = Sketch(wide, MARGIN + 65 + 17 * len(about) + h + 60 + 17 * len(said_below) + charts + MARGIN / 2, title)
    y = _headed(sheet, about)
    top, signed = colour_top(found.map), found.signed
    lefts = [MARGIN + i * (SIDE + GAP) for i in range(3)]
    titles = ("the picture as the network gets it", "the map over it, in grey", _alone(found))
    for left, title in zip(lefts, titles, strict=True):
        sheet.text(left, y, title, SMALL, ink="soft")
    y += 8
    sheet.picture(lefts[0], y, found.picture, w, h)
    sheet.picture(lefts[1], y, overlay(found.picture, found.map, top, signed), w, h)
    sheet.picture(lefts[2], y, map_pixels(found), w, h)
    for left in lefts:
        sheet.frame(left, y, w, h)
    y += h
    ruler(sheet, lefts[0], y + 14, round_length(across), scale)
    if not signed:
        warm_bar(sheet, lefts[1], y + 8, max(w, BAR), top)
    else:
        scale_bar(sheet, lefts[1], y + 8, max(w, BAR), top, True)
    if found.coloured:
        sheet.text(lefts[2], y + 18, f"±{number(colour_top(found.values))} at full colour; 0 is grey", SMALL, ink="soft")
    else:
        scale_bar(sheet, lefts[2], y + 8, max(w, BAR), colour_top(found.alone), found.method.signed)
    most = float(np.abs(found.map).max())
    y += 44
    if most > top > 0:
        sheet.text(lefts[1], y + 2, f"colours end where 0.5 % lie above; largest {number(most)}", SMALL - 1, ink="soft")
    y += 18
    for line in said_below:
        sheet.text(MARGIN, y, line, NORMAL)
        y += 17
    if charts and found.badge:
        sheet.place(draw_badge(found.badge, wide - 2 * MARGIN), MARGIN, y + 2)
    return sheet


def _headed(sheet: Sketch, about: Sequence[str]) -> float:
    """The sheet's title and some lines about it; where the next thing may begin."""
    y = heading(sheet, clip(sheet.title, LARGE * 1.12, sheet.wide - 2 * MARGIN)) + 4
    for line in about:
        sheet.text(MARGIN, y, line, NORMAL, ink="soft")
        y += 17
    return y + 12


def _alone(found: Attribution) -> str:
    if found.coloured:
        return "its red, green and blue around grey"
    rows, columns = found.map.shape
    fine = "each pixel" if found.map.shape == found.picture.shape[:2] else f"its {columns}×{rows} places"
    return f"alone, {fine}" + (": red for, blue against" if found.method.signed else "")


def map_pixels(found: Attribution) -> np.ndarray:
    """The map, or coloured values, uint8 of their own size."""
    if found.coloured:
        return diverging(found.values, colour_top(found.values))
    return pixels_of_map(found.alone, colour_top(found.alone), found.method.signed)


def warm_bar(sheet: Sketch, x: float, y: float, wide: float, top: float) -> None:
    """The colours of a map that is never negative as `overlay` lays them on: from the bare picture to red."""
    sheet.picture(x, y, np.repeat(diverging(np.linspace(0, 1, 160)[None], 1.0), 8, 0), wide, 10)
    sheet.text(x, y + 23, "0", SMALL, ink="soft")
    sheet.text(x + wide, y + 23, number(top), SMALL, "end", "soft")


def draw_badge(found: Badge, wide: float) -> Sketch:
    """Two charts: how the map changes as weights are drawn anew, and how the class fades and returns. 200 pixels high."""
    sheet = Sketch(wide, 200, f"what {found.method} is worth here")
    half = (wide - 150) / 2
    left, right = Plot(46, 28, half, 118), Plot(46 + half + 84, 28, half, 118)
    shares = [0.0, *found.randomised.shares]
    rho, ssim = ([1.0, *v[0]] for v in (found.randomised.rho, found.randomised.ssim))
    lines(sheet, left, [
        Series("the same", [0, 1], [STAYS, STAYS], "k5", dashed=True),
        Series("rank correlation ρ", shares, rho, "k0", dots=True), Series("SSIM", shares, ssim, "k1"),
    ], "share of the layers drawn anew, from the scores down", "likeness",
        low=min(0.0, *_known(rho, ssim)), high=1.0, legend=False)  # fmt: skip
    steps = found.fading.deletion.shape[1]
    x = list(np.linspace(0, 1, steps))
    every = np.concatenate([f for pair in (found.fading, found.chance) for f in (pair.deletion[0], pair.insertion[0])])
    lines(sheet, right, [
        Series("deletion", x, list(found.fading.deletion[0]), "k1"),
        Series("random deletion", x, list(found.chance.deletion[0]), "k1", dashed=True),
        Series("insertion", x, list(found.fading.insertion[0]), "k0"),
        Series("random insertion", x, list(found.chance.insertion[0]), "k0", dashed=True),
    ], f"share of the picture taken away ({found.fills[0]}), or put on a {found.fills[1]}", "probability", low=0.0,
        high=max(float(every.max()), 1e-6), legend=False)  # fmt: skip
    one = [("ρ", "k0", False), ("SSIM", "k1", False), (f"{STAYS}: counts as the same", "k5", True)]
    two = [("deletion", "k1", False), ("insertion", "k0", False), ("random orders", "k5", True)]
    for plot, names in ((left, one), (right, two)):
        at = plot.x + plot.wide
        for name, ink, dashed in reversed(names):
            at -= width(name, SMALL) + 4
            sheet.text(at, plot.y - 10, name, SMALL)
            sheet.line([(at - 20, plot.y - 14), (at - 5, plot.y - 14)], ink, 2, dashed)
            at -= 32
    return sheet


def _known(*values: Sequence[float]) -> list[float]:
    return [v for some in values for v in some if np.isfinite(v)]


def _below(found: Attribution) -> list[str]:
    """What stands under a tile: that there is nothing to see, the method's settings, its badge."""
    flat = "zero everywhere" if not found.map.any() else ""
    badge = found.badge.words.replace("weight randomisation", "randomisation").split(" · ") if found.badge else ()
    return [part for part in (flat, found.told, *badge) if part]


TILE, ACROSS = 214.0, 4


def draw_comparison(title: str, about: str, found: Sequence[Attribution], refused: Mapping[str, str]) -> Sketch:
    """The picture and every method's map over it, each with its own scale; those that mean nothing here with the reason."""
    picture = found[0].picture
    scale = TILE / max(picture.shape[:2])
    w, h = picture.shape[1] * scale, picture.shape[0] * scale
    badges = [[piece for part in _below(one) for piece in wrapped(part, TILE, SMALL)] for one in found]
    line = 20 + h + 34 + 15 * max(map(len, badges)) + 18
    rows = -(-(len(found) + 1) // ACROSS)
    wide = 2 * MARGIN + ACROSS * TILE + (ACROSS - 1) * GAP
    reasons = [piece for name, why in refused.items() for piece in wrapped(f"{name}: {why}", wide - 2 * MARGIN, SMALL)]
    last = "" if any(one.badge for one in found) else f"The methods' worth was {UNCHECKED}."
    lines_about = wrapped(about, wide - 2 * MARGIN)
    high = MARGIN + 47 + 17 * len(lines_about) + rows * line + 16 * len(reasons) + (22 if last else 0) + MARGIN / 2
    sheet = Sketch(wide, high, title)
    y = _headed(sheet, lines_about)
    sheet.text(MARGIN, y + 4, "the picture", NORMAL, bold=True)
    sheet.picture(MARGIN, y + 12, picture, w, h)
    sheet.frame(MARGIN, y + 12, w, h)
    ruler(sheet, MARGIN, y + h + 26, round_length(picture.shape[1]), scale)
    for i, (one, words) in enumerate(zip(found, badges, strict=True), 1):
        left, top = MARGIN + i % ACROSS * (TILE + GAP), y + i // ACROSS * line
        signed, most = one.signed, colour_top(one.map)
        sheet.text(left, top + 4, one.method.title, NORMAL, bold=True)
        sheet.picture(left, top + 12, overlay(picture, one.map, most, signed), w, h)
        sheet.frame(left, top + 12, w, h)
        if signed:
            scale_bar(sheet, left, top + h + 18, max(w, BAR), most, True)
        else:
            warm_bar(sheet, left, top + h + 18, max(w, BAR), most)
        for k, piece in enumerate(words):
            sheet.text(left, top + h + 58 + 15 * k, piece, SMALL)
    y += rows * line
    for piece in reasons:
        sheet.text(MARGIN, y, piece, SMALL, ink="soft")
        y += 16
    if last:
        sheet.text(MARGIN, y + 4, last, SMALL, ink="soft")
    return sheet
