"""Stacks of 3×3 convolutions see as far as one 5×5 or 7×7, with fewer weights and more rectifiers between."""

import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.arch import Architecture, Conv2d, ReLU, Sequential, analyse, architecture
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, close
from neocog.explain.classroom.numbers import gap, normal, percent, tiny
from neocog.figure.sketch import NORMAL, SMALL, Sketch

MAPS, SIDE = 64, 56
COUNTED = (1, 64, 512)
SOURCE = (
    "Simonyan & Zisserman 2014, Very deep convolutional networks (weights counted without biases); Szegedy et al. 2015, "
    "Rethinking the Inception architecture."
)
PAIRS = ((2, 5), (3, 7))


def stack(depth: int, kernel: int, maps: int, side: int = SIDE) -> Architecture:
    """`depth` convolutions, each with its ReLU, that keep size and number of maps."""
    layers = [layer for _ in range(depth) for layer in (Conv2d(maps, kernel, padding=kernel // 2, bias=False), ReLU())]
    return architecture(f"{depth} of {kernel}×{kernel}", (maps, side, side), Sequential(*layers))


def counted(depth: int, kernel: int, maps: int) -> dict[str, int]:
    """From the layer table."""
    table = analyse(stack(depth, kernel, maps))
    return {
        "receptive_field": table.receptive_field[0],
        "params": table.total("params"),
        "macs": table.total("macs"),
        "rectifiers": sum(isinstance(row.node.record, ReLU) for row in table.rows),
        "activations": table.activations,
    }


def seen_by_gradient(depth: int, kernel: int) -> int:
    """How many pixels of a line the middle answer's gradient reaches, all weights being positive."""
    x = torch.ones(1, 1, 31, 31, dtype=torch.float64, requires_grad=True)
    out, w = x, torch.ones(1, 1, kernel, kernel, dtype=torch.float64)
    for _ in range(depth):
        out = F.conv2d(out, w, padding=kernel // 2).relu()
    (gradient,) = torch.autograd.grad(out[0, 0, 15, 15], x)
    return int((gradient[0, 0] != 0).any(0).sum())


def merged(filters: list[Tensor]) -> Tensor:
    """The one filter that does what 3×3 filters do in a row when nothing stands between them. All k×k of one map."""
    whole = filters[0]
    for one in filters[1:]:
        edge = one.shape[0] - 1
        whole = F.conv2d(F.pad(whole, (edge,) * 4)[None, None], one.flip(0, 1)[None, None])[0, 0]
    return whole


def in_a_row(x: Tensor, filters: list[Tensor], relu: bool) -> Tensor:
    """H×W under each filter in turn, no padding."""
    for one in filters:
        x = F.conv2d(x[None, None], one[None, None])[0, 0]
        x = x.relu() if relu else x
    return x


def show(asked: Asked) -> Lesson:
    filters, x = [normal(asked.seed + i, 3, 3) for i in range(3)], normal(asked.seed + 9, 20, 20)
    whole = merged(filters)
    facts: dict = {
        f"{depth} of 3×3, or {kernel}×{kernel}": {
            "stack": counted(depth, 3, MAPS),
            "one": counted(1, kernel, MAPS),
            "ratio": {str(maps): counted(depth, 3, maps)["params"] / counted(1, kernel, maps)["params"] for maps in COUNTED},
            "seen_by_gradient": [seen_by_gradient(depth, 3), seen_by_gradient(1, kernel)],
        }
        for depth, kernel in PAIRS
    }
    facts["merged_max_difference"] = gap(in_a_row(x, filters, False), in_a_row(x, [whole], False))
    facts["with_rectifiers_differs_by"] = gap(in_a_row(x, filters, True), in_a_row(x, [whole], True))
    two, three = (facts[f"{depth} of 3×3, or {kernel}×{kernel}"] for depth, kernel in PAIRS)
    ratios = [one["ratio"][str(MAPS)] for one in (two, three)]
    less = ", ".join(
        f"{9 * depth}C² is {percent(ratio)} of {kernel**2}C² ({percent(1 - ratio)} less)"
        for (depth, kernel), ratio in zip(PAIRS, ratios, strict=True)
    )
    reached = ", ".join(f"{a} and {b}" for a, b in (one["seen_by_gradient"] for one in (two, three)))
    proved = [
        f"Pixels that the middle answer's gradient reaches: {reached}. Weights: {less}, for any number of maps C (counted for "
        f"{', '.join(map(str, COUNTED))}).",
        f"Without rectifiers three 3×3 filters are one 7×7 filter (difference {tiny(facts['merged_max_difference'])}), of a "
        f"kind that 27 numbers can make; with them they are not (differs by {facts['with_rectifiers_differs_by']:.2g}). The "
        "price is memory: each layer's answers are kept for training.",
    ]
    title = "Stacks of 3×3 instead of 5×5 and 7×7"
    page, y = board(
        title,
        "Each 3×3 layer sees one pixel further on every side. Two see 5 pixels across, three see 7, as one large filter does.",
    )
    for i, (depth, kernel) in enumerate(PAIRS):
        cone(page, MARGIN + 20 + i * 430, y + 30, depth, kernel, facts[f"{depth} of 3×3, or {kernel}×{kernel}"])
    y = bars(page, y + 268, two, three)
    return Lesson(asked.name, close(page, y, proved, SOURCE), proved, facts)


def cone(page: Sketch, x: float, y: float, depth: int, kernel: int, found: dict) -> None:
    """Side view: pixels below, layers above them, the window of each in its colour; left the stack, right the one."""
    cell, gap_, tall = 22, 34, 18
    base = y + 3 * (gap_ + tall)
    for column, (layers, size) in enumerate(((depth, 3), (1, kernel))):
        left = x + column * (kernel * cell + 44)
        words = f"{depth} × 3×3" if column == 0 else f"1 × {kernel}×{kernel}"
        page.text(left + kernel * cell / 2, y - 10, words, NORMAL + 1, "middle", bold=True)
        wide, lower, inks = kernel, base, ("k0", "k2", "k3")
        for level in range(layers + 1):
            top = base - level * 3 * (gap_ + tall) / layers
            n = wide - level * (size - 1)
            start = left + (kernel - n) / 2 * cell
            ink = "soft" if level == 0 else inks[(level - 1) % 3] if layers > 1 else "k1"
            if level:
                for j in range(n):  # each unit's window on the level below
                    a = start + j * cell
                    places = [
                        (a + cell / 2, top + tall),
                        (a + cell / 2 - size / 2 * cell, lower),
                        (a + cell / 2 + size / 2 * cell, lower),
                    ]
                    page.area(places, ink, 0.14 if n > 1 else 0.26)
            for j in range(n):
                page.box(start + j * cell + 1.5, top, cell - 3, tall, ink, 0.35 if level else 0.2)
                page.frame(start + j * cell + 1.5, top, cell - 3, tall, ink, 1)
            lower = top
        page.text(
            left + kernel * cell / 2,
            base + tall + 18,
            f"sees {found['stack' if column == 0 else 'one']['receptive_field']} pixels",
            SMALL,
            "middle",
            "soft",
        )


def bars(page: Sketch, y: float, two: dict, three: dict) -> float:
    """Weights, MACs, rectifiers, kept answers: from the layer tables of 64 maps of 56×56."""
    page.text(MARGIN, y, f"{MAPS} maps of {SIDE}×{SIDE}", bold=True)
    heads = (
        ("weights", "params"),
        ("MACs of a picture", "macs"),
        ("numbers kept for training", "activations"),
        ("rectifiers", "rectifiers"),
    )
    rows = (
        ("2 × 3×3", two["stack"], "k0"),
        ("1 × 5×5", two["one"], "k1"),
        ("3 × 3×3", three["stack"], "k0"),
        ("1 × 7×7", three["one"], "k1"),
    )
    wide, left = 108, MARGIN + 74
    for k, (words, key) in enumerate(heads):
        at = left + k * 204
        page.text(at, y + 22, words, SMALL, ink="soft")
        most = max(row[1][key] for row in rows)
        for i, (_, found, ink) in enumerate(rows):
            top = y + 34 + i * 26 + (8 if i > 1 else 0)
            long = wide * found[key] / most
            page.box(at, top, max(long, 1), 16, ink, 0.75)
            page.text(at + long + 6, top + 13, f"{found[key]:,}" if found[key] < 1e7 else f"{found[key] / 1e6:,.0f} M", SMALL)
    for i, (words, _, _) in enumerate(rows):
        page.text(MARGIN, y + 47 + i * 26 + (8 if i > 1 else 0), words)
    return y + 34 + 4 * 26 + 34
