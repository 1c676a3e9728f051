"""ShuffleNet (Zhang, Zhou, Lin & Sun 2017): grouped 1×1 convolutions whose maps are dealt anew between them."""

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    AvgPool2d,
    BatchNorm2d,
    ChannelShuffle,
    Concat,
    DepthwiseConv2d,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sum,
    architecture,
    block,
    head,
    stage,
)
from neocog.nets.card import Card, Result
from neocog.nets.mobilenet_v1 import QUICK
from neocog.nets.parts import conv
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import IMAGENET


def unit(before: int, out: int, groups: int, first: bool) -> Sequential:
    """Figure 2b and, where the maps change, 2c: 1×1 to a quarter of `out`, shuffle, 3×3 depthwise, 1×1.

    Where they change, the stride is 2 and a 3×3 average of the input is put before the rest. The very first 1×1 has no groups
    (section 3.3).
    """
    changes = before != out
    body = Sequential(
        conv1=conv(out // 4, 1, groups=1 if first else groups), bn1=BatchNorm2d(), relu1=ReLU(),
        shuffle=ChannelShuffle(groups),
        conv2=DepthwiseConv2d(3, 2 if changes else 1, 1, bias=False), bn2=BatchNorm2d(),
        conv3=conv(out - before if changes else out, 1, groups=groups), bn3=BatchNorm2d(),
    )  # fmt: skip
    if changes:
        return Sequential(cat=Concat(Sequential(pool=AvgPool2d(3, 2, 1)), body), relu2=ReLU())
    return Sequential(add=Sum(body, Identity()), relu2=ReLU())


def shufflenet(
    name: str, groups: int = 3, widths: tuple[int, int, int] = (240, 480, 960), num_classes: int = 1000
) -> Architecture:
    """Table 1, g = 3: stages of 4, 8 and 4 units. N×3×224×224 → N×classes."""
    before, stages = 24, {}
    for i, (out, count) in enumerate(zip(widths, (4, 8, 4), strict=True), 2):
        units = [block(unit(before if j == 0 else out, out, groups, i == 2 and j == 0)) for j in range(count)]
        stages[f"stage{i}"] = stage(Sequential(*units), f"stage {i}")
        before = out
    return architecture(name, (3, 224, 224), Sequential(
        conv1=conv(24, 3, 2), bn1=BatchNorm2d(), relu1=ReLU(), maxpool=MaxPool2d(3, 2, 1),
        **stages,
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), fc=head(Linear(num_classes)),
    ))  # fmt: skip


STEPS = Recipe(
    name="paper",
    lr=0.5,
    momentum=0.9,
    weight_decay=4e-5,
    decay="weights",
    schedule="linear",
    warmup=0.0,
    batch=1024,
    epochs=240,
    augment=("resized-crop=0.08:1", "flip", "jitter=0.4:0.4:0.4"),
    source='Section 4: weight decay 4e-5, 0.5 down to 0 in 300,000 steps of 1024. The paper crops "slightly less '
    "aggressively\" and does not say how; pictures as in the authors' code",
)

register("shufflenet_v1", lambda: shufflenet("shufflenet_v1"), Card(
    title="ShuffleNet 1×, three groups",
    paper="ShuffleNet: an extremely efficient convolutional neural network for mobile devices",
    authors="X. Zhang, X. Zhou, M. Lin, J. Sun", venue="CVPR 2018 (arXiv 1707.01083)", year=2017,
    preprocessing=IMAGENET, paper_recipe=STEPS, quick=QUICK,
    results=(Result("ILSVRC-2012 val", "1 centre crop", 32.6, verified=False),
             Result("ILSVRC-2012 val", "1 centre crop, the authors' later training", 32.2, 12.3)),
    deviations=("The authors' PyTorch code shuffles behind the depthwise convolution, not before it, and its classifier has no "
                "bias.",),
))  # fmt: skip
