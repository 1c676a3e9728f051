"""EfficientNet (Tan & Le 2019): one searched net, B0, scaled in depth, width and resolution together to B7."""

import math
from dataclasses import dataclass, replace

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    BatchNorm2d,
    Constant,
    Dropout,
    DropPath,
    Flatten,
    Identity,
    Linear,
    Sequential,
    SiLU,
    Sum,
    Uniform,
    architecture,
    block,
    head,
    stage,
)
from neocog.arch.record import Leaf
from neocog.nets.card import Card, Result
from neocog.nets.mobilenet_v1 import QUICK
from neocog.nets.mobilenet_v2 import conv_bn_act, depthwise_bn, divisible
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.se_resnet import squeeze_excite
from neocog.nets.usual import IMAGENET, error

SWISH = SiLU()


def mbconv(before: int, out: int, kernel: int, stride: int, expand: int, drop: float, bn: Leaf) -> Sequential:
    """MobileNetV2's block with swish and a gate a quarter of the incoming maps wide (section 4).

    `drop`: the chance in training that the whole branch is left out. torchvision's paths.
    """
    wide = divisible(before * expand)
    layers = Sequential(
        *([conv_bn_act(wide, act=SWISH, bn=bn)] if expand != 1 else []),
        depthwise_bn(kernel, stride, SWISH, bn),
        squeeze_excite(wide, max(1, before // 4), inner=SWISH),
        conv_bn_act(out, bn=bn),
    )
    if stride == 1 and before == out:
        return Sequential(add=Sum(Sequential(block=layers, stochastic_depth=DropPath(drop)), Identity()))
    return Sequential(block=layers)


# Table 1: expansion, kernel, stride of the first, maps, layers.
TABLE = (
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)


@dataclass(frozen=True)
class Scaling:
    """One column of the authors' released code, which rounds equation 3: width, depth, pixels, dropout; and BN's ε.

    torchvision's ε: 1e-5 to B4, whose weights were trained so, and from B5 up the 1e-3 of the authors' code.
    """

    width: float
    depth: float
    side: int
    dropout: float
    eps: float = 1e-5


def efficientnet(name: str, scaling: Scaling, num_classes: int = 1000) -> Architecture:
    """Table 1, scaled: widths to multiples of 8, depths up to whole layers. N×3×side×side → N×classes."""
    bn = BatchNorm2d(scaling.eps, 0.1 if scaling.eps == 1e-5 else 0.01)
    depths = [math.ceil(layers * scaling.depth) for *_, layers in TABLE]
    before, index = divisible(32 * scaling.width), 0
    steps: list[object] = [conv_bn_act(before, 3, 2, SWISH, bn)]
    for (expand, kernel, stride, maps, _), depth in zip(TABLE, depths, strict=True):
        blocks = []
        for j in range(depth):
            out, drop = divisible(maps * scaling.width), 0.2 * index / sum(depths)  # survival falls linearly, 0.8 at the end
            blocks.append(block(mbconv(before, out, kernel, stride if j == 0 else 1, expand, drop, bn)))
            before, index = out, index + 1
        steps.append(stage(Sequential(*blocks), f"stage {len(steps) + 1}"))
    steps.append(conv_bn_act(4 * before, act=SWISH, bn=bn))
    bound = num_classes**-0.5  # the authors' code: U(±1/√classes)
    classifier = Linear(num_classes, init=Uniform(-bound, bound), bias_init=Constant(0.0))
    return architecture(name, (3, scaling.side, scaling.side), Sequential(
        features=Sequential(*steps), avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(),
        classifier=Sequential(Dropout(scaling.dropout), head(classifier)),
    ))  # fmt: skip


SCALINGS = {
    "b0": Scaling(1.0, 1.0, 224, 0.2),
    "b1": Scaling(1.0, 1.1, 240, 0.2),
    "b2": Scaling(1.1, 1.2, 260, 0.3),
    "b3": Scaling(1.2, 1.4, 300, 0.3),
    "b4": Scaling(1.4, 1.8, 380, 0.4),
    "b5": Scaling(1.6, 2.2, 456, 0.4, 1e-3),
    "b6": Scaling(1.8, 2.6, 528, 0.5, 1e-3),
    "b7": Scaling(2.0, 3.1, 600, 0.5, 1e-3),
}
# Table 2's accuracies; torchvision's crop, resize and accuracies.
ACCURACY = {"b0": (77.1, 93.3), "b1": (79.1, 94.4), "b2": (80.1, 94.9), "b3": (81.6, 95.7), "b4": (82.9, 96.4),
            "b5": (83.6, 96.7), "b6": (84.0, 96.8), "b7": (84.3, 97.0)}  # fmt: skip
PUBLISHED = {
    "b0": (224, 256, 77.692, 93.532),
    "b1": (240, 256, 78.642, 94.186),
    "b2": (288, 288, 80.608, 95.310),
    "b3": (300, 320, 82.008, 96.054),
    "b4": (380, 384, 83.384, 96.594),
    "b5": (456, 456, 83.444, 96.628),
    "b6": (528, 528, 84.008, 96.916),
    "b7": (600, 600, 84.122, 96.908),
}

STEPS = Recipe(
    name="paper",
    optimizer="tf-rmsprop",
    lr=0.256,
    momentum=0.9,
    rho=0.9,
    eps=1e-3,
    label_smoothing=0.1,
    weight_decay=1e-5,
    decay="weights",
    ema=0.9999,
    schedule="step",
    warmup=5 / 350,
    milestones=tuple(i * 2.4 / 350 for i in range(1, 146)),
    gamma=0.97,
    batch=4096,
    epochs=350,
    augment=("resized-crop=0.08:1", "flip", "autoaugment"),
    source="Section 5.2: RMSProp 0.9 with momentum 0.9, 0.256 times 0.97 every 2.4 epochs, weight decay 1e-5, AutoAugment. "
    "Batch, warm-up, length, ε, smoothing and averaging: the authors' code",
)


def _register(size: str) -> None:
    name, scaling = f"efficientnet_{size}", SCALINGS[size]
    crop, resized, top1, top5 = PUBLISHED[size]
    protocol = f"1 centre crop of {crop} from {resized}, bicubic, torchvision's weights"
    register(
        name,
        lambda: efficientnet(name, scaling),
        Card(
            title=f"EfficientNet-{size.upper()}",
            paper="EfficientNet: rethinking model scaling for convolutional neural networks",
            authors="M. Tan, Q. V. Le",
            venue="ICML 2019 (arXiv 1905.11946)",
            year=2019,
            preprocessing=replace(
                IMAGENET, height=scaling.side, width=scaling.side, interpolation="bicubic",
                resize_to=resized if crop == scaling.side else scaling.side,
            ),
            results=(
                Result("ILSVRC-2012 val", f"1 crop of {scaling.side}", *map(error, ACCURACY[size]), verified=False),
                Result("ILSVRC-2012 val", protocol, error(top1), error(top5)),
            ),
            paper_recipe=STEPS,
            quick=QUICK,
            notes=(
                *(("torchvision's weights are meant for 288 pixels, the paper's B2 for 260.",) if size == "b2" else ()),
            ),
            same_as=(f"tv:{name}", *((f"timm:{name}",) if scaling.eps == 1e-5 else ())),
            deviations=("The authors' TensorFlow code pads as TensorFlow does and has ε = 1e-3 in BN.",),
        ),
    )  # fmt: skip


for _size in SCALINGS:
    _register(_size)
