"""SqueezeNet (Iandola, Han, Moskewicz, Ashraf, Dally & Keutzer 2016): 1.0, its bypasses, its Caffe file, and 1.1."""

from dataclasses import replace

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    CaffeXavier,
    Concat,
    Constant,
    Conv2d,
    Dropout,
    Flatten,
    HeNormal,
    Identity,
    Init,
    MaxPool2d,
    Normal,
    ReLU,
    Sequential,
    Sum,
    architecture,
    block,
    head,
)
from neocog.nets.card import Card, Result
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import CAFFE, IMAGENET
from neocog.pictures.preprocessing import Preprocessing

# The authors start with Caffe's xavier on pictures of 0 to 255. On normalised ones it fades from layer to layer, and the ReLU
# behind conv10 dies: there He's, as in torchvision. Bypasses carry the signal, and make He's too large.
HE, XAVIER, ZERO = HeNormal("fan_in"), CaffeXavier(), Constant(0.0)


def fire(squeeze: int, expand: int, init: Init, bypass: str = "", name: str = "") -> object:
    """Section 3.2, figure 1: a 1×1 squeezes, 1×1 and 3×3 of `expand` maps each read it side by side.

    `bypass` adds the input: "identity", or "conv" through a 1×1 where the widths differ (section 6, figure 2).
    """

    def conv(out: int, kernel: int) -> Conv2d:
        return Conv2d(out, kernel, padding=kernel // 2, init=init, bias_init=ZERO)

    body = {
        "squeeze": conv(squeeze, 1),
        "squeeze_activation": ReLU(),
        "cat": Concat(
            Sequential(expand1x1=conv(expand, 1), expand1x1_activation=ReLU()),
            Sequential(expand3x3=conv(expand, 3), expand3x3_activation=ReLU()),
        ),
    }
    if not bypass:
        return block(Sequential(**body), name)
    short = Sequential(bypass=conv(2 * expand, 1)) if bypass == "conv" else Identity()
    return block(Sequential(add=Sum(Sequential(**body), short)), name)


WIDTHS = {2: (16, 64), 3: (16, 64), 4: (32, 128), 5: (32, 128), 6: (48, 192), 7: (48, 192), 8: (64, 256), 9: (64, 256)}
SIMPLE: dict[int, str] = dict.fromkeys((3, 5, 7, 9), "identity")
COMPLEX: dict[int, str] = SIMPLE | dict.fromkeys((2, 4, 6, 8), "conv")


def squeezenet(
    name: str,
    first: tuple[int, int],
    pools: tuple[int, ...],
    bypass: dict[int, str] | None = None,
    padding: int = 0,
    init: Init = HE,
    num_classes: int = 1000,
) -> Architecture:
    """Table 1; torchvision's paths. Pools stand behind conv1 and the fire modules of `pools`. N×3×227×227 → N×classes.

    `first`: conv1's maps and kernel; `bypass`: by fire module; `padding`: conv10's.
    """
    maps, kernel = first
    steps: list[object] = [Conv2d(maps, kernel, 2, init=init, bias_init=ZERO), ReLU(), MaxPool2d(3, 2, ceil=True)]
    for i, (squeeze, expand) in WIDTHS.items():
        steps.append(fire(squeeze, expand, init, (bypass or {}).get(i, ""), f"fire{i}"))
        if i in pools:
            steps.append(MaxPool2d(3, 2, ceil=True))
    last = head(Conv2d(num_classes, 1, padding=padding, init=Normal(0.01), bias_init=ZERO))
    return architecture(name, (3, 227, 227), Sequential(
        features=Sequential(*steps),
        classifier=Sequential(Dropout(0.5), last, ReLU(), AdaptiveAvgPool2d(1)),
        flatten=Flatten(),
    ))  # fmt: skip


def squeezenet1_0(name: str = "squeezenet1_0", bypass: dict[int, str] | None = None, caffe: bool = False) -> Architecture:
    """Version 1.0, the paper's."""
    return squeezenet(name, (96, 7), (4, 8), bypass, padding=int(caffe), init=XAVIER if caffe or bypass else HE)


def squeezenet1_1() -> Architecture:
    """Version 1.1 of the authors' repository: 3×3 at first, pools two modules earlier; 2.4 times less work."""
    return squeezenet("squeezenet1_1", (64, 3), (3, 5))


PAPER = "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size"
AUTHORS = "F. N. Iandola, S. Han, M. W. Moskewicz, K. Ashraf, W. J. Dally, K. Keutzer"
TORCHVISION = replace(IMAGENET, height=227, width=227)
BGR = replace(CAFFE, mean=(104.0, 117.0, 123.0))
# The authors' solver: from 0.04 straight to 0 in 170,000 steps of 512 pictures.
STEPS = Recipe(
    name="paper",
    optimizer="caffe-sgd",
    lr=0.04,
    momentum=0.9,
    weight_decay=2e-4,
    schedule="linear",
    warmup=0.0,
    batch=512,
    epochs=68,
    augment=("square-crop=256:227", "flip"),
    source="The authors' solver: 170,000 steps of 16 times 32. They squash pictures to 256×256; here the middle square",
)
QUICK = Recipe(lr=0.01, weight_decay=2e-4, batch=64, label_smoothing=0.1)
SIZE = "torchvision's weights were measured on 224×224; the authors train and test on 227×227."


def _card(
    title: str,
    preprocessing: Preprocessing,
    results: tuple[Result, ...],
    notes: tuple[str, ...],
    quick: Recipe = QUICK,
    **more: tuple[str, ...],
) -> Card:
    return Card(
        title=title,
        paper=PAPER,
        authors=AUTHORS,
        venue="arXiv 1602.07360",
        year=2016,
        preprocessing=preprocessing,
        results=results,
        paper_recipe=STEPS,
        quick=quick,
        notes=notes,
        **more,
    )


register("squeezenet1_0", squeezenet1_0, _card(
    "SqueezeNet 1.0", TORCHVISION,
    (Result("ILSVRC-2012 val", "1 centre crop", 42.5, 19.7),
     Result("ILSVRC-2012 val", "1 centre crop, torchvision's weights", 41.908, 19.58)),
    (SIZE, "After Deep Compression the weights take 0.47 MB, with the same errors."),
    deviations=("The authors' Caffe file pads conv10 by 1: squeezenet1_0.caffe.",
                "Pools round up, which other ports forget: at 224×224 it makes maps of 54 for 55."),
    same_as=("tv:squeezenet1_0",),
))  # fmt: skip

register("squeezenet1_0.caffe", lambda: squeezenet1_0("squeezenet1_0.caffe", caffe=True), _card(
    "SqueezeNet 1.0, Caffe's", BGR,
    (Result("ILSVRC-2012 val", "1 centre crop", 42.5, 19.7),),
    ("The authors' own file: conv10, a 1×1, is padded by 1; the rim of its 15×15 maps, bare biases, counts in the mean.",),
))  # fmt: skip

register("squeezenet1_0.bypass", lambda: squeezenet1_0("squeezenet1_0.bypass", SIMPLE), _card(
    "SqueezeNet 1.0, simple bypass", TORCHVISION,
    (Result("ILSVRC-2012 val", "1 centre crop", 39.6, 17.5),),
    ("Fire 3, 5, 7 and 9 learn what to add to their input; no more parameters.",),
))  # fmt: skip

register("squeezenet1_0.complex_bypass", lambda: squeezenet1_0("squeezenet1_0.complex_bypass", COMPLEX), _card(
    "SqueezeNet 1.0, complex bypass", TORCHVISION,
    (Result("ILSVRC-2012 val", "1 centre crop", 41.2, 18.0, verified=False),),
    ("Besides the simple bypass, a 1×1 around fire 2, 4, 6 and 8. 1,589,672 parameters, 6.1 MiB; the paper prints 7.7 MB.",),
    replace(QUICK, lr=0.001),  # at 0.01 the ReLU behind conv10 dies
))  # fmt: skip

register("squeezenet1_1", squeezenet1_1, _card(
    "SqueezeNet 1.1", TORCHVISION,
    (Result("ILSVRC-2012 val", "1 centre crop, torchvision's weights", 41.822, 19.376),),
    (SIZE, "Not in the paper: a later version in the authors' repository, as exact as 1.0 for 2.4 times less work."),
    same_as=("tv:squeezenet1_1",),
))  # fmt: skip
