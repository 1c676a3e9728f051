"""The rules on the way back: the deconvnet equals a loop that is written out, exactly; and leaves no trace."""

import gc
import random
import resource
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from neocog.arch import (
    LRN,
    AdaptiveAvgPool2d,
    Architecture,
    AvgPool2d,
    BatchNorm2d,
    ChannelShuffle,
    Concat,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    Flatten,
    HardSigmoid,
    HardSwish,
    Identity,
    LayerNorm2d,
    Linear,
    MaxPool2d,
    Mul,
    Node,
    PadChannels,
    Product,
    Ref,
    ReLU,
    ReLU6,
    Scale,
    Sequential,
    Sigmoid,
    SiLU,
    Slice,
    Sum,
    Tanh,
    analyse,
    architecture,
)
from neocog.arch.layers import Abs, LRNWithinChannel, Subsampling, TableConv2d
from neocog.errors import ShapeError, UserError
from neocog.explain import classes
from neocog.explain.deconvnet.rules import backward, explained, undefined
from neocog.explain.fields.theoretical import unit_field
from neocog.explain.inside import undisturbed, values_at
from neocog.explain.targets import Target
from neocog.nets import list_models, resolve
from neocog.nn import Model
from neocog.nn.create import adapt
from tests.arch import strategies
from tests.explain.oracle import Loop, depths, strongest_place

SHAPE = (2, 19, 16)


def conv(out: int = 4, kernel: int = 3, stride: int = 1, **more: object) -> Sequential:
    return Sequential(Conv2d(out, kernel, stride, **more), ReLU())  # type: ignore[arg-type]


def end(classes: int = 3) -> Sequential:
    return Sequential(Flatten(), Linear(classes))


NETS: dict[str, object] = {
    "plain": Sequential(conv(padding=1), conv(5), end()),
    "overlapping pools": Sequential(conv(), MaxPool2d(3, 2), conv(5), MaxPool2d(3, 1), end()),
    "groups": Sequential(conv(4, padding=1), conv(6, groups=2), end()),
    "sum and BN": Sequential(
        Conv2d(4, 3, bias=False), BatchNorm2d(eps=0), ReLU(),
        Sum(Sequential(Conv2d(4, 3, padding=1), BatchNorm2d(eps=0), ReLU(), Conv2d(4, 3, padding=1), BatchNorm2d(eps=0)),
            Identity()),
        ReLU(), end()),
    "concatenation": Sequential(
        conv(padding=1), Concat(conv(2, 1), conv(3, 3, padding=1), Sequential(MaxPool2d(3, 1, 1), conv(2, 1))), end()),
    "LRN": Sequential(conv(7, padding=1), LRN(5, 0.5, 0.75, 1.0), MaxPool2d(3, 2), conv(6), LRN(3, 0.5, 0.5, 2.0), end()),
    "ReLU6 and depthwise": Sequential(
        Conv2d(4, 3, 2, 1), ReLU6(), DepthwiseConv2d(3, padding=1), ReLU6(), Conv2d(3, 1), end()),
    "gate": Sequential(
        conv(4), Product(Identity(), Sequential(AdaptiveAvgPool2d(1), conv(2, 1), Conv2d(4, 1), Sigmoid())), conv(3), end()),
    "hard gate": Sequential(
        conv(4), Product(Identity(), Sequential(AdaptiveAvgPool2d(1), conv(2, 1), Conv2d(4, 1), HardSigmoid())), end()),
    "highway": Sequential(
        conv(4),
        Sum(
            transformed=Product(Sequential(H=Conv2d(4, 3, padding=1), relu=ReLU()),
                                gate=Sequential(T=Conv2d(4, 3, padding=1), sigmoid=Sigmoid())),
            carried=Product(Identity(), Sequential(Ref("gate"), Scale(-1, 1)))),
        end()),
    "average pools": Sequential(conv(), AvgPool2d(3, 2, 1, True, False), conv(3), AvgPool2d(2, 2, ceil=True), end()),
    "full connections": Sequential(conv(), Flatten(), Linear(8), ReLU(), Dropout(), Linear(6), ReLU(), Linear(3)),
    "ceil pools": Sequential(conv(), MaxPool2d(2, 2, ceil=True), conv(5), MaxPool2d(3, 2, 1, ceil=True), end()),
    "shortcut of zeros": Sequential(
        conv(3), Sum(Sequential(conv(5, 3, 2, padding=1), Conv2d(5, 3, padding=1)),
                     Sequential(MaxPool2d(1, 2), PadChannels(1, 1))), ReLU(), end()),
    "strides that do not fit": Sequential(conv(4, 4, 3), conv(5, 2, 2), end()),
    "holes, uneven padding": Sequential(
        conv(4, 3, dilation=2, padding=((1, 0), (0, 2))), conv(3, 3, 2, padding="same"), MaxPool2d(3, 2, "same"), end()),
    "shuffle and slice": Sequential(
        conv(6), ChannelShuffle(3), Concat(Slice(0, 2), Sequential(Slice(2, 6), conv(3, 1, groups=1))), end()),
    "table, sums": Sequential(
        conv(3), Subsampling(), ReLU(), TableConv2d(((0, 1), (1, 2), (0, 1, 2)), 3), ReLU(), end()),
    "global average": Sequential(conv(4), conv(3, 1), AdaptiveAvgPool2d(1), Flatten()),
    "average to 3×2": Sequential(conv(4), AdaptiveAvgPool2d((3, 2)), conv(3, 1), end()),
}  # fmt: skip
ROUNDED = {"LRN", "gate", "hard gate", "highway", "average pools", "global average", "average to 3×2"}  # thirds, roots, exp
TOLERANCE = 1e-12


