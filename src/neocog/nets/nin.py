"""Network in Network (Lin, Chen & Yan 2013): convolutions followed by 1×1 convolutions, and no full connection at all."""

from dataclasses import replace

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    AvgPool2d,
    Constant,
    Conv2d,
    Dropout,
    Flatten,
    MaxPool2d,
    Normal,
    ReLU,
    Sequential,
    architecture,
    head,
)
from neocog.nets.card import Card, Result
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import CAFFE, CIFAR


def conv(out: int, kernel: int = 1, std: float = 0.05, stride: int = 1, padding: int = 0) -> Conv2d:
    """A convolution with the start of the authors' Caffe files. A 1×1 one is their "cccp" layer (section 3.1)."""
    return Conv2d(out, kernel, stride, padding, init=Normal(std), bias_init=Constant(0.0))


def nin(num_classes: int = 1000) -> Architecture:
    """The authors' ImageNet net of four mlpconv blocks. 7,595,176 parameters at 227×227; 224 gives the same last map."""
    return architecture("nin", (3, 227, 227), Sequential(
        conv1=conv(96, 11, 0.01, stride=4), relu0=ReLU(), cccp1=conv(96), relu1=ReLU(), cccp2=conv(96), relu2=ReLU(),
        pool1=MaxPool2d(3, 2, ceil=True),
        conv2=conv(256, 5, padding=2), relu3=ReLU(), cccp3=conv(256), relu5=ReLU(), cccp4=conv(256), relu6=ReLU(),
        pool2=MaxPool2d(3, 2, ceil=True),
        conv3=conv(384, 3, 0.01, padding=1), relu7=ReLU(), cccp5=conv(384), relu8=ReLU(), cccp6=conv(384), relu9=ReLU(),
        pool3=MaxPool2d(3, 2, ceil=True), drop=Dropout(0.5),
        conv4=conv(1024, 3, padding=1), relu10=ReLU(), cccp7=conv(1024), relu11=ReLU(),
        cccp8=head(conv(num_classes, std=0.01)), relu12=ReLU(),
        pool4=AdaptiveAvgPool2d(1), flatten=Flatten(),
    ))  # fmt: skip


def nin_cifar(name: str, num_classes: int) -> Architecture:
    """Section 4: three mlpconv blocks on N×3×32×32. 966,986 parameters for ten classes."""
    return architecture(name, (3, 32, 32), Sequential(
        conv1=conv(192, 5, padding=2), relu1=ReLU(), cccp1=conv(160), relu_cccp1=ReLU(), cccp2=conv(96), relu_cccp2=ReLU(),
        pool1=MaxPool2d(3, 2, ceil=True), drop3=Dropout(0.5),
        conv2=conv(192, 5, padding=2), relu2=ReLU(), cccp3=conv(192), relu_cccp3=ReLU(), cccp4=conv(192), relu_cccp4=ReLU(),
        pool2=AvgPool2d(3, 2, ceil=True), drop6=Dropout(0.5),
        conv3=conv(192, 3, padding=1), relu3=ReLU(), cccp5=conv(192), relu_cccp5=ReLU(),
        cccp6=head(conv(num_classes)), relu_cccp6=ReLU(),
        pool3=AdaptiveAvgPool2d(1), flatten=Flatten(),
    ))  # fmt: skip


PAPER = "Network in network"
AUTHORS = "M. Lin, Q. Chen, S. Yan"
VENUE = "ICLR 2014 (arXiv 1312.4400)"
STEPS = Recipe(
    name="paper",
    optimizer="caffe-sgd",
    lr=0.01,
    momentum=0.9,
    weight_decay=5e-4,
    schedule="step",
    warmup=0.0,
    milestones=(0.6, 0.85),
    batch=128,
    epochs=90,
    augment=("crop", "flip"),
    source="Section 4: batches of 128, the rate a tenth when the training accuracy stalls, twice. It gives no rate, no decay "
    "and no length: those, and when it falls, are ours",
)
# unverified: the solver file beside the weights in Caffe's model zoo
IMAGENET_STEPS = replace(
    STEPS,
    milestones=(4 / 9, 8 / 9),
    batch=64,
    epochs=22.5,
    augment=("square-crop=256:224", "flip"),
    source="Caffe's model zoo (unverified): 450,000 steps of 64, a tenth every 200,000",
)
QUICK = Recipe(lr=0.02, batch=64, label_smoothing=0.1)
RELU = "A ReLU stands behind the last 1×1 convolution too: a class map that is nowhere positive scores 0 and learns nothing."

register("nin", nin, Card(
    title="Network in Network (ImageNet)", paper=PAPER, authors=AUTHORS, venue=VENUE, year=2013, preprocessing=CAFFE,
    results=(Result("ILSVRC-2012 val", "1 centre crop, the authors' Caffe weights", 40.6, verified=False),),
    paper_recipe=IMAGENET_STEPS, quick=QUICK,
    notes=("The paper has no ImageNet net: this is the one that its authors gave to Caffe's model zoo.", RELU,
           "The authors crop 224 pixels: 54 instead of 55 places behind conv1, and the same maps from pool1 on."),
))  # fmt: skip

for _classes, _error in ((10, (10.41, 8.81)), (100, (35.68, None))):
    register(f"nin.cifar{_classes}", lambda n=_classes: nin_cifar(f"nin.cifar{n}", n), Card(
        title=f"Network in Network (CIFAR-{_classes})", paper=PAPER, authors=AUTHORS, venue=VENUE, year=2013,
        preprocessing=CIFAR,
        results=(
            Result(f"CIFAR-{_classes} test", "one picture as it is, no augmentation", _error[0], verified=_classes == 100),
            *((Result("CIFAR-10 test", "one picture as it is; with shifts and flips", _error[1]),) if _error[1] else ())),
        paper_recipe=STEPS, quick=QUICK,
        notes=("The paper normalises contrast globally and whitens with ZCA; the record here has mean and deviation.", RELU,
               "Pools as in the authors' file: maximum, then average, both 3×3 with stride 2 and sizes rounded up."),
    ))  # fmt: skip
