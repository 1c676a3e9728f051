"""Caffe's layers as records: one small function for each type, with Caffe's defaults (caffe.proto) and its own arithmetic.

A function gets the builder, the layer and the paths it reads, adds nodes, and gives the path of each of its tops. What it
cannot express exactly it refuses in one line.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

from neocog.arch import (
    ELU,
    LRN,
    Abs,
    AdaptiveAvgPool2d,
    Add,
    Affine,
    AvgPool2d,
    BatchNorm2d,
    CaffeXavier,
    Cat,
    Constant,
    Conv2d,
    Dropout,
    Exp,
    Flatten,
    GlorotUniform,
    HeNormal,
    Init,
    Leaf,
    LeakyReLU,
    Linear,
    Log,
    LRNWithinChannel,
    Maximum,
    MaxPool2d,
    Mul,
    Normal,
    Power,
    PReLU,
    ReLU,
    Scale,
    Shape,
    Sigmoid,
    Slice,
    Softmax,
    Softplus,
    Tanh,
    TorchDefault,
    Uniform,
)
from neocog.weights.caffe.graph import Layer
from neocog.weights.caffe.prototxt import Message


@dataclass(frozen=True, slots=True)
class Source:
    """Whose blobs fill a node: a layer's; for batch normalisation also the Scale layer's behind it, whose shift may be lacking.

    `transposed`: a full connection's weight is in×out.
    """

    layer: str
    scale: str = ""
    shift: bool = True
    transposed: bool = False


class Builder(Protocol):
    """What the functions below may do; `network.py` has the one that does it."""

    def shape(self, path: str) -> Shape:
        """The shape of a value."""
        ...

    def add(self, layer: Layer, record: Leaf, inputs: tuple[str, ...], source: Source | None = None, suffix: str = "") -> str:
        """A node more; its path."""
        ...

    def record(self, path: str) -> Leaf | None:
        """The record of a node that only the current layer reads; None for any other."""
        ...

    def exchange(self, path: str, record: Leaf, scale: str, shift: bool) -> None:
        """Another record for a node, filled from the layer `scale` besides, which has a `shift` or has none."""
        ...

    def note(self, text: str) -> None:
        """Something that the user should know of."""
        ...


Paths = tuple[str, ...]
Handler = Callable[[Builder, Layer, Paths], Paths]
HANDLERS: dict[str, Handler] = {}


def handles(*types: str) -> Callable[[Handler], Handler]:
    """Register the function for a type of layer."""

    def add(handler: Handler) -> Handler:
        HANDLERS.update(dict.fromkeys(types, handler))
        return handler

    return add


def _one(layer: Layer, inputs: Paths) -> str:
    if len(inputs) != 1 or len(layer.tops) != 1:
        layer.complain(f"one bottom and one top make sense here, not {len(inputs)} and {len(layer.tops)}")
    return inputs[0]


def _axes(p: Message, name: str, missing: int | None, least: int, stem: str = "") -> tuple[int, int]:
    """(rows, columns) of `kernel_size`, `pad`, `stride`, `dilation`, or of `kernel_h` and `kernel_w`."""
    stem = stem or name
    both, h, w = p.wholes(name, least), f"{stem}_h", f"{stem}_w"
    if h in p or w in p:
        if both or (missing != 0 and not (h in p and w in p)):
            p.complain(f"{name}, or {h} and {w}")
        return p.whole(h, 0, least), p.whole(w, 0, least)
    if len(both) > 2:
        p.complain(f"{name} has {len(both)} numbers; neocog has two axes")
    if not both:
        if missing is None:
            p.complain(f"{p.name} has no {name}")
        return missing, missing
    return both[0], both[-1]


def filler(p: Message, key: str, b: Builder, layer: Layer, default: Init) -> Init:
    """How a parameter starts; Caffe's include/caffe/filler.hpp."""
    if key not in p:
        return default
    f = p.message(key)
    kind, norm = f.text("type", "constant"), f.word("variance_norm", "FAN_IN")
    if kind == "constant":
        return Constant(f.number("value", 0.0))
    if kind == "gaussian" and f.number("std", 1.0) > 0:
        return Normal(f.number("std", 1.0), f.number("mean", 0.0))
    if kind == "uniform":
        return Uniform(f.number("min", 0.0), f.number("max", 1.0))
    if kind == "xavier" and norm in ("FAN_IN", "AVERAGE"):
        return CaffeXavier() if norm == "FAN_IN" else GlorotUniform()
    if kind == "msra" and norm in ("FAN_IN", "FAN_OUT"):
        return HeNormal("fan_in" if norm == "FAN_IN" else "fan_out")
    b.note(f'{layer.name} would start from Caffe\'s filler "{kind}" ({norm}), which neocog lacks; {default} if trained afresh')
    return default


