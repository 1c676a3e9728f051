"""Facts about the early nets that totals do not show: who shares weights, who passes its input through."""

import json
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from neocog.arch import Conv2d, Linear, LocallyConnected2d, TableConv2d, analyse
from neocog.arch.diff import diff
from neocog.nets import list_models, nets, resolve
from neocog.nets.context import context
from neocog.nets.highway import fully_connected
from neocog.nets.lecun1989 import lenet1989
from neocog.nn import Model, create_model
from tests.conftest import Agree, check_declared, check_shapes, error, picture, randomise, rng


def table(name: str):
    return analyse(resolve(name).build())


# --- 1989 -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "weights", "links"),
    [(1, 2_570, 2_570), (2, 3_214, 3_214), (3, 1_226, 1_226), (4, 1_132, 2_266), (5, 1_060, 5_194)],
)
def test_nets_of_1989(number: int, weights: int, links: int, agree: Agree):
    """Sharing gives more connections from fewer weights, Net-5 five to one (LeCun 1989; Hastie et al., table 11.1)."""
    found = table(f"lecun1989.net{number}")
    assert (found.total("trainable"), found.total("connections")) == (weights, links)
    assert found.total("params") == weights
    agree(f"lecun1989.net{number}", "Hastie et al., table 11.1", "weights and links")


def test_zip_code_net(agree: Agree):
    """LeCun et al. 1989: 1,256 units, the picture's 256 among them, 64,660 connections, 9,760 weights; layer by layer."""
    found = table("lenet1989")
    assert found.total("neurons") + 256 == 1_256
    assert (found.total("connections"), found.total("params")) == (64_660, 9_760)
    layers = {}
    for row in found.rows:
        layer = layers.setdefault(row.path.split(".")[0], [0, 0])
        layer[0] += row.params
        layer[1] += row.connections
    assert {k: tuple(v) for k, v in layers.items() if any(v)} == {
        "H1": (1_068, 19_968), "H2": (2_592, 38_592), "H3": (5_790, 5_790), "output": (310, 310)}  # fmt: skip
    reads = resolve("lenet1989").build().by_path["H2.units"].record.table
    assert [len(set(row)) for row in reads] == [8] * 12
    assert {sum(m in row for row in reads) for m in range(12)} == {8}, "each map of H1 is read as often"
    agree("lenet1989", "the paper", "1,256 units, 64,660 connections, 9,760 weights")


def test_zip_code_net_step_by_step():
    """The forward pass written out again: background -1 beyond the border, biases of each unit, blocks of eight maps."""
    model = Model(lenet1989(), rng()).eval()
    randomise(model)
    weights = dict(model.named_parameters())

    def squash(x: torch.Tensor) -> torch.Tensor:
        return 1.7159 * torch.tanh(2 * x / 3)

    x = picture(model.arch, 3)
    h1 = squash(F.conv2d(F.pad(x, (2, 2, 2, 2), value=-1.0), weights["H1.units.weight"], stride=2) + weights["H1.bias.bias"])
    padded = F.pad(h1, (2, 2, 2, 2), value=-1.0)
    planes = weights["H2.units.weight"].unflatten(0, (12, 8))
    blocks = [padded[:, :8], padded[:, 4:], torch.cat([padded[:, :4], padded[:, 8:]], 1)]
    parts = [F.conv2d(part, planes[4 * i : 4 * i + 4], stride=2) for i, part in enumerate(blocks)]
    h2 = squash(torch.cat(parts, 1) + weights["H2.bias.bias"])
    h3 = squash(F.linear(h2.flatten(1), weights["H3.weight"], weights["H3.bias"]))
    want = squash(F.linear(h3, weights["output.weight"], weights["output.bias"]))
    assert error(model(x), want) <= 1e-5


# --- shared or not ----------------------------------------------------------------------------------------------------


def test_locally_connected_beside_convolution():
    """AlexNet's first layer: 3,025 times the weights for the same work."""
    shared, unshared = table("alexnet").by_path["conv1"], table("alexnet.lc1").by_path["conv1"]
    assert (shared.params, unshared.params) == (34_944, 105_705_600) == (34_944, 290_400 * 364)
    assert shared.macs == unshared.macs == 105_415_200
    assert (shared.output, shared.receptive_field) == (unshared.output, unshared.receptive_field)
    assert isinstance(unshared.node.record, LocallyConnected2d)
    assert {c.where for c in diff(resolve("alexnet").build(), resolve("alexnet.lc1").build())} == {"conv1"}


