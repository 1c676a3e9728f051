"""The Neocognitron (Fukushima 1980): S-cells learn features, C-cells let them move, three times over."""

from neocog.arch import Architecture, CCell, Constant, Flatten, Linear, SCell, Sequential, architecture, head
from neocog.arch.init import Oriented
from neocog.nets.card import Card
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.pictures.preprocessing import Preprocessing

# The masks c and d fall with the distance from the centre; how fast, and to which sum d adds up, is ours.
C_DECAY, D_DECAY, D_SUMS = 0.8, 0.7, (32.0, 16.0)


def neocognitron(num_classes: int = 5) -> Architecture:
    """U0 16×16, U_S1 16×16×24, U_C1 10×10×24, U_S2 8×8×24, U_C2 6×6×24, U_S3 2×2×24, U_C3 1×1×24. N×1×16×16 → N×classes."""
    return build("neocognitron", 24, (4.0, 1.5, 1.5), (None, None, None), num_classes)


def two_thresholds(num_classes: int = 5) -> Architecture:
    """64 planes a layer, which choose more sharply while they learn than when they recognise."""
    return build("neocognitron.two_thresholds", 64, (2.0, 1.5, 1.0), (4.0, 4.0, 4.0), num_classes)


def build(name: str, planes: int, r: tuple[float, ...], learning_r: tuple[float | None, ...], num_classes: int) -> Architecture:
    """Cells read 5×5 cells of each plane before them, those of U_C3 the whole 2×2. U_C1 reads only the middle of U_S1.

    The paper ends with the cells of U_C3. The readout, weights of 0 and 1 that learning sets, names them after classes; before
    that, every cell counts for every class alike.
    """

    def s_layer(i: int, padding: int, speed: float, column: int) -> SCell:
        return SCell(planes, 5, padding=padding, selectivity=r[i], learning_selectivity=learning_r[i], decay=C_DECAY,
                     speed=speed, column=column, init=Oriented())  # fmt: skip

    return architecture(name, (1, 16, 16), Sequential(
        S1=s_layer(0, 2, 1.0, 5), C1=CCell(5, padding=-1, decay=D_DECAY, gain=D_SUMS[0]),
        S2=s_layer(1, 1, 16.0, 5), C2=CCell(5, padding=1, decay=D_DECAY, gain=D_SUMS[1]),
        S3=s_layer(2, 0, 16.0, 2), C3=CCell(2),
        flatten=Flatten(), readout=head(Linear(num_classes, bias=False, init=Constant(1.0))),
    ))  # fmt: skip


CELLS = Preprocessing(16, 16, color="L", resize="squash")
OPEN = (
    "Sizes, windows, S-columns, r = 4, 1.5, 1.5 and q = 16 of the deeper layers agree with a public program after the paper; "
    "q = 1 of the first layer and the half in ψ are from memory. Ours, for want of a source: how fast the masks c and d fall, "
    "the sum of d, and the form of the weak preferences that planes start with.",
    "The paper stops at 24 output cells. The readout adds up those of one class, which each cell gets from the labels after "
    "learning; nothing that learns sees a label.",
    "Layers learn one after another. `--learner neocognitron-taught` lets a teacher pick the winners of the last layer.",
)

register("neocognitron", neocognitron, Card(
    title="Neocognitron",
    paper="Neocognitron: a self-organizing neural network model for a mechanism of pattern recognition unaffected by shift in "
          "position",
    authors="K. Fukushima", venue="Biological Cybernetics 36, 193–202", year=1980,
    preprocessing=CELLS,
    quick=Recipe(learner="neocognitron", lr=1.0, epochs=4, batch=10, augment=()),
    paper_recipe=Recipe(name="paper", learner="neocognitron", lr=1.0, epochs=20, batch=10, augment=()),
    notes=OPEN,
    deviations=("What is called a Neocognitron today is often a convolutional net under back-propagation, with max pooling for "
                "the C-cells; here cells inhibit by division, C-cells blur and saturate, and no error is propagated.",),
))  # fmt: skip

register("neocognitron.two_thresholds", two_thresholds, Card(
    title="Neocognitron with two thresholds",
    paper="Use of different thresholds in learning and recognition",
    authors="K. Fukushima, M. Tanigawa", venue="Neurocomputing, doi 10.1016/0925-2312(94)00065-4", year=1996,
    preprocessing=CELLS,
    quick=Recipe(learner="neocognitron", lr=1.0, epochs=1, batch=10, augment=()),
    notes=("Not the network of 1980: that one, with the later idea that S-cells choose sharply while they learn, so that "
           "planes learn different features, and broadly when they recognise, so that a deformed feature still counts; and "
           "with 64 planes a layer instead of 24. The numbers are ours.", *OPEN[1:]),
))  # fmt: skip
