"""Layers that torch lacks, beside definitions written out again here from the papers' formulas."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neocog.arch import (
    LRN,
    RBF,
    AvgPool2d,
    CCell,
    ChannelShuffle,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    DropPath,
    LayerNorm2d,
    MaxPool2d,
    SCell,
    Sequential,
    Slice,
    Subsampling,
    TableConv2d,
    Tanh,
    architecture,
)
from neocog.arch.record import Leaf
from neocog.errors import UserError
from neocog.nets.lenet import C3
from neocog.nn import Model
from tests.conftest import error, rng


def layer(record: Leaf, *shape: int) -> Model:
    """A network of one layer."""
    return Model(architecture("one", shape, record), rng()).eval()


def only(model: Model) -> nn.Module:
    (leaf,) = (m for m in model.children())
    return leaf


def noise(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=rng(seed))


# --- local response normalisation -------------------------------------------------------------------------------------


@pytest.mark.parametrize("maps", [1, 3, 8])
@pytest.mark.parametrize("size", [1, 3, 4, 5])
@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_lrn_both_conventions(maps: int, size: int, beta: float):
    """Caffe and torch divide α by the size, the AlexNet paper does not: torch needs 5·α for it."""
    x = 20 * noise(2, maps, 5, 4)
    torchs = layer(LRN(size, 1e-2, beta, 1.5, divide_alpha=True), maps, 5, 4)
    assert error(torchs(x), nn.LocalResponseNorm(size, 1e-2, beta, 1.5)(x)) <= 1e-5
    papers = layer(LRN(size, 1e-2, beta, 1.5), maps, 5, 4)
    assert error(papers(x), nn.LocalResponseNorm(size, size * 1e-2, beta, 1.5)(x)) <= 1e-5


def test_lrn_is_the_papers_formula():
    """Section 3.3, term by term: k = 2, n = 5, α = 1e-4, β = 0.75; near the edges the window is cut off."""
    x = 100 * noise(1, 7, 2, 2)
    want = torch.empty_like(x)
    for i in range(7):
        near = x[:, max(0, i - 2) : min(6, i + 2) + 1]
        want[:, i] = x[:, i] / (2 + 1e-4 * near.square().sum(1)) ** 0.75
    assert error(layer(LRN(), 7, 2, 2)(x), want) <= 1e-5


def test_lrn_gradient():
    """Its square roots must not turn into NaN at zero."""
    model = layer(LRN(), 6, 3, 3)
    x = torch.zeros(1, 6, 3, 3, requires_grad=True)
    model(x).sum().backward()
    assert torch.isfinite(x.grad).all()
    double = noise(1, 6, 2, 2).double().requires_grad_()
    assert torch.autograd.gradcheck(only(model), double)


# --- LeNet-5 ----------------------------------------------------------------------------------------------------------


def test_c3_is_a_convolution_with_a_table():
    model = layer(TableConv2d(C3, 5), 6, 14, 14)
    leaf = only(model)
    assert tuple(leaf.weight.shape) == (60, 5, 5)
    x, planes = noise(2, 6, 14, 14), iter(leaf.weight)
    for i, row in enumerate(C3):
        want = sum(F.conv2d(x[:, j : j + 1], next(planes)[None, None]) for j in row) + leaf.bias[i]
        assert error(model(x)[:, i : i + 1], want) <= 1e-5
    model(x).sum().backward()
    assert (leaf.weight.grad != 0).all(), "every link learns"


@pytest.mark.parametrize("padding", [0, 1, ((1, 0), (0, 2))])
def test_table_convolution_pads(padding: object):
    table = ((0,), (0, 1))
    model = layer(TableConv2d(table, 3, 2, padding=padding), 2, 9, 8)
    (top, bottom), (left, right) = model.arch.nodes[0].record.padding
    x = noise(1, 2, 9, 8)
    dense = torch.zeros(2, 2, 3, 3)
    dense[0, 0], dense[1, 0], dense[1, 1] = only(model).weight.detach()
    want = F.conv2d(F.pad(x, (left, right, top, bottom)), dense, only(model).bias, 2)
    assert error(model(x), want) <= 1e-5


def test_subsampling_sums():
    """The sum of four (not their mean) times a coefficient, plus a bias; map by map."""
    model = layer(Subsampling(), 3, 6, 8)
    x, leaf = noise(2, 3, 6, 8), only(model)
    for i in range(3):
        for r in range(3):
            for c in range(4):
                total = x[:, i, 2 * r : 2 * r + 2, 2 * c : 2 * c + 2].sum((1, 2))
                assert error(model(x)[:, i, r, c], total * leaf.weight[i] + leaf.bias[i]) <= 1e-5


def test_squash():
    """f(±1) = ±1, and the curvature is largest there (appendix A)."""
    f = layer(Tanh(1.7159, 2 / 3), 1)
    x = torch.tensor([[1.0], [-1.0], [0.3]])
    assert (f(x)[:2] - x[:2]).abs().max() < 1e-4
    assert error(f(x), 1.7159 * torch.tanh(2 * x / 3)) <= 1e-6


def test_rbf_is_a_squared_distance():
    """Near a code the distance is small, and must not drown in rounding: (x - w)², never |x|² - 2xw + |w|²."""
    model = layer(RBF(7), 84)
    codes = only(model).weight
    assert not codes.requires_grad
    assert set(codes.unique().tolist()) == {-1.0, 1.0}
    x = noise(5, 84)
    want = torch.tensor([[sum((x[n] - codes[i]) ** 2) for i in range(7)] for n in range(5)])
    assert error(model(x), want) <= 1e-5
    assert model(codes).diagonal().tolist() == [0.0] * 7
    close = model(codes[:1] + 1e-4)[0, 0].item()
    assert math.isclose(close, 84e-8, rel_tol=1e-2)
    assert only(layer(RBF(7, trainable=True), 84)).weight.requires_grad


# --- Neocognitron (Fukushima 1980), as loops over every cell ----------------------------------------------------------


def mask(kernel: int, decay: float) -> list[list[float]]:
    """Falls with the distance from the centre, and sums to 1."""
    middle = (kernel - 1) / 2
    raw = [[decay ** math.hypot(r - middle, c - middle) for c in range(kernel)] for r in range(kernel)]
    total = sum(map(sum, raw))
    return [[v / total for v in row] for row in raw]


def at(x: Tensor, k: int, r: int, c: int) -> float:
    inside = 0 <= r < x.shape[1] and 0 <= c < x.shape[2]
    return x[k, r, c].item() if inside else 0.0


@pytest.mark.parametrize(("padding", "stride"), [(1, 1), (0, 2), (((2, 0), (0, 1)), 1)])
def test_s_cells(padding: object, stride: int):
    """u = r·φ[(1 + Σ a·x) / (1 + 2r/(1+r)·b·v) − 1], v = √(Σ c·x²), Σ c = 1 over all planes and places."""
    selectivity, decay, kernel = 4.0, 0.7, 3
    model = layer(SCell(2, kernel, stride, padding, selectivity, decay), 3, 5, 4)
    leaf = only(model)
    assert leaf.weight.abs().max() == leaf.bias.abs().max() == 0, "they start at zero and grow by reinforcement"
    with torch.no_grad():
        leaf.weight.uniform_(0, 1, generator=rng(2))
        leaf.bias.uniform_(0, 2, generator=rng(3))
    x = noise(3, 5, 4).abs()
    got = model(x[None])[0]
    (top, _), (left, _) = model.arch.nodes[0].record.padding
    c = mask(kernel, decay)
    for p in range(2):
        for i in range(got.shape[1]):
            for j in range(got.shape[2]):
                excitation = inhibition = 0.0
                for k in range(3):
                    for u in range(kernel):
                        for v in range(kernel):
                            seen = at(x, k, i * stride - top + u, j * stride - left + v)
                            excitation += leaf.weight[p, k, u, v].item() * seen
                            inhibition += c[u][v] / 3 * seen**2
                b = leaf.bias[p].item()
                gain = 2 * selectivity / (1 + selectivity)
                want = selectivity * max((1 + excitation) / (1 + gain * b * math.sqrt(inhibition)) - 1, 0)
                assert math.isclose(got[p, i, j].item(), want, rel_tol=1e-4, abs_tol=1e-5)
    assert (got == 0).any() or (got > 0).all()


@pytest.mark.parametrize(("kernel", "padding", "stride"), [(3, 1, 1), (5, -1, 1), (2, 0, 2)])
def test_c_cells(kernel: int, padding: int, stride: int):
    """u = ψ[(1 + Σ d·x) / (1 + v) − 1], ψ(x) = φ(x)/(½ + φ(x)), v the mean over planes of Σ d·x."""
    decay = 0.8
    model = layer(CCell(kernel, stride, padding, decay), 3, 8, 7)
    assert not list(model.parameters())
    x = 3 * noise(3, 8, 7).abs()
    got, d = model(x[None])[0], mask(kernel, decay)
    for i in range(got.shape[1]):
        for j in range(got.shape[2]):
            blurs = [
                sum(d[u][v] * at(x, k, i * stride - padding + u, j * stride - padding + v)
                    for u in range(kernel) for v in range(kernel))
                for k in range(3)
            ]  # fmt: skip
            for k in range(3):
                raised = max((1 + blurs[k]) / (1 + sum(blurs) / 3) - 1, 0)
                assert math.isclose(got[k, i, j].item(), raised / (0.5 + raised), rel_tol=1e-4, abs_tol=1e-5)
    assert (got == 0).any(), "what is no stronger than the mean of the planes is held down"
    assert (got > 0).any()


# --- windows: asymmetric padding, TensorFlow's rule, rounding up ------------------------------------------------------


@pytest.mark.parametrize("size", [(7, 7), (8, 8), (7, 10), (9, 6)])
@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(3, 2, 1), (5, 2, 1), (3, 3, 2), ((3, 5), (2, 1), 1), (1, 2, 1)])
def test_tensorflows_same(size: tuple[int, int], kernel: object, stride: object, dilation: int):
    """ceil(n/s) places, the odd zero below and to the right; convolutions, depthwise ones and pools alike."""

    def two(v: object) -> tuple[int, int]:
        return v if isinstance(v, tuple) else (v, v)

    pads, places = [], []
    for n, k, s in zip(size, two(kernel), two(stride), strict=True):
        places.append(math.ceil(n / s))
        total = max((places[-1] - 1) * s + dilation * (k - 1) + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    (top, bottom), (left, right) = pads
    x = noise(2, 3, *size)

    def padded(value: float = 0.0) -> Tensor:
        return F.pad(x, (left, right, top, bottom), value=value)

    conv = layer(Conv2d(4, kernel, stride, "same", dilation), 3, *size)
    assert conv(x).shape[2:] == tuple(places)
    want = F.conv2d(padded(), only(conv).weight, only(conv).bias, two(stride), 0, dilation)
    assert error(conv(x), want) <= 1e-5
    depthwise = layer(DepthwiseConv2d(kernel, stride, "same", dilation, 2), 3, *size)
    want = F.conv2d(padded(), only(depthwise).weight, only(depthwise).bias, two(stride), 0, dilation, 3)
    assert error(depthwise(x), want) <= 1e-5
    pool = layer(MaxPool2d(kernel, stride, "same", dilation), 3, *size)
    assert torch.equal(pool(x), F.max_pool2d(padded(-math.inf), kernel, stride, 0, dilation))


def test_average_of_real_pixels():
    """TensorFlow's average pool leaves padding out of the mean, torch's and Caffe's count it."""
    ones = torch.ones(1, 1, 5, 5)
    assert layer(AvgPool2d(3, 2, "same", count_padding=False), 1, 5, 5)(ones).unique().tolist() == [1.0]
    assert layer(AvgPool2d(3, 2, "same"), 1, 5, 5)(ones).min().item() == pytest.approx(4 / 9)
    x = noise(1, 2, 6, 5)
    for count in (True, False):
        want = F.avg_pool2d(x, 3, 2, 1, True, count)
        assert error(layer(AvgPool2d(3, 2, 1, True, count), 2, 6, 5)(x), want) <= 1e-6


