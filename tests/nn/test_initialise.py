"""What networks start from: each tensor's distribution, as its paper says."""

import math

import pytest
import torch

from neocog.arch import (
    CaffeXavier,
    Codes,
    Constant,
    Conv2d,
    FanInUniform,
    GlorotUniform,
    HeNormal,
    Init,
    Linear,
    Normal,
    TorchDefault,
    Uniform,
    architecture,
)
from neocog.arch.rewrite import tensors
from neocog.errors import UserError
from neocog.nets import resolve
from neocog.nets.lenet import C3
from neocog.nn import Model, create_model
from tests.conftest import rng


def spread(init: Init, fan_in: int, fan_out: int) -> tuple[float, float | None]:
    """(standard deviation, bound), from the formulas again."""
    match init:
        case Constant():
            return 0.0, None
        case Normal(std=std):
            return std, None
        case Uniform(low=low, high=high):
            return (high - low) / math.sqrt(12), max(abs(low), abs(high))
        case HeNormal(fan=fan, gain=gain):
            return gain / math.sqrt(fan_in if fan == "fan_in" else fan_out), None
        case GlorotUniform():
            bound = math.sqrt(6 / (fan_in + fan_out))
        case CaffeXavier():
            bound = math.sqrt(3 / fan_in)
        case FanInUniform(scale=scale):
            bound = scale / fan_in
        case TorchDefault():
            bound = 1 / math.sqrt(fan_in)
    return bound / math.sqrt(3), bound


SIDES = {"alexnet": 67, "caffenet": 67, "alexnet.owt": 64, "vgg11": 32, "vgg13": 32}


@pytest.mark.parametrize(
    "name",
    ["lenet5.modern", "lenet.caffe", "mlp", "alexnet", "resnet18", "resnet8.cifar",
     *(pytest.param(n, marks=pytest.mark.slow) for n in ("caffenet", "alexnet.owt", "vgg11", "vgg13", "resnet50"))],
)  # fmt: skip
def test_spread_of_large_tensors(name: str):
    """Mean 0 and the right standard deviation within 5 %, fans worked out from the shapes here."""
    model = create_model(name, img_size=SIDES.get(name), generator=rng())
    large = 0
    for key, param in tensors(model.arch).items():
        value = model.state_dict()[key]
        if not key.endswith("weight") or value.dim() < 2:
            continue
        fan_in = value[0].numel()
        fan_out = value.shape[0] * value[0, 0].numel()
        std, bound = spread(param.init, fan_in, fan_out)
        if bound is not None:
            assert value.abs().max() <= bound
        if value.numel() < 4000:
            continue
        large += 1
        assert abs(value.std().item() / std - 1) < 0.05, key
        assert abs(value.mean().item()) < 5 * std / math.sqrt(value.numel()), key
    assert large >= 1


@pytest.mark.parametrize("init", [Normal(0.3), Uniform(-0.2, 0.2), HeNormal(), HeNormal("fan_out"), HeNormal(gain=1.0),
                                  GlorotUniform(), FanInUniform(2.4), TorchDefault()])  # fmt: skip
def test_every_rule(init: Init):
    """On a grouped convolution (fan-in counts one group) and on a full connection."""
    conv = Model(architecture("c", (32, 4, 4), Conv2d(64, 3, groups=4, init=init, bias_init=init)), rng())
    full = Model(architecture("l", (200,), Linear(100, init=init)), rng())
    for model, fan_in, fan_out in ((conv, 8 * 9, 64 * 9), (full, 200, 100)):
        weight = next(model.parameters())
        std, bound = spread(init, fan_in, fan_out)
        assert abs(weight.std().item() / std - 1) < 0.05
        if bound is not None:
            assert bound * 0.99 < weight.abs().max() <= bound
    bias = list(conv.parameters())[1]
    assert bias.std().item() > 0


