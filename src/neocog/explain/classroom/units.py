"""What a unit costs, counted from its record: bottleneck against two 3×3, Inception's reductions, three ways to halve a grid."""

from dataclasses import dataclass

from neocog.arch import Analysis, Architecture, Cat, Conv2d, Sequential, architecture
from neocog.arch import analyse as layer_table
from neocog.arch.record import pair
from neocog.explain.classroom import Lesson
from neocog.explain.classroom.board import MARGIN, board, boxed, caption, close, printed, prose, table
from neocog.figure.sketch import SMALL, Sketch
from neocog.nets.inception_v1 import TABLE, inception, inception_naive
from neocog.nets.inception_v3 import grid_reduction
from neocog.nets.resnet import basic, bottleneck

BAR = 11.0  # pixels for a factor of two in the number of maps


@dataclass(frozen=True)
class Cost:
    """A part of a network: its convolutions as (path, kernel, maps in, maps out, weights, MACs), the sums, and its answer."""

    convs: tuple[tuple[str, str, int, int, int, int], ...]
    weights: int
    macs: int
    output: tuple[int, ...]


def cost(part: Architecture) -> Cost:
    """Counted by the layer table; weights of convolutions only, neither biases nor batch normalisation, as the papers count."""
    rows = [row for row in layer_table(part).rows if isinstance(row.node.record, Conv2d)]
    convs = []
    for row in rows:
        record = row.node.record
        assert isinstance(record, Conv2d)
        weights = next(p for p in row.tensors if p.name == "weight").shape
        count = weights[0] * weights[1] * weights[2] * weights[3]
        kernel = "×".join(map(str, pair(record.kernel)))
        convs.append((row.path, kernel, row.inputs[0][0], row.output[0], count, row.macs))
    return Cost(tuple(convs), sum(c[4] for c in convs), sum(c[5] for c in convs), layer_table(part).output)


def show(name: str, picture: object, seed: int) -> Lesson:
    """The lesson of this name."""
    return {"bottleneck": _bottleneck, "inception": _inception, "grid-reduction": _grid}[name](name)


def _of(part: Sequential, channels: int, side: int) -> Architecture:
    return architecture("", (channels, side, side), part)


def _flow(sheet: Sketch, x: float, y: float, wide: float, found: Cost, ink: str, most: int) -> float:
    """A chain of convolutions from the top: bars as wide as the maps are many (`most` fill the room), boxes with weights."""
    middle = x + wide / 2

    def maps(at: float, count: int) -> None:
        long = wide * count / most
        sheet.box(middle - long / 2, at, long, 9, ink, 0.75)
        sheet.text(middle + 46, at + (9 if long < wide / 2 else 23), f"{count} maps", SMALL, ink="soft")

    maps(y, found.convs[0][2])
    for _, kernel, _, out, weights, _ in found.convs:
        sheet.arrow([(middle, y + 11), (middle, y + 30)])
        boxed(sheet, middle - 74, y + 32, 148, 40, f"{kernel}, {out}", f"{weights:,} weights", ink)
        sheet.arrow([(middle, y + 73), (middle, y + 90)])
        y += 92
        maps(y, out)
    return y + 28


def _bottleneck(name: str) -> Lesson:
    parts = {
        "two 3×3 of 256": (basic(256, 256, 1, "B", False), 256, "k1"),
        "bottleneck, 256": (bottleneck(256, 64, 1), 256, "k0"),
        "two 3×3 of 64": (basic(64, 64, 1, "B", False), 64, "k2"),
    }
    found = {what: cost(_of(part, maps, 56)) for what, (part, maps, _) in parts.items()}
    wide, thin, real = found.values()
    sheet, y = board("Bottleneck: three layers for the price of two", "ResNet's units at 56×56, their convolutions from top to bottom; bars are as wide as the maps are many. The "
                     "shortcut around each has no weights.")  # fmt: skip
    ends = []
    for i, (what, (_, _, ink)) in enumerate(parts.items()):
        x = MARGIN + i * 278
        caption(sheet, x, y + 14, what, ink)
        ends.append(_flow(sheet, x, y + 34, 236, found[what], ink, 256))
    heads = ("unit", "weights", "against the bottleneck", "MACs at 56×56", "maps that pass")
    rows = [(what, f"{c.weights:,}", f"{c.weights / thin.weights:.2f}×", f"{c.macs:,}", str(c.output[0])) for what, c in found.items()]
    told = (f"For 256 maps two 3×3 layers would take {wide.weights:,} weights, the bottleneck takes {thin.weights:,}: {wide.weights / thin.weights:.2f} times fewer. But "
            f"no ResNet has that wide unit here: ResNet-18 and 34 have two 3×3 of 64 maps, {real.weights:,} weights, {real.weights / thin.weights:.2f} times the bottleneck. The "
            "bottleneck's gain is that four times as many maps pass for the same price.")  # fmt: skip
    y = table(sheet, MARGIN, max(ends) + 22, heads, rows)
    y = prose(sheet, MARGIN, y + 12, sheet.wide - 2 * MARGIN, told)
    close(sheet, y, "He, Zhang, Ren & Sun 2016, section 4.1 and figure 5. Counted by neocog's layer table from its own units.")
    facts = {"weights": {what: c.weights for what, c in found.items()}, "macs": {what: c.macs for what, c in found.items()},
             "ratio": wide.weights / thin.weights, "real_ratio": real.weights / thin.weights}  # fmt: skip
    return Lesson(name, "The bottleneck unit", sheet, (*printed(heads, rows), "", told), facts)


