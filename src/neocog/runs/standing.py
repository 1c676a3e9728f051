"""What runs reached on their test splits, as lines of the leaderboard. No torch and no numpy: events and configurations."""

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from neocog.errors import UserError
from neocog.nets.index import entries
from neocog.nets.leaderboard import MEASURED, Line
from neocog.nets.terms import AS_THEY_ARE, SHIFTED, Terms, views_of
from neocog.runs.config import CONFIG, EVENTS
from neocog.runs.events import read_events

PUBLISHED_SETS = {"mnist": "MNIST", "cifar10": "CIFAR-10 test", "cifar100": "CIFAR-100 test"}
"""Names of data sets that are checked by their MD5 when they are read, and what the cards call their test pictures."""
SHIFTS = {"flip", "flip-alternating", "crop", "crop-reflect", "shift"}
DEEP = 3  # runs/NAME, BAKEOFF/runs/NAME


def standings(folders: Sequence[Path], named: bool = True) -> list[Line]:
    """The tested runs in these folders. Raises UserError where somebody named a folder that is not there or holds no run."""
    found: list[Line] = []
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"{folder}: there is no such folder of runs")
        runs = list(find_runs(folder))
        if not runs and named:
            raise UserError(f"{folder} holds no run (a folder with a {CONFIG}), down to {DEEP} folders deep")
        found += [line for run in runs if (line := standing(run)) is not None]
    return found


def find_runs(folder: Path, deep: int = DEEP) -> Iterator[Path]:
    """The run folders in a folder, or itself, by name."""
    if (folder / CONFIG).is_file():
        yield folder
    elif deep:
        with os.scandir(folder) as found:
            inner = sorted(e.path for e in found if e.is_dir(follow_symlinks=False) and not e.name.startswith("."))
        for path in inner:
            yield from find_runs(Path(path), deep - 1)


def standing(run: Path) -> Line | None:
    """What a run reached; None for one that was not tested, or whose configuration cannot be read."""
    try:
        config = json.loads((run / CONFIG).read_text("utf-8"))
        test = next((e for e in read_events(run / EVENTS) if e.get("event") == "test"), None)
        if test is None:
            return None
        entry = entries().get(config["net"])
        terms = Terms(pictures_of(config["data"]), views_of(test["protocol"]), training=training_of(config))
        low, high = test["ci95"]
        return Line(
            config["net"], entry.title if entry else config["net"], entry.year if entry else 0, terms, test["top1_error"],
            test["top5_error"], MEASURED, n=test["n"], ci95=(low, high), protocol=test["protocol"], where=str(run),
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError):
        return None


def pictures_of(data: dict[str, Any]) -> str:
    """The published data set, where it is one and its test set is whole; else its name and what tells it from others."""
    if data["spec"] in PUBLISHED_SETS and data["n_test"] == 10_000:
        return PUBLISHED_SETS[data["spec"]]
    return f"{data['name']} ({data['n_test']:,} test pictures, fingerprint {data['fingerprint'][:8]})"


def training_of(config: dict[str, Any]) -> str:
    """What the run learned from, in the words of `Terms`; other augmentations than shifts and flips stand by their names."""
    used = [str(word) for word in config["recipe"].get("augment") or ()]
    names = {word.partition("=")[0] for word in used}
    if config["data"]["spec"] not in PUBLISHED_SETS:
        return ""
    if not names:
        return "" if config["data"]["spec"] == "mnist" else AS_THEY_ARE
    return SHIFTED if names <= SHIFTS else f"with {', '.join(sorted(names))}"
