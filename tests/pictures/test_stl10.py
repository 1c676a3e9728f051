"""STL-10's binary files, made here: how the pixels lie, what is left out, and every kind of damage."""

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from neocog.errors import DataError
from neocog.pictures import NAMED, load_data
from neocog.pictures.doctor import check
from neocog.pictures.stl10 import CLASSES, load_stl10_folder


def picture(seed: int) -> np.ndarray:
    """96×96×3, no symmetry."""
    return np.random.default_rng(seed).integers(0, 256, (96, 96, 3), np.uint8)


def column_by_column(image: np.ndarray) -> bytes:
    """As MATLAB stores it: written here pixel by pixel, independently of the reader's transposition."""
    return bytes(image[row, column, channel] for channel in range(3) for column in range(96) for row in range(96))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of each class to learn from, one to test, three without labels."""
    folder = tmp_path_factory.mktemp("data") / "stl10_binary"
    folder.mkdir()
    for part, each, first in (("train", 2, 0), ("test", 1, 100)):
        n = 10 * each
        (folder / f"{part}_X.bin").write_bytes(b"".join(column_by_column(picture(first + i)) for i in range(n)))
        (folder / f"{part}_y.bin").write_bytes(bytes(i % 10 + 1 for i in range(n)))
    (folder / "unlabeled_X.bin").write_bytes(bytes(3 * 27_648))
    (folder / "class_names.txt").write_text("\n".join(CLASSES) + "\n")
    (folder / "fold_indices.txt").write_text("0 1 2\n" * 10)
    return folder


def copy(made: Path, to: Path, **instead: bytes | None) -> Path:
    to.mkdir()
    for path in made.iterdir():
        data = instead.get(path.name.partition(".")[0], path.read_bytes())
        if data is not None:
            (to / path.name).write_bytes(data)
    return to


def test_pixels_labels_and_names(made: Path):
    data = load_data(made.parent, val_fraction=0)
    assert (data.name, data.classes, data.size, data.flip) == ("stl10", CLASSES, (96, 96, 3), True)
    assert data.test is not None and data.train.arrays is not None and data.test.arrays is not None
    assert all(np.array_equal(data.train.arrays[i], picture(i)) for i in range(20))
    assert all(np.array_equal(data.test.arrays[i], picture(100 + i)) for i in range(10))
    assert data.train.labels.tolist() == [i % 10 for i in range(20)]
    said = " ".join(data.notes)
    assert "3 pictures without labels left out" in said and "ten folds" in said and "published file has 5,000" in said
    assert load_data(made, val_fraction=0).fingerprint == data.fingerprint


def test_without_a_test_file_one_is_held_back(made: Path, tmp_path: Path):
    folder = copy(made, tmp_path / "part", test_X=None, test_y=None)
    data = load_data(folder, val_fraction=0, test_fraction=0.5)
    assert data.test is not None and (len(data.train), len(data.test)) == (10, 10)


@pytest.mark.parametrize(
    ("instead", "words"),
    [
        ({"train_X": b"x" * 27_647}, "not a whole number of 27,648-byte pictures"),
        ({"train_X": b""}, "0 bytes are not a whole number"),
        ({"train_y": b"\1" * 19}, "20 pictures in train_X.bin but 19 labels"),
        ({"test_y": b"\0" * 10}, "labels run from 0 to 0; STL-10's from 1 to 10"),
        ({"test_y": b"\x0b" * 10}, "labels run from 11 to 11"),
        ({"train_y": None}, "train_y.bin cannot be read: no such file"),
        ({"train_X": None}, "no training pictures"),
        ({"class_names": b"a\nb\n"}, "expected 10 different class names"),
    ],
)
def test_damage_is_told_in_one_line(made: Path, tmp_path: Path, instead: dict[str, bytes | None], words: str):
    folder = copy(made, tmp_path / "bad", **instead)
    with pytest.raises(DataError, match=words) as caught:
        load_stl10_folder(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_the_named_set_is_checked(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NEOCOG_DATA", str(tmp_path))
    folder = copy(made, tmp_path / "stl10")
    with pytest.raises(DataError, match=r"train_X.bin is damaged: its md5 is"):
        load_data("stl10")
    sums = tuple((p.name, hashlib.md5(p.read_bytes()).hexdigest()) for p in folder.iterdir())
    monkeypatch.setitem(NAMED, "stl10", replace(NAMED["stl10"], md5=sums))
    assert load_data("stl10").name == "stl10"
    flipped = bytearray((folder / "test_y.bin").read_bytes())
    flipped[3] ^= 1
    (folder / "test_y.bin").write_bytes(flipped)
    with pytest.raises(DataError, match=r"test_y.bin is damaged"):
        load_data("stl10")


def test_the_archive_is_unpacked_without_what_has_no_labels(made: Path, tmp_path: Path):
    from neocog.pictures.fetch import _unpack, is_complete, noted_sums

    archive = tmp_path / "stl10_binary.tar.gz"
    with tarfile.open(archive, "w:gz") as tar:
        for path in made.iterdir():
            tar.add(path, f"stl10_binary/{path.name}")
        outside = tarfile.TarInfo("../evil.txt")
        outside.size = 4
        tar.addfile(outside, io.BytesIO(b"evil"))
    place = tmp_path / "place"
    place.mkdir()
    assert not is_complete(NAMED["stl10"], place)
    _unpack(archive, place)
    assert {p.name for p in place.iterdir()} == {p.name for p in made.iterdir()} - {"unlabeled_X.bin"} | {"MD5SUMS"}
    assert is_complete(NAMED["stl10"], place) and noted_sums(place)["train_y.bin"]
    assert all((place / p.name).read_bytes() == p.read_bytes() for p in made.iterdir() if p.name != "unlabeled_X.bin")


def test_the_doctor_looks_at_it(made: Path):
    assert check(made).pictures == 30
