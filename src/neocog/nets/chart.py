"""The history as a picture: error by year, error against depth, and the networks on a line of time. SVG, no library."""

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from neocog.arch.drawing.measure import width
from neocog.nets.history import KINDS, Point, challenge
from neocog.nets.index import Entry, entries

WIDE, LEFT, RIGHT = 980, 70, 30
SMALL, NORMAL, LARGE = 11.5, 13, 17
Box = tuple[float, float, float, float]  # left, top, right, bottom

# Okabe and Ito's colours; the shapes tell the kinds apart without them.
STYLE = """
svg { --ink: #1b1f24; --soft: #57606a; --line: #d8dee4; --paper: #fff;
  --k0: #0072b2; --k1: #d55e00; --k2: #8a6d00; --k3: #007a5a; --k4: #a8438a; --k5: #57606a; font-family: system-ui, sans-serif }
@media (prefers-color-scheme: dark) { svg { --ink: #e6edf3; --soft: #9aa4af; --line: #30363d; --paper: #0d1117;
  --k0: #56b4e9; --k1: #f28e4b; --k2: #f0c541; --k3: #2fc39b; --k4: #e08ac4; --k5: #9aa4af } }
@media print { svg { --ink: #000; --soft: #333; --line: #bbb; --paper: #fff } }
text { fill: var(--ink) } .soft { fill: var(--soft) } .axis { stroke: var(--line); fill: none } .page { fill: var(--paper) }
.mark { stroke: var(--paper); stroke-width: 1 } .lead { stroke: var(--soft); stroke-width: .6 }
"""


@dataclass
class Canvas:
    """SVG elements, and the places that labels have taken."""

    parts: list[str] = field(default_factory=list)
    taken: list[Box] = field(default_factory=list)

    def text(self, x: float, y: float, words: str, size: float = NORMAL, anchor: str = "start", kind: str = "") -> None:
        """Words at a base line; their place is taken."""
        wide = width(words, size)
        left = x - {"start": 0.0, "middle": wide / 2, "end": wide}[anchor]
        self.taken.append((left, y - size * 0.8, left + wide, y + size * 0.25))
        extra = (f' text-anchor="{anchor}"' if anchor != "start" else "") + (f' class="{kind}"' if kind else "")
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size:g}"{extra}>{html.escape(words)}</text>')

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str = "axis") -> None:
        """A straight line."""
        self.parts.append(f'<path class="{kind}" d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"/>')

    def free(self, box: Box) -> bool:
        """Whether nothing is there yet."""
        return not any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in self.taken)

    def label(self, x: float, y: float, words: str, within: Box, others: Sequence[tuple[float, float]] = ()) -> bool:
        """Words beside a point where there is room and no other point is as near, with a hair line from farther off; False
        where there is no such place."""
        wide, high = width(words, SMALL), SMALL
        for away in (7, 14, 24, 36):
            for angle in (0, 180, -40, 40, -140, 140, -90, 90):
                dx, dy = away * math.cos(math.radians(angle)), away * math.sin(math.radians(angle))
                left = x + dx if abs(angle) < 90 else x + dx - wide if abs(angle) > 90 else x - wide / 2
                base = y + dy + high * 0.3
                box = (left - 1, base - high * 0.8, left + wide + 1, base + high * 0.25)
                inside = within[0] <= box[0] and box[2] <= within[2] and within[1] <= box[1] and box[3] <= within[3]
                own = _distance(box, x, y)
                if inside and self.free(box) and all(own + 3 < _distance(box, *other) for other in others):
                    if away > 14:
                        self.line(x, y, x + dx, y + dy, "lead")
                    self.text(left, base, words, SMALL)
                    return True
        return False


def _distance(box: Box, x: float, y: float) -> float:
    """From a point to a box, in pixels."""
    return math.hypot(max(box[0] - x, 0, x - box[2]), max(box[1] - y, 0, y - box[3]))


