"""Whole networks beside torchvision and timm: unchanged state_dict keys, equal outputs."""

import gc
from types import ModuleType

import pytest
import torch
from torch import nn

from neocog.arch import analyse
from neocog.nets import nets, resolve
from neocog.nn import Model, create_model
from tests.conftest import Agree, error, randomise, rng, version

EQUAL = {
    net.name: alias.removeprefix("tv:")
    for net in nets().values()
    for alias in net.card.same_as
    if alias.startswith("tv:") and not alias.startswith("tv:convnext")  # which test_peers_residual renames
}
OPTIONS = {"googlenet.tv": {"init_weights": False}, "inception_v3": {"init_weights": False}}  # drawing them takes a minute
slow = pytest.mark.slow


def test_which_networks_are_meant_to_be_equal():
    assert {
        "alexnet.owt": "alexnet",
        **{f"vgg{n}{bn}": f"vgg{n}{bn}" for n in (11, 13, 16, 19) for bn in ("", "_bn")},
        "resnet18": "resnet18", "resnet34": "resnet34",
        **{f"resnet{n}.v1_5": f"resnet{n}" for n in (50, 101, 152)},
        "googlenet.tv": "googlenet", "inception_v3": "inception_v3",
        **{name: name for name in ("squeezenet1_0", "squeezenet1_1", *(f"densenet{n}" for n in (121, 161, 169, 201)))},
        **{name: name for name in ("resnext50_32x4d", "resnext101_32x8d", "resnext101_64x4d", "wide_resnet50_2", "mobilenet_v2",
                                   "mobilenet_v3_large", "mobilenet_v3_small", *(f"efficientnet_b{i}" for i in range(8)))},
        "shufflenet_v2": "shufflenet_v2_x1_0", "shufflenet_v2.w050": "shufflenet_v2_x0_5",
    } == EQUAL  # fmt: skip


def compare(ours: Model, theirs: nn.Module) -> float:
    """Their state_dict as it is, and one batch through both: the largest relative difference, at most 1e-5."""
    randomise(theirs)
    state = theirs.state_dict()
    assert list(ours.state_dict()) == list(state), "keys and their order"
    ours.load_state_dict(state, assign=True)
    x = torch.randn(2, *ours.arch.input, generator=rng())
    with torch.no_grad():
        found = error(ours.eval()(x), theirs.eval()(x))
    assert found <= 1e-5
    return found


def without_start(theirs: type | object, **options: object) -> nn.Module:
    """Their model, its initial weights drawn by us in one go: their Kaiming rules take most of the test's time."""
    with torch.device("meta"):
        model = theirs(weights=None, **options)  # type: ignore[operator]
    model.to_empty(device="cpu")
    draws = rng(3)
    with torch.no_grad():
        for key, value in model.state_dict().items():
            if value.dim() > 1:
                value.normal_(0, (2 / value[0].numel()) ** 0.5, generator=draws)
            elif key.endswith("num_batches_tracked"):
                value.zero_()
    return model


@pytest.mark.parametrize(
    ("name", "side"),
    [("resnet18", 64), ("resnet50.v1_5", 64), ("alexnet.owt", 63), ("googlenet.tv", 64), ("squeezenet1_0", 64),
     *((name, 64) for name in ("resnext50_32x4d", "mobilenet_v2", "mobilenet_v3_small", "shufflenet_v2", "efficientnet_b0")),
     *(pytest.param(name, None, marks=slow) for name in EQUAL)],
)  # fmt: skip
def test_torchvision(torchvision: ModuleType, agree: Agree, name: str, side: int | None):
    theirs = without_start(getattr(torchvision.models, EQUAL[name]), **OPTIONS.get(name, {}))
    ours = create_model(name, img_size=side, generator=rng())
    try:
        agree(name, version("torchvision"), "equal outputs, random weights, its own keys", compare(ours, theirs))
    finally:
        del ours, theirs
        gc.collect()


@pytest.mark.parametrize(("depth", "side"), [(50, 64), *(pytest.param(d, None, marks=slow) for d in (50, 101, 152))])
def test_the_papers_resnets(torchvision: ModuleType, depth: int, side: int | None):
    """torchvision's, with the stride of each stage moved from the 3×3 to the first 1×1: then it is the paper's."""
    theirs = without_start(getattr(torchvision.models, f"resnet{depth}"))
    for stage in (theirs.layer2, theirs.layer3, theirs.layer4):
        stage[0].conv1.stride, stage[0].conv2.stride = (2, 2), (1, 1)
    ours = create_model(f"resnet{depth}", img_size=side, generator=rng())
    try:
        compare(ours, theirs)
    finally:
        del ours, theirs
        gc.collect()


def test_the_papers_resnet_is_not_torchvisions(torchvision: ModuleType):
    """The comparison above would notice."""
    theirs = without_start(torchvision.models.resnet50)
    ours = create_model("resnet50", img_size=64, generator=rng())
    with pytest.raises(AssertionError):
        compare(ours, theirs)


def test_timm_keys(timm: ModuleType):
    """timm's resnet50 is v1.5 with the same keys but for its own order of them."""
    theirs = timm.create_model("resnet50")
    ours = resolve("timm:resnet50")
    assert ours.name == "resnet50.v1_5"
    from neocog.arch.rewrite import tensors

    assert {k: p.shape for k, p in tensors(ours.build()).items()} == {k: tuple(v.shape) for k, v in theirs.state_dict().items()}


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50", "vgg11", "vgg16_bn", "vgg19"])
def test_aliases_of_timm(timm: ModuleType, name: str):
    """What `timm:NAME` resolves to must hold timm's weights: the same tensors, but for how it shapes its full connections."""
    with torch.device("meta"):
        theirs = timm.create_model(name)
    ours = analyse(resolve(f"timm:{name}").build())
    assert sum(p.numel() for p in theirs.parameters()) == ours.total("params")


@pytest.mark.slow
@pytest.mark.parametrize("option", ["a", "c"])
def test_options_run(option: str):
    """Options A and C of the paper have no peer; A has the parameters of the plain net and C projects everywhere."""
    model = create_model(f"resnet34.{option}", generator=rng()).eval()
    with torch.no_grad():
        assert model(torch.randn(1, *model.arch.input, generator=rng())).shape == (1, 1000)
    types = {n.record.type for n in model.arch.nodes if "downsample" in n.path}
    assert types == ({"AvgPool2d", "PadChannels"} if option == "a" else {"Conv2d", "BatchNorm2d"})
