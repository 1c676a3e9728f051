"""What does not fit, and what the user is told about it: the words are the feature."""

import random

import pytest
import torch
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from neocog.arch import (
    AvgPool2d,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Sequential,
    Sum,
    analyse,
    architecture,
    fits,
    misfits,
    smallest_input,
)
from neocog.errors import ShapeError, UserError
from neocog.nets import nets, resolve
from neocog.nn import Model
from tests.conftest import deep_is_slow, rng

from . import strategies
from .strategies import paddings, sides, two


def summary(arch, input=None):
    """What `show` warns of: one line for each layer that loses real positions."""
    return [f"{m.path}: {m}" for m in misfits(arch, input) if not m.harmless]


def words(*layers: object, shape: tuple[int, int, int]) -> list[str]:
    return [f"{m.path}: {m}" for m in misfits(architecture("net", shape, Sequential(*layers)))]


# --- the texts --------------------------------------------------------------------------------------------------------


def test_alexnet_at_224():
    """The most asked question of the field (cs231n.github.io#9 and many since)."""
    first, *others = misfits(resolve("alexnet").build(), (3, 224, 224))
    assert first.path == "conv1"
    assert str(first) == ("(224-11)/4+1 = 54.25: one row and column of pixels is never seen; use 227, padding 2, or ceil")
    assert (first.unread, first.between, first.of_picture, first.harmless) == (1, 0, True, False)
    assert [m.path for m in others] == ["pool1", "pool2", "pool5"], "54, 26 and 12 are even: each pool loses one more"
    assert all(m.unread == 1 and not m.of_picture for m in others)
    assert "1 row" not in str(first)


def test_alexnet_at_227_fits():
    assert misfits(resolve("alexnet").build()) == ()


def test_padding_only():
    """torchvision's 224 with padding 2: nothing real is lost."""
    (found,) = misfits(resolve("alexnet.owt").build())
    assert str(found) == "(224+4-11)/4+1 = 55.25: only padding is lost, the map sits off centre"
    assert found.harmless
    assert summary(resolve("alexnet.owt").build()) == []


def test_zfnet():
    """7×7/2 on 224: one unseen without padding; with padding 1 it is complete (explain.md, 2.7)."""
    assert words(Conv2d(96, 7, 2), shape=(3, 224, 224)) == [
        "0: (224-7)/2+1 = 109.5: one row and column of pixels is never seen; use 225, padding 1, or ceil"
    ]
    assert words(Conv2d(96, 7, 2, 1), shape=(3, 224, 224)) == [
        "0: (224+2-7)/2+1 = 110.5: only padding is lost, the map sits off centre"
    ]


def test_ceil_overrun():
    """Rounding up reads everything, with a last window that overruns: nothing to report as lost."""
    arch = architecture("p", (1, 112, 112), MaxPool2d(3, 2, ceil=True))
    assert analyse(arch).output == (1, 56, 56)
    assert summary(arch) == []
    assert all(m.harmless and m.unread == 0 for m in misfits(arch))


def test_ceil_overrun_is_no_misfit():
    assert misfits(architecture("p", (1, 112, 112), MaxPool2d(3, 2, ceil=True))) == ()


def test_several_rows():
    assert words(Conv2d(4, 3, 5), shape=(1, 12, 12)) == ["0: windows of 3 moved by 5 read 6 of 12 rows and columns"]
    (text,) = words(Conv2d(4, 5, 5), shape=(1, 13, 13))
    assert text.startswith("0: (13-5)/5+1 = 2.6: 3 rows and columns of pixels are never seen; use 15")


def test_rows_and_columns_apart():
    """227 × 224: only the columns are short."""
    (found, *_) = misfits(resolve("alexnet").build(), (3, 227, 224))
    assert (found.path, found.axis) == ("conv1", "columns")
    assert str(found).startswith("(224-11)/4+1 = 54.25: one column of pixels is never seen")
    both = misfits(architecture("p", (1, 12, 14), Conv2d(1, 3, (2, 1))))
    assert [(m.axis, m.unread) for m in both] == [("rows", 1)]


