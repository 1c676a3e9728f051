"""Full, local, shared: how a million hidden units come down from 10¹² weights to 100. Counted by the layer table."""

import math

from neocog.arch import Architecture, Conv2d, Flatten, Linear, LocallyConnected2d, Sequential, analyse, architecture
from neocog.arch.record import Leaf
from neocog.arch.window import size
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, close
from neocog.figure.sketch import NORMAL, SMALL, Sketch
from neocog.nets import resolve

SIDE, FIELD, KERNELS = 1000, 10, 100
SOURCE = (
    "The first rows: the classic classroom example of a 1000×1000 picture; assumptions on the board. AlexNet: Krizhevsky et "
    "al. 2012; unshared, CS231n's notes count it so too. Sharing: LeCun et al. 1989."
)


def million(layer: Leaf) -> Architecture:
    """One layer on a grey picture of 1000×1000."""
    net = Sequential(Flatten(), layer) if isinstance(layer, Linear) else Sequential(layer)
    return architecture("a million units", (1, SIDE, SIDE), net)


def counted(arch: Architecture) -> dict[str, int]:
    """Weights and biases, MACs, units of the one layer with weights."""
    row = next(row for row in analyse(arch).rows if row.params)
    biases = sum(size(t.shape) for t in row.tensors if t.role == "bias")
    return {"weights": row.params - biases, "biases": biases, "macs": row.macs, "units": row.neurons}


def ladder() -> dict[str, dict[str, int]]:
    """The same number of units at each step but the last. 'same' padding gives each pixel its unit, lopsided for 10."""
    layers: dict[str, Leaf] = {
        "full": Linear(SIDE * SIDE),
        "local": LocallyConnected2d(1, FIELD, padding="same"),
        "shared": Conv2d(1, FIELD, padding="same"),
        f"shared, {KERNELS} filters": Conv2d(KERNELS, FIELD, padding="same"),
    }
    return {words: counted(million(layer)) for words, layer in layers.items()}


def first_layer() -> dict[str, dict[str, int]]:
    """AlexNet's first layer as it is, unshared, and as a full connection to the same units."""
    row = analyse(resolve("alexnet").build()).by_path["conv1"]
    record, shape = row.node.record, row.inputs[0]
    assert isinstance(record, Conv2d)
    layers: dict[str, Leaf] = {
        "full": Linear(size(row.output)),
        "local": LocallyConnected2d(record.out, record.kernel, record.stride, record.padding),
        "shared": record,
    }
    return {
        words: counted(architecture(words, shape, Sequential(Flatten(), layer) if words == "full" else Sequential(layer)))
        for words, layer in layers.items()
    }


def power(value: int) -> str:
    """10¹², where it is a power of ten; else with commas."""
    exact = round(math.log10(value)) if value else 0
    if value and 10**exact == value and value >= 1000:
        return "10" + "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(c)] for c in str(exact))
    return f"{value:,}"


def show(asked: Asked) -> Lesson:
    steps, real = ladder(), first_layer()
    facts = {"1000×1000, grey": steps, "AlexNet's first layer": real}
    full, local, shared, many = steps.values()
    proved = [
        f"{power(full['units'])} units, each joined to {power(SIDE * SIDE)} pixels: {power(full['weights'])} weights. Each "
        f"with a {FIELD}×{FIELD} field of its own: {power(local['weights'])}, {full['weights'] // local['weights']:,} times "
        f"fewer. One filter for all: {power(shared['weights'])}; {KERNELS} filters: {power(many['weights'])}. Biases come on "
        f"top: {power(full['biases'])}, {power(local['biases'])}, {shared['biases']} and {many['biases']}.",
        f"Sharing saves no multiplication: local and shared both cost {power(local['macs'])} MACs, {KERNELS} filters "
        f"{power(many['macs'])}. What cuts computation is locality. AlexNet's first layer: {real['local']['macs']:,} MACs "
        f"either way, {real['local']['weights'] + real['local']['biases']:,} parameters unshared, "
        f"{real['shared']['weights'] + real['shared']['biases']:,} shared.",
    ]
    title = "From 10¹² weights to 100"
    about = (
        f"Assumed: a grey picture of {SIDE:,}×{SIDE:,}, a unit for every pixel ({power(full['units'])}), fields of "
        f"{FIELD}×{FIELD} one pixel apart, zeros beyond the border."
    )
    page, y = board(title, about)
    y = icons(page, y + 16, steps)
    y = bars(page, y + 10, "a million units on a million pixels", steps, 13)
    y = bars(page, y + 8, f"AlexNet's first layer: {real['full']['units']:,} units", real, 13)
    return Lesson(asked.name, close(page, y, proved, SOURCE), proved, facts)


def icons(page: Sketch, y: float, steps: dict[str, dict[str, int]]) -> float:
    """Nine pixels below, seven units above: every line is a connection, equal colours are one shared number."""
    wide, n, m = 232, 9, 7
    inks = ("k0", "k1", "k2")
    kinds = {
        "full": "every unit sees every pixel",
        "local": "every unit has a field of its own",
        "shared": "… and the same weights in each",
    }
    for k, (words, about) in enumerate(kinds.items()):
        left, top, low = MARGIN + k * 300, y + 46, y + 128
        page.text(left, y, words, 16, bold=True)
        page.text(left, y + 20, about, SMALL, ink="soft")
        for i in range(m):
            at = left + wide * (i + 1.5) / n
            reach = range(n) if words == "full" else range(i, i + 3)
            for j in reach:
                ink, thick = ("soft", 0.5) if words == "full" else (inks[j - i], 2) if words == "shared" else ("soft", 1.1)
                page.line([(at, top), (left + wide * (j + 0.5) / n, low)], ink, thick)
        for i in range(m):
            page.dot(left + wide * (i + 1.5) / n, top, "ink", "a unit", 5)
        for j in range(n):
            page.box(left + wide * (j + 0.5) / n - 6, low - 6, 12, 12, "k5")
        page.text(left, low + 26, f"{power(steps[words]['weights'])} weights", 15, bold=True)
    return y + 178


def bars(page: Sketch, y: float, title: str, rows: dict[str, dict[str, int]], top: int) -> float:
    """Weights and MACs of each step on one logarithmic axis, 1 … 10^top."""
    left, wide = MARGIN + 150, 560
    page.text(MARGIN, y + 4, title, bold=True)
    y += 18
    high = len(rows) * 34
    for e in range(top + 1):
        x = left + wide * e / top
        page.line([(x, y), (x, y + high)])
        if e % 2 == 0:
            page.text(x, y + high + 15, "1" if e == 0 else power(10**e) if e > 2 else str(10**e), SMALL, "middle", "soft")
    for i, (words, found) in enumerate(rows.items()):
        at = y + i * 34 + 5
        page.text(left - 10, at + 16, words, NORMAL, "end")
        for k, (key, ink) in enumerate((("weights", "k0"), ("macs", "k1"))):
            long = wide * math.log10(max(found[key], 1)) / top
            page.box(left, at + k * 12, long, 11, ink, 0.8)
            page.text(left + long + 6, at + k * 12 + 10, f"{power(found[key])} {'weights' if k == 0 else 'MACs'}", SMALL - 1)
    return y + high + 38
