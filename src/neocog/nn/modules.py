"""Records to modules: one builder for each type of record."""

from collections.abc import Callable
from typing import Any

from torch import nn

from neocog.arch import layers as records
from neocog.arch.record import Leaf, Windowed, pair
from neocog.arch.window import Shape
from neocog.nn import functions, hog, layers, local, neighbours, sift

Builder = Callable[[Any, tuple[Shape, ...]], nn.Module]
BUILDERS: dict[type[Leaf], Builder] = {}


def module(record: Leaf, inputs: tuple[Shape, ...]) -> nn.Module:
    """The module of a record on inputs of these shapes. Its parameters are not initialised."""
    return BUILDERS[type(record)](record, inputs)


def builds(*types: type[Leaf]) -> Callable[[Builder], Builder]:
    """Register the builder of a record type."""

    def add(builder: Builder) -> Builder:
        BUILDERS.update(dict.fromkeys(types, builder))
        return builder

    return add


def pads(record: Windowed, shape: Shape) -> layers.Pads:
    """((top, bottom), (left, right)); TensorFlow's "same" is resolved for this map."""
    rows, columns = record.windows(shape)
    return (rows.before, rows.after), (columns.before, columns.after)


@builds(records.Conv2d)
def _(r: records.Conv2d, s: tuple[Shape, ...]) -> nn.Module:
    return layers.Conv2d(s[0][0], r.out, pair(r.kernel), pair(r.stride), pads(r, s[0]), pair(r.dilation), r.groups, r.bias)


@builds(records.DepthwiseConv2d)
def _(r: records.DepthwiseConv2d, s: tuple[Shape, ...]) -> nn.Module:
    return module(r.as_conv(s[0]), s)


@builds(records.TableConv2d)
def _(r: records.TableConv2d, s: tuple[Shape, ...]) -> nn.Module:
    return layers.TableConv2d(s[0][0], r.table, pair(r.kernel), pair(r.stride), pads(r, s[0]), r.bias)


@builds(records.LocallyConnected2d)
def _(r: records.LocallyConnected2d, s: tuple[Shape, ...]) -> nn.Module:
    return local.LocallyConnected2d(s[0][0], r.out, r.places(s[0]), pair(r.kernel), pair(r.stride), pads(r, s[0]), r.bias)


@builds(records.PlaceBias)
def _(r: records.PlaceBias, s: tuple[Shape, ...]) -> nn.Module:
    return local.PlaceBias(s[0])


@builds(records.Linear)
def _(r: records.Linear, s: tuple[Shape, ...]) -> nn.Module:
    return nn.Linear(s[0][0], r.out, r.bias)


@builds(records.MaxPool2d)
def _(r: records.MaxPool2d, s: tuple[Shape, ...]) -> nn.Module:
    return layers.MaxPool2d(pair(r.kernel), pair(r.stride), pads(r, s[0]), pair(r.dilation), r.ceil)


@builds(records.AvgPool2d)
def _(r: records.AvgPool2d, s: tuple[Shape, ...]) -> nn.Module:
    return layers.AvgPool2d(pair(r.kernel), pair(r.stride), pads(r, s[0]), r.ceil, r.count_padding)


@builds(records.L2Pool2d)
def _(r: records.L2Pool2d, s: tuple[Shape, ...]) -> nn.Module:
    return local.L2Pool2d(pair(r.kernel), pair(r.stride), pads(r, s[0]), r.ceil, r.mean, r.sigma)


@builds(records.AdaptiveAvgPool2d)
def _(r: records.AdaptiveAvgPool2d, s: tuple[Shape, ...]) -> nn.Module:
    return nn.AdaptiveAvgPool2d(pair(r.out))


@builds(records.Subsampling)
def _(r: records.Subsampling, s: tuple[Shape, ...]) -> nn.Module:
    return layers.Subsampling(s[0][0], pair(r.kernel), pair(r.stride), pads(r, s[0]))


@builds(records.BatchNorm2d)
def _(r: records.BatchNorm2d, s: tuple[Shape, ...]) -> nn.Module:
    kind = nn.BatchNorm2d if len(s[0]) == 3 else nn.BatchNorm1d
    return kind(s[0][0], r.eps, r.momentum, r.affine)


@builds(records.LayerNorm2d)
def _(r: records.LayerNorm2d, s: tuple[Shape, ...]) -> nn.Module:
    return layers.LayerNorm2d(s[0][0], r.eps)


@builds(records.LRN)
def _(r: records.LRN, s: tuple[Shape, ...]) -> nn.Module:
    return layers.LRN(r.size, r.alpha, r.beta, r.k, r.divide_alpha)


@builds(records.LRNWithinChannel)
def _(r: records.LRNWithinChannel, s: tuple[Shape, ...]) -> nn.Module:
    return local.LRNWithinChannel(r.size, r.alpha, r.beta, r.k)


@builds(records.LocalContrastNorm)
def _(r: records.LocalContrastNorm, s: tuple[Shape, ...]) -> nn.Module:
    return local.LocalContrastNorm(r.size, r.sigma, r.floor)


@builds(records.Tanh)
def _(r: records.Tanh, s: tuple[Shape, ...]) -> nn.Module:
    return nn.Tanh() if (r.scale, r.slope) == (1, 1) else layers.ScaledTanh(r.scale, r.slope)


