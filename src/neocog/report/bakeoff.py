"""A bake-off as plain data for each panel of its report."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neocog.bakeoff.plan import RESULT, Plan, read_plan, run_folder
from neocog.errors import UserError
from neocog.evaluate.predictions import Predictions, read_predictions
from neocog.pictures.doctor.quick import quick_findings
from neocog.report import judged, setting, training
from neocog.report.plain import clean, rounded
from neocog.report.run import SCHEMA, made
from neocog.report.source import TEST, OnProgress, locate, open_data
from neocog.report.sureness import sureness
from neocog.report.thumbs import BUDGET, thumbnails
from neocog.runs import read_config, read_events
from neocog.runs.config import EVENTS, Config

SPLIT = 36  # pictures on which the networks disagree
COMPARED = 6  # networks whose answers stand under each of them
NAMED = 200  # pictures named behind the cells of one run
NEEDED = {"ranking", "pairs", "seeds", "classes", "machine", "protocol", "recommendation", "majority_error"}  # of result.json
FEW = 100  # classes up to which every seed's details are kept; of more classes, the first seed's


@dataclass(frozen=True, eq=False)
class Trial:
    """One training of a bake-off, as its folder tells it."""

    net: str
    seed: int
    path: Path
    config: Config
    test: Predictions


def bakeoff_report(
    folder: str | Path, out: str, spec: str | None = None, on_progress: OnProgress | None = None, budget: int = BUDGET
) -> dict[str, Any]:
    """The whole report of a bake-off that has its result."""
    path, plan, found = Path(folder), read_plan(folder), _result(Path(folder))
    trials = [_trial(path, row["net"], seed) for row in found["ranking"] for seed in found["seeds"]]
    first = {trial.net: trial for trial in reversed(trials)}  # of each network, the first seed
    heads = [first[row["net"]] for row in found["ranking"]]
    dataset, missing = open_data(plan.data, spec, on_progress)
    split = disagreements(heads)
    told = {trial.net: judged.Answers(trial.test) for trial in heads}
    wanted: list[int] = list(dict.fromkeys([*(row["i"] for row in split), *(_surest(told[heads[0].net]) if heads else [])]))
    pictures: dict[int, str] = {}
    if heads and dataset is not None:
        source, at = locate(heads[0].test, dataset)
        if spec is not None and source is None:
            raise UserError(f"{spec} does not hold the pictures that {path} was judged on ({plan.data['name']})")
        if source is not None:
            there = {i: int(at[i]) for i in wanted if at[i] >= 0}
            show = None if on_progress is None else lambda done, total: on_progress("making small pictures", done, total)
            small = thumbnails(source, list(there.values()), budget, show)
            pictures = {i: small[k] for i, k in there.items() if k in small}
    kept = trials if len(found["classes"]) <= FEW else heads
    panels: dict[str, Any] = {
        "overview": overview(path, plan, found),
        "ranking": {"rows": [_row(row) for row in found["ranking"]], "n_pairs": len(found["pairs"])},
        "pareto": {"rows": [_row(row) for row in found["ranking"] if row.get("latency_ms")], "cpu": _machine(found["machine"])},
        "pairs": {"rows": [{**pair, "a": clean(pair["a"], 60), "b": clean(pair["b"], 60)} for pair in found["pairs"]]},
        "race": {"rows": [_race(trial) for trial in heads]},
        "disagreements": {"rows": split, "nets": [clean(trial.net, 60) for trial in heads[:COMPARED]]},
        "trials": {"rows": [_details(trial, set(pictures)) for trial in kept]},
    }
    if len(heads) < 2:
        del panels["pairs"], panels["disagreements"]
    if not any(len(row["points"]) > 1 for row in panels["race"]["rows"]):
        del panels["race"]
    findings = quick_findings(dataset) if dataset is not None else ()
    if heads:
        panels["data"] = setting.data(heads[0].config, dataset, findings, heads[0].test.failed)
    panels["setting"] = _setting(path, plan, found, out)
    names = heads[0].test.names if heads else []
    return {
        "schema": SCHEMA,
        "kind": "bakeoff",
        "title": f"bake-off · {clean(str(plan.data['name']), 80)}",
        "made": made(),
        "classes": judged.class_names(tuple(found["classes"])),
        "missing": clean(missing, 400) if not pictures else "",
        "rows": {},
        "names": {str(i): clean(names[i]) for i in wanted},
        "pictures": {str(i): uri for i, uri in pictures.items()},
        "panels": {name: panel for name, panel in panels.items() if name == "overview" or panel.get("rows") != []},
    }


def disagreements(trials: Sequence[Trial], most: int = SPLIT) -> list[dict[str, Any]]:
    """Pictures on which the first few networks disagree, those of which most depends on the choice first: as near half of them
    right as can be, then the surest of what they say. {i, own, said: [[taken for, probability] or None, …]}."""
    trials = trials[:COMPARED]
    if len(trials) < 2:
        return []
    n = len(trials[0].test)
    taken, p = np.full((len(trials), n), -1, np.int64), np.zeros((len(trials), n))
    for k, trial in enumerate(trials):
        told = judged.Answers(trial.test)
        taken[k, told.at], p[k, told.at] = told.taken, told.p
    own = trials[0].test.labels
    right, all_answered = (taken == own).sum(0), (taken >= 0).all(0)
    mixed = np.flatnonzero(all_answered & (right > 0) & (right < len(trials)))
    even = np.abs(right[mixed] - len(trials) / 2)
    order = mixed[np.lexsort((-p[:, mixed].mean(0), even))][:most]
    return [
        {"i": int(i), "own": int(own[i]), "said": [[int(taken[k, i]), rounded(p[k, i])] for k in range(len(trials))]}
        for i in order
    ]


def overview(folder: Path, plan: Plan, found: dict[str, Any]) -> dict[str, Any]:
    """What was compared, on what, and what is recommended."""
    return {
        "folder": clean(folder.name, 80),
        "data": clean(str(plan.data["name"]), 80),
        "recommendation": found["recommendation"],
        "best": _row(found["ranking"][0]) if found["ranking"] else None,
        "counts": {name: plan.data[f"n_{name}"] for name in ("train", "val", "test")},
        "classes": len(found["classes"]),
        "nets": len(found["ranking"]),
        "seeds": len(found["seeds"]),
        "length": clean(found.get("length", plan.length.words), 200),
        "length_zh": clean(plan.length.words_zh, 200),
        "protocol": clean(found["protocol"]),
        "majority_error": rounded(found["majority_error"]),
        "failed": [{"net": clean(one["net"], 60), "error": clean(str(one["error"]), 300)} for one in found.get("failed", ())],
    }


def _result(folder: Path) -> dict[str, Any]:
    file = folder / RESULT
    if not file.is_file():
        raise UserError(f"{folder} has no {RESULT} yet: finish it with `neocog bakeoff DATA --out {folder} --resume`")
    try:
        found = json.loads(file.read_text("utf-8"))
        if lacking := NEEDED - found.keys():
            raise ValueError(f"there is no {min(lacking)!r}")
        return found
    except (ValueError, AttributeError) as error:
        raise UserError(f"{file} is damaged ({error}); `neocog bakeoff DATA --out {folder} --resume` writes it again") from None


def _trial(folder: Path, net: str, seed: int) -> Trial:
    path = run_folder(folder, net, seed)
    return Trial(net, seed, path, read_config(path), read_predictions(path / TEST))


def _row(row: dict[str, Any]) -> dict[str, Any]:
    rules = {"rule": clean(row["rule"], 300), "rule_zh": clean(row.get("rule_zh", ""), 300)}
    return {**row, **rules, "net": clean(row["net"], 60), "protocol": clean(row["protocol"])}


def _surest(told: judged.Answers) -> list[int]:
    return [int(told.at[k]) for k in told.mistakes(NAMED)]


def _race(trial: Trial) -> dict[str, Any]:
    """Validation error over the share of the training that is done, both in percent."""
    events = read_events(trial.path / EVENTS)
    steps = max(1, trial.config.steps)
    points = [[100 * e["step"] / steps, 100 - e["top1"]] for e in events
              if e.get("event") == "validation" and e.get("top1") is not None]  # fmt: skip
    return {"net": clean(trial.net, 60), "points": [[rounded(x, 2), rounded(y, 2)] for x, y in points]}


def _details(trial: Trial, there: set[int]) -> dict[str, Any]:
    """The main panels of one training. Pictures: those that the report holds anyway."""
    told, events = judged.Answers(trial.test), tuple(read_events(trial.path / EVENTS))
    cells = [(c, [k for k in c if int(told.at[k]) in there]) for c in told.cells()]
    shown = dict.fromkeys(k for _, c in cells for k in c)
    panels: dict[str, Any] = {
        "confusion": {
            **judged.confused(trial.test),
            "behind": [[int(told.labels[c[0]]), int(told.taken[c[0]]), [int(told.at[k]) for k in some]] for c, some in cells],
        },
        "classes": judged.classes(trial.test),
        "calibration": sureness(trial.test),
    }
    if (found := training.curves(events, trial.config.steps, trial.config.steps_per_epoch)) is not None:
        panels = {"curves": found, **panels}
    return {
        "net": clean(trial.net, 60),
        "seed": trial.seed,
        "result": judged.result(trial.test),
        "rows": {str(int(told.at[k])): told.row(k) for k in shown},
        "panels": panels,
    }


def _machine(machine: dict[str, Any]) -> str:
    return clean(str(machine.get("gpu") or machine.get("cpu", "")), 100)


def _setting(folder: Path, plan: Plan, found: dict[str, Any], out: str) -> dict[str, Any]:
    length = plan.length
    options = ["--nets", ",".join(plan.nets)] if not any("," in net for net in plan.nets) else [
        word for net in plan.nets for word in ("--nets", net)]  # fmt: skip
    for name, value in (("budget", length.budget), ("epochs", length.epochs), ("steps", length.steps)):
        options += [f"--{name}", f"{value:g}"] if value is not None else []
    options += ["--seeds", str(len(plan.seeds)), "--seed", str(plan.data["split_seed"]), "--protocol", plan.protocol]
    commands = [("bakeoff", ["neocog", "bakeoff", str(plan.data["spec"]), *options, "--out", str(folder)]),
                ("report", ["neocog", "report", str(folder), "--out", out])]  # fmt: skip
    machine = {clean(str(k)): clean(str(v)) for k, v in found["machine"].items()}
    asked = {"length": length.words, "seeds": ", ".join(map(str, plan.seeds)), "protocol": plan.protocol, "device": plan.device,
             "threads": str(plan.threads)}  # fmt: skip
    return {
        "protocol": clean(plan.protocol),
        "groups": [
            {"name": "asked", "pairs": [[k, clean(v, 200)] for k, v in asked.items()]},
            {"name": "machine", "pairs": [[k, v] for k, v in machine.items()]},
        ],
        "lines": [clean(line, 400) for line in plan.why],
        "commands": [{"what": what, "command": clean(shlex.join(words), 2000)} for what, words in commands],
    }
