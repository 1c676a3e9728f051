"""What neither weighs nor pools: dropout, reshaping, slices, scales."""

from neocog.arch.init import Constant
from neocog.arch.record import Leaf, Param, need_map, record
from neocog.arch.window import Padding, Shape, Window, normal_padding, size
from neocog.errors import ShapeError, UserError


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
class ConstantPad2d(Leaf):
    """Positions of `value` around the maps: ((top, bottom), (left, right)), or a number for all sides."""

    padding: Padding
    value: float = 0.0

    def __post_init__(self) -> None:
        padding = normal_padding(self.padding)
        if isinstance(padding, str):
            raise UserError("ConstantPad2d: padding is in numbers; 'same' needs a window")
        object.__setattr__(self, "padding", padding)

    def describe(self) -> str:
        (top, bottom), (left, right) = self.padding  # type: ignore[misc]  # normalised above
        return f"border {top}.{bottom}×{left}.{right} of {self.value:g}"

    def output(self, *inputs: Shape) -> Shape:
        rows, columns = self.windows(*inputs)
        return (inputs[0][0], rows.output(inputs[0][1]), columns.output(inputs[0][2]))

    def windows(self, *inputs: Shape) -> tuple[Window, Window]:
        need_map(self, inputs[0])
        rows, columns = self.padding  # type: ignore[misc]  # normalised above
        return Window(1, 1, *rows), Window(1, 1, *columns)  # type: ignore[misc]


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
