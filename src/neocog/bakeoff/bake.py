"""A bake-off from its plan to its result: train everything that is not yet trained, then measure, compare, write down."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from neocog.bakeoff import pareto, pool
from neocog.bakeoff.measure import Told, measure, this_machine
from neocog.bakeoff.plan import PARETO, RESULT, Plan, run_folder
from neocog.bakeoff.rank import result
from neocog.bakeoff.trial import Outcome, is_done
from neocog.files import write_json, write_text
from neocog.pictures.sets import Dataset
from neocog.train.machine import device

COSTS = "costs.json"


@dataclass(frozen=True)
class Where:
    """processes: at a time; 1: this one. ray: the address of a cluster, "local", or None."""

    processes: int = 1
    ray: str | None = None


def train_all(
    folder: Path,
    plan: Plan,
    data: Dataset,
    where: Where,
    on_event: pool.OnEvent,
    on_done: pool.OnDone,
    stop: Callable[[], bool],
) -> list[Outcome]:
    """Every training of the plan, those that are done already told first. Raises Interrupted when `stop()` turns true."""
    outcomes: list[Outcome] = []

    def done(outcome: Outcome) -> None:
        outcomes.append(outcome)
        on_done(outcome)

    waiting: list[pool.Job] = []
    for job in plan.trainings:
        if is_done(run_folder(folder, *job)):
            done(Outcome(*job))
        else:
            waiting.append(job)
    if not waiting:
        return outcomes
    if where.ray is not None:
        gpu = device(plan.device).type == "cuda"
        pool.on_ray(folder, waiting, plan.threads, where.ray, on_event, done, stop, gpu)
    elif where.processes > 1:
        pool.in_processes(folder, waiting, where.processes, plan.threads, on_event, done, stop)
    else:
        pool.one_by_one(folder, waiting, data, on_event, done, stop)
    return outcomes


def conclude(folder: Path, plan: Plan, data: Dataset, outcomes: Sequence[Outcome], told: Told) -> dict[str, Any]:
    """The result, in DIR/result.json and DIR/pareto.svg too. What each network costs is measured once for a set of networks."""
    runs = {net: run_folder(folder, net, plan.seeds[0]) for net, seed in plan.trainings if seed == plan.seeds[0]}
    whole = {net: run for net, run in runs.items() if all(is_done(run_folder(folder, net, seed)) for seed in plan.seeds)}
    machine = this_machine(plan.device)
    costs = _measured(folder, list(whole), machine)
    if costs is None and whole:
        costs = measure(whole, data, told, plan.device)
        write_json(folder / COSTS, {"machine": machine, "nets": costs})
    found = result(folder, plan, outcomes, costs or {}, machine)
    write_json(folder / RESULT, found)
    write_text(folder / PARETO, pareto.draw(found))
    return found


def _measured(folder: Path, nets: list[str], machine: dict[str, Any]) -> dict[str, Any] | None:
    """What was measured before of just these networks on this machine: they take turns, so all are measured or none."""
    try:
        found = json.loads((folder / COSTS).read_text("utf-8"))
        return found["nets"] if sorted(found["nets"]) == sorted(nets) and found["machine"] == machine else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
