"""Normalisation."""

from neocog.arch.init import Constant, Init
from neocog.arch.record import Leaf, Param, record
from neocog.arch.window import Shape

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
