"""Pre-activation ResNets (He, Zhang, Ren & Sun 2016): 110, 164 and 1001 layers for CIFAR; 50, 101, 152, 200 for ImageNet."""

from dataclasses import replace

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    BatchNorm2d,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Sum,
    architecture,
    head,
)
from neocog.nets.card import Card, Result
from neocog.nets.parts import conv
from neocog.nets.registry import register
from neocog.nets.resnet import FACEBOOK, shortcut, stages, stride_at
from neocog.nets.resnet_cifar import CIFAR_QUICK
from neocog.nets.resnet_cifar import PREPROCESSING as CIFAR
from neocog.nets.resnet_cifar import WARM_STEPS as CIFAR_STEPS
from neocog.nets.usual import IMAGENET, QUICK


def preactivated(
    convs: tuple[object, ...], short: object, shared: bool, active: bool = False, between: object = None
) -> Sequential:
    """x + F(x), nothing behind the sum (figure 1b, figure 4e): BN and ReLU stand before each convolution of F.

    `shared`: the shortcut reads the first BN-ReLU too, where shapes change. `active`: the input is activated already.
    `between` stands before the last convolution (Wide ResNet's dropout).
    """
    first = {} if active else {"bn1": BatchNorm2d(), "relu1": ReLU()}
    body: dict[str, object] = {} if shared else dict(first)
    for i, layer in enumerate(convs, 1):
        if i > 1:
            body |= {f"bn{i}": BatchNorm2d(), f"relu{i}": ReLU()}
        if i == len(convs) and between is not None:
            body["dropout"] = between
        body[f"conv{i}"] = layer
    return Sequential(**(first if shared else {}), add=Sum(Sequential(**body), downsample=short))


def basic(before: int, width: int, stride: int, option: str, active: bool = False, between: object = None) -> Sequential:
    """Two 3×3 convolutions. Option B projects by a bare 1×1: no BN, as the sum takes none (see `shortcut`)."""
    changes = stride != 1 or before != width
    short = conv(width, 1, stride) if changes and option == "B" else shortcut(option, before, width, stride)
    return preactivated((conv(width, 3, stride), conv(width, 3)), short, changes, active, between)


def bottleneck(before: int, width: int, stride: int, stride_in_3x3: bool) -> Sequential:
    """1×1 to `width`, 3×3, 1×1 to 4·width. The CIFAR nets stride in the first 1×1, those for ImageNet in the 3×3."""
    first, second = (1, stride) if stride_in_3x3 else (stride, 1)
    changes = stride != 1 or before != 4 * width
    short = conv(4 * width, 1, stride) if changes else Identity()
    return preactivated((conv(width, 1, first), conv(width, 3, second), conv(4 * width, 1)), short, changes)


def preact_resnet_cifar(name: str, depth: int, num_classes: int = 10) -> Architecture:
    """Section 4: 9n+2 layers of bottlenecks, 64, 128 and 256 maps; 110 has basic units (6n+2; 16, 32, 64) and option A.

    The first activation stands right behind conv1, before the paths split, and one stands behind the last sum (appendix).
    N×3×32×32 → N×classes.
    """
    plain = depth == 110
    n = (depth - 2) // (6 if plain else 9)

    def unit(before: int, i: int, j: int) -> tuple[Sequential, int]:
        width, stride = 16 * 2**i, stride_at(i, j)
        if plain:
            return basic(before, width, stride, "A", active=i == j == 0), width
        return bottleneck(before, width, stride, stride_in_3x3=False), 4 * width

    stem = {"bn1": BatchNorm2d(), "relu1": ReLU()} if plain else {}  # the others' first unit changes the shape and has them
    return architecture(name, (3, 32, 32), Sequential(
        conv1=conv(16, 3), **stem, **stages(16, (n, n, n), unit),
        bn=BatchNorm2d(), relu=ReLU(),
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), fc=head(Linear(num_classes)),
    ))  # fmt: skip


DEPTHS = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3), 200: (3, 24, 36, 3)}


def preact_resnet(name: str, depth: int, stem: bool = True, num_classes: int = 1000) -> Architecture:
    """Section 5: the ImageNet bottlenecks. N×3×224×224 → N×classes.

    `stem`: conv1's own BN-ReLU before the pool, besides the first unit's; timm has the latter only.
    """

    def unit(before: int, i: int, j: int) -> tuple[Sequential, int]:
        return bottleneck(before, 64 * 2**i, stride_at(i, j), stride_in_3x3=True), 256 * 2**i

    first = {"bn1": BatchNorm2d(), "relu1": ReLU()} if stem else {}
    return architecture(name, (3, 224, 224), Sequential(
        conv1=conv(64, 7, 2), **first, maxpool=MaxPool2d(3, 2, padding=1),
        **stages(64, DEPTHS[depth], unit),
        bn=BatchNorm2d(), relu=ReLU(),
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), fc=head(Linear(num_classes)),
    ))  # fmt: skip


