"""ResNets and their plain twins for ImageNet (He, Zhang, Ren & Sun 2015): 18, 34, 50, 101, 152; options A, B and C."""

from collections.abc import Callable
from typing import Any

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    AvgPool2d,
    BatchNorm2d,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    PadChannels,
    ReLU,
    Sequential,
    Sum,
    architecture,
    block,
    head,
    stage,
)
from neocog.nets.card import Card, Result
from neocog.nets.parts import conv
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import IMAGENET, QUICK

Unit = Callable[[int, int, int], tuple[Sequential, int]]


def shortcut(option: str, before: int, after: int, stride: int, split: bool = False) -> object:
    """Section 3.3: A, every stride-th place and zero maps; B, a 1×1 projection where the shape changes; C, always.

    `split` puts half of the zero maps in front, as a popular CIFAR implementation does, instead of all behind.
    """
    if option == "C" or (option == "B" and (stride != 1 or before != after)):
        return Sequential(conv(after, 1, stride), BatchNorm2d())
    if stride == 1 and before == after:
        return Identity()
    front = (after - before) // 2 if split else 0
    return Sequential(AvgPool2d(1, stride), PadChannels(front, after - before - front))


def residual(body: dict[str, object], short: object, plain: bool) -> Sequential:
    """y = ReLU(F(x) + x), equations 1 and 2; a plain net leaves the `+ x` out."""
    last = {f"relu{(len(body) + 1) // 3}": ReLU()}  # numbered on from the body's
    if plain:
        return Sequential(**body, **last)
    return Sequential(add=Sum(Sequential(**body), downsample=short), **last)


def basic(before: int, width: int, stride: int, option: str, plain: bool, split: bool = False) -> Sequential:
    """Figure 5, left: two 3×3 convolutions."""
    body = {
        "conv1": conv(width, 3, stride),
        "bn1": BatchNorm2d(),
        "relu1": ReLU(),
        "conv2": conv(width, 3),
        "bn2": BatchNorm2d(),
    }
    return residual(body, shortcut(option, before, width, stride, split), plain)


def bottleneck(
    before: int,
    width: int,
    stride: int,
    option: str = "B",
    stride_in_3x3: bool = True,
    out: int | None = None,
    groups: int = 1,
    gate: Sequential | None = None,
) -> Sequential:
    """Figure 5, right: 1×1 to `width`, 3×3, 1×1 to 4·width. The paper strides in the first 1×1; "v1.5" in the 3×3.

    `out` other than 4·width, `groups` of the 3×3 and a `gate` on the residual make the relatives: wide, ResNeXt, SE.
    """
    out = 4 * width if out is None else out
    first, second = (1, stride) if stride_in_3x3 else (stride, 1)
    body: dict[str, object] = {
        "conv1": conv(width, 1, first),
        "bn1": BatchNorm2d(),
        "relu1": ReLU(),
        "conv2": conv(width, 3, second, groups),
        "bn2": BatchNorm2d(),
        "relu2": ReLU(),
        "conv3": conv(out, 1),
        "bn3": BatchNorm2d(),
    }
    if gate is not None:
        body["se_module"] = gate
    return residual(body, shortcut(option, before, out, stride), plain=False)


def stride_at(i: int, j: int) -> int:
    """The first unit of every stage but the first halves the map."""
    return 2 if i > 0 and j == 0 else 1


def stages(before: int, counts: tuple[int, ...], unit: Unit) -> dict[str, object]:
    """layer1, layer2, …: so many units each on one map size.

    unit(maps that come in, stage, unit in it), both from 0, gives the unit and how many maps come out.
    """
    found: dict[str, object] = {}
    for i, count in enumerate(counts):
        units = []
        for j in range(count):
            body, before = unit(before, i, j)
            units.append(block(body))
        found[f"layer{i + 1}"] = stage(Sequential(*units), f"conv{i + 2}_x")
    return found


def on_imagenet(name: str, units: dict[str, object], num_classes: int = 1000) -> Architecture:
    """Table 1 around its units: the 7×7 convolution and the pool before them, global average and classifier behind."""
    return architecture(name, (3, 224, 224), Sequential(
        conv1=conv(64, 7, 2), bn1=BatchNorm2d(), relu=ReLU(), maxpool=MaxPool2d(3, 2, padding=1),
        **units,
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), fc=head(Linear(num_classes)),
    ))  # fmt: skip


DEPTHS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}


def resnet(
    name: str, depth: int, option: str = "B", plain: bool = False, stride_in_3x3: bool = False, num_classes: int = 1000
) -> Architecture:
    """Table 1; torchvision's paths. N×3×224×224 → N×classes."""

    def unit(before: int, i: int, j: int) -> tuple[Sequential, int]:
        width, stride = 64 * 2**i, stride_at(i, j)
        if depth >= 50:
            return bottleneck(before, width, stride, option, stride_in_3x3), 4 * width
        return basic(before, width, stride, option, plain), width

    return on_imagenet(name, stages(64, DEPTHS[depth], unit), num_classes)


