"""The layers: convolutions, pools, full connections, normalisations, activations and plumbing."""

from neocog.arch.init import Codes, Constant, Init, TorchDefault
from neocog.arch.record import Leaf, Pair, Param, Windowed, need_map, record
from neocog.arch.window import Padding, Shape, Window, pair, size, times
from neocog.errors import ShapeError, UserError

DEFAULT = TorchDefault()
ZERO, ONE = Constant(0.0), Constant(1.0)


# --- convolutions and full connections ---------------------------------------------------------------------------


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
        return (
            Param("weight", (self.links, *pair(self.kernel)), self.init, "weight", weight_fans),
            Param("bias", (len(self.table),), self.bias_init, "bias", fans),
        )

    def macs(self, *inputs: Shape) -> int:
        return size(self.places(inputs[0])) * self.links * size(pair(self.kernel))

    def connections(self, *inputs: Shape) -> int:
        return self.macs(*inputs) + size(self.output(*inputs))

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


# --- pooling ---------------------------------------------------------------------------------------------------------


@record
class MaxPool2d(Windowed):
    """Maximum over each window; padding counts as -∞. `ceil`: Caffe's rounding."""

    kernel: Pair
    stride: Pair
    padding: Padding = 0
    dilation: Pair = 1
    ceil: bool = False

    def describe(self) -> str:
        return f"max {self.describe_window()}" + (" ceil" if self.ceil else "")

    def output(self, *inputs: Shape) -> Shape:
        return (need_map(self, inputs[0])[0], *self.places(inputs[0]))


@record
class AvgPool2d(Windowed):
    """Mean over each window. `count_padding`: zeros of the padding count in the mean, as in torch and Caffe."""

    kernel: Pair
    stride: Pair
    padding: Padding = 0
    ceil: bool = False
    count_padding: bool = True

    def describe(self) -> str:
        return f"average {self.describe_window()}" + (" ceil" if self.ceil else "")

    def output(self, *inputs: Shape) -> Shape:
        return (need_map(self, inputs[0])[0], *self.places(inputs[0]))