def test_average_with_uneven_padding():
    """By hand: the first place of ((1, 0), (0, 0)) sees a row of zeros and two rows of ones."""
    ones = torch.ones(1, 1, 4, 4)
    counted = layer(AvgPool2d(3, 1, ((1, 0), (0, 0))), 1, 4, 4)(ones)[0, 0, :, 0]
    assert counted.tolist() == pytest.approx([2 / 3, 1, 1])
    real = layer(AvgPool2d(3, 1, ((1, 0), (0, 0)), count_padding=False), 1, 4, 4)(ones)[0, 0, :, 0]
    assert real.tolist() == pytest.approx([1, 1, 1])


# --- small ones -------------------------------------------------------------------------------------------------------


def test_layer_norm_over_channels():
    model = layer(LayerNorm2d(), 6, 3, 4)
    x = noise(2, 6, 3, 4)
    assert error(model(x), nn.LayerNorm(6, 1e-6)(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)) <= 1e-5
    flat = layer(LayerNorm2d(), 6)
    assert error(flat(x[:, :, 0, 0]), nn.LayerNorm(6, 1e-6)(x[:, :, 0, 0])) <= 1e-5


def test_slices_and_shuffle():
    x = torch.arange(6.0).view(1, 6, 1, 1).expand(1, 6, 2, 2)
    first = lambda m: m(x)[0, :, 0, 0].tolist()  # noqa: E731
    assert first(layer(Slice(0, 1, of=2), 6, 2, 2)) == [0, 1, 2]
    assert first(layer(Slice(1, 2, of=2), 6, 2, 2)) == [3, 4, 5]
    assert first(layer(Slice(1, 3), 6, 2, 2)) == [1, 2]
    assert first(layer(ChannelShuffle(2), 6, 2, 2)) == [0, 3, 1, 4, 2, 5]
    assert first(layer(ChannelShuffle(3), 6, 2, 2)) == [0, 2, 4, 1, 3, 5]