def mark(kind: int, x: float, y: float, title: str, size: float = 5) -> str:
    """A point of one of the kinds, with words that appear under the pointer."""
    shapes = (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size}"',
        f'<path d="M{x:.1f} {y - size:.1f}l{size} {2 * size}h{-2 * size}z"',
        f'<path d="M{x - size:.1f} {y:.1f}l{size} {-size}l{size} {size}l{-size} {size}z"',
        f'<rect x="{x - size + 0.5:.1f}" y="{y - size + 0.5:.1f}" width="{2 * size - 1}" height="{2 * size - 1}"',
        f'<path d="M{x:.1f} {y + size:.1f}l{size} {-2 * size}h{-2 * size}z"',
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{size - 1}" stroke-dasharray="2 1.5"',
    )
    tag = shapes[kind][1:].split()[0]
    return f'{shapes[kind]} class="mark" fill="var(--k{kind})"><title>{html.escape(title)}</title></{tag}>'


def draw(found: Sequence[Point]) -> str:
    """The chart of these published errors and of every network."""
    canvas = Canvas()
    bottom = bars(canvas, challenge(list(found)), 30)
    bottom = depths(canvas, [p for p in found if p.kind != KINDS[5] and p.data.endswith("val")], bottom + 60)
    bottom = timeline(canvas, list(entries().values()), bottom + 60)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {bottom + 20:.0f}" role="img" '
        f'aria-labelledby="t d"><title id="t">Image classification by networks, year by year</title>'
        f'<desc id="d">Top-5 error on ImageNet by year and by depth, and all networks by year and size</desc>'
        f'<style>{STYLE}</style><rect class="page" width="100%" height="100%"/>' + "\n".join(canvas.parts) + "</svg>\n"
    )


def bars(canvas: Canvas, found: Sequence[Point], top: float) -> float:
    """The challenge's test pictures: a bar for each entry. Gives the lower edge."""
    canvas.text(LEFT, top, "ImageNet challenge: top-5 error of the test pictures, percent", LARGE)
    row, most, y = 24, max(p.top5 for p in found), top + 14
    names = LEFT + 60 + max(width(p.entry, NORMAL) for p in found)
    room = WIDE - RIGHT - names - 190
    for p in found:
        y += row
        canvas.text(LEFT, y, str(p.year), NORMAL, kind="soft")
        canvas.text(LEFT + 45, y, p.entry)
        long = room * p.top5 / most
        canvas.parts.append(
            f'<rect x="{names:.1f}" y="{y - 13:.1f}" width="{long:.1f}" height="16" rx="2" '
            f'fill="var(--k{0 if p.depth else 5})">'
            f"<title>{html.escape(f'{p.data}, {p.protocol}')}</title></rect>"
        )
        layers = f"{p.top5:g}" + (f" · {p.depth} layers" if p.depth else " · shallow")
        canvas.text(names + long + 8, y, layers, NORMAL, kind="soft")
    return y + 10


def depths(canvas: Canvas, found: Sequence[Point], top: float) -> float:
    """One net on the validation pictures: error against depth, a mark for each protocol."""
    canvas.text(LEFT, top, "One net: top-5 error of the validation pictures against depth", LARGE)
    canvas.text(LEFT, top + 20, "Errors of different protocols do not compare: look along one mark.", NORMAL, kind="soft")
    plot = (LEFT, top + 70, WIDE - RIGHT, top + 440)
    low, high = math.log(6.5), math.log(max(p.depth for p in found) * 1.2)
    best, worst = math.log(min(p.top5 for p in found) / 1.15), math.log(max(p.top5 for p in found) * 1.15)

    def height(error: float) -> float:
        return plot[3] - (plot[3] - plot[1]) * (math.log(error) - best) / (worst - best)

    def at(p: Point) -> tuple[float, float]:
        x = plot[0] + (plot[2] - plot[0]) * (math.log(p.depth) - low) / (high - low)
        return x, height(p.top5)

    x = float(LEFT)
    for i, kind in enumerate(KINDS[:5]):
        canvas.parts.append(mark(i, x + 6, top + 44, kind))
        canvas.text(x + 18, top + 48, kind, NORMAL)
        x += width(kind, NORMAL) + 50
    for value in (3, 4, 5, 7, 10, 14, 20, 28, 40):
        y = height(value)
        if not plot[1] <= y <= plot[3]:
            continue
        canvas.line(plot[0], y, plot[2], y)
        canvas.text(plot[0] - 8, y + 4, f"{value} %", SMALL, "end", "soft")
    for value in (8, 11, 16, 22, 34, 50, 101, 152, 200):
        x = plot[0] + (plot[2] - plot[0]) * (math.log(value) - low) / (high - low)
        canvas.line(x, plot[3], x, plot[3] + 5)
        canvas.text(x, plot[3] + 19, str(value), SMALL, "middle", "soft")
    canvas.text(plot[2], plot[3] + 36, "weighted layers", SMALL, "end", "soft")
    for p in found:
        x, y = at(p)
        canvas.taken.append((x - 5, y - 5, x + 5, y + 5))
    for p in sorted(found, key=lambda p: -p.top5):
        x, y = at(p)
        words = f"{p.label} ({p.year}): {p.top5:g} %, {p.protocol}" + ("" if p.verified else ", not checked")
        canvas.parts.append(mark(KINDS.index(p.kind), x, y, words))
    named: set[str] = set()
    for p in sorted(found, key=lambda p: (p.year, -p.top5)):  # a network is named at whichever of its marks has room
        if "." not in p.net and p.net not in named:
            others = [at(q) for q in found if q.net.partition(".")[0] != p.net]
            if canvas.label(*at(p), p.label, (plot[0], plot[1] - 10, plot[2], plot[3]), others):
                named.add(p.net)
    return plot[3] + 40


