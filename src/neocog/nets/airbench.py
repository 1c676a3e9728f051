"""airbench94 (Jordan 2024), made for 94 % on CIFAR-10 in seconds of a GPU, and nets after its ideas for a CPU."""

from dataclasses import replace

from neocog.arch import (
    GELU,
    AdaptiveAvgPool2d,
    Affine,
    Architecture,
    BatchNorm2d,
    Conv2d,
    Dirac,
    Flatten,
    Linear,
    MaxPool2d,
    Normal,
    ReLU,
    Scale,
    Sequential,
    TorchDefault,
    architecture,
    head,
)
from neocog.arch.init import Init
from neocog.nets.card import Card, Result
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import CIFAR
from neocog.pictures.preprocessing import Preprocessing


def conv(out: int) -> Conv2d:
    """3×3, keeps the map's size, passes its maps on at first (section 3.3)."""
    return Conv2d(out, 3, padding=1, bias=False, init=Dirac())


def group(out: int) -> Sequential:
    """Two convolutions, the pool right behind the first. The normalisations' scales stay 1: only their shifts learn."""
    norm = BatchNorm2d(eps=1e-12, momentum=0.4, affine=False)  # the paper says 0.6, for what stays of the old mean
    return Sequential(
        conv1=conv(out), pool=MaxPool2d(2, 2), norm1=norm, shift1=Affine(scale=False), act1=GELU(),
        conv2=conv(out), norm2=norm, shift2=Affine(scale=False), act2=GELU(),
    )  # fmt: skip


def airbench94(name: str, scale: float, start: Init, num_classes: int = 10) -> Architecture:
    """N×3×32×32 → N×classes. `scale`: of the scores; `start`: of the classifier."""
    return architecture(name, (3, 32, 32), Sequential(
        whiten=Conv2d(24, 2), act=GELU(), group1=group(64), group2=group(256), group3=group(256),
        pool=MaxPool2d(3, 3), flatten=Flatten(), fc=head(Linear(num_classes, bias=False, init=start)), scale=Scale(scale),
    ))  # fmt: skip


def air(name: str, shape: tuple[int, int, int], stem: Conv2d, layers: tuple[tuple[int, bool], ...],
        num_classes: int = 10) -> Architecture:  # fmt: skip
    """For a CPU: ReLU instead of GELU, which costs five times as much there. `layers`: (maps, whether a pool follows) of each
    convolution behind the whitening one. The mean is over what larger pictures leave of the last maximum: one place here."""
    body = {}
    for number, (maps, pooled) in enumerate(layers, 1):
        body[f"conv{number}"] = conv(maps)
        if pooled:  # before normalisation and ReLU, which then have a quarter of the work
            body[f"pool{number}"] = MaxPool2d(2, 2)
        body |= {f"norm{number}": BatchNorm2d(momentum=0.4), f"relu{number}": ReLU()}
    return architecture(name, shape, Sequential(
        whiten=stem, relu=ReLU(), **body,
        pool=MaxPool2d(3, 3), mean=AdaptiveAvgPool2d(1), flatten=Flatten(),
        fc=head(Linear(num_classes, bias=False)), scale=Scale(1 / 3),
    ))  # fmt: skip


QUICK = Recipe(
    optimizer="muon", lr=0.15, momentum=0.6, rho=0.85, bias_lr=2 / 3, head_lr=2 / 3, weight_decay=5e-4, schedule="linear",
    warmup=0.0, label_smoothing=0.1, batch=256, epochs=3, augment=("flip-alternating",), start="whiten", freeze=("whiten",),
    test_flip=True,
)  # fmt: skip

# --- airbench94: the numbers are per picture of a batch there, whose losses are summed; here, of their mean ------------------

