"""A network for other pictures, other classes, other dropout: what `create_model` and `train` ask for."""

import dataclasses

from neocog.arch.account import analyse
from neocog.arch.architecture import Architecture, Node
from neocog.arch.init import Codes
from neocog.arch.layers import RBF, Dropout
from neocog.arch.record import Leaf
from neocog.arch.rewrite.edit import replace_records
from neocog.arch.rewrite.plan import Move, Rewrite, WeightPlan, carry_over, tensors
from neocog.arch.window import Shape
from neocog.errors import UserError


def with_input(arch: Architecture, input: Shape) -> Rewrite:
    """The same layers on pictures of another size. Raises ShapeError, with the diagnosis, where they do not fit.

    Full connections behind maps get another number of weights; those start afresh. Other channels: `with_channels`.
    """
    new = dataclasses.replace(arch, input=tuple(input))
    analyse(new)
    return new, carry_over(arch, new)


def with_channels(arch: Architecture, channels: int) -> Rewrite:
    """The same layers on pictures of another number of channels; the first layer's weight is spread over them."""
    new = dataclasses.replace(arch, input=(channels, *arch.input[1:]))
    analyse(new)
    before, after = tensors(arch), tensors(new)
    moves = list(carry_over(arch, new).moves)
    for key, param in after.items():
        old = before.get(key)
        if old is not None and old.shape != param.shape and len(param.shape) == 4 and param.shape[1] == channels:
            moves.append(Move(key, (key,), "channels", (channels,)))
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
    new = dataclasses.replace(arch, nodes=tuple(nodes))
    return new, carry_over(arch, new)
