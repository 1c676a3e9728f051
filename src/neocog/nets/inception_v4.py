"""Inception v4 (Szegedy, Ioffe, Vanhoucke & Alemi 2016): no shortcuts anywhere."""

from dataclasses import replace

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    AvgPool2d,
    Concat,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Normal,
    Sequential,
    architecture,
    block,
    head,
)
from neocog.arch.record import Pair
from neocog.nets.card import Card, Result
from neocog.nets.inception_v3 import PREPROCESSING, STEPS
from neocog.nets.parts import conv_bn
from neocog.nets.registry import register
from neocog.nets.usual import QUICK_LARGE


def valid(out: int, kernel: int = 3, stride: int = 1) -> Sequential:
    """Unpadded: marked V in the figures."""
    return conv_bn(out, kernel, stride, 0)


def branch(*layers: tuple[int, Pair]) -> Sequential:
    """(maps, kernel) after (maps, kernel), each of the map's size."""
    return Sequential(*(conv_bn(*layer) for layer in layers))


def average(out: int) -> Sequential:
    """Average pooling over the real pixels, then a 1×1."""
    return Sequential(AvgPool2d(3, 1, padding=1, count_padding=False), conv_bn(out, 1))


def stem() -> list[object]:
    """Figure 3, without its three filter concatenations. 3×299×299 → 64×147×147."""
    return [valid(32, stride=2), valid(32), conv_bn(64, 3)]


def stem_mixed() -> list[Sequential]:
    """Figure 3's three filter concatenations. 64×147×147 → 384×35×35."""
    return [
        Sequential(cat=Concat(maxpool=MaxPool2d(3, 2), conv=valid(96, stride=2))),
        Sequential(cat=Concat(
            branch0=Sequential(conv_bn(64, 1), valid(96)),
            branch1=Sequential(conv_bn(64, 1), conv_bn(64, (1, 7)), conv_bn(64, (7, 1)), valid(96)),
        )),
        Sequential(cat=Concat(conv=valid(192, stride=2), maxpool=MaxPool2d(3, 2))),
    ]  # fmt: skip


def inception_a() -> Sequential:
    """Figure 4, 35×35."""
    return Sequential(cat=Concat(
        branch0=conv_bn(96, 1),
        branch1=branch((64, 1), (96, 3)),
        branch2=branch((64, 1), (96, 3), (96, 3)),
        branch3=average(96),
    ))  # fmt: skip


def reduction_a(k: int, l: int, m: int, n: int) -> Sequential:  # noqa: E741  # the paper's letters
    """Figure 7 with table 1's k, l, m, n: 35×35 to 17×17. Inception-ResNets have it too."""
    return Sequential(cat=Concat(
        branch0=valid(n, stride=2),
        branch1=Sequential(conv_bn(k, 1), conv_bn(l, 3), valid(m, stride=2)),
        branch2=MaxPool2d(3, 2),
    ))  # fmt: skip


def inception_b() -> Sequential:
    """Figure 5, 17×17."""
    return Sequential(cat=Concat(
        branch0=conv_bn(384, 1),
        branch1=branch((192, 1), (224, (1, 7)), (256, (7, 1))),
        branch2=branch((192, 1), (192, (7, 1)), (224, (1, 7)), (224, (7, 1)), (256, (1, 7))),
        branch3=average(128),
    ))  # fmt: skip


def reduction_b() -> Sequential:
    """Figure 8, 17×17 to 8×8."""
    return Sequential(cat=Concat(
        branch0=Sequential(conv_bn(192, 1), valid(192, stride=2)),
        branch1=Sequential(conv_bn(256, 1), conv_bn(256, (1, 7)), conv_bn(320, (7, 1)), valid(320, stride=2)),
        branch2=MaxPool2d(3, 2),
    ))  # fmt: skip


def inception_c() -> Sequential:
    """Figure 6, 8×8."""

    def sides(name: str) -> object:
        across, down = {f"{name}a": conv_bn(256, (1, 3))}, {f"{name}b": conv_bn(256, (3, 1))}
        return Concat(Sequential(**across), Sequential(**down))

    return Sequential(cat=Concat(
        Sequential(branch0=conv_bn(256, 1)),
        Sequential(branch1_0=conv_bn(384, 1), branch1_cat=sides("branch1_1")),
        Sequential(branch2_0=conv_bn(384, 1), branch2_1=conv_bn(448, (3, 1)), branch2_2=conv_bn(512, (1, 3)),
                   branch2_cat=sides("branch2_3")),
        Sequential(branch3=average(256)),
    ))  # fmt: skip


def inception_v4(num_classes: int = 1000) -> Architecture:
    """Figure 9; timm's paths. N×3×299×299 → N×classes."""
    parts = [
        *(block(step, f"stem {i}") for i, step in enumerate(stem_mixed(), 1)),
        *(block(inception_a(), "Inception-A") for _ in range(4)),
        block(reduction_a(192, 224, 256, 384), "Reduction-A"),
        *(block(inception_b(), "Inception-B") for _ in range(7)),
        block(reduction_b(), "Reduction-B"),
        *(block(inception_c(), "Inception-C") for _ in range(3)),
    ]
    return architecture("inception_v4", (3, 299, 299), Sequential(
        features=Sequential(*stem(), *parts),
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), dropout=Dropout(0.2),
        last_linear=head(Linear(num_classes, init=Normal(0.01))),
    ))  # fmt: skip


PAPER = "Inception-v4, Inception-ResNet and the impact of residual connections on learning"
AUTHORS = "C. Szegedy, S. Ioffe, V. Vanhoucke, A. A. Alemi"
VENUE = "AAAI 2017 (arXiv 1602.07261)"
STEPS_V4 = replace(
    STEPS,
    clip=0.0,
    source="Section 4: RMSProp 0.9 with ε = 1, 0.045 times 0.94 every two epochs, 20 replicas, weights averaged. "
    "Length, smoothing, weight decay and pictures: Inception v3's",
)
TRAINED = "The paper's 20 replicas did not wait for one another; a batch here is one replica's."
LISTED = ("The 1-crop errors leave out some 1,700 blacklisted pictures: about 0.3 and 0.15 points less than of all 50,000 "
          "(section 5).")  # fmt: skip
ONE_CROP = "one net, 1 crop, without the blacklisted pictures"
ENSEMBLE = Result("ILSVRC-2012 val", "one Inception v4 and three Inception-ResNets v2, 144 crops", 16.5, 3.1, nets=4)
ENSEMBLE_TEST = Result("ILSVRC-2012 test", "one Inception v4 and three Inception-ResNets v2, 144 crops", None, 3.08, nets=4)

register("inception_v4", inception_v4, Card(
    title="Inception v4", paper=PAPER, authors=AUTHORS, venue=VENUE, year=2016, preprocessing=PREPROCESSING,
    results=(
        Result("ILSVRC-2012 val", ONE_CROP, 20.0, 5.0),
        Result("ILSVRC-2012 val", "one net, 12 crops", 18.7, 4.2),
        Result("ILSVRC-2012 val", "one net, 144 crops", 17.7, 3.8),
        ENSEMBLE, ENSEMBLE_TEST),
    paper_recipe=STEPS_V4, quick=QUICK_LARGE,
    notes=(TRAINED, LISTED,
           "Averages leave the zeros of the padding out, as TensorFlow's do."),
    deviations=("The files of Google's network have 1001 classes; the first is the background.",),
    same_as=("timm:inception_v4",),
))  # fmt: skip
