"""What of a network must be computed again when a small part of its picture changes: the rest stays as it was.

A place of a map sees only its receptive field, so that where the picture changed in a block, each of the first layers changes
in a block too. Of every stretch between two nodes that all else passes through (`Architecture.cuts`), only the crop around the
block is computed; its valid middle is laid into the map of the unchanged picture. A crop begins at a multiple of the stretch's
stride, and what is cut off is one too, so that padding and strides that do not fit fall as in the whole map: the numbers are
those of the whole computation, but for the order in which a convolution adds (a few units of the last digits).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from neocog.arch import Architecture, analyse, layers
from neocog.arch.account import Row
from neocog.arch.layers.activations import Activation
from neocog.arch.receptive import Extent
from neocog.explain.inside import values_at
from neocog.nn import Model
from neocog.nn.model import Step, planned

# What does at every place the same to its neighbourhood, beyond the map's edge to zeros or to nothing.
LOCAL = (
    layers.Conv2d, layers.DepthwiseConv2d, layers.TableConv2d, layers.MaxPool2d, layers.AvgPool2d, layers.L2Pool2d,
    layers.Subsampling, layers.BatchNorm2d, layers.LRN, layers.Affine, layers.Add, layers.Cat, layers.Mul, layers.Dropout,
    layers.DropPath, layers.PadChannels, layers.ChannelShuffle, layers.Scale, layers.LayerScale, Activation,
)  # fmt: skip
TOUCH = 30  # what reading and writing a number costs, in multiply-adds
CALL = 400_000  # what a stage costs a picture besides, in multiply-adds


@dataclass(frozen=True)
class Axis:
    """One axis of a stage: n places become m; place y of the output sees y·stride + first … y·stride + last of the input. A
    changed block of the input is `block` long, of the output `out`; `crop` is how much of the input is computed."""

    n: int
    m: int
    stride: int
    first: int
    last: int
    block: int

    @property
    def out(self) -> int:
        """How many places a block of the input can change."""
        return min(self.m, (self.block - 1 + self.last - self.first) // self.stride + 1)

    @property
    def crop(self) -> int:
        """The window of the block's places, and room to begin at a multiple of the stride; n less a multiple of it."""
        need = self.out * self.stride + self.last - self.first
        return self.n - (self.n - need) // self.stride * self.stride if need < self.n else self.n

    def at(self, offset: int) -> tuple[int, int]:
        """Where the crop and the output's block begin for a block at `offset`."""
        begin = min(max(-((self.last - offset) // self.stride), 0), self.m - self.out)
        start = max(0, begin * self.stride + self.first) // self.stride * self.stride
        return min(start, self.n - self.crop), begin


@dataclass(frozen=True)
class Stage:
    """A stretch of the network from the value `have` to the value `path`, in blocks of rows × columns."""

    have: str
    path: str
    steps: tuple[Step, ...]
    rows: Axis
    columns: Axis


class Cone:
    """A network's answers where a block of `size` (rows, columns) of one picture changes.

    x: the picture, 1×C×H×W. keep: the paths whose values are wanted. Use inside `undisturbed` and inference mode.
    """

    def __init__(self, model: Model, x: Tensor, size: tuple[int, int], keep: tuple[str, ...]):
        self.model, self.keep = model, keep
        self.stages = stages(model.arch, tuple(x.shape[2:]), size, keep) if x.shape[1:] == model.arch.input else ()
        wanted = dict.fromkeys((*keep, *(stage.path for stage in self.stages)))
        found = values_at(model, x.contiguous(memory_format=torch.channels_last), wanted)
        self.clean = {path: found[path] for path in keep}
        self._maps = {"input": x[0], **{stage.path: found[stage.path][0] for stage in self.stages}}
        self._last = self.stages[-1].path if self.stages else "input"
        self._rest = planned(model.arch, keep, self._last) if keep != (self._last,) else ()

    @property
    def share(self) -> float:
        """How much of the picture the first stage reads, where the maps are largest."""
        if not self.stages:
            return 1.0
        rows, columns = self.stages[0].rows, self.stages[0].columns
        return rows.crop * columns.crop / (rows.n * columns.n)

    def __call__(self, blocks: Tensor, offsets: Sequence[tuple[int, int]]) -> dict[str, Tensor]:
        """The values at `keep` for the picture with each of the blocks, N×C×rows×columns, in its place."""
        for stage in self.stages:
            starts = [(stage.rows.at(o[0]), stage.columns.at(o[1])) for o in offsets]
            corners = [(r[0], c[0]) for r, c in starts]
            crops = cut(self._maps[stage.have], corners, (stage.rows.crop, stage.columns.crop))
            lay(crops, blocks, [(o[0] - c[0], o[1] - c[1]) for o, c in zip(offsets, corners, strict=True)])
            out = self.model._run(stage.steps, {stage.have: crops})[stage.path]
            inner = [
                (r[1] - r[0] // stage.rows.stride, c[1] - c[0] // stage.columns.stride) for r, c in starts
            ]  # of the crop's output
            blocks = torch.stack(
                [o[:, i : i + stage.rows.out, j : j + stage.columns.out] for o, (i, j) in zip(out, inner, strict=True)]
            )
            offsets = [(r[1], c[1]) for r, c in starts]
        whole = self._maps[self._last]
        maps = cut(whole, [(0, 0)] * len(blocks), (whole.shape[1], whole.shape[2]))
        lay(maps, blocks, offsets)
        values = self.model._run(self._rest, {self._last: maps}) if self._rest else {self._last: maps}
        return {path: values[path] for path in self.keep}


def cut(whole: Tensor, corners: Sequence[tuple[int, int]], size: tuple[int, int]) -> Tensor:
    """Crops of C×H×W at the corners: N×C×rows×columns, channels last."""
    out = torch.empty(
        (len(corners), len(whole), *size), dtype=whole.dtype, device=whole.device, memory_format=torch.channels_last
    )
    for one, (i, j) in zip(out, corners, strict=True):
        one.copy_(whole[:, i : i + size[0], j : j + size[1]])
    return out


def lay(onto: Tensor, blocks: Tensor, offsets: Sequence[tuple[int, int]]) -> None:
    """Each block into its map at its offset; what lies outside is left away (positions that no place reads)."""
    high, wide = onto.shape[2:]
    rows, columns = blocks.shape[2:]
    for one, block, (i, j) in zip(onto, blocks, offsets, strict=True):
        top, left = max(0, -i), max(0, -j)
        bottom, right = min(rows, high - i), min(columns, wide - j)
        if bottom > top and right > left:
            one[:, i + top : i + bottom, j + left : j + right] = block[:, top:bottom, left:right]


def stages(arch: Architecture, sides: tuple[int, ...], size: tuple[int, int], keep: tuple[str, ...]) -> tuple[Stage, ...]:
    """The stretches to compute in blocks, those that promise the least work; none where nothing is gained."""
    nodes = _candidates(arch, keep)
    table = analyse(arch)
    work = [TOUCH * sum(len_of(row) for row in part) + sum(row.macs for row in part) for part in _between(arch, nodes)]
    rest = sum(row.macs + TOUCH * len_of(row) for row in table.rows if not row.aux) - sum(work)
    ends: list[tuple[Row | None, tuple[int, ...]]] = [(None, sides), *((row, row.output[1:]) for row in nodes)]

    def axes(i: int, j: int, block: tuple[int, int]) -> list[Axis]:
        return [_axis(ends[i], ends[j], a, block[a]) for a in (0, 1)]

    blocks = [size] + [(one[0].out, one[1].out) for one in (axes(0, j, size) for j in range(1, len(ends)))]
    best: list[tuple[float, int]] = [(0.0, -1)]  # the work of the cheapest way to end j, and the end before it
    for j in range(1, len(ends)):
        ways = []
        for i in range(j):
            rows, columns = axes(i, j, blocks[i])
            share = rows.crop * columns.crop / (rows.n * columns.n)
            before = ends[i][0]
            copied = rows.crop * columns.crop * (before.output[0] if before else arch.input[0])
            ways.append((best[i][0] + share * sum(work[i:j]) + TOUCH * copied + CALL, i))
        best.append(min(ways))
    full = [way[0] + sum(work[j:]) + rest + TOUCH * (len_of(row) if (row := ends[j][0]) else 0) for j, way in enumerate(best)]
    at, chain = full.index(min(full)), []
    while at > 0:
        chain.append((best[at][1], at))
        at = best[at][1]
    found, block = [], size
    for i, j in reversed(chain):
        rows, columns = axes(i, j, block)
        before, row = ends[i][0], ends[j][0]
        assert row is not None
        have = before.path if before else "input"
        found.append(Stage(have, row.path, planned(arch, (row.path,), have), rows, columns))
        block = rows.out, columns.out
    return tuple(found)


def len_of(row: Row) -> int:
    """How many numbers a node gives."""
    total = 1
    for n in row.output:
        total *= n
    return total


def _candidates(arch: Architecture, keep: tuple[str, ...]) -> list[Row]:
    """The cuts, in order, up to which all is local, and from which all of `keep` can still be had."""
    shared = set.intersection(*(arch.ancestors(path) for path in keep)) if "input" not in keep else set()
    found = []
    for row in analyse(arch).rows:
        if row.path not in shared:
            continue
        if not isinstance(row.node.record, LOCAL) or row.field is None or len(row.output) != 3:
            break
        if row.path in arch.cuts:
            found.append(row)
    return found


def _between(arch: Architecture, nodes: Sequence[Row]) -> list[list[Row]]:
    """The rows of each stretch that ends in one of the nodes."""
    table, seen, parts = analyse(arch), set(), []
    for node in nodes:
        new = arch.ancestors(node.path) - seen
        parts.append([row for row in table.rows if row.path in new])
        seen |= new
    return parts


def _axis(before: tuple[Row | None, tuple[int, ...]], after: tuple[Row | None, tuple[int, ...]], a: int, block: int) -> Axis:
    """How the end `after` sees the end `before` along axis a."""
    was = before[0].field[a] if before[0] is not None and before[0].field else Extent()
    now = after[0].field[a] if after[0] is not None and after[0].field else Extent()
    first = (now.first - was.first) // was.stride
    last = first + (now.size - was.size) // was.stride
    return Axis(before[1][a], after[1][a], now.stride // was.stride, first, last, min(block, before[1][a]))
