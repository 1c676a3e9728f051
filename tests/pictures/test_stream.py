"""Pictures from afar are the pictures that lie there, in bounded room, whatever happens on the way."""

import os
import pickle
import subprocess
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neocog.errors import DataError
from neocog.nets import Recipe
from neocog.pictures import Preprocessing, load_data
from neocog.pictures import fetched as fetching
from neocog.pictures.doctor import check
from neocog.pictures.fetched import Fetched
from neocog.pictures.sets import Blocks
from neocog.pictures.store import Store
from neocog.train.batches import Batches, shuffled

from .dataset_hub import NAME, dataset_hub
from .test_shards import picture

NAMES = ("cat", "dog", "eel")
SIZES = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3]


def row(block: int, place: int) -> bytes:
    return f"{block}:{place}".encode() * (50 + block)


class Afar:
    """Blocks of `SIZES` pictures; counts what is fetched, and fails so many times first."""

    def __init__(self, failures: int = 0):
        self.fetched, self.failures, self.lock = Counter(), failures, threading.Lock()

    def __call__(self, block: int) -> list[bytes]:
        with self.lock:
            self.fetched[block] += 1
            if self.failures:
                self.failures -= 1
                raise ConnectionError("no route")
        return [row(block, k) for k in range(SIZES[block])]


EVERY = [(block, place) for block, size in enumerate(SIZES) for place in range(size)]


def test_each_block_is_fetched_once_by_many_threads_and_two_readers(tmp_path):
    afar = Afar()
    readers = [Fetched(tmp_path / "kept", afar, 1e9) for _ in range(2)]
    asked = [EVERY[i] for i in np.random.default_rng(3).integers(0, len(EVERY), 400)]
    with ThreadPoolExecutor(8) as pool:
        got = list(pool.map(lambda k: readers[k % 2].read(*asked[k]), range(len(asked))))
    assert got == [row(*one) for one in asked]
    assert set(afar.fetched.values()) == {1}
    assert Fetched(tmp_path / "kept", None, 1e9).read(5, 8) == row(5, 8), "it is on disk, for the next process too"


def test_the_room_is_kept_and_what_was_used_last_stays(tmp_path):
    sizes = [8 * (n + 1) + sum(len(row(b, k)) for k in range(n)) for b, n in enumerate(SIZES)]
    room = 2.5 * max(sizes)
    afar = Afar()
    kept = Fetched(tmp_path / "kept", afar, room)
    other = Fetched(tmp_path / "other", Afar(), room)
    other.read(9, 0)  # another set's; all share the room
    os.utime(tmp_path / "other" / "9.block", (0, 0))
    for turn in range(2):
        for block, place in EVERY:
            assert kept.read(block, place) == row(block, place)
            if place == 0:  # older than all that come later
                os.utime(tmp_path / "kept" / f"{block}.block", (turn * 100 + block,) * 2)
            assert sum(file.stat().st_size for file in tmp_path.glob("*/*.block")) <= room
    assert set(afar.fetched.values()) == {2} and not list(tmp_path.glob("*/.*.part"))
    assert not list((tmp_path / "other").glob("*.block"))
    before = afar.fetched.copy()
    kept.read(9, 0)
    assert afar.fetched == before


def test_a_connection_may_fail_for_a_while_but_is_no_bad_picture(tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "WAIT", 0.001)
    afar = Afar(failures=5)
    assert Fetched(tmp_path / "a", afar, 1e9).read(0, 0) == row(0, 0) and afar.fetched[0] == 6
    with pytest.raises(DataError, match=r"cannot be fetched \(6 tries\): no route; a training goes on with --resume"):
        Fetched(tmp_path / "b", Afar(failures=6), 1e9).read(1, 0)


def test_a_folder_that_cannot_be_written_or_a_damaged_block_is_told(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match="cannot be kept: Not a directory"):
        Fetched(tmp_path / "file" / "kept", Afar(), 1e9).read(0, 0)
    kept = Fetched(tmp_path / "kept", Afar(), 1e9)
    kept.read(0, 0)
    (tmp_path / "kept" / "0.block").write_bytes(b"short")
    with pytest.raises(DataError, match=r"0\.block cannot be read .* remove it"):
        kept.read(0, 2)


