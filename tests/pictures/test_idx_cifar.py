"""idx files and CIFAR's binary files: round trips, real files, and every kind of damage."""

import gzip
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from neocog.errors import DataError
from neocog.pictures import load_cifar_folder, load_data, load_idx_folder, read_idx

CODES = {"u1": 0x08, "i1": 0x09, "i2": 0x0B, "i4": 0x0C, "f4": 0x0D, "f8": 0x0E}


def idx_bytes(values: np.ndarray) -> bytes:
    kind = values.dtype.str[1:]
    header = bytes([0, 0, CODES[kind], values.ndim]) + struct.pack(f">{values.ndim}I", *values.shape)
    return header + values.astype(f">{kind}").tobytes()


@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from(sorted(CODES)), st.booleans())
def test_every_type_and_shape_comes_back(tmp_path_factory, data, kind, zipped):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=0, max_side=5))
    values = data.draw(hnp.arrays(np.dtype(kind), shape, elements={"allow_nan": False} if kind[0] == "f" else None))
    path = tmp_path_factory.mktemp("idx") / "values"
    path.write_bytes(gzip.compress(idx_bytes(values)) if zipped else idx_bytes(values))
    back = read_idx(path)
    assert back.dtype == values.dtype and back.dtype.isnative and back.flags.writeable and np.array_equal(back, values)


GOOD = idx_bytes(np.arange(24, dtype=np.uint8).reshape(2, 3, 4))


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"", "not an idx file .it starts with nothing"),
        (b"<html>", "not an idx file .it starts with 3c 68 74 6d"),
        (b"\0\0\x07\x01\0\0\0\0", "not an idx file"),
        (GOOD[:9], "truncated in its header"),
        (GOOD[:-1], "truncated: 2×3×4 values need 40 bytes, it has 39"),
        (GOOD + b"x", "followed by other bytes: 2×3×4 values need 40 bytes, it has 41"),
        (b"\0\0\x0e\x04" + b"\xff" * 16, "truncated: 4294967295×"),
        (gzip.compress(GOOD)[:-9], "gzip file is truncated"),
        (gzip.compress(GOOD)[:12] + b"????" + gzip.compress(GOOD)[16:], "gzip file is damaged"),
    ],
)
def test_damaged_idx_files(tmp_path, raw, words):
    path = tmp_path / "train-images-idx3-ubyte.gz"
    path.write_bytes(raw)
    with pytest.raises(DataError, match=words) as caught:
        read_idx(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_an_idx_file_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="none cannot be read: no such file"):
        read_idx(tmp_path / "none")


def write_set(root, train: int = 48, test: int | None = 20, mark: str = "-", **replace):
    root.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for part, n in (("train", train), ("t10k", test)):
        if n is not None:
            images = rng.integers(0, 256, (n, 6, 5), np.uint8)
            (root / f"{part}-images{mark}idx3-ubyte").write_bytes(idx_bytes(replace.get("images", images)))
            labels = (np.arange(n) % 4).astype(np.uint8)
            (root / f"{part}-labels{mark}idx1-ubyte.gz").write_bytes(gzip.compress(idx_bytes(replace.get("labels", labels))))
    return root


@pytest.mark.parametrize("mark", ["-", "."])
def test_a_folder_of_idx_files_under_both_spellings(tmp_path, mark):
    data = load_data(write_set(tmp_path / "mine", mark=mark))
    assert (data.name, data.size, data.flip) == ("mine", (6, 5, 1), False)
    assert data.classes == tuple("0123456789")
    assert [len(one) for one in (data.train, data.val, data.test)] == [44, 4, 20]
    assert np.bincount(data.val.labels).tolist() == [1, 1, 1, 1]
    assert any(note.startswith("no training picture of '4'") for note in data.notes)
    assert data.fingerprint == load_idx_folder(tmp_path / "mine", seed=3).fingerprint


def test_without_t10k_a_test_set_is_held_back(tmp_path):
    data = load_idx_folder(write_set(tmp_path / "mine", test=None))
    assert [len(one) for one in (data.train, data.val, data.test)] == [36, 4, 8]
    assert any(note.startswith("no test set: 8 training pictures held back") for note in data.notes)


@pytest.mark.parametrize(
    ("replace", "words"),
    [
        ({"labels": np.zeros(7, np.uint8)}, "48 train pictures but 7 labels"),
        ({"labels": np.zeros((48, 1), np.uint8)}, "labels must be one row of whole numbers"),
        ({"labels": np.full(48, -1, np.int32)}, "labels run from -1 to -1"),
        ({"images": np.zeros((48, 6, 5), np.float32)}, "must be unsigned bytes"),
        ({"images": np.zeros((48, 30), np.uint8)}, "must be unsigned bytes"),
        ({"images": np.zeros((0, 6, 5), np.uint8), "labels": np.zeros(0, np.uint8)}, "no training pictures"),
    ],
)
def test_idx_files_that_do_not_fit_together(tmp_path, replace, words):
    with pytest.raises(DataError, match=words):
        load_idx_folder(write_set(tmp_path / "mine", **replace))


