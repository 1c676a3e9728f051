"""AlexNet (Krizhevsky, Sutskever & Hinton 2012) with its two towers; the ungrouped net, CaffeNet, the 2014 one-tower nets."""

from dataclasses import replace
from typing import Any

from neocog.arch import (
    LRN,
    AdaptiveAvgPool2d,
    Architecture,
    Constant,
    Conv2d,
    Dropout,
    Flatten,
    GlorotUniform,
    Leaf,
    Linear,
    LocallyConnected2d,
    MaxPool2d,
    Normal,
    ReLU,
    Sequential,
    architecture,
    full,
    head,
)
from neocog.nets.card import Card, Result
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import CAFFE, IMAGENET, MEAN_PIXEL, QUICK_PLAIN

W, ZERO, ONE = Normal(0.01), Constant(0.0), Constant(1.0)  # section 5


def conv(out: int, kernel: int, bias: Constant = ZERO, **more: Any) -> Conv2d:
    """A convolution with the paper's start: N(0, 0.01²) and a bias of 0 or 1."""
    return Conv2d(out, kernel, init=W, bias_init=bias, **more)


def fc(out: int, bias: Constant = ONE, std: float = 0.01) -> Linear:
    """A full connection with the paper's start."""
    return Linear(out, init=Normal(std), bias_init=bias)


def alexnet(
    name: str = "alexnet", groups: int = 2, pool_first: bool = False, num_classes: int = 1000, shared: bool = True
) -> Architecture:
    """The network of the paper's figure 2; `groups=2` is its two GPUs. 60,965,224 parameters at 227×227.

    The paper says 224; its 55×55 maps need 227. Order: ReLU, LRN, pool (`pool_first`: CaffeNet's ReLU, pool, LRN).
    Without `shared`, every place of conv1 has weights of its own: 105,705,600 instead of 34,944, and the same MACs.
    """
    unshared = LocallyConnected2d(96, 11, stride=4, init=W, bias_init=ZERO)

    def norm_pool(i: int) -> dict[str, Any]:
        norm, pool = (
            {f"norm{i}": LRN(5, 1e-4, 0.75, k=1.0 if pool_first else 2.0, divide_alpha=pool_first)},
            {f"pool{i}": MaxPool2d(3, 2)},
        )
        return pool | norm if pool_first else norm | pool

    return architecture(name, (3, 227, 227), Sequential(
        conv1=conv(96, 11, stride=4) if shared else unshared, relu1=ReLU(), **norm_pool(1),
        conv2=conv(256, 5, ONE, padding=2, groups=groups), relu2=ReLU(), **norm_pool(2),
        conv3=conv(384, 3, padding=1), relu3=ReLU(),
        conv4=conv(384, 3, ONE, padding=1, groups=groups), relu4=ReLU(),
        conv5=conv(256, 3, ONE, padding=1, groups=groups), relu5=ReLU(), pool5=MaxPool2d(3, 2),
        flatten=Flatten(),
        fc6=fc(4096, std=0.005 if pool_first else 0.01), relu6=ReLU(), drop6=Dropout(0.5),
        fc7=fc(4096, std=0.005 if pool_first else 0.01), relu7=ReLU(), drop7=Dropout(0.5),
        fc8=head(fc(num_classes, ZERO)),
    ))  # fmt: skip


def alexnet_caffe() -> Architecture:
    """Caffe's bvlc_alexnet: the paper's layers, but LRN with k = 1 and α divided by 5, and another start."""

    def changed(record: Leaf) -> Leaf:
        if isinstance(record, LRN):
            return record.replace(k=1.0, divide_alpha=True)
        if isinstance(record, Conv2d | Linear) and record.bias_init == ONE:
            record = record.replace(bias_init=Constant(0.1))
        return record.replace(init=Normal(0.005)) if isinstance(record, Linear) and record.out == 4096 else record

    net = alexnet("alexnet.caffe")
    return replace(net, nodes=tuple(replace(node, record=changed(node.record)) for node in net.nodes))


def alexnet_owt(num_classes: int = 1000) -> Architecture:
    """torchvision's `alexnet`: the widths of cuda-convnet2's single tower of 2014, 64-192-384-256-256, without its LRN.

    Dropout stands before fc6 and fc7. 61,100,840 parameters at 224×224.
    """
    return architecture("alexnet.owt", (3, 224, 224), Sequential(
        features=Sequential(
            Conv2d(64, 11, stride=4, padding=2), ReLU(), MaxPool2d(3, 2),
            Conv2d(192, 5, padding=2), ReLU(), MaxPool2d(3, 2),
            Conv2d(384, 3, padding=1), ReLU(),
            Conv2d(256, 3, padding=1), ReLU(),
            Conv2d(256, 3, padding=1), ReLU(), MaxPool2d(3, 2)),
        avgpool=AdaptiveAvgPool2d(6), flatten=Flatten(),
        classifier=Sequential(
            Dropout(0.5), Linear(4096), ReLU(), Dropout(0.5), Linear(4096), ReLU(), head(Linear(num_classes))),
    ))  # fmt: skip


