"""What the Inception papers say of their modules, in numbers; GoogLeNet's and SqueezeNet's variants beside one another."""

import pytest
import torch

from neocog.arch import Analysis, BatchNorm2d, Constant, Conv2d, Leaf, Scale, Sequential, Shape, Windowed, analyse, architecture
from neocog.arch.depth import depth
from neocog.nets import resolve
from neocog.nets.inception_resnet import residual
from neocog.nets.inception_v1 import inception, inception_naive
from neocog.nets.inception_v3 import factorised, grid_reduction
from neocog.nets.inception_v4 import branch
from neocog.nets.parts import conv_bn
from neocog.nn import Model
from tests.conftest import error, rng


def table(step: Sequential, shape: Shape) -> Analysis:
    return analyse(architecture("step", shape, step))


def test_naive_and_reduced_module():
    """Module 3a of GoogLeNet without and with its 1×1 reductions: 2.4 times the weights and products, maps that only grow."""
    naive = table(inception_naive(64, 128, 32), (192, 28, 28))
    reduced = table(inception(64, 96, 128, 16, 32, 32), (192, 28, 28))
    assert (naive.total("params"), naive.total("macs"), naive.output) == (387_296, 303_464_448, (416, 28, 28))
    assert (reduced.total("params"), reduced.total("macs"), reduced.output) == (163_696, 128_049_152, (256, 28, 28))
    again = table(inception_naive(64, 128, 32), naive.output)
    assert again.output[0] == naive.output[0] + 64 + 128 + 32


def test_reduction_before_a_5x5():
    """The textbooks' sum: 5×5 to 32 maps from 192, straight and through 16 maps."""
    straight = table(Sequential(Conv2d(32, 5, padding=2, bias=False)), (192, 28, 28))
    through = table(Sequential(Conv2d(16, 1, bias=False), Conv2d(32, 5, padding=2, bias=False)), (192, 28, 28))
    assert straight.total("macs") == 28 * 28 * 192 * 32 * 25 == 120_422_400
    assert through.total("macs") == 28 * 28 * (192 * 16 + 16 * 32 * 25) == 12_443_648


def test_googlenet_and_torchvisions():
    """What sets the two apart, all of it."""
    paper, tv = (resolve(name).build() for name in ("googlenet", "googlenet.tv"))
    types = {arch.name: {n.record.type for n in arch.nodes} for arch in (paper, tv)}
    assert types["googlenet"] - types["googlenet.tv"] == {"LRN", "AvgPool2d"}
    assert types["googlenet.tv"] - types["googlenet"] == {"BatchNorm2d"}
    kernels = [{n.path: n.record.kernel for n in arch.nodes if isinstance(n.record, Windowed)} for arch in (paper, tv)]
    differ = {path for path in kernels[0].keys() & kernels[1].keys() if kernels[0][path] != kernels[1][path]}
    assert differ == {f"inception{m}.branch3.1.conv" for m in ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")} | {
        "maxpool4"
    }
    for arch in (paper, tv):
        assert [(tap.name, tap.weight) for tap in arch.taps] == [("aux1", 0.3), ("aux2", 0.3)]
        reads = {arch.by_path[f"aux{i}.pool"].inputs for i in (1, 2)}
        assert reads == {("inception4a.cat",), ("inception4d.cat",)}


def test_auxiliary_heads():
    """3,188,840 and 3,190,888 parameters; 4×4 places are left of 14×14."""
    net = analyse(resolve("googlenet").build())
    for head, params in (("aux1", 3_188_840), ("aux2", 3_190_888)):
        assert sum(row.params for row in net.rows if row.path.startswith(f"{head}.")) == params
        assert net.by_path[f"{head}.conv.conv"].output == (128, 4, 4)
    v3 = analyse(resolve("inception_v3").build())
    assert v3.by_path["AuxLogits.conv1.conv"].output == (768, 1, 1)
    assert v3.arch.by_path["AuxLogits.pool"].inputs == ("Mixed_6e.cat",)


def test_depth():
    """22 layers of weights on the way through GoogLeNet, as its paper counts."""
    assert depth(resolve("googlenet").build()) == 22


