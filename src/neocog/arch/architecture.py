"""The normal form: a flat, topologically ordered tuple of named nodes. This is the value that a network is."""

import json
import keyword
import re
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from neocog.arch.record import Leaf, from_json, to_json
from neocog.arch.window import Shape
from neocog.errors import UserError

SCHEMA = 1
_COMPONENT = re.compile(r"[A-Za-z][A-Za-z0-9_]*|[0-9]+")


@dataclass(frozen=True, slots=True)
class Node:
    """One leaf in its place: a dotted path, which is also its module's name, and the paths that it reads."""

    path: str
    record: Leaf
    inputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """What a step is besides: kind "block", "stage", "head" or "full"; `path` is its scope or its node."""

    kind: str
    path: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Tap:
    """An auxiliary head: its scope, the node that holds its output, and its weight in the training loss."""

    name: str
    output: str
    weight: float


@dataclass(frozen=True, eq=False)
class Architecture:
    """A network as a value: it hashes, compares (by everything but its name) and goes to JSON and back."""

    name: str
    input: Shape
    nodes: tuple[Node, ...]
    output: str
    taps: tuple[Tap, ...] = ()
    marks: tuple[Mark, ...] = ()

    def __post_init__(self) -> None:
        if len(self.input) not in (1, 3) or min(self.input) < 1:
            raise UserError(f"{self.name}: an input is (C, H, W) or (features,), not {self.input}")
        scopes: set[str] = set()
        seen = {"input"}
        for node in self.nodes:
            _check_path(self.name, node.path, seen, scopes)
            if not isinstance(node.record, Leaf):
                raise UserError(f"{self.name}: '{node.path}' holds {node.record!r}, which is no layer")
            if len(node.inputs) < 1 or (len(node.inputs) > 1 and not node.record.joins):
                raise UserError(f"{self.name}: '{node.path}' ({node.record.type}) reads {len(node.inputs)} values")
            for name in node.inputs:
                if name not in seen:
                    raise UserError(f"{self.name}: '{node.path}' reads '{name}', which is no node before it")
            seen.add(node.path)
        for name in (self.output, *(tap.output for tap in self.taps)):
            if name not in seen or name == "input":
                raise UserError(f"{self.name}: the output '{name}' is no node")

    @cached_property
    def _key(self) -> tuple:
        return (self.input, self.nodes, self.output, self.taps, self.marks)

    @cached_property
    def _hash(self) -> int:
        return hash(self._key)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Architecture):
            return NotImplemented
        return self is other or (self._hash == other._hash and self._key == other._key)

    @cached_property
    def by_path(self) -> dict[str, Node]:
        """Its nodes by path."""
        return {node.path: node for node in self.nodes}

    @cached_property
    def main(self) -> frozenset[str]:
        """The paths of the nodes that the output needs: all but the auxiliary heads."""
        return frozenset(self.ancestors(self.output))

    @cached_property
    def cuts(self) -> frozenset[str]:
        """The paths of the nodes of the main network that everything behind them passes through."""
        nodes = [n for n in self.nodes if n.path in self.main]
        place = {"input": -1} | {n.path: i for i, n in enumerate(nodes)}
        found, earliest = [], len(nodes)  # the first node that any node behind the current one reads
        for i in reversed(range(len(nodes))):
            if earliest >= i:
                found.append(nodes[i].path)
            earliest = min(earliest, *(place[name] for name in nodes[i].inputs))
        return frozenset(found)

    def ancestors(self, path: str) -> set[str]:
        """`path` and every node that it needs; the picture is not among them."""
        need, todo = set(), [path]
        while todo:
            name = todo.pop()
            if name != "input" and name not in need:
                need.add(name)
                todo += self.by_path[name].inputs
        return need

    def marked(self, kind: str) -> tuple[Mark, ...]:
        """The marks of one kind, in order."""
        return tuple(mark for mark in self.marks if mark.kind == kind)

    def within(self, scope: str) -> tuple[Node, ...]:
        """The nodes at or under a path."""
        return tuple(n for n in self.nodes if n.path == scope or n.path.startswith(scope + "."))

    @property
    def head(self) -> Node | None:
        """The layer that tells the classes apart, where one is marked."""
        heads = [mark.path for mark in self.marked("head") if mark.path in self.main]
        return self.by_path[heads[-1]] if heads else None

    def renamed(self, name: str) -> "Architecture":
        """The same network under another name."""
        return replace(self, name=name)

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads back to an equal value."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "input": list(self.input),
            "nodes": [[n.path, to_json(n.record), list(n.inputs)] for n in self.nodes],
            "output": self.output,
            "taps": [[t.name, t.output, t.weight] for t in self.taps],
            "marks": [[m.kind, m.path, m.label] for m in self.marks],
        }

    @staticmethod
    def from_json(data: dict[str, Any] | str) -> "Architecture":
        """The inverse of `to_json`. Raises UserError for another schema, an unknown layer or a broken graph."""
        try:
            obj = json.loads(data) if isinstance(data, str) else data
            if obj.get("schema") != SCHEMA:
                raise UserError(f"architecture file: schema {obj.get('schema')!r}; this neocog reads schema {SCHEMA}")
            if not isinstance(obj["name"], str) or not all(type(n) is int for n in obj["input"]):
                raise TypeError("a name is a text, an input is of whole numbers")
            nodes = tuple(Node(path, from_json(record), tuple(inputs)) for path, record, inputs in obj["nodes"])
            return Architecture(
                obj["name"],
                tuple(obj["input"]),
                nodes,
                obj["output"],
                tuple(Tap(*tap) for tap in obj["taps"]),
                tuple(Mark(*mark) for mark in obj["marks"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"architecture file: not a network of neocog ({type(error).__name__}: {error})") from None


def _check_path(name: str, path: str, seen: set[str], scopes: set[str]) -> None:
    parts = path.split(".")
    if not all(_COMPONENT.fullmatch(part) and not keyword.iskeyword(part) for part in parts):
        raise UserError(f"{name}: '{path}' is no path; its parts are Python names or numbers")
    if path in seen or path in scopes:
        raise UserError(f"{name}: two nodes are called '{path}'")
    for i in range(1, len(parts)):
        scope = ".".join(parts[:i])
        if scope in seen:
            raise UserError(f"{name}: '{scope}' is a layer and cannot hold '{path}'")
        scopes.add(scope)
