"""Receptive fields beside what a Module really sees: which pixels, made NaN, reach the middle of the map."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neocog.arch import (
    AdaptiveAvgPool2d,
    Add,
    Architecture,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    Node,
    Product,
    ReLU,
    Sequential,
    Sigmoid,
    Sum,
    analyse,
    architecture,
)
from neocog.arch.account import Row
from neocog.errors import ShapeError
from neocog.nets import resolve
from neocog.nn import Model
from tests.conftest import rng

from . import strategies
from .cases import CASES


def positive(model: Model) -> Model:
    """Weights above zero, so that no two paths cancel; maxima become means, so that every position of a window counts."""
    with torch.no_grad():
        for p in model.parameters():
            p.uniform_(0.5, 1.5, generator=rng(1))
    return model.eval().double()


def seen(model: Model, path: str, place: tuple[int, int]) -> torch.Tensor:
    """rows × columns of the picture that one place of a map depends on, by the gradient."""
    x = torch.ones(1, *model.arch.input, dtype=torch.double, requires_grad=True)
    out = []
    hook = model.get_submodule(path).register_forward_hook(lambda m, a, y: out.append(y))
    model(x)
    hook.remove()
    (grad,) = torch.autograd.grad(out[0][0, :, place[0], place[1]].sum(), x)
    return grad[0].abs().sum(0) > 0


def hull(mask: torch.Tensor) -> list[tuple[int, int]]:
    """(first, last) row and column."""
    return [(int(w.min()), int(w.max())) for w in (mask.any(1).nonzero(), mask.any(0).nonzero())]


def linear(arch: Architecture) -> Architecture:
    """Max pools as mean pools of the same windows: a maximum passes the gradient of one position only."""
    nodes = []
    for node in arch.nodes:
        r = node.record
        if isinstance(r, MaxPool2d):
            # depthwise convolution of the same window; rounding up is padding behind (what overruns sees nothing)
            shape = analyse(arch).by_path[node.path].inputs[0]
            pads = []
            for window, n in zip(r.windows(shape), shape[1:], strict=True):
                over = (window.output(n) - 1) * window.stride + window.extent - n - window.before
                pads.append((window.before, max(over, 0)))
            from neocog.arch import DepthwiseConv2d

            r = DepthwiseConv2d(r.kernel, r.stride, tuple(pads), r.dilation, bias=False)
        nodes.append(Node(node.path, r, node.inputs))
    return Architecture(arch.name, arch.input, tuple(nodes), arch.output, arch.taps, arch.marks)


def check(arch: Architecture, row: Row, model: Model) -> None:
    """At every place of a map: what is seen lies in the extent, clipped to the picture; its hull is the extent exactly,
    but where a window of one axis meets only padding."""
    assert row.field is not None
    for place in {(0, 0), (row.output[1] // 2, row.output[2] // 2), (row.output[1] - 1, row.output[2] - 1)}:
        mask = seen(model, row.path, place)
        if not mask.any():
            continue
        for axis, (first, last) in enumerate(hull(mask)):
            extent, side = row.field[axis], arch.input[1 + axis]
            low = extent.first + place[axis] * extent.stride
            high = extent.last + place[axis] * extent.stride
            assert first >= low, f"{row.path} {place} axis {axis}: sees {first}, said {low}"
            assert last <= high, f"{row.path} {place} axis {axis}: sees {last}, said {high}"
            if low >= 0:
                assert first == low, f"{row.path} {place} axis {axis}"
            if high < side:
                assert last == high, f"{row.path} {place} axis {axis}"


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 6))
def test_chains(seed: int, length: int):
    arch = linear(strategies.chain(random.Random(seed), length, (2, 29, 23)))
    model = positive(Model(arch, rng()))
    for row in analyse(arch).rows:
        check(arch, row, model)


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(2, 9))
def test_graphs_see_no_more_than_said(seed: int, size: int):
    """A join of maps whose strides differ (where sizes happen to agree) has no one stride; the extent at its first place is
    still the union of its branches', and aligned joins are exact everywhere."""
    arch = linear(strategies.graph(random.Random(seed), size, (2, 17, 15)))
    model = positive(Model(arch, rng()))
    for row in analyse(arch).rows:
        if row.path not in arch.main or row.field is None:
            continue
        mask = seen(model, row.path, (0, 0))
        if all(extent.aligned for extent in row.field):
            check(arch, row, model)
        elif mask.any():
            for axis, (first, last) in enumerate(hull(mask)):
                assert max(row.field[axis].first, 0) <= first
                assert last <= row.field[axis].last


