"""The layer table as the papers print it: one row a layer of weights, pool or block, with what follows it on the row."""

from dataclasses import dataclass

from neocog.arch.account import Analysis, Row
from neocog.arch.layers import Add, Flatten
from neocog.arch.window import Shape, times


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
    sums = [row for row in rows if isinstance(row.node.record, Add)]
    if len(sums) != 1:
        return _chain(rows)
    inputs = {row.path: row.node.inputs for row in rows}
    branches = []
    for end in sums[0].node.inputs:
        todo, mine = [end], set()
        while todo:
            path = todo.pop()
            if path in inputs:
                mine.add(path)
                todo += inputs[path]
        branches.append(_chain([row for row in rows if row.path in mine]) or "x")
    return " + ".join(branches)


def _chain(rows: list[Row]) -> str:
    return " → ".join(
        r.node.record.describe() for r in rows if not r.node.record.follows and not isinstance(r.node.record, Add)
    )


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
    widths[1] = min(widths[1], 62)
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
