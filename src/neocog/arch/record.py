"""What every leaf of an architecture is: an immutable record that knows its own arithmetic and nothing of torch."""

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar, TypeVar, dataclass_transform

from neocog.arch.init import Constant, Init
from neocog.arch.window import Padding, Shape, Window, normal_padding, pair, same_padding, times
from neocog.errors import ShapeError, UserError

POINTWISE = (Window(1), Window(1))
T = TypeVar("T")
PAIRS = {"kernel", "stride", "dilation"}
COUNTS = {"out", "groups", "planes", "multiplier", "size"}
Pair = int | tuple[int, int]


@dataclass(frozen=True, slots=True)
class Param:
    """One tensor of a leaf: its state_dict key is the leaf's path, a dot and `name`.

    role: "weight" and "bias" are trained, "fixed" is stored but not trained (LeNet-5's codes), "stat" is a running
    statistic, which no count includes. fan_in and fan_out are what initialisations divide by; a tuple gives one
    number for each entry of the first axis (LeNet-5's C3, whose maps see 3, 4 or 6 others).
    """

    name: str
    shape: Shape
    init: Init = Constant(0.0)
    role: str = "weight"
    fan_in: int | tuple[int, ...] = 1
    fan_out: int = 1


@dataclass_transform(frozen_default=True, eq_default=False)
def record(cls: type[T]) -> type[T]:
    """A frozen dataclass that compares, hashes and prints by `Leaf`'s own methods: half the cost at import."""
    return dataclass(frozen=True, eq=False, repr=False)(cls)


@cache
def field_names(cls: type) -> tuple[str, ...]:
    """A record's fields. Networks of a thousand layers are hashed and compared: asking dataclasses each time is the cost."""
    return tuple(field.name for field in dataclasses.fields(cls))


@record
class Leaf:
    """A node's record. Shapes come without the batch axis: (C, H, W) or (F,)."""

    types: ClassVar[dict[str, type["Leaf"]]] = {}
    follows: ClassVar[bool] = False
    """Whether layer tables write it behind the layer before it (ReLU, BN, dropout) rather than on a row of its own."""

    joins: ClassVar[bool] = False
    """Whether it reads several values."""

    def __init_subclass__(cls) -> None:
        if not cls.__subclasses__() and cls.__name__ not in ("Windowed", "Activation"):
            Leaf.types[cls.__name__] = cls

    def __post_init__(self) -> None:
        for name in field_names(type(self)):
            value = getattr(self, name)
            if name in COUNTS and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
                raise UserError(f"{self.type}: {name} is a whole number above 0, not {value!r}")

    def _values(self) -> tuple:
        return tuple([getattr(self, name) for name in field_names(type(self))])

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._values() == other._values()  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._values()))

    def __repr__(self) -> str:
        fields = (f"{f.name}={getattr(self, f.name)!r}" for f in dataclasses.fields(self))
        return f"{type(self).__name__}({', '.join(fields)})"

    @property
    def type(self) -> str:
        """The record's type, as `show --json` prints it."""
        return type(self).__name__

    def describe(self) -> str:
        """A few words for the layer table: what the layer is, without its type where that is plain."""
        return self.type

    def output(self, *inputs: Shape) -> Shape:
        """The shape that comes out. Raises ShapeError with the arithmetic where the inputs do not fit."""
        return inputs[0]

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        """The tensors it stores, in state_dict order."""
        return ()

    def macs(self, *inputs: Shape) -> int:
        """Multiply-accumulates of one picture: convolutions, full connections, LeNet's S and RBF layers; else 0."""
        return 0

    def connections(self, *inputs: Shape) -> int:
        """Links of one picture, biases included, as LeCun et al. 1998 count them; 0 for layers without weights."""
        return 0

    def neurons(self, *inputs: Shape) -> int:
        """Units of a layer of weights, as the AlexNet paper counts them; 0 for all else."""
        return 0

    def windows(self, *inputs: Shape) -> tuple[Window, Window] | None:
        """(rows, columns) that one output place reads; None where it sees the whole map."""
        return POINTWISE

    def built(self, *inputs: Shape) -> tuple:
        """What a module is built with that depends on the shapes, besides its tensors; it serves others that give the same."""
        return ()

    def replace(self, **changes: Any) -> "Leaf":
        """The same record with other fields."""
        return dataclasses.replace(self, **changes)


