"""Pooling and sub-sampling."""

from neocog.arch.init import Init, TorchDefault
from neocog.arch.record import Leaf, Pair, Param, Windowed, need_map, record
from neocog.arch.window import Padding, Shape, Window, pair, size
from neocog.errors import UserError

DEFAULT = TorchDefault()


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
class L2Pool2d(Windowed):
    """√(Σ x²) over each window, as torch's LPPool2d(2, …); padding counts as 0.

    `mean`: √ of the mean over the kernel's area. `sigma`: √(Σ w·x²), w a Gaussian of this width that sums to 1
    (Sermanet, Chintala & LeCun 2012, equation 1).
    """

    kernel: Pair
    stride: Pair
    padding: Padding = 0
    ceil: bool = False
    mean: bool = False
    sigma: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.sigma is not None and (self.mean or not self.sigma > 0):
            raise UserError("L2Pool2d: sigma is above 0, and its weights take the place of the mean")

    def describe(self) -> str:
        kind = "L2" if self.sigma is None else "Gaussian L2"
        return f"{kind}{' mean' if self.mean else ''} {self.describe_window()}" + (" ceil" if self.ceil else "")

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