def test_missing_idx_files_are_named(tmp_path):
    root = write_set(tmp_path / "mine")
    (root / "train-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(DataError, match=r"train-labels-idx1-ubyte .or .gz. is missing"):
        load_data(root)
    (root / "train-images-idx3-ubyte").unlink()
    with pytest.raises(DataError, match="no train-images-idx3-ubyte and train-labels-idx1-ubyte"):
        load_data(root)


def test_mnist(shared):
    data = load_data(shared / "mnist")
    assert len(data.train) + len(data.val) == 60_000 and len(data.test) == 10_000 and abs(len(data.val) - 5000) < 10
    assert data.size == (28, 28, 1) and not data.flip
    assert np.bincount(data.test.labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def write_cifar(root, batches: int = 2, n: int = 40, label: int | None = None):
    root.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for name in [f"data_batch_{i + 1}.bin" for i in range(batches)] + ["test_batch.bin"]:
        rows = rng.integers(0, 256, (n, 3073), np.uint8)
        rows[:, 0] = np.arange(n) % 10 if label is None else label
        (root / name).write_bytes(rows.tobytes())
    (root / "batches.meta.txt").write_text("\n".join(f"class{i}" for i in range(10)) + "\n\n")
    return root


def test_cifar10_from_whichever_batches_there_are(tmp_path):
    root = write_cifar(tmp_path / "cifar-10-batches-bin")
    for data in (load_data(root), load_data(tmp_path)):
        assert [len(one) for one in (data.train, data.val, data.test)] == [70, 10, 40]
        assert data.size == (32, 32, 3) and data.flip and data.classes[3] == "class3"
        assert "2 of 5 training batches are here: data_batch_1.bin, data_batch_2.bin" in data.notes
        assert "test_batch.bin holds 40 pictures; the published file has 10,000" in data.notes
    raw = np.frombuffer((root / "test_batch.bin").read_bytes(), np.uint8)
    assert np.array_equal(data.test.arrays[0, 1, 2], raw[[1 + 34, 1 + 1024 + 34, 1 + 2048 + 34]])


def test_cifar100_takes_the_fine_labels(tmp_path):
    rows = np.zeros((200, 3074), np.uint8)
    rows[:, 0], rows[:, 1] = 7, np.arange(200) % 100
    for name in ("train.bin", "test.bin"):
        (tmp_path / name).write_bytes(rows.tobytes())
    (tmp_path / "fine_label_names.txt").write_text("\n".join(f"fine{i}" for i in range(100)))
    data = load_data(tmp_path, val_fraction=0)
    assert data.name == "cifar100" and np.array_equal(data.train.labels, np.arange(200) % 100) and len(data.classes) == 100


def test_mistakes_with_cifar(tmp_path):
    def fails(words, **options):
        with pytest.raises(DataError, match=words):
            load_cifar_folder(root, **options)

    root = write_cifar(tmp_path / "c")
    fails("test_batch.bin is damaged: its md5 is", md5={"test_batch.bin": "0" * 32})
    (root / "data_batch_2.bin").write_bytes(bytes(3073 * 3 - 1))
    fails("9,218 bytes are not a whole number of 3073-byte records")
    (root / "data_batch_2.bin").write_bytes(b"")
    fails("0 bytes are not a whole number")
    write_cifar(root, label=10)
    fails("a label is 10, but there are 10 classes: is it cifar10")
    (root / "batches.meta.txt").write_text("cat\ndog\n")
    fails("expected 10 different class names, one a line, found 2")
    (root / "batches.meta.txt").unlink()
    fails("batches.meta.txt, which holds the class names, cannot be read: no such file")
    for path in root.glob("data_batch*"):
        path.unlink()
    fails("no training batch")
    root = tmp_path / "py"
    root.mkdir()
    fails("no CIFAR files in it")
    (root / "data_batch_1").write_bytes(b"\x80")
    fails("pickles that neocog does not load: get the binary one")
    with pytest.raises(DataError, match="pickles"):
        load_data(root)


def test_real_cifar10(shared):
    data = load_data(shared / "cifar10")
    assert data.classes[:2] == ("airplane", "automobile") and len(data.test) == 10_000
    assert np.bincount(data.test.labels).tolist() == [1000] * 10
    assert np.allclose(data.test.arrays.mean((0, 1, 2)) / 255, [0.4942, 0.4851, 0.4504], atol=1e-3)
