"""The layers, one record each."""

from neocog.arch.layers.activations import GELU, Activation, HardSigmoid, HardSwish, ReLU, ReLU6, Sigmoid, SiLU, Softmax, Tanh
from neocog.arch.layers.descriptors import HOG, SIFT, Neighbours, VisualWords
from neocog.arch.layers.early import RBF, CCell, SCell
from neocog.arch.layers.functions import ELU, Abs, Affine, Exp, LeakyReLU, Log, Maximum, Power, PReLU, Softplus
from neocog.arch.layers.joins import Add, Cat, Mul
from neocog.arch.layers.local import LocallyConnected2d, PlaceBias
from neocog.arch.layers.normalisation import LRN, BatchNorm2d, LayerNorm2d, LocalContrastNorm, LRNWithinChannel
from neocog.arch.layers.plumbing import (
    ChannelShuffle,
    ConstantPad2d,
    Dropout,
    DropPath,
    Flatten,
    LayerScale,
    PadChannels,
    Scale,
    Slice,
)
from neocog.arch.layers.pooling import AdaptiveAvgPool2d, AvgPool2d, L2Pool2d, MaxPool2d, Subsampling
from neocog.arch.layers.weighted import Conv2d, DepthwiseConv2d, Linear, TableConv2d

__all__ = [
    "ELU",
    "GELU",
    "HOG",
    "LRN",
    "RBF",
    "SIFT",
    "Abs",
    "Activation",
    "AdaptiveAvgPool2d",
    "Add",
    "Affine",
    "AvgPool2d",
    "BatchNorm2d",
    "CCell",
    "Cat",
    "ChannelShuffle",
    "ConstantPad2d",
    "Conv2d",
    "DepthwiseConv2d",
    "DropPath",
    "Dropout",
    "Exp",
    "Flatten",
    "HardSigmoid",
    "HardSwish",
    "L2Pool2d",
    "LRNWithinChannel",
    "LayerNorm2d",
    "LayerScale",
    "LeakyReLU",
    "Linear",
    "LocalContrastNorm",
    "LocallyConnected2d",
    "Log",
    "MaxPool2d",
    "Maximum",
    "Mul",
    "Neighbours",
    "PReLU",
    "PadChannels",
    "PlaceBias",
    "Power",
    "ReLU",
    "ReLU6",
    "SCell",
    "Scale",
    "SiLU",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Softplus",
    "Subsampling",
    "TableConv2d",
    "Tanh",
    "VisualWords",
]
