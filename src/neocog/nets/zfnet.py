"""ZFNet (Zeiler & Fergus 2013): AlexNet with smaller first filters and strides, no groups; and its wider sister."""

from neocog.arch import (
    LRN,
    Architecture,
    Constant,
    Conv2d,
    Dropout,
    Flatten,
    Linear,
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
from neocog.nets.usual import MEAN_PIXEL, QUICK_PLAIN

START = {"init": Normal(0.01), "bias_init": Constant(0.0)}  # section 3.1


def zfnet(name: str = "zfnet", widths: tuple[int, int, int] = (384, 384, 256), num_classes: int = 1000) -> Architecture:
    """Figure 3; `widths` are the maps of conv3, conv4 and conv5. 62,357,608 parameters at 224×224.

    Order: ReLU, pool, normalisation. The paddings are those that give the figure's 110, 55, 26, 13 and 6.
    """
    third, fourth, fifth = widths
    return architecture(name, (3, 224, 224), Sequential(
        conv1=Conv2d(96, 7, 2, padding=1, **START), relu1=ReLU(), pool1=MaxPool2d(3, 2, padding=1), norm1=LRN(),
        conv2=Conv2d(256, 5, 2, **START), relu2=ReLU(), pool2=MaxPool2d(3, 2, padding=1), norm2=LRN(),
        conv3=Conv2d(third, 3, padding=1, **START), relu3=ReLU(),
        conv4=Conv2d(fourth, 3, padding=1, **START), relu4=ReLU(),
        conv5=Conv2d(fifth, 3, padding=1, **START), relu5=ReLU(), pool5=MaxPool2d(3, 2),
        flatten=Flatten(),
        fc6=Linear(4096, **START), relu6=ReLU(), drop6=Dropout(0.5),
        fc7=Linear(4096, **START), relu7=ReLU(), drop7=Dropout(0.5),
        fc8=head(Linear(num_classes, **START)),
    ))  # fmt: skip


PAPER = "Visualizing and understanding convolutional networks"
AUTHORS = "M. D. Zeiler, R. Fergus"
VENUE = "ECCV 2014 (arXiv 1311.2901)"
STEPS = Recipe(
    name="paper",
    optimizer="caffe-sgd",
    lr=0.01,
    momentum=0.9,
    weight_decay=0.0,
    filter_rms=0.1,
    schedule="plateau",
    patience=5,
    warmup=0.0,
    batch=128,
    epochs=70,
    augment=("square-crop=256:224", "flip"),
    source="Section 3.1: annealed by hand when the validation error stalls, how long to wait is ours; momentum as AlexNet's. "
    "The paper crops the corners and the centre, mirrored too; here anywhere",
)
NOTES = (
    "The paper's \"contrast normalisation\" is taken to be AlexNet's LRN across maps; the paper gives no numbers for it.",
    "The paper names no weight decay.",
)

register("zfnet", zfnet, Card(
    title="ZFNet", paper=PAPER, authors=AUTHORS, venue=VENUE, year=2013, preprocessing=MEAN_PIXEL,
    results=(
        Result("ILSVRC-2012 val", "one net", 38.4, 16.5),
        Result("ILSVRC-2012 val", "six nets: five of these and one zfnet.big", 36.0, 14.7, nets=6),
        Result("ILSVRC-2012 test", "six nets: five of these and one zfnet.big", None, 14.8, nets=6)),
    paper_recipe=STEPS, quick=QUICK_PLAIN, notes=NOTES,
    deviations=("The 11.7 % (11.2 % with more data) often printed for ZFNet is Clarifai's entry to ILSVRC-2013, another net.",),
))  # fmt: skip

register("zfnet.big", lambda: zfnet("zfnet.big", (512, 1024, 512)), Card(
    title="ZFNet with conv3, 4 and 5 of 512, 1024 and 512 maps", paper=PAPER, authors=AUTHORS, venue=VENUE, year=2013,
    preprocessing=MEAN_PIXEL,
    results=(Result("ILSVRC-2012 val", "one net", 37.5, 16.0), Result("ILSVRC-2012 test", "one net", None, 16.1)),
    paper_recipe=STEPS, quick=QUICK_PLAIN, notes=NOTES,
))  # fmt: skip
