"""A tangle to places: its boxes in layers, its lines as curves that pass between them."""

from neocog.arch.drawing import layered
from neocog.arch.drawing.boxes import Boxes
from neocog.arch.drawing.scene import Exit, Line, Piece
from neocog.arch.drawing.tree import Tangle

LANE = 28  # what a line that passes a layer takes


def lay_out(tangle: Tangle, boxes: Boxes, entries: tuple[int, ...]) -> Piece:
    """Boxes in layers, lines as curves. `entries`: what the sink reads."""
    index = {unit.id: i for i, unit in enumerate(tangle.units)} | {tangle.source: -1}
    inputs = [[index[name] for name in unit.inputs] for unit in tangle.units]
    ends = [index[name] for name in entries if name in index and name != tangle.source]
    if tangle.sink is None:
        ends = [i for i, unit in enumerate(tangle.units) if not any(reader in index for reader in unit.readers)]
    sizes = [boxes.size(unit) for unit in tangle.units]
    layer, xs, bends = layered.place(inputs, ends, [w for w, _ in sizes], 20, LANE)
    rows = max(layer)
    tall = [max([h for (_, h), at in zip(sizes, layer, strict=False) if at == n], default=0) for n in range(1, rows)]
    tops, y = [0.0], 26.0
    for h in tall:
        tops.append(y)
        y += h + 30
    height = y - 12
    spots = [(xs[i], tops[layer[i]]) for i in range(len(sizes))]
    left = max(w / 2 - x for (w, _), (x, _) in zip(sizes, spots, strict=True))
    right = max(w / 2 + x for (w, _), (x, _) in zip(sizes, spots, strict=True))
    lanes = [x for chain in bends.values() for _, x in chain]
    out = Piece(
        max([left, *(LANE / 2 - x for x in lanes)]), max([right, *(LANE / 2 + x for x in lanes)]), height, [], [], 0.0, False
    )
    for (source, node), chain in bends.items():
        start = (0.0, 0.0) if source < 0 else (spots[source][0], spots[source][1] + sizes[source][1])
        way = [start]
        for n, x in chain:
            way += [(x, tops[n]), (x, tops[n] + tall[n - 1])]
        if node == len(sizes) and tangle.sink is None:
            continue
        if node == len(sizes) and len(way) > 1:
            out.marks.append(Line(tuple(way), arrow=False, curved=True))
        for k in range([*inputs, ends][node].count(source)):  # a join may read one value twice
            x, low = way[-1]
            if node == len(sizes):
                out.exits.append(Exit(((x + 10 * k, low),)))
            else:
                (x1, y1), bow = spots[node], 18 * k
                out.marks.append(
                    Line((*way, *(((x + x1) / 2 + bow, (low + y1) / 2) for _ in range(min(k, 1))), (x1, y1)), curved=True)
                )
    for unit, (w, h), (x, top) in zip(tangle.units, sizes, spots, strict=True):
        out.marks.append(boxes.place(unit, x - w / 2, top, w, h))
    out.exits = out.exits or [Exit(((0.0, height),))]
    return out
