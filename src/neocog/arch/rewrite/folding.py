"""Batch normalisation folded into the convolutions and full connections beside it, where that is exact in evaluation."""

import dataclasses
from dataclasses import dataclass, field

from neocog.arch.account import Analysis, analyse
from neocog.arch.architecture import Architecture, Node
from neocog.arch.layers import Activation, BatchNorm2d, Cat, Conv2d, DepthwiseConv2d, Flatten, Linear
from neocog.arch.record import Leaf, Windowed
from neocog.arch.rewrite.edit import pruned
from neocog.arch.rewrite.plan import Move, Rewrite, WeightPlan, tensors

WEIGHTED = (Conv2d, DepthwiseConv2d, Linear)


def fold_bn(arch: Architecture) -> Rewrite:
    """The same function in evaluation with fewer layers: y = γ(x − μ)/√(σ² + ε) + β taken into weights and biases.

    Into the layer before, if nothing else reads that layer; else into the only layer behind, if that pads nothing (its zeros
    would have to become other numbers). `not_folded` says which ones stay, and why. The layers keep their paths.
    """
    folding = _Folding(arch)
    return folding.result(), folding.plan()


def not_folded(arch: Architecture) -> tuple[tuple[str, str], ...]:
    """(path, why) of every batch normalisation that `fold_bn` leaves where it is."""
    return tuple(_Folding(arch).left)


@dataclass
class _Folding:
    """One pass over the nodes; `nodes`, `readers` and `made` are those of the network as it is so far."""

    arch: Architecture
    left: list[tuple[str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.table: Analysis = analyse(self.arch)
        self.nodes: dict[str, Node] = dict(self.arch.by_path)
        self.readers: dict[str, list[str]] = {}
        for node in self.arch.nodes:
            for name in node.inputs:
                self.readers.setdefault(name, []).append(node.path)
        self.ends = {self.arch.output, *(tap.output for tap in self.arch.taps)}
        self.gone: dict[str, str] = {}
        self.made: dict[str, str | Move] = {key: key for key in tensors(self.arch)}
        for node in self.arch.nodes:
            if isinstance(node.record, BatchNorm2d):
                self._fold(node.path, node.record)

    def _fold(self, path: str, norm: BatchNorm2d) -> None:
        source, readers = self.nodes[path].inputs[0], self.readers.get(path, [])
        before = self._why_not_before(source)
        if before is None:
            self._take_in(source, path, norm, "fold")
            self._remove(path, source)
            return
        after = readers[0] if len(readers) == 1 and path not in self.ends else None
        while after is not None and isinstance(self.nodes[after].record, Flatten):
            behind = self.readers.get(after, [])
            after = behind[0] if len(behind) == 1 and after not in self.ends else None
        record = self.nodes[after].record if after is not None else None
        if after is not None and isinstance(record, WEIGHTED) and not _pads(record):
            self._take_in(after, path, norm, "unfold")
            self._remove(path, source)
            return
        behind_it = ", and the layer behind it pads" if record is not None and _pads(record) else ""
        self.left.append((path, before + behind_it))

    def _why_not_before(self, source: str) -> str | None:
        """Why the layer that a normalisation reads cannot take it in; None if it can."""
        if source == "input":
            return "it normalises the picture"
        record = self.nodes[source].record
        if isinstance(record, Cat):
            return "it follows a concatenation"
        if isinstance(record, Activation):
            return f"{record.type} stands before it"
        if not isinstance(record, WEIGHTED):
            return f"it follows '{source}' ({record.describe()}), which has no weights to take it in"
        if len(self.readers[source]) > 1 or source in self.ends:
            others = [name for name in self.readers[source] if not isinstance(self.nodes[name].record, BatchNorm2d)]
            return f"'{source}' before it is also read by {', '.join(others) or 'another normalisation'}"
        return None

    def _take_in(self, path: str, norm_path: str, norm: BatchNorm2d, op: str) -> None:
        """Weight and bias of the layer at `path` with the normalisation in them."""
        record = self.nodes[path].record
        assert isinstance(record, WEIGHTED)
        groups = record.groups if isinstance(record, Conv2d) else 1
        if isinstance(record, DepthwiseConv2d):
            groups = self.table.by_path[path].inputs[0][0]
        have = {"weight": f"{path}.weight", "mean": f"{norm_path}.running_mean", "var": f"{norm_path}.running_var"}
        have |= {"gamma": f"{norm_path}.weight", "beta": f"{norm_path}.bias"} if norm.affine else {}
        have |= {"bias": f"{path}.bias"} if record.bias else {}

        def move(what: str, roles: str) -> Move:
            named = [role for role in roles.split() if role in have]
            sources = tuple(self.made[have[role]] for role in named)
            return Move(f"{path}.{what}", sources, f"{op}_{what}", (norm.eps, " ".join(named), groups))

        weight, bias = (
            move("weight", "weight var gamma"),
            move("bias", "bias mean var gamma beta" + (" weight" if op == "unfold" else "")),
        )
        self.made |= {weight.new: weight, bias.new: bias}
        self.nodes[path] = dataclasses.replace(self.nodes[path], record=record.replace(bias=True))

    def _remove(self, path: str, source: str) -> None:
        readers = self.readers.pop(path, [])
        for name in readers:
            node = self.nodes[name]
            self.nodes[name] = Node(name, node.record, tuple(source if i == path else i for i in node.inputs))
        self.readers[source] = [name for name in self.readers[source] if name != path] + readers
        del self.nodes[path]
        self.gone[path] = source
        if path in self.ends:
            self.ends.add(source)

    def _now(self, path: str) -> str:
        while path in self.gone:
            path = self.gone[path]
        return path

    def result(self) -> Architecture:
        """The folded network."""
        taps = tuple(dataclasses.replace(tap, output=self._now(tap.output)) for tap in self.arch.taps)
        nodes = tuple(self.nodes[n.path] for n in self.arch.nodes if n.path in self.nodes)
        return pruned(dataclasses.replace(self.arch, nodes=nodes, output=self._now(self.arch.output), taps=taps))

    def plan(self) -> WeightPlan:
        """What makes its tensors."""
        sources = {key: self.made[key] for key in tensors(self.result())}
        return WeightPlan(tuple(s if isinstance(s, Move) else Move(key, (s,)) for key, s in sources.items()))


def _pads(record: Leaf) -> bool:
    return isinstance(record, Windowed) and record.padding != ((0, 0), (0, 0))
