"""Normalisation."""

from neocog.arch.init import Constant, Init
from neocog.arch.record import Leaf, Param, need_map, record
from neocog.arch.window import Shape, Window
from neocog.errors import UserError

ZERO = Constant(0.0)
ONE = Constant(1.0)


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


@record
class LRNWithinChannel(Leaf):
    """Local response normalisation inside each map: a / (k + α/size² Σ a²)^β over a `size`×`size` window, zeros beyond.

    Caffe's WITHIN_CHANNEL, whose k is always 1 and whose size is odd; cuda-convnet's `rnorm`.
    """

    size: int = 5
    alpha: float = 1.0
    beta: float = 0.75
    k: float = 1.0
    follows = True

    def __post_init__(self) -> None:
        super().__post_init__()
        odd_size(self)

    def describe(self) -> str:
        return f"LRN {self.size}×{self.size} within maps"

    def output(self, *inputs: Shape) -> Shape:
        return need_map(self, inputs[0])

    def windows(self, *inputs: Shape) -> tuple[Window, Window]:
        around = Window(self.size, 1, self.size // 2, self.size // 2)
        return around, around


@record
class LocalContrastNorm(Leaf):
    """Subtractive, then divisive normalisation over a Gaussian window of all maps (Jarrett et al. 2009, section 2).

    v = x − Σ w·x; y = v / max(c, σ), σ = √(Σ w·v²), c the mean of σ over the picture; w sums to 1 over window and maps. The
    paper's window is 9×9. It names neither the width of the Gaussian (here a quarter of the window, as in Torch7) nor what
    happens at the border: here w is rescaled to what lies inside, as in Torch7. Nor does the divisor fall below `floor`, or
    the rounding errors of a picture without contrast would be blown up to contrast.
    """

    size: int = 9
    sigma: float = 2.25
    floor: float = 1e-4
    follows = True

    def __post_init__(self) -> None:
        super().__post_init__()
        odd_size(self)
        if not (self.sigma > 0 and self.floor > 0):
            raise UserError(f"LocalContrastNorm: sigma and floor are above 0, not {self.sigma:g} and {self.floor:g}")

    def describe(self) -> str:
        return f"local contrast {self.size}×{self.size}"

    def output(self, *inputs: Shape) -> Shape:
        return need_map(self, inputs[0])

    def windows(self, *inputs: Shape) -> tuple[Window, Window]:
        around = Window(2 * self.size - 1, 1, self.size - 1, self.size - 1)  # a window of windows; c sees all and is left out
        return around, around


def odd_size(leaf: LRNWithinChannel | LocalContrastNorm) -> None:
    """A window around a place has a middle."""
    if leaf.size % 2 == 0:
        raise UserError(f"{leaf.type}: size is odd, not {leaf.size}")
