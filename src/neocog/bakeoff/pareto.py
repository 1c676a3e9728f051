"""Error against latency as a picture: which networks nothing else beats in both. SVG, no library."""

import html
import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from neocog.arch.drawing.measure import width
from neocog.nets.chart import LARGE, NORMAL, SMALL, STYLE, Canvas

WIDE, HIGH, LEFT, RIGHT, TOP, BOTTOM = 900, 560, 78, 36, 92, 64
OWN = """
.front { stroke: var(--k0); stroke-width: 2; fill: none; stroke-opacity: .75 }
.beaten { fill: var(--k0); fill-opacity: .06 }
.whisker { stroke: var(--soft); stroke-width: 1.2 } .best { fill: var(--k0); stroke: var(--paper); stroke-width: 1.5 }
.other { fill: var(--paper); stroke: var(--soft); stroke-width: 1.6 }
"""
STEPS = (1, 2, 5)


def draw(found: Mapping[str, Any]) -> str:
    """The chart of a bake-off's result: a point with its 95 % interval for each network, the front as a line."""
    rows = [row for row in found["ranking"] if row.get("latency_ms")]
    canvas = Canvas()
    canvas.text(LEFT, 34, f"Error against latency on {found['data']['name']}", LARGE)
    n = rows[0]["n"] if rows else 0
    under = f"{n:,} test pictures · {found['protocol']} · {found['length']} · " + _seeds(len(found["seeds"]))
    canvas.text(LEFT, 56, under, NORMAL, kind="soft")
    if rows:
        _plot(canvas, rows, _machine(found["machine"]))
    words = "; ".join(f"{row['net']}: {row['top1_error']:.2f} %, {row['latency_ms']['median']:.3g} ms" for row in rows)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" role="img" aria-labelledby="t d">'
        f'<title id="t">{html.escape("Error against latency on " + found["data"]["name"])}</title>'
        f'<desc id="d">{html.escape(words)}</desc>'
        f'<style>{STYLE}{OWN}</style><rect class="page" width="100%" height="100%"/>' + "\n".join(canvas.parts) + "</svg>\n"
    )


def _seeds(count: int) -> str:
    return f"mean of {count} seeds" if count > 1 else "one seed"


def _machine(machine: Mapping[str, Any]) -> str:
    where = machine.get("gpu") or f"{machine['cpu']}, one thread"
    return f"milliseconds for one picture · {where}"


def _plot(canvas: Canvas, rows: Sequence[Mapping[str, Any]], below: str) -> None:
    times = [row["latency_ms"]["median"] for row in rows]
    low, high = math.log(min(times) / 1.6), math.log(max(times) * 1.9)
    worst = max(row["ci95"][1] for row in rows)
    least = min(row["ci95"][0] for row in rows)
    pad = max(0.08 * (worst - least), 0.05)
    bottom, top = max(0.0, least - pad), worst + pad
    plot = (LEFT, TOP, WIDE - RIGHT, HIGH - BOTTOM)

    def x(time: float) -> float:
        return plot[0] + (plot[2] - plot[0]) * (math.log(time) - low) / (high - low)

    def y(error: float) -> float:
        return plot[3] - (plot[3] - plot[1]) * (error - bottom) / (top - bottom)

    canvas.text(plot[0] - 8, plot[1] - 14, "top-1 error, percent", SMALL, "start", "soft")
    for value in ticks(bottom, top):
        canvas.line(plot[0], y(value), plot[2], y(value))
        canvas.text(plot[0] - 10, y(value) + 4, f"{value:g}", SMALL, "end", "soft")
    for value in log_ticks(math.exp(low), math.exp(high)):
        canvas.line(x(value), plot[3], x(value), plot[3] + 5)
        canvas.text(x(value), plot[3] + 20, f"{value:g}", SMALL, "middle", "soft")
    canvas.text(plot[2], plot[3] + 42, below, SMALL, "end", "soft")
    _front(canvas, [(x(row["latency_ms"]["median"]), y(row["top1_error"])) for row in rows if row["pareto"]], plot)
    places = [(x(row["latency_ms"]["median"]), y(row["top1_error"])) for row in rows]
    for row, (px, py) in zip(rows, places, strict=True):
        error, time = row["ci95"], row["latency_ms"]
        canvas.line(px, y(error[0]), px, y(error[1]), "whisker")
        canvas.line(x(time["low"]), py, x(time["high"]), py, "whisker")
        canvas.taken.append((px - 6, py - 6, px + 6, py + 6))
        canvas.taken.append((px - 2, y(error[1]), px + 2, y(error[0])))
        canvas.taken.append((x(time["low"]), py - 2, x(time["high"]), py + 2))
    for row, (px, py) in zip(rows, places, strict=True):
        said = f"{row['net']}: {row['top1_error']:.2f} % ({row['ci95'][0]:.2f} to {row['ci95'][1]:.2f}), " + (
            f"{row['latency_ms']['median']:.3g} ms" + (", on the front" if row["pareto"] else "")
        )
        kind = "best" if row["pareto"] else "other"
        canvas.parts.append(
            f'<circle class="{kind}" cx="{px:.1f}" cy="{py:.1f}" r="5.5"><title>{html.escape(said)}</title></circle>'
        )
    for row, (px, py) in zip(rows, places, strict=True):
        others = [place for place in places if place != (px, py)]
        within = (plot[0], plot[1] - 12, WIDE - 4, plot[3])
        name = row["net"] if len(row["net"]) <= 28 else row["net"][:27] + "…"
        if not (canvas.label(px + 2, py, name, within, others) or canvas.label(px + 2, py, name, within)):
            canvas.text(min(px + 9, WIDE - 4 - width(name, SMALL)), py - 8, name, SMALL)


def _front(canvas: Canvas, points: Sequence[tuple[float, float]], plot: tuple[float, float, float, float]) -> None:
    """A staircase: what is to be had at most at each latency, and all that it beats in a tint; labels keep off it."""
    corners, last = list[tuple[float, float]](), plot[1]
    for px, py in sorted(points):
        corners += [(px, last), (px, py)]
        last = py
    corners.append((plot[2], last))
    path = "L".join(f"{px:.1f} {py:.1f}" for px, py in corners)
    canvas.parts.append(f'<path class="beaten" d="M{path}V{plot[1]:.1f}Z"/><path class="front" d="M{path}"/>')
    for (x1, y1), (x2, y2) in pairwise(corners):
        canvas.taken.append((min(x1, x2) - 1, min(y1, y2) - 1, max(x1, x2) + 1, max(y1, y2) + 1))


def ticks(low: float, high: float, about: int = 6) -> list[float]:
    """Round numbers between two."""
    step = 10 ** math.floor(math.log10((high - low) / about))
    step *= next(m for m in (1, 2, 5, 10) if (high - low) / (step * m) <= about + 1)
    return [round(i * step, 10) for i in range(math.ceil(low / step), math.floor(high / step) + 1)]


def log_ticks(low: float, high: float) -> list[float]:
    """1, 2, 5, 10, … between two positive numbers."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [float(f"{m}e{p}") for p in powers for m in STEPS if low <= float(f"{m}e{p}") <= high]
