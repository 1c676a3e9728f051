"""Many pictures, a batch at a time, as the methods that look at many of them read them; and noise where there are none."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from neocog.errors import BadPicture, UserError
from neocog.explain.inside import device_of, input_of, record_of
from neocog.nn import Model
from neocog.nn.resample import torch_resize
from neocog.pictures.sets import Pictures
from neocog.pictures.store import Store

PIXELS = 16 * 224 * 224  # of the pictures of a batch at most, so that the maps of a large network fit into memory


class Batch(NamedTuple):
    """x N×C×H×W as the network reads them, labels N, the pictures' numbers in their split, N (-1: noise), and how many pictures
    have been come to with it."""

    x: Tensor
    labels: Tensor
    indices: np.ndarray
    end: int


def batch_size(model: Model, most: int = 128) -> int:
    """How many pictures to look at at a time."""
    record = record_of(model)
    return max(2, min(most, PIXELS // (record.height * record.width)))


def some(count: int, n: int | None, seed: int = 0) -> np.ndarray:
    """Numbers of n of `count` pictures, drawn without repetition, in order; None: of all. Splits are often sorted by class."""
    if n is None or n >= count:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, n, replace=False))


def batches(model: Model, pictures: Pictures, among: np.ndarray | None = None, size: int | None = None,
            begin: int = 0, failed: list[BadPicture] | None = None) -> Iterator[Batch]:  # fmt: skip
    """The pictures `among` (None: all) that can be read, in an order that mixes the classes and is always the same.

    `pictures` have the network's own class numbers. begin: how many were come to before, an earlier `end`. failed: takes
    those that cannot be read. Raises UserError where none can be read.
    """
    among = np.arange(len(pictures)) if among is None else among
    among = np.random.default_rng(0).permutation(among)
    size, seen = size or batch_size(model), begin
    store = Store(pictures, record_of(model), limit=0, resize=torch_resize)
    try:
        for start in range(begin, len(among), size):
            pixels, kept = store.get(among[start : start + size])
            if len(kept):
                labels = torch.from_numpy(pictures.labels[kept]).to(device_of(model))
                yield Batch(input_of(model, pixels), labels, kept, min(start + size, len(among)))
            seen += len(kept)
    finally:
        store.close()
        if failed is not None:
            failed += store.failed.values()
    if not seen:
        raise UserError("none of the pictures can be read")


def noise(model: Model, n: int, size: int | None = None, seed: int = 0) -> Iterator[Batch]:
    """n pictures of independent pixels, 0 to 255 alike often, through the network's own record, so that they have the scale it
    expects (a deviation of 74 of 255; photographs have about 60); labels drawn alike often."""
    record, draws, size = record_of(model), np.random.default_rng(seed), size or batch_size(model)
    for start in range(0, n, size):
        count = min(size, n - start)
        pixels = draws.integers(0, 256, (count, record.height, record.width, record.channels), np.uint8)
        labels = torch.from_numpy(draws.integers(0, model.num_classes, count)).to(device_of(model))
        yield Batch(input_of(model, pixels), labels, np.full(count, -1), start + count)


@contextmanager
def batch_statistics(model: nn.Module) -> Iterator[None]:
    """Batch normalisation by mean and variance of the batch at hand, as in training, without its running ones being moved.

    A fresh network has none that mean anything. torch takes the batch's own where a layer trains and does not track.
    """
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    were = [(layer.training, layer.track_running_stats) for layer in layers]
    try:
        for layer in layers:
            layer.training, layer.track_running_stats = True, False
        yield
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise UserError(
            "a batch of one picture has no statistics where maps have one place: take another number of pictures"
        ) from None
    finally:
        for layer, (training, track) in zip(layers, were, strict=True):
            layer.training, layer.track_running_stats = training, track
