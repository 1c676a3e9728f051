"""Listings of millions of files, simulated: in order, complete, and in the memory that their names take."""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neocog.pictures import FilePictures, scan
from neocog.pictures.names import Names, Paths


@pytest.mark.parametrize(
    ("classes", "per_class", "megabytes"),
    [(4, 50_001, 80), pytest.param(20, 100_000, 600, marks=pytest.mark.slow)],
)
def test_a_huge_folder_in_bounded_memory(tmp_path, classes, per_class, megabytes):
    """In a process of its own, by the memory that the system says it has held at the most."""
    command = [sys.executable, "-m", "tests.pictures.many_files", tmp_path, str(classes), str(per_class)]
    here = Path(__file__).parents[2]
    seen = json.loads(subprocess.run(command, check=True, capture_output=True, text=True, cwd=here).stdout)
    print(seen)
    assert seen["pictures"] == classes * per_class and seen["sorted"] and seen["last_label"] == classes - 1
    assert seen["megabytes"] < megabytes


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
