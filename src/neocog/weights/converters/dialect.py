"""How another toolkit writes down one of our networks: names by rules, layouts by convention."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache

from neocog.arch import Architecture, analyse
from neocog.arch.account import Row
from neocog.arch.layers import BatchNorm2d, Conv2d, DepthwiseConv2d, Flatten, LayerNorm2d, LayerScale, Linear
from neocog.arch.record import Param
from neocog.arch.window import Shape
from neocog.pictures.preprocessing import Preprocessing
from neocog.weights.converters.pair import Pair, arranged, same

Rules = tuple[tuple[str, str], ...]
"""(pattern, replacement) pairs; each is applied to what the one before left. Patterns match anywhere."""

COUNTED = re.compile(r"(conv2d|batch_normalization)(?:_(\d+))?/")

Naming = Rules | Callable[[Architecture], Mapping[str, str]]
"""Our layers' paths to their layers' names: by rules, or from the whole network where they number their layers."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """A network of ours as `party` keeps it.

    name: what they call it. paths: our layers' paths to theirs; keys: rules for whole keys, after that. as_conv: our full
    connections that are convolutions there; as_linear: our 1×1 convolutions that are full connections there; grouped: our
    depthwise convolutions that TensorFlow's layout has as convolutions in groups. eps: their ε of batch normalisation.
    biased: convolutions that have a bias there, before batch normalisation. gamma: whether their normalisation is scaled.
    background: their classes begin with one that means none. legacy: rules that bring keys of their older files to those of
    today; counted: their layers without a name have numbers that go on from file to file: the n-th of its kind is called
    conv2d#n here. ignore: keys of theirs that are no part of the network. preprocessing: what their weights want of
    pictures, where it is not what the card says.
    """

    party: str
    net: str
    name: str
    paths: Naming = ()
    keys: Rules = ()
    as_conv: str = ""
    as_linear: str = ""
    grouped: str = ""
    eps: float | None = None
    biased: str = ""
    gamma: bool = True
    background: bool = False
    legacy: Rules = ()
    counted: bool = False
    ignore: str = ""
    preprocessing: Preprocessing | None = field(default=None, compare=False)

    @property
    def tensorflow(self) -> bool:
        """Whether their tensors are laid out as TensorFlow's: (kh, kw, in, out), maps flattened as H, W, C."""
        return self.party in ("keras", "slim")

    def today(self, keys: Iterable[str]) -> dict[str, str]:
        """Each key of their file as today's files have it."""
        named = {key: renamed(self.legacy, key) for key in keys}
        if not self.counted:
            return named
        found = {key: match for key, name in named.items() if (match := COUNTED.match(name))}
        kinds: dict[str, set[int]] = {}
        for match in found.values():
            kinds.setdefault(match[1], set()).add(int(match[2] or 0))
        order = {kind: sorted(numbers) for kind, numbers in kinds.items()}
        return named | {key: f"{m[1]}#{order[m[1]].index(int(m[2] or 0))}/{named[key][m.end() :]}" for key, m in found.items()}

    def passes_over(self, key: str) -> bool:
        """Whether the key is no part of the network."""
        return bool(self.ignore and re.search(self.ignore, key)) or key.endswith("num_batches_tracked")


def renamed(rules: Rules, name: str) -> str:
    """`name` after all rules."""
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


@lru_cache(maxsize=16)
def pairs(arch: Architecture, dialect: Dialect) -> tuple[Pair, ...]:
    """Every tensor of `arch`, with theirs."""
    return tuple(_pairs(arch, dialect))


def _pairs(arch: Architecture, dialect: Dialect) -> Iterator[Pair]:
    table = analyse(arch)
    if callable(dialect.paths):
        layers = dialect.paths(arch)
    else:
        layers = {row.path: renamed(dialect.paths, row.path) for row in table.rows if row.tensors}
    heads = {mark.path for mark in arch.marked("head")}
    for row in table.rows:
        if not row.tensors:
            continue
        layer = layers.get(row.path)
        for param in row.tensors:
            pair = _pair(table.by_path, row, param, layer, layers, dialect)
            if dialect.background and row.path in heads and pair.theirs:
                pair = _with_background(pair)
            yield pair


