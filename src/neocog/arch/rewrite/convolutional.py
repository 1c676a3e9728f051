"""Full connections as convolutions: the same answer at the native size, a map of answers on larger pictures.

LeCun et al. 1998, section VII (LeNet-5 swept over larger pictures); Sermanet et al. 2014, section 3.5; Simonyan &
Zisserman 2014, section 3.2 (dense evaluation). With zero padding the map is not what separate crops would give: a crop's
border sees zeros where the map sees the picture.
"""

import dataclasses

from neocog.arch.account import Row, analyse
from neocog.arch.architecture import Architecture, Mark, Node
from neocog.arch.layers import (
    RBF,
    Activation,
    AdaptiveAvgPool2d,
    Add,
    AvgPool2d,
    Conv2d,
    Dropout,
    DropPath,
    Flatten,
    Linear,
    Mul,
    Scale,
    Softmax,
)
from neocog.arch.record import Leaf
from neocog.arch.rewrite.edit import pruned
from neocog.arch.rewrite.plan import Move, Rewrite, WeightPlan, tensors
from neocog.arch.window import Shape, pair, times
from neocog.errors import UserError

EACH_NUMBER = (Activation, Dropout, DropPath, Scale, Add, Mul)
"""Layers to which it is all one how the numbers lie."""


def fully_convolutional(arch: Architecture, slide: bool = False) -> Rewrite:
    """The first full connection behind C×H×W maps becomes an unpadded H×W convolution, later ones 1×1; no Flatten.

    Scores come out as classes×1×1 at the native size and, where nothing averages the whole map, as classes×h×w on larger
    pictures (give those to `with_input`). Dropout stays. Pools: one that averages to a grid becomes the sliding average it
    is at the native size. Global averages stay global, so that pictures of any size get *one* answer, as `one_answer` tells;
    with `slide`, a global average that the whole network passes through becomes a sliding one of its native size, moved by
    1, and gives a map; those within gates stay. RBF units measure at each place. What was a full connection is marked
    "full", so that receptive field and features are still those of the last map before it. Raises UserError for layers of
    features that have no counterpart on maps.
    """
    if len(arch.input) != 3:
        raise UserError(f"{arch.name} reads {arch.input[0]} features, no pictures: there is nothing to move a window over")
    table = analyse(arch)
    passed = arch.cuts
    source: dict[str, str] = {}  # old paths whose node is gone -> what stands in for it
    flat: dict[str, Shape] = {}  # old paths that held features -> the shape of their maps now
    nodes: list[Node] = []
    for row in table.rows:
        node, inputs = row.node, tuple(source.get(name, name) for name in row.node.inputs)
        shapes = [flat.get(name, shape) for name, shape in zip(node.inputs, row.inputs, strict=True)]
        if isinstance(node.record, Flatten):
            source[node.path], flat[node.path] = inputs[0], shapes[0]
            continue
        if len(row.output) == 1:
            record, flat[node.path] = _of_features(arch.name, row, shapes)
        else:
            record = _pool(node.record, shapes[0], slide and node.path in passed)
        if record is None:
            source[node.path] = inputs[0]
        else:
            nodes.append(Node(node.path, record, inputs))
    new = pruned(
        dataclasses.replace(
            arch,
            nodes=tuple(nodes),
            output=source.get(arch.output, arch.output),
            taps=tuple(dataclasses.replace(tap, output=source.get(tap.output, tap.output)) for tap in arch.taps),
            marks=(*arch.marks, *(Mark("full", n.path) for n in arch.nodes if isinstance(n.record, Linear))),
        )
    )
    before, moves = tensors(arch), []
    for key, param in tensors(new).items():
        same = before[key].shape == param.shape
        moves.append(Move(key, (key,)) if same else Move(key, (key,), "reshape", param.shape))
    return new, WeightPlan(tuple(moves))


def one_answer(arch: Architecture) -> tuple[str, ...]:
    """The pools that give one place, or a fixed grid, whatever the size of the picture: because of them no map comes out."""
    passed = arch.cuts
    return tuple(n.path for n in arch.nodes if isinstance(n.record, AdaptiveAvgPool2d) and n.path in passed)


def _of_features(name: str, row: Row, shapes: list[Shape]) -> tuple[Leaf, Shape]:
    """What a layer of features is on the maps that they are now, and the shape of what it gives."""
    record, (_, *sides) = row.node.record, shapes[0]
    if isinstance(record, Linear):
        kernel = (sides[0], sides[1])
        conv = Conv2d(record.out, kernel, bias=record.bias, init=record.init, bias_init=record.bias_init)
        return conv, (record.out, 1, 1)
    if isinstance(record, EACH_NUMBER) and not isinstance(record, Softmax) and len(set(shapes)) == 1:
        return record, shapes[0]
    if all(shape[1:] == (1, 1) for shape in shapes):
        return (record.replace(each_place=True) if isinstance(record, RBF) else record), (row.output[0], 1, 1)
    raise UserError(
        f"{name}: '{row.path}' ({record.describe()}) works on features flattened from {times(shapes[0])} maps; "
        "no layer of maps does the same, so the network cannot be made convolutional"
    )


def _pool(record: Leaf, shape: Shape, slide: bool) -> Leaf | None:
    """The sliding window that an adaptive average is at this size; None if it does nothing. Other layers stay."""
    if not isinstance(record, AdaptiveAvgPool2d):
        return record
    out, sides = pair(record.out), shape[1:]
    if out == (1, 1):
        return AvgPool2d((sides[0], sides[1]), 1) if slide else record
    if out == sides:
        return None
    if sides[0] % out[0] or sides[1] % out[1]:
        return record  # windows of different sizes: no sliding window; it goes on giving its grid
    window = (sides[0] // out[0], sides[1] // out[1])
    return AvgPool2d(window, window)