def alexnet_slim(num_classes: int = 1000) -> Architecture:
    """TF-slim's `alexnet_v2`: one tower without LRN, conv4 of 384 maps, full connections written as convolutions.

    50,303,912 parameters at 224×224: the unpadded conv1 leaves 5×5 places for fc6 instead of 6×6.
    """
    start, full_start = ({"init": init, "bias_init": Constant(0.1)} for init in (GlorotUniform(), Normal(0.005)))
    return architecture("alexnet.slim", (3, 224, 224), Sequential(
        conv1=Conv2d(64, 11, stride=4, **start), relu1=ReLU(), pool1=MaxPool2d(3, 2),
        conv2=Conv2d(192, 5, padding=2, **start), relu2=ReLU(), pool2=MaxPool2d(3, 2),
        conv3=Conv2d(384, 3, padding=1, **start), relu3=ReLU(),
        conv4=Conv2d(384, 3, padding=1, **start), relu4=ReLU(),
        conv5=Conv2d(256, 3, padding=1, **start), relu5=ReLU(), pool5=MaxPool2d(3, 2),
        fc6=full(Conv2d(4096, 5, **full_start)), relu6=ReLU(), drop6=Dropout(0.5),
        fc7=full(Conv2d(4096, 1, **full_start)), relu7=ReLU(), drop7=Dropout(0.5),
        fc8=full(head(Conv2d(num_classes, 1, init=Normal(0.005), bias_init=ZERO))),
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(),
    ))  # fmt: skip


PAPER = "ImageNet classification with deep convolutional neural networks"
AUTHORS = "A. Krizhevsky, I. Sutskever, G. E. Hinton"
PREPROCESSING = replace(MEAN_PIXEL, height=227, width=227)
# The rate falls by hand, tenfold, "when the validation error rate stopped improving", three times in about 90 passes.
STEPS = Recipe(
    name="paper",
    optimizer="caffe-sgd",
    lr=0.01,
    momentum=0.9,
    weight_decay=5e-4,
    decay="weights",
    bias_lr=2.0,
    schedule="plateau",
    patience=5,
    warmup=0.0,
    batch=128,
    epochs=90,
    augment=("square-crop=256:227", "flip", "lighting=0.1"),
    source="Sections 4.1 and 5; how long to wait is ours. Biases as in the author's cuda-convnet2: twice the rate, no decay",
)
# Steps of 256: a tenth every 100,000 of 450,000.
CAFFE_STEPS = replace(
    STEPS,
    schedule="step",
    milestones=(2 / 9, 4 / 9, 6 / 9, 8 / 9),
    batch=256,
    augment=("square-crop=256:227", "flip"),
    source="Caffe's solver and train_val files, which squash pictures to 256×256 before they crop; here the middle square",
)
# dexp in cuda-convnet2's layer files: by 250 in four steps. Its biases fall by 10 in two; here as the weights.
ONE_WEIRD_TRICK = replace(
    STEPS,
    schedule="step",
    milestones=(0.25, 0.5, 0.75),
    gamma=round(250 ** (-1 / 3), 4),
    augment=("square-crop=256:224", "flip", "lighting=0.1"),
    source="cuda-convnet2's layers-imagenet-1gpu.cfg and layer-params-imagenet-1gpu.cfg; 90 passes",
)

