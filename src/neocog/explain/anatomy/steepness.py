"""How much a layer can enlarge a gradient that goes back through it: bounds of the largest singular value of its Jacobian."""

import math

import numpy as np
import torch

from neocog.arch import layers as records
from neocog.arch.account import Row
from neocog.arch.record import Leaf, Windowed, pair
from neocog.arch.window import Window
from neocog.nn import Model

STEEPEST: dict[type[Leaf], float] = {
    records.ReLU: 1.0, records.ReLU6: 1.0, records.Sigmoid: 0.25, records.HardSigmoid: 1 / 6, records.Softplus: 1.0,
    records.Abs: 1.0, records.Flatten: 1.0, records.Dropout: 1.0, records.DropPath: 1.0, records.ChannelShuffle: 1.0,
    records.PadChannels: 1.0, records.Slice: 1.0, records.Softmax: 0.5,
}  # fmt: skip


def steepness(model: Model, row: Row, statistics: str) -> float:
    """An upper bound of ‖J‖₂ of the node; NaN where none is known here. Exact for full connections and functions of one number.

    A convolution is a full connection of the patches that it cuts out, in which no pixel comes more than ⌈k/s⌉ times a side.
    """
    record, shape = row.node.record, row.inputs[0]
    known = STEEPEST.get(type(record))
    if known is not None:
        return known
    leaf = model.get_submodule(row.path)
    if isinstance(record, records.Tanh):
        return abs(record.scale * record.slope)
    if isinstance(record, records.LeakyReLU):
        return max(1.0, abs(record.slope))
    if isinstance(record, records.ELU):
        return max(1.0, record.alpha)
    if isinstance(record, records.Scale):
        return abs(record.factor)
    if isinstance(record, records.Linear):
        return _largest(leaf.weight)  # type: ignore[arg-type]
    if isinstance(record, records.BatchNorm2d):
        return _of_batch_norm(leaf) if statistics == "running" else math.nan
    if isinstance(record, records.AdaptiveAvgPool2d) and pair(record.out) == (1, 1):
        return 1 / math.sqrt(shape[1] * shape[2])
    if not isinstance(record, Windowed):
        return math.nan
    rows, columns = record.windows(shape) or (None, None)
    if rows is None or columns is None:
        return math.nan
    often = math.sqrt(_times(rows) * _times(columns))
    if isinstance(record, records.MaxPool2d):
        return often
    if isinstance(record, records.AvgPool2d):
        if record.ceil or (not record.count_padding and any((rows.before, rows.after, columns.before, columns.after))):
            return math.nan  # windows at the border divide by less
        return often / math.sqrt(rows.kernel * columns.kernel)
    if isinstance(record, records.Conv2d | records.DepthwiseConv2d):
        weight = leaf.weight.detach().flatten(1)  # type: ignore[operator, union-attr]
        groups = record.as_conv(shape).groups if isinstance(record, records.DepthwiseConv2d) else record.groups
        return often * max(_largest(part) for part in weight.chunk(groups))
    if isinstance(record, records.TableConv2d):
        return often * _largest(leaf.dense().flatten(1))  # type: ignore[operator]
    if isinstance(record, records.Subsampling):
        return often * math.sqrt(rows.kernel * columns.kernel) * float(leaf.weight.detach().abs().max())  # type: ignore[operator]
    return math.nan


def _times(window: Window) -> int:
    """In how many windows one position of the axis may lie."""
    return window.kernel if window.dilation > 1 else math.ceil(window.kernel / window.stride)


def _largest(weight: torch.Tensor) -> float:
    """Its largest singular value."""
    matrix = weight.detach().double().cpu().numpy()
    small = matrix @ matrix.T if matrix.shape[0] <= matrix.shape[1] else matrix.T @ matrix
    return math.sqrt(max(float(np.linalg.eigvalsh(small)[-1]), 0.0))


def _of_batch_norm(leaf: torch.nn.Module) -> float:
    scale = 1 / (leaf.running_var + leaf.eps).sqrt()  # type: ignore[operator]
    return float((scale if leaf.weight is None else scale * leaf.weight).abs().max())  # type: ignore[operator]
