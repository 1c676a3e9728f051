"""Is it one of ours? Two networks are one if their nodes compute the same, whatever they are called and however ordered.

Every node gets a number that stands for what it computes of the picture: its own arithmetic and its inputs' numbers. Equal
numbers at the outputs mean equal networks; a walk down from there then says which node of ours is which of theirs.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import cache

from neocog.arch import (
    LRN,
    AdaptiveAvgPool2d,
    Architecture,
    AvgPool2d,
    BatchNorm2d,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    DropPath,
    Flatten,
    Init,
    Leaf,
    Linear,
    MaxPool2d,
    Row,
    Scale,
    Window,
    analyse,
)
from neocog.arch.depth import depth
from neocog.arch.rewrite import with_classes, with_input, without_taps
from neocog.arch.window import size, times
from neocog.errors import UserError
from neocog.nets import resolve
from neocog.nets.index import Entry, entries

SILENT = (Dropout, DropPath, Flatten)  # nothing in the test phase, or nothing but another shape of the same numbers
ANY_ORDER = ("Add", "Mul", "Maximum")
Key = tuple


@dataclass(frozen=True, eq=False)
class Same:
    """A network of ours, in the size and with the classes of theirs, and which node of ours is which of theirs."""

    arch: Architecture
    theirs: dict[str, str]


def recognise(found: Architecture) -> Same | None:
    """The network of ours that `found` is, if it is one."""
    macs, layers = analyse(found).total("macs"), depth(found)
    listed = known()
    likely = [name for name, entry in listed.items() if entry.macs == macs and entry.input == found.input]
    others = [name for name, entry in listed.items() if name not in likely and entry.depth == layers]
    return next((same for name in (*likely, *others) if (same := _same(name, found)) is not None), None)


def match(name: str, found: Architecture, where: str) -> Same:
    """`found` as the network called `name`. Raises UserError, with the first difference, if it is another."""
    same = _same(name, found)
    if same is not None:
        return same
    other = recognise(found)
    hint = f"; it is {other.arch.name}: use --net {other.arch.name}" if other else "; leave --net out to take it as it is"
    raise UserError(f"{where}: not {resolve(name).name}: {_difference(name, found)}{hint}")


@cache
def known() -> dict[str, Entry]:
    """Every network's entry; worked out once, for that takes seconds where the saved list is out of date."""
    return entries()


def _weighted(arch: Architecture) -> int:
    """How many convolutions and full connections there are on the main way."""
    return sum(isinstance(n.record, Conv2d | DepthwiseConv2d | Linear) and n.path in arch.main for n in arch.nodes)


def _adapted(name: str, found: Architecture) -> Architecture | None:
    """Our network with their number of classes, picture size and auxiliary heads; None if it cannot be had."""
    ours = resolve(name).build()
    if _weighted(ours) != _weighted(found):
        return None  # soon said, where many are asked
    try:
        if not found.taps:
            ours, _ = without_taps(ours)
        classes = analyse(found).output[0]
        if analyse(ours).output[0] != classes:
            ours, _ = with_classes(ours, classes)
        if ours.input != found.input and ours.input[0] == found.input[0]:
            ours, _ = with_input(ours, found.input)
    except UserError:
        return None
    return ours if ours.input == found.input else None


def _same(name: str, found: Architecture) -> Same | None:
    ours = _adapted(name, found)
    if ours is None:
        return None
    numbers: dict[Key, int] = {}
    mine, theirs = _numbers(ours, numbers), _numbers(found, numbers)
    if mine[ours.output] != theirs[found.output]:
        return None
    ends = [(ours.output, found.output)]
    for tap in ours.taps:
        like = [t.output for t in found.taps if theirs[t.output] == mine[tap.output]]
        if not like:
            return None
        ends.append((tap.output, like[0]))
    pairs = _pairs(ours, found, mine, theirs, ends)
    return None if pairs is None else Same(ours, pairs)


def _numbers(arch: Architecture, numbers: dict[Key, int]) -> dict[str, int]:
    """What each node computes, as a number; the same dictionary for two networks makes them comparable."""
    of = {"input": numbers.setdefault(("input", arch.input), 0)}
    before_bn = _before_bn(arch)
    for row in analyse(arch).rows:
        inputs = [of[name] for name in row.node.inputs]
        key = _key(row, row.path in before_bn)
        if key is None:
            of[row.path] = inputs[0]
            continue
        whole = (key, *(sorted(inputs) if row.node.record.type in ANY_ORDER else inputs))
        of[row.path] = numbers.setdefault(whole, len(numbers))
    return of


def _before_bn(arch: Architecture) -> set[str]:
    """Nodes that only a batch normalisation reads: a bias there is as good as none, for the mean takes it off again."""
    readers: dict[str, list[Leaf]] = {}
    for node in arch.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node.record)
    return {path for path, found in readers.items() if len(found) == 1 and isinstance(found[0], BatchNorm2d)}


