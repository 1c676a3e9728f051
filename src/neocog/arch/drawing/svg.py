"""A drawing as SVG text: colours as CSS variables for light, dark and print; a tooltip on every box.

The colours are tints of Okabe & Ito's palette, which people with any kind of colour vision tell apart; text on them has a
contrast of at least 4.5 : 1. Each rule names its light colour before the variable, for viewers that know no variables.
"""

from collections.abc import Iterable
from itertools import pairwise
from xml.sax.saxutils import escape

from neocog.arch.drawing.measure import BIG, LINE, width
from neocog.arch.drawing.scene import Box, Label, Line, Mark, Panel, Point, Sheets

FONT = "Helvetica,Arial,'Liberation Sans','Segoe UI',Roboto,'DejaVu Sans',sans-serif"

# name: light fill, light edge, dark fill, dark edge
COLOURS = {
    "conv": ("#d3e6f5", "#0072b2", "#123c57", "#56b4e9"),
    "dw": ("#e2f3fc", "#3a9bd3", "#0d3346", "#8ccdf2"),
    "pool": ("#fbe0cd", "#c04f00", "#57290a", "#f0914f"),
    "fc": ("#cdeee2", "#00795a", "#0b4435", "#2fc79c"),
    "norm": ("#fbf6bf", "#8a7f00", "#47420a", "#e6da3f"),
    "act": ("#fdebc6", "#a87400", "#4d3a0e", "#e9b23c"),
    "join": ("#f5dcea", "#a84a80", "#4d2440", "#e095c0"),
    "etc": ("#eaeaea", "#6b6b6b", "#383b40", "#a0a5ad"),
    "end": ("#ffffff", "#555555", "#20242a", "#b5bac2"),
}
PLAIN = {  # light, dark
    "bg": ("#ffffff", "#14171b"),
    "ink": ("#1a1a1a", "#f0f0f0"),
    "soft": ("#4d4d4d", "#c3c8cf"),
    "line": ("#444444", "#b0b6be"),
    "frame": ("#f4f5f7", "#1d2127"),
    "edge": ("#a9afb8", "#4d545e"),
    "many": ("#e9eef5", "#242c37"),
}


def _style(kinds: list[str]) -> str:
    light = [f"--{k}:{COLOURS[k][0]};--{k}-e:{COLOURS[k][1]}" for k in kinds] + [f"--{k}:{v[0]}" for k, v in PLAIN.items()]
    dark = [f"--{k}:{COLOURS[k][2]};--{k}-e:{COLOURS[k][3]}" for k in kinds] + [f"--{k}:{v[1]}" for k, v in PLAIN.items()]

    def colour(what: str, name: str) -> str:
        kind, _, edge = name.partition("-")
        plain = COLOURS[kind][1 if edge else 0] if kind in COLOURS else PLAIN[kind][0]
        return f"{what}:{plain};{what}:var(--{name})"

    rules = [
        f".nc{{{';'.join(light)}}}",
        f"@media (prefers-color-scheme:dark){{.nc{{{';'.join(dark)}}}}}",
        f"@media print{{.nc{{{';'.join(light)}}}}}",
        f".nc text{{font-family:{FONT};font-size:10px;{colour('fill', 'ink')}}}",
        ".nc .b text{text-anchor:middle}",
        ".nc .t{font-size:12px}",
        f".nc .bg{{{colour('fill', 'bg')}}}",
        f".nc .l{{fill:none;{colour('stroke', 'line')};stroke-width:1.2}}",
        ".nc .dot{stroke-dasharray:1.5 4;stroke-width:2;stroke-linecap:round}",
        ".nc .dash{stroke-dasharray:6 4}",
        f".nc .ray{{{colour('stroke', 'line')};stroke-width:.7;opacity:.75}}",
        f".nc .bar{{{colour('stroke', 'edge')};stroke-width:3}}",
        f".nc .tip{{{colour('fill', 'line')}}}",
        f".nc .f{{{colour('fill', 'frame')};{colour('stroke', 'edge')}}}",
        f".nc .repeat{{{colour('fill', 'many')}}}",
        f".nc .aux{{fill:none;stroke-dasharray:6 4;{colour('stroke', 'line')}}}",
        f".nc .shape,.nc .name,.nc .note{{{colour('fill', 'soft')}}}",
        ".nc .times{font-size:14px;font-weight:bold}",
        ".nc .head{font-size:18px;font-weight:bold}",
        f".nc .b .sign{{fill:none;{colour('stroke', 'ink')};stroke-width:1.4}}",
    ]
    rules[4:4] = [f".nc .{k} rect,.nc .{k} path{{{colour('fill', k)};{colour('stroke', k + '-e')}}}" for k in kinds]
    return "".join(rules)


