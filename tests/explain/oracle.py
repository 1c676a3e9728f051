"""A deconvnet written out: an explicit loop over the architecture's nodes, up and then down.

It shares nothing with the rules on autograd's graph; each layer has a forward and a way down of its own, in plain torch calls.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.arch import analyse, layers
from neocog.arch.record import pair
from neocog.nn import Model

Down = Callable[[Tensor], Tensor]


class Loop:
    """The values of every node of the main network for x, 1×C×H×W, and how each goes down."""

    def __init__(self, model: Model, x: Tensor):
        self.arch, self.x = model.arch, x
        self.state = dict(model.state_dict())
        self.values: dict[str, Tensor] = {"input": x}
        self.downs: dict[str, Down] = {}
        self.gates: set[str] = set()
        for node in model.arch.nodes:
            if node.path not in model.arch.main:
                continue
            inputs = [self.values[name] for name in node.inputs]
            record = node.record
            if isinstance(record, layers.Sigmoid | layers.HardSigmoid) or all(name in self.gates for name in node.inputs):
                self.gates.add(node.path)
            if isinstance(record, layers.Add):
                self.values[node.path] = sum(inputs[1:], inputs[0])
            elif isinstance(record, layers.Cat):
                self.values[node.path] = torch.cat(inputs, 1)
            elif isinstance(record, layers.Mul):
                self.values[node.path] = _product(inputs)
            else:
                self.values[node.path], self.downs[node.path] = self.layer(node.path, record, inputs[0])

    def layer(self, path: str, record: object, x: Tensor) -> tuple[Tensor, Down]:
        """A layer of one input: what it gives, and how a reconstruction of it goes down."""
        weight: Any = self.state.get(f"{path}.weight")
        bias: Any = self.state.get(f"{path}.bias")
        match record:
            case layers.ReLU():
                return x.clamp(min=0), lambda g: g.clamp(min=0)
            case layers.ReLU6():
                return x.clamp(0, 6), lambda g: g.clamp(min=0)
            case layers.LRN():
                return _lrn(record, x), lambda g: g
            case layers.Sigmoid():
                return 1 / (1 + torch.exp(-x)), torch.zeros_like
            case layers.HardSigmoid():
                return (x + 3).clamp(0, 6) / 6, torch.zeros_like
            case layers.Dropout() | layers.DropPath():
                return x, lambda g: g
            case layers.Flatten():
                return x.reshape(len(x), -1), lambda g: g.reshape(x.shape)
            case layers.Linear():
                return x @ weight.T + (0 if bias is None else bias), lambda g: g @ weight
            case layers.DepthwiseConv2d():
                return _conv(record.as_conv(tuple(x.shape[1:])), weight, bias, x)
            case layers.Conv2d():
                return _conv(record, weight, bias, x)
            case layers.TableConv2d():
                return _conv(record, _dense(record, weight, x.shape[1]), bias, x)
            case layers.LocallyConnected2d():
                return _local(record, weight, bias, x)
            case layers.Subsampling():
                dense = torch.ones(1, 1, *pair(record.kernel), dtype=x.dtype).repeat(x.shape[1], 1, 1, 1)
                return _conv(record, dense * weight[:, None, None, None], bias, x, x.shape[1])
            case layers.BatchNorm2d():
                return _batch_norm(self.state, path, record, x)
            case layers.Affine():
                factor = torch.ones(x.shape[1], dtype=x.dtype) if weight is None else weight
                shift = 0 if bias is None else _along(bias, x)
                return x * _along(factor, x) + shift, lambda g: g * _along(factor, g)
            case layers.PlaceBias():
                return x + bias, lambda g: g
            case layers.MaxPool2d():
                return _max_pool(record, x)
            case layers.AvgPool2d():
                return _average(record, x)
            case layers.AdaptiveAvgPool2d():
                return _adaptive(record, x)
            case layers.ConstantPad2d():
                rows, columns = record.windows(tuple(x.shape[1:]))
                pads = (columns.before, columns.after, rows.before, rows.after)
                return F.pad(x, pads, value=record.value), lambda g: F.pad(g, tuple(-p for p in pads))
            case layers.PadChannels():
                before, count = record.before, x.shape[1]
                zeros = [x.new_zeros(len(x), n, *x.shape[2:]) for n in (before, record.after)]
                return torch.cat((zeros[0], x, zeros[1]), 1), lambda g: g[:, before : before + count]
            case layers.Slice():
                start, stop = record.bounds(x.shape[1])
                return x[:, start:stop], lambda g: _widened(g, start, stop, x)
            case layers.ChannelShuffle():
                order = torch.arange(x.shape[1]).reshape(record.groups, -1).T.reshape(-1)
                return x[:, order], lambda g: g[:, order.argsort()]
            case layers.Scale():
                return x * record.factor + record.shift, lambda g: g * record.factor
            case layers.LayerScale():
                return x * _along(weight, x), lambda g: g * _along(weight, g)
        raise NotImplementedError(f"{record} at {path}")

    def project(self, path: str | None, channel: int, place: tuple[int, int] | None = None) -> tuple[Tensor, Tensor]:
        """The value of a unit (path None: a class's score), and what comes back of a 1 there: 1×C×H×W."""
        start = path or self.arch.output
        out = self.values[start]
        seed = torch.zeros_like(out)
        if path is None and out.dim() == 4:
            seed[0, channel] = 1 / (out.shape[2] * out.shape[3])
        elif place is None:
            seed[0, channel] = 1
        else:
            seed[0, channel, place[0], place[1]] = 1
        coming = {start: seed}
        for node in reversed(self.arch.nodes):
            g = coming.pop(node.path, None)
            if g is None:
                continue
            for name, part in zip(node.inputs, self.below(node.path, node.record, node.inputs, g), strict=True):
                if part is not None:
                    coming[name] = coming[name] + part if name in coming else part
        return (seed * out).sum(), coming.get("input", torch.zeros_like(self.x))

    def below(self, path: str, record: object, inputs: tuple[str, ...], g: Tensor) -> list[Tensor | None]:
        """What each input gets; None for a gate, which is a constant."""
        if isinstance(record, layers.Add):
            return [g] * len(inputs)
        if isinstance(record, layers.Cat):
            return list(g.split([self.values[name].shape[1] for name in inputs], 1))
        if isinstance(record, layers.Mul):
            parts: list[Tensor | None] = []
            for i, name in enumerate(inputs):
                others = [self.values[other] for j, other in enumerate(inputs) if j != i]
                part = _product([g, *others])
                if part.shape != self.values[name].shape:  # a factor of C×1×1 counts for the whole map
                    part = part.sum((2, 3), keepdim=True)
                parts.append(None if name in self.gates else part)
            return parts
        return [self.downs[path](g)]


def strongest_place(loop: Loop, path: str, channel: int) -> tuple[int, int]:
    """Where a map answers most, the first of equals."""
    plane = loop.values[path][0, channel]
    return divmod(int(plane.flatten().argmax()), plane.shape[1])


def _product(factors: list[Tensor]) -> Tensor:
    out = factors[0]
    for factor in factors[1:]:
        out = out * factor
    return out


def _along(values: Tensor, x: Tensor) -> Tensor:
    return values.reshape(1, -1, *[1] * (x.dim() - 2))


def _widened(g: Tensor, start: int, stop: int, x: Tensor) -> Tensor:
    out = torch.zeros_like(x)
    out[:, start:stop] = g
    return out


def _fitted(record: layers.MaxPool2d, x: Tensor) -> tuple[tuple[int, int, int, int], tuple[int, int]]:
    """The padding (left, right, top, bottom) with which the windows just fit, and how many rows and columns of it lie beyond
    the layer's own padding (Caffe's ceil)."""
    pads, beyond = [], []
    for window, n in zip(record.windows(tuple(x.shape[1:])), x.shape[2:], strict=True):
        span = (window.kernel - 1) * window.dilation + 1
        room = n + window.before + window.after - span
        places = (room + window.stride - 1) // window.stride + 1 if window.ceil else room // window.stride + 1
        if window.ceil and (places - 1) * window.stride >= n + window.before:
            places -= 1
        need = (places - 1) * window.stride + span
        pads.append((window.before, need - n - window.before))
        beyond.append(max(0, need - n - window.before - window.after))
    (top, bottom), (left, right) = pads
    return (left, right, top, bottom), (beyond[0], beyond[1])


def _max_pool(record: layers.MaxPool2d, x: Tensor) -> tuple[Tensor, Down]:
    pads, _ = _fitted(record, x)
    padded = F.pad(x, pads, value=float("-inf"))
    y, switches = F.max_pool2d(padded, pair(record.kernel), pair(record.stride), 0, pair(record.dilation), return_indices=True)

    def down(g: Tensor) -> Tensor:
        plane = torch.zeros_like(padded).flatten(2)
        plane.scatter_add_(2, switches.flatten(2), g.flatten(2))  # windows overlap: several values may go to one place
        return F.pad(plane.reshape(padded.shape), tuple(-p for p in pads))

    return y, down


def _average(record: layers.AvgPool2d, x: Tensor) -> tuple[Tensor, Down]:
    pads, (rows, columns) = _fitted(record, x)  # type: ignore[arg-type]
    ones = torch.ones(1, 1, *pair(record.kernel), dtype=x.dtype)
    real = torch.ones_like(x[:1, :1])
    left, right, top, bottom = pads
    if record.count_padding:
        inner = F.pad(real, (left, right - columns, top, bottom - rows), value=1.0)
        real = F.pad(inner, (0, columns, 0, rows))
    else:
        real = F.pad(real, pads)
    count = F.conv2d(real, ones, stride=pair(record.stride))
    each = ones.repeat(x.shape[1], 1, 1, 1)
    total = F.conv2d(F.pad(x, pads), each, stride=pair(record.stride), groups=x.shape[1])

    def down(g: Tensor) -> Tensor:
        spread = F.conv_transpose2d(g / count, each, stride=pair(record.stride), groups=x.shape[1])
        return F.pad(spread, tuple(-p for p in pads))  # _fitted: windows fit the padded map to the last row

    return total / count, down


def _adaptive(record: layers.AdaptiveAvgPool2d, x: Tensor) -> tuple[Tensor, Down]:
    rows, columns = pair(record.out)
    high, wide = x.shape[2:]
    windows = [
        (i, j, i * high // rows, -(-(i + 1) * high // rows), j * wide // columns, -(-(j + 1) * wide // columns))
        for i in range(rows)
        for j in range(columns)
    ]
    y = x.new_zeros(*x.shape[:2], rows, columns)
    for i, j, top, bottom, left, right in windows:
        y[:, :, i, j] = x[:, :, top:bottom, left:right].mean((2, 3))

    def down(g: Tensor) -> Tensor:
        out = torch.zeros_like(x)
        for i, j, top, bottom, left, right in windows:
            area = (bottom - top) * (right - left)
            out[:, :, top:bottom, left:right] += g[:, :, i, j, None, None] / area
        return out

    return y, down


def _conv(record: object, weight: Tensor | None, bias: Tensor | None, x: Tensor, groups: int = 0) -> tuple[Tensor, Down]:
    assert weight is not None
    rows, columns = record.windows(tuple(x.shape[1:]))  # type: ignore[attr-defined]
    pads = (columns.before, columns.after, rows.before, rows.after)
    padded = F.pad(x, pads)
    stride, dilation = (rows.stride, columns.stride), (rows.dilation, columns.dilation)
    groups = groups or getattr(record, "groups", 1)
    y = F.conv2d(padded, weight, bias, stride, 0, dilation, groups)
    spans = [d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True)]
    left = [n - span - (m - 1) * s for n, span, m, s in zip(padded.shape[2:], spans, y.shape[2:], stride, strict=True)]

    def down(g: Tensor) -> Tensor:
        back = F.conv_transpose2d(g, weight, None, stride, 0, 0, groups, dilation)
        back = F.pad(back, (0, left[1], 0, left[0]))  # rows and columns that no window reached
        return F.pad(back, tuple(-p for p in pads))

    return y, down


def _dense(record: layers.TableConv2d, weight: Tensor | None, channels: int) -> Tensor:
    assert weight is not None
    dense = weight.new_zeros(len(record.table), channels, *weight.shape[1:])
    link = 0
    for out, row in enumerate(record.table):
        for source in row:
            dense[out, source] = weight[link]
            link += 1
    return dense


def _local(record: layers.LocallyConnected2d, weight: Tensor | None, bias: Tensor | None, x: Tensor) -> tuple[Tensor, Down]:
    assert weight is not None
    rows, columns = record.windows(tuple(x.shape[1:]))
    pads = (columns.before, columns.after, rows.before, rows.after)
    padded = F.pad(x, pads)
    high, wide = rows.output(x.shape[2]), columns.output(x.shape[3])
    y = x.new_zeros(len(x), weight.shape[1], high, wide)
    places = [(i, j, i * rows.stride, j * columns.stride) for i in range(high) for j in range(wide)]
    for n, (i, j, top, left) in enumerate(places):
        patch = padded[:, :, top : top + rows.kernel, left : left + columns.kernel].flatten(1)
        y[:, :, i, j] = patch @ weight[n].T + (0 if bias is None else bias[n])

    def down(g: Tensor) -> Tensor:
        out = torch.zeros_like(padded)
        for n, (i, j, top, left) in enumerate(places):
            patch = (g[:, :, i, j] @ weight[n]).reshape(len(g), -1, rows.kernel, columns.kernel)
            out[:, :, top : top + rows.kernel, left : left + columns.kernel] += patch
        return F.pad(out, tuple(-p for p in pads))

    return y, down


def _batch_norm(state: dict[str, Tensor], path: str, record: layers.BatchNorm2d, x: Tensor) -> tuple[Tensor, Down]:
    mean, variance = state[f"{path}.running_mean"], state[f"{path}.running_var"]
    factor = 1 / torch.sqrt(variance + record.eps)
    shift = torch.zeros_like(mean)
    if f"{path}.weight" in state:
        factor, shift = factor * state[f"{path}.weight"], state[f"{path}.bias"]
    return (x - _along(mean, x)) * _along(factor, x) + _along(shift, x), lambda g: g * _along(factor, g)


def _lrn(record: layers.LRN, x: Tensor) -> Tensor:
    alpha = record.alpha / record.size if record.divide_alpha else record.alpha
    before = record.size // 2
    out = torch.empty_like(x)
    for i in range(x.shape[1]):
        near = x[:, max(0, i - before) : i - before + record.size]
        out[:, i] = x[:, i] / (record.k + alpha * (near * near).sum(1)) ** record.beta
    return out


def depths(model: Model) -> list[str | None]:
    """Three depths: a map layer early, one in the middle, and the scores."""
    maps = [row.path for row in analyse(model.arch).rows if row.path in model.arch.main and len(row.output) == 3]
    return [*dict.fromkeys(maps[i] for i in (len(maps) // 4, len(maps) * 2 // 3) if maps), None]