ZERO = Constant(0.0)


@handles("Convolution")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("convolution_param", "num_output", "bias_term", "pad", "kernel_size", "stride", "dilation", "pad_h",
                    "pad_w", "kernel_h", "kernel_w", "stride_h", "stride_w", "group", "weight_filler", "bias_filler", "engine",
                    "axis", "force_nd_im2col")  # fmt: skip
    if p.whole("axis", 1) != 1:
        layer.complain("axis is 1, the maps")
    rows, columns = _axes(p, "pad", 0, 0)
    record = Conv2d(
        p.whole("num_output", 0, 1) or layer.complain("no num_output"),
        _axes(p, "kernel_size", None, 1, "kernel"),
        _axes(p, "stride", 1, 1),
        (rows, columns),
        _axes(p, "dilation", 1, 1),
        p.whole("group", 1, 1),
        p.flag("bias_term", True),
        filler(p, "weight_filler", b, layer, TorchDefault()),
        filler(p, "bias_filler", b, layer, ZERO),
    )
    return (b.add(layer, record, (_one(layer, inputs),), Source(layer.name)),)


@handles("InnerProduct")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("inner_product_param", "num_output", "bias_term", "weight_filler", "bias_filler", "axis", "transpose")
    if p.whole("axis", 1) != 1:
        layer.complain("axis is 1: everything of a picture")
    value = _one(layer, inputs)
    if len(b.shape(value)) == 3:
        value = b.add(layer, Flatten(), (value,), suffix="flatten")
    record = Linear(
        p.whole("num_output", 0, 1) or layer.complain("no num_output"),
        p.flag("bias_term", True),
        filler(p, "weight_filler", b, layer, TorchDefault()),
        filler(p, "bias_filler", b, layer, ZERO),
    )
    return (b.add(layer, record, (value,), Source(layer.name, transposed=p.flag("transpose", False))),)


