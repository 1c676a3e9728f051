"""The bottleneck unit against two 3×3, wide and as ResNet-34 really has them. Weights counted from ResNet's own units."""

from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, boxed, caption, close, printed, table
from neocog.explain.classroom.cost import Cost, cost
from neocog.figure.sketch import SMALL, Sketch
from neocog.nets.resnet import basic, bottleneck

SOURCE = (
    "He, Zhang, Ren & Sun 2016, Deep residual learning (deeper bottleneck architectures). Counted by neocog's layer table "
    "from its own units."
)


def show(asked: Asked) -> Lesson:
    """Three units side by side, their sums below."""
    parts = {
        "two 3×3 of 256": (basic(256, 256, 1, "B", False), 256, "k1", "no ResNet has it here"),
        "bottleneck, 256": (bottleneck(256, 64, 1), 256, "k0", "ResNet-50 and deeper"),
        "two 3×3 of 64": (basic(64, 64, 1, "B", False), 64, "k2", "ResNet-18 and 34"),
    }
    found = {what: cost(part, maps, 56) for what, (part, maps, *_) in parts.items()}
    wide, thin, real = found.values()
    sheet, y = board(
        "Bottleneck: three layers for the price of two",
        "ResNet's units at 56×56, their convolutions from top to bottom; bars are as wide as the maps are many. The shortcut "
        "around each has no weights.",
    )
    ends = []
    for i, (what, (_, _, ink, where)) in enumerate(parts.items()):
        x = MARGIN + i * 305
        caption(sheet, x, y + 14, what, where, ink)
        ends.append(_flow(sheet, x, y + 34, 262, found[what], ink, 256))
    heads = ("unit", "weights", "against the bottleneck", "MACs at 56×56", "maps that pass")
    rows = [
        (what, f"{c.weights:,}", f"{c.weights / thin.weights:.2f}×", f"{c.macs:,}", str(c.output[0]))
        for what, c in found.items()
    ]
    told = (
        f"For 256 maps two 3×3 layers would take {wide.weights:,} weights, the bottleneck takes {thin.weights:,}: "
        f"{wide.weights / thin.weights:.2f} times fewer. But at 56×56 no ResNet has that wide unit: ResNet-18 and 34 have two "
        f"3×3 of 64 maps there, {real.weights:,} weights, {real.weights / thin.weights:.2f} times the bottleneck. The "
        f"bottleneck's gain is that {thin.output[0] // real.output[0]} times as many maps pass for the same price."
    )
    y = table(sheet, MARGIN, max(ends) + 22, heads, rows)
    close(sheet, y + 6, [told], SOURCE)
    facts = {
        "weights": {what: c.weights for what, c in found.items()},
        "macs": {what: c.macs for what, c in found.items()},
        "ratio": wide.weights / thin.weights,
        "real_ratio": real.weights / thin.weights,
    }
    return Lesson(asked.name, sheet, (*printed(heads, rows), "", told), facts)


def _flow(sheet: Sketch, x: float, y: float, wide: float, found: Cost, ink: str, most: int) -> float:
    """A chain of convolutions from the top: bars as wide as the maps are many (`most` fill the room), boxes with weights."""
    middle = x + wide / 2

    def maps(at: float, count: int) -> None:
        long = wide * count / most
        sheet.box(middle - long / 2, at, long, 9, ink, 0.75)
        sheet.text(middle + 46, at + (9 if long < wide / 2 else 23), f"{count} maps", SMALL, ink="soft")

    maps(y, found.convolutions[0].maps)
    for one in found.convolutions:
        sheet.arrow([(middle, y + 11), (middle, y + 30)])
        boxed(sheet, middle - 74, y + 32, 148, 40, f"{one.kernel}, {one.out}", f"{one.weights:,} weights", ink)
        sheet.arrow([(middle, y + 73), (middle, y + 90)])
        y += 92
        maps(y, one.out)
    return y + 28
