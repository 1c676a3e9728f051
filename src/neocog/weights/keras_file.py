"""Keras's weight files: .h5 as published with its applications (Keras 1 to 3), .weights.h5 and .keras of Keras 3.

Only numbers are read: no link out of the file is followed, nothing is unpickled, and no more is allocated than weights of a
file of this size can need.
"""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from neocog.errors import UserError

INSIDE = "model.weights.h5"  # of a .keras file, which is a zip
SUFFIXES = (".h5", ".hdf5", ".keras")
MOST = 16  # bytes of weights for each byte of the file: Keras compresses none, and who does gains little
ORDER = {
    "batch_normalization": ("gamma", "beta", "moving_mean", "moving_variance"),
    "separable_conv2d": ("depthwise_kernel", "pointwise_kernel", "bias"),
    "normalization": ("mean", "variance", "count"),
    "layer_normalization": ("gamma", "beta"),
}  # what Keras 3 keeps under numbers; all else is (kernel, bias)


def read_keras(path: str | Path) -> dict[str, Tensor]:
    """Tensors by "layer/weight" (block1_conv1/kernel), as Keras lays them out. Raises UserError for anything else."""
    path = Path(path)
    try:
        import h5py
    except ImportError:
        raise UserError(f"{path}: reading Keras's files needs h5py: pip install 'neocog[keras]'") from None
    try:
        with _hdf5(h5py, path) as file:
            room = _Room(path)
            found = dict(_legacy(h5py, file, room) if _group(h5py, file) is not None else _numbered(h5py, file, room))
    except UserError:
        raise
    except Exception as error:  # h5py lets almost anything through from a damaged file
        raise UserError(f"{path}: not a Keras weight file, or a damaged one ({type(error).__name__})") from None
    if not found:
        raise UserError(f"{path}: holds no weights of layers by name")
    return found


class _Room:
    """How many bytes the tensors of a file may still take, all of them together: names may share a tensor."""

    def __init__(self, path: Path):
        self.path, self.left = path, MOST * path.stat().st_size

    def take(self, name: str, size: int) -> None:
        self.left -= size
        if self.left < 0:
            raise UserError(f"{self.path}: {name} claims to hold {size:,} bytes, more than the file can")


def _hdf5(h5py: Any, path: Path) -> Any:
    if not zipfile.is_zipfile(path):
        return h5py.File(path, "r")
    with zipfile.ZipFile(path) as archive:
        info = archive.getinfo(INSIDE)
        _Room(path).take(INSIDE, info.file_size)
        with archive.open(info) as stream:
            return h5py.File(io.BytesIO(stream.read(info.file_size)), "r")


def _group(h5py: Any, file: Any) -> Any:
    """The group that lists its layers by name, in files of a whole model or of weights alone; None in Keras 3's own."""
    inner = _inside(h5py, file, "model_weights")
    for group in (file, inner):
        if group is not None and "layer_names" in group.attrs:
            return group
    return None


def _legacy(h5py: Any, file: Any, room: _Room) -> Iterator[tuple[str, Tensor]]:
    group = _group(h5py, file)
    for layer in map(_text, group.attrs["layer_names"]):
        inner = _inside(h5py, group, layer)
        names = [_text(n) for n in inner.attrs["weight_names"]] if inner is not None else []
        kinds = [name.rpartition("/")[2].partition(":")[0] for name in names]
        for name, kind in zip(names, kinds, strict=True):
            # Keras 1 wrote block1_conv1_W_1; Keras 2 calls a depthwise layer's one kernel depthwise_kernel, Keras 3 does not
            kind = _KERAS_1.get(kind.removeprefix(f"{layer}_").removesuffix("_1"), kind)
            if kind == "depthwise_kernel" and "pointwise_kernel" not in kinds:
                kind = "kernel"
            yield f"{layer}/{kind}", _tensor(h5py, inner, name, room)


_KERAS_1 = {"W": "kernel", "b": "bias", "running_mean": "moving_mean", "running_std": "moving_variance"}


def _numbered(h5py: Any, file: Any, room: _Room) -> Iterator[tuple[str, Tensor]]:
    """Keras 3: layers/conv2d_1/vars/0, the layer's name as an attribute of vars."""
    todo, seen = [file], {file["/"]}
    while todo:
        group = todo.pop()
        for name in group:
            inner = _inside(h5py, group, name)
            if not isinstance(inner, h5py.Group) or inner in seen:  # a group may hold itself
                continue
            seen.add(inner)
            if name != "vars":
                todo.append(inner)
                continue
            layer = _text(inner.attrs.get("name", ""))
            kind = re.sub(r"_\d+$", "", group.name.rpartition("/")[2])
            kinds = ORDER.get(kind, ("kernel", "bias"))
            kinds = kinds[1:] if kind == "batch_normalization" and len(inner) == 3 else kinds  # not scaled: no gamma
            for number, weight in zip(sorted(inner, key=int), kinds, strict=False):
                yield f"{layer}/{weight}", _tensor(h5py, inner, number, room)


def _inside(h5py: Any, group: Any, name: str) -> Any:
    """What lies at `name` in this very file; None where nothing does."""
    found = group
    for part in name.split("/"):
        if not isinstance(found, h5py.Group) or part not in found:
            return None
        if not isinstance(found.get(part, getlink=True), h5py.HardLink):
            raise UserError(f"{group.file.filename}: {name} is a link out of its place; neocog follows none")
        found = found[part]
    return found


def _tensor(h5py: Any, group: Any, name: str, room: _Room) -> Tensor:
    path = room.path
    data = _inside(h5py, group, name)
    if not isinstance(data, h5py.Dataset):
        raise UserError(f"{path}: {name} is listed but not there")
    if data.external or data.is_virtual:
        raise UserError(f"{path}: {name} lies in another file; neocog reads this one only")
    if data.dtype.kind not in "fiu":
        raise UserError(f"{path}: {name} holds {data.dtype}, not numbers")
    room.take(name, max(data.nbytes, 4 * data.size))
    return torch.from_numpy(data[()].astype("float32", copy=False).copy())


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
