"""The Inception family beside timm and torchvision: the same keys, equal outputs, equal auxiliary heads in training."""

import gc
import importlib
from functools import partial
from types import ModuleType

import pytest
import torch
from torch import nn

from neocog.nets import resolve
from neocog.nn import Outputs, create_model
from tests.conftest import Agree, error, randomise, rng, version

from .test_peers import OPTIONS, compare, slow, without_start

# ours: timm's. Their keys are ours, in their order: no renaming.
TIMM = {
    "inception_v4": "inception_v4",
    "inception_resnet_v2.slim": "inception_resnet_v2",
    "xception": "legacy_xception",
    **{f"densenet{depth}": f"densenet{depth}" for depth in (121, 161, 169, 201)},
}


def test_names():
    for ours, theirs in TIMM.items():
        assert resolve(f"timm:{theirs}").name == ours


@pytest.mark.parametrize(
    ("name", "side"),
    [("xception", 71), *(pytest.param(name, None, marks=slow) for name in TIMM)],
)  # fmt: skip
def test_timm(timm: ModuleType, agree: Agree, name: str, side: int | None):
    peer = without_start(lambda weights: timm.create_model(TIMM[name]))
    ours = create_model(name, img_size=side, generator=rng())
    try:
        agree(name, version("timm"), "equal outputs, random weights, its own keys", compare(ours, peer))
    finally:
        del ours, peer
        gc.collect()


@slow
def test_inception_v3_of_timm(timm: ModuleType, agree: Agree):
    """timm leaves the auxiliary head out; all else has our keys."""
    theirs = without_start(lambda weights: timm.create_model("inception_v3"))
    randomise(theirs)
    ours = create_model("inception_v3", generator=rng())
    missing, unexpected = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert not unexpected
    assert {key.partition(".")[0] for key in missing} == {"AuxLogits"}
    x = torch.randn(1, *ours.arch.input, generator=rng())
    with torch.no_grad():
        found = error(ours.eval()(x), theirs.eval()(x))
    assert found <= 1e-5
    agree("inception_v3", version("timm"), "equal outputs, random weights, its own keys, no auxiliary head", found)


def certain(model: nn.Module) -> nn.Module:
    """In training, but with nothing dropped."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model.train()


@pytest.mark.parametrize(
    ("name", "side", "heads"),
    [("googlenet.tv", 64, {"aux1": "aux_logits1", "aux2": "aux_logits2"}),
     pytest.param("inception_v3", None, {"AuxLogits": "aux_logits"}, marks=slow)],
)  # fmt: skip
def test_auxiliary_heads(torchvision: ModuleType, agree: Agree, name: str, side: int | None, heads: dict[str, str]):
    """In training, statistics of the batch and all: the logits of the network and of each head, by name."""
    theirs = without_start(getattr(torchvision.models, resolve(name).card.same_as[0].removeprefix("tv:")), **OPTIONS[name])
    randomise(theirs)
    ours = create_model(name, img_size=side, generator=rng())
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(4, *ours.arch.input, generator=rng())
    with torch.no_grad():
        got, want = certain(ours)(x), certain(theirs)(x)
    assert isinstance(got, Outputs)
    assert set(got.aux) == set(heads)
    pairs = [(got.logits, want.logits), *((got.aux[mine], getattr(want, other)) for mine, other in heads.items())]
    found = max(error(*both) for both in pairs)
    assert found <= 1e-5
    agree(name, version("torchvision"), "equal outputs in training, auxiliary heads included", found)


def test_the_papers_googlenet(torchvision: ModuleType, agree: Agree):
    """torchvision's wiring with the paper's parts put in: 5×5, biases for BN, LRN behind both starts, a 3×3 fourth pool."""
    peer = importlib.import_module("torchvision.models.googlenet")  # the attribute is the function of that name

    class Unit(nn.Module):
        def __init__(self, channels: int, out: int, kernel_size: int, stride: int = 1, padding: int = 0):
            super().__init__()
            self.conv = nn.Conv2d(channels, out, kernel_size, stride, padding)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.relu(self.conv(x))

    blocks = [Unit, partial(peer.Inception, conv_block=Unit), peer.InceptionAux]
    theirs = peer.GoogLeNet(num_classes=5, aux_logits=False, init_weights=False, blocks=blocks)
    lrn = {"size": 5, "alpha": 1e-4, "beta": 0.75, "k": 1.0}
    theirs.maxpool1 = nn.Sequential(theirs.maxpool1, nn.LocalResponseNorm(**lrn))
    theirs.maxpool2 = nn.Sequential(nn.LocalResponseNorm(**lrn), theirs.maxpool2)
    theirs.maxpool4 = nn.MaxPool2d(3, 2, ceil_mode=True)
    for module in theirs.modules():
        if isinstance(module, peer.Inception):
            narrow, wide = module.branch3[0].conv.out_channels, module.branch3[1].conv.out_channels
            module.branch3[1] = Unit(narrow, wide, kernel_size=5, padding=2)
    randomise(theirs)
    ours = create_model("googlenet", img_size=96, num_classes=5, generator=rng()).eval()
    missing, unexpected = ours.load_state_dict(theirs.state_dict(), strict=False)
    assert not unexpected
    assert {key.partition(".")[0] for key in missing} == {"aux1", "aux2"}
    x = torch.randn(2, *ours.arch.input, generator=rng())
    with torch.no_grad():
        found = error(ours(x), theirs.eval()(x))
    assert found <= 1e-5
    agree("googlenet", version("torchvision"), "equal outputs of its wiring with the paper's parts put in", found)
