"""The network of a report: its layer table, its sums and its drawing."""

import re
from typing import Any

from neocog.arch import Architecture, analyse
from neocog.arch.drawing import draw
from neocog.arch.table import lines, repeated
from neocog.errors import UserError
from neocog.nets import resolve
from neocog.report.plain import clean

LARGEST = 400_000  # characters of a drawing
DARK = r"@media \(prefers-color-scheme:dark\)\{\.nc\{([^{}]*)\}\}"
PRINT = r"@media print\{\.nc\{[^{}]*\}\}"


def network(arch: Architecture, net: str) -> dict[str, Any]:
    """Rows as papers print them, equal ones that follow one another counted; sums; the drawing as SVG text."""
    table = analyse(arch)
    svg = draw(table, title=clean(net))
    rows = [
        {
            "path": clean(line.path),
            "what": clean(line.what, 300),
            "times": times,
            "output": list(line.output),
            "params": line.params,
            "macs": line.macs,
            "field": line.receptive_field,
            "stride": line.stride,
            "aux": line.aux,
        }
        for line, times in repeated(lines(table))
    ]
    return {
        "net": clean(net),
        "card": card(net),
        "input": list(table.input),
        "params": table.total("params"),
        "params_trainable": table.total("trainable"),
        "params_aux": table.params_aux,
        "macs": table.total("macs"),
        "receptive_field": table.receptive_field,
        "rows": rows,
        **drawing(svg if len(svg) <= LARGEST else ""),
    }


def drawing(svg: str) -> dict[str, Any]:
    """The drawing and its style apart, for pages whose policy forbids styles in the text; its dark colours follow the page's
    theme, not the system's."""
    found = re.search(r"<style>(.*?)</style>", svg, re.DOTALL)
    if not found:
        return {"svg": None, "css": ""}
    css = found[1]
    light, dark = (re.search(pattern, css) for pattern in (r"^\.nc\{([^{}]*)\}", DARK))
    if light and dark:
        both = zip(light[1].split(";"), dark[1].split(";"), strict=True)
        colours = (f"{a.partition(':')[0]}:light-dark({a.partition(':')[2]},{b.partition(':')[2]})" for a, b in both)
        css = f".nc{{{';'.join(colours)}}}" + re.sub(PRINT, "", css.replace(light[0], "", 1).replace(dark[0], "", 1))
    return {"svg": svg.replace(found[0], ""), "css": css}


def card(net: str) -> dict[str, Any] | None:
    """Title, paper, year of a network by name; None for one of the user's own."""
    try:
        found = resolve(net).card
    except UserError:
        return None
    return {"title": clean(found.title), "paper": clean(found.paper, 300), "authors": clean(found.authors, 300),
            "venue": clean(found.venue, 200), "year": found.year}  # fmt: skip
