"""What stood in place of learned layers: histograms of gradients, SIFT, visual words, near neighbours.

Their MACs: a descriptor's are its votes, each pixel's into two orientations of every cell that it lies in; those of words and
neighbours are the distances. Gradients, norms and the search for the smallest are left out, as activations are elsewhere.
"""

import math
from functools import lru_cache

from neocog.arch.init import Constant, Init, Normal
from neocog.arch.record import Leaf, Param, need_map, record
from neocog.arch.window import Shape, Window, size, times
from neocog.errors import ShapeError, UserError

SMALL = 64  # pixels of the shorter side: below, cells are half as large
ZERO = Constant(0.0)


@lru_cache(maxsize=64)
def votes(cell: int, cells: int, centred: bool) -> int:
    """How many pairs of a pixel and a cell that it votes for there are in a descriptor of cells×cells; votes fall off
    linearly over a cell. centred: around a pixel and reaching over the border; else between pixels and within it (HOG)."""
    offsets = range(-cell * cells, cell * cells + 1) if centred else [k + 0.5 - cell * cells / 2 for k in range(cell * cells)]
    centres = [(k + 0.5 - cells / 2) * cell for k in range(cells)]
    return sum(abs(at - centre) < cell for at in offsets for centre in centres) ** 2


@record
class HOG(Leaf):
    """Histograms of oriented gradients (Dalal & Triggs 2005): C×H×W → (block²·orientations)×rows×columns, a block a place.

    The paper's choices: `orientations` unsigned bins, cells of 8×8 pixels, overlapping blocks of 2×2 cells a cell apart,
    normalised by L2-hys. cell None: 8, or 4 where the shorter side is below 64, which 8 would leave few blocks. No weights.
    """

    orientations: int = 9
    cell: int | None = None
    block: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, ("orientations", "block"), ("cell",))

    def built(self, *inputs: Shape) -> tuple:
        return (self.side(inputs[0]),)

    def side(self, shape: Shape) -> int:
        """The side of a cell in pixels, on pictures of this shape."""
        return self.cell or (4 if min(need_map(self, shape)[1:]) < SMALL else 8)

    def describe(self) -> str:
        cells = f"cells of {self.cell}" if self.cell else f"cells of 8 (below {SMALL} pixels: 4)"
        return f"HOG, {self.orientations} orientations, {cells}, blocks of {self.block}×{self.block}"

    def output(self, *inputs: Shape) -> Shape:
        cell = self.side(inputs[0])
        rows, columns = (n // cell - self.block + 1 for n in inputs[0][1:])
        if min(rows, columns) < 1:
            raise ShapeError(f"no block of {self.block}×{self.block} cells of {cell} pixels fits {times(inputs[0][1:])}")
        return (self.block**2 * self.orientations, rows, columns)

    def macs(self, *inputs: Shape) -> int:
        return size(self.output(*inputs)[1:]) * 2 * votes(self.side(inputs[0]), self.block, False)

    def windows(self, *inputs: Shape) -> tuple[Window, Window]:
        cell = self.side(inputs[0])
        one = Window(self.block * cell + 2, cell, 1, 1)  # a pixel's gradient reads the pixels beside it
        return one, one


@record
class SIFT(Leaf):
    """SIFT descriptors on a dense grid (Lowe 2004, section 6; Lazebnik et al. 2006 for the grid): C×H×W → 128×rows×columns.

    Upright, of the grey picture: 4×4 cells × 8 directions of the gradient, interpolated between cells and directions, under a
    Gaussian of half the window's width, brought to length 1, clipped at 0.2, and to length 1 again. The picture is
    smoothed first as at the scale of which a cell is three deviations; it is taken to have a deviation of 0.5 already. A place
    stands wherever its 4×4 cells lie inside the picture, every `stride` pixels. What is shorter than `floor`, in the units of
    the input a pixel, is flat and stays short, or the noise of flat places would be blown up to structure.

    cell None: 4 pixels (the papers' windows of 16), or 2 where the shorter side is below 64; `times` that of either. stride
    None: as wide as such a cell, untimed. No weights.
    """

    cell: int | None = None
    stride: int | None = None
    times: int = 1
    floor: float = 0.02

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, ("times",), ("cell", "stride"))
        if not self.floor > 0:
            raise UserError(f"SIFT: floor is above 0, not {self.floor:g}")

    def built(self, *inputs: Shape) -> tuple:
        return self.grid(inputs[0])

    def grid(self, shape: Shape) -> tuple[int, int]:
        """(side of a cell, pixels between places) on pictures of this shape."""
        rule = 2 if min(need_map(self, shape)[1:]) < SMALL else 4
        return (self.cell or rule) * self.times, self.stride or rule

    def describe(self) -> str:
        cell = f"{self.cell * self.times}" if self.cell else f"{4 * self.times} (below {SMALL} pixels: {2 * self.times})"
        return f"dense SIFT, cells of {cell}" + (f", /{self.stride}" if self.stride else "")

    def output(self, *inputs: Shape) -> Shape:
        cell, stride = self.grid(inputs[0])
        if min(inputs[0][1:]) < 4 * cell + 1:
            raise ShapeError(f"windows of 4×4 cells of {cell} pixels around a pixel do not fit {times(inputs[0][1:])}")
        rows, columns = ((n - 4 * cell - 1) // stride + 1 for n in inputs[0][1:])
        return (128, rows, columns)

    def macs(self, *inputs: Shape) -> int:
        return size(self.output(*inputs)[1:]) * 2 * votes(self.grid(inputs[0])[0], 4, True)

    def windows(self, *inputs: Shape) -> tuple[Window, Window]:
        cell, stride = self.grid(inputs[0])
        reach = reach_of(cell)
        blur = math.ceil(4 * smoothing(cell))
        beyond = reach - 2 * cell + 1 + blur
        one = Window(2 * (reach + 1 + blur) + 1, stride, beyond, beyond)
        return one, one


def reach_of(cell: int) -> int:
    """How far from its place a SIFT descriptor counts gradients: the outer cells' votes fall off over half a cell more."""
    return math.ceil(2.5 * cell) - 1


def smoothing(cell: int) -> float:
    """The deviation in pixels by which a picture is smoothed for SIFT's cells of this side."""
    return math.sqrt(max((cell / 3) ** 2 - 0.25, 0.01))


@record
class VisualWords(Leaf):
    """Which of `words` words is nearest, at every place (Csurka et al. 2004): F×rows×columns → words×rows×columns of 0 and 1.

    The codebook, words×F, is made by k-means of descriptors of the training pictures, not by gradients.
    """

    words: int
    init: Init = Normal(0.1)

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, ("words",))

    def describe(self) -> str:
        return f"{self.words} visual words, the nearest"

    def output(self, *inputs: Shape) -> Shape:
        return (self.words, *need_map(self, inputs[0])[1:])

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        return (Param("weight", (self.words, inputs[0][0]), self.init, "fixed", inputs[0][0]),)

    def macs(self, *inputs: Shape) -> int:
        return size(self.output(*inputs)) * inputs[0][0]


