"""Inception's 1×1 convolutions before the dear ones: module 3a of GoogLeNet with and without, and one 5×5 by itself."""

from neocog.arch import Conv2d, Sequential
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, boxed, caption, close, printed, table
from neocog.explain.classroom.cost import Cost, cost
from neocog.figure.sketch import SMALL, Sketch
from neocog.nets.inception_v1 import TABLE, inception, inception_naive

SOURCE = (
    "Szegedy et al. 2014, Going deeper with convolutions, figure 2 and table 1. Counted by neocog's layer table from its own "
    "modules."
)
DEEP = 236  # from the input's bar to the concatenation's


def show(asked: Asked) -> Lesson:
    """Both modules with the work of every convolution, and the sums."""
    side, before = 28, 192
    one, r3, three, r5, five, pool = TABLE["3a"]
    parts = {"naive": inception_naive(one, three, five), "with reductions": inception(one, r3, three, r5, five, pool)}
    found = {what: cost(part, before, side) for what, part in parts.items()}
    small = {
        "5×5 at once": Sequential(conv=Conv2d(256, 5, padding=2, bias=False)),
        "1×1 to 32, then 5×5": Sequential(reduce=Conv2d(32, 1, bias=False), conv=Conv2d(256, 5, padding=2, bias=False)),
    }
    alone = {what: cost(part, 128, side) for what, part in small.items()}
    dear, cheap = alone.values()
    sheet, y = board(
        "Inception: 1×1 convolutions before the dear ones",
        f"Module 3a of GoogLeNet on {before} maps of {side}×{side}. A box is a convolution: kernel, maps, and its "
        "multiply-accumulates; its tint is its share of the dearest.",
    )
    top = max(c.macs for f in found.values() for c in f.convolutions)
    for i, (what, f) in enumerate(found.items()):
        x, wide = MARGIN + i * 456, 428.0
        caption(sheet, x, y + 16, f"{what}: {f.macs:,} MACs, {f.output[0]} maps")
        _module(sheet, x, y + 36, wide, f, before, top)
    y += 36 + DEEP + 60
    caption(sheet, MARGIN, y, "One 5×5 by itself, 128 maps to 256, and the whole module")
    heads = ("", "weights", f"MACs at {side}×{side}", "MACs, against the other")
    rows = [(what, f"{c.weights:,}", f"{c.macs:,}", f"{c.macs / cheap.macs:.2f}×") for what, c in alone.items()]
    rows += [
        (f"module 3a, {what}", f"{c.weights:,}", f"{c.macs:,}", f"{c.macs / found['with reductions'].macs:.2f}×")
        for what, c in found.items()
    ]
    y = table(sheet, MARGIN, y + 24, heads, rows)
    reduce = next(c for c in cheap.convolutions if c.kernel == "1×1")
    told = (
        f"{dear.weights:,} weights become {reduce.weights:,} + {cheap.weights - reduce.weights:,} = {cheap.weights:,}, "
        f"{dear.weights / cheap.weights:.2f} times fewer; the 1×1 itself costs {reduce.weights:,}, which is easily forgotten. "
        f"Without the projection behind the pool all {before} maps of the input pass, so that the naive module's maps only "
        f"ever grow: {found['naive'].output[0]} instead of {found['with reductions'].output[0]}."
    )
    close(sheet, y + 6, [told], SOURCE)
    facts = {
        "weights": {what: c.weights for what, c in alone.items()},
        "ratio": dear.weights / cheap.weights,
        "module_3a": {what: {"macs": c.macs, "maps": c.output[0]} for what, c in found.items()},
    }
    return Lesson(asked.name, sheet, (*printed(heads, rows), "", told), facts)


def _module(sheet: Sketch, x: float, y: float, wide: float, found: Cost, before: int, top: int) -> None:
    """Four branches between the input's bar and the concatenation's; tint by MACs."""
    branches: dict[str, list[tuple[str, str, int]]] = {f"branch{i}": [] for i in range(1, 5)}
    for one in found.convolutions:
        branches[next(b for b in branches if b in one.path)].append((one.kernel, f"{one.out}", one.macs))
    branches["branch4"].insert(0, ("pool 3×3", "", 0))
    step, low = wide / 4, y + DEEP
    sheet.box(x, y, wide - 12, 8, "k5", 0.7)
    sheet.text(x, y - 5, f"{before} maps", SMALL, ink="soft")
    sheet.box(x, low, wide - 12, 8, "k5", 0.7)
    sheet.text(x, low + 24, f"{found.output[0]} maps, side by side", SMALL, ink="soft")
    for i, boxes in enumerate(branches.values()):
        left, middle = x + i * step, x + i * step + (step - 12) / 2
        places = [y + 92] if len(boxes) == 1 else [y + 44, y + 144]
        at = y + 8
        for (kernel, maps, macs), place in zip(boxes, places, strict=True):
            sheet.arrow([(middle, at), (middle, place - 2)])
            boxed(
                sheet,
                left,
                place,
                step - 12,
                50,
                f"{kernel}, {maps}" if maps else kernel,
                f"{macs / 1e6:.1f} M" if macs else "",
                "k1" if macs else "k5",
                0.08 + 0.6 * macs / top,
            )
            at = place + 50
        sheet.arrow([(middle, at), (middle, low - 2)])