def _inception(name: str) -> Lesson:
    side, before = 28, 192
    one, r3, three, r5, five, pool = TABLE["3a"]
    parts = {"naive": inception_naive(one, three, five), "with reductions": inception(one, r3, three, r5, five, pool)}
    found = {what: cost(_of(part, before, side)) for what, part in parts.items()}
    small = {"5×5 at once": Sequential(conv=Conv2d(256, 5, padding=2, bias=False)),
             "1×1 to 32, then 5×5": Sequential(reduce=Conv2d(32, 1, bias=False), conv=Conv2d(256, 5, padding=2, bias=False))}  # fmt: skip
    pair_ = {what: cost(_of(part, 128, side)) for what, part in small.items()}
    dear, cheap = pair_.values()
    sheet, y = board("Inception: 1×1 convolutions before the dear ones", f"Module 3a of GoogLeNet on {before} maps of {side}×{side}. A box is a convolution: kernel, maps, and its "
                     "multiply-accumulates; its tint is its share of the dearest.")  # fmt: skip
    top = max(c[5] for f in found.values() for c in f.convs)
    for i, (what, f) in enumerate(found.items()):
        x, wide = MARGIN + i * 416, 386.0
        caption(sheet, x, y + 16, f"{what}: {f.macs:,} MACs, {f.output[0]} maps")
        y_end = _module(sheet, x, y + 36, wide, f, before, top)
    y = y_end + 36
    caption(sheet, MARGIN, y, "One 5×5 by itself, 128 maps to 256, and the whole module")
    heads = ("", "weights", f"MACs at {side}×{side}", "against the other")
    rows = [(what, f"{c.weights:,}", f"{c.macs:,}", f"{c.weights / cheap.weights:.2f}×") for what, c in pair_.items()]
    rows += [(f"module 3a, {what}", f"{c.weights:,}", f"{c.macs:,}", f"{c.macs / found['with reductions'].macs:.2f}×") for what, c in found.items()]
    y = table(sheet, MARGIN, y + 24, heads, rows)
    reduce = next(c for c in cheap.convs if c[1] == "1×1")
    told = (f"{dear.weights:,} weights become {reduce[4]:,} + {cheap.weights - reduce[4]:,} = {cheap.weights:,}, {dear.weights / cheap.weights:.2f} times fewer; the 1×1 itself costs "
            f"{reduce[4]:,}, which is easily forgotten. Without the projection behind the pool all {before} maps of the input pass, so that the naive module's maps only ever "
            f"grow: {found['naive'].output[0]} instead of {found['with reductions'].output[0]}.")  # fmt: skip
    y = prose(sheet, MARGIN, y + 12, sheet.wide - 2 * MARGIN, told)
    close(sheet, y, "Szegedy et al. 2015, \"Going deeper with convolutions\", figure 2 and table 1. Counted by neocog's layer table from its own modules.")
    facts = {"weights": {what: c.weights for what, c in pair_.items()}, "ratio": dear.weights / cheap.weights,
             "module_3a": {what: {"macs": c.macs, "maps": c.output[0]} for what, c in found.items()}}  # fmt: skip
    return Lesson(name, "Inception's reductions", sheet, (*printed(heads, rows), "", told), facts)


def _module(sheet: Sketch, x: float, y: float, wide: float, found: Cost, before: int, top: int) -> float:
    """Four branches between the input's bar and the concatenation's; tint by MACs."""
    branches: dict[str, list[tuple[str, str, int]]] = {f"branch{i}": [] for i in range(1, 5)}
    for path, kernel, _, out, _, macs in found.convs:
        branches[next(b for b in branches if b in path)].append((kernel, f"{out}", macs))
    branches["branch4"].insert(0, ("pool 3×3", "", 0))
    step, low = wide / 4, y + 236
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
            boxed(sheet, left, place, step - 12, 50, f"{kernel}, {maps}" if maps else kernel, f"{macs / 1e6:.1f} M" if macs else "", "k1" if macs else "k5", 0.08 + 0.6 * macs / top)
            at = place + 50
        sheet.arrow([(middle, at), (middle, low - 2)])
    return low + 24


