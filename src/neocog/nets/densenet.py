"""DenseNet-BC for ImageNet (Huang, Liu, van der Maaten & Weinberger 2016): 121, 161, 169, 201."""

from dataclasses import replace

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    AvgPool2d,
    BatchNorm2d,
    Concat,
    Constant,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    architecture,
    block,
    head,
    stage,
)
from neocog.nets.card import Card, Result
from neocog.nets.parts import conv
from neocog.nets.registry import register
from neocog.nets.resnet import FACEBOOK
from neocog.nets.usual import IMAGENET, QUICK


def dense_layer(growth: int) -> object:
    """BN-ReLU-1×1-BN-ReLU-3×3, the 1×1 to 4·growth maps: a bottleneck layer (section 3, "DenseNet-B")."""
    return block(Sequential(
        norm1=BatchNorm2d(), relu1=ReLU(), conv1=conv(4 * growth, 1), norm2=BatchNorm2d(), relu2=ReLU(), conv2=conv(growth, 3),
    ))  # fmt: skip


def dense_block(layers: int, growth: int) -> Sequential:
    """Each layer reads all before it: x_l = H([x_0, x_1, …, x_l-1]) (equation 2)."""
    joins = {f"cat{i}": Concat(Identity(), **{f"denselayer{i}": dense_layer(growth)}) for i in range(1, layers + 1)}
    return Sequential(**joins)


def densenet(name: str, growth: int, layers: tuple[int, ...], start: int, num_classes: int = 1000) -> Architecture:
    """Table 1; torchvision's paths. N×3×224×224 → N×classes. Transitions halve the maps ("-C", θ = 0.5)."""
    steps: dict[str, object] = {
        "conv0": conv(start, 7, 2), "norm0": BatchNorm2d(), "relu0": ReLU(), "pool0": MaxPool2d(3, 2, padding=1),
    }  # fmt: skip
    maps = start
    for i, count in enumerate(layers, 1):
        steps[f"denseblock{i}"] = stage(dense_block(count, growth), f"dense block ({i})")
        maps += count * growth
        if i < len(layers):
            maps //= 2
            steps[f"transition{i}"] = block(
                Sequential(norm=BatchNorm2d(), relu=ReLU(), conv=conv(maps, 1), pool=AvgPool2d(2, 2)), "transition"
            )
    return architecture(name, (3, 224, 224), Sequential(
        features=Sequential(**steps, norm5=BatchNorm2d(), relu5=ReLU()),
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), classifier=head(Linear(num_classes, bias_init=Constant(0.0))),
    ))  # fmt: skip


STEPS = replace(FACEBOOK, source="Section 4.2: 90 epochs, a tenth after 30 and 60; the authors' code is fb.resnet.torch's")
# depth: growth, layers of each block, maps of the first convolution, errors of 1 and of 10 crops (table 3; of 161: the authors'
# repository), errors of torchvision's weights, their file
NETS = {
    121: (32, (6, 12, 24, 16), 64, ((25.02, 7.71), (23.61, 6.66)), (25.566, 8.028), "a639ec97"),
    161: (48, (6, 12, 36, 24), 96, ((22.2, None),), (22.862, 6.44), "8d451a50"),
    169: (32, (6, 12, 32, 32), 64, ((23.80, 6.85), (22.08, 5.92)), (24.4, 7.194), "b2777c0a"),
    201: (32, (6, 12, 48, 32), 64, ((22.58, 6.34), (21.46, 5.54)), (23.104, 6.63), "c1103571"),
}

for _depth, (_growth, _layers, _start, _errors, _tv, _file) in NETS.items():
    _name = f"densenet{_depth}"
    _one = "1 crop, the authors' repository" if _depth == 161 else "1 crop"
    _protocols = zip((_one, "10 crops"), _errors, strict=False)
    register(_name, lambda n=_name, g=_growth, k=_layers, s=_start: densenet(n, g, k, s), Card(
        title=f"DenseNet-{_depth}", paper="Densely connected convolutional networks",
        authors="G. Huang, Z. Liu, L. van der Maaten, K. Q. Weinberger", venue="CVPR 2017 (arXiv 1608.06993)", year=2016,
        preprocessing=IMAGENET,
        results=(*(Result("ILSVRC-2012 val", protocol, *errors) for protocol, errors in _protocols),
                 Result("ILSVRC-2012 val", "1 centre crop, torchvision's weights", *_tv)),
        paper_recipe=STEPS, quick=QUICK,
        notes=(f"torchvision's file densenet{_depth}-{_file}.pth writes norm.1, conv.1, … for norm1, conv1, ….",),
        same_as=(f"tv:densenet{_depth}", f"timm:densenet{_depth}"),
    ))  # fmt: skip
