"""Output units and cells of the early nets: RBF codes, the Neocognitron's S- and C-cells."""

from neocog.arch.init import Codes, Constant, Init
from neocog.arch.record import POINTWISE, Leaf, Pair, Param, Windowed, need_map, record
from neocog.arch.window import Padding, Shape, Window, pair, size, times
from neocog.errors import ShapeError

ZERO = Constant(0.0)


@record
class RBF(Leaf):
    """Squared distances to fixed codes: y_i = Σ_j (x_j − w_ij)²; the *smallest* is the answer.

    LeCun et al. 1998, eq. 7. Codes: out × in, not trained at first. `scores` of the module are the negative distances.
    `each_place`: of maps, the distances at every place (LeNet-5 on larger pictures, section VII).
    """

    out: int
    init: Init = Codes()
    trainable: bool = False
    each_place: bool = False

    def describe(self) -> str:
        return "Euclidean RBF" + ("" if self.trainable else ", fixed codes")

    def output(self, *inputs: Shape) -> Shape:
        if self.each_place:
            return (self.out, *need_map(self, inputs[0])[1:])
        if len(inputs[0]) != 1:
            raise ShapeError(f"RBF units need features but get {times(inputs[0])} maps: put Flatten() before them")
        return (self.out,)

    def params(self, *inputs: Shape) -> tuple[Param, ...]:
        return (Param("weight", (self.out, inputs[0][0]), self.init, "weight" if self.trainable else "fixed", inputs[0][0]),)

    def macs(self, *inputs: Shape) -> int:
        return size(self.output(*inputs)) * inputs[0][0]

    def connections(self, *inputs: Shape) -> int:
        return size(self.output(*inputs)) * inputs[0][0]

    def neurons(self, *inputs: Shape) -> int:
        return size(self.output(*inputs))

    def windows(self, *inputs: Shape) -> tuple[Window, Window] | None:
        return POINTWISE if self.each_place else None


@record
class SCell(Windowed):
    """Neocognitron's S-cells, with the inhibitory V-cell that feeds them (Fukushima 1980, eqs. 1 and 2).

    u = r·φ[(1 + Σ a·x) / (1 + 2r/(1+r)·b·v) − 1], φ = max(·, 0), v = √(Σ c·x²); c is fixed, falls by `decay` a
    position from the centre and sums to 1 over all planes. Weights a: planes × in × kh × kw, b: planes; they grow by
    reinforcement, Δa = q·c·x and Δb = q/2·v, and never fall. `selectivity` is r, `speed` q, `column` the side of the
    S-columns, in each of which the strongest cell is a candidate for reinforcement. A layer may be more selective while it
    learns, with `learning_selectivity` for r, than when it recognises (Fukushima & Tanigawa 1996); the paper's is not.
    """

    planes: int
    kernel: Pair
    stride: Pair = 1
    padding: Padding = 0
    selectivity: float = 4.0
    decay: float = 0.9
    init: Init = ZERO
    bias_init: Init = ZERO
    speed: float = 1.0
    column: int = 5
    learning_selectivity: float | None = None

    def describe(self) -> str:
        learning = "" if self.learning_selectivity is None else f", {self.learning_selectivity:g} while it learns"
        return f"S-cells {self.describe_window()}, r {self.selectivity:g}{learning}"

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
    position and sums to `gain`. No weights.
    """

    kernel: Pair
    stride: Pair = 1
    padding: Padding = 0
    decay: float = 0.9
    gain: float = 1.0

    def describe(self) -> str:
        return f"C-cells {self.describe_window()}"

    def output(self, *inputs: Shape) -> Shape:
        return (need_map(self, inputs[0])[0], *self.places(inputs[0]))