def test_inception_v4_adds_nothing():
    """Its paper's point: as good as Inception-ResNet v2 without a single shortcut."""
    added = {name: [n for n in resolve(name).build().nodes if n.record.type == "Add"] for name in
             ("inception_v4", "inception_resnet_v1", "inception_resnet_v2", "inception_resnet_v2.slim")}  # fmt: skip
    assert [len(nodes) for nodes in added.values()] == [0, 20, 20, 40]


@pytest.mark.parametrize("name", ["inception_resnet_v1", "inception_resnet_v2", "inception_resnet_v2.slim"])
def test_residual_scale(name: str):
    """Scaled before it is added: 0.17, 0.1, 0.2; only the released network's last block is not, nor rectified."""
    arch = resolve(name).build()
    scales = {node.path.partition(".")[0]: node.record.factor for node in arch.nodes if isinstance(node.record, Scale)}
    assert scales == {"repeat": 0.17, "repeat_1": 0.1, "repeat_2": 0.2}
    for node in arch.nodes:
        if node.record.type == "Add":
            first, _ = node.inputs
            assert arch.by_path[first].record.type == ("Conv2d" if node.path == "block8.add" else "Scale")
            assert (node.path.replace(".add", ".act") in arch.by_path) is (node.path != "block8.add")


def test_a_dead_branch_leaves_the_shortcut():
    """With the linear 1×1 at zero, a block of Inception-ResNet gives what came in, rectified."""
    body = residual(8, 0.17, conv_bn(4, 1), branch((4, 1), (4, 3)))
    model = Model(architecture("block", (8, 5, 5), body), rng()).eval()
    x = torch.randn(2, 8, 5, 5, generator=rng())
    with torch.no_grad():
        assert not torch.equal(model(x), x.relu())
        for value in model.get_submodule("conv2d").parameters():
            value.zero_()
        assert torch.equal(model(x), x.relu())


# Section 5 of Szegedy et al. 2015b: from 35×35×320 to 17×17×640.
D, K = 35, 320


@pytest.mark.parametrize(
    ("way", "kernel", "macs"),
    [("conv_pool", 1, 2 * D**2 * K**2), ("pool_conv", 1, 2 * 17**2 * K**2),
     ("conv_pool", 3, 9 * 2 * D**2 * K**2), ("pool_conv", 3, 9 * 2 * 17**2 * K**2),
     ("parallel", 3, 9 * 17**2 * K**2)],
)  # fmt: skip
def test_grid_reductions(way: str, kernel: int, macs: int):
    """The first way costs 2d²k², the second a quarter (17² of 35² places here), figure 10's an eighth."""
    got = table(grid_reduction(way, K, kernel), (K, D, D))
    assert got.output == (2 * K, 17, 17)
    assert got.total("macs") == macs


def test_grid_reduction_needs_a_way():
    with pytest.raises(ValueError, match="conv_pool, pool_conv or parallel"):
        grid_reduction("pool", 8)