def test_alexnets_biases():
    """Ones where they feed ReLUs that should start alive: conv2, 4, 5, fc6, fc7 (section 5)."""
    model = create_model("alexnet", img_size=67, generator=rng())
    biases = {key.removesuffix(".bias"): v.unique().tolist() for key, v in model.state_dict().items() if key.endswith("bias")}
    ones = {"conv2", "conv4", "conv5", "fc6", "fc7"}
    assert biases == {name: [1.0 if name in ones else 0.0] for name in ("conv1", "conv2", "conv3", "conv4", "conv5",
                                                                     "fc6", "fc7", "fc8")}  # fmt: skip


def test_caffenet_differs_in_two_layers():
    model = create_model("caffenet", img_size=67, generator=rng())
    stds = {k.removesuffix(".weight"): round(v.std().item(), 3) for k, v in model.state_dict().items() if k.endswith("weight")}
    assert stds == dict.fromkeys(("conv1", "conv2", "conv3", "conv4", "conv5", "fc8"), 0.01) | {"fc6": 0.005, "fc7": 0.005}


def test_lenet5_counts_the_links_of_each_map():
    """±2.4 / fan-in, where a map of C3 has 3, 4 or 6 maps of 25 weights to read (section III.C)."""
    state = create_model("lenet5", generator=rng()).state_dict()
    weight, at = state["C3.weight"], 0
    scaled = []
    for row in C3:
        bound = 2.4 / (25 * len(row))
        planes = weight[at : at + len(row)]
        at += len(row)
        assert planes.abs().max() <= bound
        assert planes.abs().max() > 0.9 * bound, "one bound for all maps would leave these short of it"
        scaled.append(planes.flatten() / bound)
    assert at == 60
    assert abs(torch.cat(scaled).std().item() * math.sqrt(3) - 1) < 0.05
    assert state["C1.weight"].abs().max() <= 2.4 / 25
    assert state["C5.weight"].abs().max() <= 2.4 / 400
    assert state["F6.weight"].abs().max() <= 2.4 / 120


def test_lenet5s_codes():
    """Ten 7×12 bitmaps of ±1; the nearest are 6 and 8, 12 bits apart, the farthest 50 bits."""
    model = create_model("lenet5")
    codes = model.output.weight
    assert tuple(codes.shape) == (10, 84)
    assert set(codes.unique().tolist()) == {-1.0, 1.0}
    assert not codes.requires_grad
    apart = {(i, j): int((codes[i] != codes[j]).sum()) for i in range(10) for j in range(i)}
    assert min(apart.values()) == 12
    assert [pair for pair, n in apart.items() if n == 12] == [(8, 6)]
    assert max(apart.values()) == 50
    one = ["".join(".#"[int(v > 0)] for v in row) for row in codes[1].view(12, 7)]
    assert one[:4] == ["...##..", "..###..", ".####..", "...##.."]


def test_codes_must_fit():
    from neocog.arch import RBF

    with pytest.raises(UserError, match="codes of 2×3 do not fit units of 2×4"):
        Model(architecture("r", (4,), RBF(2, init=Codes(("101", "010")))))


def test_normalisations_start_as_the_identity():
    state = create_model("resnet8.cifar").state_dict()
    for key, value in state.items():
        if ".bn" in key or key.startswith("bn"):
            want = 1 if key.endswith(("weight", "running_var")) else 0
            assert (value == want).all(), key


def test_the_perceptron_starts_at_zero():
    assert all((v == 0).all() for v in create_model("perceptron").state_dict().values())


@pytest.mark.parametrize(("name", "init"), [("vgg11", GlorotUniform()), ("vgg13", GlorotUniform()), ("vgg19", GlorotUniform())])
def test_vggs_start(name: str, init: Init):
    """Glorot's rule, the paper's later advice (section 3.1), for all of them."""
    assert {n.record.init for n in resolve(name).build().nodes if isinstance(n.record, Conv2d | Linear)} == {init}
