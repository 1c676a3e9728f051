"""The perceptron (Rosenblatt 1957/1958) and the linear classifier with a softmax: one layer from pixels to classes."""

from neocog.arch import Architecture, Constant, Flatten, Linear, Sequential, architecture, head
from neocog.nets.card import Card, Result
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.pictures.preprocessing import Preprocessing

DIGITS = Preprocessing(28, 28, color="L", resize="pad")


def one_layer(name: str, num_classes: int = 10) -> Architecture:
    """Every pixel to every class. 28×28 → 10: 7,850 parameters."""
    zero = Constant(0.0)
    return architecture(
        name, (1, 28, 28), Sequential(flatten=Flatten(), fc=head(Linear(num_classes, init=zero, bias_init=zero)))
    )


register(
    "perceptron",
    lambda: one_layer("perceptron"),
    Card(
        title="Perceptron",
        paper="The perceptron: a probabilistic model for information storage and organization in the brain",
        authors="F. Rosenblatt",
        venue="Psychological Review 65(6)",
        year=1958,
        preprocessing=DIGITS,
        quick=Recipe(name="perceptron", learner="perceptron", lr=1.0, epochs=20, augment=(), batch=1),
        notes=(
            "Learns by the perceptron rule: on a mistake the picture is added to the true class's weights and taken from "
            "the predicted one's. On separable data it makes at most (R/γ)² mistakes (Novikoff 1962); XOR it never learns.",
            "The Mark I's random wiring from photo-cells to association units is left out: pixels feed the learned layer.",
        ),
    ),
)

register(
    "linear",
    lambda: one_layer("linear"),
    Card(
        title="Linear classifier",
        paper="Gradient-based learning applied to document recognition (its section III.C, linear classifier)",
        authors="Y. LeCun, L. Bottou, Y. Bengio, P. Haffner",
        venue="Proc. IEEE 86(11)",
        year=1998,
        preprocessing=DIGITS,
        results=(Result("MNIST", "one picture as it is", 12.0, verified=False),),
        quick=Recipe(lr=0.2, weight_decay=1e-4, momentum=0.9, augment=()),
        notes=("Softmax regression: the perceptron's layer under cross-entropy.",),
    ),
)
