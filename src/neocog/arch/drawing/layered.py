"""Any graph in layers (Sugiyama, Tagawa & Toda 1981): layers by the longest path, few crossings, then places.

Crossings are fewer when each box stands at the mean of its neighbours (barycentres, swept down and up). Places: in each
layer the least squares distance from the neighbours' mean that keeps the order and the gaps, which is isotonic regression.
"""

from bisect import bisect_right, insort
from dataclasses import dataclass

SWEEPS = 12


@dataclass(slots=True)
class Spot:
    """A box, or a bend of a line that passes a layer."""

    layer: int
    width: float
    up: list[int]
    down: list[int]
    x: float = 0.0


def layers(inputs: list[list[int]]) -> list[int]:
    """The layer of each node: one below the lowest it reads. Nodes come in topological order; -1 is the source."""
    out: list[int] = []
    for reads in inputs:
        out.append(1 + max((out[i] if i >= 0 else 0 for i in reads), default=0))
    return out


def place(
    inputs: list[list[int]], ends: list[int], widths: list[float], gap: float, thin: float
) -> tuple[list[int], list[float], dict[tuple[int, int], list[tuple[int, float]]]]:
    """(layer of each node, x of each node, bends of each edge as (layer, x)); the source stands at x = 0.

    Node n = len(inputs) is the sink, which the nodes of `ends` (-1: the source) lead to; it has a layer and an x as well.
    """
    of = layers([*inputs, ends])
    spots = [Spot(0, thin, [], [])] + [Spot(layer, width, [], []) for layer, width in zip(of, [*widths, thin], strict=True)]
    bends: dict[tuple[int, int], list[int]] = {}
    for node, reads in enumerate([*inputs, ends]):
        for source in dict.fromkeys(reads):
            at, chain = source + 1, []
            for layer in range(spots[source + 1].layer + 1, spots[node + 1].layer):
                spots.append(Spot(layer, thin, [], []))
                _link(spots, at, len(spots) - 1)
                at = len(spots) - 1
                chain.append(at)
            _link(spots, at, node + 1)
            bends[source, node] = chain
    rows: list[list[int]] = [[] for _ in range(max(of) + 1)]
    for i, spot in enumerate(spots):
        rows[spot.layer].append(i)
    _order(spots, rows)
    _spread(spots, rows, gap)
    zero = spots[0].x
    xs = [round(spot.x - zero, 1) for spot in spots]
    return of, xs[1 : len(inputs) + 2], {e: [(spots[i].layer, xs[i]) for i in chain] for e, chain in bends.items()}


def _link(spots: list[Spot], a: int, b: int) -> None:
    spots[a].down.append(b)
    spots[b].up.append(a)


def _order(spots: list[Spot], rows: list[list[int]]) -> None:
    """Fewest crossings found: sweeps down and up, the best order kept."""
    at = [0.0] * len(spots)
    for row in rows:
        _number(row, at)
    best, least = [list(row) for row in rows], _crossings(spots, rows, at)
    for sweep in range(SWEEPS if least else 0):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            near = {i: spots[i].up if down else spots[i].down for i in row}
            means = {i: sum(at[j] for j in js) / len(js) if js else at[i] for i, js in near.items()}
            row.sort(key=means.__getitem__)
            _number(row, at)
        found = _crossings(spots, rows, at)
        if found < least:
            best, least = [list(row) for row in rows], found
    for row, kept in zip(rows, best, strict=True):
        row[:] = kept


def _number(row: list[int], at: list[float]) -> None:
    for k, i in enumerate(row):
        at[i] = k


def _crossings(spots: list[Spot], rows: list[list[int]], at: list[float]) -> int:
    """Pairs of lines between neighbouring layers that cross: inversions of their lower ends."""
    count = 0
    for row in rows:
        seen: list[float] = []
        for i in row:
            ends = sorted(at[j] for j in spots[i].down)
            count += sum(len(seen) - bisect_right(seen, end) for end in ends)
            for end in ends:
                insort(seen, end)
    return count


def _spread(spots: list[Spot], rows: list[list[int]], gap: float) -> None:
    for row in rows:
        x = 0.0
        for i in row:
            spots[i].x = x + spots[i].width / 2
            x += spots[i].width + gap
        for i in row:
            spots[i].x -= (x - gap) / 2
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else list(reversed(rows)):
            wish = []
            for i in row:
                near = spots[i].up if sweep % 2 == 0 else spots[i].down
                near = near or [i]
                wish.append(sum(spots[j].x for j in near) / len(near))
            _fit(spots, row, wish, gap)


def _fit(spots: list[Spot], row: list[int], wish: list[float], gap: float) -> None:
    """The places nearest to the wishes with `gap` between boxes: pool adjacent violators."""
    offset, offsets = 0.0, []
    for k, i in enumerate(row):
        if k:
            offset += (spots[row[k - 1]].width + spots[i].width) / 2 + gap
        offsets.append(offset)
    pools: list[tuple[float, int]] = []  # (mean, how many)
    for w, o in zip(wish, offsets, strict=True):
        mean, count = w - o, 1
        while pools and pools[-1][0] > mean:
            m, n = pools.pop()
            mean, count = (m * n + mean * count) / (n + count), n + count
        pools.append((mean, count))
    means = [mean for mean, count in pools for _ in range(count)]
    for i, mean, o in zip(row, means, offsets, strict=True):
        spots[i].x = mean + o
