"""Highway networks (Srivastava, Greff & Schmidhuber 2015): y = H(x)·T(x) + x·(1 − T(x)), the gate T at first nearly closed."""

from typing import Any

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    CaffeXavier,
    Constant,
    Conv2d,
    Dropout,
    Flatten,
    HeNormal,
    Identity,
    Linear,
    MaxPool2d,
    Normal,
    Product,
    Ref,
    ReLU,
    Scale,
    Sequential,
    Sigmoid,
    Sum,
    architecture,
    block,
    head,
)
from neocog.arch.notation import Marked
from neocog.nets.card import Card, Result
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import CIFAR
from neocog.pictures.preprocessing import Preprocessing

ZERO = Constant(0.0)


def highway(transform: Conv2d | Linear, bias: float) -> Marked:
    """Equation 3, the block state H under a ReLU. `transform` gives H and, with its bias at `bias`, the gate's sigmoid."""
    gate = transform.replace(bias_init=Constant(bias))
    return block(Sequential(y=Sum(
        transformed=Product(Sequential(H=transform, relu=ReLU()), gate=Sequential(T=gate, sigmoid=Sigmoid())),
        carried=Product(Identity(), Sequential(Ref("gate"), carry=Scale(-1, 1))))))  # fmt: skip


def fully_connected(name: str, depth: int, width: int, gated: bool, num_classes: int = 10) -> Architecture:
    """Section 4.1: one plain layer, depth-1 highway or plain layers of `width`, and softmax. N×1×28×28 → N×classes."""

    def layer() -> Linear:
        return Linear(width, init=HeNormal(), bias_init=ZERO)

    hidden: dict[str, Any] = {"fc1": layer(), "relu1": ReLU()}
    for i in range(2, depth + 1):
        hidden |= {f"fc{i}": highway(layer(), -2.0)} if gated else {f"fc{i}": layer(), f"relu{i}": ReLU()}
    return architecture(name, (1, 28, 28), Sequential(
        flatten=Flatten(), **hidden, fc=head(Linear(num_classes, init=HeNormal(gain=1.0), bias_init=ZERO))))  # fmt: skip


def conv(out: int, kernel: int = 3, padding: int = 1) -> Conv2d:
    """A convolution with the start of the authors' Caffe files."""
    return Conv2d(out, kernel, padding=padding, init=CaffeXavier(), bias_init=ZERO)


def mnist(name: str, width: int, num_classes: int = 10) -> Architecture:
    """The authors' mnist-10layers: one plain and eight highway convolutions. N×1×28×28 → N×classes."""
    stages: dict[str, Any] = {}
    for s, (pool, drop) in enumerate((((3, 2), 0.3), ((3, 2), 0.4), ((2, 2), 0.5)), 1):
        for i in range(1, 4):
            first = s == i == 1
            stages[f"s{s}_conv{i}"] = conv(width, 5, 0) if first else highway(conv(width), -1.0)
            if first:
                stages["relu"] = ReLU()
        stages |= {f"pool{s}": MaxPool2d(*pool, ceil=True), f"drop{s + 1}": Dropout(drop)}
    return architecture(name, (1, 28, 28), Sequential(
        drop1=Dropout(0.2), **stages,
        flatten=Flatten(), ip2=head(Linear(num_classes, init=Normal(0.1), bias_init=ZERO))))  # fmt: skip


def cifar(name: str, num_classes: int = 10) -> Architecture:
    """The authors' cifar10-19layers: 32, 80, 128 maps, a plain convolution where that changes. N×3×32×32 → N×classes."""
    stages: dict[str, Any] = {}
    number = 1
    for s, (width, count) in enumerate(((32, 4), (80, 5), (128, 5)), 1):
        plain = conv(width) if s > 1 else Conv2d(width, 3, padding=1, init=Normal(1.0), bias_init=ZERO)
        stages |= {f"conv{number}": plain, f"relu{number}": ReLU()}
        for i in range(number + 1, number + count + 1):
            stages[f"conv{i}"] = highway(conv(width), -2.0)
        number += count + 1
        if s < 3:
            stages |= {f"pool{s}": MaxPool2d(2, 2, ceil=True), f"drop{s + 1}": Dropout(0.2)}
    return architecture(name, (3, 32, 32), Sequential(
        drop1=Dropout(0.2), **stages,
        conv18=conv(100, 1, 0), relu18=ReLU(), pool3=AdaptiveAvgPool2d(1), drop4=Dropout(0.2),
        flatten=Flatten(), ip2=head(Linear(num_classes, init=Normal(0.05), bias_init=ZERO))))  # fmt: skip


