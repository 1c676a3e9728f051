"""An architecture as boxes: a layer with its followers (ReLU, BN, dropout) is one, and each box knows whom it reads."""

from dataclasses import dataclass, field
from itertools import accumulate

from neocog.arch.account import Analysis, Row
from neocog.arch.drawing import words
from neocog.arch.layers import Flatten
from neocog.arch.window import Shape

SOURCE = 0  # the picture's own box


@dataclass(slots=True, eq=False)
class Unit:
    """One box: `before` and `after` are the followers written over and under the layer `main`; None is the picture."""

    id: int
    main: Row | None
    before: tuple[Row, ...] = ()
    after: tuple[Row, ...] = ()
    inputs: tuple[int, ...] = ()
    readers: list[int] = field(default_factory=list)
    twins: list["Unit"] = field(default_factory=list)  # the same box in the repeats that are not drawn

    @property
    def rows(self) -> tuple[Row, ...]:
        """Its nodes in order."""
        return (*self.before, *((self.main,) if self.main else ()), *self.after)

    @property
    def joins(self) -> bool:
        """Whether branches meet in it."""
        return self.main is not None and self.main.node.record.joins

    @property
    def output(self) -> Shape:
        """The shape that comes out, as maps where it is flattened at the end."""
        flat = next((row for row in self.after if isinstance(row.node.record, Flatten)), None)
        return flat.inputs[0] if flat else self.rows[-1].output

    @property
    def label(self) -> tuple[str, ...]:
        """What is drawn: followers before, the layer, followers after."""
        assert self.main is not None
        before, after = ([w for row in rows if (w := words.follower(row))] for rows in (self.before, self.after))
        return (" · ".join(before), words.label(self.main), " · ".join(after))

    @property
    def key(self) -> tuple:
        """Equal for boxes that one drawing can stand for: all but paths, shapes and what training starts from."""
        assert self.main is not None
        rows = [(row.node.record.type, words.follower(row)) for row in (*self.before, *self.after)]
        return (*rows, self.main.node.record.type, self.main.node.record.describe(), self.label, words.kind(self.main))

    def shape(self, table: Analysis) -> str:
        """The shape that flows out; a range where the repeats differ."""
        if self.main is None:
            return words.merged([table.input])
        return words.merged([unit.output for unit in (self, *self.twins)])


def units(table: Analysis) -> list[Unit]:
    """The boxes in topological order, the picture's first."""
    groups = _grouped(table)
    unit_of = {"input": SOURCE}
    out = [Unit(SOURCE, None)]
    for rows in groups:
        at = next((i for i, row in enumerate(rows) if not row.node.record.follows), None)
        if at is None:  # nothing but followers: the first is the layer, unless it only reshapes
            at = next((i for i, row in enumerate(rows) if words.follower(row)), 0)
        unit = Unit(len(out), rows[at], tuple(rows[:at]), tuple(rows[at + 1 :]))
        unit_of |= {row.path: unit.id for row in rows}
        out.append(unit)
    for unit in out[1:]:
        unit.inputs = tuple(unit_of[name] for name in unit.rows[0].node.inputs)
        for source in unit.inputs:
            out[source].readers.append(unit.id)
    return out


def _grouped(table: Analysis) -> list[list[Row]]:
    readers: dict[str, list[str]] = {}
    for node in table.arch.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node.path)
    blocks = {mark.path for mark in table.arch.marked("block")}

    def block_of(path: str) -> str | None:
        return next((scope for scope in accumulate(path.split("."), "{}.{}".format) if scope in blocks), None)

    ends = {table.arch.output, *(tap.output for tap in table.arch.taps)}
    groups: list[list[Row]] = []
    at: dict[str, int] = {}
    for row in table.rows:
        record, (source, *more) = row.node.record, row.node.inputs
        alone = not more and source in at and readers[source] == [row.path] and source not in ends
        group = groups[at[source]] if alone else None
        # A follower stands behind its layer; a layer takes in the followers before it that belong to nobody (pre-activation).
        if group and record.follows:
            norm = group[-1].node.record.joins and words.kind(row) == "norm"
            if norm or block_of(row.path) not in (None, block_of(group[-1].path)):
                group = None  # normalisation behind a join, or at a block's start, belongs to what comes after it
        if group and (record.follows or (not record.joins and all(r.node.record.follows for r in group))):
            group.append(row)
            at[row.path] = at[source]
        elif group and not record.joins and _activated_before(group) and (tail := _tail(group)):
            del group[-len(tail) :]  # pre-activation goes on: what stood behind the layer before stands before this one
            at |= {r.path: len(groups) for r in (*tail, row)}
            groups.append([*tail, row])
        else:
            at[row.path] = len(groups)
            groups.append([row])
    return groups


def _activated_before(group: list[Row]) -> bool:
    """Whether normalisation or activation stands before the layer of a group."""
    return any(words.follower(row) for row in group[: len(group) - len(_tail(group)) - 1])


def _tail(group: list[Row]) -> list[Row]:
    """The followers behind the layer of a group."""
    last = max((i for i, row in enumerate(group) if not row.node.record.follows), default=-1)
    return group[last + 1 :]