def _pair(
    by_path: Mapping[str, Row], row: Row, param: Param, layer: str | None, layers: Mapping[str, str], dialect: Dialect
) -> Pair:
    ours = f"{row.path}.{param.name}"
    if layer is None or (param.name == "num_batches_tracked" and dialect.tensorflow):
        return Pair(ours, param.shape, free=param.name == "num_batches_tracked")
    record = row.node.record
    if isinstance(record, BatchNorm2d) and param.name == "weight" and not dialect.gamma:
        return Pair(ours, param.shape, fill=1.0)
    theirs = renamed(dialect.keys, layer + _suffix(row, param, dialect))
    pair = _arranged(by_path, row, param, ours, theirs, dialect)
    if isinstance(record, BatchNorm2d) and param.name == "running_var" and dialect.eps is not None:
        return replace(pair, shift=0.0 if dialect.eps == record.eps else dialect.eps - record.eps)
    if isinstance(record, BatchNorm2d) and param.name == "running_mean" and dialect.biased:
        source = row.node.inputs[0]
        if source in layers and re.search(dialect.biased, source):
            return replace(pair, minus=renamed(dialect.keys, layers[source] + ("/bias" if dialect.tensorflow else ".bias")))
    return pair


NORMS = {
    "keras": {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"},
    "slim": {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"},
}
WEIGHTS = {
    ("keras", False): ("kernel", "bias"), ("keras", True): ("kernel", "bias"),
    ("slim", False): ("weights", "biases"), ("slim", True): ("depthwise_weights", "biases"),
}  # fmt: skip


def _suffix(row: Row, param: Param, dialect: Dialect) -> str:
    if not dialect.tensorflow:
        return f".{param.name}"
    record = row.node.record
    if isinstance(record, (BatchNorm2d, LayerNorm2d)):
        return f"/{NORMS[dialect.party][param.name]}"
    if param.name in ("weight", "bias"):
        return f"/{WEIGHTS[dialect.party, depthwise(row)][param.name == 'bias']}"
    return f"/{param.name}"


def depthwise(row: Row) -> bool:
    """Whether each filter reads one map."""
    record = row.node.record
    if isinstance(record, DepthwiseConv2d):
        return True
    return isinstance(record, Conv2d) and record.groups > 1 and record.groups == row.inputs[0][0]


def _arranged(by_path: Mapping[str, Row], row: Row, param: Param, ours: str, theirs: str, dialect: Dialect) -> Pair:
    """The pair with their layout."""
    record, shape = row.node.record, param.shape
    if isinstance(record, LayerScale) and dialect.party == "torchvision":
        return same(ours, shape, theirs, (*shape, 1, 1))
    if param.name != "weight" or not isinstance(record, (Conv2d, DepthwiseConv2d, Linear)):
        return same(ours, shape, theirs)
    if isinstance(record, Linear):
        maps = _flattened(by_path, row) or (shape[1], 1, 1)
        as_conv = bool(dialect.as_conv and re.search(dialect.as_conv, row.path))
        if not dialect.tensorflow:
            return same(ours, shape, theirs, (shape[0], *maps) if as_conv else shape)
        depth, height, width = maps
        spread = (height, width, depth, shape[0])
        return arranged(ours, shape, theirs, spread if as_conv else (shape[1], shape[0]), spread, (3, 2, 0, 1))
    out, fan, kh, kw = shape
    if dialect.as_linear and re.search(dialect.as_linear, row.path):
        if dialect.tensorflow:
            return arranged(ours, shape, theirs, (fan, out), None, (1, 0))
        return same(ours, shape, theirs, (out, fan))
    if not dialect.tensorflow:
        return same(ours, shape, theirs)
    if depthwise(row) and not (dialect.grouped and re.search(dialect.grouped, row.path)):
        maps = row.inputs[0][0]
        return arranged(ours, shape, theirs, (kh, kw, maps, out // maps), None, (2, 3, 0, 1))
    return arranged(ours, shape, theirs, (kh, kw, fan, out), None, (3, 2, 0, 1))


def _flattened(by_path: Mapping[str, Row], row: Row) -> Shape | None:
    """The maps (C, H, W) whose flattened numbers the full connection reads; None if they are features already."""
    source = row.node.inputs[0]
    while source in by_path:
        above = by_path[source]
        if isinstance(above.node.record, Flatten):
            return above.inputs[0] if len(above.inputs[0]) == 3 else None
        if above.node.record.joins or above.tensors or len(above.output) != 1:
            return None
        source = above.node.inputs[0]
    return None


def _with_background(pair: Pair) -> Pair:
    shape = (*pair.their_shape[:-1], pair.their_shape[-1] + 1)
    return replace(pair, their_shape=shape, background=True)