AUTHORS = "R. K. Srivastava, K. Greff, J. Schmidhuber"
PAPER = "Training very deep networks"
VENUE = "NIPS 2015 (arXiv 1507.06228)"
MNIST = Preprocessing(28, 28, color="L", resize="pad", scale=1 / 256)
QUICK = Recipe(lr=0.02, nesterov=True, weight_decay=5e-4, batch=64)
DIGITS = Recipe(lr=0.02, nesterov=True, weight_decay=0.0, batch=64, augment=())


def steps(lr: float, epochs: float, milestones: tuple[float, ...], augment: tuple[str, ...]) -> Recipe:
    """The solver files of the authors' code. Caffe's Nesterov step is torch's as long as the rate stays."""
    return Recipe(name="paper", lr=lr, momentum=0.9, nesterov=True, weight_decay=1e-3, schedule="step", warmup=0.0,
                  milestones=milestones, batch=100, epochs=epochs, augment=augment,
                  source="The solver files of the authors' code")  # fmt: skip


SEARCHED = ("The paper searched rate, momentum, decay, activation (ReLU or tanh) and gate bias (-1 to -10) for each depth; "
            "here ReLU and -2. It shows training curves and no test errors.")  # fmt: skip
for _depth in (10, 20, 50, 100):
    for _gated, _width in ((True, 50), (False, 71)):
        _name = f"highway{_depth}.fc" if _gated else f"mlp.{_width}x{_depth}"
        register(_name, lambda n=_name, d=_depth, w=_width, g=_gated: fully_connected(n, d, w, g), Card(
            title=f"Highway net, {_depth} full connections" if _gated else f"Plain net, {_depth} full connections",
            paper=PAPER, authors=AUTHORS, venue=VENUE, year=2015, preprocessing=MNIST, quick=DIGITS,
            notes=(SEARCHED, "A highway layer of 50 units has 5,100 numbers, a plain one of 71 units 5,112."),
        ))  # fmt: skip

for _width, _error in ((16, 0.57), (32, 0.45)):
    _name = "highway10.mnist" + ("" if _width == 32 else f"{_width}")
    register(_name, lambda n=_name, w=_width: mnist(n, w), Card(
        title=f"Highway net of 10 layers, {_width} maps (MNIST)", paper=PAPER, authors=AUTHORS, venue=VENUE, year=2015,
        preprocessing=MNIST,
        results=(Result("MNIST", "one picture as it is, best of the runs", _error),),
        paper_recipe=steps(0.01, 300, (1 / 3, 2 / 3), ()), quick=DIGITS,
        notes=("As in the authors' Caffe files, which have 32 maps; the paper has a net of 16 too.",),
    ))  # fmt: skip

register("highway19.cifar", lambda: cifar("highway19.cifar"), Card(
    title="Highway net of 19 layers (CIFAR)", paper=PAPER, authors=AUTHORS, venue=VENUE, year=2015, preprocessing=CIFAR,
    results=(Result("CIFAR-10 test", "one picture as it is; trained with shifts and flips; best of five runs", 7.60),
             Result("CIFAR-10 test", "one picture as it is; trained with shifts and flips; mean of five runs", 7.69),
             Result("CIFAR-100 test", "one picture as it is; trained with shifts and flips; best of five runs", 32.24),
             Result("CIFAR-100 test", "one picture as it is; trained with shifts and flips; mean of five runs", 32.39)),
    paper_recipe=steps(0.025, 400, (0.5, 0.75, 0.875), ("flip", "crop=0.25")), quick=QUICK,
    notes=("As in the authors' Caffe files, with ten outputs; their CIFAR-10 file keeps the hundred of CIFAR-100.",
           "Their conv1 gives a deviation of 0.05 under a name that Caffe does not read, so it starts from 1; so does this.",
           "It ends in a 1×1 convolution and a global average, as the net of the paper's table 3; the 7.54 % (mean 7.72) that "
           "others quote is of table 2's, with a full connection there.",
           "They normalise contrast globally; here mean and deviation.",
           "The paper's nets of 11 and 32 layers (236 thousand and 1.25 million parameters) are not here: no definition of "
           "their widths was found."),
))  # fmt: skip
