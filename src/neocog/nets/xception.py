"""Xception (Chollet 2016): depthwise separable convolutions with shortcuts."""

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    BatchNorm2d,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    Flatten,
    HeNormal,
    Identity,
    Linear,
    MaxPool2d,
    Normal,
    ReLU,
    Sequential,
    Sum,
    architecture,
    block,
    head,
)
from neocog.arch.window import Padding
from neocog.nets.card import Card, Result
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import QUICK_LARGE
from neocog.pictures.preprocessing import Preprocessing

HE = HeNormal()


def conv(out: int, kernel: int, stride: int = 1) -> Conv2d:
    """Without bias; normalisation follows."""
    return Conv2d(out, kernel, stride, bias=False, init=HE)


def separable(out: int) -> Sequential:
    """A 3×3 in each map, then a 1×1 across them, and nothing between the two (section 4.7)."""
    return Sequential(conv1=DepthwiseConv2d(3, padding=1, bias=False, init=HE), pointwise=conv(out, 1))


def xception(name: str = "xception", pad: Padding = 1, eps: float = 1e-5, num_classes: int = 1000) -> Architecture:
    """Figure 5; timm's paths. N×3×299×299 → N×classes. The paper leaves open the pools' padding and BN's `eps`."""

    def bn() -> BatchNorm2d:
        return BatchNorm2d(eps=eps)

    def unit(*widths: int, stride: int = 1, relu_first: bool = True) -> object:
        """x + rep(x); with a stride, a pool at the end of rep and a strided 1×1 in the shortcut."""
        steps: list[object] = []
        for i, width in enumerate(widths):
            steps += [*([ReLU()] if i or relu_first else []), separable(width), bn()]
        if stride > 1:
            steps.append(MaxPool2d(3, stride, padding=pad))
        short = Sequential(skip=conv(widths[-1], 1, stride), skipbn=bn()) if stride > 1 else Identity()
        return block(Sequential(add=Sum(short, rep=Sequential(*steps))))

    return architecture(name, (3, 299, 299), Sequential(
        conv1=conv(32, 3, 2), bn1=bn(), act1=ReLU(), conv2=conv(64, 3), bn2=bn(), act2=ReLU(),
        block1=unit(128, 128, stride=2, relu_first=False), block2=unit(256, 256, stride=2), block3=unit(728, 728, stride=2),
        **{f"block{i}": unit(728, 728, 728) for i in range(4, 12)},
        block12=unit(728, 1024, stride=2),
        conv3=separable(1536), bn3=bn(), act3=ReLU(), conv4=separable(2048), bn4=bn(), act4=ReLU(),
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), dropout=Dropout(0.5),
        fc=head(Linear(num_classes, init=Normal(0.01))),
    ))  # fmt: skip


PAPER = "Xception: deep learning with depthwise separable convolutions"
PREPROCESSING = Preprocessing(299, 299, resize="shorter", resize_to=333, mean=(0.5,), std=(0.5,))
STEPS = Recipe(
    name="paper",
    lr=0.045,
    momentum=0.9,
    weight_decay=1e-5,
    decay="weights",
    ema=0.9999,
    schedule="step",
    warmup=0.0,
    milestones=tuple(i / 50 for i in range(1, 50)),
    gamma=0.94,
    batch=32,
    epochs=100,
    augment=("resized-crop=0.05:1", "flip", "jitter=0.125:0.5:0.5", "hue=0.2"),
    source="Section 4.2: SGD, 6 % less every 2 epochs, weight decay 1e-5, Polyak averaging. Batch, length and pictures: "
    "Inception v3's; the average's decay: TensorFlow's usual one",
)

register("xception", xception, Card(
    title="Xception", paper=PAPER, authors="F. Chollet", venue="CVPR 2017 (arXiv 1610.02357)", year=2016,
    preprocessing=PREPROCESSING,
    results=(Result("ILSVRC-2012 val", "1 crop", 21.0, 5.5),),
    paper_recipe=STEPS, quick=QUICK_LARGE,
    notes=("Dropout of 0.5 before the classifier.",
           "The paper says neither how the pools are padded nor BN's ε: here as in timm, evenly and 1e-5."),
    deviations=("The author's Keras network pads as TensorFlow does, which moves one pool by a pixel, and has an ε of 1e-3: "
                "xception.keras.",),
    same_as=("timm:legacy_xception", "timm:xception"),
))  # fmt: skip

register("xception.keras", lambda: xception("xception.keras", "same", 1e-3), Card(
    title="Xception, Keras'", paper=PAPER, authors="F. Chollet", venue="CVPR 2017 (arXiv 1610.02357)", year=2016,
    preprocessing=Preprocessing(299, 299, resize="squash", mean=(0.5,), std=(0.5,)),
    results=(Result("ILSVRC-2012 val", "1 crop, Keras' weights", 21.0, 5.5),),
    paper_recipe=STEPS, quick=QUICK_LARGE,
    notes=("The author's own code: pools padded as TensorFlow does, an ε of 1e-3.",),
    same_as=("keras:Xception",),
))  # fmt: skip