def whole_numbers(net: object, shape: tuple[int, ...] = SHAPE, seed: int = 1) -> Model:
    """A network whose arithmetic is exact in float64: small whole weights, BN factors that are powers of two."""
    arch = net if isinstance(net, Architecture) else architecture("net", shape, net)
    model = Model(arch).double().eval()
    draw = torch.Generator().manual_seed(seed)
    for module in model.modules():
        for name, param in module.named_parameters(recurse=False):
            low = 0 if name == "bias" else -2  # or half of the network would be silent
            param.data.copy_(torch.randint(low, 3, param.shape, generator=draw))
        if isinstance(module, nn.BatchNorm2d):
            powers = 2.0 ** torch.randint(-1, 2, module.running_var.shape, generator=draw)  # type: ignore[union-attr]
            module.running_var.copy_(powers**2)  # type: ignore[union-attr]
            module.running_mean.copy_(torch.randint(-2, 3, powers.shape, generator=draw))  # type: ignore[union-attr]
    return model


def picture(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> Tensor:
    """Whole numbers: then an equal sum is equal in any order of adding up."""
    return torch.randint(-3, 4, (1, *shape), generator=torch.Generator().manual_seed(seed)).double()


def check(model: Model, x: Tensor, path: str | None, channel: int, loop: Loop, tolerance: float) -> Tensor:
    """The rule's reconstruction of a unit against the loop's."""
    maps = path is not None and loop.values[path].dim() == 4
    place = strongest_place(loop, path, channel) if path is not None and maps else None
    target = Target(path, torch.tensor([channel]), None if place is None else torch.tensor([place]))
    value, found = explained(model, x, target, "deconvnet")
    wanted_value, wanted = loop.project(path, channel, place)
    size = float(wanted.abs().max())
    assert float((found - wanted).abs().max()) <= tolerance * size, path
    assert float((value - wanted_value).abs()) <= tolerance * max(float(wanted_value.abs()), 1.0), path
    return found


@pytest.mark.parametrize("name", NETS)
def test_the_deconvnet_equals_the_loop_written_out(name: str):
    """Of a unit in every layer: to the last bit where the numbers are whole, else to 1e-12 (test T1)."""
    model, x = whole_numbers(NETS[name]), picture()
    loop, alive = Loop(model, x), 0
    for row in analyse(model.arch).rows:
        answer = loop.values[row.path][0].flatten(1).amax(1) if len(row.output) == 3 else loop.values[row.path][0]
        if undefined(model, "deconvnet", row.path) is None:
            alive += bool(check(model, x, row.path, int(answer.argmax()), loop, TOLERANCE if name in ROUNDED else 0.0).any())
    alive += bool(check(model, x, None, 1, loop, TOLERANCE if name in ROUNDED else 0.0).any())
    assert alive > len(model.arch.nodes) // 2


def gated(arch: Architecture) -> Architecture:
    """A random graph of rectifiers: a ReLU behind each convolution, a sigmoid at all but one factor of a product."""
    nodes: list[Node] = []
    now = {"input": "input"}
    for node in arch.nodes:
        inputs = [now[name] for name in node.inputs]
        if isinstance(node.record, Mul):
            for i in range(1, len(inputs)):
                nodes.append(Node(f"{node.path}g{i}", Sigmoid(), (inputs[i],)))
                inputs[i] = nodes[-1].path
        nodes.append(replace(node, inputs=tuple(inputs)))
        if isinstance(node.record, Conv2d):
            nodes.append(Node(f"{node.path}r", ReLU(), (node.path,)))
        now[node.path] = nodes[-1].path
    return Architecture(arch.name, arch.input, tuple(nodes), now[arch.output])


class Foreign(nn.Module):
    """A network of ours that does not say so."""

    def __init__(self, model: Model):
        super().__init__()
        self.inner = model.forward

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(x)  # type: ignore[return-value]


def check_graph(seed: int) -> bool:
    """A random network: its deconvnet is the loop's, or both the records and the graph say that it has none."""
    arch = gated(strategies.graph(random.Random(seed), 9))
    model, x = whole_numbers(arch, seed=seed), picture(arch.input, seed)
    path = arch.output
    target = Target(path, torch.tensor([0]), torch.tensor([[0, 0]]))
    if (why := undefined(model, "deconvnet", path)) is not None:
        with pytest.raises(UserError):
            backward(model, x, target, "deconvnet")
        words = "not defined" if "not defined" in why else "has no ReLU"
        return words in why and words in (undefined(Foreign(model), "deconvnet", None, x) or "")
    loop = Loop(model, x)
    assume(bool(loop.values[path].isfinite().all()))  # a pool may stand on nothing but padding
    for channel in range(loop.values[path].shape[1]):
        check(model, x, path, channel, loop, TOLERANCE)
    return True


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_random_graphs(seed: int):
    assert check_graph(seed)


@pytest.mark.slow
@given(st.integers(0, 2**32 - 1))
@settings(max_examples=600)
def test_many_random_graphs(seed: int):
    assert check_graph(seed)


RELU_NETS = [name for name in list_models() if undefined(resolve(name).build(), "deconvnet") is None]


def smallest(name: str) -> Architecture:
    """The network on the smallest oblong, odd picture that it takes; where it takes one size only, on that."""
    arch = resolve(name).build()
    for side in (13, 21, 33, 49, 67, 97, 131, 163, 195, 227, 299):
        for shape in ((side, side + 4), (side, side)):
            try:
                return adapt(arch, img_size=shape)
            except ShapeError:
                continue
    return arch


def alive(name: str) -> Model:
    """Drawn weights; batch normalisation as if trained, so that it counts for something."""
    draw = torch.Generator().manual_seed(0)
    model = Model(smallest(name), draw).double().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in ((module.running_var, 0.5, 2.0), (module.running_mean, -0.3, 0.3),
                                      (module.weight, 0.5, 1.5), (module.bias, -0.3, 0.3)):  # fmt: skip
                if tensor is not None:
                    tensor.data.uniform_(low, high, generator=draw)
    return model


@pytest.mark.slow
@pytest.mark.parametrize("name", RELU_NETS)
def test_every_relu_network(name: str):
    """At three depths: the loop's reconstruction (T1), and nothing outside what the unit can see (T3)."""
    model = alive(name)
    x = torch.rand(1, *model.arch.input, dtype=torch.float64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        loop = Loop(model, x)
        for path in depths(model):
            out = loop.values[path or model.arch.output]
            channel = int((out[0].flatten(1).amax(1) if out.dim() == 4 else out[0]).argmax())
            found = check(model, x, path, channel, loop, TOLERANCE)
            if path is not None and out.dim() == 4:
                within(model, path, strongest_place(loop, path, channel), found)


def within(model: Model, path: str, place: tuple[int, int], found: Tensor) -> None:
    seen = unit_field(model.arch, path, place).seen
    outside = found.clone()
    outside[:, :, seen.top : seen.bottom, seen.left : seen.right] = 0
    assert not outside.any(), f"{path}: something came back from outside {seen}"


def test_the_networks_of_rectifiers_are_found_by_their_layers():
    assert {"zfnet", "alexnet", "vgg16", "resnet50", "squeezenet1_0", "mobilenet_v2", "se_resnet50"} <= set(RELU_NETS)
    assert not {"lenet5", "neocognitron", "linear", "perceptron", "knn", "convnext_tiny", "mobilenet_v3_large"} & set(RELU_NETS)


def test_nothing_comes_back_from_outside_the_receptive_field():
    """T3, on a network with strides, padding and pools, at the corner, the edge and the middle of a map."""
    model = whole_numbers(
        Sequential(conv(3, 3, 2, padding=1), MaxPool2d(3, 2), conv(4, 3, padding=1), AvgPool2d(2, 1)), (2, 31, 27)
    )
    x = picture((2, 31, 27))
    for path, place in (("2.0", (0, 0)), ("2.1", (3, 5)), ("3", (5, 1)), ("1", (2, 5))):
        found = backward(model, x, Target(path, torch.tensor([1]), torch.tensor([place])), "deconvnet")
        within(model, path, place, found)


# --- how a ReLU is called (T2) ---

WEIGHTS = [torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(i)).double() for i in (0, 1)]
WEIGHTS[1] = torch.randn(4, 4, 3, 3, generator=torch.Generator().manual_seed(1)).double()


class Called(nn.Module):
    """Two convolutions, a sum and two ReLUs, called in a way of one's own."""

    def __init__(self, relu: Callable[[Tensor], Tensor]):
        super().__init__()
        self.relu = relu
        self.first, self.second = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)
        self.double()
        for layer, weight in zip((self.first, self.second), WEIGHTS, strict=True):
            layer.weight.data.copy_(weight)
            layer.bias.data.fill_(0.1)  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        a = self.relu(self.first(x))
        return F.max_pool2d(self.relu(self.second(a) + a), 3, 2).flatten(1)


