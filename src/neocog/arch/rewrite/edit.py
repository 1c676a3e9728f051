"""Layers exchanged, taken out, bridged."""

import dataclasses
from collections.abc import Callable, Collection

from neocog.arch.account import analyse
from neocog.arch.architecture import Architecture, Node
from neocog.arch.layers import Activation, Dropout, DropPath, HardSigmoid, Mul, Scale, Sigmoid, Softmax
from neocog.arch.record import Leaf
from neocog.arch.rewrite.plan import Rewrite, carry_over
from neocog.errors import UserError

Where = type[Leaf] | str | Callable[[Node], bool]


def replace_records(arch: Architecture, change: Callable[[Node], Leaf | None]) -> Architecture:
    """`arch` with the record of each node that `change` gives another for; None leaves it."""
    return dataclasses.replace(arch, nodes=tuple(Node(n.path, change(n) or n.record, n.inputs) for n in arch.nodes))


def replace(arch: Architecture, where: Where, with_: Leaf) -> Rewrite:
    """Every node that `where` names (a record type, a path or a test) gets the record `with_`: `replace(net, ReLU, Tanh())`.

    Weights whose shape stays are kept. Raises UserError if nothing is named, ShapeError if the new layer does not fit.
    """

    def hit(node: Node) -> bool:
        if isinstance(where, str):
            return node.path == where
        return isinstance(node.record, where) if isinstance(where, type) else where(node)

    if not any(hit(n) for n in arch.nodes):
        raise UserError(f"{arch.name}: nothing to replace by {with_.describe()}")
    new = replace_records(arch, lambda n: with_ if hit(n) else None)
    analyse(new)
    return new, carry_over(arch, new)


def with_activation(arch: Architecture, activation: Activation) -> Rewrite:
    """The network with another function of its units: `with_activation(net, Tanh())`.

    Gates keep theirs: sigmoids that are multiplied with something (highway, squeeze-and-excitation), which must stay between 0
    and 1; so does a softmax, which is no unit's function. Raises UserError for a network that has none to change.
    """
    gates = _gates(arch)

    def hidden(node: Node) -> bool:
        return isinstance(node.record, Activation) and not isinstance(node.record, Softmax) and node.path not in gates

    return replace(arch, hidden, activation)


def _gates(arch: Architecture) -> set[str]:
    """The sigmoids that a product reads, be it by way of 1 - x."""
    feeds = {name for n in arch.nodes if isinstance(n.record, Mul) for name in n.inputs}
    for node in reversed(arch.nodes):
        if isinstance(node.record, Scale) and node.path in feeds:
            feeds.add(node.inputs[0])
    return {n.path for n in arch.nodes if n.path in feeds and isinstance(n.record, Sigmoid | HardSigmoid)}


def bridged(arch: Architecture, gone: Collection[str]) -> Architecture:
    """`arch` without these nodes, each of which reads one value: who reads it reads what it read."""
    source: dict[str, str] = {}
    nodes: list[Node] = []
    for node in arch.nodes:
        inputs = tuple(source.get(name, name) for name in node.inputs)
        if node.path in gone:
            source[node.path] = inputs[0]
        else:
            nodes.append(Node(node.path, node.record, inputs))
    return pruned(dataclasses.replace(
        arch, nodes=tuple(nodes), output=source.get(arch.output, arch.output),
        taps=tuple(dataclasses.replace(t, output=source.get(t.output, t.output)) for t in arch.taps)))  # fmt: skip


def pruned(arch: Architecture) -> Architecture:
    """`arch` without the marks that nothing is left of."""
    scopes = {".".join(parts[:i]) for n in arch.nodes if (parts := n.path.split(".")) for i in range(1, len(parts) + 1)}
    return dataclasses.replace(arch, marks=tuple(m for m in arch.marks if m.path in scopes))


def without_taps(arch: Architecture) -> Rewrite:
    """The network without its auxiliary heads."""
    new = pruned(dataclasses.replace(arch, nodes=tuple(n for n in arch.nodes if n.path in arch.main), taps=()))
    return new, carry_over(arch, new)


def without_train_only(arch: Architecture) -> Rewrite:
    """Without what only training uses: auxiliary heads, dropout, drop path. The answers in evaluation are the same."""
    main, _ = without_taps(arch)
    new = bridged(main, {n.path for n in main.nodes if isinstance(n.record, Dropout | DropPath)})
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
    new = dataclasses.replace(
        arch,
        nodes=nodes,
        output=source if arch.output in gone else arch.output,
        taps=tuple(t for t in arch.taps if t.output not in gone),
        marks=tuple(m for m in arch.marks if m.path != name and not m.path.startswith(name + ".")),
    )
    analyse(new)
    return new, carry_over(arch, new)