def _grid(name: str) -> Lesson:
    side, maps = 35, 320
    ways = {"convolution, then pool": "conv_pool", "pool, then convolution": "pool_conv", "side by side": "parallel"}
    found = {what: cost(_of(grid_reduction(way, maps), maps, side)) for what, way in ways.items()}
    inks = ("k1", "k2", "k0")
    sheet, y = board("Three ways to halve a grid", f"From {side}×{side} places of {maps} maps to half as many rows and columns of twice as many maps; the boxes' height is the grid's side, "
                     "their width the number of maps.")  # fmt: skip
    for i, (what, way) in enumerate(ways.items()):
        _way(sheet, MARGIN, y + 20 + i * 168, what, layer_table(_of(grid_reduction(way, maps), maps, side)), inks[i], found[what])
    y += 20 + 3 * 168 + 8
    low = min(c.macs for c in found.values())
    narrow = {what: min(_numbers(layer_table(_of(grid_reduction(way, maps), maps, side)))) for what, way in ways.items()}
    heads = ("way", "weights", "MACs", "against the least", "answer", "narrowest place, numbers")
    rows = [(what, f"{c.weights:,}", f"{c.macs:,}", f"{c.macs / low:.2f}×", "×".join(map(str, c.output)), f"{narrow[what]:,}") for what, c in found.items()]
    conv_first, pool_first, parallel = found.values()
    told = (f"Convolving first costs {conv_first.macs / pool_first.macs:.2f} times as much as pooling first; but pooling first squeezes everything through half the numbers before "
            f"anything has been computed. Side by side, a strided convolution gives half of the maps and the pool the other: {100 * parallel.macs / conv_first.macs:.0f} % of the dear way, and no "
            "bottleneck.")  # fmt: skip
    y = table(sheet, MARGIN, y, heads, rows, gap=18)
    y = prose(sheet, MARGIN, y + 12, sheet.wide - 2 * MARGIN, told)
    close(sheet, y, "Szegedy, Vanhoucke, Ioffe, Shlens & Wojna 2016, \"Rethinking the Inception architecture\", section 5, figures 9 and 10. Kernel 3×3; pool 3×3 of stride 2.")
    facts = {what: {"macs": c.macs, "weights": c.weights, "output": list(c.output), "narrowest": narrow[what]} for what, c in found.items()}
    return Lesson(name, "Three grid reductions", sheet, (*printed(heads, rows), "", told), facts)


def _numbers(analysis: Analysis) -> list[int]:
    """How many numbers there are at each cut that everything passes: before a join its branches count together."""
    rows = [row for row in analysis.rows if not any(isinstance(r.node.record, Cat) for r in analysis.rows) or isinstance(row.node.record, Cat)]
    return [row.output[0] * row.output[1] * row.output[2] for row in rows]


def _way(sheet: Sketch, x: float, y: float, what: str, analysis: Analysis, ink: str, found: Cost) -> None:
    """Blocks of maps from left to right, or two branches that meet."""
    caption(sheet, x, y, f"{what}: {found.macs:,} MACs", ink)
    high, base = 2.6, y + 118

    def block(at: float, shape: tuple[int, ...], middle: float) -> float:
        long, tall = shape[0] * 0.16, shape[1] * high
        sheet.box(at, middle - tall / 2, long, tall, ink, 0.3)
        sheet.frame(at, middle - tall / 2, long, tall, ink, 1.3)
        sheet.text(at + long / 2, middle + 4, str(shape[0]), SMALL, "middle")
        sheet.text(at + long / 2, middle + tall / 2 + 14, f"{shape[1]}×{shape[2]}", SMALL - 1, "middle", "soft")
        return at + long

    middle = base - 52
    end = block(x, analysis.input, middle)
    if not any(isinstance(r.node.record, Cat) for r in analysis.rows):
        for row in analysis.rows:
            words = row.node.record.describe()
            sheet.arrow([(end + 8, middle), (end + 140, middle)], ink)
            sheet.text(end + 74, middle - 8, words, SMALL, "middle")
            if row.macs:
                sheet.text(end + 74, middle + 17, f"{row.macs / 1e6:.0f} M", SMALL, "middle", "soft")
            end = block(end + 148, row.output, middle)
        return
    branches, join = analysis.rows[:-1], analysis.rows[-1]
    far = end
    for row, shift in zip(branches, (-26, 26), strict=True):
        at = middle + shift
        sheet.arrow([(end + 8, middle), (end + 30, at), (end + 140, at)], ink)
        sheet.text(end + 86, at - 7, row.node.record.describe() + (f", {row.macs / 1e6:.0f} M" if row.macs else ""), SMALL, "middle")
        long = row.output[0] * 0.16
        sheet.box(end + 148, at - 21, long, 42, ink, 0.3)
        sheet.frame(end + 148, at - 21, long, 42, ink, 1.3)
        sheet.text(end + 148 + long / 2, at + 4, str(row.output[0]), SMALL, "middle")
        sheet.arrow([(end + 148 + long + 6, at), (end + 148 + long + 86, middle)], ink)
        far = end + 148 + long + 92
    block(far, join.output, middle)
    sheet.text(far - 40, middle + 50, "side by side", SMALL, "middle", "soft")
