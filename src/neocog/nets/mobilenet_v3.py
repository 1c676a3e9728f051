"""MobileNetV3 (Howard et al. 2019), large and small: searched blocks, gates, hard swish."""

from dataclasses import replace

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    BatchNorm2d,
    Dropout,
    Flatten,
    HardSigmoid,
    HardSwish,
    Identity,
    Linear,
    Normal,
    ReLU,
    Sequential,
    Sum,
    architecture,
    block,
    head,
)
from neocog.arch.record import Leaf
from neocog.nets.card import Card, Result
from neocog.nets.mobilenet_v1 import QUICK
from neocog.nets.mobilenet_v2 import STEPS as V2
from neocog.nets.mobilenet_v2 import ZERO, conv_bn_act, depthwise_bn, divisible
from neocog.nets.registry import register
from neocog.nets.se_resnet import squeeze_excite
from neocog.nets.usual import IMAGENET

BN = BatchNorm2d(eps=1e-3, momentum=0.01)
Bneck = tuple[int, int, int, bool, Leaf, int]
RE, HS = ReLU(), HardSwish()

# Table 1: kernel, expanded maps, maps, gate, activation, stride.
LARGE: tuple[Bneck, ...] = (
    (3, 16, 16, False, RE, 1),
    (3, 64, 24, False, RE, 2),
    (3, 72, 24, False, RE, 1),
    (5, 72, 40, True, RE, 2),
    (5, 120, 40, True, RE, 1),
    (5, 120, 40, True, RE, 1),
    (3, 240, 80, False, HS, 2),
    (3, 200, 80, False, HS, 1),
    (3, 184, 80, False, HS, 1),
    (3, 184, 80, False, HS, 1),
    (3, 480, 112, True, HS, 1),
    (3, 672, 112, True, HS, 1),
    (5, 672, 160, True, HS, 2),
    (5, 960, 160, True, HS, 1),
    (5, 960, 160, True, HS, 1),
)
# Table 2.
SMALL: tuple[Bneck, ...] = (
    (3, 16, 16, True, RE, 2),
    (3, 72, 24, False, RE, 2),
    (3, 88, 24, False, RE, 1),
    (5, 96, 40, True, HS, 2),
    (5, 240, 40, True, HS, 1),
    (5, 240, 40, True, HS, 1),
    (5, 120, 48, True, HS, 1),
    (5, 144, 48, True, HS, 1),
    (5, 288, 96, True, HS, 2),
    (5, 576, 96, True, HS, 1),
    (5, 576, 96, True, HS, 1),
)


def bneck(before: int, row: Bneck) -> Sequential:
    """Figure 4: MobileNetV2's block with a gate, a quarter of the expanded maps wide, behind the depthwise convolution."""
    kernel, expanded, out, gate, act, stride = row
    layers = Sequential(
        *([conv_bn_act(expanded, act=act, bn=BN)] if expanded != before else []),
        depthwise_bn(kernel, stride, act, BN),
        squeeze_excite(expanded, divisible(expanded // 4), gate=HardSigmoid()) if gate else None,
        conv_bn_act(out, bn=BN),
    )
    if stride == 1 and before == out:
        return Sequential(add=Sum(Sequential(block=layers), Identity()))
    return Sequential(block=layers)


def mobilenet_v3(name: str, table: tuple[Bneck, ...], last: int, num_classes: int = 1000) -> Architecture:
    """Tables 1 and 2; the last 1×1 convolutions stand behind the pool (figure 5). torchvision's paths.

    N×3×224×224 → N×classes.
    """
    steps: list[object] = [conv_bn_act(16, 3, 2, HS, BN)]
    for before, row in zip([16, *(row[2] for row in table)], table, strict=False):
        steps.append(block(bneck(before, row)))
    steps.append(conv_bn_act(6 * table[-1][2], act=HS, bn=BN))
    start = Normal(0.01)
    return architecture(name, (3, 224, 224), Sequential(
        features=Sequential(*steps), avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(),
        classifier=Sequential(
            Linear(last, init=start, bias_init=ZERO), HS, Dropout(0.2),
            head(Linear(num_classes, init=start, bias_init=ZERO))),
    ))  # fmt: skip


STEPS = replace(
    V2,
    lr=0.1,
    eps=2e-3,
    weight_decay=1e-5,
    decay="weights",
    milestones=tuple(i / 200 for i in range(1, 200)),
    gamma=0.99,
    batch=4096,
    epochs=600,
    source='Section 6.1.1: RMSProp with momentum 0.9, 0.1, "decay rate of 0.01 every 3 epochs" (read as 1 % less), weight '
    "decay 1e-5, weights averaged. ε and the length are unverified; pictures as Inception's",
)


def _register(size: str, table: tuple[Bneck, ...], last: int, error: float, published: tuple[float, float]) -> None:
    name = f"mobilenet_v3_{size}"
    register(
        name,
        lambda: mobilenet_v3(name, table, last),
        Card(
            title=f"MobileNetV3-{size.capitalize()}",
            paper="Searching for MobileNetV3",
            authors="A. Howard, M. Sandler, G. Chu, L.-C. Chen, B. Chen, M. Tan, W. Wang, Y. Zhu, R. Pang, V. Vasudevan, "
            "Q. V. Le, H. Adam",
            venue="ICCV 2019 (arXiv 1905.02244)",
            year=2019,
            preprocessing=IMAGENET,
            results=(
                Result("ILSVRC-2012 val", "1 crop of 224", error, verified=False),
                Result("ILSVRC-2012 val", "1 centre crop, torchvision's weights", *published),
            ),
            paper_recipe=STEPS,
            quick=QUICK,
            same_as=(f"tv:{name}",),
            deviations=(
                "The authors' TensorFlow code pads as TensorFlow does; timm's nets without `tf_` have ε = 1e-5 in BN.",
            ),
        ),
    )


_register("large", LARGE, 1280, 24.8, (25.958, 8.660))
_register("small", SMALL, 1024, 32.6, (32.332, 12.598))
