"""Caffe's binary files: .caffemodel (V0, V1 and V2 layers) and .binaryproto. Arrays are views of the mapped file."""

import mmap
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neocog.errors import UserError
from neocog.weights.caffe.wire import BYTES, FIXED32, FIXED64, Value, fields, message, packed_varints, text

MOST_AXES = 32  # Caffe's own limit
V2, V1 = 100, 2  # NetParameter.layer, .layers
# LayerParameter, V1LayerParameter and the V0LayerParameter inside the latter: where the name and the blobs are
NAME = {V2: 1, V1: 4}
BLOBS = {V2: 7, V1: 6}
V0, V0_NAME, V0_BLOBS = 1, 1, 50


@dataclass(frozen=True, eq=False)
class CaffeModel:
    """The numbers of a net: each layer's blobs by the layer's name, in the file's order, float32 or float64."""

    name: str
    layers: dict[str, tuple[np.ndarray, ...]]


def read_caffemodel(path: str | Path) -> CaffeModel:
    """Every blob of a .caffemodel. Raises UserError for a file that is missing, damaged, or something else."""
    where = str(path)
    data = mapped(path)
    layers: dict[str, tuple[np.ndarray, ...]] = {}
    name = ""
    for number, _, value in fields(data, where):
        if number == 1:
            name = text(value, where)
        elif number in (V1, V2):
            layer, blobs = _layer(message(value, where), number, where)
            if blobs:
                if layer in layers:
                    raise UserError(f"{where}: two layers with weights are called '{layer}'")
                layers[layer] = blobs
    if not layers:
        raise UserError(f"{where}: not a .caffemodel, or one without weights")
    return CaffeModel(name, layers)


def read_binaryproto(path: str | Path) -> np.ndarray:
    """The one blob of a .binaryproto, such as a mean image: C×H×W, without Caffe's axis of 1 in front."""
    blob = _blob(mapped(path), f"{path}: mean image")
    return blob[0] if blob.ndim == 4 and blob.shape[0] == 1 else blob


def mapped(path: str | Path) -> memoryview:
    """The bytes of a file, read by the system as they are needed."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: there is no such file")
    try:
        with path.open("rb") as file:
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (ValueError, OSError) as error:  # an empty file cannot be mapped
        raise UserError(f"{path}: cannot be read ({error})") from None
    head = bytes(data[:8])
    if head.startswith(b"\x89HDF"):
        raise UserError(f"{path}: an HDF5 file; save the net as .caffemodel (snapshot_format: BINARYPROTO)")
    if head.startswith((b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")):
        raise UserError(f"{path}: a pickle or a torch file under another name; neocog runs no code from weight files")
    return data


def _layer(data: memoryview, version: int, where: str) -> tuple[str, tuple[np.ndarray, ...]]:
    """(name, blobs) of one layer."""
    name, raw = "", []
    for number, wire, value in fields(data, where):
        if number == NAME[version]:
            name = text(value, where)
        elif number == BLOBS[version]:
            raw.append(message(value, where))
        elif number == V0 and version == V1 and wire == BYTES:
            for inner, _, part in fields(message(value, where), where):
                if inner == V0_NAME:
                    name = text(part, where)
                elif inner == V0_BLOBS:
                    raw.append(message(part, where))
    return name, tuple(_blob(part, f"{where}: layer '{name}', blob {i}") for i, part in enumerate(raw))


def _blob(data: memoryview, where: str) -> np.ndarray:
    """One array, in the shape it declares; what it declares must be what is there."""
    shape: list[int] | None = None
    old = [0, 0, 0, 0]  # num, channels, height, width: before `shape`
    pieces: list[np.ndarray] = []
    kinds: set[str] = set()
    for number, wire, value in fields(data, where):
        if number in (1, 2, 3, 4):
            old[number - 1] = _whole(value, where)
        elif number == 7:
            shape = _dims(message(value, where), where)
        elif number in (5, 8):
            kind, width = ("<f4", FIXED32) if number == 5 else ("<f8", FIXED64)
            if wire not in (BYTES, width) or len(message(value, where)) % int(kind[-1]):
                raise UserError(f"{where}: damaged: its numbers are not {kind[-1]} bytes each")
            kinds.add(kind)
            pieces.append(np.frombuffer(message(value, where), kind))
    if len(kinds) > 1:
        raise UserError(f"{where}: damaged: numbers of two kinds")
    if shape is None and any(old):
        shape = old
    count = sum(len(piece) for piece in pieces)
    if count == 0:
        raise UserError(f"{where}: holds no numbers")
    if shape is None:
        shape = [count]
    declared = 1
    for n in shape:
        declared *= n
    if declared != count:
        raise UserError(f"{where}: damaged: {'×'.join(map(str, shape))} declared, {count} numbers there")
    whole = pieces[0] if len(pieces) == 1 else np.concatenate(pieces)
    return whole.reshape(shape)


def _dims(data: memoryview, where: str) -> list[int]:
    out: list[int] = []
    for number, _, value in fields(data, where):
        if number == 1:
            found = [value] if isinstance(value, int) else packed_varints(value, MOST_AXES, where)
            out += [_whole(n, where) for n in found]
    if len(out) > MOST_AXES:
        raise UserError(f"{where}: damaged: {len(out)} axes")
    return out


def _whole(value: Value, where: str) -> int:
    """A size: Caffe's own limit is 2³¹ - 1; negative ones come as huge unsigned numbers."""
    if not isinstance(value, int) or value >= 1 << 31:
        raise UserError(f"{where}: damaged: a size that is no whole number from 0 to 2147483647")
    return value
