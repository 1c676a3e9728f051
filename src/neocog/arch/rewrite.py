"""Rewrites: each gives (architecture, weight plan). The plan says which old tensor becomes which new one, without torch."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from neocog.arch.account import analyse
from neocog.arch.architecture import Architecture, Node
from neocog.arch.init import Codes
from neocog.arch.layers import RBF, Dropout
from neocog.arch.record import Leaf, Param
from neocog.arch.window import Shape
from neocog.errors import UserError


@dataclass(frozen=True, slots=True)
class Move:
    """new key ← op(old keys). "copy" takes one tensor as it is; "channels" spreads a weight over another number of input
    channels so that equal channels give the old response. `args` are the operation's own numbers."""

    new: str
    old: tuple[str, ...]
    op: str = "copy"
    args: tuple[float | int | str, ...] = ()


@dataclass(frozen=True, slots=True)
class WeightPlan:
    """Moves for the tensors that carry over; every other tensor of the new architecture starts afresh."""

    moves: tuple[Move, ...]

    @property
    def kept(self) -> set[str]:
        """The new keys that have a move."""
        return {move.new for move in self.moves}


Rewrite = tuple[Architecture, WeightPlan]


def tensors(arch: Architecture) -> dict[str, Param]:
    """Every tensor of the network by its state_dict key, in order, auxiliary heads included."""
    return {f"{row.path}.{p.name}": p for row in analyse(arch).rows for p in row.tensors}


def carry_over(old: Architecture, new: Architecture) -> WeightPlan:
    """The plan that copies every tensor whose key and shape stayed."""
    before = tensors(old)
    return WeightPlan(
        tuple(Move(key, (key,)) for key, p in tensors(new).items() if key in before and before[key].shape == p.shape)
    )


def replace_records(arch: Architecture, change: Callable[[Node], Leaf | None]) -> Architecture:
    """`arch` with the record of each node that `change` gives another for; None leaves it."""
    return replace(arch, nodes=tuple(Node(n.path, change(n) or n.record, n.inputs) for n in arch.nodes))


def with_input(arch: Architecture, input: Shape) -> Rewrite:
    """The same layers on pictures of another size. Raises ShapeError, with the diagnosis, where they do not fit.

    Full connections behind maps get another number of weights; those start afresh. Other channels: `with_channels`.
    """
    new = replace(arch, input=tuple(input))
    analyse(new)
    return new, carry_over(arch, new)


def with_channels(arch: Architecture, channels: int) -> Rewrite:
    """The same layers on pictures of another number of channels; the first layer's weight is spread over them."""
    new = replace(arch, input=(channels, *arch.input[1:]))
    analyse(new)
    before, after = tensors(arch), tensors(new)
    moves = list(carry_over(arch, new).moves)
    for key, param in after.items():
        old = before.get(key)
        if old is not None and old.shape != param.shape and len(param.shape) == 4 and param.shape[1] == channels:
            moves.append(Move(key, (key,), "channels"))
    return new, WeightPlan(tuple(moves))


def with_classes(arch: Architecture, classes: int) -> Rewrite:
    """Another number of classes: the marked heads, auxiliary ones too, start afresh."""
    if classes < 2:
        raise UserError(f"a classifier tells two or more classes apart, not {classes}")
    heads = {mark.path for mark in arch.marked("head")}
    if not heads:
        raise UserError(f"{arch.name}: no layer is marked as its head")
    if analyse(arch).output[0] == classes:
        return arch, carry_over(arch, arch)

    def change(node: Node) -> Leaf | None:
        if node.path not in heads:
            return None
        if isinstance(node.record, RBF):  # the paper's codes are those of ten digits
            return node.record.replace(out=classes, init=Codes())
        return node.record.replace(out=classes)

    new = replace_records(arch, change)
    keep = carry_over(arch, new).moves
    return new, WeightPlan(tuple(m for m in keep if m.new.rpartition(".")[0] not in heads))


def with_dropout(arch: Architecture, p: float) -> Rewrite:
    """Every dropout of the network at probability `p`; one before the head if there is none."""
    if not 0 <= p < 1:
        raise UserError(f"a drop rate is at least 0 and below 1, not {p}")
    if any(isinstance(n.record, Dropout) for n in arch.nodes):
        new = replace_records(arch, lambda n: Dropout(p) if isinstance(n.record, Dropout) else None)
        return new, carry_over(arch, new)
    if p == 0 or arch.head is None:
        return arch, carry_over(arch, arch)
    last = arch.head
    scope, _, name = last.path.rpartition(".")
    path = f"{scope}.{name}_drop" if scope and not name.isdigit() else f"{scope}_drop" if scope else f"{name}_drop"
    nodes: list[Node] = []
    for node in arch.nodes:
        if node.path == last.path:
            nodes += [Node(path, Dropout(p), node.inputs), Node(node.path, node.record, (path,))]
        else:
            nodes.append(node)
    new = replace(arch, nodes=tuple(nodes))
    return new, carry_over(arch, new)


def without_taps(arch: Architecture) -> Rewrite:
    """The network without its auxiliary heads."""
    new = replace(
        arch,
        nodes=tuple(n for n in arch.nodes if n.path in arch.main),
        taps=(),
        marks=tuple(m for m in arch.marks if any(n.path in arch.main for n in arch.within(m.path))),
    )
    return new, carry_over(arch, new)


def swap(arch: Architecture, where: type[Leaf] | Callable[[Node], bool] | str, with_: Leaf) -> Rewrite:
    """Every node that `where` names (a record type, a path or a test) gets the record `with_`: `swap(net, ReLU, Tanh())`."""

    def hit(node: Node) -> bool:
        if isinstance(where, str):
            return node.path == where
        return isinstance(node.record, where) if isinstance(where, type) else where(node)

    if not any(hit(n) for n in arch.nodes):
        raise UserError(f"{arch.name}: nothing to replace by {with_.describe()}")
    new = replace_records(arch, lambda n: with_ if hit(n) else None)
    analyse(new)
    return new, carry_over(arch, new)


def drop(arch: Architecture, name: str) -> Rewrite:
    """Without the node or the scope `name`; what read it reads what it read. It must have one input and one way out."""
    gone = {n.path for n in arch.within(name)}
    if not gone:
        raise UserError(f"{arch.name}: there is no '{name}' to drop")
    sources = {i for n in arch.within(name) for i in n.inputs} - gone
    ends = {i for n in arch.nodes if n.path not in gone for i in n.inputs if i in gone} | ({arch.output} & gone)
    if len(sources) != 1 or len(ends) > 1:
        raise UserError(
            f"{arch.name}: '{name}' has {len(sources)} inputs and {len(ends)} outputs; only one of each can be bridged"
        )
    (source,) = sources
    nodes = tuple(
        Node(n.path, n.record, tuple(source if i in gone else i for i in n.inputs)) for n in arch.nodes if n.path not in gone
    )
    new = replace(
        arch,
        nodes=nodes,
        output=source if arch.output in gone else arch.output,
        taps=tuple(t for t in arch.taps if t.output not in gone),
        marks=tuple(m for m in arch.marks if m.path != name and not m.path.startswith(name + ".")),
    )
    analyse(new)
    return new, carry_over(arch, new)
