"""TensorFlow's checkpoints without TensorFlow: version 2 (x.index beside x.data-00000-of-00001), version 1 (one file, x).

Both keep a sorted table in LevelDB's format, whose values are protobuf messages: of version 2 where in the data file a tensor
lies, of version 1 the tensor itself. No size is believed before it was compared with the bytes that are there.
"""

import math
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neocog.arch.window import Shape
from neocog.errors import UserError
from neocog.weights.caffe.wire import fields, message, text, varint

MAGIC = 0xDB4775248B80FB57
FOOTER, TRAILER = 48, 5  # bytes: of a table; of a block: how it is compressed, and a checksum
TYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 19: "<f2"}  # DataType of TensorFlow; others are passed over
FLOATS, DOUBLES = 5, 6  # fields of TensorProto
DEEPEST = 16  # axes of a tensor


def is_checkpoint(path: Path) -> bool:
    """Whether `path` is a checkpoint of either version, or the prefix or a part of one of version 2."""
    return index_of(path) is not None or _is_table(path)


def index_of(path: Path) -> Path | None:
    """x.index for x, x.index and x.data-00000-of-00001, if it is there."""
    name = path.name.partition(".data-")[0].removesuffix(".index")
    index = path.parent / f"{name}.index"
    return index if index.is_file() and _is_table(index) else None


def _is_table(path: Path) -> bool:
    if not path.is_file() or path.stat().st_size < FOOTER:
        return False
    with path.open("rb") as file:
        file.seek(-8, 2)
        return file.read(8) == struct.pack("<Q", MAGIC)


def read_checkpoint(path: str | Path) -> dict[str, Tensor]:
    """The tensors of a checkpoint by their variables' names. Raises UserError for a damaged one."""
    path = Path(path)
    index = index_of(path)
    found = dict(_version_2(index) if index is not None else _version_1(path))
    if not found:
        raise UserError(f"{path}: a TensorFlow checkpoint without tensors")
    return found


def _version_2(index: Path) -> Iterator[tuple[str, Tensor]]:
    where = str(index)
    shards: dict[int, np.ndarray] = {}
    left: dict[int, int] = {}  # bytes of each that no tensor has taken: two that share theirs could make gigabytes of little
    count = 1
    for key, value in _table(memoryview(index.read_bytes()), where):
        if not key:  # BundleHeaderProto
            count = next((int(v) for n, _, v in fields(value, where) if n == 1 and isinstance(v, int)), 1)
            continue
        entry = {n: v for n, _, v in fields(value, where)}  # BundleEntryProto
        kind, shard, offset, size = (_whole(entry.get(n, 0), where) for n in (1, 3, 4, 5))
        if kind not in TYPES:
            continue
        if 7 in entry:
            raise UserError(f"{where}: {key} is kept in slices, which neocog does not put together")
        if shard not in shards:
            file = index.with_name(f"{index.name.removesuffix('.index')}.data-{shard:05}-of-{count:05}")
            if not file.is_file():
                raise UserError(f"{where}: {file.name}, which holds the numbers, is not beside it")
            shards[shard] = np.memmap(file, np.uint8, "r") if file.stat().st_size else np.empty(0, np.uint8)
            left[shard] = len(shards[shard])
        left[shard] -= size
        if left[shard] < 0:
            raise UserError(f"{where}: {key}: cut off or damaged: its tensors need more bytes than there are")
        shape = _shape(message(entry.get(2, memoryview(b"")), where), where)
        yield key, _numbers(shards[shard][offset : offset + size].tobytes(), kind, shape, f"{where}: {key}")


def _version_1(path: Path) -> Iterator[tuple[str, Tensor]]:
    where = str(path)
    shapes: dict[str, Shape] = {}
    for key, value in _table(memoryview(path.read_bytes()), where):
        for number, _, part in fields(value, where):  # SavedTensorSlices: meta under the empty key, else data
            if number == 1 and not key:
                shapes = dict(_listed(message(part, where), where))
            elif number == 2:
                yield from _saved(message(part, where), shapes, where)


