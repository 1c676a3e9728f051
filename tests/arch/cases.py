"""Networks that are hard to hold as a value, each with numbers worked out by hand."""

from collections.abc import Callable
from dataclasses import dataclass

from neocog.arch import (
    GELU,
    AdaptiveAvgPool2d,
    Add,
    Architecture,
    Aux,
    AvgPool2d,
    BatchNorm2d,
    CCell,
    ChannelShuffle,
    Concat,
    Constant,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    DropPath,
    Flatten,
    HardSigmoid,
    HardSwish,
    Identity,
    LayerNorm2d,
    LayerScale,
    Linear,
    Mark,
    MaxPool2d,
    Node,
    Product,
    Ref,
    ReLU,
    Scale,
    SCell,
    Sequential,
    Sigmoid,
    Slice,
    Sum,
    Tap,
    architecture,
    block,
    head,
)
from neocog.nets import resolve
from neocog.nets.resnet import basic


@dataclass(frozen=True)
class Case:
    """What an architecture must come to: output, params, MACs, receptive field and stride, params of auxiliary heads."""

    build: Callable[[], Architecture]
    output: tuple[int, ...]
    params: int
    macs: int
    field: int
    stride: int
    aux: int = 0


CASES: dict[str, Case] = {}


def case(output: tuple[int, ...], params: int, macs: int, field: int, stride: int, aux: int = 0) -> Callable:
    """Register a builder under its own name."""

    def add(build: Callable[[], Architecture]) -> Callable[[], Architecture]:
        CASES[build.__name__] = Case(build, output, params, macs, field, stride, aux)
        return build

    return add


# --- highway (Srivastava, Greff & Schmidhuber 2015): y = H(x)·T(x) + x·(1 - T(x)), the gate T used twice --------------


def highway(hidden: object, gate: object) -> Sequential:
    """One layer; `gate` must start closed (negative bias)."""
    return Sequential(
        y=Sum(
            Product(Sequential(h=hidden, h_relu=ReLU()), Sequential(t=gate, gate=Sigmoid())),
            Product(Identity(), Sequential(Ref("gate"), carry=Scale(-1, 1))),
        )
    )


# 784·50 + 50 = 39,250; nine layers of 2·(50·50 + 50) = 5,100; 50·10 + 10 = 510
@case((10,), 39_250 + 9 * 5_100 + 510, 784 * 50 + 9 * 2 * 2_500 + 500, 1, 1)
def highway_fc() -> Architecture:
    """The paper's net of depth 10 on MNIST: 85,660 parameters."""
    layers = {f"layer{i}": highway(Linear(50), Linear(50, bias_init=Constant(-1))) for i in range(1, 10)}
    return architecture("highway_fc", (1, 28, 28), Sequential(
        flatten=Flatten(), fc_in=Linear(50), relu=ReLU(), **layers, fc=head(Linear(10))))  # fmt: skip


# 784·71 + 71 = 55,735; nine of 71·71 + 71 = 5,112; 71·10 + 10 = 720
@case((10,), 55_735 + 9 * 5_112 + 720, 784 * 71 + 9 * 71 * 71 + 710, 1, 1)
def plain_fc() -> Architecture:
    """Its plain rival, as wide as the same parameters allow: 102,463."""
    layers: dict[str, object] = {}
    for i in range(1, 10):
        layers |= {f"fc{i}": Linear(71), f"relu{i}": ReLU()}
    return architecture("plain_fc", (1, 28, 28), Sequential(
        flatten=Flatten(), fc_in=Linear(71), relu=ReLU(), **layers, fc=head(Linear(10))))  # fmt: skip


