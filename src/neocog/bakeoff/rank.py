"""The result: error with its interval over pictures and seeds, every pair compared, what each network costs."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from neocog.bakeoff.measure import train_seconds
from neocog.bakeoff.plan import SCHEMA, Plan, run_folder
from neocog.bakeoff.recommend import recommend
from neocog.bakeoff.trial import TEST, Outcome, is_done
from neocog.evaluate.compare import Comparison, compare_wrong, error_rate, same_pictures, with_holm
from neocog.evaluate.predictions import Predictions, read_predictions

SURE = 0.05  # p-values from here up, corrected for the number of comparisons, tell no difference


def result(
    folder: Path, plan: Plan, outcomes: Sequence[Outcome], costs: Mapping[str, Mapping[str, Any]], machine: dict[str, Any]
) -> dict[str, Any]:
    """What result.json holds. A network of which not every seed was judged is told as failed and is not ranked."""
    runs = {
        entry.net: [run_folder(folder, entry.net, seed) for seed in plan.seeds] for entry in plan.entries if not entry.failed
    }
    whole = {net: paths for net, paths in runs.items() if all(map(is_done, paths))}
    tests = {net: [read_predictions(path / TEST) for path in paths] for net, paths in whole.items()}
    failed = [{"net": entry.asked, "seed": None, "error": entry.failed} for entry in plan.entries if entry.failed]
    failed += [outcome.to_json() for outcome in outcomes if outcome.error and outcome.net not in whole]
    ranking, pairs = standings(plan, tests)
    for row in ranking:
        row.update(costs.get(row["net"], {}))
        row["train_seconds"] = round(float(np.mean([train_seconds(path) for path in whole[row["net"]]])), 1)
    mark_front(ranking)
    some = next(iter(tests.values()), [None])[0]
    counts = np.bincount(some.labels[some.answered], minlength=1) if some is not None else np.zeros(1)
    found = {
        "schema": SCHEMA,
        "data": plan.data,
        "classes": list(plan.classes),
        "protocol": plan.protocol,
        "length": plan.length.words,
        "machine": machine,
        "seeds": list(plan.seeds),
        "majority_error": round(100 * (1 - float(counts.max()) / max(1, int(counts.sum()))), 4),
        "left_out": [{"file": bad.where, "error": bad.why} for bad in some.failed] if some is not None else [],
        "ranking": ranking,
        "pairs": pairs,
        "failed": failed,
    }
    return {**found, "recommendation": recommend(found)}


def standings(plan: Plan, tests: Mapping[str, Sequence[Predictions]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(the ranking, best first; every pair of it). Errors of the pictures that all of them answered.

    Best is the lowest mean error over seeds; of equals, the network with fewer MACs. Every pair is one family for Holm's
    correction, comparisons with the best included: which one is best was found out on the same pictures.
    """
    if not tests:
        return [], []
    flat = [one for seeds in tests.values() for one in seeds]
    many = len(flat[0].classes) > 5
    ends = np.cumsum([len(seeds) for seeds in tests.values()])[:-1]
    wrong = dict(zip(tests, np.split(same_pictures(flat), ends), strict=True))
    wrong5 = dict(zip(tests, np.split(same_pictures(flat, 5), ends), strict=True)) if many else {}
    order = sorted(tests, key=lambda net: (int(wrong[net].sum()), plan.entry(net).macs, net))
    pairs = with_holm([compare_wrong(wrong[a], wrong[b], a, b) for a, b in combinations(order, 2)])
    best, rows = order[0], []
    for net in order:
        entry, rate = plan.entry(net), error_rate(wrong[net])
        against = next((pair for pair in pairs if (pair.a, pair.b) == (best, net)), None)
        rows.append(
            {
                "net": net,
                "top1_error": round(rate.error, 4),
                "ci95": [round(v, 4) for v in rate.ci95],
                "spread": None if rate.spread is None else round(rate.spread, 4),
                "n": rate.n,
                "seeds": rate.seeds,
                "by_seed": [round(100 * float(row.mean()), 4) for row in wrong[net]],
                "top5_error": round(100 * float(wrong5[net].mean()), 4) if many else None,
                "protocol": tests[net][0].protocol,
                "params": entry.params,
                "macs": entry.macs,
                "steps": entry.steps,
                "epochs": entry.epochs,
                "rule": entry.rule,
                "rule_zh": entry.rule_zh,
                "vs_best": None if against is None else _from_best(against),
                "tied_with_best": against is None or bool((against.p_holm or 0.0) >= SURE),
            }
        )
    return rows, [pair.to_json() for pair in pairs]


def _from_best(pair: Comparison) -> dict[str, Any]:
    """The comparison with the best, seen from the other: by how much it errs more."""
    low, high = pair.ci95
    return {
        "difference": round(0.0 - pair.difference, 4),
        "ci95": [round(0.0 - high, 4), round(0.0 - low, 4)],
        "p": pair.p,
        "p_holm": pair.p_holm,
        "covers": pair.covers,
    }


def mark_front(ranking: list[dict[str, Any]]) -> None:
    """`pareto`: no other network errs less, or as little, and answers faster, or as fast, and one of the two truly."""
    points = [(row["top1_error"], row.get("latency_ms", {}).get("median", 0.0)) for row in ranking]
    for row, (error, time) in zip(ranking, points, strict=True):
        row["pareto"] = not any(e <= error and t <= time and (e, t) != (error, time) for e, t in points)
