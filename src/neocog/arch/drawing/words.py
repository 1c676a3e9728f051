"""What is written in a layer's box, and its colour, as the papers' figures have it: `7×7 conv, 64, /2`."""

from neocog.arch.account import Row
from neocog.arch.layers import (
    HOG,
    LRN,
    RBF,
    SIFT,
    Activation,
    Add,
    BatchNorm2d,
    Cat,
    CCell,
    DepthwiseConv2d,
    DropPath,
    Flatten,
    LayerNorm2d,
    Linear,
    Mul,
    Neighbours,
    PadChannels,
    Scale,
    Slice,
    Softmax,
    Subsampling,
    TableConv2d,
    VisualWords,
)
from neocog.arch.record import Leaf, Windowed
from neocog.arch.window import Shape, pair, times

KINDS = {
    "conv": "convolution",
    "dw": "depthwise convolution",
    "pool": "pooling",
    "fc": "full connection",
    "norm": "normalisation",
    "act": "activation",
    "join": "join",
    "etc": "other",
}
"""The colours' names, in the legend's order."""


def kind(row: Row) -> str:
    """The colour of a layer's box. New layers fall in by what they do: windows with weights convolve, without they pool."""
    record = row.node.record
    if record.joins:
        return "join"
    if isinstance(record, DepthwiseConv2d):
        return "dw"
    if isinstance(record, Subsampling | CCell) or "Pool" in record.type:
        return "pool"
    if isinstance(record, Activation):
        return "act"
    if isinstance(record, BatchNorm2d | LayerNorm2d | LRN) or "Norm" in record.type:
        return "norm"
    if isinstance(record, Linear | RBF):
        return "fc"
    if isinstance(record, HOG | SIFT | VisualWords | Neighbours):
        return "etc"
    if isinstance(record, Windowed):
        return "conv" if row.tensors else "pool"
    return "conv" if row.macs and len(row.output) == 3 else "fc" if row.macs else "etc"


def label(row: Row) -> str:
    """The layer in a few words: window, kind, maps, stride where it is not 1, groups."""
    record = row.node.record
    if isinstance(record, Cat):
        return "concat"
    if isinstance(record, Scale):
        return {(-1.0, 1.0): "1 − x", (-1.0, 0.0): "−x"}.get((record.factor, record.shift), record.describe())
    if isinstance(record, Slice) and record.of and record.stop == record.start + 1:
        return f"part {record.stop} of {record.of}"
    if isinstance(record, PadChannels):
        return f"+{record.before + record.after} zero maps"
    if isinstance(record, DropPath):
        return "drop path"  # its probability often differs from block to block
    if isinstance(record, Linear):
        return f"fc, {record.out}"
    if isinstance(record, RBF):
        return f"RBF, {record.out}"
    if isinstance(record, HOG):
        return f"HOG, cells of {record.side(row.inputs[0])}"
    if isinstance(record, SIFT):
        return "dense SIFT, cells of {}, /{}".format(*record.grid(row.inputs[0]))
    if record.type == "AdaptiveAvgPool2d":
        return "global avg pool" if set(row.output[1:]) == {1} else f"avg pool to {times(row.output[1:])}"
    if not isinstance(record, Windowed):
        return record.describe()
    names = {"Conv2d": "conv", "MaxPool2d": "max pool", "AvgPool2d": "avg pool", "SCell": "S-cells", "CCell": "C-cells"}
    if isinstance(record, DepthwiseConv2d):
        name = "depthwise"
    elif isinstance(record, TableConv2d):
        name = "conv by table"
    elif isinstance(record, Subsampling):
        name = "subsampling"
    else:
        name = names.get(record.type)
    if name is None:
        return record.describe()
    words = [f"{times(pair(record.kernel))} {name}"]
    if row.tensors and not isinstance(record, Subsampling):
        words.append(str(row.output[0]))
    words += details(record)
    return ", ".join(words)


def details(record: Windowed) -> list[str]:
    """Stride, dilation and groups, each where it is not 1."""
    (sh, sw), (dh, dw), groups = pair(record.stride), pair(record.dilation), getattr(record, "groups", 1)
    words = [f"/{sh}" if sh == sw else f"/{sh}×{sw}"] if (sh, sw) != (1, 1) else []
    words += [f"dilation {dh}" if dh == dw else f"dilation {dh}×{dw}"] if (dh, dw) != (1, 1) else []
    return words + ([f"{groups} groups"] if groups > 1 else [])


def follower(row: Row) -> str:
    """A follower's name; "" for what only reshapes. Numbers that are the same everywhere are left to the tooltip."""
    record = row.node.record
    if isinstance(record, Flatten):
        return ""
    if isinstance(record, LRN | Softmax):
        return record.type if isinstance(record, LRN) else "softmax"
    return label(row)


def symbol(record: Leaf) -> str:
    """ "+" and "×" for joins that are drawn as a circled sign, else ""."""
    return "+" if isinstance(record, Add) else "×" if isinstance(record, Mul) else ""


def tooltip(row: Row) -> str:
    """Path, what it is, shapes, parameters and MACs, on one line."""
    words = [f"{row.path}: {row.node.record.describe()}", f"{' and '.join(map(times, row.inputs))} → {times(row.output)}"]
    words += [f"{row.params:,} params"] if row.params else []
    return ", ".join(words + ([f"{row.macs:,} MACs"] if row.macs else []))


def merged(shapes: list[Shape]) -> str:
    """The shape of all of them; a number in which they differ becomes its range."""
    if len({len(shape) for shape in shapes}) > 1:
        return ""
    return "×".join(str(min(n)) if min(n) == max(n) else f"{min(n)}…{max(n)}" for n in zip(*shapes, strict=True))