@builds(records.Softmax)
def _(r: records.Softmax, s: tuple[Shape, ...]) -> nn.Module:
    return nn.Softmax(1)


for _record, _module in ((records.ReLU, nn.ReLU), (records.ReLU6, nn.ReLU6), (records.Sigmoid, nn.Sigmoid),
                         (records.HardSigmoid, nn.Hardsigmoid), (records.HardSwish, nn.Hardswish), (records.SiLU, nn.SiLU),
                         (records.GELU, nn.GELU), (records.Flatten, nn.Flatten), (records.Add, layers.Add),
                         (records.Cat, layers.Cat), (records.Mul, layers.Mul)):  # fmt: skip
    BUILDERS[_record] = lambda r, s, m=_module: m()


@builds(records.Dropout)
def _(r: records.Dropout, s: tuple[Shape, ...]) -> nn.Module:
    return nn.Dropout(r.p)


@builds(records.DropPath)
def _(r: records.DropPath, s: tuple[Shape, ...]) -> nn.Module:
    return layers.DropPath(r.p)


@builds(records.ConstantPad2d)
def _(r: records.ConstantPad2d, s: tuple[Shape, ...]) -> nn.Module:
    rows, columns = r.windows(s[0])
    return local.ConstantPad2d(((rows.before, rows.after), (columns.before, columns.after)), r.value)


@builds(records.PadChannels)
def _(r: records.PadChannels, s: tuple[Shape, ...]) -> nn.Module:
    return layers.PadChannels(r.before, r.after)


@builds(records.Slice)
def _(r: records.Slice, s: tuple[Shape, ...]) -> nn.Module:
    return layers.Slice(*r.bounds(s[0][0]))


@builds(records.ChannelShuffle)
def _(r: records.ChannelShuffle, s: tuple[Shape, ...]) -> nn.Module:
    return nn.ChannelShuffle(r.groups)


@builds(records.Scale)
def _(r: records.Scale, s: tuple[Shape, ...]) -> nn.Module:
    return layers.Scale(r.factor, r.shift)


@builds(records.LayerScale)
def _(r: records.LayerScale, s: tuple[Shape, ...]) -> nn.Module:
    return layers.LayerScale(s[0][0])


@builds(records.RBF)
def _(r: records.RBF, s: tuple[Shape, ...]) -> nn.Module:
    return layers.RBF(r.out, s[0][0], r.trainable)


@builds(records.SCell)
def _(r: records.SCell, s: tuple[Shape, ...]) -> nn.Module:
    return layers.SCell(s[0][0], r.planes, pair(r.kernel), pair(r.stride), pads(r, s[0]), r.selectivity, r.decay)


@builds(records.CCell)
def _(r: records.CCell, s: tuple[Shape, ...]) -> nn.Module:
    return layers.CCell(s[0][0], pair(r.kernel), pair(r.stride), pads(r, s[0]), r.decay, r.gain)


@builds(records.HOG)
def _(r: records.HOG, s: tuple[Shape, ...]) -> nn.Module:
    return hog.HOG(r.orientations, r.side(s[0]), r.block)


@builds(records.SIFT)
def _(r: records.SIFT, s: tuple[Shape, ...]) -> nn.Module:
    return sift.SIFT(*r.grid(s[0]), r.floor)


@builds(records.VisualWords)
def _(r: records.VisualWords, s: tuple[Shape, ...]) -> nn.Module:
    return sift.VisualWords(s[0][0], r.words)


@builds(records.Neighbours)
def _(r: records.Neighbours, s: tuple[Shape, ...]) -> nn.Module:
    return neighbours.Neighbours(s[0][0], r.out, r.pictures, r.k)


for _record, _module in ((records.Abs, functions.Abs), (records.Softplus, nn.Softplus),
                         (records.Maximum, functions.Maximum)):  # fmt: skip
    BUILDERS[_record] = lambda r, s, m=_module: m()


@builds(records.LeakyReLU)
def _(r: records.LeakyReLU, s: tuple[Shape, ...]) -> nn.Module:
    return nn.LeakyReLU(r.slope)


@builds(records.PReLU)
def _(r: records.PReLU, s: tuple[Shape, ...]) -> nn.Module:
    return nn.PReLU(1 if r.shared else s[0][0])


@builds(records.ELU)
def _(r: records.ELU, s: tuple[Shape, ...]) -> nn.Module:
    return nn.ELU(r.alpha)


@builds(records.Power)
def _(r: records.Power, s: tuple[Shape, ...]) -> nn.Module:
    return functions.Power(r.power, r.scale, r.shift)


@builds(records.Exp)
def _(r: records.Exp, s: tuple[Shape, ...]) -> nn.Module:
    return functions.Exp(r.base, r.scale, r.shift)


@builds(records.Log)
def _(r: records.Log, s: tuple[Shape, ...]) -> nn.Module:
    return functions.Log(r.base, r.scale, r.shift)


@builds(records.Affine)
def _(r: records.Affine, s: tuple[Shape, ...]) -> nn.Module:
    return functions.Affine(s[0][0], r.scale, r.bias)