@given(sizes=st.lists(st.integers(1, 9), min_size=1, max_size=20), window=st.integers(2, 6), seed=st.integers(0, 99))
def test_an_epoch_shows_every_picture_and_fetches_every_block_once(sizes, window, seed):
    of = np.repeat(np.arange(len(sizes)) * 3, sizes)  # numbers with gaps: other blocks are another split's
    dice = np.random.default_rng(seed)
    chosen = np.flatnonzero(dice.random(len(of)) < 0.8)
    if not len(chosen):
        return
    order = shuffled(chosen, dice, Blocks(of, window, 1))
    assert sorted(order.tolist()) == chosen.tolist()
    left, held = Counter(of[chosen].tolist()), set[int]()
    for block in of[order].tolist():
        if block not in held and len(held) == window:
            assert not any(left[one] for one in held), "the next window begins before this one is through"
            held = set()
        held.add(block)
        left[block] -= 1
        assert left[block] >= 0


def parquet(root: Path, labels: str = "class", split_sizes: tuple[int, int] = (90, 30)) -> Path:
    """Two files for training and one for testing, of 10 pictures a row group."""
    datasets = pytest.importorskip("datasets", reason="parquet files need datasets")
    datasets.disable_progress_bars()
    kind = {
        "class": datasets.ClassLabel(names=list(NAMES)),
        "names": datasets.Value("string"),
        "numbers": datasets.Value("int64"),
    }
    values = {"class": range(3), "names": NAMES, "numbers": range(3)}[labels]
    features = datasets.Features({"image": datasets.Image(), "label": kind[labels]})
    root.mkdir()
    start = 0
    for file, count in (("train-0", split_sizes[0] // 2), ("train-1", split_sizes[0] // 2), ("test-0", split_sizes[1])):
        span = range(start, start := start + count)
        rows = {"image": [{"bytes": picture(i), "path": None} for i in span], "label": [values[i % 3] for i in span]}
        datasets.Dataset.from_dict(rows, features=features).to_parquet(root / f"{file}.parquet", batch_size=10)
    return root


@pytest.mark.parametrize(
    ("rows", "kind", "told"),
    [([[0, 1], [1], [2]], "list", "several labels"), ([0, None, 1], "class", "column 'label' holds"),
     ([0, None, 1], "int64", "no labels for some"), ([], "int64", "no labels")],
)  # fmt: skip
def test_labels_that_are_none_are_told(tmp_path, monkeypatch, rows, kind, told):
    datasets = pytest.importorskip("datasets", reason="parquet files need datasets")
    monkeypatch.setenv("NEOCOG_CACHE", str(tmp_path / "neocog"))
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    number = datasets.Value("int64")
    column = {"list": datasets.List(number), "class": datasets.ClassLabel(names=list(NAMES)), "int64": number}[kind]
    table = {"image": [{"bytes": picture(i), "path": None} for i in range(len(rows))], "label": rows}
    features = datasets.Features({"image": datasets.Image(), "label": column})
    datasets.Dataset.from_dict(table, features=features).to_parquet(tmp_path / "set.parquet")
    for where in ("stream:", ""):
        with pytest.raises(DataError) as caught:
            load_data(f"{where}{tmp_path / 'set.parquet'}")
        assert told in str(caught.value) or (not rows and not where), caught.value


def test_a_set_moved_or_touched_is_the_same_set(tmp_path, monkeypatch):
    monkeypatch.setenv("NEOCOG_CACHE", str(tmp_path / "neocog"))
    root = parquet(tmp_path / "set")
    before = load_data(f"stream:{root}").fingerprint
    os.utime(root / "train-0.parquet", (1, 1))
    moved = root.rename(tmp_path / "elsewhere")
    assert load_data(f"stream:{moved}").fingerprint == before
    for wrong in ("ten", "nan", "0", "-1"):
        monkeypatch.setenv("NEOCOG_STREAM_GB", wrong)
        with pytest.raises(DataError, match=f"a number of gigabytes, not '{wrong}'"):
            load_data(f"stream:{moved}")


@pytest.mark.parametrize("labels", ["class", "names", "numbers"])
def test_a_stream_is_the_set_itself(tmp_path, monkeypatch, labels):
    root = parquet(tmp_path / "set", labels)
    import datasets

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setenv("NEOCOG_CACHE", str(tmp_path / "neocog"))
    stream, there = load_data(f"stream:{root}", seed=3), load_data(root, seed=3)
    assert stream.classes == there.classes and stream.name == there.name and stream.size == there.size
    for split in ("train", "val", "test"):
        ours, theirs = getattr(stream, split), getattr(there, split)
        assert [ours.name(i) for i in range(len(ours))] == [theirs.name(i) for i in range(len(theirs))]
        assert np.array_equal(ours.labels, theirs.labels)
        assert all(ours.encoded(i) == theirs.encoded(i) for i in range(len(ours)))
    assert pickle.loads(pickle.dumps(stream.test)).encoded(7) == there.test.encoded(7)
    assert len(set(stream.train.blocks.of[stream.train.sample(8)].tolist())) == 4, "a look at a few pictures fetches few blocks"
    again = load_data(f"stream:{root}", seed=3)
    assert again.fingerprint == stream.fingerprint
    assert check(f"stream:{root}").pictures == 120


def test_an_epoch_of_training_fetches_every_block_once(tmp_path, monkeypatch):
    """Room for three windows of two blocks, of 24; the batches are those of any other order of the same set."""
    root = parquet(tmp_path / "set", split_sizes=(240, 60))
    monkeypatch.setenv("NEOCOG_CACHE", str(tmp_path / "neocog"))
    monkeypatch.setattr("neocog.pictures.stream.WINDOW", 40_000)
    monkeypatch.setenv("NEOCOG_STREAM_GB", str(9 * 21_000 / 1e9))
    train = load_data(f"stream:{root}", val_fraction=0).train
    assert train.blocks.window == 2 and len(np.unique(train.blocks.of)) == 24
    fetched, fetch = Counter(), train.fetched.fetch
    train.fetched.fetch = lambda block: fetched.update([block]) or fetch(block)
    batches = Batches(Store(train, Preprocessing(16, 16), limit=0), Recipe(batch=16), 0, torch.device("cpu"))
    for epoch in range(2):
        labels = [y for step in range(batches.per_epoch) for y in batches.get(epoch * batches.per_epoch + step).y.tolist()]
        assert Counter(labels) == Counter(train.labels.tolist())
        assert len(fetched) == 24 and max(fetched.values()) <= epoch + 2, (
            fetched
        )  # the next epoch's first ones are here already
        assert sum(fetched.values()) <= 24 * (epoch + 1) + 2
        assert len(list(train.fetched.folder.glob("*.block"))) <= 9


def test_what_is_no_stream_is_told(tmp_path, monkeypatch):
    root = parquet(tmp_path / "set")
    monkeypatch.setenv("NEOCOG_CACHE", str(tmp_path / "neocog"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no parquet files; a stream is of those"):
        load_data(f"stream:{tmp_path / 'empty'}")
    monkeypatch.setenv("NEOCOG_STREAM_GB", "0.00001")
    with pytest.raises(DataError, match=r"GB of it must be at hand at a time: set NEOCOG_STREAM_GB"):
        load_data(f"stream:{root}")
    monkeypatch.delenv("NEOCOG_STREAM_GB")
    (root / "train-1.parquet").write_bytes((root / "train-1.parquet").read_bytes()[:-100])
    with pytest.raises(DataError, match="magic bytes") as caught:
        load_data(f"stream:{root}")
    assert "train-1.parquet" in str(caught.value) and "\n" not in str(caught.value)


def test_a_set_of_the_hub_is_read_in_ranges(tmp_path):
    """In a process of its own: the hub's library reads its settings when it is loaded."""
    root = parquet(tmp_path / "set", split_sizes=(800, 400))
    files = {f"data/{file.name}": file.read_bytes() for file in root.glob("*.parquet")} | {
        "README.md": b"---\n---\n# pictures\n"
    }
    script = f"""
from neocog.pictures import load_data
data = load_data("stream:hf:{NAME}", val_fraction=0)
print(data.name, len(data.train), len(data.test), data.train.encoded(5)[:4])
"""
    with dataset_hub(files) as (address, sent):
        env = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        env |= {
            "HF_ENDPOINT": address,
            "HF_HUB_OFFLINE": "",
            "HF_HOME": str(tmp_path / "hub"),
            "NEOCOG_CACHE": str(tmp_path / "cache"),
        }
        done = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert done.stdout.split("\n")[0] == f"hf:{NAME} 800 400 b'\\x89PNG'"
        most = max(size for _, size in sent)
        assert (
            10 * len(picture(0)) < most < 200_000 < min(len(data) for path, data in files.items() if path.startswith("data/"))
        )