def test_full_connections_as_convolutions_end_the_maps():
    """TF-slim's fc6 is a 5×5 convolution: the field told is pool5's, 195 at stride 32. LeNet-5's C5 is a map of the paper."""
    slim = table("alexnet.slim")
    assert slim.last_map.path == "pool5"
    assert slim.by_path["fc6"].output == (4096, 1, 1)
    assert (slim.by_path["fc6"].params, slim.by_path["fc8"].params) == (256 * 25 * 4096 + 4096, 4096 * 1000 + 1000)
    assert table("lenet5").last_map.path.startswith("C5")


def test_one_by_one_convolution_is_a_full_connection_at_each_pixel():
    """Lin et al. 2013, section 3.1: cascaded cross-channel pooling."""
    model = create_model("nin.cifar10", generator=rng()).eval()
    cccp = model.get_submodule("cccp3")
    x = torch.randn(2, 192, 5, 4, generator=rng(1))
    got = cccp(x)
    for r in range(5):
        for c in range(4):
            want = F.linear(x[:, :, r, c], cccp.weight[:, :, 0, 0], cccp.bias)
            assert error(got[:, :, r, c], want) <= 1e-5


# --- all-convolutional ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", "abc")
def test_ways_to_shrink(base: str):
    """Table 2: a stride adds no weights; a convolution before the pool adds what one in its place does; "all" has no pool."""
    ways = {way: table(f"allcnn_{base}" + way) for way in ("", ".base", ".strided", ".convpool")}
    params = {way: found.total("params") for way, found in ways.items()}
    assert params[".base"] == params[".strided"] < params[""] == params[".convpool"]
    pools = {way: sum(row.node.record.type == "MaxPool2d" for row in found.rows) for way, found in ways.items()}
    assert pools == {"": 0, ".base": 2, ".strided": 0, ".convpool": 2}
    for found in ways.values():
        assert found.by_path["c5"].output == (10, 6, 6), "the paper averages over 6×6"
        assert not any(isinstance(row.node.record, Linear) for row in found.rows)
    assert len(list_models("allcnn_*")) == 12


# --- context modules --------------------------------------------------------------------------------------------------


def class_maps(classes: int) -> torch.Tensor:
    """Scores that are nowhere negative, as a softmax gives them: a ReLU changes nothing."""
    return torch.randn(1, classes, 64, 64, generator=rng(3)).softmax(1)


def test_basic_context_passes_its_input_through():
    """Yu & Koltun 2016, equation 4: the start is the identity, to the last bit."""
    model = create_model("context.basic", generator=rng()).eval()
    check_declared(model)
    x = class_maps(21)
    check_shapes(model, x)
    with torch.no_grad():
        assert torch.equal(model(x), x)


def test_large_context_passes_its_input_through():
    """Equation 5: exactly without the noise, nearly with it; the noise tells the maps of one class apart."""
    x = class_maps(3)
    multiples = (2, 2, 4, 8, 16, 32, 32, 1)
    with torch.no_grad():
        assert error(Model(context("x", multiples, 0.0, num_classes=3)).eval()(x), x) <= 1e-6
        noisy = Model(context("x", multiples, 0.01, num_classes=3), rng()).eval()
        assert 1e-3 < error(noisy(x), x) < 0.5
    first = noisy.get_submodule("ctx1").weight
    assert not torch.equal(first[0], first[1]), "two maps of the first class"