def test_drop_path_drops_whole_pictures():
    model = layer(DropPath(0.25), 2, 3, 3).train()
    x = torch.ones(4000, 2, 3, 3)
    torch.manual_seed(0)
    out = model(x)
    kept = out[:, 0, 0, 0] != 0
    assert torch.equal(out, kept[:, None, None, None] * torch.full_like(x, 1 / 0.75))
    assert abs(kept.float().mean().item() - 0.75) < 0.03
    assert torch.equal(model.eval()(x), x)


def test_dropout_is_inverted():
    """The paper halves at test time; scaling in training is the same in the mean and leaves evaluation alone."""
    model = layer(Dropout(0.5), 4000)
    assert torch.equal(model.eval()(torch.ones(1, 4000)), torch.ones(1, 4000))
    torch.manual_seed(0)
    assert set(model.train()(torch.ones(1, 4000)).unique().tolist()) == {0.0, 2.0}


@pytest.mark.parametrize("record", [
    SCell(2, 3, padding=-1), CCell(3, padding=-1),
    Conv2d(2, 3, padding=-1), MaxPool2d(3, 1, -1), AvgPool2d(3, 1, -1), TableConv2d(((0,),), 3, padding=-1)],
    ids=lambda r: r.type)  # fmt: skip
def test_negative_padding(record: Leaf):
    """It cuts the margin off (the Neocognitron's first C-layer does); the arithmetic allows it, so the Module must."""
    model = layer(record, 3, 8, 8)
    assert model(noise(1, 3, 8, 8)).shape[2:] == (4, 4)


@pytest.mark.parametrize("name", ["forward", "training", "arch", "classes", "num_classes", "parameters"])
def test_names_that_modules_use(name: str):
    """A path that would overwrite a method or an attribute is refused with its name."""
    arch = architecture("x", (3, 4, 4), Sequential(**{name: Tanh()}))
    with pytest.raises(UserError, match=f"'{name}' is a name that torch's modules use themselves"):
        Model(arch)
