"""The residual and the mobile families beside torchvision and timm where keys differ: renamed tensors, equal outputs."""

import gc
import re
from types import ModuleType

import pytest
import torch
from torch import nn

from neocog.nets import resolve
from neocog.nn import Model, create_model
from tests.conftest import Agree, error, in_order, randomise, rng, version
from tests.nn.test_peers import without_start

slow = pytest.mark.slow
Rules = tuple[tuple[str, str], ...]

CONVNEXT_TV: Rules = ((r"layer_scale\.weight$", "layer_scale"),)
CONVNEXT_TIMM: Rules = (
    (r"^features\.0\.", "stem."),
    *((rf"^features\.{2 * i + 1}\.", f"stages.{i}.blocks.") for i in range(4)),
    *((rf"^features\.{2 * i}\.", f"stages.{i}.downsample.") for i in range(1, 4)),
    (r"block\.0\.", "conv_dw."),
    (r"block\.2\.", "norm."),
    (r"block\.3\.", "mlp.fc1."),
    (r"block\.5\.", "mlp.fc2."),
    (r"layer_scale\.weight$", "gamma"),
    (r"^classifier\.0\.", "head.norm."),
    (r"^classifier\.2\.", "head.fc."),
)
RESNETV2: Rules = (
    *((rf"^layer{i}\.", f"stages.{i - 1}.blocks.") for i in range(1, 5)),
    (r"^conv1\.", "stem.conv."),
    (r"^fc\.", "head.fc."),
    (r"(^|\.)bn", r"\1norm"),
    (r"downsample\.", "downsample.conv."),
)


def from_timm(timm: ModuleType, name: str) -> nn.Module:
    model = without_start(lambda weights: timm.create_model(name))
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if key.endswith("gamma"):
                value.uniform_(0.5, 1.5, generator=rng(5))
    return model


def renamed(ours: Model, theirs: nn.Module, rules: Rules) -> None:
    """Every tensor of theirs under our names, none left over; a 1×1 convolution may be a full connection there."""
    state, left = theirs.state_dict(), set(theirs.state_dict())
    mine = ours.state_dict()
    for key, value in mine.items():
        theirs_key = key
        for pattern, new in rules:
            theirs_key = re.sub(pattern, new, theirs_key)
        left.remove(theirs_key)
        mine[key] = state[theirs_key].reshape(value.shape)
    assert not left
    ours.load_state_dict(mine)


def same_outputs(ours: Model, theirs: nn.Module, n: int = 2) -> float:
    """The relative difference of the scores of n pictures, at most 1e-5."""
    x = torch.randn(n, *ours.arch.input, generator=rng())
    with torch.no_grad():
        found = error(ours.eval()(x), theirs.eval()(x))
    assert found <= 1e-5
    return found


def compare(name: str, theirs: nn.Module, rules: Rules | None, side: int | None) -> float:
    """`rules` None: their tensors come in the order of ours; empty: under the same names."""
    ours = create_model(name, img_size=side, generator=rng())
    try:
        randomise(theirs)
        if rules is None:
            in_order(ours, theirs)
        else:
            renamed(ours, theirs, rules)
        return same_outputs(ours, theirs)
    finally:
        del ours
        gc.collect()


CONVNEXTS = [f"convnext_{size}" for size in ("tiny", "small", "base", "large")]


@pytest.mark.parametrize(("name", "side"), [("convnext_tiny", 64), *(pytest.param(n, None, marks=slow) for n in CONVNEXTS)])
def test_convnext_of_torchvision(torchvision: ModuleType, agree: Agree, name: str, side: int | None):
    assert resolve(f"tv:{name}").name == name
    found = compare(name, without_start(getattr(torchvision.models, name)), CONVNEXT_TV, side)
    agree(name, version("torchvision"), "equal outputs, random weights", found)


WITH_RULES = {
    **{f"preact_resnet{n}.timm": (f"resnetv2_{n}", RESNETV2) for n in (50, 101)},
    **{name: (name, CONVNEXT_TIMM) for name in CONVNEXTS},
    **{f"se_resnet{n}": (f"legacy_seresnet{n}", ()) for n in (50, 101, 152)},
    **{name: (name, ()) for name in ("resnext50_32x4d", "resnext101_32x4d", "resnext101_32x8d", "resnext101_64x4d",
                                     "wide_resnet50_2")},
    **{name: (alias, None) for name, alias in (
        ("mobilenet_v2", "mobilenetv2_100"), ("mobilenet_v2.w140", "mobilenetv2_140"), ("mobilenet_v2.w075", "mobilenetv2_075"),
        ("mobilenet_v2.w050", "mobilenetv2_050"), ("mobilenet_v2.w035", "mobilenetv2_035"),
        *((f"efficientnet_b{i}", f"efficientnet_b{i}") for i in range(5)))},
}  # fmt: skip
QUICK = ("preact_resnet50.timm", "convnext_tiny", "se_resnet50", "mobilenet_v2.w140", "efficientnet_b0")


@pytest.mark.parametrize(
    ("name", "side"), [*((name, 64) for name in QUICK), *(pytest.param(name, None, marks=slow) for name in WITH_RULES)]
)
def test_timm(timm: ModuleType, agree: Agree, name: str, side: int | None):
    alias, rules = WITH_RULES[name]
    assert resolve(f"timm:{alias}").name == name
    found = compare(name, from_timm(timm, alias), rules, side)
    agree(name, version("timm"), "equal outputs, random weights", found)


def switched(model: nn.Module, old: type, new: type) -> int:
    """Every `old` module is a `new` one; how many there were."""
    places = [(parent, key) for parent in model.modules() for key, child in parent.named_children() if isinstance(child, old)]
    for parent, key in places:
        setattr(parent, key, new())
    return len(places)


@pytest.mark.parametrize("side", [64, pytest.param(None, marks=slow)])
def test_mobilenet_v1_but_for_its_activation(timm: ModuleType, agree: Agree, side: int | None):
    """timm's has ReLU6; with the paper's ReLU it is the paper's network."""
    theirs = from_timm(timm, "mobilenetv1_100")
    assert switched(theirs, nn.ReLU6, nn.ReLU) == 27
    found = compare("mobilenet_v1", theirs, None, side)
    agree("mobilenet_v1", version("timm"), "equal outputs, random weights, its ReLU6 replaced by ReLU", found)


@pytest.mark.parametrize(
    ("size", "side"), [("small", 64), *(pytest.param(size, None, marks=slow) for size in ("large", "small"))]
)
def test_mobilenet_v3_but_for_epsilon(timm: ModuleType, agree: Agree, size: str, side: int | None):
    """timm's has 1e-5 in BN where the authors' code and torchvision have 1e-3."""
    theirs = from_timm(timm, f"mobilenetv3_{size}_100")
    for module in theirs.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3
    found = compare(f"mobilenet_v3_{size}", theirs, None, side)
    agree(f"mobilenet_v3_{size}", version("timm"), "equal outputs, random weights, its ε set to 1e-3", found)
