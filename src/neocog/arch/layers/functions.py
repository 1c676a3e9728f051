"""Functions of each number that come with networks from elsewhere: leaky and exponential units, powers, logarithms, maxima."""

import math

from neocog.arch.init import Constant, Init
from neocog.arch.layers.activations import Activation
from neocog.arch.record import Leaf, Param, record
from neocog.arch.window import Shape, times
from neocog.errors import ShapeError, UserError

ZERO, ONE, QUARTER = Constant(0.0), Constant(1.0), Constant(0.25)


@record
class LeakyReLU(Activation):
    """max(x, 0) + slope·min(x, 0) (Maas et al. 2013)."""

    slope: float = 0.01

    def describe(self) -> str:
        return f"leaky ReLU {self.slope:g}"


@record
class PReLU(Activation):
    """max(x, 0) + a·min(x, 0) with one trained a for each map, or one for all (He et al. 2015a, eq. 1). Weight: C or 1."""

    shared: bool = False
    init: Init = QUARTER

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        return (Param("weight", (1 if self.shared else inputs[0][0],), self.init),)


@record
class ELU(Activation):
    """x, or alpha·(exp(x) − 1) below 0 (Clevert et al. 2015)."""

    alpha: float = 1.0

    def describe(self) -> str:
        return "ELU" if self.alpha == 1 else f"ELU {self.alpha:g}"


class Softplus(Activation):
    """log(1 + exp(x)); Caffe's BNLL."""


class Abs(Activation):
    """|x|: the rectification of Jarrett et al. 2009."""


@record
class Power(Activation):
    """(shift + scale·x)^power."""

    power: float = 1.0
    scale: float = 1.0
    shift: float = 0.0

    def describe(self) -> str:
        return f"({_linear(self.scale, self.shift)})^{self.power:g}"


@record
class Exp(Activation):
    """base^(shift + scale·x)."""

    base: float = math.e
    scale: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_base(self, self.base)

    def describe(self) -> str:
        return f"{_base(self.base)}^({_linear(self.scale, self.shift)})"


@record
class Log(Activation):
    """log_base(shift + scale·x)."""

    base: float = math.e
    scale: float = 1.0
    shift: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_base(self, self.base)

    def describe(self) -> str:
        return f"log_{_base(self.base)}({_linear(self.scale, self.shift)})"


@record
class Affine(Leaf):
    """weight·x + bias, one trained pair for each map: batch normalisation's second half by itself. Weight, bias: C each."""

    scale: bool = True
    bias: bool = True
    follows = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (self.scale or self.bias):
            raise UserError("Affine: neither scale nor bias is nothing at all")

    def describe(self) -> str:
        return "scale and shift" if self.scale and self.bias else "scale" if self.scale else "shift"

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        maps = (inputs[0][0],)
        weight = (Param("weight", maps, ONE),) if self.scale else ()
        return (*weight, Param("bias", maps, ZERO, "bias")) if self.bias else weight


class Maximum(Leaf):
    """The largest of its inputs, which have one shape, at each place."""

    joins = True

    def describe(self) -> str:
        return "maximum"

    def output(self, *inputs: Shape) -> Shape:
        if len(set(inputs)) != 1:
            raise ShapeError("cannot take the maximum of " + " and ".join(map(times, inputs)))
        return inputs[0]


def _linear(scale: float, shift: float) -> str:
    product = "x" if scale == 1 else f"{scale:g}x"
    return f"{shift:g} + {product}" if shift else product


def _base(base: float) -> str:
    return "e" if base == math.e else f"{base:g}"


def _check_base(leaf: Leaf, base: float) -> None:
    if not base > 0 or base == 1:
        raise UserError(f"{leaf.type}: base is above 0 and not 1, not {base:g}")
