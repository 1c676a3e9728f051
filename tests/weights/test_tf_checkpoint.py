"""TensorFlow's checkpoints, written here byte by byte: what is read, what is refused."""

import random
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from neocog.errors import UserError
from neocog.nn import Model
from neocog.weights.converters import convert, dialect_for, export_as
from neocog.weights.foreign import find_match, read_any
from neocog.weights.tf_checkpoint import MAGIC, read_checkpoint
from tests.conftest import randomise, rng


def varint(n: int) -> bytes:
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + varint(n >> 7)


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """Keys share what they have in common with the one before, as LevelDB's tables do."""
    out, last = b"", b""
    for key, value in entries:
        shared = next((i for i, (a, b) in enumerate(zip(key, last, strict=False)) if a != b), min(len(key), len(last)))
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    return out + struct.pack("<II", 0, 1)


def table(entries: list[tuple[bytes, bytes]], each: int = 40) -> bytes:
    """Blocks of `each` entries, an index of them, a footer. Checksums are 0: they are not looked at."""
    out, index = b"", []
    for i in range(0, len(entries), each):
        part = block(entries[i : i + each])
        index.append((entries[min(i + each, len(entries)) - 1][0], varint(len(out)) + varint(len(part))))
        out += part + bytes(5)
    top = block(index)
    handles = varint(0) + varint(0) + varint(len(out)) + varint(len(top))
    return out + top + bytes(5) + handles.ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def shape(value: np.ndarray) -> bytes:
    return b"".join(field(2, field(1, n)) for n in value.shape)


def version_2(path: Path, values: dict[str, np.ndarray]) -> Path:
    data, entries = b"", [(b"", field(1, 1))]
    for key in sorted(values):
        raw = values[key].tobytes()
        entries.append((key.encode(), field(1, 1) + field(2, shape(values[key])) + field(4, len(data)) + field(5, len(raw))))
        data += raw
    path.with_name(f"{path.name}.data-00000-of-00001").write_bytes(data)
    index = path.with_name(f"{path.name}.index")
    index.write_bytes(table(entries))
    return index


def version_1(path: Path, values: dict[str, np.ndarray]) -> Path:
    meta = b"".join(field(1, field(1, k.encode()) + field(2, shape(values[k])) + field(3, 1)) for k in sorted(values))
    entries = [(b"", field(1, meta))]
    for key in sorted(values):
        saved = field(1, key.encode()) + field(3, field(5, values[key].tobytes()))
        entries.append((b"\0" + key.encode() + b"\0\1", field(2, saved)))
    path.write_bytes(table(entries))
    return path


VALUES = {f"net/layer_{i}/weights": np.random.default_rng(i).normal(size=(1 + i, 3)).astype(np.float32) for i in range(50)}


@pytest.mark.parametrize("write", [version_1, version_2])
def test_read(tmp_path: Path, write):
    found = read_checkpoint(write(tmp_path / "m.ckpt", VALUES))
    assert found.keys() == VALUES.keys()
    assert all(np.array_equal(found[key].numpy(), value) for key, value in VALUES.items())


def test_any_part_of_a_checkpoint_names_it(tmp_path: Path):
    version_2(tmp_path / "m.ckpt", VALUES)
    for name in ("m.ckpt", "m.ckpt.index", "m.ckpt.data-00000-of-00001"):
        assert read_any(tmp_path / name).keys() == VALUES.keys()
    (tmp_path / "m.ckpt.data-00000-of-00001").unlink()
    with pytest.raises(UserError, match="is not beside it"):
        read_checkpoint(tmp_path / "m.ckpt.index")


def test_no_checkpoint(tmp_path: Path):
    with pytest.raises(UserError, match="is a folder"):
        read_any(Path())


def test_tensors_that_share_their_bytes(tmp_path: Path):
    """A short index could otherwise make gigabytes of one data file."""
    raw = np.ones(1000, np.float32).tobytes()
    one = field(1, 1) + field(2, field(2, field(1, 1000))) + field(4, 0) + field(5, len(raw))
    (tmp_path / "m.ckpt.data-00000-of-00001").write_bytes(raw)
    (tmp_path / "m.ckpt.index").write_bytes(table([(b"", field(1, 1)), (b"a", one), (b"b", one)]))
    with pytest.raises(UserError, match="b: cut off or damaged: its tensors need more bytes than there are"):
        read_checkpoint(tmp_path / "m.ckpt.index")


@pytest.mark.parametrize("write", [version_1, version_2])
def test_damaged(tmp_path: Path, write):
    """A thousand spoilt files: each is refused in a line, or read to tensors no larger than itself."""
    values = {key: VALUES[key] for key in sorted(VALUES)[:5]}
    path = write(tmp_path / "m.ckpt", values)
    whole, draws = path.read_bytes(), random.Random(0)
    refused = 0
    for _ in range(1000):
        data = bytearray(whole)
        for _ in range(draws.randint(1, 4)):
            data[draws.randrange(len(data) - 8)] = draws.randrange(256)
        path.write_bytes(data[: draws.randrange(len(data))] + data[-8:] if draws.random() < 0.2 else data)
        try:
            found = read_checkpoint(path)
            assert sum(value.nbytes for value in found.values()) <= 10 * len(whole)
        except UserError as error:
            refused += 1
            assert "m.ckpt" in str(error) and "\n" not in str(error)
    assert refused > 200


def test_a_slim_checkpoint(tmp_path: Path):
    """MobileNet with TF-slim's names and 1001 classes, the first of which is none: recognised among what else lies there."""
    from neocog.nets import resolve

    dialect = dialect_for("mobilenet_v1.slim", "slim")
    model = Model(resolve("mobilenet_v1.slim").build(), rng())
    randomise(model)
    theirs = {key: value.numpy() for key, value in export_as(model.state_dict(), model.arch, dialect).items()}
    for key in ("MobilenetV1/Logits/Conv2d_1c_1x1/weights", "MobilenetV1/Logits/Conv2d_1c_1x1/biases"):
        theirs[key] = np.concatenate([np.ones((*theirs[key].shape[:-1], 1), np.float32), theirs[key]], -1)
    assert theirs["MobilenetV1/Conv2d_3_depthwise/depthwise_weights"].shape == (3, 3, 128, 1)
    theirs["MobilenetV1/Conv2d_0/weights/RMSProp"] = np.ones((3, 3, 3, 32), np.float32)
    found = read_any(version_2(tmp_path / "model.ckpt", theirs))
    match = find_match(found, "mobilenet_v1.slim", "model.ckpt")
    assert (match.dialect.party, match.dialect.background) == ("slim", True)
    arch, values = convert(found, "mobilenet_v1.slim", match.dialect)
    assert arch == model.arch
    assert all(torch.equal(values[key], value) for key, value in model.state_dict().items())
