"""What a network's classifier reads, as one row of numbers a picture: on it a linear head can be solved for exactly."""

from dataclasses import dataclass

import torch
from torch import Tensor

from neocog.arch import AdaptiveAvgPool2d, Architecture, AvgPool2d, Conv2d, Dropout, Flatten, Identity, Linear, ReLU, analyse
from neocog.arch.account import Row
from neocog.arch.window import pair
from neocog.nn import Model
from neocog.train.frozen import heads

ROOM = 2.0  # how many times the lowest score that training pictures could give a ReLU behind the head is kept away from


@dataclass(frozen=True)
class Readout:
    """How the scores follow from what the head at `path` reads.

    maps: the head is a 1×1 convolution and its maps are averaged, so that the scores are linear in the mean of the maps that
    it reads; share: of the averaged places, those that are not padding. relu: one stands before the average.
    """

    path: str
    maps: bool = False
    share: float = 1.0
    relu: bool = False


def readout(arch: Architecture) -> Readout | None:
    """How `arch`'s scores are linear in some features; None if they are not, or without biases of their own."""
    head, rows = arch.head, analyse(arch).by_path
    if head is None or not isinstance(head.record, Linear | Conv2d) or not head.record.bias:
        return None
    behind, path = [], head.path
    while path != arch.output:
        readers = [node for node in arch.nodes if path in node.inputs and node.path in arch.main]
        if len(readers) != 1 or len(readers[0].inputs) != 1:
            return None
        path = readers[0].path
        if not isinstance(readers[0].record, Dropout | Identity | Flatten):
            behind.append(rows[path])
    row = rows[head.path]
    if isinstance(head.record, Linear):
        return Readout(head.path) if not behind else None
    relu = bool(behind) and isinstance(behind[0].node.record, ReLU)
    rest = behind[1:] if relu else behind
    single = not rest and row.output[1:] == (1, 1)
    if not _one_by_one(head.record) or not (single or (len(rest) == 1 and _averages_all(rest[0]))):
        return None
    before, after = (rows_ * columns for _, rows_, columns in (row.inputs[0], row.output))
    return Readout(head.path, True, before / after, relu)


def _one_by_one(conv: Conv2d) -> bool:
    plain = Conv2d(conv.out, 1, padding=conv.padding, init=conv.init, bias_init=conv.bias_init)
    return conv in (plain, Conv2d(conv.out, (1, 1), padding=conv.padding, init=conv.init, bias_init=conv.bias_init))


def _averages_all(row: Row) -> bool:
    """Whether the layer takes the plain mean over each whole map."""
    record, (channels, height, width) = row.node.record, row.inputs[0]
    whole = isinstance(record, AvgPool2d) and pair(record.kernel) == (height, width) and record.padding == 0
    return (isinstance(record, AdaptiveAvgPool2d) or whole) and row.output in ((channels,), (channels, 1, 1))


def features(model: Model, how: Readout, x: Tensor) -> tuple[Tensor, Tensor]:
    """N×C×H×W → N×F, what the scores are linear in, and N, the largest norm of what the head reads at one place."""
    read = model.forward_head(model.forward_features(x), pre_logits=True)
    if not how.maps:
        return read.flatten(1), read.flatten(1).norm(dim=1)
    return read.mean((2, 3)) * how.share, read.norm(dim=1).amax((1, 2))


@torch.no_grad()
def set_head(model: Model, how: Readout, head: heads.Linear, norm: float) -> None:
    """Make `head` the network's classifier. norm: the largest that `features` told of the training pictures.

    A ReLU behind the head (NIN, SqueezeNet) would cut off what is below 0 before it is averaged. All biases are raised so
    far that it has nothing to cut: a number added to all scores alike changes no answer and no probability.
    """
    layer = model.get_submodule(how.path)
    assert isinstance(layer.weight, Tensor) and isinstance(layer.bias, Tensor)
    layer.weight.copy_(head.weight.view(layer.weight.shape))
    lowest = float((head.bias - norm * head.weight.norm(dim=1)).min())  # Cauchy and Schwarz: w·x ≥ −‖w‖‖x‖
    layer.bias.copy_(head.bias - ROOM * min(lowest, 0.0) if how.relu else head.bias)
