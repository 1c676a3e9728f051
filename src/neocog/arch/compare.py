"""Several architectures side by side, stage by stage, as VGG's table 1 and ResNet's table 1 print a family."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from neocog.arch.account import Analysis, Row, analyse
from neocog.arch.architecture import Architecture
from neocog.arch.layers import (
    LRN,
    RBF,
    Activation,
    AdaptiveAvgPool2d,
    Add,
    BatchNorm2d,
    Cat,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    Linear,
    Mul,
    ReLU,
    TableConv2d,
)
from neocog.arch.record import Windowed
from neocog.arch.window import pair, times

FEATURES = "features"


@dataclass(frozen=True, slots=True)
class Compared:
    """One row of the table: the stage (map size, or how often the picture was halved), a cell for each net, "" for none."""

    stage: str
    cells: tuple[str, ...]

    @property
    def differs(self) -> bool:
        """Whether not all nets have the same there."""
        return len(set(self.cells)) > 1


def compare(archs: Sequence[Architecture]) -> tuple[Compared, ...]:
    """The rows. Stages are matched by how often the picture has been halved, layers in a stage by what they are."""
    tables = [analyse(arch) for arch in archs]
    stages = [_stages(table) for table in tables]
    out = []
    for key in sorted({key for stage in stages for key in stage}):
        columns = [[words for words, _ in stage.get(key, [])] for stage in stages]
        sizes = {size for stage in stages for _, size in stage.get(key, [])}
        label = next(iter(sizes)) if len(sizes) == 1 else FEATURES if key == math.inf else f"/{2**key}"
        out += [Compared(label, row) for row in _aligned(columns)]
    return tuple(out)


def _stages(table: Analysis) -> dict[float, list[tuple[str, str]]]:
    """(cell, map size) of a net's layers by log₂ of the halvings; features come last."""
    out: dict[float, list[tuple[str, str]]] = {}
    for words, row in _cells(table):
        if len(row.output) == 1 or len(table.input) == 1 or row.output[1:] == (1, 1):
            key, size = math.inf, FEATURES
        else:
            key, size = max(0, round(math.log2(table.input[1] / row.output[1]))), times(row.output[1:])
        out.setdefault(key, []).append((words, size))
    return out


def _cells(table: Analysis) -> Iterator[tuple[str, Row]]:
    """A net's layers in short, each with its last row: a block is one, and blocks that repeat are counted."""
    blocks = {mark.path for mark in table.arch.marked("block")}
    groups: list[tuple[str | None, list[Row]]] = []
    for row in table.rows:
        if row.aux:
            continue
        parts = row.path.split(".")
        block = next((scope for i in range(1, len(parts) + 1) if (scope := ".".join(parts[:i])) in blocks), None)
        if groups and (
            (block is not None and groups[-1][0] == block)
            or (block is None and groups[-1][0] is None and _extra(row) is not None)
        ):
            groups[-1][1].append(row)
        else:
            groups.append((block, [row]))
    cells = [(_block(rows) if block else _layer(rows), _last_map(rows), block) for block, rows in groups]
    cells = [cell for cell in cells if cell[0]]
    i = 0
    while i < len(cells):
        words, row, block = cells[i]
        j = i + 1
        while block and j < len(cells) and cells[j][0] == words and cells[j][1].output == row.output:
            j += 1
        yield words + (f" ×{j - i}" if j - i > 1 else ""), row
        i = j


def _last_map(rows: list[Row]) -> Row:
    """Where a group stands: Flatten behind a pool does not make features of it."""
    return next((row for row in reversed(rows) if len(row.output) == 3), rows[-1])


def _block(rows: list[Row]) -> str:
    """`[1×1-64, 3×3-64, 1×1-256]`: its layers of weights."""
    return "[" + ", ".join(_short(row) for row in rows if isinstance(row.node.record, Conv2d | DepthwiseConv2d | Linear)) + "]"


def _layer(rows: list[Row]) -> str:
    """`conv3-64 BN`, `max 2`, `FC-4096 drop`; "" for what the papers' tables leave out."""
    first = rows[0].node.record
    if _extra(rows[0]) is not None and not isinstance(first, LRN):
        return (_extra(rows[0]) or "") if not isinstance(first, Activation | Dropout) else ""
    head = "conv" if isinstance(first, Conv2d | TableConv2d) else ""
    return head + _short(rows[0]) + "".join(f" {extra}" for row in rows[1:] if (extra := _extra(row)))


def _extra(row: Row) -> str | None:
    """What a layer adds to the cell of the one before it; None for a layer that has a cell of its own."""
    record = row.node.record
    if isinstance(record, BatchNorm2d):
        return "BN"
    if isinstance(record, Activation):
        return "" if isinstance(record, ReLU) else record.describe()
    if isinstance(record, Dropout):
        return "drop"
    return "" if record.follows and not isinstance(record, LRN) else None


def _short(row: Row) -> str:
    record = row.node.record
    if isinstance(record, Linear):
        return f"FC-{record.out}"
    if isinstance(record, RBF):
        return f"RBF-{record.out}"
    if isinstance(record, AdaptiveAvgPool2d) and pair(record.out) == (1, 1):
        return "global average"
    if isinstance(record, Add | Cat | Mul):
        return record.describe()
    if not isinstance(record, Windowed):
        return record.describe()
    (kh, kw), (sh, sw) = pair(record.kernel), pair(record.stride)
    window = f"{kh}" if kh == kw else f"{kh}×{kw}"
    step = "" if (sh, sw) == (1, 1) else f"/{sh}" if sh == sw else f"/{sh}×{sw}"
    if isinstance(record, Conv2d | TableConv2d):
        groups = f" g{record.groups}" if isinstance(record, Conv2d) and record.groups > 1 else ""
        return f"{window}-{row.output[0]}{step}{groups}"
    if isinstance(record, DepthwiseConv2d):
        return f"dw{window}{step}"
    kind = record.describe().partition(f"{kh}×{kw}")[0].strip()
    return f"{kind} {window}{step}"


def _aligned(columns: list[list[str]]) -> list[tuple[str, ...]]:
    """Rows of one stage: each net's cells in turn laid beside those of the nets before it."""
    rows: list[list[str]] = []
    for i, cells in enumerate(columns):
        known = [next(cell for cell in row if cell) for row in rows]
        merged: list[list[str]] = []
        for tag, a, b, c, d in SequenceMatcher(None, known, cells, autojunk=False).get_opcodes():
            old, new = rows[a:b], cells[c:d]
            for k in range(max(len(old), len(new))):
                row = [*old[k]] if k < len(old) else [""] * i
                merged.append([*row, new[k] if k < len(new) and tag != "delete" else ""])
        rows = merged
    return [tuple(row) for row in rows]
