"""Inception v3 (Szegedy, Vanhoucke, Ioffe, Shlens & Wojna 2015): factorised filters, grid reductions, the released network."""

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    Aux,
    AvgPool2d,
    Concat,
    Conv2d,
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
from neocog.nets.parts import conv_bn
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import QUICK_LARGE
from neocog.pictures.preprocessing import Preprocessing


def factorised(middle: int, out: int, n: int) -> Sequential:
    """Section 3.2: 1×n and then n×1 in place of n×n, 2/n of the work where all widths are equal.

    Exact for every n×n filter bank whose unfolding, (out·n) × (in·n), has at most `middle` as its rank.
    """
    return Sequential(
        across=Conv2d(middle, (1, n), padding=(0, n // 2), bias=False),
        down=Conv2d(out, (n, 1), padding=(n // 2, 0)),
    )


def grid_reduction(way: str, maps: int, kernel: int = 3) -> Sequential:
    """Section 5: three ways from d×d×`maps` to (d/2)×(d/2)×2·`maps`.

    "conv_pool": dear, 2d²k² products for a 1×1; "pool_conv": a quarter of that, but a bottleneck; "parallel": figure 10,
    half of the maps from a convolution of stride 2, half from the pool.
    """
    pool = MaxPool2d(3, 2)
    if way == "conv_pool":
        return Sequential(conv=Conv2d(2 * maps, kernel, padding=kernel // 2), pool=pool)
    if way == "pool_conv":
        return Sequential(pool=pool, conv=Conv2d(2 * maps, kernel, padding=kernel // 2))
    if way == "parallel":
        return Sequential(cat=Concat(Sequential(conv=Conv2d(maps, 3, 2)), Sequential(pool=pool)))
    raise ValueError(f"grid_reduction: conv_pool, pool_conv or parallel, not {way!r}")


def chain(name: str, *layers: tuple[int, Pair], last: int = 1) -> Sequential:
    """Layers name_1, name_2, … of (maps, kernel); with `last` = 2 the last halves the map, unpadded."""
    units = [conv_bn(*layer) for layer in layers[:-1]]
    end = conv_bn(*layers[-1]) if last == 1 else conv_bn(*layers[-1], last, 0)
    return Sequential(**{f"{name}_{i}": unit for i, unit in enumerate([*units, end], 1)})


def pointwise(maps: int) -> Sequential:
    """The 1×1 branch."""
    return Sequential(branch1x1=conv_bn(maps, 1))


def pooled(maps: int, count: bool) -> Sequential:
    """The pooling branch."""
    return Sequential(pool=AvgPool2d(3, 1, padding=1, count_padding=count), branch_pool=conv_bn(maps, 1))


def halved() -> Sequential:
    """The pooling branch of a grid reduction."""
    return Sequential(pool=MaxPool2d(3, 2))


def inception_a(pool: int, count: bool) -> Sequential:
    """Figure 5, but for one 5×5 that the released network keeps."""
    return Sequential(cat=Concat(
        pointwise(64),
        chain("branch5x5", (48, 1), (64, 5)),
        chain("branch3x3dbl", (64, 1), (96, 3), (96, 3)),
        pooled(pool, count),
    ))  # fmt: skip


def reduction_a() -> Sequential:
    """Figure 10, 35×35 to 17×17."""
    three = Sequential(branch3x3=conv_bn(384, 3, 2, 0))
    return Sequential(cat=Concat(three, chain("branch3x3dbl", (64, 1), (96, 3), (96, 3), last=2), halved()))


def inception_b(inner: int, count: bool) -> Sequential:
    """Figure 6 with n = 7."""
    return Sequential(cat=Concat(
        pointwise(192),
        chain("branch7x7", (inner, 1), (inner, (1, 7)), (192, (7, 1))),
        chain("branch7x7dbl", (inner, 1), (inner, (7, 1)), (inner, (1, 7)), (inner, (7, 1)), (192, (1, 7))),
        pooled(192, count),
    ))  # fmt: skip


def reduction_b() -> Sequential:
    """Figure 10, 17×17 to 8×8."""
    return Sequential(cat=Concat(
        chain("branch3x3", (192, 1), (320, 3), last=2),
        chain("branch7x7x3", (192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3), last=2),
        halved(),
    ))  # fmt: skip


def inception_c(count: bool) -> Sequential:
    """Figure 7: the banks spread out side by side, 1×3 beside 3×1."""

    def spread(name: str, i: int) -> dict[str, object]:
        across, down = {f"{name}_{i}a": conv_bn(384, (1, 3))}, {f"{name}_{i}b": conv_bn(384, (3, 1))}
        return {f"{name}_cat": Concat(Sequential(**across), Sequential(**down))}

    return Sequential(cat=Concat(
        pointwise(320),
        Sequential(branch3x3_1=conv_bn(384, 1), **spread("branch3x3", 2)),
        Sequential(branch3x3dbl_1=conv_bn(448, 1), branch3x3dbl_2=conv_bn(384, 3), **spread("branch3x3dbl", 3)),
        pooled(192, count),
    ))  # fmt: skip


def auxiliary(num_classes: int) -> Aux:
    """Section 4: BN in the head's full connection too, here the 5×5 ("BN-auxiliary"). Weight 0.4 in the released code."""
    return Aux(block(Sequential(
        pool=AvgPool2d(5, 3), conv0=conv_bn(128, 1), conv1=conv_bn(768, 5, padding=0, init=Normal(0.01)),
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), fc=head(Linear(num_classes, init=Normal(0.001))),
    )), weight=0.4)  # fmt: skip


def inception_v3(name: str = "inception_v3", count: bool = True, num_classes: int = 1000) -> Architecture:
    """The released network, torchvision's paths. N×3×299×299 → N×classes. `count`: averages count the zeros of the padding."""
    modules = {
        "Mixed_5b": inception_a(32, count), "Mixed_5c": inception_a(64, count), "Mixed_5d": inception_a(64, count),
        "Mixed_6a": reduction_a(),
        "Mixed_6b": inception_b(128, count), "Mixed_6c": inception_b(160, count),
        "Mixed_6d": inception_b(160, count), "Mixed_6e": inception_b(192, count),
        "AuxLogits": auxiliary(num_classes),
        "Mixed_7a": reduction_b(), "Mixed_7b": inception_c(count), "Mixed_7c": inception_c(count),
    }  # fmt: skip
    return architecture(name, (3, 299, 299), Sequential(
        Conv2d_1a_3x3=conv_bn(32, 3, 2, 0), Conv2d_2a_3x3=conv_bn(32, 3, padding=0), Conv2d_2b_3x3=conv_bn(64, 3),
        maxpool1=MaxPool2d(3, 2), Conv2d_3b_1x1=conv_bn(80, 1), Conv2d_4a_3x3=conv_bn(192, 3, padding=0),
        maxpool2=MaxPool2d(3, 2),
        **{path: step if isinstance(step, Aux) else block(step) for path, step in modules.items()},
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), dropout=Dropout(0.2),
        fc=head(Linear(num_classes, init=Normal(0.01))),
    ))  # fmt: skip


PAPER = "Rethinking the Inception architecture for computer vision"
AUTHORS = "C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens, Z. Wojna"
VENUE = "CVPR 2016 (arXiv 1512.00567)"
PREPROCESSING = Preprocessing(299, 299, resize="shorter", resize_to=342, mean=(0.5,), std=(0.5,))
STEPS = Recipe(
    name="paper",
    optimizer="tf-rmsprop",
    lr=0.045,
    momentum=0.9,
    rho=0.9,
    eps=1.0,
    label_smoothing=0.1,
    weight_decay=4e-5,
    decay="weights",
    clip=2.0,
    ema=0.9999,
    schedule="step",
    warmup=0.0,
    milestones=tuple(i / 50 for i in range(1, 50)),
    gamma=0.94,
    batch=32,
    epochs=100,
    augment=("resized-crop=0.05:1", "flip", "jitter=0.125:0.5:0.5", "hue=0.2"),
    source="Section 8: RMSProp 0.9 with ε = 1, gradients clipped at 2, 0.94 every two epochs, 50 replicas with batches of 32. "
    "Weight decay, momentum, averaging and pictures: the released code",
)
LISTED = ", without the blacklisted pictures"
TRAINED = "The paper's 50 replicas did not wait for one another; a batch here is one replica's."

register("inception_v3", inception_v3, Card(
    title="Inception v3", paper=PAPER, authors=AUTHORS, venue=VENUE, year=2015, preprocessing=PREPROCESSING,
    results=(
        Result("ILSVRC-2012 val", "one net, 1 crop" + LISTED, 21.2, 5.6),
        Result("ILSVRC-2012 val", "one net, 12 crops" + LISTED, 19.47, 4.48),
        Result("ILSVRC-2012 val", "one net, 144 crops" + LISTED, 18.77, 4.2),
        Result("ILSVRC-2012 val", "four nets, 144 crops" + LISTED, 17.2, 3.46, nets=4),
        Result("ILSVRC-2012 test", "four nets, 144 crops", None, 3.58, nets=4),
        Result("ILSVRC-2012 val", "1 centre crop, torchvision's weights", 22.706, 6.55)),
    paper_recipe=STEPS, quick=QUICK_LARGE,
    notes=(TRAINED,
           "This is the network that its authors released; the paper's table 1 describes another start: after the first pool "
           "a 3×3, a 3×3 of stride 2 and a 3×3, and 288 maps in all three modules at 35×35.",
           "The auxiliary head's 5×5 needs 17×17 maps: training reads 299×299 and up; without the head, 75×75 fit.",
           "torchvision turns pictures normalised its own way to [-1, 1] inside the network; here the preprocessing does.",
           "Errors are of the 48,238 pictures that are not blacklisted; of all 50,000, 0.2 and 0.1 points more (section 10).",
           "The paper's table 5 prints 17.2 of the validation pictures beside 3.58 of the test pictures; its footnote gives "
           "the same four nets 3.46 on validation."),
    deviations=("torchvision drops 50 % before the classifier; Google's code 20 %, as here.",
                "Google's own network averages over the real pixels at the border, torchvision's and timm's, as here, over the "
                "padding too: inception_v3.slim.",
                "TF-slim's and Keras' normalisation has no γ: 23,817,352 parameters."),
    same_as=("tv:inception_v3", "timm:inception_v3"),
))  # fmt: skip

register("inception_v3.slim", lambda: inception_v3("inception_v3.slim", count=False), Card(
    title="Inception v3, TF-slim's", paper=PAPER, authors=AUTHORS, venue=VENUE, year=2015, preprocessing=PREPROCESSING,
    results=(Result("ILSVRC-2012 val", "1 crop of 87.5 %, TF-slim's weights of 2016", 22.0, 6.1),),
    paper_recipe=STEPS, quick=QUICK_LARGE,
    notes=(TRAINED, "For the weights of TF-slim and Keras: averages leave the padding out, as TensorFlow's do. γ, "
           "which they lack, is 1."),
    same_as=("keras:InceptionV3",),
))  # fmt: skip
