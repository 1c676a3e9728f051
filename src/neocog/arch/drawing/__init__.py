"""A network as a picture: `draw(net)` is the text of an SVG file, in the manner of the papers' figures.

Two views. "blocks": boxes and lines from top to bottom, branches side by side, shortcuts beside the column, repeats drawn
once. "stacks": for chains of maps, stacks of feature maps in a row, as in LeCun et al. 1998, figure 2.
"""

from neocog.arch.account import Analysis, analyse
from neocog.arch.architecture import Architecture
from neocog.arch.drawing import page, stacks, svg, words
from neocog.arch.drawing.measure import SMALL, width
from neocog.arch.drawing.scene import Box, Label, Line, Mark, Sheets, moved
from neocog.arch.window import times
from neocog.errors import UserError

STYLES = ("stacks", "blocks")


def draw(net: Architecture | Analysis, title: str = "", style: str | None = None, full: bool = False) -> str:
    """The network, on the pictures of its own size or on those of its analysis, as SVG text; equal networks, equal bytes.

    `style`: "stacks" or "blocks"; by default stacks for a chain that fits a row. `full`: every repeat, which only blocks show.
    Raises UserError for stacks of what is no short chain.
    """
    table = analyse(net) if isinstance(net, Architecture) else net
    row = None if style == "blocks" or (full and style is None) else stacks.volumes(table)
    if row is None and style == "stacks":
        raise UserError(f"{table.arch.name}: stacks are for a chain of at most {stacks.MOST - 1} layers; draw it as blocks")
    marks, wide, tall = stacks.stacks(row) if row else page.blocks(table, full)
    top = 62 if row else 86  # lines from column to column run above the blocks
    name = title or table.arch.name
    params, macs = table.total("params"), table.total("macs")
    about = f"{times(table.input)} → {times(table.output)} · {_short(params)} parameters · {_short(macs)} MACs"
    legend, legend_wide = _legend(marks)
    margin, foot = 24, 42
    wide = max(wide, legend_wide, width(name, 18, True), width(about, SMALL)) + 2 * margin
    out: list[Mark] = [Label(margin, 34, name, 18, style="head"), Label(margin, 51, about, SMALL, style="note")]
    out += moved(marks, margin, top)
    tall = top + tall + foot
    out += moved(legend, margin, tall - 22)
    return svg.document(out, round(wide), round(tall), f"{name}: architecture", f"{about}, {len(table.rows)} layers")


def _legend(marks: list[Mark]) -> tuple[list[Mark], float]:
    """The colours and kinds of lines in use, in a row; and how wide it is."""
    kinds = {m.kind for m in marks if isinstance(m, Box | Sheets)}
    lines = {m.style for m in marks if isinstance(m, Line)}
    out: list[Mark] = []
    x = 0.0
    for kind, name in words.KINDS.items():
        if kind in kinds:
            out += [Box(x, -9, 14, 10, kind, ()), Label(x + 19, 0, name, SMALL, style="note")]
            x += 19 + width(name, SMALL) + 14
    if not any(isinstance(m, Label) and m.text.startswith("training only") for m in marks):
        lines.discard("dash")
    for style, name in (("dot", "shortcut with a projection or zero maps"), ("dash", "training only")):
        if style in lines:
            out += [Line(((x, -4), (x + 24, -4)), style, False), Label(x + 29, 0, name, SMALL, style="note")]
            x += 29 + width(name, SMALL) + 14
    return out, x


def _short(count: int) -> str:
    """Three figures: 25.6 M."""
    for unit, name in ((10**9, " G"), (10**6, " M"), (10**3, " k")):
        if count >= unit:
            return f"{count / unit:.3g}{name}"
    return str(count)


__all__ = ["STYLES", "draw"]
