"""Blobs → tensors by state_dict key. Nothing is allocated before the blob's size has been compared with the layer's."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from neocog.arch import BatchNorm2d, Linear, Row, Shape, analyse
from neocog.arch.window import size, times
from neocog.errors import UserError
from neocog.weights.caffe.layers import Source
from neocog.weights.caffe.network import Network

Blobs = tuple[np.ndarray, ...]


def values(net: Network, layers: Mapping[str, Blobs], where: str) -> dict[str, Tensor]:
    """Every tensor of `net` from the blobs of a .caffemodel, whose layers are found by name, as Caffe finds them."""
    out: dict[str, Tensor] = {}
    for row in analyse(net.arch).rows:
        if row.path not in net.sources:
            continue
        source = net.sources[row.path]
        made = _of(row, source, layers, where)
        for param in row.tensors:
            array = made.get(param.name)
            if array is None:  # batch normalisation without a factor or a shift of its own
                start = torch.zeros if param.name != "weight" else torch.ones
                dtype = torch.long if param.name == "num_batches_tracked" else torch.float32
                out[f"{row.path}.{param.name}"] = start(param.shape, dtype=dtype)
                continue
            if not np.isfinite(array).all():
                raise UserError(f"{where}: layer '{source.layer}' holds numbers that are no numbers (NaN or infinite)")
            out[f"{row.path}.{param.name}"] = torch.from_numpy(array.astype(np.float32)).reshape(param.shape)
    return out


def _of(row: Row, source: Source, layers: Mapping[str, Blobs], where: str) -> dict[str, np.ndarray]:
    """The arrays of one node by the names of its parameters."""
    blobs, record = _found(layers, source.layer, where), row.node.record
    shapes = {param.name: param.shape for param in row.tensors}
    if isinstance(record, BatchNorm2d):
        return _batch_norm(shapes["running_mean"], record.eps, source, blobs, layers, where)
    if isinstance(record, Linear):
        out, features = shapes["weight"]
        shapes["weight"] = (features, out) if source.transposed else (out, features)
    _count(blobs, len(shapes), source.layer, where)
    made = {name: _fit(blobs[i], shape, source.layer, i, where) for i, (name, shape) in enumerate(shapes.items())}
    if source.transposed:
        made["weight"] = made["weight"].T
    return made


def _batch_norm(
    maps: Shape, eps: float, source: Source, blobs: Blobs, layers: Mapping[str, Blobs], where: str
) -> dict[str, np.ndarray]:
    """Caffe stores sums: mean and variance are to be divided by the third blob, 0 of which makes both 0."""
    _count(blobs, 3, source.layer, where)
    total = _fit(blobs[2], (1,), source.layer, 2, where)[0]
    if not np.isfinite(total):
        raise UserError(f"{where}: layer '{source.layer}': its statistics are divided by {total}")
    factor = np.float32(0 if total == 0 else 1 / np.float32(total))
    mean, variance = (_fit(blobs[i], maps, source.layer, i, where) * factor for i in (0, 1))
    if not (variance + eps > 0).all():
        raise UserError(f"{where}: layer '{source.layer}' has a variance below 0")
    made = {"running_mean": mean, "running_var": variance}
    if source.scale:
        affine = _found(layers, source.scale, where)
        _count(affine, 2 if source.shift else 1, source.scale, where)
        made |= {name: _fit(blob, maps, source.scale, i, where)
                 for i, (name, blob) in enumerate(zip(("weight", "bias"), affine, strict=False))}  # fmt: skip
    return made


def _found(layers: Mapping[str, Blobs], name: str, where: str) -> Blobs:
    if name not in layers:
        others = ", ".join(f"'{other}'" for other in list(layers)[:4])
        raise UserError(f"{where}: no weights for the layer '{name}'; the file has {others}{' …' if len(layers) > 4 else ''}")
    return layers[name]


def _count(blobs: Blobs, want: int, name: str, where: str) -> None:
    if len(blobs) != want:
        raise UserError(f"{where}: layer '{name}' has {len(blobs)} blobs; the .prototxt asks for {want}")


def _fit(blob: np.ndarray, shape: Shape, name: str, i: int, where: str) -> np.ndarray:
    """The blob in the shape wanted; axes of length 1 may differ, as in the files of before 2015, which have four always.

    A convolution over a whole map and a full connection have the same numbers in the same order.
    """
    found, want = [n for n in blob.shape if n != 1], [n for n in shape if n != 1]
    whole_map = len(found) > 2 and len(want) == 2 and found[0] == want[0] and blob.size == size(shape)
    if found != want and not whole_map:
        raise UserError(
            f"{where}: layer '{name}', blob {i}: {times(blob.shape) or '1'}, but the .prototxt asks for {times(shape)}"
        )
    return blob.reshape(shape)
