"""Inception-ResNet v1 and v2 (Szegedy, Ioffe, Vanhoucke & Alemi 2016), as drawn, and v2 as released."""

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    Concat,
    Conv2d,
    Dropout,
    Flatten,
    HeNormal,
    Identity,
    Linear,
    MaxPool2d,
    Normal,
    ReLU,
    Scale,
    Sequential,
    Sum,
    architecture,
    block,
    head,
    stage,
)
from neocog.nets.card import Card, Result
from neocog.nets.inception_v3 import PREPROCESSING
from neocog.nets.inception_v4 import (
    AUTHORS,
    ENSEMBLE,
    ENSEMBLE_TEST,
    LISTED,
    ONE_CROP,
    PAPER,
    STEPS_V4,
    TRAINED,
    VENUE,
    average,
    branch,
    reduction_a,
    stem,
    stem_mixed,
    valid,
)
from neocog.nets.parts import conv_bn
from neocog.nets.registry import register
from neocog.nets.usual import QUICK_LARGE


def residual(maps: int, scale: float, *branches: Sequential, relu: bool = True) -> Sequential:
    """x + `scale` · a linear 1×1, with bias and without BN, of the branches; then ReLU (section 3.3, figure 20)."""
    return Sequential(
        add=Sum(
            Sequential(
                cat=Concat(**{f"branch{i}": step for i, step in enumerate(branches)}),
                conv2d=Conv2d(maps, 1, init=HeNormal(gain=1.0)),
                scale=Scale(scale) if scale != 1 else None,
            ),
            Identity(),
        ),
        act=ReLU() if relu else None,
    )


def reduction_b(first: int, second: int, third: tuple[int, int]) -> Sequential:
    """Figures 12 and 18, 17×17 to 8×8."""
    return Sequential(cat=Concat(
        branch0=Sequential(conv_bn(256, 1), valid(first, stride=2)),
        branch1=Sequential(conv_bn(256, 1), valid(second, stride=2)),
        branch2=Sequential(conv_bn(256, 1), conv_bn(third[0], 3), valid(third[1], stride=2)),
        branch3=MaxPool2d(3, 2),
    ))  # fmt: skip


def repeat(count: int, body: Sequential, label: str) -> object:
    """The same block `count` times."""
    return stage(Sequential(*(block(body, label) for _ in range(count))), label)


def small_start() -> dict[str, object]:
    """Figure 14, up to its last convolution, which v2 as released has not. 3×299×299 → 192×71×71."""
    first, second, third = stem()
    return {
        "conv2d_1a": first, "conv2d_2a": second, "conv2d_2b": third, "maxpool_3a": MaxPool2d(3, 2),
        "conv2d_3b": conv_bn(80, 1), "conv2d_4a": valid(192),
    }  # fmt: skip


def large_start() -> dict[str, object]:
    """Figure 3, which v2 as drawn shares with Inception v4. 3×299×299 → 384×35×35."""
    names = ("conv2d_1a", "conv2d_2a", "conv2d_2b", "mixed_3a", "mixed_4a", "mixed_5a")
    return dict(zip(names, [*stem(), *map(block, stem_mixed())], strict=True))


def network(name: str, parts: dict[str, object], num_classes: int) -> Architecture:
    """Figure 15, with the head that all of them have."""
    return architecture(name, (3, 299, 299), Sequential(
        **parts,
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), dropout=Dropout(0.2),
        classif=head(Linear(num_classes, init=Normal(0.01))),
    ))  # fmt: skip


def inception_resnet_v1(num_classes: int = 1000) -> Architecture:
    """Figures 10 to 15; paths in timm's manner. N×3×299×299 → N×classes."""
    a = residual(256, 0.17, conv_bn(32, 1), branch((32, 1), (32, 3)), branch((32, 1), (32, 3), (32, 3)))
    b = residual(896, 0.1, conv_bn(128, 1), branch((128, 1), (128, (1, 7)), (128, (7, 1))))
    c = residual(1792, 0.2, conv_bn(192, 1), branch((192, 1), (192, (1, 3)), (192, (3, 1))))
    return network("inception_resnet_v1", {
        **small_start(), "conv2d_4b": valid(256, stride=2),
        "repeat": repeat(5, a, "Inception-ResNet-A"), "mixed_6a": block(reduction_a(192, 192, 256, 384), "Reduction-A"),
        "repeat_1": repeat(10, b, "Inception-ResNet-B"), "mixed_7a": block(reduction_b(384, 256, (256, 256)), "Reduction-B"),
        "repeat_2": repeat(5, c, "Inception-ResNet-C"),
    }, num_classes)  # fmt: skip


