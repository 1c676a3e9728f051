"""Blocks of the cases beside torchvision's and timm's own, weights copied: the same outputs to 1e-5."""

import importlib
from collections.abc import Callable
from functools import partial
from types import ModuleType

import pytest
import torch
from torch import nn

from neocog.arch import Conv2d, Sequential, architecture
from neocog.nn import Model
from tests.arch.cases import CASES, basic_conv, dense_layer
from tests.conftest import error, in_order, picture, randomise, rng


def build(name: str) -> Model:
    return Model(CASES[name].build(), rng())


def same(ours: Model, theirs: nn.Module, copy: Callable = in_order) -> None:
    """Random weights from theirs to ours, then both on one input, in evaluation and (where nothing is random) in training."""
    randomise(theirs)
    copy(ours, theirs)
    x = picture(ours.arch, 4)
    with torch.no_grad():
        assert error(ours.eval()(x), theirs.eval()(x)) <= 1e-5
        if not any(
            isinstance(m, nn.Dropout) or "Drop" in type(m).__name__ or "Depth" in type(m).__name__ for m in theirs.modules()
        ):
            assert error(ours.train()(x), theirs.train()(x)) <= 1e-5


def by_name(ours: nn.Module, theirs: nn.Module) -> None:
    """The keys are theirs too."""
    ours.load_state_dict(theirs.state_dict())


def test_squeeze_excitation(torchvision: ModuleType):
    ours = build("se_block")
    theirs = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1, bias=False), torchvision.ops.misc.SqueezeExcitation(16, 4))
    same(ours, theirs)


@pytest.mark.parametrize(("name", "out", "stride"), [("shuffle_unit_1", 24, 1), ("shuffle_unit_2", 48, 2)])
def test_shufflenet_v2(torchvision: ModuleType, name: str, out: int, stride: int):
    same(build(name), torchvision.models.shufflenetv2.InvertedResidual(24, out, stride), by_name)


def test_densenet_layer_and_block(torchvision: ModuleType):
    densenet = torchvision.models.densenet
    one = Model(architecture("layer", (8, 10, 10), dense_layer(4)), rng())
    same(one, densenet._DenseLayer(8, 4, 4, 0.0), by_name)
    same(build("densenet_block"), densenet._DenseBlock(3, 8, 4, 4, 0.0), by_name)


def test_convnext_block(torchvision: ModuleType):
    theirs = torchvision.models.convnext.CNBlock(12, layer_scale=1e-6, stochastic_depth_prob=0.1)

    def copy(ours: nn.Module, theirs: nn.Module) -> None:
        """Their factor is declared first, ours stands where it acts."""
        factor, *others = theirs.state_dict().values()
        values, target = [*others, factor], ours.state_dict()
        assert len(target) == len(values)
        ours.load_state_dict({k: v.reshape(target[k].shape) for k, v in zip(target, values, strict=True)})

    assert next(iter(theirs.state_dict())) == "layer_scale"
    same(build("convnext_block"), theirs, copy)


def test_mobilenet_v3_block(torchvision: ModuleType):
    v3 = torchvision.models.mobilenetv3
    conf = v3.InvertedResidualConfig(16, 5, 48, 16, True, "HS", 1, 1, 1.0)
    same(build("mobilenet_v3_block"), v3.InvertedResidual(conf, partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)))


def test_inception_basic_conv(torchvision: ModuleType):
    ours = Model(architecture("basic", (3, 9, 9), Sequential(basic_conv(8, 3))), rng())
    same(ours, torchvision.models.inception.BasicConv2d(3, 8, kernel_size=3, padding=1))


def test_googlenet_module(torchvision: ModuleType):
    """torchvision's module has BN and a 3×3 for the 5×5; with plain convolutions given to it, the wiring is the paper's."""

    class Plain(nn.Module):
        def __init__(self, channels: int, out: int, **options: int):
            super().__init__()
            self.conv = nn.Conv2d(channels, out, **options)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.conv(x))

    googlenet = importlib.import_module("torchvision.models.googlenet")  # the attribute is the function of that name
    theirs = googlenet.Inception(192, 64, 96, 128, 16, 32, 32, conv_block=Plain)
    theirs.branch3[1] = Plain(16, 32, kernel_size=5, padding=2)
    same(build("inception_3a"), theirs)


def test_inception_resnet_block(timm: ModuleType):
    theirs = importlib.import_module("timm.models.inception_resnet_v2").Block35(scale=0.17)
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3  # what the whole network gives its blocks
    same(build("inception_resnet"), theirs, by_name)


def test_residual_blocks(torchvision: ModuleType):
    """Both kinds with a projection, keys included."""
    from neocog.nets.resnet import basic, bottleneck

    resnet = torchvision.models.resnet
    ours = Model(architecture("basic", (8, 10, 10), basic(8, 16, 2, "B", plain=False)), rng())
    down = nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16))
    same(ours, resnet.BasicBlock(8, 16, 2, down), by_name)
    ours = Model(architecture("v1.5", (8, 10, 10), bottleneck(8, 4, 2, "B", stride_in_3x3=True)), rng())
    down = nn.Sequential(nn.Conv2d(8, 16, 1, 2, bias=False), nn.BatchNorm2d(16))
    same(ours, resnet.Bottleneck(8, 4, 2, down), by_name)


@pytest.mark.parametrize("size", [19, 20, 21, 22])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 2, 1), (5, 2, 1), (3, 1, 2), (2, 3, 1), (1, 2, 1)])
def test_timm_same_convolution(timm: ModuleType, size: int, kernel: int, stride: int, dilation: int):
    """TensorFlow's padding as timm, which runs Google's weights, has it."""
    layers = importlib.import_module("timm.layers")
    theirs = layers.Conv2dSame(3, 4, kernel, stride, dilation=dilation)
    arch = architecture("same", (3, size, size + 3), Conv2d(4, kernel, stride, "same", dilation))
    same(Model(arch, rng()), theirs)
