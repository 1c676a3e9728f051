"""Window arithmetic beside torch's own layers, and beside counting on one's fingers."""

import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from neocog.arch import AvgPool2d, Conv2d, MaxPool2d, Window, architecture
from neocog.arch.record import Leaf, Windowed
from neocog.arch.window import same_padding
from neocog.errors import ShapeError, UserError
from neocog.nn import Model
from tests.conftest import error, rng

from .strategies import avg_pools, convs, depthwise, max_pools, sides, windows


def positions(window: Window, n: int) -> list[list[int]] | None:
    """Window by window, the positions it reads (padding below 0 and from n on), by Caffe's and torch's rule; None: no place."""
    last = n + window.before + window.after - window.extent  # the last start that fits, in padded coordinates
    if last < 0:
        return None
    starts = list(range(0, last + 1, window.stride))
    if window.ceil and starts[-1] < last and starts[-1] + window.stride < n + window.before:
        starts.append(starts[-1] + window.stride)  # may overrun, but must start on the map or in the padding before it
    elif window.ceil and len(starts) > 1 and starts[-1] >= n + window.before:
        starts.pop()  # torch and Caffe look at the last place even where the windows fit exactly
    return [[s - window.before + i * window.dilation for i in range(window.kernel)] for s in starts]


@given(windows, st.integers(1, 40))
def test_output_and_reads_by_counting(window: Window, n: int):
    assume(not window.ceil or max(window.before, window.after) <= window.extent // 2)  # as torch allows it
    found = positions(window, n)
    if found is None:
        with pytest.raises(ShapeError, match=f"spans {window.extent} does not fit {n} positions"):
            window.output(n)
        return
    assert window.output(n) == len(found)
    assume(window.stride > 1 or window.dilation == 1)  # see the next test
    read = {p for places in found for p in places if 0 <= p < n}
    assert window.reads(n) == read
    behind = n - 1 - max((p for places in found for p in places), default=-1)
    assert window.unread_behind(n) == max(0, behind)


def test_reads_of_one_dilated_window():
    assert Window(2, dilation=2).reads(3) == {0, 2}


@given(windows, st.integers(1, 40))
def test_output_is_torchs(window: Window, n: int):
    """On the meta device, nothing computed: pools where torch allows the padding, convolutions with any."""
    x = torch.empty(1, 1, n, n, device="meta")
    pads = (window.before, window.after)

    def torchs() -> int:
        if window.ceil:
            assume(window.before == window.after <= window.kernel // 2)
            return F.max_pool2d(x, window.kernel, window.stride, window.before, window.dilation, True).shape[2]
        padded = F.pad(x, (*pads, *pads))
        weight = torch.empty(1, 1, window.kernel, window.kernel, device="meta")
        return F.conv2d(padded, weight, None, window.stride, 0, window.dilation).shape[2]

    try:
        want = torchs()
    except RuntimeError:
        with pytest.raises(ShapeError):
            window.output(n)
    else:
        assert window.output(n) == want


@given(st.integers(1, 60), st.integers(1, 7), st.integers(1, 7), st.integers(1, 3))
def test_same_padding_is_tensorflows(n: int, kernel: int, stride: int, dilation: int):
    """ceil(n/stride) places with the least padding that gives them, the odd one behind."""
    before, after = same_padding(n, kernel, stride, dilation)
    assert Window(kernel, stride, before, after, dilation).output(n) == -(-n // stride)
    assert after - before in (0, 1)
    if before + after:
        fewer = Window(kernel, stride, before, after - 1, dilation)
        extent = dilation * (kernel - 1) + 1
        assert n + before + after - 1 < extent or fewer.output(n) < -(-n // stride)


def output_or_none(record: Leaf, shape: tuple[int, int, int]) -> tuple[int, ...] | None:
    try:
        return record.output(shape)
    except ShapeError:
        return None


@given(st.one_of(convs, depthwise, max_pools, avg_pools), sides)
@example(MaxPool2d(3, 2, 3), (7, 7))  # more padding than torch's pool takes
@example(AvgPool2d(3, 2, ((0, 1), (1, 0)), ceil=True), (6, 6))
def test_module_gives_the_declared_shape(record: Windowed, hw: tuple[int, int]):
    """Not square, not even, dilated, rounded up: arithmetic and Module agree."""
    assume(not drops_last(record, (2, *hw)))
    gives_declared_shape(record, hw)


CEIL = "nn/layers.py: pools that pad by hand round up without the rule that drops a last window in the padding behind"


@pytest.mark.parametrize("kind", [MaxPool2d, AvgPool2d])
@pytest.mark.parametrize(("padding", "n"), [(((0, 3), (0, 0)), 5), (((2, 2), (2, 2)), 6)])
def test_last_window_in_the_padding_behind(kind: type, padding: object, n: int):
    gives_declared_shape(kind(2, 2, padding, ceil=True), (n, 5))


def drops_last(record: Windowed, shape: tuple[int, int, int]) -> bool:
    """Whether rounding up would put a last window into the padding behind the map, where the Module pads by itself."""
    (top, bottom), (left, right) = ((w.before, w.after) for w in record.windows(shape))
    torch_pads = top == bottom <= record.kernel[0] // 2 and left == right <= record.kernel[1] // 2
    over = (w.before + n <= (-(-(n + w.before + w.after - w.extent) // w.stride)) * w.stride
            for w, n in zip(record.windows(shape), shape[1:], strict=True))  # fmt: skip
    return bool(record.ceil) and not torch_pads and any(over)


def gives_declared_shape(record: Windowed, hw: tuple[int, int]) -> None:
    shape = (2, *hw)
    want = output_or_none(record, shape)
    if want is None or min(want) < 1:
        return
    model = Model(architecture("one", shape, record), rng()).eval()
    x = torch.randn(2, *shape, generator=rng(1))
    assert tuple(model(x).shape) == (2, *want)


@given(convs, sides)
def test_convolution_is_pad_and_convolve(record: Conv2d, hw: tuple[int, int]):
    shape = (2, *hw)
    assume(output_or_none(record, shape) is not None)
    model = Model(architecture("one", shape, record), rng()).eval()
    leaf = next(model.children())
    rows, columns = record.windows(shape)
    x = torch.randn(1, *shape, generator=rng(1))
    padded = F.pad(x, (columns.before, columns.after, rows.before, rows.after))
    want = F.conv2d(padded, leaf.weight, leaf.bias, record.stride, 0, record.dilation)
    assert error(model(x), want) <= 1e-5


@given(st.one_of(max_pools, avg_pools), sides)
def test_pools_by_counting(record: MaxPool2d | AvgPool2d, hw: tuple[int, int]):
    """Every place of a pool is the maximum (or mean) of what the window reads there; padding is never a maximum."""
    shape = (1, *hw)
    want = output_or_none(record, shape)
    assume(want is not None and min(want) > 0 and not drops_last(record, shape))
    model = Model(architecture("one", shape, record), rng()).eval()
    x = torch.randn(1, *shape, generator=rng(1))
    got = model(x)[0, 0]
    rows, columns = record.windows(shape)
    both = [positions(w, n) for w, n in ((rows, hw[0]), (columns, hw[1]))]
    for i in range(got.shape[0]):
        for j in range(got.shape[1]):
            places = [(r, c) for r in both[0][i] for c in both[1][j]]
            real = [x[0, 0, r, c] for r, c in places if 0 <= r < hw[0] and 0 <= c < hw[1]]
            if isinstance(record, MaxPool2d):
                assert got[i, j] == (max(real) if real else -torch.inf)
                continue
            # positions beyond the padding itself (an overrun by ceil) never count
            inside = [(r, c) for r, c in places if r < hw[0] + rows.after and c < hw[1] + columns.after]
            number = len(inside) if record.count_padding else len(real)
            if number and real:
                assert got[i, j].item() == pytest.approx((sum(real) / number).item(), abs=1e-5)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2), st.booleans(), sides)
def test_pools_are_torchs(kernel: int, stride: int, padding: int, ceil: bool, hw: tuple[int, int]):
    """Where torch's own layers can do it, the numbers are the same to the bit."""
    assume(padding <= kernel // 2)
    shape = (2, *hw)
    assume(output_or_none(MaxPool2d(kernel, stride, padding, ceil=ceil), shape) is not None)
    x = torch.randn(2, *shape, generator=rng(1))
    pairs = [
        (MaxPool2d(kernel, stride, padding, ceil=ceil), nn.MaxPool2d(kernel, stride, padding, ceil_mode=ceil)),
        (AvgPool2d(kernel, stride, padding, ceil), nn.AvgPool2d(kernel, stride, padding, ceil)),
        (AvgPool2d(kernel, stride, padding, ceil, False), nn.AvgPool2d(kernel, stride, padding, ceil, False)),
    ]
    for record, theirs in pairs:
        assert torch.equal(Model(architecture("one", shape, record), rng())(x), theirs(x))


@pytest.mark.parametrize("field", ["kernel", "stride", "dilation"])
@pytest.mark.parametrize("value", [0, -1, (1, 0)])
def test_windows_need_at_least_one(field: str, value: object):
    with pytest.raises(UserError, match=f"{field} must be at least 1"):
        Conv2d(**{"out": 4, "kernel": 3, field: value})


def test_every_way_to_say_padding():
    """A number, a pair, two pairs, a word: one normal form, so that equal layers are equal values."""
    assert Conv2d(4, 3, padding=1) == Conv2d(4, (3, 3), padding=((1, 1), (1, 1))) == Conv2d(4, 3, (1, 1), (1, 1))
    assert Conv2d(4, 3, padding="valid") == Conv2d(4, 3)
    assert hash(Conv2d(4, 3, padding=1)) == hash(Conv2d(4, (3, 3), padding=(1, 1)))
    assert Conv2d(4, 3, padding=(1, 2)).padding == ((1, 1), (2, 2))
    with pytest.raises(UserError, match="'same' or 'valid'"):
        Conv2d(4, 3, padding="reflect")
