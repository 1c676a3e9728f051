"""BN-Inception (Ioffe & Szegedy 2015), also called Inception v2."""

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    AvgPool2d,
    Concat,
    Flatten,
    Linear,
    MaxPool2d,
    Normal,
    Sequential,
    architecture,
    block,
    head,
)
from neocog.nets.card import Card, Result
from neocog.nets.inception_v1 import PREPROCESSING
from neocog.nets.parts import conv_bn
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import QUICK


def unit(out: int, kernel: int, stride: int = 1) -> Sequential:
    """The usual ε: the paper gives none."""
    return conv_bn(out, kernel, stride, eps=1e-5)


def module(one: int, three: tuple[int, int], double: tuple[int, int, int], pool: str, project: int = 0) -> Sequential:
    """The appendix's figure 5: two 3×3 in place of the 5×5. `project` = 0 halves the map: no 1×1, strides of 2, bare pool."""
    stride = 1 if project else 2
    pooling = {
        "avg": AvgPool2d(3, 1, padding=1),
        "max": MaxPool2d(3, 1, padding=1) if project else MaxPool2d(3, 2, ceil=True),
    }[pool]
    return Sequential(cat=Concat(
        branch1=unit(one, 1) if one else None,
        branch2=Sequential(unit(three[0], 1), unit(three[1], 3, stride)),
        branch3=Sequential(unit(double[0], 1), unit(double[1], 3), unit(double[2], 3, stride)),
        branch4=Sequential(pooling, unit(project, 1) if project else None),
    ))  # fmt: skip


MODULES = {
    "3a": module(64, (64, 64), (64, 96, 96), "avg", 32),
    "3b": module(64, (64, 96), (64, 96, 96), "avg", 64),
    "3c": module(0, (128, 160), (64, 96, 96), "max"),
    "4a": module(224, (64, 96), (96, 128, 128), "avg", 128),
    "4b": module(192, (96, 128), (96, 128, 128), "avg", 128),
    "4c": module(160, (128, 160), (128, 160, 160), "avg", 128),
    "4d": module(96, (128, 192), (160, 192, 192), "avg", 128),
    "4e": module(0, (128, 192), (192, 256, 256), "max"),
    "5a": module(352, (192, 320), (160, 224, 224), "avg", 128),
    "5b": module(352, (192, 320), (192, 224, 224), "max", 128),
}


def bn_inception(num_classes: int = 1000) -> Architecture:
    """The appendix's figure 5. N×3×224×224 → N×classes."""
    return architecture("bn_inception", (3, 224, 224), Sequential(
        conv1=unit(64, 7, 2), maxpool1=MaxPool2d(3, 2, ceil=True),
        conv2=unit(64, 1), conv3=unit(192, 3), maxpool2=MaxPool2d(3, 2, ceil=True),
        **{f"inception{place}": block(step, f"inception ({place})") for place, step in MODULES.items()},
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), fc=head(Linear(num_classes, init=Normal(0.01))),
    ))  # fmt: skip


BN_X5 = Recipe(
    name="paper", optimizer="caffe-sgd", lr=0.0075, momentum=0.9, weight_decay=4e-5, decay="weights", schedule="exponential",
    warmup=0.0, gamma=round(0.96**45, 4), batch=32, epochs=60, augment=("resized-crop=0.08:1", "flip"),
    source="Section 4.2, BN-x5: 0.0075, batches of 32, a fifth of the decay and six times the fall of GoogLeNet's, of which "
    "the paper gives neither: here the Caffe port's 2e-4 and 4 % every 8 epochs. The length is ours",
)  # fmt: skip

register("bn_inception", bn_inception, Card(
    title="BN-Inception", year=2015,
    paper="Batch normalization: accelerating deep network training by reducing internal covariate shift",
    authors="S. Ioffe, C. Szegedy", venue="ICML 2015 (arXiv 1502.03167)",
    preprocessing=PREPROCESSING,
    results=(
        Result("ILSVRC-2012 val", "one net (BN-x30), 1 crop", 25.2, 7.82),
        Result("ILSVRC-2012 val", "one net (BN-x30), 144 crops", 21.99, 5.82),
        Result("ILSVRC-2012 val", "six nets, 144 crops", 20.1, 4.9, nets=6),
        Result("ILSVRC-2012 test", "six nets, 144 crops", None, 4.82, nets=6)),
    paper_recipe=BN_X5, quick=QUICK,
    notes=("Inception v2 is this network in TF-slim and Keras, hence the other name here. The paper \"Rethinking the Inception "
           "architecture\" calls its own first network v2 too; its filters were never printed whole.",
           "The paper's runs: Inception reaches 72.2 % with a rate of 0.0015 in 31 million steps of 32 pictures, BN-Baseline "
           "in 13.3 million, BN-x5, with five times the rate, in 2.1 million; BN-x30 in 2.7 million, and 74.8 % at last.",
           "BN-x5 and x30 also drop dropout and LRN, divide the weight decay by 5 and let the rate fall six times faster; "
           "the paper says neither from what decay nor how fast: the recipe here begins from GoogLeNet's.",
           "The paper's table contradicts itself: its widths make 608, 608 and 1,056 maps behind 4c to 4e, as here and in the "
           "Caffe port; it prints 576, 576 and 1,024.",
           "The paper's first convolution is separable, with eight maps for each colour (2,712 weights); here it is a whole "
           "7×7, as in the Caffe port.",
           "Averages count the zeros of the padding, as the Caffe port does."),
    deviations=("The Caffe port, and its weights for torch, keep biases in front of the normalisation: 11,295,240 parameters.",
                "Caffe2's file and TF-slim's inception_v2 have 96 maps, not 128, in the pooling branches of 4c and 4d, so that "
                "576, 576 and 1,024 maps come out of 4c to 4e instead of 608, 608 and 1,056: 11,194,984 parameters.",
                "TF-slim's has the paper's separable 7×7 at the start besides: 11,188,288 parameters, γ counted.",
                "TF-slim pads its convolutions of stride 2 as TensorFlow does, more behind than in front."),
    same_as=("inception_v2",),
))  # fmt: skip