def timeline(canvas: Canvas, found: Sequence[Entry], top: float) -> float:
    """Every network by its year and its parameters; the area of a dot is its work on one picture."""
    canvas.text(LEFT, top, f"{len(found)} networks by year and parameters", LARGE)
    canvas.text(LEFT, top + 20, "The larger the dot, the more multiply-accumulates one picture takes.", NORMAL, kind="soft")
    plot = (LEFT, top + 40, WIDE - RIGHT, top + 520)
    years = sorted({e.year for e in found})
    # Every year that has networks gets a column, wider the more it has: the field slept from 1962 to 1980.
    # None is narrower than its name.
    named = width("0000 ", SMALL) + 4
    shares = {year: math.sqrt(sum(e.year == year for e in found)) for year in years}
    unit = (plot[2] - plot[0] - named * len(years)) / sum(shares.values())
    starts, x = {}, plot[0]
    for year in years:
        starts[year] = x
        x += named + shares[year] * unit
    low, high = 2.7, math.log10(max(e.params for e in found)) + 0.15
    for power in range(3, 9):
        y = plot[3] - (plot[3] - plot[1]) * (power - low) / (high - low)
        canvas.line(plot[0], y, plot[2], y)
        canvas.text(
            plot[0] - 8, y + 4, {3: "1 k", 4: "10 k", 5: "100 k", 6: "1 M", 7: "10 M", 8: "100 M"}[power], SMALL, "end", "soft"
        )
    dots = []
    for year in years:
        here = [e for e in found if e.year == year]
        wide = named + shares[year] * unit
        canvas.text(starts[year] + wide / 2, plot[3] + 19, str(year), SMALL, "middle", "soft")
        for i, e in enumerate(sorted(here, key=lambda e: e.file)):
            x = starts[year] + wide * (i + 0.5) / len(here)
            y = plot[3] - (plot[3] - plot[1]) * (math.log10(max(e.params, 600)) - low) / (high - low)
            dots.append((e, x, y, 2 + 1.1 * max(0.0, math.log10(max(e.macs, 1)) - 3)))
    for e, x, y, r in sorted(dots, key=lambda d: -d[3]):
        title = f"{e.title} ({e.year}): {e.params:,} parameters, {e.macs:,} MACs, {e.depth} layers"
        canvas.parts.append(
            f'<circle class="mark" cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="var(--k0)" fill-opacity=".6">'
            f"<title>{html.escape(title)}</title></circle>"
        )
        canvas.taken.append((x - r * 0.7, y - r * 0.7, x + r * 0.7, y + r * 0.7))
    files: set[str] = set()
    for e, x, y, r in sorted(dots, key=lambda d: (d[0].year, "." in d[0].name)):
        others = [(a, b) for f, a, b, _ in dots if f.file != e.file]
        if e.file not in files and canvas.label(x + r * 0.5, y - r * 0.5, e.title, plot, others):
            files.add(e.file)
    return plot[3] + 24