register("alexnet", alexnet, Card(
    title="AlexNet", paper=PAPER, authors=AUTHORS, venue="NIPS 2012", year=2012,
    preprocessing=PREPROCESSING,
    results=(
        Result("ILSVRC-2010 test", "1 crop", 39.0, 18.3),
        Result("ILSVRC-2010 test", "10 crops", 37.5, 17.0),
        Result("ILSVRC-2012 val", "one net, 10 crops", 40.7, 18.2),
        Result("ILSVRC-2012 val", "five nets, 10 crops", 38.1, 16.4, nets=5),
        Result("ILSVRC-2012 test", "five nets, 10 crops", None, 16.4, nets=5),
        Result("ILSVRC-2012 val", "seven nets, 10 crops, two of them pre-trained on ImageNet Fall 2011", 36.7, 15.4, nets=7),
        Result("ILSVRC-2012 test", "seven nets, 10 crops, two of them pre-trained on ImageNet Fall 2011", None, 15.3, nets=7)),
    paper_recipe=STEPS, quick=QUICK_PLAIN,
    notes=("The paper subtracts the mean picture; the record here has the mean pixel.",
           "Its recipe here cuts 227 pixels from 256, which the network needs; the paper says 224."),
    deviations=("torchvision's alexnet is alexnet.owt: one tower, other widths, no LRN.",
                "Caffe's bvlc_alexnet starts fc6 and fc7 from 0.005 and biases from 0.1, and divides LRN's α by 5 with k = 1.",
                "LRN in torch divides α by the size: the paper's is LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2)."),
))  # fmt: skip

register("alexnet.ungrouped", lambda: alexnet("alexnet.ungrouped", groups=1), Card(
    title="AlexNet without groups", paper=PAPER, authors=AUTHORS, venue="NIPS 2012", year=2012,
    preprocessing=PREPROCESSING,
    paper_recipe=STEPS, quick=QUICK_PLAIN,
    notes=("Not in the paper: its network with every map joined to every map, as many textbooks draw it.",),
))  # fmt: skip

register("caffenet", lambda: alexnet("caffenet", pool_first=True), Card(
    title="CaffeNet", paper="Caffe: convolutional architecture for fast feature embedding",
    authors="Y. Jia, E. Shelhamer, J. Donahue, S. Karayev, J. Long, R. Girshick, S. Guadarrama, T. Darrell",
    venue="ACM Multimedia 2014", year=2014, preprocessing=CAFFE,
    results=(Result("ILSVRC-2012 val", "1 centre crop", 42.6, 19.6),),
    paper_recipe=CAFFE_STEPS, quick=QUICK_PLAIN,
    notes=("AlexNet with pooling before normalisation; LRN with k = 1 and α divided by 5.",),
))  # fmt: skip

register("alexnet.caffe", alexnet_caffe, Card(
    title="AlexNet (Caffe)", paper="Caffe: convolutional architecture for fast feature embedding",
    authors="Y. Jia, E. Shelhamer, J. Donahue, S. Karayev, J. Long, R. Girshick, S. Guadarrama, T. Darrell",
    venue="ACM Multimedia 2014", year=2014, preprocessing=CAFFE,
    results=(Result("ILSVRC-2012 val", "1 centre crop", 42.9, 19.8),),
    paper_recipe=CAFFE_STEPS, quick=QUICK_PLAIN,
    notes=("The network of the published bvlc_alexnet.caffemodel.",),
))  # fmt: skip

register("alexnet.owt", alexnet_owt, Card(
    title="AlexNet, one tower", paper="One weird trick for parallelizing convolutional neural networks",
    authors="A. Krizhevsky", venue="arXiv 1404.5997", year=2014, preprocessing=IMAGENET,
    results=(Result("ILSVRC-2012 val", "1 centre crop, torchvision's weights", 43.478, 20.934),),
    paper_recipe=ONE_WEIRD_TRICK, quick=QUICK_PLAIN,
    notes=("Equal to torchvision's alexnet, weights and keys included.",
           "cuda-convnet2's own file has LRN after conv1 and conv2 and no padding in conv1."),
    same_as=("tv:alexnet",),
))  # fmt: skip

register("alexnet.slim", alexnet_slim, Card(
    title="AlexNet, one tower (TF-slim)", paper="One weird trick for parallelizing convolutional neural networks",
    authors="A. Krizhevsky", venue="arXiv 1404.5997", year=2014,
    preprocessing=MEAN_PIXEL,
    paper_recipe=ONE_WEIRD_TRICK, quick=QUICK_PLAIN,
    notes=("Equal to TF-slim's alexnet_v2, for which no weights were published; its normal distributions are cut at two "
           "deviations, these are not.",
           "On larger pictures fc8 is a map of scores, whose mean is the answer: TF-slim's global_pool."),
))  # fmt: skip

register("alexnet.lc1", lambda: alexnet("alexnet.lc1", shared=False), Card(
    title="AlexNet, first layer locally connected", paper=PAPER, authors=AUTHORS, venue="NIPS 2012", year=2012,
    preprocessing=PREPROCESSING,
    quick=QUICK_PLAIN,
    notes=("Not in the paper: what its first layer would be without shared weights. `neocog diff alexnet alexnet.lc1` shows "
           "3,025 times the weights for the same work.",),
))  # fmt: skip
