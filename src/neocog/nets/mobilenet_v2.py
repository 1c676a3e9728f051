"""MobileNetV2 (Sandler et al. 2018): inverted residuals with linear bottlenecks, at several widths."""

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    BatchNorm2d,
    Constant,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    Flatten,
    HeNormal,
    Identity,
    Linear,
    Normal,
    ReLU6,
    Sequential,
    Sum,
    architecture,
    block,
    head,
)
from neocog.arch.record import Leaf
from neocog.nets.card import Card, Result
from neocog.nets.mobilenet_v1 import QUICK
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import IMAGENET, error

ZERO = Constant(0.0)


def divisible(maps: float, by: int = 8) -> int:
    """The nearest multiple of 8, but never below 90 % (the authors' released code)."""
    found = max(by, int(maps + by / 2) // by * by)
    return found + by if found < 0.9 * maps else found


def conv_bn_act(out: int, kernel: int = 1, stride: int = 1, act: Leaf | None = None, bn: Leaf | None = None) -> Sequential:
    """Convolution without bias, BN and, where given, an activation. The start is torchvision's: fan-out."""
    conv = Conv2d(out, kernel, stride, kernel // 2, bias=False, init=HeNormal("fan_out"))
    return Sequential(conv, bn or BatchNorm2d(), act)


def depthwise_bn(kernel: int = 3, stride: int = 1, act: Leaf | None = None, bn: Leaf | None = None) -> Sequential:
    """A depthwise convolution, BN and an activation. One filter's fans are equal, whatever the number of maps."""
    conv = DepthwiseConv2d(kernel, stride, kernel // 2, bias=False, init=HeNormal("fan_in"))
    return Sequential(conv, bn or BatchNorm2d(), act)


def inverted_residual(before: int, out: int, stride: int, expand: int) -> Sequential:
    """Table 1, figure 3b: 1×1 to `expand` times the maps, 3×3 depthwise, 1×1 back without an activation (section 3.2).

    The sum stands where the map keeps its size and its number of channels. torchvision's paths.
    """
    layers = Sequential(
        *([conv_bn_act(before * expand, act=ReLU6())] if expand != 1 else []),
        depthwise_bn(stride=stride, act=ReLU6()),
        Conv2d(out, 1, bias=False, init=HeNormal("fan_out")),
        BatchNorm2d(),
    )
    if stride == 1 and before == out:
        return Sequential(add=Sum(Sequential(conv=layers), Identity()))
    return Sequential(conv=layers)


# Table 2: expansion t, maps c, repeats n, stride s of the first.
TABLE = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))


def mobilenet_v2(name: str = "mobilenet_v2", width: float = 1.0, num_classes: int = 1000) -> Architecture:
    """Table 2; every layer but the last 1×1 is narrowed by a `width` below 1 (section 4.1). N×3×224×224 → N×classes."""
    before = divisible(32 * width)
    steps: list[object] = [conv_bn_act(before, 3, 2, ReLU6())]
    for expand, maps, repeats, stride in TABLE:
        for i in range(repeats):
            out = divisible(maps * width)
            steps.append(block(inverted_residual(before, out, stride if i == 0 else 1, expand)))
            before = out
    steps.append(conv_bn_act(divisible(1280 * max(1.0, width)), act=ReLU6()))
    return architecture(name, (3, 224, 224), Sequential(
        features=Sequential(*steps), avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(),
        classifier=Sequential(Dropout(0.2), head(Linear(num_classes, init=Normal(0.01), bias_init=ZERO))),
    ))  # fmt: skip


# Section 6.1 and table 4; then what the authors' published files reach, top-1 and top-5.
ACCURACY = {
    1.0: (72.0, (71.8, 91.0)),
    1.4: (74.7, (75.0, 92.5)),
    0.75: (None, (69.8, 89.6)),
    0.5: (None, (65.4, 86.4)),
    0.35: (None, (60.3, 82.9)),
}

STEPS = Recipe(
    name="paper",
    optimizer="tf-rmsprop",
    lr=0.045,
    momentum=0.9,
    rho=0.9,
    eps=1.0,
    weight_decay=4e-5,
    decay="not-depthwise",
    ema=0.9999,
    schedule="step",
    warmup=0.0,
    milestones=tuple(i / 300 for i in range(1, 300)),
    gamma=0.98,
    batch=96,
    epochs=300,
    augment=("resized-crop=0.05:1", "flip", "jitter=0.125:0.5:0.5", "hue=0.2"),
    source="Section 6.1: RMSProp 0.9 with momentum 0.9, weight decay 4e-5, 2 % less an epoch, 96 pictures on each of 16 GPUs; "
    "here 96. ε, averaging and pictures: TF-slim's; 300 epochs: torchvision's",
)


def _register(width: float) -> None:
    name = "mobilenet_v2" if width == 1 else f"mobilenet_v2.w{100 * width:03.0f}"
    paper, (top1, top5) = ACCURACY[width]
    results = [Result("ILSVRC-2012 val", "1 crop of 224", error(paper))] if paper else []
    protocol = "1 crop of 224, the authors' published files"
    results.append(Result("ILSVRC-2012 val", protocol, error(top1), error(top5)))
    if width == 1:
        results.append(Result("ILSVRC-2012 val", "1 centre crop, torchvision's weights", 28.122, 9.714))
    register(
        name,
        lambda: mobilenet_v2(name, width),
        Card(
            title="MobileNetV2" if width == 1 else f"MobileNetV2, {width:g} times as wide",
            paper="MobileNetV2: inverted residuals and linear bottlenecks",
            authors="M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen",
            venue="CVPR 2018 (arXiv 1801.04381)",
            year=2018,
            preprocessing=IMAGENET,
            results=tuple(results),
            paper_recipe=STEPS,
            quick=QUICK,
            notes=(*(("The paper counts 6.9 million parameters; its table gives 6,108,776.",) if width == 1.4 else ()),),
            same_as=(("tv:mobilenet_v2",) if width == 1 else ()) + (f"timm:mobilenetv2_{100 * width:03.0f}",),
            deviations=("The authors' TensorFlow code pads as TensorFlow does and has ε = 1e-3 in BN.",) if width == 1 else (),
        ),
    )


for _width in ACCURACY:
    _register(_width)
