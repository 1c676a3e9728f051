"""Convolutions and full connections."""

from neocog.arch.init import Init, TorchDefault
from neocog.arch.record import Leaf, Pair, Param, Windowed, need_map, record
from neocog.arch.window import Padding, Shape, pair, size, times
from neocog.errors import ShapeError, UserError

DEFAULT = TorchDefault()


@record
class Conv2d(Windowed):
    """Convolution to `out` maps. Weight: out × in/groups × kh × kw."""

    out: int
    kernel: Pair
    stride: Pair = 1
    padding: Padding = 0
    dilation: Pair = 1
    groups: int = 1
    bias: bool = True
    init: Init = DEFAULT
    bias_init: Init = DEFAULT

    def describe(self) -> str:
        return f"conv {self.describe_window()}" + (f" g{self.groups}" if self.groups > 1 else "")

    def fan(self, shape: Shape) -> int:
        """Weights that feed one output unit."""
        channels = need_map(self, shape)[0]
        if channels % self.groups or self.out % self.groups:
            raise ShapeError(f"{self.groups} groups do not divide {channels} maps into {self.out}")
        return channels // self.groups * size(pair(self.kernel))

    def output(self, *inputs: Shape) -> Shape:
        self.fan(inputs[0])
        return (self.out, *self.places(inputs[0]))

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        fan_in = self.fan(inputs[0])
        fan_out = self.out * size(pair(self.kernel))
        weight = Param(
            "weight", (self.out, inputs[0][0] // self.groups, *pair(self.kernel)), self.init, "weight", fan_in, fan_out
        )
        bias = Param("bias", (self.out,), self.bias_init, "bias", fan_in, fan_out)
        return (weight, bias) if self.bias else (weight,)

    def macs(self, *inputs: Shape) -> int:
        return size(self.output(*inputs)) * self.fan(inputs[0])

    def connections(self, *inputs: Shape) -> int:
        return size(self.output(*inputs)) * (self.fan(inputs[0]) + self.bias)

    def neurons(self, *inputs: Shape) -> int:
        return size(self.output(*inputs))


@record
class DepthwiseConv2d(Windowed):
    """One filter (or `multiplier` filters) for each map. Weight: in·multiplier × 1 × kh × kw."""

    kernel: Pair
    stride: Pair = 1
    padding: Padding = 0
    dilation: Pair = 1
    multiplier: int = 1
    bias: bool = True
    init: Init = DEFAULT
    bias_init: Init = DEFAULT

    def describe(self) -> str:
        return f"depthwise {self.describe_window()}"

    def as_conv(self, shape: Shape) -> Conv2d:
        """The grouped convolution that it is on this input."""
        channels = need_map(self, shape)[0]
        return Conv2d(
            channels * self.multiplier,
            self.kernel,
            self.stride,
            self.padding,
            self.dilation,
            channels,
            self.bias,
            self.init,
            self.bias_init,
        )

    def output(self, *inputs: Shape) -> Shape:
        return self.as_conv(inputs[0]).output(*inputs)

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        return self.as_conv(inputs[0]).params(*inputs)

    def macs(self, *inputs: Shape) -> int:
        return self.as_conv(inputs[0]).macs(*inputs)

    def connections(self, *inputs: Shape) -> int:
        return self.as_conv(inputs[0]).connections(*inputs)

    def neurons(self, *inputs: Shape) -> int:
        return size(self.output(*inputs))


@record
class TableConv2d(Windowed):
    """Convolution in which map i reads only the input maps of `table[i]` (LeNet-5's C3; LeCun et al. 1998, Table I).

    Weight: links × kh × kw, one plane for each entry of the table in reading order; bias: one for each map.
    """

    table: tuple[tuple[int, ...], ...]
    kernel: Pair
    stride: Pair = 1
    padding: Padding = 0
    bias: bool = True
    init: Init = DEFAULT
    bias_init: Init = DEFAULT

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.table or not all(self.table) or min(min(row) for row in self.table) < 0:
            raise UserError("TableConv2d: the table names, for each map, one or more maps from 0 up")

    def describe(self) -> str:
        return f"conv {self.describe_window()}, {self.links} map links"

    @property
    def links(self) -> int:
        """Pairs of an input map and an output map that are joined."""
        return sum(map(len, self.table))

    def output(self, *inputs: Shape) -> Shape:
        channels = need_map(self, inputs[0])[0]
        if max(max(row) for row in self.table) >= channels:
            raise ShapeError(f"the table names map {max(max(row) for row in self.table)} but only {channels} come in")
        return (len(self.table), *self.places(inputs[0]))

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        taps = size(pair(self.kernel))
        fans = tuple(len(row) * taps for row in self.table)
        weight_fans = tuple(fan for row, fan in zip(self.table, fans, strict=True) for _ in row)
        weight = Param("weight", (self.links, *pair(self.kernel)), self.init, "weight", weight_fans)
        return (weight, Param("bias", (len(self.table),), self.bias_init, "bias", fans)) if self.bias else (weight,)

    def macs(self, *inputs: Shape) -> int:
        return size(self.places(inputs[0])) * self.links * size(pair(self.kernel))

    def connections(self, *inputs: Shape) -> int:
        return self.macs(*inputs) + self.bias * size(self.output(*inputs))

    def neurons(self, *inputs: Shape) -> int:
        return size(self.output(*inputs))


@record
class Linear(Leaf):
    """Full connection to `out` features. Weight: out × in."""

    out: int
    bias: bool = True
    init: Init = DEFAULT
    bias_init: Init = DEFAULT

    def describe(self) -> str:
        return "fully connected"

    def fan(self, shape: Shape) -> int:
        """Features that come in; maps must be flattened first."""
        if len(shape) != 1:
            raise ShapeError(f"a full connection needs features but gets {times(shape)} maps: put Flatten() before it")
        return shape[0]

    def output(self, *inputs: Shape) -> Shape:
        self.fan(inputs[0])
        return (self.out,)

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        fan = self.fan(inputs[0])
        weight = Param("weight", (self.out, fan), self.init, "weight", fan, self.out)
        return (weight, Param("bias", (self.out,), self.bias_init, "bias", fan, self.out)) if self.bias else (weight,)

    def macs(self, *inputs: Shape) -> int:
        return self.out * self.fan(inputs[0])

    def connections(self, *inputs: Shape) -> int:
        return self.out * (self.fan(inputs[0]) + self.bias)

    def neurons(self, *inputs: Shape) -> int:
        return self.out

    def windows(self, *inputs: Shape) -> None:
        return None