def _key(row: Row, before_bn: bool) -> Key | None:
    """A node's own arithmetic, however it is written; None where it does nothing."""
    record, shape = row.node.record, row.inputs[0]
    if isinstance(record, SILENT) or record == Scale(1.0):
        return None
    if isinstance(record, Linear):
        return "dense", record.out, record.bias and not before_bn
    if isinstance(record, DepthwiseConv2d):
        record = record.as_conv(shape)
    if isinstance(record, Conv2d):
        bias, windows = record.bias and not before_bn, record.windows(shape)
        if record.groups == 1 and _whole_map(windows, shape):
            return "dense", record.out, bias
        return "conv", record.out, windows, record.groups, bias
    if isinstance(record, AdaptiveAvgPool2d) and record.out == (1, 1):
        return ("mean",)
    if isinstance(record, AvgPool2d):
        windows = record.windows(shape)
        if _whole_map(windows, shape):
            return ("mean",)
        counted = record.count_padding and any(w.before or w.after for w in windows)
        return "average", *(_places(w, n) for w, n in _axes(row, windows)), counted
    if isinstance(record, MaxPool2d):  # padding behind the map is as good as none: nothing is below -∞
        return "max", *(_places(w, n)[:-1] for w, n in _axes(row, record.windows(shape)))
    if isinstance(record, LRN):
        alpha = record.alpha / record.size if record.divide_alpha else record.alpha
        return "LRN", record.size, float(f"{alpha:.9g}"), record.beta, record.k
    if isinstance(record, BatchNorm2d):
        return "BN", float(f"{record.eps:.6g}")
    values = [(f.name, getattr(record, f.name)) for f in fields(record)]
    return record.type, *(pair for pair in values if not isinstance(pair[1], Init))


def _axes(row: Row, windows: tuple[Window, Window]) -> Iterator[tuple[Window, int]]:
    return zip(windows, row.inputs[0][1:], strict=True)


def _whole_map(windows: tuple[Window, Window], shape: tuple[int, ...]) -> bool:
    return all(
        w.dilation == 1 and w.kernel == n and not w.before and not w.after for w, n in zip(windows, shape[1:], strict=True)
    )


def _places(window: Window, n: int) -> tuple[int, ...]:
    """Where a pool's windows lie on an axis of n positions; last, how far padding behind the map counts in a mean."""
    out = window.output(n)
    reach = (out - 1) * window.stride + window.extent - window.before - n  # beyond the map
    return window.kernel, window.stride, window.before, window.dilation, out, min(max(reach, 0), window.after)


def _pairs(
    ours: Architecture, found: Architecture, mine: dict[str, int], theirs: dict[str, int], ends: list[tuple[str, str]]
) -> dict[str, str] | None:
    """Ours → theirs for every node that does anything; None if one would be two."""
    pairs: dict[str, str] = {}
    todo = [(_loud(ours, a), _loud(found, b)) for a, b in ends]
    while todo:
        a, b = todo.pop()
        if "input" in (a, b):
            if a != b:
                return None
            continue
        if a in pairs:
            if pairs[a] != b:
                return None
            continue
        pairs[a] = b
        left = [_loud(ours, name) for name in ours.by_path[a].inputs]
        right = [_loud(found, name) for name in found.by_path[b].inputs]
        if ours.by_path[a].record.type in ANY_ORDER:
            left, right = sorted(left, key=mine.__getitem__), sorted(right, key=theirs.__getitem__)
        todo += zip(left, right, strict=True)
    return pairs if len(set(pairs.values())) == len(pairs) else None


def _loud(arch: Architecture, path: str) -> str:
    """The first node from `path` upwards that does anything."""
    while path != "input":
        record = arch.by_path[path].record
        if not (isinstance(record, SILENT) or record == Scale(1.0)):
            return path
        path = arch.by_path[path].inputs[0]
    return path


def _difference(name: str, found: Architecture) -> str:
    """The first layers, in order, that are not alike."""
    ours = _adapted(name, found)
    if ours is None:
        other = resolve(name).build()
        return f"pictures of {times(found.input)} in, {size(analyse(found).output)} scores out, not {times(other.input)} in"
    sides = []
    for arch in (ours, found):
        before_bn = _before_bn(arch)
        rows = [(row, _key(row, row.path in before_bn)) for row in analyse(arch).rows if row.path in arch.main]
        sides.append([(row, key) for row, key in rows if key is not None])
    for (mine, a), (theirs, b) in zip(*sides, strict=False):
        if a != b:
            return f"{theirs.path} is {_told(theirs)} where {ours.name} has {mine.path}, {_told(mine)}"
    counts = [len(side) for side in sides]
    return f"{counts[1]} layers, not {counts[0]}" if counts[0] != counts[1] else "its layers are joined otherwise"


def _told(row: Row) -> str:
    record = row.node.record
    extra = f" k={record.k:g} α={record.alpha:g}" + ("/size" if record.divide_alpha else "") if isinstance(record, LRN) else ""
    return f"{record.describe()}{extra} to {times(row.output)}"
