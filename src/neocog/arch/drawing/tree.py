"""The boxes as series and forks: what is in a row, what lies side by side, what is framed, what repeats.

Every path from the picture to the answer passes the *cuts*; between two cuts the graph falls into branches, which are cut
again. A branch that has no cut of its own and is no single box (a highway gate, a bridge) is a tangle, laid out in layers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from neocog.arch.drawing.units import Unit

DEPTH = 40  # forks within forks; what is nested deeper is drawn as a tangle


@dataclass(slots=True, eq=False)
class Fork:
    """Branches side by side. An empty branch is the value itself: a shortcut."""

    branches: list[list["Item"]]


@dataclass(slots=True, eq=False)
class Tangle:
    """Boxes that are no series and no fork; `source` and `sink` (None: none) are outside it."""

    units: list[Unit]
    source: int
    sink: int | None


@dataclass(slots=True, eq=False)
class Frame:
    """A block, or a run that repeats `count` times, drawn once."""

    items: list["Item"]
    label: str
    count: int = 1
    paths: list[str] = field(default_factory=list)


Item = Unit | Fork | Tangle | Frame


def series(units: list[Unit], main: list[Unit], source: int, sink: int | None, depth: int = 0) -> list[Item]:
    """`main`, in topological order, between `source` and `sink` (neither in it) as items in a row."""
    inside = {unit.id for unit in main}
    cuts = _cuts(main, inside, source, sink)
    out: list[Item] = []
    start, pieces = source, []
    piece: list[Unit] = []
    for unit in main:
        if unit.id in cuts:
            pieces.append((start, piece, unit))
            start, piece = unit.id, []
        else:
            piece.append(unit)
    pieces.append((start, piece, None))
    for begin, between, end in pieces:
        to = end.id if end else sink
        if between or (end and end.inputs.count(begin) > 1):
            out += _piece(units, between, begin, to, depth)
        if end:
            out.append(end)
    return out


def _cuts(main: list[Unit], inside: set[int], source: int, sink: int | None) -> set[int]:
    """The boxes that every path passes: where no edge is left open when their own inputs are closed."""
    opened = sum(unit.inputs.count(source) for unit in main)
    cuts = set()
    for unit in main:
        opened -= sum(1 for name in unit.inputs if name in inside or name == source)
        if opened == 0:
            cuts.add(unit.id)
        opened += sum(1 for reader in unit.readers if reader in inside or reader == sink)
    return cuts


def _piece(units: list[Unit], between: list[Unit], source: int, sink: int | None, depth: int) -> list[Item]:
    parts = components(between)
    entries = units[sink].inputs if sink is not None else ()
    branches: list[tuple[float, list[Item]]] = []
    for part in parts:
        inside = {unit.id for unit in part}
        order = min((i for i, name in enumerate(entries) if name in inside), default=len(entries))
        whole = depth >= DEPTH or (len(part) > 1 and not _cuts(part, inside, source, sink))
        branch: list[Item] = [Tangle(part, source, sink)] if whole else series(units, part, source, sink, depth + 1)
        branches.append((order, branch))
    branches += [(i, []) for i, name in enumerate(entries) if name == source]
    branches.sort(key=lambda b: b[0])
    return branches[0][1] if len(branches) == 1 else [Fork([b for _, b in branches])]


def components(between: list[Unit]) -> list[list[Unit]]:
    """The boxes that hang together."""
    root = {unit.id: unit.id for unit in between}

    def find(a: int) -> int:
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        return a

    for unit in between:
        for name in unit.inputs:
            if name in root:
                root[find(unit.id)] = find(name)
    parts: dict[int, list[Unit]] = {}
    for unit in between:
        parts.setdefault(find(unit.id), []).append(unit)
    return list(parts.values())


def leaves(items: list[Item]) -> Iterator[Unit]:
    """The boxes in items, in order."""
    for item in items:
        if isinstance(item, Unit):
            yield item
        elif isinstance(item, Fork):
            for branch in item.branches:
                yield from leaves(branch)
        else:
            yield from item.units if isinstance(item, Tangle) else leaves(item.items)
