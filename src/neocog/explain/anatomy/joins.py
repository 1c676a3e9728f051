"""Where shortcuts join: the blocks y = F(x) + x of residual networks, and y = H·T + x·(1 − T) of highway networks."""

from dataclasses import dataclass
from functools import lru_cache

from neocog.arch import Add, Architecture, Mul, Node, Scale, Sigmoid
from neocog.arch.depth import weighted


@dataclass(frozen=True)
class Join:
    """`path` adds `branch` (what the block learned, F) and `shortcut`; both come from `entrance`, x."""

    path: str
    branch: str
    shortcut: str
    entrance: str


@lru_cache(maxsize=16)
def joins(arch: Architecture) -> tuple[Join, ...]:
    """Its sums of two values where one way from the block's entrance holds fewer layers with weights than the other, and that
    the whole network passes through, in order. The ways that hold as many are no shortcuts of each other."""
    found = []
    for node in arch.nodes:
        if not isinstance(node.record, Add) or len(node.inputs) != 2 or node.path not in arch.cuts:
            continue
        entrance = _entrance(arch, node)
        counts = [_weights_between(arch, name, entrance) for name in node.inputs]
        if counts[0] != counts[1]:
            branch, shortcut = node.inputs if counts[0] > counts[1] else node.inputs[::-1]
            found.append(Join(node.path, branch, shortcut, entrance))
    return tuple(found)


def chain(arch: Architecture) -> tuple[Node, ...] | None:
    """The nodes of the main network where each reads only the one before it; else None."""
    nodes = tuple(node for node in arch.nodes if node.path in arch.main)
    before = ("input", *(node.path for node in nodes))
    return nodes if all(node.inputs == (name,) for node, name in zip(nodes, before, strict=False)) else None


def gates(arch: Architecture) -> tuple[str, ...]:
    """The transform gates T of a highway network: sigmoids that multiply one value and, as 1 − T, another."""
    carried = {
        node.inputs[0]
        for node in arch.nodes
        if isinstance(node.record, Scale) and (node.record.factor, node.record.shift) == (-1, 1)
    }
    times = {name for node in arch.nodes if isinstance(node.record, Mul) for name in node.inputs}
    return tuple(n.path for n in arch.nodes if isinstance(n.record, Sigmoid) and n.path in carried and n.path in times)


def _entrance(arch: Architecture, node: Node) -> str:
    """The last node before `node` that everything passes through."""
    need = arch.ancestors(node.path) - {node.path}
    before = [n.path for n in arch.nodes if n.path in need and n.path in arch.cuts]
    return before[-1] if before else "input"


def _weights_between(arch: Architecture, path: str, entrance: str) -> int:
    return sum(weighted(arch.by_path[name].record) for name in between(arch, path, entrance))


def between(arch: Architecture, path: str, entrance: str) -> set[str]:
    """The nodes that `path` needs and `entrance` does not, `path` among them."""
    if path in ("input", entrance):
        return set()
    return arch.ancestors(path) - (arch.ancestors(entrance) if entrance != "input" else set())
