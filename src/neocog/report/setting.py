"""Where the figures of a report come from: data, protocol, environment, and the commands that give them again."""

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from neocog.errors import BadPicture
from neocog.nets import Recipe
from neocog.pictures.doctor.finding import Finding
from neocog.pictures.sets import Dataset
from neocog.report.plain import clean
from neocog.runs.config import Config

NAMED = 100  # files that were left out, by name
BY_STEPS = ("sgd",)  # learners whose length is a number of steps


def data(
    config: Config, dataset: Dataset | None, findings: tuple[Finding, ...], failed: tuple[BadPicture, ...]
) -> dict[str, Any]:
    """What it learned from: counts, fingerprint, decisions, what the doctor says, and what was left out."""
    had = config.data
    left_out = [*(dataset.skipped if dataset else ()), *failed]
    return {
        "spec": clean(str(had["spec"]), 300),
        "name": clean(str(had["name"]), 300),
        "fingerprint": clean(str(had["fingerprint"])),
        "split_seed": had["split_seed"],
        "counts": {name: had[f"n_{name}"] for name in ("train", "val", "test")},
        "classes": len(config.classes),
        "notes": [clean(note, 400) for note in (*(dataset.notes if dataset else ()), *had.get("notes", ()))],
        "doctor": [{"severity": one.severity, "words": clean(one.sentence, 400)} for one in findings],
        "left_out": [[clean(one.where), clean(one.why, 200)] for one in left_out[:NAMED]],
        "n_left_out": len(left_out),
    }


def learned(dataset: Dataset | None, classes: tuple[str, ...]) -> np.ndarray | None:
    """Training pictures of each class, if the data is at hand and its classes are these."""
    if dataset is None or dataset.classes != classes:
        return None
    return np.bincount(dataset.train.labels, minlength=len(classes))


def environment(config: Config) -> dict[str, Any]:
    """Versions, precision, and every choice of recipe and preprocessing that is not the common one, in groups of pairs."""
    plain = asdict(Recipe())
    recipe = {k: v for k, v in asdict(config.recipe).items() if v != plain.get(k) or k in ("optimizer", "lr", "batch")}
    learned = {
        "learner": config.kind,
        "length": config.length,
        "precision": config.precision,
        "start": config.weights,
        **recipe,
    }
    prepared = {"id": config.preprocessing.id, **config.preprocessing.to_json()}
    engine = {k: v for k, v in config.engine.items() if not (k == "pieces" and v == 1)}
    groups = {"recipe": learned, "preprocessing": prepared, "versions": {**config.versions, **engine}}
    return {
        "groups": [{"name": name, "pairs": _pairs(values)} for name, values in groups.items()],
        "lines": [clean(line, 300) for line in config.mended],
    }


def _pairs(values: dict[str, Any]) -> list[list[str]]:
    return [[clean(str(k)), clean(_words(v), 200)] for k, v in values.items() if v not in ("", (), [], None)]


def repeat(config: Config, run: Path, out: str) -> list[dict[str, str]]:
    """The commands: train (not of an imported run), judge, report. A budget is told as the steps that it became."""
    spec, name = str(config.data["spec"]), str(run)
    commands = []
    if config.kind != "imported":
        options = {k: v for k, v in config.asked.items() if k not in ("net", "seed")}
        if config.kind in BY_STEPS:
            options = {k: v for k, v in options.items() if k not in ("epochs", "budget", "steps")} | {"steps": config.steps}
        words = ["neocog", "train", spec, "--net", config.net, *_options(options), "--seed", str(config.seed), "--out", name]
        commands.append({"what": "train", "command": clean(shlex.join(words), 2000)})
        commands.append({"what": "evaluate", "command": clean(shlex.join(["neocog", "evaluate", name, spec]), 2000)})
    commands.append({"what": "report", "command": clean(shlex.join(["neocog", "report", name, "--out", out]), 2000)})
    return commands


def _options(asked: dict[str, Any]) -> list[str]:
    out: list[str] = []
    for key, value in asked.items():
        option = f"--{key.replace('_', '-')}"
        if isinstance(value, bool):
            out.append(option if value else f"--no-{option[2:]}")
        else:
            out += [option, f"{value:g}" if isinstance(value, float) else _words(value)]
    return out


def _words(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return f"{value:.6g}" if isinstance(value, float) else str(value)
