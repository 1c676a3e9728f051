"""Rules of thumb for the sizes of layers, as the CS231n course notes give them, and what a network does against them.

A finding is no fault: AlexNet and ResNet break several of these rules, and each says what one gains by keeping it. Rules are
small functions of the layer table; `RULES` names them.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from neocog.arch.account import Analysis, Row, analyse
from neocog.arch.architecture import Architecture
from neocog.arch.fit import misfits
from neocog.arch.layers import (
    AdaptiveAvgPool2d,
    AvgPool2d,
    Conv2d,
    DepthwiseConv2d,
    Linear,
    MaxPool2d,
    Subsampling,
    TableConv2d,
)
from neocog.arch.record import Windowed
from neocog.arch.window import Shape, pair, size, times

CONVS = (Conv2d, DepthwiseConv2d, TableConv2d)
POOLS = (MaxPool2d, AvgPool2d, Subsampling)
NOTES = "CS231n course notes, convolutional networks"
SIZES = f"{NOTES}: layer sizing patterns"
PATTERNS = f"{NOTES}: layer patterns"
MEMORY = f"{NOTES}: computational considerations"


@dataclass(frozen=True, slots=True)
class Finding:
    """One layer (or "input") against one rule: why it matters, what to do, who says so."""

    path: str
    rule: str
    why: str
    advice: str
    source: str


def lint(arch: Architecture, input: Shape | None = None) -> tuple[Finding, ...]:
    """What `arch` does against the rules, in the order of `RULES`; auxiliary heads are left out."""
    table = analyse(arch, input)
    return tuple(Finding(path, name, *words) for name, rule in RULES.items() for path, *words in rule(table))


Found = Iterator[tuple[str, str, str, str]]


def convolutions(table: Analysis) -> list[Row]:
    """The convolutions proper: one that covers its whole map is a full connection."""
    rows = [row for row in table.rows if not row.aux and isinstance(row.node.record, CONVS)]
    return [row for row in rows if row.output[1:] != (1, 1) or row.inputs[0][1:] == (1, 1)]


def pools(table: Analysis) -> list[Row]:
    """The pools that leave more than one place."""
    return [r for r in table.rows if not r.aux and isinstance(r.node.record, POOLS) and r.output[1:] != (1, 1)]


def kernel(row: Row) -> tuple[int, int]:
    """Rows and columns of a window."""
    assert isinstance(row.node.record, Windowed)
    return pair(row.node.record.kernel)


def halves(table: Analysis) -> Found:
    """The input can be halved as often as the network halves it."""
    if len(table.input) != 3:
        return
    for axis, side in enumerate(table.input[1:]):
        times_halved = int(math.log2(max(1, table.stride[axis])))
        if axis and side == table.input[1] and table.stride[0] == table.stride[1]:
            return
        if times_halved and side % (step := 2**times_halved):
            near = [n for n in (side // step * step, -(-side // step) * step) if n]
            yield (
                "input",
                f"{side} cannot be halved {times_halved} times, as the network does (stride {table.stride[axis]})",
                f"pictures of {' or '.join(map(str, near))}",
                SIZES,
            )


def small_filters(table: Analysis) -> Found:
    """3×3, at most 5×5; larger ones only where the picture comes in."""
    first = True
    for row in convolutions(table):
        rows, columns = kernel(row)
        here, first = first, False
        if max(rows, columns) <= 5 or here:
            continue
        stack = (max(rows, columns) - 1) // 2
        pairs = not isinstance(row.node.record, DepthwiseConv2d)
        ways = f": {9 * stack} weights a pair of maps instead of {rows * columns}, and {stack} non-linearities" if pairs else ""
        yield row.path, f"filters of {rows}×{columns} behind the first layer", f"{stack} layers of 3×3 see as much{ways}", SIZES


def conv_steps(table: Analysis) -> Found:
    """Convolutions of stride 1; pools make maps smaller."""
    for row in convolutions(table):
        stride = pair(row.node.record.stride)  # type: ignore[attr-defined]  # a windowed record
        if max(stride) > 1:
            skips = max(s - k for s, k in zip(stride, kernel(row), strict=True)) > 0
            why = f"stride {max(stride)}" + (
                ": it skips places that no filter reads" if skips else " leaves out detail in the same step"
            )
            many = round(math.log2(max(stride)))
            instead = "a 2×2 pool" if many == 1 else f"{many} 2×2 pools"
            yield row.path, why, f"stride 1, and {instead} behind it ({size(stride)} times the MACs)", SIZES


def keeps_size(table: Analysis) -> Found:
    """Padding of (F-1)/2, so that convolutions of stride 1 keep the size of the map."""
    for row in convolutions(table):
        rows, columns = kernel(row)
        stride = pair(row.node.record.stride)  # type: ignore[attr-defined]
        if stride != (1, 1) or row.output[1:] == row.inputs[0][1:]:
            continue
        if rows % 2 and columns % 2:
            want = {(rows - 1) // 2, (columns - 1) // 2}
            advice = f"padding {' by '.join(map(str, sorted(want)))}"
        else:
            advice = "filters of an odd side, which can be centred"
        yield (
            row.path,
            f"{times(row.inputs[0][1:])} becomes {times(row.output[1:])}: the border fades out layer by layer",
            advice,
            SIZES,
        )


def small_pools(table: Analysis) -> Found:
    """Pools of 2×2 or 3×3: larger ones lose too much."""
    for row in pools(table):
        stride = pair(row.node.record.stride)  # type: ignore[attr-defined]
        if max(kernel(row)) > 3 and max(stride) > 1:
            kept = size(row.output) / size(row.inputs[0])
            yield (
                row.path,
                f"pooling {times(kernel(row))} keeps {100 * kept:.0f} % of the numbers",
                "2×2 or 3×3 with stride 2",
                SIZES,
            )


def pool_steps(table: Analysis) -> Found:
    """Pools of stride 2: 2×2, or 3×3 overlapping."""
    for row in pools(table):
        stride = pair(row.node.record.stride)  # type: ignore[attr-defined]
        if max(kernel(row)) <= 3 and stride != (2, 2) and stride != (1, 1):
            yield row.path, f"pooling {times(kernel(row))} with stride {times(stride)}", "2×2 or 3×3 with stride 2", SIZES


def reads_all(table: Analysis) -> Found:
    """Windows that tile their map: (W-F+2P)/S+1 is a whole number."""
    for m in misfits(table.arch, table.input):
        if not m.harmless and m.path in table.arch.main:
            what = str(m).partition("; use ")[0]
            yield m.path, what, " or ".join(m.mends) if m.mends else "a stride of at most the window", f"{NOTES}: (W-F+2P)/S+1"


def pattern(table: Analysis) -> Found:
    """[[CONV → RELU]*N → POOL?]*M → [FC → RELU]*K → FC with N ≤ 3 and K < 3. Of chains: branches follow rules of their own."""
    if any(len(row.node.inputs) > 1 for row in table.rows):
        return
    run: list[Row] = []
    for row in [*table.rows, None]:
        record = row.node.record if row is not None else None
        if isinstance(record, CONVS):
            run.append(row)  # type: ignore[arg-type]
        elif row is None or isinstance(record, POOLS) or len(row.output) == 1:
            if len(run) > 3:
                where = f"{run[0].path} to {run[-1].path}"
                yield (
                    run[3].path,
                    f"{len(run)} convolutions in a row ({where}): N is at most 3",
                    "a pool between them, or shortcuts",
                    PATTERNS,
                )
            run = []
    full = [row.path for row in table.rows if isinstance(row.node.record, Linear)]
    if len(full) > 3:
        yield full[-2], f"{len(full) - 1} hidden full connections: K is below 3", f"leave out {', '.join(full[2:-1])}", PATTERNS


def sees_enough(table: Analysis) -> Found:
    """The last units before a global average see the picture, and not mostly the padding around it."""
    last = table.last_map
    if last is None or last.receptive_field is None:
        return
    field, sides = last.receptive_field, table.input[1:]
    readers = [r for r in table.rows if not r.aux and last.path in r.node.inputs]
    averaged = any(isinstance(r.node.record, AdaptiveAvgPool2d | AvgPool2d) and r.output[1:] == (1, 1) for r in readers)
    if averaged and min(f / s for f, s in zip(field, sides, strict=True)) < 1:
        why = f"its units see {times(tuple(field))} of {times(sides)}: none sees a whole thing before the average"
        yield (
            last.path,
            why,
            "more layers, a stride earlier, or smaller pictures",
            f"{NOTES}: receptive fields of stacked layers",
        )
    elif max(f / s for f, s in zip(field, sides, strict=True)) > 3:
        why = f"its units see {times(tuple(field))}, of which the picture is {times(sides)}: mostly padding"
        yield last.path, why, "larger pictures, or fewer layers", "Luo et al. 2016: the effective field is far smaller"


def memory(table: Analysis) -> Found:
    """The first layers, at full resolution, need the most memory in training."""
    if len(table.input) != 3:
        return
    large = [r for r in table.rows if not r.aux and len(r.output) == 3 and r.output[1] * 2 > table.input[1]]
    share = sum(size(r.output) for r in large) / table.activations
    megabytes = 4 * table.activations / 1e6
    if large and share > 0.4 and megabytes > 20:
        most = max(large, key=lambda r: size(r.output))
        why = f"{100 * share:.0f} % of the {megabytes:.0f} MB that a picture needs in training lie at full resolution"
        yield most.path, why, "a first layer of 7×7 with stride 2 (ZFNet), or smaller batches", MEMORY


def first_full(table: Analysis) -> Found:
    """The first full connection holds most weights; an average before it needs none."""
    total = table.total("params")
    for row in table.rows:
        if isinstance(row.node.record, Linear) and not row.aux:
            source = next((r for r in table.rows if r.path == row.node.inputs[0]), None)
            maps = source.inputs[0] if source is not None and len(source.inputs[0]) == 3 else None
            if maps is not None and size(maps[1:]) > 1 and row.params > total / 2 and len(convolutions(table)) > 0:
                why = f"{100 * row.params / total:.0f} % of all {total:,} parameters"
                yield row.path, why, f"a global average of the {times(maps)} maps before it (Lin et al. 2013)", MEMORY
            return


RULES: dict[str, Callable[[Analysis], Found]] = {
    "input-halves": halves,
    "small-filters": small_filters,
    "stride-1": conv_steps,
    "same-padding": keeps_size,
    "small-pools": small_pools,
    "pool-stride": pool_steps,
    "reads-all": reads_all,
    "pattern": pattern,
    "receptive-field": sees_enough,
    "memory": memory,
    "full-connection": first_full,
}
