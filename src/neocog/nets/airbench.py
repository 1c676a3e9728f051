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


def conv(out: int) -> Conv2d:
    """3×3, keeps the map's size, passes its maps on at first (section 3.2)."""
    return Conv2d(out, 3, padding=1, bias=False, init=Dirac())


def group(out: int) -> Sequential:
    """Section 3 and listing 4: the pool stands before the first normalisation. Their scales stay 1: only shifts learn."""
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
