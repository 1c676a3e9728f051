"""LeNet-5's C3: which maps of S2 each of its maps reads, and what that saves. From the architecture's record itself."""

import torch
from torch.nn import functional as F

from neocog.arch import Conv2d, TableConv2d
from neocog.arch import analyse as layer_table
from neocog.arch.record import pair
from neocog.arch.window import size
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, caption, close, printed, table
from neocog.explain.classroom.numbers import tiny
from neocog.figure.sketch import SMALL, Sketch
from neocog.nets import resolve
from neocog.nn import layers
from neocog.nn.modules import module

SOURCE = "LeCun, Bottou, Bengio & Haffner 1998, section II.B and Table I. The table is read from neocog's record of LeNet-5."
KINDS = ("3 neighbours", "4 neighbours", "4, with gaps", "all")
INK = ("k0", "k2", "k1", "k3")
CELL = 41


def kind(row: tuple[int, ...], maps: int) -> int:
    """0: three neighbouring maps, 1: four, 2: others, 3: all; the first map neighbours the last."""
    if len(row) == maps:
        return 3
    neighbours = any({(start + i) % maps for i in range(len(row))} == set(row) for start in range(maps))
    return 2 if not neighbours else len(row) - 3


def show(asked: Asked) -> Lesson:
    """The table, the same as links between maps, and the counts against full connection."""
    net = resolve("lenet5").build()
    row = layer_table(net).by_path["C3"]
    record, maps = row.node.record, row.inputs[0][0]
    assert isinstance(record, TableConv2d)
    dense = Conv2d(len(record.table), record.kernel)
    full = {
        "links": maps * len(record.table),
        "params": sum(size(p.shape) for p in dense.params(*row.inputs)),
        "connections": dense.connections(*row.inputs),
        "macs": dense.macs(*row.inputs),
    }
    ours = {"links": record.links, "params": row.params, "connections": row.connections, "macs": row.macs}
    kinds = [kind(r, maps) for r in record.table]
    read = [sum(i in r for r in record.table) for i in range(maps)]
    gap = _against_zeros(record, row.inputs[0], asked.seed)
    alike = len(record.table) - len({frozenset(r) for r in record.table})

    heads = ("C3", "links", "parameters", "connections", "MACs")
    rows = [
        (what, *(f"{n:,}" for n in found.values()))
        for what, found in (("as the table has it", ours), ("every map reads every map", full))
    ]
    rows.append(("ratio", *(f"{a / b:.3f}" for a, b in zip(ours.values(), full.values(), strict=True))))
    proof = f"The table's layer against a full one with zeros at the dots: largest difference {tiny(gap)}."
    why = (
        f"Each map of S2 is read by {read[0] if len(set(read)) == 1 else read} maps of C3, and "
        f"{'no two maps of C3 read' if not alike else f'{alike} maps of C3 read'} the same ones: different inputs force the "
        "maps to learn different features, and fewer links cost less."
    )
    sheet, y = board("C3 of LeNet-5: who reads whom", "A cross: this map of C3 (column) reads this map of S2 (row).")
    y = _grid(sheet, MARGIN + 88, y + 6, record.table, kinds, maps, row.params, record)
    sizes = [f"{of}, {shape[1]}×{shape[2]}" for of, shape in (("S2", row.inputs[0]), ("C3", row.output))]
    y = _links(sheet, y + 26, record.table, kinds, maps, sizes)
    y = table(sheet, MARGIN, y + 26, heads, rows)
    facts = {
        "table": [list(r) for r in record.table],
        "ours": ours,
        "full": full,
        "read_by": read,
        "difference_from_zeros": gap,
    }
    return Lesson(asked.name, close(sheet, y + 6, [why, proof], SOURCE), (*printed(heads, rows), "", why, proof), facts)


def _against_zeros(record: TableConv2d, shape: tuple[int, ...], seed: int) -> float:
    """The largest difference between the layer and a full convolution whose missing links weigh 0."""
    layer = module(record, (shape,))
    assert isinstance(layer, layers.TableConv2d)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in layer.parameters():
            p.copy_(torch.randn(p.shape, generator=generator))
        x = torch.randn((1, *shape), generator=generator)
        weight, links = torch.zeros(len(record.table), shape[0], *layer.weight.shape[1:]), iter(layer.weight)
        for i, reads in enumerate(record.table):
            for j in reads:
                weight[i, j] = next(links)
        return float((layer(x) - F.conv2d(x, weight, layer.bias)).abs().max())