def test_strided_one_by_one():
    """The paper's ResNet-50 reads a quarter of the map in three places; option A's shortcut is covered by its block."""
    arch = resolve("resnet50").build()
    assert summary(arch) == [
        f"layer{i}.0.{name}: windows of 1 moved by 2 read {n // 2} of {n} rows and columns"
        for i, n in ((2, 56), (3, 28), (4, 14))
        for name in ("conv1", "downsample.0")
    ]
    assert summary(resolve("resnet50.v1_5").build()) == []
    options = [m for m in misfits(resolve("resnet20.cifar").build()) if m.between]
    assert [m.path for m in options] == ["layer2.0.downsample.0", "layer3.0.downsample.0"]
    assert all(m.harmless and "read by layer" in str(m) for m in options)


def test_too_small():
    """The layer, the arithmetic and the way out."""
    arch = resolve("alexnet").build()
    with pytest.raises(ShapeError) as caught:
        analyse(arch, (3, 62, 62))
    assert str(caught.value) == (
        "alexnet does not fit pictures of 3×62×62: layer 'pool5' (max 3×3/2) on 256×2×2: "
        "a window that spans 3 does not fit 2 positions; the smallest square picture that fits is 67×67"
    )
    with pytest.raises(ShapeError, match=r"layer 'conv1' \(conv 11×11/4\) on 3×9×9: a window that spans 11 does not fit 9"):
        analyse(arch, (3, 9, 9))
    with pytest.raises(ShapeError, match=r"with 2\+2 of padding"):
        analyse(resolve("alexnet.owt").build(), (3, 5, 5))
    with pytest.raises(ShapeError, match=r"layer 'output' \(Euclidean RBF, fixed codes\) on 1×4×4: RBF units need features"):
        analyse(architecture("x", (1, 4, 4), Sequential(output=resolve("lenet5").build().by_path["output"].record)))


def test_wrong_kind_of_input():
    with pytest.raises(ShapeError, match="needs maps"):
        analyse(architecture("x", (84,), Conv2d(4, 3)))
    with pytest.raises(ShapeError, match=r"put Flatten\(\) before it"):
        analyse(architecture("x", (4, 3, 3), Linear(4)))
    with pytest.raises(ShapeError, match="2 groups do not divide 3 maps into 4"):
        analyse(architecture("x", (3, 5, 5), Conv2d(4, 3, groups=2)))
    assert issubclass(ShapeError, UserError)


@pytest.mark.parametrize("name", deep_is_slow(nets()))
def test_smallest_input_is_the_smallest(name: str):
    """By trying every size below it."""
    arch = resolve(name).build()
    channels = arch.input[0]
    least = smallest_input(arch, channels)
    assert least is not None
    if len(arch.nodes) > 400:  # a deep chain of equal blocks: near the bound is enough
        assert [fits(arch, (channels, n, n)) for n in (least - 1, least) if n] == [False, True][-min(least, 2) :]
        return
    assert [n for n in range(1, least + 2) if fits(arch, (channels, n, n))] == [least, least + 1]
    Model(architecture("probe", (1, 1, 1), Flatten()))  # building needs no more than this
    assert analyse(arch, (channels, least, least)).output


PARITY = Sum(Conv2d(1, 3, 2), MaxPool2d(2, 2))  # (n-3)//2+1 and n//2 places: equal for odd sizes only


def test_smallest_input_where_only_odd_sizes_fit():
    """A block that fits odd pictures only has a smallest picture too."""
    arch = architecture("odd", (1, 33, 33), PARITY)
    assert [n for n in range(1, 10) if fits(arch, (1, n, n))] == [3, 5, 7, 9]
    assert smallest_input(arch, 1) == 3


# --- by counting ------------------------------------------------------------------------------------------------------


def unread(model: Model, x: torch.Tensor) -> tuple[set[int], set[int]]:
    """The rows and columns of the picture that no output depends on: brute force, by gradient."""
    x = x.requires_grad_()
    (grad,) = torch.autograd.grad(model(x).sum(), x)
    mask = grad[0].abs().sum(0) > 0
    rows, columns = ((~w).nonzero().flatten().tolist() for w in (mask.any(1), mask.any(0)))
    return set(rows), set(columns)