WAYS: dict[str, Callable[[Tensor], Tensor]] = {
    "module, used twice": nn.ReLU(),
    "module in place": nn.ReLU(inplace=True),
    "torch.relu": torch.relu,
    "functional in place": lambda x: F.relu(x, inplace=True),
    "method": lambda x: x.relu(),
    "clamp": lambda x: x.clamp(min=0),
    "clamp_min in place": lambda x: x.clamp_min_(0),
    "threshold": lambda x: F.threshold(x, 0, 0),
    "hardtanh": lambda x: F.hardtanh(x, 0, 1e9),
}


@pytest.mark.parametrize("rule", ["deconvnet", "guided"])
@pytest.mark.parametrize("way", WAYS)
def test_it_does_not_matter_how_a_relu_is_called(way: str, rule: str):
    x = torch.randn(2, 2, 9, 7, generator=torch.Generator().manual_seed(3)).double()
    plain = Called(F.relu)
    wanted = backward(plain, x, classes([5, 11]), rule)
    assert torch.equal(backward(Called(WAYS[way]), x, classes([5, 11]), rule), wanted)
    assert wanted.any() and not torch.allclose(wanted, backward(plain, x, classes([5, 11]), "gradient"))


class Inner(nn.Module):
    """Some other wrapper around the same computation."""

    def __init__(self, call: Callable[[nn.Module, Tensor], Tensor]):
        super().__init__()
        self.net, self.call = Called(F.relu), call

    def forward(self, x: Tensor) -> Tensor:
        return self.call(self.net, x)


