"""GoogLeNet, Inception v1 (Szegedy et al. 2014): the module with and without reductions, the network, torchvision's network."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from neocog.arch import (
    LRN,
    AdaptiveAvgPool2d,
    Architecture,
    Aux,
    AvgPool2d,
    CaffeXavier,
    Concat,
    Constant,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Normal,
    Ref,
    ReLU,
    Sequential,
    architecture,
    block,
    head,
)
from neocog.nets.card import Card, Result
from neocog.nets.parts import conv_bn
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import MEAN_PIXEL, QUICK
from neocog.pictures.preprocessing import Preprocessing

XAVIER, SMALL, ZERO, FIFTH = CaffeXavier(), Normal(0.01), Constant(0.0), Constant(0.2)
Unit = Callable[..., Sequential]


def conv(out: int, kernel: int, stride: int = 1) -> Sequential:
    """Convolution and ReLU. The paper does not say how it starts: this is the Caffe port's way."""
    return Sequential(
        conv=Conv2d(out, kernel, stride, padding=kernel // 2, init=XAVIER, bias_init=FIFTH),
        relu=ReLU(),
    )


def conv_bn_small(out: int, kernel: int, stride: int = 1) -> Sequential:
    """torchvision's: normalised, without bias."""
    return conv_bn(out, kernel, stride, init=SMALL)


def inception_naive(one: int, three: int, five: int, unit: Unit = conv) -> Sequential:
    """Figure 2a: 1×1, 3×3, 5×5 and max pooling side by side. All maps of the input pass, so that maps only ever grow."""
    return Sequential(cat=Concat(
        branch1=unit(one, 1),
        branch2=unit(three, 3),
        branch3=unit(five, 5),
        branch4=MaxPool2d(3, 1, padding=1),
    ))  # fmt: skip


def inception(
    one: int, reduce3: int, three: int, reduce5: int, five: int, pool: int, unit: Unit = conv, large: int = 5
) -> Sequential:
    """Figure 2b: 1×1 convolutions reduce the maps before the 3×3 and the 5×5 (`large`), and project those of the pool."""
    return Sequential(cat=Concat(
        branch1=unit(one, 1),
        branch2=Sequential(unit(reduce3, 1), unit(three, 3)),
        branch3=Sequential(unit(reduce5, 1), unit(five, large)),
        branch4=Sequential(MaxPool2d(3, 1, padding=1), unit(pool, 1)),
    ))  # fmt: skip


# Table 1: 1×1, 3×3 reduce, 3×3, 5×5 reduce, 5×5, pool proj
TABLE = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}


def auxiliary(source: str, num_classes: int, tv: bool) -> Aux:
    """Section 5: average 5×5/3 of `source`, 1×1 to 128, 1024 units, 70 % dropped; its loss counts 0.3.

    torchvision averages to 4×4, which is another matter on 14×14 maps.
    """
    start = SMALL if tv else XAVIER
    return Aux(Sequential(
        Ref(source),
        pool=AdaptiveAvgPool2d(4) if tv else AvgPool2d(5, 3), conv=(conv_bn_small if tv else conv)(128, 1), flatten=Flatten(),
        fc1=Linear(1024, init=start, bias_init=ZERO if tv else FIFTH), relu=ReLU(), drop=Dropout(0.7),
        fc2=head(Linear(num_classes, init=start, bias_init=ZERO)),
    ), weight=0.3)  # fmt: skip


def googlenet(name: str = "googlenet", tv: bool = False, num_classes: int = 1000) -> Architecture:
    """Table 1; torchvision's paths. N×3×224×224 → N×classes.

    Order of the start: convolution, ReLU, pool, LRN, 1×1, 3×3, LRN, pool (figure 3). All pools round up. `tv`: torchvision's
    network, with batch normalisation for LRN and biases, a 3×3 in the branch of the 5×5, and a 2×2 fourth pool.
    """
    unit = conv_bn_small if tv else conv
    modules: dict[str, Any] = {
        f"inception{place}": block(inception(*widths, unit=unit, large=3 if tv else 5), f"inception ({place})")
        for place, widths in TABLE.items()
    }

    def lrn() -> LRN | None:
        return None if tv else LRN(5, 1e-4, 0.75, k=1.0, divide_alpha=True)

    def part(stage: str) -> dict[str, Any]:
        return {path: module for path, module in modules.items() if path.startswith(f"inception{stage}")}

    return architecture(name, (3, 224, 224), Sequential(
        conv1=unit(64, 7, 2), maxpool1=MaxPool2d(3, 2, ceil=True), norm1=lrn(),
        conv2=unit(64, 1), conv3=unit(192, 3), norm2=lrn(), maxpool2=MaxPool2d(3, 2, ceil=True),
        **part("3"), maxpool3=MaxPool2d(3, 2, ceil=True),
        **part("4"), maxpool4=MaxPool2d(2 if tv else 3, 2, ceil=True),
        **part("5"),
        # They read halfway but stand here, as in torchvision's files.
        aux1=auxiliary("inception4a", num_classes, tv), aux2=auxiliary("inception4d", num_classes, tv),
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), dropout=Dropout(0.2 if tv else 0.4),
        fc=head(Linear(num_classes, init=SMALL if tv else XAVIER, bias_init=ZERO)),
    ))  # fmt: skip