@settings(max_examples=150)
@given(two, two, paddings, st.tuples(st.integers(1, 2), st.integers(1, 2)), sides)
@example((11, 11), (4, 4), 0, (1, 1), (24, 24))
def test_unread_by_brute_force(kernel: object, stride: object, padding: object, dilation: object, hw: tuple[int, int]):
    """Every row and column that no window reads is reported, behind or between; nothing else is."""
    record = Conv2d(1, kernel, stride, padding, dilation)
    if dilation != (1, 1):  # see the next test
        assume(fits(architecture("one", (1, *hw), record), (1, *hw)))
        assume(min(stride) > 1 and min(record.places((1, *hw))) > 1)
    lost_is_said(kernel, stride, padding, dilation, hw)


@pytest.mark.parametrize(("stride", "padding", "side"), [(1, 0, 3), (2, 0, 3), (2, "same", 2), (2, "same", 1)])
def test_unread_between_dilated_taps(stride: int, padding: object, side: int):
    """Few places of a dilated window: what lies between its taps is never read."""
    lost_is_said((2, 2), (stride, stride), padding, (2, 2), (side, side))


def lost_is_said(kernel: object, stride: object, padding: object, dilation: object, hw: tuple[int, int]) -> None:
    record = Conv2d(1, kernel, stride, padding, dilation, bias=False)
    shape = (1, *hw)
    arch = architecture("one", shape, record)
    if not fits(arch, shape):
        return
    model = Model(arch, rng()).double()
    with torch.no_grad():
        next(model.parameters()).uniform_(0.5, 1.5, generator=rng(1))
    lost = unread(model, torch.ones(1, *shape, dtype=torch.double))
    said = {"rows": (0, 0), "columns": (0, 0)}
    for m in misfits(arch):
        for axis in said:
            if axis in m.axis:
                said[axis] = (m.unread, m.between)
    if all(len(gone) == n for gone, n in zip(lost, hw, strict=True)):  # all windows of one axis lie in the padding
        assert any(sum(said[axis]) == n for axis, n in zip(said, hw, strict=True))
        return
    for (axis, (behind, between)), gone, n in zip(said.items(), lost, hw, strict=True):
        tail = 0
        while tail < n and n - 1 - tail in gone:
            tail += 1
        # a tail may also lie between the last window that reads pixels and one that reads padding
        assert behind == tail if not between else behind <= tail, f"{axis}: {sorted(gone)} of {n}"
        assert behind + between == len(gone), f"{axis}: {sorted(gone)} of {n}"


@settings(max_examples=100)
@given(two, two, st.integers(0, 3), st.sampled_from([Conv2d, MaxPool2d, AvgPool2d]), st.integers(5, 40))
def test_every_mend_mends(kernel: tuple[int, int], stride: tuple[int, int], padding: int, kind: type, n: int):
    """Following the advice leaves nothing unread."""
    k, s = kernel[0] + 1, stride[0] + 1
    make = (lambda p, **more: Conv2d(1, k, s, p)) if kind is Conv2d else (lambda p, **more: kind(k, s, p, **more))  # type: ignore[call-arg]
    arch = architecture("one", (1, n, n), make(padding))
    assume(fits(arch, (1, n, n)))
    for m in misfits(arch):
        for mend in m.mends:
            if mend.isdigit():
                again = misfits(arch, (1, int(mend), int(mend)))
            elif mend.startswith("padding"):
                again = misfits(architecture("two", (1, n, n), make(int(mend.split()[1]))))
            elif kind is not Conv2d:
                again = misfits(architecture("three", (1, n, n), make(padding, ceil=True)))
            assert all(a.unread == 0 for a in again), f"{m} → {mend}"


@settings(max_examples=60)
@given(st.integers(0, 10**6), st.integers(1, 5))
def test_misfits_never_fail(seed: int, size: int):
    """Whatever fits can be diagnosed and put into words."""
    arch = strategies.graph(random.Random(seed), size)
    for m in misfits(arch):
        assert str(m)
        assert m.harmless == (f"{m.path}: {m}" not in summary(arch))