@handles("Pooling")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("pooling_param", "pool", "pad", "pad_h", "pad_w", "kernel_size", "kernel_h", "kernel_w", "stride",
                    "stride_h", "stride_w", "engine", "global_pooling", "round_mode")  # fmt: skip
    value, method = _one(layer, inputs), p.word("pool", "MAX")
    shape = b.shape(value)
    if method not in ("MAX", "AVE"):
        layer.complain(f"pool: {method} has no counterpart; MAX and AVE have")
    if len(shape) != 3:
        layer.complain("pools features, not maps")
    if p.flag("global_pooling", False):
        whole = AdaptiveAvgPool2d(1) if method == "AVE" else MaxPool2d(shape[1:], 1)
        return (b.add(layer, whole, (value,)),)
    kernel, stride = _axes(p, "kernel_size", None, 1, "kernel"), _axes(p, "stride", 1, 1)
    pad = _axes(p, "pad", 0, 0)
    if pad[0] >= kernel[0] or pad[1] >= kernel[1]:
        layer.complain(f"padding {max(pad)} is not smaller than the kernel: whole windows of nothing")
    if method == "AVE" and kernel == shape[1:] and not any(pad):
        return (b.add(layer, AdaptiveAvgPool2d(1), (value,)),)  # one window over the whole map is global pooling
    ceil = p.word("round_mode", "CEIL") == "CEIL"
    record = MaxPool2d(kernel, stride, pad, ceil=ceil) if method == "MAX" else AvgPool2d(kernel, stride, pad, ceil=ceil)
    if ceil and not any(pad):
        # Without padding Caffe does not drop a last window that starts behind the map; its maximum is then -FLT_MAX.
        for n, k, s in zip(shape[1:], kernel, stride, strict=True):
            if n >= k and -(-(n - k) // s) * s >= n:
                layer.complain(f"a stride of {s} over a kernel of {k} leaves Caffe an empty last window on {n} positions")
    return (b.add(layer, record, (value,)),)


@handles("LRN")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("lrn_param", "local_size", "alpha", "beta", "norm_region", "k", "engine")
    size, alpha, beta = p.whole("local_size", 5, 1), p.number("alpha", 1.0), p.number("beta", 0.75)
    if size % 2 == 0:
        layer.complain(f"local_size is odd, not {size}")
    if p.word("norm_region", "ACROSS_CHANNELS") == "WITHIN_CHANNEL":
        record: Leaf = LRNWithinChannel(size, alpha, beta)  # Caffe's k is 1 here whatever the file says
    else:
        record = LRN(size, alpha, beta, p.number("k", 1.0), divide_alpha=True)
    return (b.add(layer, record, (_one(layer, inputs),)),)


@handles("BatchNorm")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("batch_norm_param", "use_global_stats", "moving_average_fraction", "eps")
    if not p.flag("use_global_stats", True):
        b.note(f"{layer.name} asks for the statistics of each batch; here, as in Caffe's test phase, it has the stored ones")
    eps, fraction = p.number("eps", 1e-5), p.number("moving_average_fraction", 0.999)
    if eps < 0 or not 0 <= fraction <= 1:
        layer.complain("eps is not below 0, and moving_average_fraction goes from 0 to 1")
    record = BatchNorm2d(eps, round(1 - fraction, 9), affine=False)
    return (b.add(layer, record, (_one(layer, inputs),), Source(layer.name)),)


@handles("Scale")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("scale_param", "axis", "num_axes", "filler", "bias_term", "bias_filler")
    if len(inputs) == 2:
        full, gate = (b.shape(path) for path in inputs)
        if p.flag("bias_term", False) or gate not in (full, (full[0], *(1 for _ in full[1:]))):
            layer.complain("the second bottom must be a number for each map, C×1×1, without bias_term")
        return (b.add(layer, Mul(), inputs),)
    value = _one(layer, inputs)
    _only_maps(layer, p, b.shape(value))
    bias, before = p.flag("bias_term", False), b.record(value)
    if isinstance(before, BatchNorm2d) and not before.affine:
        b.exchange(value, before.replace(affine=True), layer.name, bias)
        return (value,)
    return (b.add(layer, Affine(True, bias), (value,), Source(layer.name)),)


@handles("Bias")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("bias_param", "axis", "num_axes", "filler")
    value = _one(layer, inputs)
    _only_maps(layer, p, b.shape(value))
    return (b.add(layer, Affine(False, True), (value,), Source(layer.name)),)


def _only_maps(layer: Layer, p: Message, shape: Shape) -> None:
    axes = p.whole("num_axes", 1, -1)
    if p.whole("axis", 1, -4) != 1 or not (axes == 1 or (axes == -1 and len(shape) == 1)):
        layer.complain("one number for each map: axis 1, num_axes 1")


@handles("ReLU")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    slope = layer.param("relu_param", "negative_slope", "engine").number("negative_slope", 0.0)
    return (b.add(layer, LeakyReLU(slope) if slope else ReLU(), (_one(layer, inputs),)),)


@handles("PReLU")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("prelu_param", "filler", "channel_shared")
    record = PReLU(p.flag("channel_shared", False), filler(p, "filler", b, layer, Constant(0.25)))
    return (b.add(layer, record, (_one(layer, inputs),), Source(layer.name)),)


@handles("ELU")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    return (b.add(layer, ELU(layer.param("elu_param", "alpha").number("alpha", 1.0)), (_one(layer, inputs),)),)


SIMPLE: dict[str, tuple[Leaf, str]] = {
    "Sigmoid": (Sigmoid(), "sigmoid_param"),
    "TanH": (Tanh(), "tanh_param"),
    "AbsVal": (Abs(), "absval_param"),
    "BNLL": (Softplus(), "bnll_param"),
}


@handles(*SIMPLE)
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    record, name = SIMPLE[layer.type]
    layer.param(name, "engine")
    return (b.add(layer, record, (_one(layer, inputs),)),)


@handles("Power")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("power_param", "power", "scale", "shift")
    power, scale, shift = p.number("power", 1.0), p.number("scale", 1.0), p.number("shift", 0.0)
    record = Scale(scale, shift) if power == 1 else Power(power, scale, shift)
    return (b.add(layer, record, (_one(layer, inputs),)),)


@handles("Exp", "Log")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("exp_param" if layer.type == "Exp" else "log_param", "base", "scale", "shift")
    base = p.number("base", -1.0)
    numbers = (math.e if base == -1 else base, p.number("scale", 1.0), p.number("shift", 0.0))
    return (b.add(layer, Exp(*numbers) if layer.type == "Exp" else Log(*numbers), (_one(layer, inputs),)),)


@handles("Softmax")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    if layer.param("softmax_param", "axis", "engine").whole("axis", 1) != 1:
        layer.complain("axis is 1, the classes")
    return (b.add(layer, Softmax(), (_one(layer, inputs),)),)


@handles("Dropout")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("dropout_param", "dropout_ratio", "scale_train")
    ratio, value = p.number("dropout_ratio", 0.5), _one(layer, inputs)
    if not 0 <= ratio < 1:
        layer.complain(f"dropout_ratio is at least 0 and below 1, not {ratio:g}")
    dropped = b.add(layer, Dropout(ratio), (value,))
    if p.flag("scale_train", True):
        return (dropped,)
    return (b.add(layer, Scale(1 - ratio), (dropped,), suffix="scale"),)  # scaled in the test phase, not in training


@handles("Concat")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("concat_param", "axis", "concat_dim")
    if p.whole("axis", 1) != 1 or p.whole("concat_dim", 1) != 1:
        layer.complain("axis is 1, the maps")
    return (b.add(layer, Cat(), inputs) if len(inputs) > 1 else _one(layer, inputs),)


@handles("Eltwise")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("eltwise_param", "operation", "coeff", "stable_prod_grad")
    operation, factors = p.word("operation", "SUM"), p.numbers("coeff")
    if operation not in ("SUM", "PROD", "MAX"):
        layer.complain(f"there is no operation {operation}")
    if len(inputs) < 2 or len(layer.tops) != 1 or len({b.shape(i) for i in inputs}) != 1:
        layer.complain("two or more bottoms of one shape and one top")
    if factors and (operation != "SUM" or len(factors) != len(inputs)):
        layer.complain("coeff: one number for each bottom, and only with SUM")
    if operation != "SUM":
        return (b.add(layer, Mul() if operation == "PROD" else Maximum(), inputs),)
    terms = [
        b.add(layer, Scale(factor), (path,), suffix=f"coeff{i}") if factor != 1 else path
        for i, (path, factor) in enumerate(zip(inputs, factors or [1.0] * len(inputs), strict=True))
    ]
    return (b.add(layer, Add(), tuple(terms)),)


@handles("Slice")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("slice_param", "axis", "slice_dim", "slice_point")
    if len(inputs) != 1 or p.whole("axis", 1) != 1 or p.whole("slice_dim", 1) != 1:
        layer.complain("one bottom, sliced along axis 1, the maps")
    maps, parts, points = b.shape(inputs[0])[0], len(layer.tops), p.wholes("slice_point", 1)
    if not points and parts and maps % parts == 0:
        points = [maps // parts * i for i in range(1, parts)]
    ends = [0, *points, maps]
    if len(ends) != parts + 1 or any(a >= z for a, z in pairwise(ends)):
        layer.complain(f"{parts} tops need {parts - 1} rising slice points below {maps}")
    return tuple(b.add(layer, Slice(a, z), inputs, suffix=str(i)) for i, (a, z) in enumerate(pairwise(ends)))


@handles("Split")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    if len(inputs) != 1:
        layer.complain("one bottom")
    return inputs * len(layer.tops)


@handles("Flatten")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("flatten_param", "axis", "end_axis")
    value = _one(layer, inputs)
    if p.whole("axis", 1) != 1 or p.whole("end_axis", -1, -1) not in (-1, len(b.shape(value))):
        layer.complain("axis 1 to the last: everything of a picture")
    return (b.add(layer, Flatten(), (value,)) if len(b.shape(value)) == 3 else value,)


@handles("Reshape")
def _(b: Builder, layer: Layer, inputs: Paths) -> Paths:
    p = layer.param("reshape_param", "shape", "axis", "num_axes")
    value = _one(layer, inputs)
    shape, dims = b.shape(value), p.message("shape").wholes("dim", -1)
    size = math.prod(shape)
    if p.whole("axis", 0) == 0 and p.whole("num_axes", -1, -1) == -1 and dims and dims[0] in (0, 1, -1):
        rest = [shape[i] if n == 0 and i < len(shape) else n for i, n in enumerate(dims[1:])]
        known = math.prod(n for n in rest if n != -1)
        if rest.count(-1) == 1 and dims[0] != -1 and known > 0 and size % known == 0:
            rest[rest.index(-1)] = size // known
        if tuple(rest) == shape:
            return (value,)
        if rest == [size]:
            return (b.add(layer, Flatten(), (value,)),)
    return layer.complain("only a reshape that flattens has a counterpart: shape { dim: 0 dim: -1 }")
