"""The layer table as the papers print it: one row a layer of weights, pool or block, with what follows it on the row."""

from dataclasses import dataclass

from neocog.arch.account import Analysis, Row
from neocog.arch.architecture import Node
from neocog.arch.layers import AvgPool2d, Conv2d, DepthwiseConv2d, Flatten, Linear, MaxPool2d
from neocog.arch.record import Leaf
from neocog.arch.window import Shape, pair, times

WIDE = 140  # characters of a line of the table
SIGNS = {"Add": " + ", "Cat": " ; ", "Mul": " · "}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: sums over the nodes that it stands for."""

    path: str
    what: str
    output: Shape
    params: int
    macs: int
    receptive_field: list[int] | None
    stride: list[int] | None
    aux: bool = False


def lines(table: Analysis, full: bool = False) -> list[Line]:
    """The table's lines. Layers in a marked block become one line, unless `full`: then each node has its own."""
    if full:
        return [_line([row], row.path, row.node.record.describe()) for row in table.rows]
    out: list[list[Row]] = []
    blocks = {mark.path for mark in table.arch.marked("block")}
    inside = {row.path: scope for row in table.rows for scope in _scopes(row.path) if scope in blocks}
    current: str | None = None
    for row in table.rows:
        block = inside.get(row.path)
        if out and ((block is not None and block == current) or (block is None and current is None and _follows(row, out[-1]))):
            out[-1].append(row)
        else:
            out.append([row])
        current = block
    return [_line(rows, inside.get(rows[0].path, rows[0].path), _words(rows, rows[0].path in inside)) for rows in out]


def _scopes(path: str) -> list[str]:
    """The path and all that hold it, innermost last."""
    parts = path.split(".")
    return [".".join(parts[:i]) for i in range(1, len(parts) + 1)]


def repeated(found: list[Line]) -> list[tuple[Line, int]]:
    """Runs of lines that do the same, as (the last of the run, how many)."""
    out: list[tuple[Line, int]] = []
    for line in found:
        same = out and (out[-1][0].what, out[-1][0].output, out[-1][0].params, out[-1][0].macs) == (
            line.what,
            line.output,
            line.params,
            line.macs,
        )
        if same and line.params:
            out[-1] = (line, out[-1][1] + 1)
        else:
            out.append((line, 1))
    return out


def _follows(row: Row, group: list[Row]) -> bool:
    return row.node.record.follows and row.node.inputs == (group[-1].path,) and row.aux == group[-1].aux


def _words(rows: list[Row], block: bool) -> str:
    if not block:
        return " · ".join(row.node.record.describe() for row in rows if not isinstance(row.node.record, Flatten))
    return _Block({row.path: row for row in rows}).words(rows[-1].path)


@dataclass(frozen=True)
class _Block:
    """A block in the shorthand of the papers: `1×1:64 → 3×3:64 → 1×1:256 + x`, `1×1:16 → (1×1:64 ; 3×3:64)`."""

    rows: dict[str, Row]

    def words(self, path: str, start: str = "") -> str:
        """What leads to a node from `start`; from the block's own input, x, where that is not said."""
        if path == start or path not in self.rows:
            return ""
        node = self.rows[path].node
        if node.record.joins:
            return self.join(node, start)
        before = self.words(node.inputs[0], start)
        if node.record.follows:
            return before
        if any(sign in before for sign in SIGNS.values()):
            before = f"({before})"
        return f"{before} → {short(node.record)}" if before else short(node.record)

    def join(self, node: Node, start: str) -> str:
        """Branches; what all of them begin with is written once."""
        fork = self.fork(node.inputs, start)
        sign = SIGNS.get(node.record.type, " · ")
        branches = [self.words(name, fork) for name in node.inputs]
        others = set(SIGNS.values()) - {sign}
        words = sign.join(f"({w})" if any(s in w for s in others) else w or "x" for w in branches)
        first = self.words(fork, start) if fork != start else ""
        return f"{first} → ({words})" if first else words

    def fork(self, names: tuple[str, ...], start: str) -> str:
        """The last node that every branch has passed, all that lies before it being one chain."""
        chains = [self.chain(name, start) for name in names]
        common = [path for path, *others in zip(*chains, strict=False) if all(other == path for other in others)]
        return common[-1] if common else start

    def chain(self, path: str, start: str) -> list[str]:
        """The nodes from `start` to `path`; none where branches meet on the way."""
        out: list[str] = []
        while path != start and path in self.rows:
            if self.rows[path].node.record.joins:
                return []
            out.append(path)
            path = self.rows[path].node.inputs[0]
        return out[::-1]


def short(record: Leaf) -> str:
    """A convolution as papers write it in a block: kernel, stride where it is not 1, groups, maps."""
    if isinstance(record, Conv2d | DepthwiseConv2d):
        (kh, kw), (sh, _) = pair(record.kernel), pair(record.stride)
        maps = f":{record.out}" if isinstance(record, Conv2d) else ""
        groups = f" g{record.groups}" if isinstance(record, Conv2d) and record.groups > 1 else ""
        deep = "dw " if isinstance(record, DepthwiseConv2d) else ""
        dilation = f" d{pair(record.dilation)[0]}" if pair(record.dilation) != (1, 1) else ""
        return f"{deep}{kh}×{kw}" + (f"/{sh}" if sh > 1 else "") + groups + dilation + maps
    if isinstance(record, MaxPool2d | AvgPool2d):
        (kh, kw), (sh, _) = pair(record.kernel), pair(record.stride)
        kind = "max" if isinstance(record, MaxPool2d) else "average"
        return f"{kind} {kh}×{kw}" + (f"/{sh}" if sh > 1 else "")
    if isinstance(record, Linear):
        return f"fc:{record.out}"
    return record.describe()


def _line(rows: list[Row], path: str, what: str) -> Line:
    last = rows[-2] if len(rows) > 1 and isinstance(rows[-1].node.record, Flatten) else rows[-1]
    return Line(
        path,
        what,
        last.output,
        sum(r.params for r in rows),
        sum(r.macs for r in rows),
        last.receptive_field,
        last.stride,
        last.aux,
    )


def text(table: Analysis, full: bool = False) -> list[str]:
    """The table in columns: layer, what it is, output, parameters, MACs, receptive field / stride."""
    head = ("layer", "what", "output", "params", "MACs", "field/stride")
    body: list[tuple[str, ...]] = [head]
    for line, count in repeated(lines(table, full)) if not full else [(line, 1) for line in lines(table, True)]:
        field = (
            "-"
            if line.receptive_field is None or line.stride is None
            else f"{_pair(line.receptive_field)}/{_pair(line.stride)}"
        )
        number = f"{count} × " if count > 1 else ""
        body.append(
            (
                ("… " if count > 1 else "") + line.path + (" (aux)" if line.aux else ""),
                line.what,
                times(line.output),
                number + _count(line.params),
                number + _count(line.macs),
                field,
            )
        )
    widths = [max(len(row[i]) for row in body) for i in range(len(head))]
    widths[1] = min(widths[1], WIDE - sum(widths) + widths[1] - 2 * (len(head) - 1))
    out = []
    for row in body:
        cells = [row[0].ljust(widths[0]), _clip(row[1], widths[1]).ljust(widths[1]), row[2].ljust(widths[2])]
        cells += [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
        out.append("  ".join(cells).rstrip())
    return out


def _clip(words: str, width: int) -> str:
    return words if len(words) <= width else words[: width - 1] + "…"


def _pair(value: list[int]) -> str:
    return str(value[0]) if value[0] == value[1] else times(tuple(value))


def _count(value: int) -> str:
    return f"{value:,}" if value else "-"