# 3·16·9 + 16 = 448; two layers of 2·(16·16·9 + 16) = 4,640; 16·10 + 10 = 170. Field 3, 5, 7.
@case((10,), 448 + 2 * 4_640 + 170, 144 * 432 + 2 * 2 * 144 * 2_304 + 160, 7, 1)
def highway_conv() -> Architecture:
    gate = {"bias_init": Constant(-2)}
    layers = {
        f"layer{i}": highway(Conv2d(16, 3, padding=1), Conv2d(16, 3, padding=1, **gate))
        for i in (1, 2)
    }  # fmt: skip
    return architecture("highway_conv", (3, 12, 12), Sequential(
        conv=Conv2d(16, 3, padding=1), relu=ReLU(), **layers,
        gap=AdaptiveAvgPool2d(1), flatten=Flatten(), fc=head(Linear(10))))  # fmt: skip


# --- squeeze and excitation (Hu et al. 2018): the gate sees the whole picture and is left out of the receptive field ---------


def squeeze_excitation(channels: int, squeezed: int, gate: object) -> object:
    """x · gate(W₂ ReLU(W₁ GAP(x))), with torchvision's paths."""
    return Product(Identity(), Sequential(
        avgpool=AdaptiveAvgPool2d(1), fc1=Conv2d(squeezed, 1), activation=ReLU(), fc2=Conv2d(channels, 1),
        scale_activation=gate))  # fmt: skip


# conv 3·16·9 = 432; W₁ 16·4 + 4 = 68; W₂ 4·16 + 16 = 80
@case((16, 9, 7), 432 + 68 + 80, 63 * 432 + 64 + 64, 3, 1)
def se_block() -> Architecture:
    return architecture("se_block", (3, 9, 7), Sequential(
        conv=Conv2d(16, 3, padding=1, bias=False), se=squeeze_excitation(16, 4, Sigmoid())))  # fmt: skip


# --- ShuffleNet v2 (Ma et al. 2018, figure 3 c and d) -----------------------------------------------------------------


