"""Robustness curves as small charts side by side, each with what became of one picture; SVG or pixels."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image

from neocog.arch.drawing.measure import width
from neocog.evaluate.changes import KINDS, Changed, Kind
from neocog.evaluate.robustness import Curve, Point
from neocog.figure.sketch import LARGE, NORMAL, SMALL, Place, Sketch, spread_out
from neocog.pictures.sets import Pictures

MARGIN, WIDE, HIGH, ACROSS = 30, 226, 132, 4
LEFT, RIGHT, ABOVE, FAR, THUMB = 30, 10, 46, 26, 40
LAYERS = ("k1", "k2", "k3", "k4", "k5")


def draw(named: Mapping[str, Sequence[Curve]], title: str, about: str, example: Pictures | None = None) -> Sketch:
    """A chart for each kind of change. named: curves of one network or several. example: a split of one picture."""
    first = next(iter(named.values()))
    layers = tuple(first[0].plain.distance) if len(named) == 1 else ()
    below = 24 + (THUMB + 6 if example is not None else 0)
    across = min(ACROSS, len(first))
    lines = -(-len(first) // across)
    row = ABOVE + HIGH + below + 24 + (FAR + HIGH + 24 if layers else 0)
    wide = max(2 * MARGIN + across * WIDE, 480, 2 * MARGIN + width(title, LARGE), 2 * MARGIN + width(about, NORMAL))
    legend = 26 if len(named) > 1 or layers else 0
    sheet = Sketch(wide, MARGIN + 50 + legend + lines * row, title)
    sheet.text(MARGIN, MARGIN + 6, title, LARGE, bold=True)
    sheet.text(MARGIN, MARGIN + 28, about, NORMAL, ink="soft")
    words = [("error" if layers else name, f"k{i}") for i, name in enumerate(named)]
    words += [(f"distance of {path}", LAYERS[i % len(LAYERS)]) for i, path in enumerate(layers)]
    x = float(MARGIN)
    for text, ink in words if legend else ():
        sheet.line([(x, MARGIN + 48), (x + 18, MARGIN + 48)], ink, 2.2)
        sheet.text(x + 24, MARGIN + 52, text, NORMAL)
        x += 24 + width(text, NORMAL) + 26
    most = max(point.ci95[1] for curves in named.values() for curve in curves for point in (curve.plain, *curve.points))
    top = min(100.0, 10 * math.ceil(most / 10 + 1e-9)) or 10.0
    far = max([1.0, *(d for curve in first for point in curve.points for d in point.distance.values())])
    for i, curve in enumerate(first):
        left, up = MARGIN + i % across * WIDE + LEFT, MARGIN + 50 + legend + i // across * row + ABOVE
        plot = (left, up, left + WIDE - LEFT - RIGHT - 12, up + HIGH)
        _errors(sheet, plot, [curves[i] for curves in named.values()], top)
        if example is not None:
            _strip(sheet, plot, curve, example)
        if layers:
            moved = plot[3] + below + FAR
            _distances(sheet, (plot[0], moved, plot[2], moved + HIGH), curve, layers, far)
    return sheet


Plot = tuple[float, float, float, float]


def _across(curve: Curve, plot: Plot) -> dict[float, float]:
    """Where each amount stands: factors on a logarithmic scale, qualities falling."""
    amounts = [point.amount for point in curve.points if point.amount is not None]
    at = [math.log(a) if curve.unit == "×" and min(amounts) > 0 else -a if curve.neutral is None else a for a in amounts]
    low, high = min(at), max(at)
    room = plot[2] - plot[0]
    return {a: plot[0] + room * (p - low) / (high - low) if high > low else plot[0] for a, p in zip(amounts, at, strict=True)}


def _frame(sheet: Sketch, plot: Plot, curve: Curve, ticks: Sequence[tuple[float, str]]) -> dict[float, float]:
    """Grid and axes; ticks: (share of the height, words)."""
    places, kind = _across(curve, plot), KINDS[curve.kind]
    for share, words in ticks:
        y = plot[3] - share * (plot[3] - plot[1])
        sheet.line([(plot[0], y), (plot[2], y)], "line")
        sheet.text(plot[0] - 6, y + 4, words, SMALL, "end", "soft")
    for x, words in spread_out(sorted((x, _amount(kind, a)) for a, x in places.items())):
        sheet.line([(x, plot[3]), (x, plot[3] + 4)], "soft")
        sheet.text(x, plot[3] + 17, words, SMALL, "middle", "soft")
    return places


def _amount(kind: Kind, amount: float) -> str:
    return f"{amount:g}°" if kind.unit == "°" else f"{amount:g}"


def _errors(sheet: Sketch, plot: Plot, curves: Sequence[Curve], top: float) -> None:
    curve, kind = curves[0], KINDS[curves[0].kind]
    sheet.text(plot[0], plot[1] - 24, curve.kind, NORMAL + 1, bold=True)
    sheet.text(plot[0], plot[1] - 9, kind.words, SMALL - 1.5, ink="soft")
    step = 5 if top <= 20 else 10 if top <= 40 else 20 if top <= 60 else 25
    places = _frame(sheet, plot, curve, [(v / top, f"{v:g}") for v in np.arange(0, top + 1e-9, step)])

    def high(error: float) -> float:
        return plot[3] - error / top * (plot[3] - plot[1])

    for i, one in enumerate(curves):
        ink, y = f"k{i}", high(one.plain.error)
        sheet.line([(plot[0], y), (plot[2], y)], ink, 1, dashed=True)
        points = [p for p in one.points if p.amount is not None]
        xs = [places[p.amount] for p in points if p.amount is not None]
        upper: list[Place] = [(x, high(p.ci95[1])) for x, p in zip(xs, points, strict=True)]
        lower: list[Place] = [(x, high(p.ci95[0])) for x, p in zip(xs, points, strict=True)]
        sheet.area([*upper, *reversed(lower)], ink)
        sheet.line([(x, high(p.error)) for x, p in zip(xs, points, strict=True)], ink, 2.2)
        for x, p in zip(xs, points, strict=True):
            sheet.dot(x, high(p.error), ink, _told(kind, p))


def _told(kind: Kind, point: Point) -> str:
    low, high = point.ci95
    return f"{kind.name} {kind.told(point.amount or 0)}: {point.error:.2f} % error ({low:.2f} to {high:.2f}, n {point.n:,})"


def _strip(sheet: Sketch, plot: Plot, curve: Curve, example: Pictures) -> None:
    """One picture at the least, the most and some amounts between, each below its place."""
    places, kind = _across(curve, plot), KINDS[curve.kind]
    count = int((plot[2] - plot[0] + 8) // (THUMB + 4))
    order = sorted(places, key=lambda a: places[a])
    chosen = sorted({round(k * (len(order) - 1) / max(1, count - 1)) for k in range(count)})
    for k, at in enumerate(chosen):
        amount = order[at]
        shown = example.picture(0) if amount == kind.neutral else Changed(example, kind, amount).picture(0)
        side = min(shown.size)
        x, y = (shown.width - side) // 2, (shown.height - side) // 2
        pixels = np.asarray(shown.convert("RGB").crop((x, y, x + side, y + side)).resize((2 * THUMB, 2 * THUMB), _way(side)))
        left = plot[0] + k * (plot[2] - plot[0] - THUMB) / max(1, len(chosen) - 1)
        sheet.picture(left, plot[3] + 26, pixels, THUMB, THUMB)


def _way(side: int) -> Image.Resampling:
    return Image.Resampling.NEAREST if side < THUMB else Image.Resampling.LANCZOS


def _distances(sheet: Sketch, plot: Plot, curve: Curve, layers: Sequence[str], far: float) -> None:
    sheet.text(plot[0], plot[1] - 9, "moved; 1: as far as another picture is", SMALL - 1.5, ink="soft")
    places = _frame(sheet, plot, curve, [(v / far, f"{v:g}") for v in (0, 0.5, 1, 1.5, 2) if v <= far + 1e-9])
    for i, path in enumerate(layers):
        ink = LAYERS[i % len(LAYERS)]
        at = [(places[p.amount], plot[3] - p.distance[path] / far * HIGH) for p in curve.points if p.amount is not None]
        sheet.line(at, ink, 2.2)
        for (x, y), p in zip(at, curve.points, strict=True):
            sheet.dot(x, y, ink, f"{path}: {p.distance[path]:.2f}")