PAPER = "Identity mappings in deep residual networks"
AUTHORS = "K. He, X. Zhang, S. Ren, J. Sun"
VENUE = "ECCV 2016 (arXiv 1603.05027)"
# Crops here are of the padded picture; the paper cuts its crops from a larger one.
STEPS = replace(FACEBOOK, source="Section 5: as ResNet's in fb.resnet.torch, with its crops of 8 to 100 % of the area")

_MEDIAN = "one picture as it is; trained with shifts and flips; median of five"
# Tables 3 and 4: CIFAR-10, CIFAR-100.
CIFAR_ERRORS = {110: (6.37, None), 164: (5.46, 24.33), 1001: (4.92, 22.71)}
# Table 5, one crop of 320 from the picture of short side 320.
CROP_320 = {152: (21.1, 5.5), 200: (20.7, 5.3)}

for _depth, (_ten, _hundred) in CIFAR_ERRORS.items():
    _results = [Result("CIFAR-10 test", _MEDIAN, _ten)]
    if _hundred:
        _results.append(Result("CIFAR-100 test", _MEDIAN, _hundred))
    if _depth == 1001:
        _results.append(Result("CIFAR-10 test", f"{_MEDIAN}, batches of 64", 4.62))
    register(
        f"preact_resnet{_depth}.cifar",
        lambda depth=_depth: preact_resnet_cifar(f"preact_resnet{depth}.cifar", depth),
        Card(
            title=f"Pre-activation ResNet-{_depth} for CIFAR",
            paper=PAPER,
            authors=AUTHORS,
            venue=VENUE,
            year=2016,
            preprocessing=CIFAR,
            results=tuple(_results),
            paper_recipe=CIFAR_STEPS,
            quick=CIFAR_QUICK,
            deviations=(
                "fb.resnet.torch's preresnet does not share a stage's first BN-ReLU with the shortcut, and puts BN behind "
                "projections; the authors' own resnet-1k-layers, like this one, shares it and does not.",
            ),
        ),
    )


def _register(name: str, depth: int, stem: bool = True, same_as: tuple[str, ...] = ()) -> None:
    results = [Result("ILSVRC-2012 val", "1 centre crop of 320", *CROP_320[depth])] if depth in CROP_320 else []
    if depth == 200:
        results.append(Result("ILSVRC-2012 val", "1 centre crop of 320, trained with scale and aspect-ratio crops", 20.1, 4.8))
        words = "1 centre crop of 224 from 256, fb.resnet.torch's weights"
        results.append(Result("ILSVRC-2012 val", words, 21.66, 5.79))
    register(
        name,
        lambda: preact_resnet(name, depth, stem),
        Card(
            title=f"Pre-activation ResNet-{depth}" + ("" if stem else ", timm's stem"),
            paper=PAPER,
            authors=AUTHORS,
            venue=VENUE,
            year=2016,
            preprocessing=IMAGENET,
            results=tuple(results),
            paper_recipe=STEPS,
            quick=QUICK,
            same_as=same_as,
            notes=(
                *(() if depth in CROP_320 else ("A depth of the ResNet paper in the units of this one: no net of the paper.",)),
                "The stride stands in the 3×3, as in fb.resnet.torch, in which the paper's 200 layers were trained.",
                "BN and ReLU behind conv1 and again in the first unit; the paper tells of one activation there."
                if stem
                else "conv1 goes straight into the pool; the first unit's BN-ReLU is the only one before the paths split.",
            ),
            deviations=(
                "timm's resnetv2 has no BN-ReLU between conv1 and the pool: preact_resnet50.timm.",
                "fb.resnet.torch does not share a stage's first BN-ReLU with the shortcut, and puts BN behind projections.",
                "TF-slim's resnet_v2 strides in the last unit of a stage; Keras gives some convolutions biases.",
            )
            if stem
            else (),
        ),
    )


for _depth in DEPTHS:
    _register(f"preact_resnet{_depth}", _depth)
for _depth in (50, 101):
    _register(f"preact_resnet{_depth}.timm", _depth, stem=False, same_as=(f"timm:resnetv2_{_depth}",))