def conv_bn(out: int, kernel: int = 1, stride: int = 1, act: object | None = None, **bn: float) -> list[object]:
    """Convolution without bias, normalisation, activation."""
    return [Conv2d(out, kernel, stride, kernel // 2, bias=False), BatchNorm2d(**bn), *([act] if act else [])]


def depthwise_bn(kernel: int = 3, stride: int = 1, act: object | None = None, **bn: float) -> list[object]:
    """Depthwise convolution without bias, normalisation, activation."""
    return [DepthwiseConv2d(kernel, stride, kernel // 2, bias=False), BatchNorm2d(**bn), *([act] if act else [])]


def shuffle_unit(out: int, stride: int) -> Sequential:
    """torchvision's paths: branch1 and branch2."""
    half = out // 2
    branch2 = Sequential(*conv_bn(half, act=ReLU()), *depthwise_bn(stride=stride), *conv_bn(half, act=ReLU()))
    if stride == 1:
        return Sequential(
            cat=Concat(Sequential(left=Slice(0, 1, of=2)), Sequential(right=Slice(1, 2, of=2), branch2=branch2)),
            shuffle=ChannelShuffle(2),
        )
    branch1 = Sequential(*depthwise_bn(stride=stride), *conv_bn(half, act=ReLU()))
    return Sequential(cat=Concat(branch1=branch1, branch2=branch2), shuffle=ChannelShuffle(2))


# branch2 on half of 24 maps: 12·12 + 24, 12·9 + 24, 12·12 + 24
@case((24, 8, 8), 2 * (144 + 24) + 108 + 24, 64 * (144 + 108 + 144), 3, 1)
def shuffle_unit_1() -> Architecture:
    return architecture("shuffle_unit_1", (24, 8, 8), shuffle_unit(24, 1))


# branch1: 24·9 + 48, 24·24 + 48; branch2: 24·24 + 48, 24·9 + 48, 24·24 + 48
@case((48, 4, 4), 2 * (216 + 48) + 3 * (576 + 48), 16 * (216 + 576) + 64 * 576 + 16 * (216 + 576), 3, 2)
def shuffle_unit_2() -> Architecture:
    return architecture("shuffle_unit_2", (24, 8, 8), shuffle_unit(48, 2))


# --- GoogLeNet (Szegedy et al. 2014) ----------------------------------------------------------------------------------


def inception(one: int, reduce3: int, three: int, reduce5: int, five: int, pool: int) -> object:
    """Figure 2 b, with the true 5×5."""
    return Concat(
        Sequential(b1=Conv2d(one, 1), b1_relu=ReLU()),
        Sequential(b3r=Conv2d(reduce3, 1), b3r_relu=ReLU(), b3=Conv2d(three, 3, padding=1), b3_relu=ReLU()),
        Sequential(b5r=Conv2d(reduce5, 1), b5r_relu=ReLU(), b5=Conv2d(five, 5, padding=2), b5_relu=ReLU()),
        Sequential(pool=MaxPool2d(3, 1, padding=1), proj=Conv2d(pool, 1), proj_relu=ReLU()),
    )


# 1×1: 192·64 + 64; 192·96 + 96, 96·128·9 + 128; 192·16 + 16, 16·32·25 + 32; 192·32 + 32. Field of the 5×5.
@case((256, 28, 28), 12_352 + 18_528 + 110_720 + 3_088 + 12_832 + 6_176, 128_049_152, 5, 1)
def inception_3a() -> Architecture:
    """163,696 parameters."""
    return architecture("inception_3a", (192, 28, 28), Sequential(out=inception(64, 96, 128, 16, 32, 32)))


def auxiliary(maps: int, hidden: int, classes: int) -> Sequential:
    """Section 5: average 5×5/3, 1×1, two full connections."""
    return Sequential(pool=AvgPool2d(5, 3), conv=Conv2d(maps, 1), relu=ReLU(), flatten=Flatten(), fc1=Linear(hidden),
                      relu1=ReLU(), drop=Dropout(0.7), fc2=head(Linear(classes)))  # fmt: skip


# two modules on 8 and then 24 maps (8 each of 8, 8, 4, 4 → 24), two heads of (24·4+4) + (4·4·6+6... ) see below
def _module(channels: int) -> tuple[int, int]:
    """(parameters, weights) of `inception(8, 4, 8, 2, 4, 4)`."""
    weights = channels * 8 + channels * 4 + 4 * 8 * 9 + channels * 2 + 2 * 4 * 25 + channels * 4
    return weights + 8 + 4 + 8 + 2 + 4 + 4, weights


HEAD = (24 * 4 + 4) + (4 * 4 * 6 + 6) + (6 * 5 + 5)  # 9×9 → average 5×5/3 → 2×2, 4 maps, 6 units, 5 classes


@case((5,), _module(8)[0] + _module(24)[0] + 125, 81 * (_module(8)[1] + _module(24)[1]) + 120, 9, 1, 2 * HEAD)
def googlenet_small() -> Architecture:
    """Two modules, a tap after each, weights 0.3 as in the paper."""
    return architecture("googlenet_small", (8, 9, 9), Sequential(
        inc4a=inception_scope(), aux1=Aux(auxiliary(4, 6, 5), 0.3),
        inc4d=inception_scope(), aux2=Aux(auxiliary(4, 6, 5), 0.3),
        gap=AdaptiveAvgPool2d(1), flatten=Flatten(), drop=Dropout(0.4), fc=head(Linear(5))))  # fmt: skip


def inception_scope() -> object:
    return block(Sequential(cat=inception(8, 4, 8, 2, 4, 4)), "inception")


# --- Inception-ResNet (Szegedy et al. 2016): a scaled residual --------------------------------------------------------


def basic_conv(out: int, kernel: int) -> Sequential:
    """timm's and torchvision's BasicConv2d: eps is 0.001."""
    return Sequential(conv=Conv2d(out, kernel, padding=kernel // 2, bias=False), bn=BatchNorm2d(eps=1e-3), relu=ReLU())


# Block35 on 320 maps: 3·320·32 + 32·32·9 + 32·48·9 + 48·64·9 convolved, 2·(5·32 − 0 …) normalised: see the sum
_WEIGHTS = 3 * 320 * 32 + 32 * 32 * 9 + 32 * 48 * 9 + 48 * 64 * 9
_NORMS = 2 * (32 + 32 + 32 + 32 + 48 + 64)


@case((320, 5, 5), _WEIGHTS + _NORMS + 128 * 320 + 320, 25 * (_WEIGHTS + 128 * 320), 5, 1)
def inception_resnet() -> Architecture:
    return architecture("inception_resnet", (320, 5, 5), Sequential(
        add=Sum(Identity(), Sequential(
            cat=Concat(
                branch0=basic_conv(32, 1),
                branch1=Sequential(basic_conv(32, 1), basic_conv(32, 3)),
                branch2=Sequential(basic_conv(32, 1), basic_conv(48, 3), basic_conv(64, 3))),
            conv2d=Conv2d(320, 1), scale=Scale(0.17))),
        act=ReLU()))  # fmt: skip


# --- DenseNet (Huang et al. 2017): each layer reads all before it -----------------------------------------------------


def dense_layer(growth: int, bottleneck: int = 4) -> Sequential:
    """torchvision's paths."""
    return Sequential(
        norm1=BatchNorm2d(), relu1=ReLU(), conv1=Conv2d(bottleneck * growth, 1, bias=False),
        norm2=BatchNorm2d(), relu2=ReLU(), conv2=Conv2d(growth, 3, padding=1, bias=False))  # fmt: skip


def dense_block(layers: int, growth: int) -> Sequential:
    steps: dict[str, object] = {}
    for i in range(1, layers + 1):
        steps[f"cat{i}"] = Concat(Identity(), **{f"denselayer{i}": dense_layer(growth)})
    return Sequential(**steps)


# per layer on c maps: 2c + c·16 + 32 + 16·4·9; c = 8, 12, 16. Field 3, 5, 7.
@case((20, 10, 10), sum(18 * c + 32 + 576 for c in (8, 12, 16)), 100 * sum(16 * c + 576 for c in (8, 12, 16)), 7, 1)
def densenet_block() -> Architecture:
    return architecture("densenet_block", (8, 10, 10), dense_block(3, 4))


# --- ConvNeXt (Liu et al. 2022) ---------------------------------------------------------------------------------------


# depthwise 12·49 + 12, LN 24, 12·48 + 48, 48·12 + 12, scale 12
@case((12, 9, 9), 600 + 24 + 624 + 588 + 12, 81 * (588 + 576 + 576), 7, 1)
def convnext_block() -> Architecture:
    return architecture("convnext_block", (12, 9, 9), Sequential(
        add=Sum(Identity(), block=Sequential(
            DepthwiseConv2d(7, padding=3), LayerNorm2d(), Conv2d(48, 1), GELU(), Conv2d(12, 1),
            LayerScale(), DropPath(0.1)))))  # fmt: skip


# --- MobileNet v3 (Howard et al. 2019): hard swish, squeeze and excitation by hard sigmoid ----------------------------

V3 = {"eps": 1e-3, "momentum": 0.01}


# 16·48 + 96; 48·25 + 96; SE 48·16 + 16 + 16·48 + 48; 48·16 + 32
@case((16, 7, 7), 864 + 1_296 + 1_600 + 800, 49 * (768 + 1_200 + 768) + 2 * 768, 5, 1)
def mobilenet_v3_block() -> Architecture:
    return architecture("mobilenet_v3_block", (16, 7, 7), Sequential(
        add=Sum(Identity(), block=Sequential(
            *conv_bn(48, act=HardSwish(), **V3), *depthwise_bn(5, act=HardSwish(), **V3),
            Sequential(se=squeeze_excitation(48, 16, HardSigmoid())),
            *conv_bn(16, **V3)))))  # fmt: skip


# --- the early nets ---------------------------------------------------------------------------------------------------


@case((10,), 60_840, 328_096, 32, 4)
def lenet5() -> Architecture:
    return resolve("lenet5").build()


# S: planes·maps·25 weights and planes b's. 24·25 + 24, 24·24·25 + 24 twice; C-cells have no weights.
@case((24, 1, 1), 624 + 2 * 14_424, 256 * 600 + 64 * 14_400 + 4 * 14_400, 22, 1)
def neocognitron() -> Architecture:
    """Fukushima 1980: 16×16, 10×10, 8×8, 6×6, 2×2, 1×1, twenty-four planes each. U_C1 reads only the middle of U_S1."""
    return architecture("neocognitron", (1, 16, 16), Sequential(
        S1=SCell(24, 5, padding=2, selectivity=4.0), C1=CCell(5, padding=-1),
        S2=SCell(24, 5, padding=1, selectivity=1.5), C2=CCell(5, padding=1),
        S3=SCell(24, 5, selectivity=1.5), C3=CCell(2)))  # fmt: skip


# --- option A, both ways of laying the zero maps ----------------------------------------------------------------------

_BASIC = 4 * 8 * 9 + 16 + 8 * 8 * 9 + 16


@case((8, 4, 4), _BASIC, 16 * (288 + 576), 7, 2)
def option_a_behind() -> Architecture:
    return architecture("option_a_behind", (4, 8, 8), basic(4, 8, 2, "A", plain=False))


@case((8, 4, 4), _BASIC, 16 * (288 + 576), 7, 2)
def option_a_split() -> Architecture:
    return architecture("option_a_split", (4, 8, 8), basic(4, 8, 2, "A", plain=False, split=True))


# --- EfficientNet's TensorFlow padding, which depends on the size -----------------------------------------------------


def same_pads(side: int) -> Architecture:
    """A stem convolution and a depthwise one, both of stride 2; the size decides which side gets the odd zero."""
    return architecture(f"same_{side}", (3, side, side), Sequential(
        stem=Conv2d(8, 3, 2, padding="same", bias=False), act=ReLU(),
        dw=DepthwiseConv2d(5, 2, padding="same", bias=False), pool=MaxPool2d(3, 2, padding="same")))  # fmt: skip


@case((8, 3, 3), 216 + 200, 100 * 216 + 25 * 200, 19, 8)
def same_even() -> Architecture:
    """20 → 10 → 5 → 3: zeros (0, 1), (1, 2), (1, 1)."""
    return same_pads(20)


@case((8, 3, 3), 216 + 200, 100 * 216 + 25 * 200, 19, 8)
def same_odd() -> Architecture:
    """19 → 10 → 5 → 3: zeros (1, 1), (1, 2), (1, 1)."""
    return same_pads(19)


# --- no series-parallel graph: Wheatstone's bridge --------------------------------------------------------------------

_CONV = 4 * 4 * 9 + 4


@case((4, 6, 6), 4 * _CONV, 36 * 4 * 144, 7, 1)
def bridge() -> Architecture:
    """u = f(x); v = g(x) + h(u); y = i(v) + u: `u` leaves its branch twice."""
    conv = Conv2d(4, 3, padding=1)
    return architecture("bridge", (4, 6, 6), Sequential(
        u=conv,
        v=Sum(Sequential(Ref("input"), g=conv), Sequential(Ref("u"), h=conv)),
        y=Sum(Sequential(Ref("v"), i=conv), Ref("u"))))  # fmt: skip


def bridge_by_nodes() -> Architecture:
    """The same value, written in the normal form as a foreign file would give it."""
    conv, add = Conv2d(4, 3, padding=1), Add()
    return Architecture("bridge_by_nodes", (4, 6, 6), (
        Node("u", conv, ("input",)), Node("g", conv, ("input",)), Node("h", conv, ("u",)), Node("v", add, ("g", "h")),
        Node("i", conv, ("v",)), Node("y", add, ("i", "u"))), "y")  # fmt: skip


__all__ = ["CASES", "Case", "Mark", "Tap", "bridge_by_nodes"]
