"""What a weight file says of itself is believed only where its parts fit together."""

from pathlib import Path
from typing import Any

import pytest

from neocog.errors import UserError
from neocog.nn import create_model
from neocog.runs import load_predictor
from neocog.weights import write_safetensors
from neocog.weights.exporting import exported
from neocog.weights.importing import import_files
from tests.conftest import rng

CLASSES = tuple("abcdefghij")


def spoilt(path: Path, name: str = "lenet5.modern", **changes: Any) -> Path:
    model = create_model(name, generator=rng())
    assert model.preprocessing is not None
    made = exported(model, model.preprocessing, CLASSES, name)
    meta = made.metadata | changes
    for part, fields in changes.items():
        if isinstance(fields, dict) and part in ("arch", "preprocessing"):
            meta[part] = made.metadata[part] | fields
    write_safetensors(path / "w.safetensors", made.values, meta)
    return path / "w.safetensors"


def test_as_it_was(tmp_path: Path):
    path = spoilt(tmp_path)
    assert load_predictor(path).classes == import_files([path]).classes == CLASSES


@pytest.mark.parametrize("changes", [
    {"classes": ["a", "b"]}, {"classes": list(range(10))}, {"classes": 3}, {"classes": None}, {"net": {"a": 1}}, {"net": None},
    {"keys": ["timm"]}, {"keys": "nobody"}, {"arch": {"input": [1, float("nan"), 32]}}, {"arch": {"input": [1, 10**9, 10**9]}},
    {"arch": {"name": ["x"]}}, {"arch": {"nodes": 5}}, {"preprocessing": {"color": "RGB"}}, {"preprocessing": []},
    {"preprocessing": {"height": 65535, "width": 65535}},
])  # fmt: skip
def test_parts_that_do_not_fit(tmp_path: Path, changes: dict[str, Any]):
    """One line, whichever way it is read; before a picture is, or memory taken for one."""
    path = spoilt(tmp_path, **changes)
    for read in (load_predictor, lambda path: import_files([path])):
        with pytest.raises(UserError) as caught:
            read(path)
        assert "\n" not in str(caught.value)


def test_a_network_that_averages_reads_other_sizes(tmp_path: Path):
    path = spoilt(tmp_path, "resnet8.cifar", preprocessing={"height": 48, "width": 48})
    assert load_predictor(path).preprocessing.height == import_files([path]).preprocessing.height == 48
