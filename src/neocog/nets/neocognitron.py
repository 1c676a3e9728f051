"""The Neocognitron (Fukushima 1980): S-cells that learn features, C-cells that let them move, three times over."""

from neocog.arch import Architecture, CCell, Constant, Flatten, Linear, SCell, Sequential, architecture, head
from neocog.arch.init import Oriented
from neocog.nets.card import Card, Recipe
from neocog.nets.registry import register
from neocog.pictures.preprocessing import Preprocessing

PLANES = 24


def neocognitron(num_classes: int = 5) -> Architecture:
    """Section 4's network: U0 16×16, U_S1 16×16×24, U_C1 10×10×24, 8×8, 6×6, 2×2, 1×1. N×1×16×16 → N×classes.

    Every cell reads 5×5 cells of a plane before it, those of U_C3 the whole 2×2. U_C1 reads only the middle of U_S1. The
    paper ends with the 24 cells of U_C3; the readout names them: its weights are 0 or 1, set after learning.
    """
    return architecture("neocognitron", (1, 16, 16), Sequential(
        S1=s_layer(5, 2, selectivity=4.0, speed=1.0, column=5), C1=CCell(5, padding=-1, gain=16.0),
        S2=s_layer(5, 1, selectivity=1.5, speed=16.0, column=5), C2=CCell(5, padding=1, gain=16.0),
        S3=s_layer(5, 0, selectivity=1.5, speed=16.0, column=2), C3=CCell(2),
        flatten=Flatten(), readout=head(Linear(num_classes, bias=False, init=Constant(0.0))),
    ))  # fmt: skip


def s_layer(kernel: int, padding: int, selectivity: float, speed: float, column: int) -> SCell:
    """24 S-planes that start with a weak preference, one orientation each."""
    return SCell(PLANES, kernel, padding=padding, selectivity=selectivity, speed=speed, column=column, init=Oriented())


CELLS = Preprocessing(16, 16, color="L", resize="squash")

register("neocognitron", neocognitron, Card(
    title="Neocognitron",
    paper="Neocognitron: a self-organizing neural network model for a mechanism of pattern recognition unaffected by shift in "
          "position",
    authors="K. Fukushima", venue="Biological Cybernetics 36, 193–202", year=1980,
    preprocessing=CELLS,
    quick=Recipe(name="quick", learner="neocognitron", lr=1.0, epochs=4, batch=32, augment=()),
    paper_recipe=Recipe(name="paper", learner="neocognitron", lr=1.0, epochs=20, batch=32, augment=()),
))  # fmt: skip
