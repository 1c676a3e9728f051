"""The index that `list` reads: never wrong, and up to date in what is committed."""

import json

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


def test_a_stale_index_is_not_believed(monkeypatch: pytest.MonkeyPatch, tmp_path):
    stale = tmp_path / "index.json"
    monkeypatch.setattr(index, "FILE", stale)
    for content in (None, "", "{}", json.dumps({"sources": 1, "nets": []})):
        if content is not None:
            stale.write_text(content)
        index.saved.cache_clear()
        assert index.saved() is None
    assert resolve("lenet5").name == "lenet5"
    index.saved.cache_clear()


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