PAPER = "94% on CIFAR-10 in 3.29 seconds on a single GPU"
BATCH, MOMENTUM = 1024, 0.85
KILOSTEP = 1024 * (1 + 1 / (1 - MOMENTUM))  # by which the file divides its rate and decay
SGD = Recipe(
    name="paper", lr=11.5 / KILOSTEP * BATCH, momentum=MOMENTUM, nesterov=True, weight_decay=0.0153 / 11.5, decay="weights",
    bias_lr=64.0, warmup=0.23, label_smoothing=0.2, batch=BATCH, epochs=9.9,
    augment=("crop-reflect=0.0625", "flip-alternating"), start="whiten", freeze=("whiten",), test_flip=True,
    source="airbench94.py; there 0.2 to 1 and down to 0.07 of the rate, Lookahead, six views at the test, and the whitening's "
           "bias learns for three passes",
)  # fmt: skip
MUON = replace(
    SGD, optimizer="muon", lr=0.24, momentum=0.6, rho=0.85, nesterov=False, bias_lr=0.053 * 2000 / 0.24,
    head_lr=0.67 * 2000 / 0.24, weight_decay=2e-6 / 0.67, schedule="linear", warmup=0.0, batch=2000, epochs=8,
    source="airbench94_muon.py; there shifts decay too, six views at the test, the whitening's bias learns for three passes",
)  # fmt: skip
NOTES = ("The original's normalisations have scales that stay 1; here they have none: 1,152 numbers fewer, the same function.",)


def _register(name: str, title: str, scale: float, start: Init, paper: Recipe, quick: Recipe, trainings: str) -> None:
    protocol = f"six views (three shifts, mirrored); trained with shifts and flips; mean of {trainings} trainings"
    register(name, lambda: airbench94(name, scale, start), Card(
        title=title, paper=PAPER, authors="K. Jordan", venue="arXiv 2404.00498", year=2024, preprocessing=CIFAR,
        results=(Result("CIFAR-10 test", protocol, 5.99),), paper_recipe=paper, quick=quick, notes=NOTES,
    ))  # fmt: skip


_register("airbench94", "airbench94", 1 / 9, TorchDefault(), SGD, QUICK, "1,000")
_register("airbench94.muon", "airbench94, for Muon", 1 / 256, Normal(1.0), MUON,
          replace(MUON, name="quick", batch=500, epochs=3, source=""), "200")  # fmt: skip

# --- for a CPU ---------------------------------------------------------------------------------------------------------------

GREY = ((32, True), (64, False), (64, True), (128, False))
COLOUR = ((64, True), (128, False), (128, True), (256, False))


def _card(title: str, preprocessing: Preprocessing, quick: Recipe) -> Card:
    return Card(
        title=title, paper=PAPER, authors="neocog, after K. Jordan", venue="Not a net of the paper", year=2024,
        preprocessing=preprocessing, quick=quick,
        notes=("Not a net of the paper: its whitening, its order of layers and its start, for small pictures on a CPU.",),
    )  # fmt: skip


CLOTHES = Preprocessing(28, 28, color="L", resize="none", mean=(0.286,), std=(0.353,))  # Fashion-MNIST's
CLOTHED = replace(QUICK, bias_lr=20 / 3, head_lr=8 / 3)  # the paper, too, lets biases learn much faster than filters
PHOTOS = replace(QUICK, epochs=8, label_smoothing=0.2, augment=("flip-alternating", "crop-reflect=0.0625"))
# 16 maps of 4×4: the 8 longest of 16 axes. Convolutions on CPUs go by eights: 18 maps, all that 3×3 can give, cost more.
register("air.grey", lambda: air("air.grey", (1, 28, 28), Conv2d(16, 4, 2, bias=False), GREY),
         _card("air for small grey pictures", CLOTHES, CLOTHED))  # fmt: skip
register("air.colour", lambda: air("air.colour", (3, 32, 32), Conv2d(54, 3, 2, bias=False), COLOUR),
         _card("air for small photos", CIFAR, PHOTOS))  # fmt: skip
