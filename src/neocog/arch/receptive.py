"""Theoretical receptive fields, as intervals (Araujo, Norris & Sim 2019, Distill; joins are unions of extents)."""

from dataclasses import dataclass

from neocog.arch.window import Window


@dataclass(frozen=True, slots=True)
class Extent:
    """Along one axis, place y of a map sees positions first + y·stride … last + y·stride of the picture.

    Positions below 0 or beyond the picture are padding. `aligned` is False where a join met branches whose strides or
    centres differ.
    """

    first: int = 0
    last: int = 0
    stride: int = 1
    aligned: bool = True

    @property
    def size(self) -> int:
        """The receptive field, in pixels."""
        return self.last - self.first + 1

    @property
    def center(self) -> float:
        """Where on the picture place 0 is centred, in pixels."""
        return (self.first + self.last) / 2

    def through(self, window: Window) -> "Extent":
        """The extent of a place that reads this map through `window`."""
        first = self.first - window.before * self.stride
        return Extent(
            first,
            first + (window.extent - 1) * self.stride + self.last - self.first,
            self.stride * window.stride,
            self.aligned,
        )


def union(extents: list[Extent]) -> Extent:
    """What a place of a join sees: all that its branches see."""
    if len(extents) == 1:
        return extents[0]
    same = len({(e.stride, e.center) for e in extents}) == 1
    return Extent(
        min(e.first for e in extents),
        max(e.last for e in extents),
        max(e.stride for e in extents),
        same and all(e.aligned for e in extents),
    )


Field = tuple[Extent, Extent]
"""(rows, columns)."""


def field_of(fields: list[Field | None], windows: tuple[Window, Window] | None) -> Field | None:
    """A node's receptive field from those of its inputs; None for what sees the whole picture.

    A gate that sees the whole picture (squeeze-and-excitation) is left out of a join's union.
    """
    known = [f for f in fields if f is not None]
    if windows is None or not known:
        return None
    rows, columns = union([f[0] for f in known]), union([f[1] for f in known])
    return rows.through(windows[0]), columns.through(windows[1])