@pytest.mark.slow  # torch loads much for it
def test_a_checkpointed_module_is_as_any():
    from torch.utils.checkpoint import checkpoint

    x = torch.randn(1, 2, 9, 7, generator=torch.Generator().manual_seed(3)).double()
    wanted = backward(Called(F.relu), x, classes([5]), "deconvnet")
    again = Inner(lambda net, x: checkpoint(net, x, use_reentrant=False))  # type: ignore[arg-type, return-value]
    assert torch.equal(backward(again, x, classes([5]), "deconvnet"), wanted)


@pytest.mark.slow  # torch's compiler takes seconds to load
def test_a_compiled_module_is_as_any():
    x = torch.randn(1, 2, 9, 7, generator=torch.Generator().manual_seed(3)).double()
    wanted = backward(Called(F.relu), x, classes([5]), "deconvnet")
    compiled = torch.compile(Called(F.relu), backend="aot_eager")
    compiled(x)  # compiled once: its graph would be one opaque node
    assert torch.equal(backward(compiled, x, classes([5]), "deconvnet"), wanted)  # type: ignore[arg-type]


@pytest.mark.slow
def test_the_old_way_of_checkpointing_is_refused():
    from torch.utils.checkpoint import checkpoint

    hidden = Inner(lambda net, x: checkpoint(net, x, use_reentrant=True))  # type: ignore[arg-type, return-value]
    with pytest.raises(UserError, match="Checkpoint"):
        backward(hidden, torch.ones(1, 2, 9, 7).double(), classes([5]), "deconvnet")


