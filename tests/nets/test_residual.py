"""What the papers of the residual and the mobile nets claim of their blocks, by arithmetic and by running them."""

from fractions import Fraction
from itertools import pairwise
from time import process_time

import pytest
import torch
from torch import Tensor, nn

from neocog.arch import Conv2d, DepthwiseConv2d, Sequential, analyse, architecture
from neocog.nets import preact_resnet, resnet, resolve
from neocog.nn import Model
from tests.conftest import rng


def unit(step: Sequential, channels: int = 64, side: int = 14) -> Model:
    """A block alone, as a Module."""
    return Model(architecture("unit", (channels, side, side), step), rng()).eval()


def zero_convolutions(model: Model) -> None:
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.zero_()


PREACT = {
    "basic": lambda: preact_resnet.basic(64, 64, 1, "A"),
    "bottleneck": lambda: preact_resnet.bottleneck(64, 16, 1, stride_in_3x3=False),
}
ORIGINAL = {"basic": lambda: resnet.basic(64, 64, 1, "B", plain=False), "bottleneck": lambda: resnet.bottleneck(64, 16, 1)}


@pytest.mark.parametrize("kind", PREACT)
def test_zero_weights_make_a_unit_the_identity(kind: str):
    """Exactly, for every input, before activation; behind the original's last ReLU for what is not negative."""
    x = torch.randn(2, 64, 14, 14, generator=rng(1))
    ours, original = unit(PREACT[kind]()), unit(ORIGINAL[kind]())
    assert not torch.equal(ours(x), x), "before"
    for model in (ours, original):
        zero_convolutions(model)
    assert torch.equal(ours(x), x)
    assert torch.equal(original(x), x.relu())
    plain = unit(resnet.basic(64, 64, 1, "B", plain=True))
    zero_convolutions(plain)
    assert not plain(x).any(), "without the sum, zero weights give zero"


def gradient(model: Model, x: Tensor, above: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    model(x).backward(above)
    assert x.grad is not None
    return x.grad


@pytest.mark.parametrize("kind", PREACT)
def test_the_gradient_passes_unchanged(kind: str):
    """He et al. 2016b, equation 5: ∂E/∂x_l = ∂E/∂x_L (1 + ∂ΣF/∂x_l): the first term comes through three units untouched, and
    so exactly that stays when F is zero. The original unit's ReLU behind the sum stops part of it.
    """
    x, above = (torch.randn(2, 64, 14, 14, generator=rng(seed)) for seed in (2, 3))
    ours, original = (unit(Sequential(*(make() for _ in range(3)))) for make in (PREACT[kind], ORIGINAL[kind]))
    residual = gradient(ours, x, above) - above
    assert residual.abs().max() > 0.01, "F's own part, before its weights are zero"
    for model in (ours, original):
        zero_convolutions(model)
    assert torch.equal(gradient(ours, x, above), above)
    assert torch.equal(gradient(original, x, above), above * (x > 0))


def weights(*steps: Conv2d, channels: int) -> int:
    return analyse(architecture("sum", (channels, 14, 14), Sequential(*steps))).total("params")


def test_the_sums_of_the_bottleneck():
    """1×1, 3×3, 1×1 against two 3×3 of 256 maps; the block that it takes the place of in ResNet-34 has 64 maps."""
    wide = weights(resnet.conv(256, 3), resnet.conv(256, 3), channels=256)
    narrow = weights(resnet.conv(64, 1), resnet.conv(64, 3), resnet.conv(256, 1), channels=256)
    assert (wide, narrow) == (1_179_648, 69_632)
    assert round(wide / narrow, 2) == 16.94
    for net, path, want in (("resnet50", "layer1.1", 69_632), ("resnet34", "layer1.1", 73_728)):
        table = analyse(resolve(net).build())
        found = [table.by_path[n.path].params for n in table.arch.within(path) if n.record.type == "Conv2d"]
        assert sum(found) == want


def separable_cost(out: int, kernel: int) -> Fraction:
    side, channels = 14, 32
    parts = (DepthwiseConv2d(kernel, padding=kernel // 2, bias=False), Conv2d(out, 1, bias=False))
    whole = Conv2d(out, kernel, padding=kernel // 2, bias=False)
    macs = [
        analyse(architecture("cost", (channels, side, side), Sequential(*steps))).total("macs") for steps in (parts, (whole,))
    ]
    return Fraction(*macs)


@pytest.mark.parametrize(("out", "kernel"), [(64, 3), (512, 3), (48, 5)])
def test_what_a_separable_convolution_costs(out: int, kernel: int):
    """MobileNet, section 3.1: 1/N + 1/k² of a whole one."""
    assert separable_cost(out, kernel) == Fraction(1, out) + Fraction(1, kernel**2)


def macs(name: str, side: int = 224) -> int:
    return analyse(resolve(name).build(), (3, side, side)).total("macs")


@pytest.mark.parametrize(("name", "side", "alpha"), [("mobilenet_v1.w050", 224, 0.5), ("mobilenet_v1", 160, 1.0),
                                                     ("mobilenet_v1.w075", 192, 0.75)])  # fmt: skip
def test_multipliers_of_mobilenet(name: str, side: int, alpha: float):
    """Section 3.4: about α²ρ² of the work (the depthwise and the first layers shrink by α only), and never less."""
    ratio, rule = macs(name, side) / macs("mobilenet_v1"), alpha**2 * (side / 224) ** 2
    assert rule <= ratio + 1e-3
    assert ratio < 1.06 * rule


def test_table_4_of_mobilenet():
    """MACs and parameters as the paper prints them, in millions."""
    for name, work, size in (("mobilenet_v1", 569, 4.2), ("mobilenet_v1.shallow", 307, 2.9), ("mobilenet_v1.w075", 325, 2.6)):
        table = analyse(resolve(name).build())
        assert (round(table.total("macs") / 1e6), round(table.total("params") / 1e6, 1)) == (work, size)


@pytest.mark.parametrize("depth", [110, 164])
def test_identity_paths_stay_clean(depth: int):
    """Nothing stands behind a sum but the next unit: no activation between one sum and the next on the shortcut."""
    arch = resolve(f"preact_resnet{depth}.cifar").build()
    sums = [node for node in arch.nodes if node.record.type == "Add"]
    direct = [node for before, node in pairwise(sums) if before.path in node.inputs]
    n = (depth - 2) // (6 if depth == 110 else 9)
    assert len(sums) == 3 * n
    assert len(direct) == 3 * (n - 1), "all but the units that change the shape"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["preact_resnet1001.cifar", "resnet1202.cifar"])
def test_a_thousand_layers_forward_and_backward(name: str):
    """Every parameter gets a gradient, the first convolution's among them."""
    model = Model(resolve(name).build(), rng()).train()
    x = torch.randn(1, 3, 32, 32, generator=rng())
    nn.functional.cross_entropy(model(x), torch.tensor([3])).backward()
    norms = [p.grad.norm().item() for p in model.parameters() if p.grad is not None]
    assert len(norms) == len(list(model.parameters()))
    assert all(norm == norm and norm < float("inf") for norm in norms)
    assert norms[0] > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["preact_resnet1001.cifar", "resnet1202.cifar", "efficientnet_b7", "densenet201"])
def test_construction_takes_less_than_a_second(name: str, monkeypatch: pytest.MonkeyPatch):
    """Of the processor's time, from the function that defines it to the Module: all but the drawing of its weights."""
    monkeypatch.setattr(Model, "_draw", lambda self, row, generator: None)
    build = resolve(name).build
    start = process_time()
    Model(build())
    assert process_time() - start < 1
