"""ShuffleNet V2 (Ma, Zhang, Zheng & Sun 2018): half of the maps pass untouched; no groups but the depthwise ones."""

from dataclasses import replace

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    BatchNorm2d,
    ChannelShuffle,
    Concat,
    DepthwiseConv2d,
    Flatten,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Slice,
    architecture,
    block,
    head,
    stage,
)
from neocog.nets.card import Card, Result
from neocog.nets.mobilenet_v1 import QUICK
from neocog.nets.parts import conv
from neocog.nets.registry import register
from neocog.nets.shufflenet import STEPS as SHUFFLENET
from neocog.nets.usual import IMAGENET


def conv_bn_relu(out: int) -> tuple[object, ...]:
    """1×1 convolution, BN, ReLU."""
    return conv(out, 1), BatchNorm2d(), ReLU()


def unit(out: int, stride: int) -> Sequential:
    """Figure 3c and, at stride 2, 3d; torchvision's paths."""
    half = out // 2

    def depthwise() -> tuple[object, ...]:
        return DepthwiseConv2d(3, stride, 1, bias=False), BatchNorm2d()

    worked = Sequential(*conv_bn_relu(half), *depthwise(), *conv_bn_relu(half))
    if stride == 1:
        untouched = Sequential(left=Slice(0, 1, of=2))
        cat = Concat(untouched, Sequential(right=Slice(1, 2, of=2), branch2=worked))
    else:
        cat = Concat(branch1=Sequential(*depthwise(), *conv_bn_relu(half)), branch2=worked)
    return Sequential(cat=cat, shuffle=ChannelShuffle(2))


def shufflenet_v2(name: str, widths: tuple[int, int, int], num_classes: int = 1000) -> Architecture:
    """Table 5: stages of 4, 8 and 4 units. N×3×224×224 → N×classes."""
    stages = {
        f"stage{i}": stage(Sequential(*(block(unit(out, 2 if j == 0 else 1)) for j in range(count))), f"stage {i}")
        for i, (out, count) in enumerate(zip(widths, (4, 8, 4), strict=True), 2)
    }
    return architecture(name, (3, 224, 224), Sequential(
        conv1=Sequential(conv(24, 3, 2), BatchNorm2d(), ReLU()), maxpool=MaxPool2d(3, 2, 1),
        **stages,
        conv5=Sequential(*conv_bn_relu(1024)), avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), fc=head(Linear(num_classes)),
    ))  # fmt: skip


STEPS = replace(SHUFFLENET, label_smoothing=0.1, source="As ShuffleNet's (section 4), with the smoothing of the authors' code")


def _register(
    name: str, title: str, widths: tuple[int, int, int], error: float, published: tuple[float, float], alias: str
) -> None:
    register(name, lambda: shufflenet_v2(name, widths), Card(
        title=title, paper="ShuffleNet V2: practical guidelines for efficient CNN architecture design",
        authors="N. Ma, X. Zhang, H.-T. Zheng, J. Sun", venue="ECCV 2018 (arXiv 1807.11164)", year=2018,
        preprocessing=IMAGENET, paper_recipe=STEPS, quick=QUICK,
        results=(Result("ILSVRC-2012 val", "1 centre crop", error, verified=False),
                 Result("ILSVRC-2012 val", "1 centre crop, torchvision's weights", *published)),
        same_as=(alias,),
    ))  # fmt: skip


_register("shufflenet_v2", "ShuffleNet V2 1×", (116, 232, 464), 30.6, (30.638, 11.684), "tv:shufflenet_v2_x1_0")
_register("shufflenet_v2.w050", "ShuffleNet V2 0.5×", (48, 96, 192), 39.7, (39.448, 18.254), "tv:shufflenet_v2_x0_5")
