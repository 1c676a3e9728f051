"""How a training went, from its events: curves, what happened on the way, and the simpler ways it was compared with."""

from collections.abc import Sequence
from typing import Any

from neocog.evaluate.statistics import wilson
from neocog.report.plain import clean, rounded, thinned
from neocog.runs.events import Event

HAPPENED = ("stuck", "memory", "resume", "interrupted", "looked")


def curves(events: Sequence[Event], steps: int, per_epoch: int) -> dict[str, Any] | None:
    """Points [step, value] of loss, error (percent) and rate; None where a learner left none."""
    of = {kind: [e for e in events if e.get("event") == kind] for kind in ("step", "validation", "pass", "start", "trained")}
    points: dict[str, Any] = {
        "loss": _points(of["step"], "loss"),
        "rate": _points(of["step"], "lr"),
        "train_error": [[x, 100 - y] for x, y in _points(of["step"], "top1")],
        "validation_loss": _points(of["validation"], "loss"),
        "validation_error": [[x, 100 - y] for x, y in _points(of["validation"], "top1")],
    }
    if not points["loss"] and of["pass"]:  # of a perceptron: mistakes in a pass over the training pictures
        points["train_error"] = thinned([(e["step"], 100 * e["mistakes"] / e["n"]) for e in of["pass"]])
    if max(map(len, points.values())) < 2:
        return None
    best = [e for e in of["validation"] if e.get("best")]
    return {
        **{name: [[x, rounded(y, 6)] for x, y in found] for name, found in points.items()},
        "steps": steps,
        "steps_per_epoch": per_epoch,
        "best": {"step": best[-1]["step"], "error": rounded(100 - best[-1]["top1"])} if best and best[-1]["top1"] else None,
        "n_validation": of["validation"][-1]["n"] if of["validation"] else 0,
        "happened": [_told(e) for e in events if e.get("event") in HAPPENED],
    }


def seconds(events: Sequence[Event]) -> float | None:
    """From start to end, where nothing came between."""
    start = [e["time"] for e in events if e.get("event") == "start"]
    end = [e["time"] for e in events if e.get("event") == "trained"]
    broken = any(e.get("event") == "resume" for e in events)
    return round(end[-1] - start[0], 1) if start and end and not broken else None


def simpler(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Validation error of this run and of the simpler ways that were tried beside it, best first; none if none were."""
    found = [{"name": e["name"], "top1": e["top1"], "n": e["n"]} for e in events if e.get("event") == "baseline"]
    best = [e for e in events if e.get("event") == "validation" and e.get("best") and e["top1"] is not None]
    if not found or not best:
        return []
    rows = [{"name": "", "top1": best[-1]["top1"], "n": best[-1]["n"]}, *found]
    out = []
    for row in rows:
        low, high = wilson(round((100 - row["top1"]) / 100 * row["n"]), row["n"])
        error = {"error": rounded(100 - row["top1"]), "ci95": [rounded(100 * low), rounded(100 * high)]}
        out.append({"name": clean(row["name"]), **error, "n": row["n"]})
    return sorted(out, key=lambda row: row["error"] or 0.0)


def _points(events: Sequence[Event], key: str) -> list[list[float]]:
    return thinned([(e["step"], e[key]) for e in events if e.get(key) is not None])


def _told(event: Event) -> dict[str, Any]:
    words = {k: v for k, v in event.items() if k in ("why", "advice", "trouble", "batch", "pieces") and v}
    return {"event": event["event"], "step": event.get("step", 0), "words": clean(" · ".join(map(str, words.values())), 400)}
