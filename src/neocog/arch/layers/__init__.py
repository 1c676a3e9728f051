"""The layers, one record each."""

from neocog.arch.layers.activations import GELU, Activation, HardSigmoid, HardSwish, ReLU, ReLU6, Sigmoid, SiLU, Softmax, Tanh
from neocog.arch.layers.early import RBF, CCell, SCell
from neocog.arch.layers.joins import Add, Cat, Mul
from neocog.arch.layers.normalisation import LRN, BatchNorm2d, LayerNorm2d
from neocog.arch.layers.plumbing import ChannelShuffle, Dropout, DropPath, Flatten, LayerScale, PadChannels, Scale, Slice
from neocog.arch.layers.pooling import AdaptiveAvgPool2d, AvgPool2d, MaxPool2d, Subsampling
from neocog.arch.layers.weighted import Conv2d, DepthwiseConv2d, Linear, TableConv2d

__all__ = [
    "GELU",
    "LRN",
    "RBF",
    "Activation",
    "AdaptiveAvgPool2d",
    "Add",
    "AvgPool2d",
    "BatchNorm2d",
    "CCell",
    "Cat",
    "ChannelShuffle",
    "Conv2d",
    "DepthwiseConv2d",
    "DropPath",
    "Dropout",
    "Flatten",
    "HardSigmoid",
    "HardSwish",
    "LayerNorm2d",
    "LayerScale",
    "Linear",
    "MaxPool2d",
    "Mul",
    "PadChannels",
    "ReLU",
    "ReLU6",
    "SCell",
    "Scale",
    "SiLU",
    "Sigmoid",
    "Slice",
    "Softmax",
    "Subsampling",
    "TableConv2d",
    "Tanh",
]
