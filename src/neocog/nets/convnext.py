"""ConvNeXt (Liu et al. 2022): a ResNet brought up to date step by step; tiny, small, base, large."""

from dataclasses import replace

from neocog.arch import (
    GELU,
    AdaptiveAvgPool2d,
    Architecture,
    Constant,
    Conv2d,
    DepthwiseConv2d,
    DropPath,
    Flatten,
    Identity,
    LayerNorm2d,
    LayerScale,
    Linear,
    Normal,
    Sequential,
    Sum,
    architecture,
    block,
    head,
    stage,
)
from neocog.nets.card import Card, Result
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import IMAGENET, QUICK, error

# The authors' truncated normal cuts at ±2, a hundred standard deviations away: a normal.
START, ZERO = Normal(0.02), Constant(0.0)


def conv(out: int, kernel: int, stride: int = 1) -> Conv2d:
    """A convolution of patches or places, with bias."""
    return Conv2d(out, kernel, stride, init=START, bias_init=ZERO)


def unit(width: int, drop: float) -> Sequential:
    """Figure 4: 7×7 depthwise, layer normalisation, 1×1 to four times the maps, GELU, 1×1 back; scaled and added.

    The numbers are torchvision's, whose 1 and 6 turn the axes; its full connections at each place are 1×1 convolutions here.
    """
    layers: dict[str, object] = {
        "0": DepthwiseConv2d(7, padding=3, init=START, bias_init=ZERO),
        "2": LayerNorm2d(),
        "3": conv(4 * width, 1),
        "4": GELU(),
        "5": conv(width, 1),
    }
    branch = Sequential(block=Sequential(**layers), layer_scale=LayerScale(1e-6), stochastic_depth=DropPath(drop))
    return Sequential(add=Sum(branch, Identity()))


def convnext(
    name: str, depths: tuple[int, ...], widths: tuple[int, ...], drop_path: float, num_classes: int = 1000
) -> Architecture:
    """Table 9: patches of 4×4, four stages, a normalised 2×2/2 convolution between them. N×3×224×224 → N×classes."""
    steps: list[object] = [Sequential(conv(widths[0], 4, 4), LayerNorm2d())]
    index, last = 0, sum(depths) - 1
    for i, (depth, width) in enumerate(zip(depths, widths, strict=True)):
        if i:
            steps.append(Sequential(LayerNorm2d(), conv(width, 2, 2)))
        units = [block(unit(width, drop_path * (index + j) / last)) for j in range(depth)]
        steps.append(stage(Sequential(*units), f"res{i + 2}"))
        index += depth
    return architecture(name, (3, 224, 224), Sequential(
        features=Sequential(*steps), avgpool=AdaptiveAvgPool2d(1),
        classifier=Sequential(LayerNorm2d(), Flatten(), head(Linear(num_classes, init=START, bias_init=ZERO))),
    ))  # fmt: skip


# Section 3 and table 1: blocks, maps, stochastic depth, accuracy; torchvision's resize and accuracies.
NETS = {
    "tiny": ((3, 3, 9, 3), (96, 192, 384, 768), 0.1, 82.1, (236, 82.520, 96.146)),
    "small": ((3, 3, 27, 3), (96, 192, 384, 768), 0.4, 83.1, (230, 83.616, 96.650)),
    "base": ((3, 3, 27, 3), (128, 256, 512, 1024), 0.5, 83.8, (232, 84.062, 96.870)),
    "large": ((3, 3, 27, 3), (192, 384, 768, 1536), 0.5, 84.3, (232, 84.414, 96.976)),
}

STEPS = Recipe(
    name="paper",
    optimizer="adamw",
    lr=4e-3,
    momentum=0.9,
    rho=0.999,
    label_smoothing=0.1,
    weight_decay=0.05,
    decay="weights",
    ema=0.9999,
    schedule="cosine",
    warmup=20 / 300,
    batch=4096,
    epochs=300,
    augment=("resized-crop=0.08:1", "flip", "randaugment=2:9", "erasing=0.25", "mixup=0.8", "cutmix=1"),
    source="Appendix A.1, table 5, and the authors' TRAINING.md. RandAugment's magnitude is 9 here, N(9, 0.5²) there",
)


def _register(size: str) -> None:
    depths, widths, drop_path, accuracy, (resized, top1, top5) = NETS[size]
    name = f"convnext_{size}"
    register(
        name,
        lambda: convnext(name, depths, widths, drop_path),
        Card(
            title=f"ConvNeXt-{size[0].upper()}",
            paper="A ConvNet for the 2020s",
            authors="Z. Liu, H. Mao, C.-Y. Wu, C. Feichtenhofer, T. Darrell, S. Xie",
            venue="CVPR 2022 (arXiv 2201.03545)",
            year=2022,
            preprocessing=replace(IMAGENET, resize_to=resized),
            results=(
                Result("ILSVRC-2012 val", "1 crop of 224", error(accuracy)),
                Result(
                    "ILSVRC-2012 val", f"1 centre crop of 224 from {resized}, torchvision's weights",
                    error(top1), error(top5),
                ),
            ),
            paper_recipe=STEPS,
            quick=QUICK,
            same_as=(f"tv:{name}", f"timm:{name}"),
        ),
    )  # fmt: skip


for _size in NETS:
    _register(_size)