@record
class AdaptiveAvgPool2d(Leaf):
    """Mean over windows chosen so that rows × columns come out; 1 is global average pooling (Lin et al. 2013, 3.2)."""

    out: tuple[int, int] | int = 1

    def __post_init__(self) -> None:
        object.__setattr__(self, "out", pair(self.out))
        if not all(isinstance(v, int) and v >= 1 for v in pair(self.out)):
            raise UserError(f"AdaptiveAvgPool2d: out is a whole number above 0, or two, not {self.out!r}")

    def describe(self) -> str:
        rows, columns = pair(self.out)
        return "global average" if (rows, columns) == (1, 1) else f"average to {rows}×{columns}"

    def output(self, *inputs: Shape) -> Shape:
        return (need_map(self, inputs[0])[0], *pair(self.out))

    def windows(self, *inputs: Shape) -> tuple[Window, Window] | None:
        shape, out = inputs[0], pair(self.out)
        if out == (1, 1) or shape[1] % out[0] or shape[2] % out[1]:
            return None
        steps = (shape[1] // out[0], shape[2] // out[1])
        return Window(steps[0], steps[0]), Window(steps[1], steps[1])


@record
class Subsampling(Windowed):
    """LeNet-5's S layers: the sum over a window times one trained coefficient, plus one bias, for each map.

    LeCun et al. 1998, section II.B. The squash that follows is a layer of its own.
    """

    kernel: Pair = 2
    stride: Pair = 2
    padding: Padding = 0
    init: Init = DEFAULT
    bias_init: Init = DEFAULT

    def describe(self) -> str:
        return f"sum {self.describe_window()} × coefficient + bias"

    def output(self, *inputs: Shape) -> Shape:
        return (need_map(self, inputs[0])[0], *self.places(inputs[0]))

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        maps, taps = inputs[0][0], size(pair(self.kernel))
        return (
            Param("weight", (maps,), self.init, "weight", taps, 1),
            Param("bias", (maps,), self.bias_init, "bias", taps, 1),
        )

    def macs(self, *inputs: Shape) -> int:
        return size(self.output(*inputs))

    def connections(self, *inputs: Shape) -> int:
        return size(self.output(*inputs)) * (size(pair(self.kernel)) + 1)

    def neurons(self, *inputs: Shape) -> int:
        return size(self.output(*inputs))


# --- normalisation ---------------------------------------------------------------------------------------------------


@record
class BatchNorm2d(Leaf):
    """Batch normalisation of each map (Ioffe & Szegedy 2015, Alg. 1 and 2)."""

    eps: float = 1e-5
    momentum: float = 0.1
    affine: bool = True
    init: Init = ONE
    follows = True

    def describe(self) -> str:
        return "BN"

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        maps = (inputs[0][0],)
        affine = (Param("weight", maps, self.init), Param("bias", maps, ZERO, "bias")) if self.affine else ()
        return (
            *affine,
            Param("running_mean", maps, ZERO, "stat"),
            Param("running_var", maps, ONE, "stat"),
            Param("num_batches_tracked", (), ZERO, "stat"),
        )


@record
class LayerNorm2d(Leaf):
    """Layer normalisation over the channels at each place (ConvNeXt's LayerNorm), or over features."""

    eps: float = 1e-6
    follows = True

    def describe(self) -> str:
        return "LN"

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        return Param("weight", (inputs[0][0],), ONE), Param("bias", (inputs[0][0],), ZERO, "bias")


@record
class LRN(Leaf):
    """Local response normalisation across `size` neighbouring maps: a / (k + α′ Σ a²)^β.

    Krizhevsky et al. 2012, section 3.3: α′ = α, k = 2. Caffe and torch: α′ = α/size (`divide_alpha`), k = 1.
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0
    divide_alpha: bool = False
    follows = True

    def describe(self) -> str:
        return f"LRN {self.size}"


# --- activations -----------------------------------------------------------------------------------------------------


class Activation(Leaf):
    """A function of each number by itself."""

    follows = True

    def describe(self) -> str:
        return self.type


class ReLU(Activation):
    """max(x, 0)."""


class ReLU6(Activation):
    """min(max(x, 0), 6)."""


class Sigmoid(Activation):
    """1 / (1 + exp(-x))."""


@record
class Tanh(Activation):
    """`scale`·tanh(`slope`·x). LeNet-5's squash is 1.7159·tanh(2x/3) (LeCun et al. 1998, appendix A)."""

    scale: float = 1.0
    slope: float = 1.0

    def describe(self) -> str:
        return "tanh" if (self.scale, self.slope) == (1, 1) else f"{self.scale:g}·tanh({self.slope:.3g}x)"


class HardSigmoid(Activation):
    """ReLU6(x + 3) / 6."""


class HardSwish(Activation):
    """x · ReLU6(x + 3) / 6 (Howard et al. 2019, section 5.2)."""


class SiLU(Activation):
    """x · sigmoid(x), also called swish."""


class GELU(Activation):
    """x · Φ(x)."""


class Softmax(Activation):
    """Probabilities over the classes (the first axis)."""


# --- regularisation --------------------------------------------------------------------------------------------------


@record
class Dropout(Leaf):
    """Zeros each number with probability `p` in training and scales the rest by 1/(1-p) (inverted dropout)."""

    p: float = 0.5
    follows = True

    def describe(self) -> str:
        return f"dropout {self.p:g}"


@record
class DropPath(Leaf):
    """Zeros the whole branch of a picture with probability `p` in training (Huang et al. 2016)."""

    p: float = 0.0
    follows = True

    def describe(self) -> str:
        return f"drop path {self.p:g}"


# --- plumbing --------------------------------------------------------------------------------------------------------


class Flatten(Leaf):
    """Maps to features, in C, H, W order."""

    follows = True

    def describe(self) -> str:
        return "flatten"

    def output(self, *inputs: Shape) -> Shape:
        return (size(inputs[0]),)

    def windows(self, *inputs: Shape) -> None:
        return None


@record
class PadChannels(Leaf):
    """Zero maps before and after the others (ResNet's option A; He et al. 2015, section 3.3)."""

    before: int
    after: int

    def describe(self) -> str:
        return f"+{self.before} and +{self.after} zero maps"

    def output(self, *inputs: Shape) -> Shape:
        return (inputs[0][0] + self.before + self.after, *inputs[0][1:])


@record
class Slice(Leaf):
    """Maps start … stop-1; with `of`, parts start … stop-1 of so many equal parts: Slice(0, 1, of=2) is the first half."""

    start: int
    stop: int
    of: int | None = None

    def describe(self) -> str:
        return f"{'maps' if self.of is None else 'parts'} {self.start} to {self.stop}" + (f" of {self.of}" if self.of else "")

    def bounds(self, channels: int) -> tuple[int, int]:
        """(start, stop) in maps."""
        if self.of is not None and channels % self.of:
            raise ShapeError(f"{channels} maps do not fall into {self.of} equal parts")
        unit = 1 if self.of is None else channels // self.of
        start, stop = self.start * unit, self.stop * unit
        if not 0 <= start < stop <= channels:
            raise ShapeError(f"there are no maps {start} to {stop} of {channels}")
        return start, stop

    def output(self, *inputs: Shape) -> Shape:
        start, stop = self.bounds(inputs[0][0])
        return (stop - start, *inputs[0][1:])


@record
class ChannelShuffle(Leaf):
    """Deals the maps of `groups` groups in turn (Zhang et al. 2017, figure 1)."""

    groups: int

    def describe(self) -> str:
        return f"shuffle {self.groups}"

    def output(self, *inputs: Shape) -> Shape:
        if inputs[0][0] % self.groups:
            raise ShapeError(f"{self.groups} groups do not divide {inputs[0][0]} maps")
        return inputs[0]


@record
class Scale(Leaf):
    """factor·x + shift: Inception-ResNet's residual scale; Scale(-1, 1) is a highway layer's carry gate."""

    factor: float
    shift: float = 0.0
    follows = True

    def describe(self) -> str:
        return f"×{self.factor:g}" + (f" + {self.shift:g}" if self.shift else "")


@record
class LayerScale(Leaf):
    """One trained factor for each map (Touvron et al. 2021), `value` at the start. Weight: C."""

    value: float = 1e-6
    follows = True

    def describe(self) -> str:
        return "layer scale"

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        return (Param("weight", (inputs[0][0],), Constant(self.value)),)


# --- joins -----------------------------------------------------------------------------------------------------------


class Add(Leaf):
    """The sum of its inputs, which have one shape."""

    joins = True

    def describe(self) -> str:
        return "sum"

    def output(self, *inputs: Shape) -> Shape:
        if len(set(inputs)) != 1:
            raise ShapeError("cannot add " + " and ".join(map(times, inputs)))
        return inputs[0]


class Cat(Leaf):
    """Its inputs' maps one after another."""

    joins = True

    def describe(self) -> str:
        return "concatenation"

    def output(self, *inputs: Shape) -> Shape:
        if len({shape[1:] for shape in inputs}) != 1:
            raise ShapeError("cannot concatenate " + " and ".join(map(times, inputs)))
        return (sum(shape[0] for shape in inputs), *inputs[0][1:])


class Mul(Leaf):
    """The product of its inputs; a gate of C×1×1 counts for the whole map (Hu et al. 2018, figure 2)."""

    joins = True

    def describe(self) -> str:
        return "product"

    def output(self, *inputs: Shape) -> Shape:
        full = max(inputs, key=size)
        for shape in inputs:
            if shape not in (full, (full[0], *(1 for _ in full[1:]))):
                raise ShapeError("cannot multiply " + " and ".join(map(times, inputs)))
        return full


# --- outputs and cells of the early nets -----------------------------------------------------------------------------


@record
class RBF(Leaf):
    """Squared distances to fixed codes: y_i = Σ_j (x_j − w_ij)²; the *smallest* is the answer.

    LeCun et al. 1998, eq. 7. Codes: out × in, not trained at first. `scores` of the module are the negative distances.
    """

    out: int
    init: Init = Codes()
    trainable: bool = False

    def describe(self) -> str:
        return "Euclidean RBF" + ("" if self.trainable else ", fixed codes")

    def output(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 1:
            raise ShapeError(f"RBF units need features but get {times(inputs[0])} maps: put Flatten() before them")
        return (self.out,)

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        return (Param("weight", (self.out, inputs[0][0]), self.init, "weight" if self.trainable else "fixed", inputs[0][0]),)

    def macs(self, *inputs: Shape) -> int:
        return self.out * inputs[0][0]

    def connections(self, *inputs: Shape) -> int:
        return self.out * inputs[0][0]

    def neurons(self, *inputs: Shape) -> int:
        return self.out

    def windows(self, *inputs: Shape) -> None:
        return None


@record
class SCell(Windowed):
    """Neocognitron's S-cells, with the inhibitory V-cell that feeds them (Fukushima 1980, eqs. 1 and 2).

    u = r·φ[(1 + Σ a·x) / (1 + 2r/(1+r)·b·v) − 1], φ = max(·, 0), v = √(Σ c·x²); c is fixed, falls by `decay` a
    position from the centre and sums to 1 over all planes. Weights a: planes × in × kh × kw, b: planes; both start at 0
    and never fall below it. `selectivity` is r.
    """

    planes: int
    kernel: Pair
    stride: Pair = 1
    padding: Padding = 0
    selectivity: float = 4.0
    decay: float = 0.9
    init: Init = ZERO
    bias_init: Init = ZERO

    def describe(self) -> str:
        return f"S-cells {self.describe_window()}, r {self.selectivity:g}"

    def output(self, *inputs: Shape) -> Shape:
        return (self.planes, *self.places(need_map(self, inputs[0])))

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        fan = inputs[0][0] * size(pair(self.kernel))
        return (
            Param("weight", (self.planes, inputs[0][0], *pair(self.kernel)), self.init, "weight", fan),
            Param("bias", (self.planes,), self.bias_init, "bias", fan),
        )

    def macs(self, *inputs: Shape) -> int:
        return size(self.output(*inputs)) * inputs[0][0] * size(pair(self.kernel))

    def connections(self, *inputs: Shape) -> int:
        return self.macs(*inputs) + size(self.output(*inputs))

    def neurons(self, *inputs: Shape) -> int:
        return size(self.output(*inputs))


@record
class CCell(Windowed):
    """Neocognitron's C-cells: a saturating blur of one S-plane, less the mean of all (Fukushima 1980, eqs. 3 to 5).

    u = ψ[(1 + Σ d·x) / (1 + v) − 1], ψ(x) = φ(x)/(½ + φ(x)), v = the mean over planes of Σ d·x; d falls by `decay` a
    position. No weights.
    """

    kernel: Pair
    stride: Pair = 1
    padding: Padding = 0
    decay: float = 0.9

    def describe(self) -> str:
        return f"C-cells {self.describe_window()}"

    def output(self, *inputs: Shape) -> Shape:
        return (need_map(self, inputs[0])[0], *self.places(inputs[0]))
