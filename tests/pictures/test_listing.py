"""Listings of millions of files, simulated: in order, complete, and in the memory that their names take."""

import os
import random
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neocog.pictures import FilePictures, folder, load_folder, scan
from neocog.pictures.names import Names, Paths


class FakeEntry:
    def __init__(self, name: str):
        self.name = name

    def is_dir(self) -> bool:
        return False


class FakeListing:
    """What os.scandir returns, for a folder of `count` files in no order."""

    def __init__(self, count: int):
        self.count = count

    def __enter__(self):
        step = 7_919  # prime to the count: every number once, in a muddle
        return (FakeEntry(f"n01440764_{i * step % self.count}.JPEG") for i in range(self.count))

    def __exit__(self, *_: object) -> None:
        return


@pytest.fixture
def simulate(tmp_path, monkeypatch):
    """simulate(classes, per_class) → a root whose class folders seem to hold that many pictures, none of which is opened."""

    def build(classes: int, per_class: int) -> Path:
        root = tmp_path / "many"
        for k in range(classes):
            (root / f"class{k:03}").mkdir(parents=True)
        real = os.scandir
        monkeypatch.setattr(
            scan.os, "scandir", lambda path: FakeListing(per_class) if Path(path).parent == root else real(path)
        )
        monkeypatch.setattr(folder, "_checked", lambda path, name: 110_000)
        return root

    return build


def peak(work):
    """(the result, the most bytes that Python and numpy held at a time)."""
    tracemalloc.start()
    try:
        return work(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("classes", "per_class", "megabytes"),
    [(4, 50_001, 60), pytest.param(20, 100_000, 600, marks=pytest.mark.slow)],
)
def test_a_huge_folder_in_bounded_memory(simulate, classes, per_class, megabytes):
    root, n = simulate(classes, per_class), classes * per_class
    data, most = peak(lambda: load_folder(root))
    print(f"{n:,} pictures: {most / 2**20:.0f} MiB at the peak")
    assert most < megabytes * 2**20
    splits = [data.train, data.val, data.test]
    assert sum(map(len, splits)) == n and isinstance(data.train, FilePictures)
    first = data.train.paths
    assert all(first[i].as_posix() < first[i + 1].as_posix() for i in range(0, len(first) - 1, 997))
    assert data.train.name(0).startswith("class000/n01440764_") and data.train.labels[-1] == classes - 1


def test_the_order_is_that_of_the_whole_paths(tmp_path, monkeypatch):
    names = ["a.png", "a/1.png", "a-b/1.png", "a/b/2.png", "a0.png", "z.png", "A.png", "a/0.png", "ä/1.png", "a.txt"]
    random.Random(0).shuffle(names)
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    wanted = sorted(name for name in names if name.endswith(".png"))
    for at_once in (1, 3, 1000):
        monkeypatch.setattr(scan, "_SORTED_AT_ONCE", at_once)
        found = scan.scan(tmp_path)
        assert list(found.pictures) == wanted and found.others == 1


texts = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.just("\udcff.png"))


@given(texts, texts, st.data())
def test_names_are_a_sequence_of_strings(some, more, data):
    names = Names(some)
    assert list(names) == some and len(names) == len(some)
    at = data.draw(st.lists(st.integers(-len(some), len(some) - 1) if some else st.nothing()))
    assert [names[i] for i in at] == [some[i] for i in at]
    part = data.draw(st.slices(len(some)))
    assert list(names[part]) == some[part]
    names.extend(Names(more), "x/")
    assert list(names) == [*some, *(f"x/{name}" for name in more)] and names == Names([*some, *(f"x/{n}" for n in more)])
    with pytest.raises(IndexError):
        names[len(names)]


@pytest.mark.parametrize("root", [".", "photos", "/data/photos", "../photos"])
@pytest.mark.parametrize("elsewhere", [[], ["/else/1.png"], ["other/1.png"]])
def test_paths_come_back_as_they_were(root, elsewhere):
    given = [*(Path(root) / name for name in ("a/1.png", "b/2.png")), *map(Path, elsewhere)]
    pictures = FilePictures(given, np.zeros(len(given)), ["a"], root)
    assert list(pictures.paths) == given and list(pictures.subset([1, 0]).paths) == [given[1], given[0]]
    assert [pictures.name(i) for i in (0, 1)] == ["a/1.png", "b/2.png"]
    assert [pictures.name(i + 2) for i in range(len(elsewhere))] == elsewhere
    assert list(pictures.paths.names) == [pictures.name(i) for i in range(len(given))]
    assert Paths.of(pictures.paths, Path(root)) is pictures.paths and list(pictures.paths[1:]) == given[1:]
