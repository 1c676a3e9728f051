"""All-convolutional nets (Springenberg, Dosovitskiy, Brox & Riedmiller 2014): three bases, four ways to shrink the maps."""

from typing import Any

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    Conv2d,
    Dropout,
    Flatten,
    HeNormal,
    MaxPool2d,
    ReLU,
    Sequential,
    architecture,
    head,
)
from neocog.nets.card import Card, Result
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import CIFAR

BASES = {"a": (5,), "b": (5, 1), "c": (3, 3)}  # Table 1: the kernels of the first two groups, 96 and then 192 maps wide


def conv(out: int, kernel: int, stride: int = 1, padding: int | None = None) -> Conv2d:
    """A convolution that keeps the map's size at stride 1."""
    return Conv2d(out, kernel, stride, padding=kernel // 2 if padding is None else padding, init=HeNormal())


def group(number: int, out: int, kernels: tuple[int, ...], shrink: str) -> dict[str, Any]:
    """Convolutions, then half the rows and columns, by one of Table 2's ways; dropout behind.

    "base": 3×3 maximum with stride 2; "strided": the last convolution has the stride, no pool; "all": a 3×3 convolution
    with stride 2 in the pool's place; "convpool": such a convolution with stride 1, and the pool.
    """
    steps: dict[str, Any] = {}
    for i, kernel in enumerate(kernels, 1):
        stride = 2 if shrink == "strided" and i == len(kernels) else 1
        steps |= {f"c{number}_{i}": conv(out, kernel, stride), f"relu{number}_{i}": ReLU()}
    if shrink in ("all", "convpool"):
        name = f"cs{number}" if shrink == "all" else f"c{number}_{len(kernels) + 1}"
        steps |= {name: conv(out, 3, 2 if shrink == "all" else 1), f"relu_{name}": ReLU()}
    if shrink in ("base", "convpool"):
        steps[f"pool{number}"] = MaxPool2d(3, 2, ceil=True)
    return steps | {f"drop{number}": Dropout(0.5)}


def allcnn(name: str, base: str, shrink: str, num_classes: int = 10) -> Architecture:
    """Tables 1 and 2. N×3×32×32 → N×classes. The unpadded 3×3 gives the 6×6 places that the paper's average has."""
    return architecture(name, (3, 32, 32), Sequential(
        drop=Dropout(0.2), **group(1, 96, BASES[base], shrink), **group(2, 192, BASES[base], shrink),
        c3=conv(192, 3, padding=0), relu3=ReLU(), c4=conv(192, 1), relu4=ReLU(), c5=head(conv(num_classes, 1)), relu5=ReLU(),
        pool=AdaptiveAvgPool2d(1), flatten=Flatten(),
    ))  # fmt: skip


PAPER = "Striving for simplicity: the all convolutional net"
AUTHORS = "J. T. Springenberg, A. Dosovitskiy, T. Brox, M. Riedmiller"
VENUE = "ICLR 2015 workshop (arXiv 1412.6806)"
STEPS = Recipe(
    name="paper",
    optimizer="caffe-sgd",
    lr=0.05,
    momentum=0.9,
    weight_decay=1e-3,
    schedule="step",
    warmup=0.0,
    milestones=(200 / 350, 250 / 350, 300 / 350),
    batch=128,
    epochs=350,
    augment=(),
    source="Section 3.1, for its table 3 (no augmentation); the rate was the best of 0.25, 0.1, 0.05 and 0.01 for each net; "
    "the batch is ours",
)
QUICK = Recipe(lr=0.05, weight_decay=1e-3, batch=64, label_smoothing=0.1)

# CIFAR-10 without augmentation: Table 3.
ERRORS = {"a": {"base": 12.47, "strided": 13.46, "convpool": 10.21, "all": 10.30},
          "b": {"base": 10.20, "strided": 10.98, "convpool": 9.33, "all": 9.10},
          "c": {"base": 9.74, "strided": 10.19, "convpool": 9.31, "all": 9.08}}  # fmt: skip
TITLES = {"base": "Model {}", "strided": "Strided-CNN-{}", "convpool": "ConvPool-CNN-{}", "all": "All-CNN-{}"}
MORE = {
    ("c", "all"): (
        Result("CIFAR-10 test", "one picture as it is; trained with shifts and flips", 7.25),
        Result("CIFAR-100 test", "one picture as it is", 33.71),
    )
}
NOTES = (
    "The paper normalises contrast globally and whitens with ZCA; the record here has mean and deviation.",
    "The paper names neither the start of the weights (here He et al. 2015) nor the batch (here 128).",
)

for _base, _errors in ERRORS.items():
    for _shrink, _error in _errors.items():
        _name = f"allcnn_{_base}" + ("" if _shrink == "all" else f".{_shrink}")
        register(_name, lambda n=_name, b=_base, s=_shrink: allcnn(n, b, s), Card(
            title=TITLES[_shrink].format(_base.upper()), paper=PAPER, authors=AUTHORS, venue=VENUE, year=2014,
            preprocessing=CIFAR,
            results=(Result("CIFAR-10 test", "one picture as it is, no augmentation", _error), *MORE.get((_base, _shrink), ())),
            paper_recipe=STEPS, quick=QUICK,
            notes=NOTES + (("The paper prints about 1.3 million parameters; its table makes 954,730.",)
                           if (_base, _shrink) == ("c", "base") else ()),
            deviations=("Many ports pad the 3×3 before the 1×1 layers and average over 8×8 places; the paper has 6×6.",),
        ))  # fmt: skip
