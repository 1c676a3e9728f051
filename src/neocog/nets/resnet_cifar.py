"""The 6n+2-layer ResNets for CIFAR-10 and their plain twins (He et al. 2015, section 4.2)."""

from dataclasses import replace

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    BatchNorm2d,
    Flatten,
    HeNormal,
    Linear,
    ReLU,
    Sequential,
    architecture,
    head,
)
from neocog.nets.card import Card, Result
from neocog.nets.parts import conv
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.resnet import AUTHORS, PAPER, VENUE, basic, stages, stride_at
from neocog.nets.usual import IMAGENET, QUICK
from neocog.pictures.preprocessing import Preprocessing


def resnet_cifar(
    name: str, depth: int, option: str = "A", plain: bool = False, width: int = 16, stride: int = 1, num_classes: int = 10
) -> Architecture:
    """n blocks each of 16, 32 and 64 maps on 32², 16² and 8². N×3×32×32 → N×classes.

    Paths, and the halves of option A's zero maps, are those of the checkpoints that most people have. `width` and the first
    layer's `stride` other than the paper's 16 and 1 are for other names.
    """

    def unit(before: int, i: int, j: int) -> tuple[Sequential, int]:
        return basic(before, width * 2**i, stride_at(i, j), option, plain, split=True), width * 2**i

    n = (depth - 2) // 6
    return architecture(name, (3, 32, 32), Sequential(
        conv1=conv(width, 3, stride), bn1=BatchNorm2d(), relu=ReLU(),
        **stages(width, (n, n, n), unit),
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), linear=head(Linear(num_classes, init=HeNormal("fan_in"))),
    ))  # fmt: skip


# Mean and std of ImageNet, not of CIFAR: what the published checkpoints were trained with.
PREPROCESSING = Preprocessing(32, 32, resize="none", mean=IMAGENET.mean, std=IMAGENET.std)
STEPS = Recipe(
    name="paper",
    optimizer="caffe-sgd",
    lr=0.1,
    momentum=0.9,
    weight_decay=1e-4,
    schedule="step",
    warmup=0.0,
    milestones=(0.5, 0.75),
    batch=128,
    epochs=182,
    augment=("crop", "flip"),
    source="Section 4.2: 64,000 steps on 45,000 pictures, a tenth after 32,000 and 48,000",
)
# "We use 0.01 to warm up the training until the training error is below 80 % (about 400 iterations)"
WARM_STEPS = replace(STEPS, warmup=400 / 64_000, warmup_hold=0.1, source=STEPS.source + "; a tenth for the first 400 of them")
CIFAR_QUICK = replace(QUICK, epochs=5, augment=("flip",))
AUGMENTED = "one picture as it is; trained with shifts and flips"
ERRORS = {20: 8.75, 32: 7.51, 44: 7.17, 56: 6.97, 110: 6.43, 1202: 7.93}  # table 6


def _register(name: str, depth: int, option: str = "A", plain: bool = False) -> None:
    paper = depth in ERRORS
    results = (
        (
            Result("CIFAR-10 test", AUGMENTED + ("; best of five" if depth == 110 else ""), ERRORS[depth]),
            *((Result("CIFAR-10 test", f"{AUGMENTED}; mean of five", 6.61),) if depth == 110 else ()),
        )
        if paper and option == "A" and not plain
        else ()
    )
    notes = () if paper else ("6n+2 layers by the paper's rule, but not a net of the paper: for small budgets.",)
    if depth in (20, 44) and not plain and option == "A":
        results += (Result("CIFAR-10 test", f"{AUGMENTED}; published checkpoint", {20: 8.27, 44: 6.90}[depth]),)
    notes += ("Pixels lose ImageNet's mean and deviation, as for the published checkpoints; in the paper, the mean picture.",)
    if option == "A" and not plain:
        notes += ("Half of the shortcuts' zero maps stand in front, as in the published checkpoints; the paper does not say.",)
    if depth == 110:
        notes += ("The paper warms up at 0.01 until the training error is below 80 %, about 400 steps: here 400 of 64,000.",)
    register(
        name,
        lambda: resnet_cifar(name, depth, option, plain),
        Card(
            title=f"{'Plain' if plain else 'ResNet'}-{depth} for CIFAR"
            + ("" if plain or option == "A" else f", option {option}"),
            paper=PAPER,
            authors=AUTHORS,
            venue=VENUE,
            year=2015,
            preprocessing=PREPROCESSING,
            results=results,
            paper_recipe=WARM_STEPS if depth >= 110 else STEPS,
            quick=CIFAR_QUICK,
            notes=notes,
            deviations=("Many repositories call an 11-million-parameter ImageNet ResNet-18 on 32×32 a CIFAR ResNet.",),
        ),
    )


for _depth in (8, 14, 20, 32, 44, 56, 110, 1202):
    _register(f"resnet{_depth}.cifar", _depth)
for _depth in (20, 32, 44, 56, 110):
    _register(f"resnet{_depth}.cifar_b", _depth, "B")
    _register(f"resnet{_depth}.cifar_c", _depth, "C")
    _register(f"plain{_depth}.cifar", _depth, plain=True)

register(
    "resnet8.quick",
    lambda: resnet_cifar("resnet8.quick", 8, width=32, stride=2),
    Card(
        title="ResNet-8, half the resolution, twice the width",
        paper=PAPER,
        authors=AUTHORS,
        venue=VENUE,
        year=2015,
        preprocessing=PREPROCESSING,
        quick=CIFAR_QUICK,
        notes=(
            "Not a net of the paper: its basic block, eight layers, the first with stride 2; 32, 64, 128 maps. About the work "
            "of resnet8.cifar in half the memory traffic: what neocog trains when nobody chose a net.",
        ),
    ),
)
