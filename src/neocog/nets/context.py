"""The context module of dilated convolutions (Yu & Koltun 2015): class maps in, class maps of the same size out."""

from neocog.arch import Architecture, Constant, Conv2d, GroupIdentity, ReLU, Sequential, architecture
from neocog.nets.card import Card
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.pictures.preprocessing import Preprocessing

DILATIONS = (1, 1, 2, 4, 8, 16, 1)  # Table 1, layers 1 to 7; layer 8 is 1×1
BASIC = (1, 1, 1, 1, 1, 1, 1, 1)
LARGE = (2, 2, 4, 8, 16, 32, 32, 1)  # maps in multiples of the classes
NOISE = 0.01


def context(name: str, multiples: tuple[int, ...] = BASIC, noise: float = 0.0, num_classes: int = 21) -> Architecture:
    """Table 1. N×classes×H×W → the same. It starts as the identity on maps that are nowhere negative (equations 4 and 5).

    `noise` tells the maps of one class apart; its deviation is divided by the layer's multiple, as in the authors' code.
    """
    layers: dict[str, Conv2d | ReLU] = {}
    for i, multiple in enumerate(multiples, 1):
        dilation = DILATIONS[i - 1] if i <= len(DILATIONS) else 0
        layers[f"ctx{i}"] = Conv2d(
            multiple * num_classes,
            3 if dilation else 1,
            padding=dilation,
            dilation=max(dilation, 1),
            init=GroupIdentity(num_classes, noise / multiple),
            bias_init=Constant(0.0),
        )
        if dilation:
            layers[f"relu{i}"] = ReLU()
    return architecture(name, (num_classes, 64, 64), Sequential(**layers))


def _register(name: str, title: str, multiples: tuple[int, ...], noise: float, notes: tuple[str, ...]) -> None:
    register(name, lambda: context(name, multiples, noise), Card(
        title=title, paper="Multi-scale context aggregation by dilated convolutions", authors="F. Yu, V. Koltun",
        venue="ICLR 2016 (arXiv 1511.07122)", year=2015, preprocessing=Preprocessing(64, 64, resize="none"),
        quick=Recipe(lr=1e-3),
        notes=("It reads class maps, not pictures, and gives class maps: a front end comes before it, no class head behind. "
               "21 classes as in PASCAL VOC; `neocog.nets.context.context` makes it for others.",
               "On VOC-2012 validation it raises the mean intersection over union of the authors' front end from 69.8 % to "
               "71.3 % (basic) and 72.1 % (large); these are from memory, not checked.",
               "The paper pads once by the whole margin; the authors' code, and this, pad each layer.", *notes),
        deviations=("Some texts call dilation 0 what the paper and torch call dilation 1: the ordinary convolution.",),
    ))  # fmt: skip


_register("context.basic", "Context module, basic", BASIC, 0.0,
          ("The authors' code adds noise of deviation 0.01 to the basic identity as well; equation 4 does not.",))  # fmt: skip
_register("context.large", "Context module, large", LARGE, NOISE, ())
