"""Three ways to halve a grid of maps: what each costs, and through how few numbers everything must pass."""

from neocog.arch import Analysis, Cat
from neocog.arch.window import size
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, caption, close, printed, table
from neocog.explain.classroom.cost import Cost, cost
from neocog.explain.classroom.numbers import percent
from neocog.figure.sketch import SMALL, Sketch
from neocog.nets.inception_v3 import grid_reduction

SOURCE = (
    "Szegedy, Vanhoucke, Ioffe, Shlens & Wojna 2015, Rethinking the Inception architecture (efficient grid size reduction). "
    "Pools: 3×3, stride 2."
)
HIGH, WIDE = 2.6, 0.22  # pixels for a place of the grid and for a map


def show(asked: Asked) -> Lesson:
    """The three ways drawn to scale, and the sums."""
    side, maps = 35, 320
    ways = {"convolution, then pool": "conv_pool", "pool, then convolution": "pool_conv", "side by side": "parallel"}
    found = {what: cost(grid_reduction(way, maps), maps, side) for what, way in ways.items()}
    inks = ("k1", "k2", "k0")
    sheet, y = board(
        "Three ways to halve a grid",
        f"From {side}×{side} places of {maps} maps to half the side and twice the maps. A box is as high as the grid's side "
        "and as wide as the maps are many.",
    )
    for i, what in enumerate(ways):
        _way(sheet, MARGIN, y + 20 + i * 168, what, found[what], inks[i])
    y += 20 + 3 * 168 + 8
    low = min(c.macs for c in found.values())
    narrow = {what: min(_numbers(c.table)) for what, c in found.items()}
    heads = ("way", "weights", "MACs", "against the least", "answer", "fewest numbers on the way")
    rows = [
        (what, f"{c.weights:,}", f"{c.macs:,}", f"{c.macs / low:.2f}×", "×".join(map(str, c.output)), f"{narrow[what]:,}")
        for what, c in found.items()
    ]
    conv_first, pool_first, parallel = found.values()
    told = (
        f"Convolving first costs {conv_first.macs / pool_first.macs:.2f} times as much as pooling first; but pooling first "
        "squeezes everything through half the numbers before anything has been computed. Side by side, a strided convolution "
        f"gives half of the maps and the pool the other: {percent(parallel.macs / conv_first.macs)} of the dear way, and no "
        "bottleneck."
    )
    y = table(sheet, MARGIN, y, heads, rows, gap=18)
    close(sheet, y + 6, [told], SOURCE)
    facts = {
        what: {"macs": c.macs, "weights": c.weights, "output": list(c.output), "narrowest": narrow[what]}
        for what, c in found.items()
    }
    return Lesson(asked.name, sheet, (*printed(heads, rows), "", told), facts)


def _numbers(analysis: Analysis) -> list[int]:
    """How many numbers there are at each cut that everything passes: before a join its branches count together."""
    rows = [
        row
        for row in analysis.rows
        if not any(isinstance(r.node.record, Cat) for r in analysis.rows) or isinstance(row.node.record, Cat)
    ]
    return [size(row.output) for row in rows]


def _way(sheet: Sketch, x: float, y: float, what: str, found: Cost, ink: str) -> None:
    """Blocks of maps from left to right, or two branches that meet."""
    caption(sheet, x, y, f"{what}: {found.macs:,} MACs", ink=ink)
    analysis, base = found.table, y + 118

    def block(at: float, shape: tuple[int, ...], middle: float) -> float:
        long, tall = shape[0] * WIDE, shape[1] * HIGH
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
            sheet.arrow([(end + 8, middle), (end + 190, middle)], ink)
            sheet.text(end + 99, middle - 8, words, SMALL, "middle")
            if row.macs:
                sheet.text(end + 99, middle + 17, f"{row.macs / 1e6:.0f} M", SMALL, "middle", "soft")
            end = block(end + 198, row.output, middle)
        return
    branches, join = analysis.rows[:-1], analysis.rows[-1]
    far = end
    for row, shift in zip(branches, (-26, 26), strict=True):
        at = middle + shift
        sheet.arrow([(end + 8, middle), (end + 30, at), (end + 190, at)], ink)
        sheet.text(
            end + 112, at - 7, row.node.record.describe() + (f", {row.macs / 1e6:.0f} M" if row.macs else ""), SMALL, "middle"
        )
        long, tall = row.output[0] * WIDE, row.output[1] * HIGH
        sheet.box(end + 198, at - tall / 2, long, tall, ink, 0.3)
        sheet.frame(end + 198, at - tall / 2, long, tall, ink, 1.3)
        sheet.text(end + 198 + long / 2, at + 4, str(row.output[0]), SMALL, "middle")
        sheet.arrow([(end + 198 + long + 6, at), (end + 198 + long + 116, middle)], ink)
        far = end + 198 + long + 122
    block(far, join.output, middle)
    sheet.text(far - 56, middle + 50, "side by side", SMALL, "middle", "soft")
