"""Which network, in whose words, a file of weights is: from its keys and shapes alone."""

import math
from collections.abc import Container, Mapping
from functools import partial
from typing import NamedTuple

from neocog.arch import Architecture
from neocog.arch.layers import Conv2d, Linear
from neocog.arch.window import Shape
from neocog.errors import UserError
from neocog.nets import index, nets, resolve
from neocog.weights.converters.convert import dialects_of, fitted
from neocog.weights.converters.dialect import WEIGHTS, Dialect, renamed

LEAST, MOST = 0.25, 8.0  # of a network's own parameters: without its classifier's share, or with a far larger one


class Match(NamedTuple):
    """A network of ours that the file fits, and how it is written down there."""

    dialect: Dialect
    arch: Architecture


def recognise(shapes: Mapping[str, Shape]) -> list[Match]:
    """Every network of ours, at most once, whose tensors have exactly these keys and shapes, in anybody's words."""
    found = []
    for name in candidates(sum(math.prod(shape) for shape in shapes.values())):
        arch = resolve(name).build()
        for dialect in dialects_of(name):
            if (match := fits(arch, dialect, shapes)) is not None:
                found.append(Match(dialect, match))
                break
    return found


def candidates(numbers: int) -> list[str]:
    """The networks that a file of so many numbers may be, other classes and auxiliary heads allowed for."""
    saved = index.saved()
    if saved is None:
        return list(nets())
    return [name for name, entry in saved.items() if LEAST * entry.params <= numbers <= MOST * entry.params]


def fits(arch: Architecture, dialect: Dialect, shapes: Mapping[str, Shape]) -> Architecture | None:
    """The network as the file has it (its classes, its auxiliary heads); None if it is another's."""
    today = dialect.today(shapes)
    named = {today[key]: shape for key, shape in shapes.items()}
    if not names_fit(arch, dialect, named):
        return None
    counted = {key: shape for key, shape in named.items() if not dialect.passes_over(key)}
    try:
        arch, matched = fitted(arch, dialect, named)
    except UserError:
        return None
    expected = {key: s for pair in matched for key, s in pair.expects().items() if not key.endswith("num_batches_tracked")}
    return arch if counted == expected else None


def names_fit(arch: Architecture, dialect: Dialect, keys: Container[str]) -> bool:
    """Whether all plain convolutions and full connections are among the keys, by name: a glance that spares the arithmetic."""
    rules = dialect.paths
    layer_of = rules(arch).get if callable(rules) else partial(renamed, rules)
    suffix = f"/{WEIGHTS[dialect.party, False][0]}" if dialect.tensorflow else ".weight"
    for node in arch.nodes:
        plain = isinstance(node.record, Linear) or (isinstance(node.record, Conv2d) and node.record.groups == 1)
        if plain and node.path in arch.main:
            layer = layer_of(node.path)
            if layer is not None and renamed(dialect.keys, layer + suffix) not in keys:
                return False
    return True