def number(value: float) -> str:
    """At most one digit behind the point."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def document(marks: Iterable[Mark], wide: float, tall: float, title: str, about: str) -> str:
    """The whole file."""
    marks = list(marks)
    used = {mark.kind for mark in marks if isinstance(mark, Box | Sheets)}
    kinds = [kind for kind in COLOURS if kind in used]
    tips = any(isinstance(mark, Line) and mark.arrow for mark in marks)
    w, h = number(wide), number(tall)
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="nc" role="img" aria-labelledby="nc-t nc-d" width="{w}" height="{h}" '
        f'viewBox="0 0 {w} {h}">',
        f'<title id="nc-t">{escape(title)}</title>',
        f'<desc id="nc-d">{escape(about)}</desc>',
        f"<style>{_style(kinds)}</style>",
        '<defs><marker id="nc-a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'markerUnits="userSpaceOnUse" orient="auto"><path class="tip" d="M0 .8 8 4 0 7.2Z"/></marker></defs>'
        if tips
        else "",
        f'<rect class="bg" width="{w}" height="{h}"/>',
    ]
    order = (Panel, Sheets, Line, Box, Label)
    body += [element(mark) for mark in sorted(marks, key=lambda m: order.index(type(m)))]
    return "\n".join(part for part in body if part) + "\n</svg>\n"


def element(mark: Mark) -> str:
    """One mark."""
    if isinstance(mark, Box):
        return _box(mark)
    if isinstance(mark, Panel):
        rect = _rect(mark.x, mark.y, mark.w, mark.h, 8, f' class="f {mark.style}"')
        return f"<g><title>{escape(mark.title)}</title>{rect}</g>" if mark.title else rect
    if isinstance(mark, Label):
        anchor = f' text-anchor="{mark.anchor}"' if mark.anchor != "start" else ""
        style = mark.style + (" t" if mark.size == BIG else "")
        turn = f' transform="rotate(-90 {number(mark.x)} {number(mark.y)})"' if mark.up else ""
        return f'<text x="{number(mark.x)}" y="{number(mark.y)}" class="{style}"{anchor}{turn}>{escape(mark.text)}</text>'
    if isinstance(mark, Sheets):
        sheets = ("M" + " ".join(f"{number(x)} {number(y)}" for x, y in sheet) + "Z" for sheet in mark.sheets)
        return f'<g class="{mark.kind}">{_title(mark.title)}{"".join(f"<path d={chr(34)}{d}{chr(34)}/>" for d in sheets)}</g>'
    path = curve(mark.points) if mark.curved else corners(mark.points, 0 if mark.style == "ray" else 8)
    tip = ' marker-end="url(#nc-a)"' if mark.arrow else ""
    return f'<path class="{f"l {mark.style}".strip()}" d="{path}"{tip}/>'


def _title(text: str) -> str:
    return f"<title>{escape(text)}</title>" if text else ""


def _rect(x: float, y: float, w: float, h: float, r: float, more: str = "") -> str:
    return f'<rect x="{number(x)}" y="{number(y)}" width="{number(w)}" height="{number(h)}" rx="{number(r)}"{more}/>'


def _box(box: Box) -> str:
    round_ends = bool(box.symbol) or box.kind == "end"
    parts = [_title(box.title), _rect(box.x, box.y, box.w, box.h, box.h / 2 if round_ends else 3)]
    middle = box.x + box.w / 2
    if box.symbol:
        texts = max((width(t, s) for t, s in box.lines), default=0)
        cx, cy = (box.x + box.w / 2 if not box.lines else box.x + 14), box.y + box.h / 2
        middle = box.x + 24 + (box.w - 32) / 2 if texts else middle
        d = 4 if box.symbol == "+" else 2.8
        ends = ((-d, 0, d, 0), (0, -d, 0, d)) if box.symbol == "+" else ((-d, -d, d, d), (-d, d, d, -d))
        path = "".join(f"M{number(cx + a)} {number(cy + b)}L{number(cx + c)} {number(cy + e)}" for a, b, c, e in ends)
        ring = f'<circle class="sign" cx="{number(cx)}" cy="{number(cy)}" r="7"/>' if box.lines else ""
        parts.append(f'{ring}<path class="sign" d="{path}"/>')
    y = box.y + (box.h - sum(LINE[size] for _, size in box.lines)) / 2
    for text, size in box.lines:
        y += LINE[size]
        style = ' class="t"' if size == BIG else ""
        parts.append(f'<text x="{number(middle)}" y="{number(y - (4 if size == BIG else 3))}"{style}>{escape(text)}</text>')
    return f'<g class="b {box.kind}">{"".join(parts)}</g>'


def corners(points: tuple[Point, ...], radius: float) -> str:
    """Through the points, corners rounded."""
    way = [p for i, p in enumerate(points) if i == 0 or p != points[i - 1]]
    if not radius:
        return "M" + " ".join(f"{number(x)} {number(y)}" for x, y in way)
    out = [f"M{number(way[0][0])} {number(way[0][1])}"]
    for before, here, after in zip(way, way[1:], way[2:], strict=False):
        if (before[0] == here[0] == after[0]) or (before[1] == here[1] == after[1]):
            continue
        r = min(radius, _distance(before, here) / 2, _distance(here, after) / 2)
        start, end = _toward(here, before, r), _toward(here, after, r)
        out.append(
            f"L{number(start[0])} {number(start[1])}Q{number(here[0])} {number(here[1])} {number(end[0])} {number(end[1])}"
        )
    return "".join([*out, f"L{number(way[-1][0])} {number(way[-1][1])}"])


def curve(points: tuple[Point, ...]) -> str:
    """Downwards through the points, upright at each."""
    out = [f"M{number(points[0][0])} {number(points[0][1])}"]
    for (x0, y0), (x1, y1) in pairwise(points):
        middle = number((y0 + y1) / 2)
        straight = f"L{number(x1)} {number(y1)}"
        out.append(straight if x0 == x1 else f"C{number(x0)} {middle} {number(x1)} {middle} {number(x1)} {number(y1)}")
    return "".join(out)


def _distance(a: Point, b: Point) -> float:
    return abs(a[0] - b[0]) + abs(a[1] - b[1])  # lines are upright or level


def _toward(a: Point, b: Point, r: float) -> Point:
    length = _distance(a, b) or 1.0
    return (a[0] + (b[0] - a[0]) * r / length, a[1] + (b[1] - a[1]) * r / length)