def _listed(meta: memoryview, where: str) -> Iterator[tuple[str, Shape]]:
    """SavedTensorSliceMeta: names and shapes."""
    for number, _, value in fields(meta, where):
        if number == 1:
            entry = [(n, v) for n, _, v in fields(message(value, where), where)]
            if sum(n == 4 for n, _ in entry) > 1:
                raise UserError(f"{where}: a tensor is kept in slices, which neocog does not put together")
            found = dict(entry)
            yield text(found.get(1, memoryview(b"")), where), _shape(message(found.get(2, memoryview(b"")), where), where)


def _saved(slice_: memoryview, shapes: dict[str, Shape], where: str) -> Iterator[tuple[str, Tensor]]:
    """SavedSlice: a name and a TensorProto."""
    found = {n: v for n, _, v in fields(slice_, where)}
    name = text(found.get(1, memoryview(b"")), where)
    proto = {n: v for n, _, v in fields(message(found.get(3, memoryview(b"")), where), where)}
    for number, kind in ((FLOATS, 1), (DOUBLES, 2)):  # its numbers are packed; whole ones, such as the step, are passed over
        content = proto.get(number)
        if name in shapes and isinstance(content, memoryview):
            yield name, _numbers(bytes(content), kind, shapes[name], f"{where}: {name}")


def _numbers(data: bytes, kind: int, shape: Shape, where: str) -> Tensor:
    if len(data) != math.prod(shape) * np.dtype(TYPES[kind]).itemsize:
        raise UserError(f"{where}: cut off or damaged: {len(data)} bytes for {'×'.join(map(str, shape)) or 'one number'}")
    return torch.from_numpy(np.frombuffer(data, TYPES[kind]).reshape(shape).copy())


def _shape(proto: memoryview, where: str) -> Shape:
    """TensorShapeProto: dim = 2, of each its size = 1, which is left out where it is 0."""
    dims = [message(v, where) for n, _, v in fields(proto, where) if n == 2]
    if len(dims) > DEEPEST:
        raise UserError(f"{where}: damaged: a tensor of {len(dims)} axes")
    return tuple(next((_whole(v, where) for n, _, v in fields(dim, where) if n == 1), 0) for dim in dims)


def _whole(value: int | memoryview, where: str) -> int:
    if not isinstance(value, int) or value >> 62:
        raise UserError(f"{where}: damaged: no number where one should be")
    return value


def _table(data: memoryview, where: str) -> Iterator[tuple[str, memoryview]]:
    """(key, value) in order. The footer points at the index block, whose values point at the blocks."""
    if len(data) < FOOTER or struct.unpack("<Q", data[-8:])[0] != MAGIC:
        raise UserError(f"{where}: not a TensorFlow checkpoint, or cut off")
    footer, at = data[-FOOTER:-8], 0
    handles = []
    for _ in range(4):
        number, at = varint(footer, at, where)
        handles.append(number)
    for _, handle in _block(data, handles[2], handles[3], where):
        offset, at = varint(handle, 0, where)
        length, _ = varint(handle, at, where)
        for key, value in _block(data, offset, length, where):
            yield key.decode("utf-8", "replace"), value


def _block(data: memoryview, offset: int, length: int, where: str) -> Iterator[tuple[bytes, memoryview]]:
    """Entries: how much of the last key stays, how much is new, how long the value is. At the end the restarts' places."""
    if length < 4 or offset + length + TRAILER > len(data):
        raise UserError(f"{where}: cut off or damaged: a block lies beyond the end")
    if data[offset + length] != 0:
        raise UserError(f"{where}: its table is compressed; neocog reads those that are not, as TensorFlow writes them")
    block = data[offset : offset + length]
    end = length - 4 - 4 * struct.unpack("<I", block[-4:])[0]
    at, key = 0, b""
    while at < end:
        shared, at = varint(block, at, where)
        fresh, at = varint(block, at, where)
        size, at = varint(block, at, where)
        if shared > len(key) or at + fresh + size > end:
            raise UserError(f"{where}: damaged: an entry of its table reaches beyond its block")
        key = key[:shared] + bytes(block[at : at + fresh])
        yield key, block[at + fresh : at + fresh + size]
        at += fresh + size
