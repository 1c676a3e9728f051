"""SE-ResNet (Hu, Shen & Sun 2017): a gate that sees the whole picture weighs the maps of each residual."""

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    BatchNorm2d,
    Conv2d,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    Product,
    ReLU,
    Sequential,
    Sigmoid,
    architecture,
    head,
)
from neocog.arch.record import Leaf
from neocog.nets.card import Card, Result
from neocog.nets.parts import conv
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.resnet import DEPTHS, bottleneck, stages, stride_at
from neocog.nets.usual import IMAGENET, QUICK


def squeeze_excite(maps: int, squeezed: int, inner: Leaf | None = None, gate: Leaf | None = None) -> Sequential:
    """Equations 2 to 4: global average, full connection to `squeezed`, ReLU, back to `maps`, sigmoid; times the maps.

    The full connections are 1×1 convolutions of a 1×1 map, with biases; `inner` and `gate` other than ReLU and sigmoid are
    for later nets.
    """
    weights = Sequential(
        avgpool=AdaptiveAvgPool2d(1),
        fc1=Conv2d(squeezed, 1),
        activation=inner or ReLU(),
        fc2=Conv2d(maps, 1),
        gate=gate or Sigmoid(),
    )
    return Sequential(scale=Product(weights, Identity()))


def se_resnet(name: str, depth: int, reduction: int = 16, num_classes: int = 1000) -> Architecture:
    """Table 1: the gate stands before the sum (figure 3). The stride is in the first 1×1 and the pool rounds up, as in the
    authors' files; paths are those of their weights' usual copies. N×3×224×224 → N×classes.
    """

    def unit(before: int, i: int, j: int) -> tuple[Sequential, int]:
        width = 64 * 2**i
        gate = squeeze_excite(4 * width, 4 * width // reduction)
        return bottleneck(before, width, stride_at(i, j), stride_in_3x3=False, gate=gate), 4 * width

    return architecture(name, (3, 224, 224), Sequential(
        layer0=Sequential(conv1=conv(64, 7, 2), bn1=BatchNorm2d(), relu1=ReLU()), pool0=MaxPool2d(3, 2, ceil=True),
        **stages(64, DEPTHS[depth], unit),
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), last_linear=head(Linear(num_classes)),
    ))  # fmt: skip


# Section 4: batches of 1024 at 0.6, a tenth every 30 passes. Crops here are of the padded picture.
PAPER_RECIPE = Recipe(
    name="paper",
    optimizer="caffe-sgd",
    lr=0.6,
    weight_decay=1e-4,
    schedule="step",
    warmup=0.0,
    milestones=(0.3, 0.6, 0.9),
    batch=1024,
    epochs=100,
    augment=("resized-crop=0.08:1", "flip"),
    source="Section 5.1: 100 epochs, a tenth every 30; weight decay as ResNet's (unverified), momentum as Caffe's",
)
# Table 2; then what the authors' repository reached with batches of 256 and more passes.
ERRORS = {
    50: ((23.29, 6.62), (22.37, 6.36)),
    101: ((22.38, 6.07), (21.75, 5.72)),
    152: ((21.57, 5.73), (21.34, 5.54)),
}


def _register(depth: int) -> None:
    paper, repository = ERRORS[depth]
    register(
        f"se_resnet{depth}",
        lambda: se_resnet(f"se_resnet{depth}", depth),
        Card(
            title=f"SE-ResNet-{depth}",
            paper="Squeeze-and-excitation networks",
            authors="J. Hu, L. Shen, G. Sun",
            venue="CVPR 2018 (arXiv 1709.01507)",
            year=2017,
            preprocessing=IMAGENET,
            results=(
                Result("ILSVRC-2012 val", "1 centre crop", *paper, verified=depth != 152),
                Result("ILSVRC-2012 val", "1 centre crop of 224 from 256, the authors' released files", *repository),
            ),
            paper_recipe=PAPER_RECIPE,
            quick=QUICK,
            same_as=(f"timm:legacy_seresnet{depth}",),
            deviations=("timm's seresnet50 strides in the 3×3: another network. Some copies leave the gate's biases out.",),
        ),
    )


for _depth in ERRORS:
    _register(_depth)
