"""A run as plain data for each panel of its report."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from neocog import __version__
from neocog.errors import BadPicture, UserError
from neocog.evaluate.compare import compare
from neocog.evaluate.predictions import is_evaluation, read_predictions
from neocog.evaluate.statistics import wilson, wrong_at
from neocog.pictures.doctor.quick import quick_findings
from neocog.report import judged, setting, training
from neocog.report.inside import inside
from neocog.report.network import network
from neocog.report.plain import clean, rounded
from neocog.report.source import TEST, OnProgress, Source, finished
from neocog.report.sureness import sureness
from neocog.report.thumbs import BUDGET, thumbnails

SCHEMA = 1


def run_report(
    source: Source, out: str, others: Sequence[str | Path] = (), on_progress: OnProgress | None = None, budget: int = BUDGET
) -> dict[str, Any]:
    """The whole report of a run. others: runs that were judged on the same pictures. out: the name of the file, for the
    command that makes it again. budget: characters of pictures."""
    config, predictions, dataset = source.config, source.predictions, source.data
    beside, ways = [_beside(source, Path(other)) for other in others], training.simpler(source.events)
    panels: dict[str, Any] = {"headline": headline(source)}
    if (found := training.curves(source.events, config.steps, config.steps_per_epoch)) is not None:
        panels["curves"] = found
    shown: dict[int, list[Any]] = {}
    pictures: dict[int, str] = {}
    if predictions is not None and len(predictions.answered):
        told = judged.Answers(predictions)
        surest, cells = told.mistakes(), told.cells()
        order = list(dict.fromkeys([*surest, *_rounds(cells)]))
        shown = {int(told.at[k]): told.row(k) for k in order}
        pictures = _thumbnails(source, list(shown), budget, on_progress)
        panels["confusion"] = {
            **judged.confused(predictions),
            "behind": [[int(told.labels[c[0]]), int(told.taken[c[0]]), [int(told.at[k]) for k in c]] for c in cells],
        }
        panels["mistakes"] = {"surest": [int(told.at[k]) for k in surest], "wrong": len(told.wrong), "n": len(told.at)}
        looked = inside(source, [int(told.at[k]) for k in surest], on_progress)
        if looked is not None:
            panels["inside"] = looked
        panels["classes"] = judged.classes(predictions, setting.learned(dataset, predictions.classes))
        panels["calibration"] = sureness(predictions)
    if beside or ways:
        panels["comparison"] = {"validation": ways, "runs": beside}
    panels["network"] = network(config.arch, config.net)
    if on_progress is not None and dataset is not None:
        on_progress("looking the data over", 0, 1)
    findings = quick_findings(dataset) if dataset is not None else ()
    failed = (*_failed_in_training(source), *(predictions.failed if predictions is not None else ()))
    once = {(f.where, f.why): f for f in failed}  # a picture that training and judging stumbled over
    panels["data"] = setting.data(config, dataset, findings, tuple(once.values()))
    panels["setting"] = {
        **setting.environment(config),
        "protocol": clean(predictions.protocol) if predictions is not None else None,
        "commands": setting.repeat(config, source.path, out),
    }
    return {
        "schema": SCHEMA,
        "kind": "run",
        "title": f"{clean(config.net, 80)} · {clean(str(config.data['name']), 80)}",
        "made": made(),
        "classes": judged.class_names(predictions.classes if predictions is not None else config.classes),
        "missing": clean(source.missing, 400) if not pictures else "",
        "rows": {str(i): row for i, row in shown.items()},
        "pictures": {str(i): uri for i, uri in pictures.items()},
        "panels": panels,
    }


def made() -> dict[str, str]:
    """By what, and when."""
    return {"neocog": __version__, "date": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %z")}


def headline(source: Source) -> dict[str, Any]:
    """What was trained on what, and what came out. test: None where there is nothing to judge."""
    config, predictions = source.config, source.predictions
    test = judged.result(predictions) if predictions is not None and len(predictions.answered) else None
    if test is None and (told := [e for e in source.events if e.get("event") == "test"]):
        e = told[-1]
        test = {**{k: e.get(k) for k in ("top1_error", "top5_error", "n", "ci95", "majority_error", "protocol")},
                "wrong": round(e["top1_error"] / 100 * e["n"]), "failed": len(e.get("failed", ()))}  # fmt: skip
    return {
        "net": clean(config.net, 80),
        "run": clean(source.path.name, 80),
        "data": clean(str(config.data["name"]), 80),
        "counts": {name: config.data[f"n_{name}"] for name in ("train", "val", "test")},
        "classes": len(config.classes),
        "kind": config.kind,
        "length": clean(config.length, 200),
        "steps": config.steps,
        "seed": config.seed,
        "seconds": training.seconds(source.events),
        "finished": finished(config, source.events),
        "split": source.split or ("test" if test else ""),
        "result": test,
    }


def _rounds(cells: list[list[int]]) -> list[int]:
    """One picture of each cell, then a second of each, and so on: a budget that ends leaves none without."""
    most = max(map(len, cells), default=0)
    return [cell[i] for i in range(most) for cell in cells if i < len(cell)]


def _thumbnails(source: Source, positions: list[int], budget: int, on_progress: OnProgress | None) -> dict[int, str]:
    if source.pictures is None or source.at is None:
        return {}
    there = {i: int(source.at[i]) for i in positions if source.at[i] >= 0}
    told = None if on_progress is None else lambda done, total: on_progress("making small pictures", done, total)
    made = thumbnails(source.pictures, list(there.values()), budget, told)
    return {i: made[k] for i, k in there.items() if k in made}


def _failed_in_training(source: Source) -> list[BadPicture]:
    return [
        BadPicture(f["file"], f["error"]) for e in source.events if e.get("event") == "trained" for f in e.get("failed", ())
    ]


def _beside(source: Source, other: Path) -> dict[str, Any]:
    """Another run on the same pictures: its error, and this run's error less its, paired. Raises UserError."""
    if not is_evaluation(other / TEST):
        raise UserError(f"{other}: no run whose test pictures were judged; `neocog report {other}` judges a run's")
    theirs = read_predictions(other / TEST)
    wrong = wrong_at(theirs)
    low, high = wilson(int(wrong.sum()), len(wrong))
    row: dict[str, Any] = {
        "name": clean(f"{theirs.net} ({other.name})", 100),
        "error": rounded(100 * float(wrong.mean())),
        "ci95": [rounded(100 * low), rounded(100 * high)],
        "n": len(wrong),
        "protocol": clean(theirs.protocol),
    }
    if source.predictions is None:
        return row
    pair = compare(source.predictions, theirs)
    return {**row, "difference": rounded(pair.difference), "difference_ci95": [rounded(v) for v in pair.ci95], "p": pair.p}