def _grid(
    sheet: Sketch,
    x: float,
    y: float,
    links: tuple[tuple[int, ...], ...],
    kinds: list[int],
    maps: int,
    params: int,
    record: TableConv2d,
) -> float:
    """Table I, its columns tinted by kind, with what each kind of map costs."""
    y += 16
    for j, reads in enumerate(links):
        sheet.text(x + (j + 0.5) * CELL, y - 6, str(j), SMALL, "middle", "soft")
        sheet.box(x + j * CELL, y, CELL, maps * CELL, INK[kinds[j]], 0.08)
        for i in range(maps):
            at = (x + (j + 0.5) * CELL, y + (i + 0.5) * CELL)
            if i in reads:
                sheet.box(x + j * CELL + 2, y + i * CELL + 2, CELL - 4, CELL - 4, INK[kinds[j]], 0.26)
                for d in (1, -1):
                    sheet.line([(at[0] - 5, at[1] - 5 * d), (at[0] + 5, at[1] + 5 * d)], INK[kinds[j]], 2.4)
            else:
                sheet.dot(*at, "line", f"map {j} does not read map {i}", 1.8)
    sheet.text(x - 12, y - 6, "C3 →", SMALL, "end", "soft")
    for i in range(maps):
        sheet.text(x - 12, y + (i + 0.5) * CELL + 4, f"S2 map {i}", SMALL, "end", "soft")
        sheet.text(
            x + len(links) * CELL + 12, y + (i + 0.5) * CELL + 4, f"read by {sum(i in r for r in links)}", SMALL, ink="soft"
        )
    taps = size(pair(record.kernel))
    end = y + maps * CELL
    for k in sorted(set(kinds)):
        places = [j for j, one in enumerate(kinds) if one == k]
        count = len(links[places[0]])
        middle, left, right = x + (places[0] + places[-1] + 1) / 2 * CELL, x + places[0] * CELL, x + (places[-1] + 1) * CELL
        sheet.line([(left + 3, end + 6), (left + 3, end + 10), (right - 3, end + 10), (right - 3, end + 6)], INK[k], 1.4)
        lines = (KINDS[k], f"{len(places)} × ({count}·{taps} + 1)", f"= {len(places) * (count * taps + 1):,}")
        for n, words in enumerate(lines if len(places) > 1 else (KINDS[k], f"{count}·{taps} + 1", lines[2])):
            sheet.text(
                middle if k < 3 else left,
                end + 26 + 15 * n,
                words,
                SMALL,
                "middle" if k < 3 else "start",
                INK[k] if n == 0 else "soft",
                n == 0,
            )
    sheet.text(x - 12, end + 56, "parameters", SMALL, "end", "soft")
    sheet.text(sheet.wide - MARGIN, end + 56, f"sum {params:,}", SMALL, "end", bold=True)
    return end + 60


def _links(sheet: Sketch, y: float, links: tuple[tuple[int, ...], ...], kinds: list[int], maps: int, sizes: list[str]) -> float:
    """The same as in a drawing of the net: six maps above, sixteen below, a line for each link."""
    caption(sheet, MARGIN, y, "The same as lines")
    top, low = y + 26, y + 148
    step = (sheet.wide - 2 * MARGIN - 90) / len(links)
    above = [MARGIN + 90 + (i + 0.5) * step * len(links) / maps for i in range(maps)]
    below = [MARGIN + 90 + (j + 0.5) * step for j in range(len(links))]
    for j, reads in enumerate(links):
        for i in reads:
            sheet.line([(above[i], top + 10), (below[j], low - 10)], INK[kinds[j]], 1.1)
    for at, row, ink in ((above, top, ["ink"] * maps), (below, low, [INK[k] for k in kinds])):
        for i, x in enumerate(at):
            sheet.box(x - 11, row - 11, 22, 22, "paper")
            sheet.box(x - 11, row - 11, 22, 22, ink[i], 0.15)
            sheet.frame(x - 11, row - 11, 22, 22, ink[i], 1.3)
            sheet.text(x, row + 4, str(i), SMALL, "middle")
    sheet.text(MARGIN, top + 4, sizes[0], SMALL, ink="soft")
    sheet.text(MARGIN, low + 4, sizes[1], SMALL, ink="soft")
    return low + 20