@pytest.mark.parametrize(("n", "share"), [(3, 2 / 3), (5, 2 / 5), (7, 2 / 7)])
def test_cost_of_factorised_filters(n: int, share: float):
    """1×n and n×1 for n×n: for n = 3 a third less, for n = 7 two sevenths remain (section 3.2)."""
    square = table(Sequential(Conv2d(64, n, padding=n // 2)), (64, 17, 17))
    apart = table(factorised(64, 64, n), (64, 17, 17))
    assert apart.output == square.output
    assert apart.receptive_field == square.receptive_field
    assert apart.total("macs") / square.total("macs") == pytest.approx(share)


def split(weight: torch.Tensor, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The nearest 1×n and n×1 filters of a bank out × in × n × n, by the SVD of its unfolding (out·n) × (in·n)."""
    out, maps, n, _ = weight.shape
    u, s, v = torch.linalg.svd(weight.permute(0, 2, 1, 3).reshape(out * n, maps * n), full_matrices=False)
    down = (u[:, :rank] * s[:rank]).reshape(out, n, rank).permute(0, 2, 1)[..., None]
    across = v[:rank].reshape(rank, maps, n)[:, :, None]
    return across, down


@pytest.mark.parametrize("n", [3, 5, 7])
def test_factorised_filters_are_exact_up_to_their_rank(n: int):
    """A bank of rank-1 filters is reproduced exactly; one of full rank is not, until the maps in between are as many."""
    draws, maps, out = rng(n), 3, 4
    rows, columns = (
        torch.randn(out, n, dtype=torch.float64, generator=draws),
        torch.randn(maps, n, dtype=torch.float64, generator=draws),
    )
    banks = {
        1: torch.einsum("oy,ix->oiyx", rows, columns),
        maps * n: torch.randn(out, maps, n, n, dtype=torch.float64, generator=draws),
    }
    x = torch.randn(2, maps, 11, 13, dtype=torch.float64, generator=draws)
    for rank, weight in banks.items():
        want = torch.nn.functional.conv2d(x, weight, padding=n // 2)
        for middle in (rank, rank - 1):
            if not middle:
                continue
            across, down = split(weight, middle)
            model = Model(architecture("apart", (maps, 11, 13), factorised(middle, out, n)), rng()).double()
            model.load_state_dict({"across.weight": across, "down.weight": down, "down.bias": torch.zeros(out).double()})
            with torch.no_grad():
                got = error(model(x), want)
            assert got < 1e-12 if middle == rank else got > 1e-3


def test_aliases():
    assert resolve("inception_v2").name == "bn_inception"
    assert resolve("tv:googlenet").name == "googlenet.tv"
    assert resolve("timm:inception_resnet_v2").name == "inception_resnet_v2.slim"
    assert resolve("keras:Xception").name == "xception.keras"


def unstarted(record: Leaf) -> Leaf:
    """The record without its start: Caffe's SqueezeNet, on pictures of 0 to 255, starts smaller."""
    return record.replace(init=Constant(0.0)) if isinstance(record, Conv2d) else record


V3_POOLS = {f"Mixed_{m}.pool" for m in ("5b", "5c", "5d", "6b", "6c", "6d", "6e", "7b", "7c")}


@pytest.mark.parametrize(
    ("name", "twin", "differ"),
    [("squeezenet1_0.caffe", "squeezenet1_0", {"classifier.1"}),
     ("xception.keras", "xception", {"block1.rep.5", "block2.rep.6", "block3.rep.6", "block12.rep.6"}),
     ("inception_v3.slim", "inception_v3", V3_POOLS)],
)  # fmt: skip
def test_variants_of_the_same_weights(name: str, twin: str, differ: set[str]):
    """The same tensors in another toolkit's arithmetic: padding of conv10, of pools, of averages; ε apart."""
    one, other = resolve(name).build(), resolve(twin).build()
    assert list(one.by_path) == list(other.by_path)
    changed = {n.path for n in one.nodes if unstarted(n.record) != unstarted(other.by_path[n.path].record)}
    assert {path for path in changed if one.by_path[path].record.type != "BatchNorm2d"} == differ
    epsilons = [{n.record.eps for n in arch.nodes if isinstance(n.record, BatchNorm2d)} for arch in (one, other)]
    assert epsilons == ([{1e-3}, {1e-5}] if name == "xception.keras" else [{1e-3}] * 2 if "inception" in name else [set()] * 2)


def test_caffes_squeezenet():
    """The authors' README counts 1.72 billion operations: two for each of these products, 15×15 places in conv10."""
    net = analyse(resolve("squeezenet1_0.caffe").build())
    assert net.total("macs") == 861_339_936
    assert net.by_path["classifier.1"].output == (1000, 15, 15)


def test_simple_bypass_costs_nothing():
    """Around fire 3, 5, 7 and 9; with all weights of those at zero, their input passes."""
    plain, bypass = (analyse(resolve(name).build()) for name in ("squeezenet1_0", "squeezenet1_0.bypass"))
    for what in ("params", "macs"):
        assert plain.total(what) == bypass.total(what)
    assert [row.path for row in bypass.rows if row.node.record.type == "Add"] == [f"features.{i}.add" for i in (4, 7, 9, 12)]


@pytest.mark.parametrize("layers", [121, 161, 169, 201])
def test_densenet_depth(layers: int):
    """Its name counts the layers of weights, of which each reads all before it in its block."""
    arch = resolve(f"densenet{layers}").build()
    weighted = [n for n in arch.nodes if n.record.type in ("Conv2d", "Linear")]
    assert len(weighted) == layers
    first = analyse(arch).by_path
    assert [first[f"features.denseblock1.cat{i}"].output[0] for i in (1, 6)] == {
        161: [96 + 48, 96 + 6 * 48]}.get(layers, [64 + 32, 64 + 6 * 32])  # fmt: skip
