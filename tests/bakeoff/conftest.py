"""A bake-off in this process, with what only costs time left out: latency in three rounds, memory not at all."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neocog.pictures.embedded import digits
from tests.cli.conftest import write_idx

Bake = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="session")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 training and 200 test digits as a folder of idx files."""
    images, labels = digits()
    root = tmp_path_factory.mktemp("bakeoff") / "few"
    root.mkdir()
    for part, at in (("train", np.arange(0, 4800, 12)), ("t10k", np.arange(5, 5000, 25))):
        write_idx(root / f"{part}-images-idx3-ubyte", images[at])
        write_idx(root / f"{part}-labels-idx1-ubyte", labels[at].astype(np.uint8))
    return root


@pytest.fixture
def bake(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bake:
    """`bake(DATA, …)` → (exit code, the JSON that it printed, or None)."""
    from neocog.bakeoff import measure, prepare
    from neocog.cli import main

    monkeypatch.setattr(measure, "ROUNDS", 3)
    monkeypatch.setattr(measure, "VISIT", 0.0)
    monkeypatch.setattr(measure, "memory", lambda run, pixels: (200.0, 190.0))
    monkeypatch.setattr(prepare, "LOOK", 0.01)

    def run(*args: object) -> tuple[int, Any]:
        capsys.readouterr()
        code = main(["bakeoff", *map(str, args), "--json"])
        out = capsys.readouterr().out
        return code, json.loads(out) if out else None

    return run


def table(found: dict[str, Any]) -> list[Any]:
    """What of a result does not depend on the clock."""
    clock = ("latency_ms", "memory_mb", "memory_before_mb", "train_seconds", "pareto")
    return [{k: v for k, v in row.items() if k not in clock} for row in found["ranking"]] + found["pairs"]