# --- what has no rule ---

SILENT: dict[str, tuple[Callable[[Tensor], Tensor], str]] = {
    "tanh": (torch.tanh, "Tanh"),
    "leaky": (lambda x: F.leaky_relu(x), "LeakyRelu"),
    "swish by hand": (lambda x: x * torch.sigmoid(x), "Mul"),
    "hard swish by hand": (lambda x: x * F.relu6(x + 3) / 6, "Mul"),
    "sigmoid": (torch.sigmoid, "Sigmoid"),
    "clamp elsewhere": (lambda x: x.clamp(min=-1), "Clamp"),
    "mask": (lambda x: x * (x > 0), "comparison"),
    "where": (lambda x: torch.where(x > 0, x, 0.0), "comparison"),
    "a part in place": (lambda x: (F.relu_(x[:, :2]), x)[1], "CopySlices"),
    "layer norm": (lambda x: F.layer_norm(x, x.shape[1:]).relu(), "NativeLayerNorm"),
    "instance norm": (lambda x: F.instance_norm(x).relu(), "BatchNorm"),
    "norm by hand": (lambda x: (x / x.sum()).relu(), "Div"),
}


@pytest.mark.parametrize("unit", SILENT)
def test_what_has_no_rule_is_refused_and_named(unit: str):
    call, named = SILENT[unit]
    model, x = Called(call), torch.randn(1, 2, 9, 7, generator=torch.Generator().manual_seed(0)).double()
    for rule in ("deconvnet", "guided"):
        with pytest.raises(UserError, match=rule) as refusal:
            backward(model, x, classes([0]), rule)
        assert named in str(refusal.value) and "gradient or occlusion" in str(refusal.value)
        assert undefined(model, rule, x=x) == str(refusal.value)
    best = classes(model(x).argmax(1))
    assert backward(model, x, best, "gradient").any()


@pytest.mark.parametrize("record", [Tanh(), SiLU(), HardSwish(), LayerNorm2d(), Abs(), Sigmoid()], ids=repr)
def test_networks_of_other_units_are_refused_by_their_records(record: object):
    model = whole_numbers(Sequential(conv(3), Conv2d(3, 3), record, end()))
    why = undefined(model, "deconvnet")
    assert why is not None and "at '2'" in why and "gradient or occlusion" in why
    assert undefined(model, "deconvnet", "1") is None  # below it all is defined
    assert backward(model, picture(), Target("1", torch.tensor([0])), "deconvnet").any()
    with pytest.raises(UserError, match="at '2'"):
        backward(model, picture(), classes([0]), "deconvnet")


def test_a_network_without_relu_is_refused_too():
    model = whole_numbers(Sequential(Conv2d(3, 3), end()))
    assert "no ReLU" in (undefined(model, "deconvnet") or "") and undefined(model, "gradient") is None
    with pytest.raises(UserError, match="no rule 'x'"):
        undefined(model, "x")


