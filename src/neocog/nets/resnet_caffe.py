"""ResNet-50, 101 and 152 as their authors released them for Caffe (He, Zhang, Ren & Sun 2015)."""

from dataclasses import replace

from neocog.arch import Architecture, MaxPool2d
from neocog.nets.card import Card, Result
from neocog.nets.registry import register
from neocog.nets.resnet import AUTHORS, PAPER, STEPS, VENUE, resnet
from neocog.nets.usual import QUICK
from neocog.pictures.preprocessing import Preprocessing


def resnet_caffe(depth: int) -> Architecture:
    """The paper's network with the authors' first pool: unpadded, rounded up: every window lies a pixel further on."""
    net = resnet(f"resnet{depth}.caffe", depth)
    pool = MaxPool2d(3, 2, ceil=True)
    return replace(net, nodes=tuple(replace(n, record=pool) if n.path == "maxpool" else n for n in net.nodes))


# The authors subtract a mean picture; these are its means over the channels.
CAFFE = Preprocessing(
    224,
    224,
    color="BGR",
    resize="shorter",
    resize_to=256,
    scale=1.0,
    mean=(103.0626238, 115.9028826, 123.1516308),
    antialias=False,
)
ONE_CROP = {50: (24.7, 7.8), 101: (23.6, 7.1), 152: (23.0, 6.7)}
TEN_CROP = {50: (22.9, 6.7), 101: (21.8, 6.1), 152: (21.4, 5.7)}

for _depth in (50, 101, 152):
    register(f"resnet{_depth}.caffe", lambda depth=_depth: resnet_caffe(depth), Card(
        title=f"ResNet-{_depth} (Caffe)", paper=PAPER, authors=AUTHORS, venue=VENUE, year=2015, preprocessing=CAFFE,
        results=(Result("ILSVRC-2012 val", "1 centre crop, the authors' model", *ONE_CROP[_depth]),
                 Result("ILSVRC-2012 val", "10 crops, the authors' model", *TEN_CROP[_depth])),
        paper_recipe=STEPS, quick=QUICK,
        notes=("Statistics of batch normalisation in the released files are exact averages, not moving ones.",
               "ResNet-50's file gives conv1 a bias, which batch normalisation takes off again; an import folds it."),
    ))  # fmt: skip
