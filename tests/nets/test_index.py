"""The index that `list` reads: never wrong, and up to date in what is committed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from neocog.arch.depth import depth
from neocog.nets import Entry, index, nets, resolve


def test_the_index_is_up_to_date():
    """After a change in a network's file or in the counting: `make index`."""
    assert index.saved() is not None, "run `make index`"
    assert list(index.saved().values()) == index.compute()


def test_each_file_alone_defines_what_the_index_says(monkeypatch: pytest.MonkeyPatch):
    from neocog.nets import registry

    for name, entry in index.entries().items():
        assert nets()[name].build.__module__ == f"neocog.nets.{entry.file}"
    assert set(registry._NETS) == set(index.entries())


@pytest.fixture
def stale(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """An index that is not there, and an empty cache folder."""
    monkeypatch.setattr(index, "FILE", tmp_path / "index.json")
    monkeypatch.setenv("NEOCOG_CACHE", str(tmp_path / "cache"))
    index.saved.cache_clear()
    index.entries.cache_clear()
    yield tmp_path / "index.json"
    index.saved.cache_clear()
    index.entries.cache_clear()


@pytest.mark.parametrize("content", [None, "", "{}", "[]", '{"sources": 1, "nets": []}', '{"sources": 1, "nets": 3}'])
def test_a_stale_index_is_not_believed(stale: Path, content: str | None):
    if content is not None:
        stale.write_text(content)
    assert index.saved() is None
    assert resolve("lenet5").name == "lenet5"


def test_what_was_worked_out_is_kept(stale: Path, monkeypatch: pytest.MonkeyPatch):
    """Once after a change, in the cache folder; where that cannot be written, every time."""
    few = [e for e in index.compute() if e.name in ("lenet5", "alexnet")]
    monkeypatch.setattr(index, "compute", lambda: few)
    first = index.entries()
    index.saved.cache_clear()
    assert index.saved() == first and list(first) == ["lenet5", "alexnet"]
    kept = stale.parent / "cache" / index.CACHED
    kept.write_text(kept.read_text()[:-9])  # a file that was cut off
    index.saved.cache_clear()
    assert index.saved() is None
    monkeypatch.setenv("NEOCOG_CACHE", "/dev/null/no")
    index.entries.cache_clear()
    assert index.entries() == first


def test_entries_say_what_a_network_is():
    entry = index.entries()["alexnet"]
    assert isinstance(entry, Entry)
    assert (entry.year, entry.input, entry.params, entry.macs, entry.depth) == (2012, (3, 227, 227), 60_965_224, 724_406_816, 8)


@pytest.mark.parametrize(
    ("name", "layers"),
    [("perceptron", 1), ("lenet5", 7), ("alexnet", 8), ("vgg19", 19), ("resnet50", 50), ("resnet152", 152), ("plain34", 34)],
)
def test_depth_is_what_the_papers_call_it(name: str, layers: int):
    assert depth(resolve(name).build()) == layers