def test_normalisation_is_skipped_whoever_calls_it():
    """Ours, torch's module and torch's function give one reconstruction; and the way back through them another."""
    layers = (nn.Conv2d(2, 7, 3), nn.Conv2d(7, 4, 3))
    x = torch.randn(1, 2, 9, 9)

    def net(norm: Callable[[Tensor], Tensor]) -> nn.Module:
        return nn.Sequential(layers[0], nn.ReLU(), _Call(norm), layers[1], nn.ReLU(), nn.Flatten())

    from neocog.nn.layers import LRN as OURS
    from neocog.nn.local import LRNWithinChannel as WITHIN

    settings = (5, 2.0, 0.75, 1.0)
    function = net(lambda x: F.local_response_norm(x, *settings))
    unit = classes([int(function(x).argmax())])
    found = [
        backward(one, x, unit, "deconvnet")
        for one in (function, net(nn.LocalResponseNorm(*settings)), net(OURS(*settings, True)))
    ]
    assert found[0].any() and torch.equal(found[0], found[1]) and torch.allclose(found[0], found[2], rtol=1e-5)
    gradient = backward(function, x, unit, "gradient")
    leaf = x.clone().requires_grad_()
    function(leaf)[0, unit.channels[0]].backward()
    assert leaf.grad is not None and torch.allclose(gradient, leaf.grad, rtol=1e-5)
    within_map = net(WITHIN(3, 2.0, 0.75, 1.0))
    assert undefined(within_map, "deconvnet", x=x) is None and backward(within_map, x, unit, "deconvnet").any()
    assert not any(module._forward_hooks for module in within_map.modules())
    records = whole_numbers(Sequential(conv(4), LRNWithinChannel(3), end()))
    assert undefined(records, "deconvnet") is None


class _Call(nn.Module):
    def __init__(self, call: Callable[[Tensor], Tensor]):
        super().__init__()
        self.call = call

    def forward(self, x: Tensor) -> Tensor:
        return self.call(x)


# --- what follows from the definition ---


def test_without_rectifiers_on_the_way_it_is_the_gradient():
    """T4: pools and sums, no ReLU below the unit."""
    model = whole_numbers(Sequential(Conv2d(4, 3), MaxPool2d(3, 2), Conv2d(3, 3), ReLU(), end()))
    target, x = Target("2", torch.tensor([1]), torch.tensor([[1, 2]])), picture()
    maps = [backward(model, x, target, rule) for rule in ("gradient", "deconvnet", "guided")]
    assert maps[0].any() and torch.equal(maps[0], maps[1]) and torch.equal(maps[0], maps[2])


