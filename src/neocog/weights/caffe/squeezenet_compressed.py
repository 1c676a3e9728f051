"""The authors' compressed SqueezeNet: Deep Compression's pruned indices and codebooks (Han, Mao & Dally 2016).

The format, as the authors' decode.py reads it, little endian: for each layer of weights the number of codes as uint32; then,
layer by layer, a codebook of float32 (256 entries for convolutions, 16 for full connections), the biases, the codes (8 bits
each, or 4 with the lower half first), and 4-bit gaps between them, the lower half first: a gap of g skips g weights. What is
skipped has the code 0.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from neocog.arch import Conv2d, analyse
from neocog.errors import UserError
from neocog.weights.caffe.caffemodel import mapped
from neocog.weights.caffe.network import Network


def read_compressed(path: str | Path, net: Network) -> Mapping[str, tuple[np.ndarray, ...]]:
    """(weight, bias) by layer, as `read_caffemodel` gives them; the file says no shapes, so they are the network's."""
    where, data, at = str(path), mapped(path), 0
    rows = [row for row in analyse(net.arch).rows if row.path in net.sources]

    def take(count: int, kind: str) -> np.ndarray:
        nonlocal at
        length = count * np.dtype(kind).itemsize
        if length > len(data) - at:
            raise UserError(f"{where}: cut off, or not the compressed weights of {net.arch.name}: {length} bytes more needed")
        at += length
        return np.frombuffer(data[at - length : at], kind)

    out: dict[str, tuple[np.ndarray, ...]] = {}
    counts = take(len(rows), "<u4")
    for row, count in zip(rows, counts.tolist(), strict=True):
        name = net.sources[row.path].layer
        shapes = [param.shape for param in row.tensors]
        if len(shapes) != 2:
            raise UserError(f"{where}: layer '{name}' has no weight and bias, which is all that this format holds")
        numbers = math.prod(shapes[0])
        if not 1 <= count <= numbers:
            raise UserError(f"{where}: damaged: {count} codes for the {numbers} weights of layer '{name}'")
        bits = 8 if isinstance(row.node.record, Conv2d) else 4
        codebook, bias = take(1 << bits, "<f4"), take(shapes[1][0], "<f4")
        codes = _halves(take((count + 1) // 2, "u1"), count) if bits == 4 else take(count, "u1")
        places = np.cumsum(_halves(take((count + 1) // 2, "u1"), count).astype(np.int64) + 1) - 1
        if places[-1] >= numbers:
            raise UserError(f"{where}: damaged: layer '{name}' has {numbers} weights, not {places[-1] + 1}")
        weight = np.zeros(numbers, np.uint8)
        weight[places] = codes
        out[name] = (codebook[weight].reshape(shapes[0]), bias)
    if at != len(data):
        raise UserError(f"{where}: {len(data) - at} bytes too many; not the compressed weights of {net.arch.name}")
    return out


def _halves(stream: np.ndarray, count: int) -> np.ndarray:
    """`count` numbers of 4 bits, the lower half of each byte first."""
    return np.stack([stream & 15, stream >> 4], 1).reshape(-1)[:count]