def test_union_not_maximum():
    """Branches that lean to opposite sides: the union is wider than the widest of them, and is what is seen."""
    arch = architecture("lean", (1, 15, 15), Sum(
        Conv2d(1, 5, padding=((4, 0), (4, 0)), bias=False), Conv2d(1, 5, padding=((0, 4), (0, 4)), bias=False)))  # fmt: skip
    table = analyse(arch)
    assert table.receptive_field == [9, 9]
    assert [e.aligned for e in table.rows[-1].field] == [False, False]
    assert hull(seen(positive(Model(arch, rng())), arch.output, (7, 7))) == [(3, 11), (3, 11)]


def test_rows_and_columns_apart():
    """Inception v3's 1×7 and 7×1."""
    arch = architecture("oblong", (1, 30, 30), Sequential(a=Conv2d(1, (1, 7), (1, 2)), b=Conv2d(1, (3, 1), (2, 1))))
    table = analyse(arch)
    assert (table.receptive_field, table.stride) == ([3, 7], [2, 2])
    assert hull(seen(positive(Model(arch, rng())), "b", (4, 5))) == [(8, 10), (10, 16)]


def test_dilation_spans():
    arch = architecture("context", (1, 80, 80), Sequential(
        *(Conv2d(1, 3, padding=d, dilation=d) for d in (1, 1, 2, 4, 8, 16, 1))))  # fmt: skip
    assert analyse(arch).receptive_field == [67, 67]  # Yu & Koltun 2015, table 1


def test_a_gate_is_left_out():
    """A squeeze-and-excitation gate sees the whole picture; counting it would give every such net the same field."""
    table = analyse(CASES["se_block"].build())
    gate = table.by_path["scale_activation"] if "scale_activation" in table.by_path else table.rows[-2]
    assert (gate.receptive_field, gate.stride) == (None, None)
    assert table.receptive_field == [3, 3]


def test_after_global_pooling_nothing_has_a_field():
    table = analyse(resolve("resnet18").build())
    assert table.by_path["avgpool"].receptive_field is None
    assert table.by_path["fc"].receptive_field is None
    assert table.last_map.path == "layer4.1.relu2"
    none = analyse(architecture("mlp", (1, 4, 4), Sequential(Flatten(), Linear(3))))
    assert (none.receptive_field, none.stride) == ([1, 1], [1, 1])


def test_centres():
    """VGG-16's pool5 sees 212 pixels, 32 apart; place 0 is centred on pixel 15.5 [Araujo et al.: padding 90]."""
    extent = analyse(resolve("vgg16").build()).last_map.field[0]
    assert (extent.size, extent.stride, extent.first, extent.center) == (212, 32, -90, 15.5)


@pytest.mark.parametrize(
    "name", ["lenet5", "lenet.caffe", "resnet8.cifar", pytest.param("resnet20.cifar_c", marks=pytest.mark.slow)]
)
def test_networks_see_what_their_row_says(name: str):
    """On a picture large enough for one place to see its whole field, all paths counted."""
    arch = resolve(name).build()
    table = analyse(arch)
    side = 2 * table.receptive_field[0] + 8 * table.stride[0]
    cut = [node for node in arch.nodes if table.by_path[node.path].field is not None]
    maps = Architecture("maps", (arch.input[0], side, side), tuple(cut), table.last_map.path)
    maps = linear(Architecture("maps", maps.input, tuple(
        Node(n.path, ReLU() if n.record.type == "Tanh" else n.record, n.inputs) for n in maps.nodes), maps.output))  # fmt: skip
    model = positive(Model(maps, rng()))
    row = analyse(maps).last_map
    middle = (row.output[1] // 2, row.output[2] // 2)
    for first, last in hull(seen(model, row.path, middle)):
        assert last - first + 1 == table.receptive_field[0]
    check(maps, row, model)


def test_joins_refuse_what_does_not_match():
    two, three = Conv2d(2, 3), Conv2d(3, 3, 2)
    for join, words in ((Sum(two, three), "cannot add"), (Concat(two, three), "cannot concatenate"),
                        (Product(two, three), "cannot multiply")):  # fmt: skip
        with pytest.raises(ShapeError, match=f"{words} 2×7×7 and 3×4×4"):
            analyse(architecture("join", (2, 9, 9), join))
    gate = Product(Identity(), Sequential(AdaptiveAvgPool2d(1), Sigmoid()))
    assert analyse(architecture("gate", (2, 9, 9), gate)).output == (2, 9, 9)


def test_average_pools_count_too():
    arch = architecture("avg", (1, 20, 20), Sequential(a=AvgPool2d(3, 2), b=Conv2d(1, 3)))
    assert (analyse(arch).receptive_field, analyse(arch).stride) == ([7, 7], [2, 2])
    assert isinstance(Add().output((1, 2, 2), (1, 2, 2)), tuple)
