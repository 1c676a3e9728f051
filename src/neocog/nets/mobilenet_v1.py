"""MobileNet (Howard et al. 2017): separable convolutions, width multipliers, the full and the shallow net beside it."""

from dataclasses import replace

from neocog.arch import (
    AdaptiveAvgPool2d,
    Architecture,
    BatchNorm2d,
    Conv2d,
    DepthwiseConv2d,
    Flatten,
    HeNormal,
    Linear,
    ReLU,
    ReLU6,
    Sequential,
    architecture,
    block,
    head,
)
from neocog.arch.record import Leaf
from neocog.arch.window import Padding
from neocog.nets.card import Card, Result
from neocog.nets.inception_v3 import STEPS as INCEPTION_V3
from neocog.nets.recipe import Recipe
from neocog.nets.registry import register
from neocog.nets.usual import error
from neocog.pictures.preprocessing import Preprocessing

# Table 1: maps and stride of each separable convolution. The shallow net lacks the five of 512 maps at 14×14 (section 4.1).
LAYERS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
HE = HeNormal("fan_in")  # the paper is silent about the start


def mobilenet_v1(
    name: str = "mobilenet_v1",
    width: float = 1.0,
    full: bool = False,
    shallow: bool = False,
    released: bool = False,
    num_classes: int = 1000,
) -> Architecture:
    """Table 1, figure 3: 3×3 depthwise and 1×1 convolution, each with BN and ReLU, thirteen times. N×3×224×224 → N×classes.

    `width` is α (section 3.3); ρ of section 3.4 is another input. `full`: whole 3×3 convolutions instead (table 4).
    `released`: TensorFlow's padding, BN's ε = 1e-3 and ReLU6, as in the authors' published code and weights.
    """
    padding: Padding = "same" if released else 1
    bn, act = BatchNorm2d(1e-3 if released else 1e-5), ReLU6() if released else ReLU()

    def conv(out: int, kernel: int, stride: int = 1) -> Conv2d:
        return Conv2d(out, kernel, stride, padding if kernel == 3 else 0, bias=False, init=HE)

    def separable(out: int, stride: int) -> Sequential:
        if full:
            return Sequential(conv=conv(out, 3, stride), bn=bn, act=act)
        depthwise: Leaf = DepthwiseConv2d(3, stride, padding, bias=False, init=HE)
        return Sequential(dw=depthwise, bn1=bn, act1=act, pw=conv(out, 1), bn2=bn, act2=act)

    layers = [*LAYERS[:6], *LAYERS[11:]] if shallow else LAYERS
    return architecture(name, (3, 224, 224), Sequential(
        conv1=Sequential(conv=conv(int(32 * width), 3, 2), bn=bn, act=act),
        **{f"ds{i}": block(separable(int(out * width), stride)) for i, (out, stride) in enumerate(layers, 1)},
        avgpool=AdaptiveAvgPool2d(1), flatten=Flatten(), fc=head(Linear(num_classes)),
    ))  # fmt: skip


AUTHORS = "A. G. Howard, M. Zhu, B. Chen, D. Kalenichenko, W. Wang, T. Weyand, M. Andreetto, H. Adam"
TENSORFLOW = Preprocessing(224, 224, resize="shorter", resize_to=256, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
# For small data and few passes, here and for the other mobile nets: little weight decay, as the papers advise.
QUICK = Recipe(lr=0.05, nesterov=True, weight_decay=4e-5, batch=64, label_smoothing=0.1)
STEPS = replace(
    INCEPTION_V3,
    label_smoothing=0.0,
    clip=0.0,
    decay="not-depthwise",
    batch=96,
    augment=("resized-crop=0.25:1", "flip"),
    source="Section 3.2: RMSProp as Inception v3's, whose rate and length these are; little or no decay on depthwise filters, "
    "less distortion and no small crops (a quarter of the area is ours)",
)
DEVIATIONS = (
    "The authors' TensorFlow code and Keras pad as TensorFlow does and use ReLU6 and ε = 1e-3: mobilenet_v1.slim.",
    "timm's mobilenetv1_100 has ReLU6 where the paper has ReLU.",
)

_ACCURACY = {  # tables 4 to 7: accuracy at each side of the picture
    "mobilenet_v1": {224: 70.6, 192: 69.1, 160: 67.2, 128: 64.4},
    "mobilenet_v1.w075": {224: 68.4},
    "mobilenet_v1.w050": {224: 63.7},
    "mobilenet_v1.w025": {224: 50.6},
    "mobilenet_v1.full_conv": {224: 71.7},
    "mobilenet_v1.shallow": {224: 65.3},
}


def _register(
    name: str, title: str, width: float = 1.0, full: bool = False, shallow: bool = False, notes: tuple[str, ...] = ()
) -> None:
    released = name == "mobilenet_v1.slim"
    register(
        name,
        lambda: mobilenet_v1(name, width, full, shallow, released),
        Card(
            title=title,
            paper="MobileNets: efficient convolutional neural networks for mobile vision applications",
            authors=AUTHORS,
            venue="arXiv 1704.04861",
            year=2017,
            preprocessing=TENSORFLOW,
            results=tuple(
                Result("ILSVRC-2012 val", f"1 crop of {side}", error(accuracy))
                for side, accuracy in _ACCURACY.get(name, {}).items()
            ),
            paper_recipe=STEPS,
            quick=QUICK,
            notes=notes,
            deviations=DEVIATIONS if name == "mobilenet_v1" else (),
        ),
    )


_register("mobilenet_v1", "MobileNet", notes=("The resolution multiplier is another input: 192, 160 or 128 pixels.",))
for _width in (0.75, 0.5, 0.25):
    _register(f"mobilenet_v1.w{100 * _width:03.0f}", f"{_width:g} MobileNet", _width)
_register("mobilenet_v1.full_conv", "MobileNet with whole convolutions", full=True)
_register("mobilenet_v1.shallow", "Shallow MobileNet", shallow=True)
_register(
    "mobilenet_v1.slim",
    "MobileNet as released",
    notes=("TF-slim's and Keras's network: ReLU6, TensorFlow's padding, ε = 1e-3.",),
)
