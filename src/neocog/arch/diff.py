"""The difference between two architectures, line by line; what they start from comes last."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Any

from neocog.arch.account import Row, analyse
from neocog.arch.architecture import Architecture
from neocog.arch.init import Init
from neocog.arch.record import Leaf
from neocog.arch.window import times


@dataclass(frozen=True, slots=True)
class Change:
    """kind: "input", "layer" (another setting), "added", "removed", "wiring", "shape", "init"; `left` and `right` in words."""

    kind: str
    where: str
    left: str
    right: str


def diff(a: Architecture, b: Architecture) -> list[Change]:
    """What turns `a` into `b`, layer by layer in their order."""
    left, right = analyse(a).rows, analyse(b).rows
    changes: list[Change] = []
    if a.input != b.input:
        changes.append(Change("input", "input", times(a.input), times(b.input)))
    starts: dict[tuple[str, str], list[str]] = {}
    pairs: dict[str, str] = {"input": "input"}
    for one, other in _match(left, right):
        if one is None or other is None:
            row = one or other
            assert row is not None
            record = row.node.record
            words = record.describe() if record.follows else f"{record.describe()} → {times(row.output)}"
            changes.append(
                Change("removed" if other is None else "added", row.path, words if one else "", words if other else "")
            )
            continue
        pairs[one.path] = other.path
        where = one.path if one.path == other.path else f"{one.path} → {other.path}"
        if one.node.record.type != other.node.record.type:
            changes.append(Change("layer", where, one.node.record.describe(), other.node.record.describe()))
            continue
        before, after = _settings(one.node.record, other.node.record, init=False)
        if one.output != other.output and one.inputs == other.inputs and not before:
            changes.append(Change("shape", where, times(one.output), times(other.output)))
        elif before:
            changes.append(Change("layer", where, f"{one.node.record.type} {before}", after))
        before, after = _settings(one.node.record, other.node.record, init=True)
        if before:
            starts.setdefault((before, after), []).append(where)
    changes += _wiring(left, right, pairs)
    return changes + [Change("init", ", ".join(where), *words) for words, where in starts.items()]


def _match(left: tuple[Row, ...], right: tuple[Row, ...]) -> Iterator[tuple[Row | None, Row | None]]:
    """Rows in pairs; None where one side has no partner. By their names, where the two share most of them; else by the longest
    runs of equal types."""
    shared = {r.path for r in left} & {r.path for r in right}
    by_name = 2 * len(shared) > min(len(left), len(right))

    def keys(rows: tuple[Row, ...]) -> list[str]:
        return [row.path if by_name else row.node.record.type for row in rows]

    matcher = SequenceMatcher(None, keys(left), keys(right), autojunk=False)
    for tag, i1, i2, j1, j2 in matcher.get_opcodes():
        if tag == "equal":
            yield from zip(left[i1:i2], right[j1:j2], strict=True)
        else:
            yield from ((row, None) for row in left[i1:i2])
            yield from ((None, row) for row in right[j1:j2])


def _settings(a: Leaf, b: Leaf, init: bool) -> tuple[str, str]:
    """The fields that differ, as words for each side; initialisations alone, or all others."""
    left, right = [], []
    for field in dataclasses.fields(a):
        one, other = getattr(a, field.name), getattr(b, field.name, None)
        if isinstance(one, Init) is init and one != other:
            name = {"init": "weights", "bias_init": "biases"}.get(field.name, field.name)
            left.append(f"{name} {_word(one)}")
            right.append(f"{name} {_word(other)}")
    return ", ".join(left), ", ".join(right)


def _word(value: Any) -> str:
    if isinstance(value, tuple) and value and all(isinstance(v, int) for v in value):
        return times(value) if len(set(value)) > 1 else str(value[0])
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, tuple) for v in value):
        return _word(value[0]) if value[0] == value[1] else f"{_word(value[0])} by {_word(value[1])}"
    return str(value)


def _wiring(left: tuple[Row, ...], right: tuple[Row, ...], pairs: dict[str, str]) -> Iterator[Change]:
    """Matched joins that read something else than their partner does."""
    inputs = {row.path: row.node.inputs for row in right}
    for row in left:
        if row.path in pairs:
            expected, found = tuple(pairs.get(name, "?") for name in row.node.inputs), inputs[pairs[row.path]]
            if expected != found and "?" not in expected and set(found) <= set(pairs.values()):
                yield Change(
                    "wiring",
                    row.path,
                    "reads " + ", ".join(row.node.inputs),
                    "reads " + ", ".join(inputs[pairs[row.path]]),
                )
