"""A .caffemodel writer of the tests' own: protobuf's wire format by hand, from caffe.proto."""

from collections.abc import Mapping, Sequence

import numpy as np

from neocog.arch import Affine, BatchNorm2d, analyse
from neocog.weights.caffe import Network

Blobs = Mapping[str, Sequence[np.ndarray]]


def varint(value: int) -> bytes:
    out = b""
    value &= (1 << 64) - 1
    while value >= 0x80:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def chunk(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def blob(array: np.ndarray, style: str = "shape") -> bytes:
    """style: "shape" (2015 on), "four" (num, channels, height, width), "double", "unpacked", "pieces"."""
    if style == "four":
        dims = (1,) * (4 - array.ndim) + array.shape
        head = b"".join(number(i + 1, n) for i, n in enumerate(dims))
    else:
        head = chunk(7, chunk(1, b"".join(map(varint, array.shape))))
    if style == "double":
        return head + chunk(8, array.astype("<f8").tobytes())
    data = array.astype("<f4").tobytes()
    if style == "unpacked":
        return head + b"".join(varint(5 << 3 | 5) + data[i : i + 4] for i in range(0, len(data), 4))
    if style == "pieces":
        half = len(data) // 8 * 4
        return chunk(5, data[:half]) + head + chunk(5, data[half:]) if half else head + chunk(5, data)
    return head + chunk(5, data)


def model(layers: Blobs, version: int = 2, style: str = "shape", name: str = "a net") -> bytes:
    """A NetParameter with V2, V1 or V0 layers."""
    out = chunk(1, name.encode())
    for layer, arrays in layers.items():
        blobs = [blob(np.asarray(a), style) for a in arrays]
        if version == 2:
            body = chunk(1, layer.encode()) + chunk(2, b"Convolution") + b"".join(chunk(7, b) for b in blobs)
            out += chunk(100, body)
        elif version == 1:
            body = chunk(4, layer.encode()) + number(5, 4) + b"".join(chunk(6, b) for b in blobs)
            out += chunk(2, body)
        else:
            old = chunk(1, layer.encode()) + chunk(2, b"conv") + b"".join(chunk(50, b) for b in blobs)
            out += chunk(2, chunk(1, old))
    return out


def binaryproto(image: np.ndarray) -> bytes:
    """A mean image, 1×C×H×W in the old style."""
    return blob(image, "four")


def random_blobs(net: Network, seed: int = 0) -> dict[str, list[np.ndarray]]:
    """Blobs for every layer of a network, of a size that keeps the numbers apart: none of them is 0 or 1."""
    draw = np.random.default_rng(seed)
    out: dict[str, list[np.ndarray]] = {}
    for row in analyse(net.arch).rows:
        if row.path not in net.sources:
            continue
        source, shapes = net.sources[row.path], {p.name: p.shape for p in row.tensors}
        if isinstance(row.node.record, BatchNorm2d):
            maps = shapes["running_mean"]
            factor = np.float32(draw.uniform(2, 900))
            statistics = [draw.normal(0, 0.3, maps), draw.uniform(0.5, 2, maps)]
            out[source.layer] = [*(factor * s for s in statistics), np.array([factor])]
            if source.scale:
                out[source.scale] = [draw.uniform(0.5, 1.5, maps), draw.normal(0, 0.3, maps)][: 1 + source.shift]
        elif isinstance(row.node.record, Affine) or len(shapes["weight"]) == 1:
            out[source.layer] = [draw.uniform(0.3, 1.2, shape) for shape in shapes.values()]
        else:
            weight = draw.normal(0, (2 / np.prod(shapes["weight"][1:])) ** 0.5, shapes["weight"])
            weight = weight.T if source.transposed else weight
            out[source.layer] = [weight, *(draw.normal(0, 0.1, shapes[k]) for k in shapes if k == "bias")]
    return {name: [np.asarray(a, np.float32) for a in arrays] for name, arrays in out.items()}
