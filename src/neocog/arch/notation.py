"""The notation a network is written in: nested combinators that read like the table in its paper.

    Sequential(conv1=Conv2d(96, 11, stride=4), relu1=ReLU(), norm1=LRN(), pool1=MaxPool2d(3, 2), …)

Paths. A step given by keyword has that name; the others are numbered in their scope, as torch numbers them. A
`Sequential` opens a scope of its name. A join (`Sum`, `Concat`, `Product`) is one node; a branch given by keyword opens a
scope of that name, any other branch stays in the scope where the join stands, so that a residual block's `conv1` is
`layer1.0.conv1` and its shortcut `layer1.0.downsample.0`. A step that is None is left out.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from neocog.arch.architecture import Architecture, Mark, Node, Tap
from neocog.arch.layers import Add, Cat, Mul
from neocog.arch.record import Leaf
from neocog.arch.window import Shape
from neocog.errors import UserError

Block = "Leaf | Sequential | Join | Marked | Ref | Identity | Aux"


class Sequential:
    """Its steps one after another."""

    def __init__(self, *steps: "Block | None", **named: "Block | None"):  # type: ignore[valid-type]
        self.steps = [(None, s) for s in steps if s is not None] + [(n, s) for n, s in named.items() if s is not None]


class Join:
    """Branches that read one value and meet in one node."""

    def __init__(self, record: Leaf, branches: tuple, named: dict):
        self.record = record
        self.branches = [(None, b) for b in branches if b is not None] + [(n, b) for n, b in named.items() if b is not None]


def Sum(*branches: object, **named: object) -> Join:
    """The branches added."""
    return Join(Add(), branches, named)


def Concat(*branches: object, **named: object) -> Join:
    """The branches' maps one after another."""
    return Join(Cat(), branches, named)


def Product(*branches: object, **named: object) -> Join:
    """The branches multiplied: gates."""
    return Join(Mul(), branches, named)


@dataclass(frozen=True)
class Identity:
    """The value itself: a shortcut. No node."""


@dataclass(frozen=True)
class Ref:
    """The output of the step of this name, sought from the innermost scope outwards; "input" is the picture."""

    name: str


@dataclass(frozen=True)
class Marked:
    """A step and what it is besides: "block", "stage", "head" or "full"."""

    step: object
    kind: str
    label: str = ""


def block(step: object, label: str = "") -> Marked:
    """Drawn and listed as one, recomputed as one."""
    return Marked(step, "block", label)


def stage(step: object, label: str = "") -> Marked:
    """Blocks of one map size."""
    return Marked(step, "stage", label)


def head(step: object) -> Marked:
    """The layer that `reset_classifier` replaces."""
    return Marked(step, "head")


def full(step: object) -> Marked:
    """A full connection written as a convolution: the receptive field is told of the map before the first of them."""
    return Marked(step, "full")


@dataclass(frozen=True)
class Aux:
    """An auxiliary head: it reads the value that passes, in training only; its loss counts `weight`."""

    step: object
    weight: float


def architecture(name: str, input: Shape, net: object) -> Architecture:
    """Lower the notation to its normal form. Raises UserError for a name used twice or unknown."""
    lowering = _Lowering()
    out = lowering.lower(net, "input", "", None)
    return Architecture(name, tuple(input), tuple(lowering.nodes), out, tuple(lowering.taps), tuple(lowering.marks))


@dataclass
class _Lowering:
    nodes: list[Node] = field(default_factory=list)
    taps: list[Tap] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    outputs: dict[str, str] = field(default_factory=dict)  # path of a step -> path of the node that holds its value
    numbers: dict[str, Iterator[int]] = field(default_factory=dict)

    def path(self, scope: str, name: str | None) -> str:
        if name is None:
            name = str(next(self.numbers.setdefault(scope, iter(range(10**9)))))
        return f"{scope}.{name}" if scope else name

    def lower(self, step: object, value: str, scope: str, path: str | None) -> str:
        """Add the nodes of `step`, which reads `value`; the path of the node that holds its output.

        `path` is the step's own; None for a branch, or a whole net, whose steps live in `scope` itself.
        """
        if isinstance(step, Leaf):
            path = self.path(scope, None) if path is None else path
            self.nodes.append(Node(path, step, (value,)))
            out = path
        elif isinstance(step, Sequential):
            inner = scope if path is None else path
            out = value
            for name, child in step.steps:
                out = self.step(child, out, inner, name)
        elif isinstance(step, Join):
            inputs = tuple(
                self.branch(name, child, value, scope if path is None else path.rpartition(".")[0])
                for name, child in step.branches
            )
            path = self.path(scope, None) if path is None else path
            self.nodes.append(Node(path, step.record, inputs))
            out = path
        elif isinstance(step, Marked):
            if step.kind in ("block", "stage") and not isinstance(step.step, Sequential | Marked):
                raise UserError(
                    f"a {step.kind} is a Sequential, whose scope holds its layers; put the {type(step.step).__name__} in one"
                )
            out = self.lower(step.step, value, scope, path)
            self.marks.append(Mark(step.kind, out if path is None else path, step.label))
            return out
        elif isinstance(step, Aux):
            end = self.lower(step.step, value, scope, path)
            self.taps.append(Tap(path or end, end, step.weight))
            return value
        elif isinstance(step, Ref):
            out = self.find(step.name, scope)
        elif isinstance(step, Identity):
            out = value
        else:
            raise UserError(f"{type(step).__name__} is no part of a network; it stands at '{path or scope}'")
        if path is not None:
            if path in self.outputs:
                raise UserError(f"two steps are called '{path}'")
            self.outputs[path] = out
        return out

    def step(self, child: object, value: str, scope: str, name: str | None) -> str:
        if name is None and isinstance(child, Ref | Identity):
            return self.lower(child, value, scope, None)
        return self.lower(child, value, scope, self.path(scope, name))

    def branch(self, name: str | None, child: object, value: str, scope: str) -> str:
        return self.lower(child, value, scope, None if name is None else self.path(scope, name))

    def find(self, name: str, scope: str) -> str:
        if name == "input":
            return name
        while True:
            path = f"{scope}.{name}" if scope else name
            if path in self.outputs:
                return self.outputs[path]
            if not scope:
                raise UserError(f"Ref('{name}') names no step before it")
            scope = scope.rpartition(".")[0]