PAPER = "Going deeper with convolutions"
AUTHORS = "C. Szegedy, W. Liu, Y. Jia, P. Sermanet, S. Reed, D. Anguelov, D. Erhan, V. Vanhoucke, A. Rabinovich"
VENUE = "CVPR 2015 (arXiv 1409.4842)"
PREPROCESSING = replace(MEAN_PIXEL, mean=(123.0, 117.0, 104.0))
STEPS = Recipe(
    name="paper",
    optimizer="caffe-sgd",
    lr=0.01,
    momentum=0.9,
    weight_decay=2e-4,
    decay="weights",
    bias_lr=2.0,
    ema=0.9999,
    schedule="step",
    warmup=0.0,
    milestones=tuple(i * 0.032 for i in range(1, 32)),
    gamma=0.96,
    batch=32,
    epochs=250,
    augment=("resized-crop=0.08:1", "flip", "jitter=0.5:0.5:0.5"),
    source="Section 6: momentum 0.9, 4 % less every 8 epochs, Polyak averaging (its decay is ours), crops. Rate, weight decay, "
    "biases, batch and length (10 million steps): the Caffe port",
)

register("googlenet", googlenet, Card(
    title="GoogLeNet", paper=PAPER, authors=AUTHORS, venue=VENUE, year=2014,
    preprocessing=PREPROCESSING,
    results=(
        Result("ILSVRC-2014 val", "one net, 1 crop", None, 10.07),
        Result("ILSVRC-2014 val", "one net, 10 crops", None, 9.15),
        Result("ILSVRC-2014 val", "one net, 144 crops", None, 7.89),
        Result("ILSVRC-2014 val", "seven nets, 1 crop", None, 8.09, nets=7),
        Result("ILSVRC-2014 val", "seven nets, 10 crops", None, 7.62, nets=7),
        Result("ILSVRC-2014 val", "seven nets, 144 crops", None, 6.67, nets=7),
        Result("ILSVRC-2014 test", "seven nets, 144 crops", None, 6.67, nets=7),
        Result("ILSVRC-2012 val", "1 centre crop, Caffe's bvlc_googlenet", 31.3, 11.1)),
    paper_recipe=STEPS, quick=Recipe(lr=0.01, weight_decay=2e-4, batch=64, label_smoothing=0.1),
    notes=("LRN's constants, the start and biases of 0.2 are the Caffe port's; the paper names none.",
           "The paper's table counts a separable 7×7 in conv1 (2,712 weights, 34 million operations), which gives its 1.5 "
           "billion; with the plain 7×7 of its figure and of every public model it is 1.58 billion.",
           "144 crops: 4 scales (short side 256, 288, 320, 352), 3 squares each, of each 4 corners, the centre and the whole, "
           "mirrored or not.",
           "The paper trains on several machines that do not wait for one another, and resizes by a kernel drawn at random."),
    deviations=("torchvision's googlenet is googlenet.tv.",
                "TF-slim's inception_v1 likewise has a 3×3 for the 5×5 and batch normalisation."),
    same_as=("inception_v1",),
))  # fmt: skip

register("googlenet.tv", lambda: googlenet("googlenet.tv", tv=True), Card(
    title="GoogLeNet, torchvision's", paper=PAPER, authors=AUTHORS, venue=VENUE, year=2014,
    preprocessing=Preprocessing(224, 224, resize="shorter", resize_to=256, mean=(0.5,), std=(0.5,)),
    results=(Result("ILSVRC-2012 val", "1 centre crop, torchvision's weights", 30.222, 10.47),),
    quick=QUICK,
    notes=("Equal to torchvision's googlenet, weights and keys included: batch normalisation in place of LRN and biases, a "
           "3×3 in the branch of the 5×5, a fourth pool of 2×2, dropout of 0.2.",
           "torchvision turns pictures normalised its own way to [-1, 1] inside the network; here the preprocessing does."),
    same_as=("tv:googlenet",),
))  # fmt: skip
