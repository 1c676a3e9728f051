"""What a drawing is made of: boxes, frames, labels and lines at their places. x to the right, y down, in pixels."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Box:
    """A layer: its colour, its lines of (text, font size), what hovering shows, and a circled sign before the text."""

    x: float
    y: float
    w: float
    h: float
    kind: str
    lines: tuple[tuple[str, int], ...]
    title: str = ""
    unit: int = -1
    symbol: str = ""
    count: int = 1  # how many equal boxes it stands for


@dataclass(frozen=True, slots=True)
class Panel:
    """A frame around boxes; style "block", "repeat" or "aux"."""

    x: float
    y: float
    w: float
    h: float
    style: str
    title: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    """Text that stands free; (x, y) is on the baseline. anchor "start", "middle" or "end"; `up` reads upwards."""

    x: float
    y: float
    text: str
    size: int = 10
    anchor: str = "start"
    style: str = ""
    up: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """Through the points: with round corners, or as a curve; style "", "dot" (projection) or "dash" (training only)."""

    points: tuple[Point, ...]
    style: str = ""
    arrow: bool = True
    curved: bool = False


@dataclass(frozen=True, slots=True)
class Sheets:
    """Maps one behind another, the front one last, as polygons; `kind` is their colour."""

    sheets: tuple[tuple[Point, ...], ...]
    kind: str
    title: str = ""
    unit: int = -1


Mark = Box | Panel | Label | Line | Sheets


@dataclass(slots=True)
class Exit:
    """Where a value leaves a piece: the line so far; the join draws its end."""

    points: tuple[Point, ...]
    style: str = ""

    @property
    def x(self) -> float:
        """Where it comes down."""
        return self.points[-1][0]


@dataclass(slots=True)
class Piece:
    """Marks about an axis x = 0, from y = 0 to `height`; the value enters at (0, entry) and leaves at the exits."""

    left: float
    right: float
    height: float
    marks: list[Mark]
    exits: list[Exit]
    entry: float = 0.0
    arrow: bool = True  # whether the line that enters ends in an arrow
    shown: str = ""  # the shape that is written last in a frame
    spans: list[tuple[float, float, float]] = field(default_factory=list)  # of each item: its top, bottom and left


def moved(marks: Iterable[Mark], dx: float, dy: float) -> list[Mark]:
    """The marks elsewhere."""
    out: list[Mark] = []
    for mark in marks:
        if isinstance(mark, Line):
            out.append(replace(mark, points=shifted(mark.points, dx, dy)))
        elif isinstance(mark, Sheets):
            out.append(replace(mark, sheets=tuple(shifted(sheet, dx, dy) for sheet in mark.sheets)))
        else:
            out.append(replace(mark, x=mark.x + dx, y=mark.y + dy))
    return out


def shifted(points: tuple[Point, ...], dx: float, dy: float) -> tuple[Point, ...]:
    """The points elsewhere."""
    return tuple((x + dx, y + dy) for x, y in points)
