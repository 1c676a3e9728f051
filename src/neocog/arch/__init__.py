"""Architectures as values: notation, normal form, arithmetic, diagnosis, rewrites, difference. No torch."""

from neocog.arch.account import Analysis, Row, analyse, fits, smallest_input
from neocog.arch.architecture import Architecture, Mark, Node, Tap
from neocog.arch.fit import Misfit, misfits
from neocog.arch.init import (
    Codes,
    Constant,
    FanInUniform,
    GlorotUniform,
    HeNormal,
    Init,
    Normal,
    TorchDefault,
    Uniform,
)
from neocog.arch.layers import (
    GELU,
    LRN,
    RBF,
    Activation,
    AdaptiveAvgPool2d,
    Add,
    AvgPool2d,
    BatchNorm2d,
    Cat,
    CCell,
    ChannelShuffle,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    DropPath,
    Flatten,
    HardSigmoid,
    HardSwish,
    LayerNorm2d,
    LayerScale,
    Linear,
    MaxPool2d,
    Mul,
    PadChannels,
    ReLU,
    ReLU6,
    Scale,
    SCell,
    Sigmoid,
    SiLU,
    Slice,
    Softmax,
    Subsampling,
    TableConv2d,
    Tanh,
)
from neocog.arch.notation import (
    Aux,
    Concat,
    Identity,
    Product,
    Ref,
    Sequential,
    Sum,
    architecture,
    block,
    head,
    stage,
)
from neocog.arch.record import Leaf, Param, Windowed
from neocog.arch.window import Shape, Window

__all__ = [name for name in dir() if not name.startswith("_") and name != "annotations"]