def test_scale_and_two_units():
    """T5: positively homogeneous in the seed. T6: two units that see different pixels, and meet in no ReLU, add up."""
    model, x = whole_numbers(Sequential(conv(4), conv(3), Scale(3.0), conv(2, 1))), picture()
    one = backward(model, x, Target("1.1", torch.tensor([0]), torch.tensor([[0, 0]])), "deconvnet")
    three = backward(model, x, Target("2", torch.tensor([0]), torch.tensor([[0, 0]])), "deconvnet")
    assert one.any() and torch.equal(three, 3 * one)

    class Both(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            maps = values_at(model, x, ("1.1",))["1.1"]
            return (maps[:, 0, 0, 0] + maps[:, 1, 10, 7])[:, None]

    other = backward(model, x, Target("1.1", torch.tensor([1]), torch.tensor([[10, 7]])), "deconvnet")
    assert other.any() and torch.equal(backward(Both(), x, classes([0]), "deconvnet"), one + other)


def test_the_hand_example():
    """T7. A 4×4 picture, a 1×1 filter of 1, a 3×3 pool of stride 1, whose four windows overlap, and a 2×2 filter.

    All four windows have their maximum at 9, so that unpooling adds up all four weights there: 1 − 2 + 3 + 4 = 6. A second
    picture has two maxima: 9 for the two windows above, 8 for the two below: 1 − 2 = −1, rectified to 0, and 3 + 4 = 7.
    """
    model = whole_numbers(Sequential(Conv2d(1, 1, bias=False), ReLU(), MaxPool2d(3, 1), Conv2d(1, 2, bias=False)), (1, 4, 4))
    model.get_submodule("0").weight.data.fill_(1)  # type: ignore[operator, union-attr]
    model.get_submodule("3").weight.data.copy_(torch.tensor([[[[1.0, -2], [3, 4]]]]))  # type: ignore[operator, union-attr]
    one = torch.tensor([[1.0, 2, 3, 4], [5, 9, 6, 1], [2, 3, 1, 0], [4, 1, 2, -5]])
    two = torch.tensor([[1.0, 9, 3, 4], [5, 4, 6, 1], [2, 3, 1, 0], [4, 8, 2, -5]])
    x = torch.stack((one, two))[:, None].double()
    target = Target("3", torch.tensor([0, 0]), torch.tensor([[0, 0], [0, 0]]))
    values, maps = explained(model, x, target, "deconvnet")
    wanted = torch.zeros(2, 1, 4, 4).double()
    wanted[0, 0, 1, 1] = 6
    wanted[1, 0, 3, 1] = 7
    assert torch.equal(maps, wanted)
    assert values.tolist() == [9 * 6, 9 * (1 - 2) + 8 * (3 + 4)]
    gradient = backward(model, x, target, "gradient")
    assert gradient[1, 0, 0, 1] == -1 and gradient[1, 0, 3, 1] == 7
    weights, switches = torch.tensor([[[[1.0, -2], [3, 4]]]]), torch.full((1, 1, 2, 2), 5)
    mistaken = nn.MaxUnpool2d(3, 1)(weights, switches, output_size=[4, 4])  # where windows overlap, one of them wins
    assert mistaken[0, 0, 1, 1] == 4


def test_each_picture_has_its_own_unit():
    model = whole_numbers(NETS["overlapping pools"])
    x = torch.cat([picture(seed=i) for i in range(3)])
    channels, places = torch.tensor([0, 3, 1]), torch.tensor([[0, 1], [2, 2], [1, 0]])
    together = backward(model, x, Target("2.1", channels, places), "deconvnet")
    for i in range(3):
        alone = backward(model, x[i : i + 1], Target("2.1", channels[i : i + 1], places[i : i + 1]), "deconvnet")
        assert torch.equal(together[i], alone[0])
    with pytest.raises(UserError, match="3 pictures and 2 units"):
        backward(model, x, classes([0, 1]))


def test_it_works_where_gradients_are_off():
    model, x = whole_numbers(NETS["LRN"]), picture()
    wanted = backward(model, x, classes([1]), "deconvnet")
    with torch.inference_mode():
        assert torch.equal(backward(model, x.clone(), classes([1]), "deconvnet"), wanted)
    with torch.no_grad():
        assert torch.equal(backward(model, x, classes([1]), "deconvnet"), wanted)


# --- no trace (T14) ---


def state(model: nn.Module) -> list[object]:
    hooks = [
        (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks), len(m._backward_pre_hooks))
        for m in model.modules()
    ]
    return [hooks, [m.training for m in model.modules()], [p.requires_grad for p in model.parameters()]]


@pytest.mark.parametrize("fail", [False, True])
def test_the_model_is_left_as_it_was(fail: bool):
    model = whole_numbers(NETS["sum and BN"]).train()
    model.get_submodule("1").eval()
    first = next(model.parameters())
    first.grad = torch.ones_like(first)
    list(model.parameters())[1].requires_grad_(False)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    was = state(model)
    if fail:
        with pytest.raises(IndexError):
            backward(model, picture(), classes([99]), "deconvnet")
    else:
        backward(model, picture(), classes([0]), "deconvnet")
    assert state(model) == was and torch.equal(first.grad, torch.ones_like(first))
    assert all(p.grad is None for p in list(model.parameters())[1:])
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_memory_does_not_grow():
    """100 calls leave no tensor behind, and the process no larger than by half of one picture's maps a call."""
    model, x = whole_numbers(NETS["LRN"], (2, 63, 60)), picture((2, 63, 60))

    def tensors() -> int:
        gc.collect()
        return sum(1 for one in gc.get_objects() if type(one) in (Tensor, nn.Parameter))

    for _ in range(5):
        backward(model, x, classes([0]), "deconvnet")
    count, size = tensors(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for _ in range(100):
        backward(model, x, classes([0]), "deconvnet")
    assert tensors() == count
    if sys.platform == "linux":
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - size  # KiB
        assert grown < 100 * x.numel() * 8 * 7 / 2 / 2 / 1024, f"{grown} KiB more"


def test_undisturbed_is_enough_for_dropout_and_batch_norm():
    """In training mode the answer is still eval's: what is explained is what predicts."""
    model = whole_numbers(NETS["full connections"]).train()
    x = picture()
    one, two = (backward(model, x, classes([0]), "deconvnet") for _ in range(2))
    with undisturbed(model):
        assert torch.equal(one, two) and torch.equal(one, backward(model, x, classes([0]), "deconvnet"))