def test_context_sees_67_pixels():
    """Table 1's receptive fields: 3, 5, 9, 17, 33, 65, 67, 67. A point in the input reaches so far and no farther."""
    found = analyse(context("x", num_classes=2))
    fields = [row.receptive_field[0] for row in found.rows if isinstance(row.node.record, Conv2d)]
    assert fields == [3, 5, 9, 17, 33, 65, 67, 67]
    model = Model(found.arch, rng()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(0.05)
        x = torch.zeros(1, 2, 101, 101)
        background = model(x)
        x[0, 0, 50, 50] = 1.0
        reached = (model(x) - background)[0, 0].abs() > 1e-9
    rows, columns = reached.any(1).nonzero().flatten(), reached.any(0).nonzero().flatten()
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (50 - 33, 50 + 33, 50 - 33, 50 + 33)


# --- highway ----------------------------------------------------------------------------------------------------------


def test_highway_counts(agree: Agree):
    """Training very deep networks: highway and plain layers of about 5,000 numbers each; 39, 151 thousand, 2.3 million."""
    assert (table("highway10.fc").total("params"), table("mlp.71x10").total("params")) == (85_660, 102_463)
    for depth in (20, 50, 100):
        assert table(f"highway{depth}.fc").total("params") == 85_660 + (depth - 10) * 5_100
        assert table(f"mlp.71x{depth}").total("params") == 102_463 + (depth - 10) * 5_112
    found = [table(name).total("params") for name in ("highway10.mnist16", "highway10.mnist", "highway19.cifar")]
    assert found == [38_986, 151_690, 2_256_838]
    agree("highway10.mnist16", "the paper", "39K parameters, to the thousand")
    agree("highway10.mnist", "the paper", "151K parameters, to the thousand")
    agree("highway19.cifar", "the paper", "2.3M parameters, to the hundred thousand")


def gates(model: Model) -> list[torch.nn.Module]:
    return [module for path, module in model.named_modules() if path.endswith("gate.T")]


@pytest.mark.parametrize("name", ["highway10.fc", "highway10.mnist"])
def test_closed_gates_carry(name: str):
    """T → 0 makes a layer the identity, whatever H is; T → 1 makes it H: both limits, on the running network."""
    model = create_model(name, generator=rng()).eval()
    first = next(path for path, _ in model.named_modules() if path.endswith("gate.T")).removesuffix(".gate.T")
    reads = model.arch.by_path[f"{first}.H"].inputs[0]
    seen: dict[str, torch.Tensor] = {}
    for path in (reads, f"{first}.relu", f"{first}.y"):
        model.get_submodule(path).register_forward_hook(lambda m, a, out, path=path: seen.__setitem__(path, out))
    x = picture(model.arch)
    with torch.no_grad():
        model(x)
        assert not torch.equal(seen[f"{first}.y"], seen[reads]), "at first a gate is ajar"
        for gate in gates(model):
            gate.bias.fill_(-1e4)
        model(x)
        assert torch.equal(seen[f"{first}.y"], seen[reads])
        for gate in gates(model):
            gate.bias.fill_(1e4)
        model(x)
        assert torch.equal(seen[f"{first}.y"], seen[f"{first}.relu"])
        assert not torch.equal(seen[f"{first}.relu"], seen[reads])


def test_gates_start_negative():
    for name, bias in (("highway10.fc", -2.0), ("highway10.mnist", -1.0), ("highway19.cifar", -2.0)):
        model = create_model(name, generator=rng())
        assert gates(model)
        assert all((gate.bias == bias).all() for gate in gates(model))


def test_a_deep_highway_lets_the_gradient_through():
    """The reason for it: behind 49 layers the first one still hears of the error; behind 49 plain ones it hears far less."""

    def first_gradient(gated: bool) -> float:
        arch = fully_connected("x", 50, 50, gated)
        model = Model(arch, rng()).train()
        with torch.no_grad():
            for path, module in model.named_modules():
                if isinstance(module, torch.nn.Linear) and not path.endswith("gate.T"):
                    module.weight.mul_(0.7)  # a start that is a little too small, which depth multiplies
        F.cross_entropy(model(picture(arch, 16)), torch.arange(16) % 10).backward()
        return model.get_submodule("fc1").weight.grad.norm().item()

    assert first_gradient(True) > 1000 * first_gradient(False) > 0


# --- cards ------------------------------------------------------------------------------------------------------------


def test_ensembles_are_told_apart():
    """14.8 % is six nets, 16.5 % is one."""
    results = {(r.data, r.nets): r.top5 for r in resolve("zfnet").card.results}
    assert results["ILSVRC-2012 test", 6] == 14.8
    assert results["ILSVRC-2012 val", 1] == 16.5


def test_tables_of_maps_without_a_bias():
    assert TableConv2d(((0,),), 3, bias=False).connections((1, 5, 5)) == 9 * 9


def test_golden_rows_of_this_file():
    golden = {row["id"] for row in json.loads((Path(__file__).parent / "golden.json").read_text())}
    assert {name for name in nets() if name.startswith(("zfnet", "nin", "allcnn", "context", "alexnet.slim"))} <= golden