PAPER = "Deep residual learning for image recognition"
AUTHORS = "K. He, X. Zhang, S. Ren, J. Sun"
VENUE = "CVPR 2016 (arXiv 1512.03385)"
STEPS = Recipe(
    name="paper",
    optimizer="caffe-sgd",
    lr=0.1,
    momentum=0.9,
    weight_decay=1e-4,
    schedule="step",
    warmup=0.0,
    milestones=(0.5, 0.75),
    batch=256,
    epochs=120,
    augment=("scale-jitter=256:480", "flip", "lighting=0.1"),
    source="Section 3.4: 600,000 steps, a tenth when the error stalls; where it falls is ours",
)
FACEBOOK = Recipe(
    name="paper",
    lr=0.1,
    momentum=0.9,
    nesterov=True,
    weight_decay=1e-4,
    schedule="step",
    warmup=0.0,
    milestones=(1 / 3, 2 / 3),
    batch=256,
    epochs=90,
    augment=("resized-crop=0.08:1", "flip", "jitter=0.4:0.4:0.4", "lighting=0.1"),
    source="fb.resnet.torch",
)
V1_5 = (
    "torchvision, timm, fb.resnet.torch and TF-slim stride in the 3×3: that is resnet{d}.v1_5.",
    "Keras keeps the stride in the 1×1 but gives the convolutions biases.",
)

# Tables 3 and 4, and the single-model column of table 4.
TEN_CROP = {
    "plain18": (27.94, None),
    "resnet18.a": (27.88, None),
    "plain34": (28.54, 10.02),
    "resnet34.a": (25.03, 7.76),
    "resnet34": (24.52, 7.46),
    "resnet34.c": (24.19, 7.40),
    "resnet50": (22.85, 6.71),
    "resnet101": (21.75, 6.05),
    "resnet152": (21.43, 5.71),
}
# fb.resnet.torch's own table: its nets of 50 layers and more stride in the 3×3.
FACEBOOK_CROP = {
    "resnet18": (30.43, 10.76),
    "resnet34": (26.73, 8.74),
    "resnet50.v1_5": (24.01, 7.02),
    "resnet101.v1_5": (22.44, 6.21),
    "resnet152.v1_5": (22.16, 6.16),
}
MULTI_SCALE = {
    "resnet34": (21.84, 5.71),
    "resnet34.c": (21.53, 5.60),
    "resnet50": (20.74, 5.25),
    "resnet101": (19.87, 4.60),
    "resnet152": (19.38, 4.49),
}


def _register(name: str, depth: int, notes: tuple[str, ...] = (), same_as: tuple[str, ...] = (), **options: Any) -> None:
    results = [Result("ILSVRC-2012 val", "10 crops", *TEN_CROP[name])] if name in TEN_CROP else []
    if name in MULTI_SCALE:
        results.append(Result("ILSVRC-2012 val", "one net, fully convolutional, five scales", *MULTI_SCALE[name]))
    if name == "resnet152":
        results.append(Result("ILSVRC-2015 test", "six nets, two of them of 152 layers", None, 3.57, nets=6))
    if name in FACEBOOK_CROP:
        words = "1 centre crop of 224 from 256, fb.resnet.torch's weights"
        results.append(Result("ILSVRC-2012 val", words, *FACEBOOK_CROP[name]))
    kind = "Plain" if options.get("plain") else "ResNet"
    suffix = {"A": ", option A", "C": ", option C"}.get(str(options.get("option", "B")), "") if kind == "ResNet" else ""
    register(
        name,
        lambda: resnet(name, depth, **options),
        Card(
            title=f"{kind}-{depth}" + (" v1.5" if options.get("stride_in_3x3") else suffix),
            paper=PAPER,
            authors=AUTHORS,
            venue=VENUE,
            year=2015,
            preprocessing=IMAGENET,
            results=tuple(results),
            paper_recipe=FACEBOOK if options.get("stride_in_3x3") else STEPS,
            quick=QUICK,
            notes=notes,
            same_as=same_as,
            deviations=tuple(t.format(d=depth) for t in V1_5) if depth >= 50 and "." not in name else (),
        ),
    )


for _depth in (18, 34):
    _register(f"plain{_depth}", _depth, ("The same layers without the additions.",), plain=True)
    _register(f"resnet{_depth}.a", _depth, option="A")
    _register(f"resnet{_depth}", _depth, same_as=(f"tv:resnet{_depth}", f"timm:resnet{_depth}"))
    _register(f"resnet{_depth}.c", _depth, option="C")
for _depth in (50, 101, 152):
    _register(
        f"resnet{_depth}",
        _depth,
        ("The stride stands in the first 1×1 of a block, as in the authors' own files; their pool rounds up, unpadded.",),
    )
    _register(
        f"resnet{_depth}.v1_5",
        _depth,
        ("The stride stands in the 3×3: more work and a receptive field 56 pixels smaller; no longer the paper's network.",),
        (f"tv:resnet{_depth}", f"timm:resnet{_depth}"),
        stride_in_3x3=True,
    )