class Windowed(Leaf):
    """A leaf that slides a kernel. Subclasses have the fields `kernel`, `stride` and `padding`, and may have `dilation`
    and `ceil`; a number means the same for rows and columns."""

    kernel: Pair
    stride: Pair
    padding: Padding
    dilation: Pair = 1
    ceil: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        names = {field.name for field in dataclasses.fields(self)}
        for field in names & PAIRS:
            value = pair(getattr(self, field))
            if not all(isinstance(v, int) and v >= 1 for v in value):
                raise UserError(f"{self.type}: {field} must be at least 1, a whole number or two, not {getattr(self, field)!r}")
            object.__setattr__(self, field, value)
        object.__setattr__(self, "padding", normal_padding(self.padding))

    def windows(self, *inputs: Shape) -> tuple[Window, Window]:
        shape = need_map(self, inputs[0])
        kernel, stride, dilation = pair(self.kernel), pair(self.stride), pair(self.dilation)
        out = []
        for axis in (0, 1):
            if isinstance(self.padding, str):
                before, after = same_padding(shape[1 + axis], kernel[axis], stride[axis], dilation[axis])
            else:
                before, after = self.padding[axis]  # type: ignore[index]  # normalised above
            out.append(Window(kernel[axis], stride[axis], before, after, dilation[axis], self.ceil))
        return out[0], out[1]

    def places(self, shape: Shape) -> tuple[int, int]:
        """(rows, columns) of the map that comes out."""
        rows, columns = self.windows(shape)
        return rows.output(shape[1]), columns.output(shape[2])

    def describe_window(self) -> str:
        """`11×11/4 p2`: kernel, stride, padding where there is any, dilation where there is any."""
        (kh, kw), (sh, sw), (dh, dw) = pair(self.kernel), pair(self.stride), pair(self.dilation)
        text = f"{kh}×{kw}/{sh}" + (f"×{sw}" if sw != sh else "")
        if isinstance(self.padding, str):
            text += f" {self.padding}"
        elif self.padding != ((0, 0), (0, 0)):
            (top, bottom), (left, right) = self.padding  # type: ignore[misc]  # normalised above
            plain = top == bottom == left == right
            text += (
                f" p{top}"
                if plain
                else f" p{top}.{bottom}"
                if (top, bottom) == (left, right)
                else (f" p{top}×{left}" if top == bottom and left == right else f" p{top}.{bottom}×{left}.{right}")
            )
        return text + (f" d{dh}" if (dh, dw) != (1, 1) else "")


def need_map(leaf: Leaf, shape: Shape) -> Shape:
    """`shape` if it is C×H×W."""
    if len(shape) != 3:
        raise ShapeError(f"{leaf.type} needs maps (C×H×W) but gets {times(shape)} features")
    return shape


def to_json(value: Any) -> Any:
    """A record, or anything inside one, as JSON: {"type": …, fields that are not at their default}."""
    if isinstance(value, Leaf | Init):
        out: dict[str, Any] = {"type": type(value).__name__}
        for field in dataclasses.fields(value):
            item = getattr(value, field.name)
            if not _is_default(value, field, item):
                out[field.name] = to_json(item)
        return out
    return [to_json(item) for item in value] if isinstance(value, tuple) else value


def _is_default(value: Any, field: dataclasses.Field, item: Any) -> bool:
    if field.default is dataclasses.MISSING:
        return False
    if isinstance(value, Windowed) and field.name in PAIRS:
        return item == pair(field.default)
    if isinstance(value, Windowed) and field.name == "padding":
        return item == normal_padding(field.default)
    return item == field.default


def from_json(value: Any) -> Any:
    """The inverse of `to_json`. Raises UserError for a type or a field that this version does not know."""
    if isinstance(value, list):
        return tuple(from_json(item) for item in value)
    if not isinstance(value, dict):
        return value
    name = value.get("type")
    cls = Leaf.types.get(str(name)) or Init.types.get(str(name))
    if cls is None:
        raise UserError(f"architecture file: unknown layer type {name!r}; was it written by a newer neocog?")
    fields = {key: from_json(item) for key, item in value.items() if key != "type"}
    try:
        return cls(**fields)
    except (TypeError, ValueError, IndexError) as error:
        raise UserError(f"architecture file: {name}: {error}") from None