def inception_resnet_v2(num_classes: int = 1000) -> Architecture:
    """Figures 3, 7 and 15 to 19; paths in timm's manner. N×3×299×299 → N×classes.

    Two of the figures' linear 1×1 have 1154 and 2048 maps, which could be added to nothing; here they have the 1152 and 2144
    that come in.
    """
    a = residual(384, 0.17, conv_bn(32, 1), branch((32, 1), (32, 3)), branch((32, 1), (48, 3), (64, 3)))
    b = residual(1152, 0.1, conv_bn(192, 1), branch((128, 1), (160, (1, 7)), (192, (7, 1))))
    c = residual(2144, 0.2, conv_bn(192, 1), branch((192, 1), (224, (1, 3)), (256, (3, 1))))
    return network("inception_resnet_v2", {
        **large_start(),
        "repeat": repeat(5, a, "Inception-ResNet-A"), "mixed_6a": block(reduction_a(256, 256, 384, 384), "Reduction-A"),
        "repeat_1": repeat(10, b, "Inception-ResNet-B"), "mixed_7a": block(reduction_b(384, 288, (288, 320)), "Reduction-B"),
        "repeat_2": repeat(5, c, "Inception-ResNet-C"),
    }, num_classes)  # fmt: skip


def inception_resnet_v2_slim(num_classes: int = 1000) -> Architecture:
    """As released in TF-slim; timm's paths. N×3×299×299 → N×classes."""

    def c(scale: float, relu: bool) -> Sequential:
        return residual(2080, scale, conv_bn(192, 1), branch((192, 1), (224, (1, 3)), (256, (3, 1))), relu=relu)

    mixed = Sequential(
        cat=Concat(
            branch0=conv_bn(96, 1),
            branch1=branch((48, 1), (64, 5)),
            branch2=branch((64, 1), (96, 3), (96, 3)),
            branch3=average(64),
        )
    )
    a = residual(320, 0.17, conv_bn(32, 1), branch((32, 1), (32, 3)), branch((32, 1), (48, 3), (64, 3)))
    b = residual(1088, 0.1, conv_bn(192, 1), branch((128, 1), (160, (1, 7)), (192, (7, 1))))
    return network("inception_resnet_v2.slim", {
        **small_start(), "maxpool_5a": MaxPool2d(3, 2), "mixed_5b": block(mixed),
        "repeat": repeat(10, a, "block35"), "mixed_6a": block(reduction_a(256, 256, 384, 384), "Reduction-A"),
        "repeat_1": repeat(20, b, "block17"), "mixed_7a": block(reduction_b(384, 288, (288, 320)), "Reduction-B"),
        "repeat_2": repeat(9, c(0.2, relu=True), "block8"), "block8": block(c(1.0, relu=False), "block8, linear"),
        "conv2d_7b": conv_bn(1536, 1),
    }, num_classes)  # fmt: skip


SCALES = "Section 3.3 asks for scales of 0.1 to 0.3 without saying which: 0.17, 0.1 and 0.2 are those of the released code."

register("inception_resnet_v1", inception_resnet_v1, Card(
    title="Inception-ResNet v1", paper=PAPER, authors=AUTHORS, venue=VENUE, year=2016, preprocessing=PREPROCESSING,
    results=(
        Result("ILSVRC-2012 val", ONE_CROP, 21.3, 5.5),
        Result("ILSVRC-2012 val", "one net, 12 crops", 19.8, 4.6),
        Result("ILSVRC-2012 val", "one net, 144 crops", 18.8, 4.3)),
    paper_recipe=STEPS_V4, quick=QUICK_LARGE, notes=(TRAINED, LISTED, SCALES),
    deviations=("facenet's network of this name ends in 512 features for faces.",),
))  # fmt: skip

register("inception_resnet_v2", inception_resnet_v2, Card(
    title="Inception-ResNet v2", paper=PAPER, authors=AUTHORS, venue=VENUE, year=2016, preprocessing=PREPROCESSING,
    results=(
        Result("ILSVRC-2012 val", ONE_CROP, 19.9, 4.9),
        Result("ILSVRC-2012 val", "one net, 12 crops", 18.7, 4.1),
        Result("ILSVRC-2012 val", "one net, 144 crops", 17.8, 3.7),
        ENSEMBLE, ENSEMBLE_TEST),
    paper_recipe=STEPS_V4, quick=QUICK_LARGE,
    notes=(TRAINED, LISTED, SCALES,
           "The network that the figures draw. Two of their linear 1×1 have 1154 and 2048 maps, which fit nothing: here 1152 "
           "and 2144."),
    deviations=("The network that was released, and that everybody has, is inception_resnet_v2.slim: v3's start, 10, 20 and 10 "
                "blocks for 5, 10 and 5, a 1×1 to 1536 maps at the end.",),
))  # fmt: skip

register("inception_resnet_v2.slim", inception_resnet_v2_slim, Card(
    title="Inception-ResNet v2, released", paper=PAPER, authors=AUTHORS, venue=VENUE, year=2016, preprocessing=PREPROCESSING,
    results=(Result("ILSVRC-2012 val", "1 crop of 87.5 %, TF-slim's weights of 2016", 19.6, 4.7),),
    paper_recipe=STEPS_V4, quick=QUICK_LARGE,
    notes=(TRAINED, "The network of TF-slim, Keras and timm; not the one that the paper draws."),
    same_as=("timm:inception_resnet_v2", "keras:InceptionResNetV2"),
))  # fmt: skip
