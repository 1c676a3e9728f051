"""Blocks put into frames, and runs of equal ones drawn once."""

from collections.abc import Iterator

from neocog.arch.architecture import Architecture
from neocog.arch.drawing.tree import Fork, Frame, Item, Tangle, leaves
from neocog.arch.drawing.units import Unit


def framed(items: list[Item], arch: Architecture, within: str = "") -> list[Item]:
    """The items of a marked block put into a frame, the outermost block first, blocks within blocks after it."""
    blocks = {mark.path: mark.label for mark in arch.marked("block") if not within or mark.path.startswith(within + ".")}
    if not blocks:
        return items
    out: list[Item] = []
    for item in items:
        scope = _scope(item, blocks)
        last = out[-1] if out else None
        if scope is None:
            if isinstance(item, Fork):
                item.branches = [framed(branch, arch, within) for branch in item.branches]
            out.append(item)
        elif isinstance(last, Frame) and last.paths == [scope]:
            last.items.append(item)
        else:
            out.append(Frame([item], blocks[scope], 1, [scope]))
    for i, item in enumerate(out):
        if isinstance(item, Frame) and item.items:
            item.items = framed(item.items, arch, item.paths[0])
            after = out[i + 1] if i + 1 < len(out) else None
            if isinstance(item.items[-1], Fork | Tangle) and isinstance(after, Unit):
                item.items.append(after)  # the join of its branches, which stands outside the block's scope
                out[i + 1] = Frame([], "")
    return [item for item in out if not isinstance(item, Frame) or item.items]


def _scope(item: Item, blocks: dict[str, str]) -> str | None:
    """The outermost block that holds all of an item."""
    found: str | None = None
    for unit in leaves([item]):
        assert unit.main is not None or unit.id == 0
        if unit.main is None:
            return None
        path = unit.main.path
        scopes = (path[: i if i >= 0 else len(path)] for i in _dots(path))
        scope = next((s for s in scopes if s in blocks), None)
        if scope is None or (found is not None and scope != found):
            return None
        found = scope
    return found


def _dots(path: str) -> Iterator[int]:
    at = path.find(".")
    while at >= 0:
        yield at
        at = path.find(".", at + 1)
    yield -1


def key(item: Item, ends: frozenset[int] = frozenset()) -> tuple:
    """Equal for items that one drawing can stand for; boxes in `ends` (read by an auxiliary head) equal none."""
    if isinstance(item, Unit):
        return ("unit", item.key if item.main else (), item.id if item.id in ends else 0)
    if isinstance(item, Fork):
        return ("fork", *(tuple(key(i, ends) for i in branch) for branch in item.branches))
    if isinstance(item, Frame):
        return ("frame", item.count, *(key(i, ends) for i in item.items))
    at = {unit.id: i for i, unit in enumerate(item.units)} | {item.source: -1}
    wiring = tuple(tuple(at[name] for name in unit.inputs) for unit in item.units)
    last = tuple(item.sink in unit.readers for unit in item.units)
    return ("tangle", wiring, last, *(key(unit, ends) for unit in item.units))


def collapsed(items: list[Item], ends: frozenset[int], stage_of: dict[int, str]) -> list[Item]:
    """Runs that repeat, drawn once: framed blocks, forks with their joins, and longer runs of plain layers."""
    keys = []
    for item in items:
        first = next(leaves([item]), None)  # a sum of a value and itself has branches without a box
        keys.append((key(item, ends), stage_of.get(first.id) if first else None))
    names = {k: i for i, k in enumerate(dict.fromkeys(keys))}
    seq = [names[k] for k in keys]
    out: list[Item] = []
    i = 0
    while i < len(items):
        period, count = _run(items, seq, i)
        if count > 1:
            out.append(_repeat(items[i : i + period * count], period, count))
            i += period * count
        else:
            out.append(items[i])
            i += 1
    return out


def _run(items: list[Item], seq: list[int], i: int) -> tuple[int, int]:
    """(period, how often) of the run that starts at item `i` and saves the most boxes."""
    best, saved = (1, 1), 0
    if isinstance(items[i], Unit) and items[i].joins:  # type: ignore[union-attr]
        return best  # a run would begin in the middle of a fork
    for period in range(1, 9):
        count = 1
        while seq[i : i + period] == seq[i + count * period : i + (count + 1) * period] and i + count * period < len(seq):
            count += 1
        body = items[i : i + period]
        plain = all(isinstance(item, Unit) for item in body)
        open_end = isinstance(body[-1], Fork | Tangle)
        gain = period * (count - 1)
        if count > 1 and not open_end and gain > saved and (gain >= 4 or not plain):
            best, saved = (period, count), gain
    return best


def _repeat(run: list[Item], period: int, count: int) -> Frame:
    first, others = run[:period], [run[i : i + period] for i in range(period, len(run), period)]
    for other in others:
        for unit, twin in zip(leaves(first), leaves(other), strict=True):
            unit.twins += [twin, *twin.twins]
    if period == 1 and isinstance(first[0], Frame):
        frame = first[0]
        frame.count *= count
        frame.paths = [path for item in run if isinstance(item, Frame) for path in item.paths]
        return frame
    return Frame(first, "", count, [])