@record
class Neighbours(Leaf):
    """The votes of the `k` nearest of `pictures` known ones (Fix & Hodges 1951; Cover & Hart 1967): F → out.

    By Euclidean distance. The known pictures are the parameters: pictures × F bytes, in steps of `grid` (first value, step),
    and the class of each. Scores are logarithms of the classes' shares of the votes, one more vote being shared out
    evenly, so that none is −∞; of classes with as many votes the nearer is ahead.
    """

    out: int
    pictures: int
    k: int = 5
    init: Init = ZERO

    def __post_init__(self) -> None:
        super().__post_init__()
        whole(self, ("pictures", "k"))

    def describe(self) -> str:
        return (
            f"the {self.k} nearest of {self.pictures:,} pictures"
            if self.k > 1
            else f"the nearest of {self.pictures:,} pictures"
        )

    def output(self, *inputs: Shape) -> Shape:
        if len(inputs[0]) != 1:
            raise ShapeError(f"near neighbours need features but get {times(inputs[0])} maps: put Flatten() before them")
        return (self.out,)

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        fan = inputs[0][0]
        return (
            Param("weight", (self.pictures, fan), self.init, "fixed", fan),
            Param("labels", (self.pictures,), ZERO, "fixed"),
            Param("grid", (2,), ZERO, "fixed"),
        )

    def macs(self, *inputs: Shape) -> int:
        return self.pictures * inputs[0][0]

    def windows(self, *inputs: Shape) -> None:
        return None


def whole(leaf: Leaf, needed: tuple[str, ...], open: tuple[str, ...] = ()) -> None:
    """Raises UserError unless these fields are whole numbers above 0; those of `open` may be None."""
    for name in (*needed, *open):
        value = getattr(leaf, name)
        if (value is not None or name in needed) and (not isinstance(value, int) or isinstance(value, bool) or value < 1):
            raise UserError(f"{leaf.type}: {name} is a whole number above 0, not {value!r}")
