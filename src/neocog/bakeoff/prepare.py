"""From names of networks to runs that only wait to be trained: adapted, measured, their length fixed, their folders begun."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from neocog.arch import analyse
from neocog.bakeoff.adapt import adapt, choose_side, rule
from neocog.bakeoff.plan import Entry, Length, Plan, run_folder, write_plan
from neocog.errors import UserError
from neocog.evaluate.protocol import parse_protocol
from neocog.pictures.sets import Dataset
from neocog.runs import Config, RunFolder
from neocog.train import Wishes, resolve_run
from neocog.train.choose import choose_recipe
from neocog.train.frozen import solved
from neocog.train.memory import out_of_memory
from neocog.train.sgd import VALIDATIONS
from neocog.train.trial import Speed, speed
from neocog.train.wishes import Progress

TASTE = 512  # training pictures on which the pace of a size is measured
LOOK = 1.0  # seconds of measuring, where no budget asks for more


@contextmanager
def threads(count: int) -> Iterator[None]:
    """torch with so many threads: their number shows in the last bits of sums, so all trainings have the same."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def prepare(folder: Path, plan: Plan, data: Dataset, on_progress: Progress) -> Plan:
    """The plan with an entry for every network, its runs begun. Written down after each, so that a kill loses one at most.

    A network that cannot take part has an entry that says why, and is tried again the next time. `data` has its test split
    under seal; `on_progress` may raise to stop.
    """
    for name in plan.nets:
        entry = next((one for one in plan.entries if one.asked == name), None)
        if entry is None or entry.failed is not None:
            entry = _enter(folder, plan, data, name, on_progress)
            plan = plan.with_entry(entry)
            write_plan(folder, plan)
        else:
            _begin_more(folder, plan, entry)
    return plan


def _enter(folder: Path, plan: Plan, data: Dataset, name: str, on_progress: Progress) -> Entry:
    """The entry of a network that was asked for; its runs are begun."""

    def told(what: str, done: int, total: int) -> None:
        on_progress(f"{name}: {what}", done, total)

    try:
        with threads(plan.threads):
            config, entry = _resolve(plan, data, name, told)
    except UserError as error:
        return Entry(name, name, failed=str(error))
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return Entry(name, name, failed="not enough memory to train it here")
    for seed in plan.seeds:
        _begin(folder, config, seed)
    return entry


def _resolve(plan: Plan, data: Dataset, name: str, told: Progress) -> tuple[Config, Entry]:
    adapted = adapt(name, data.size, len(data.classes))
    net = adapted.net
    if any(one.net == net.name and one.asked != name and one.failed is None for one in plan.entries):
        raise UserError(f"is {net.name} here, which takes part already")  # its runs are not to be begun anew
    by_steps = choose_recipe(net, "quick", data.flip).learner == "sgd"
    length = plan.length if by_steps else Length()
    open_data = replace(data, test=None)  # nothing that decides may see it
    plain = Wishes(net=net.name, seed=plan.data["split_seed"], device=plan.device)
    budget = length.budget if by_steps else None
    side = choose_side(adapted, budget, len(data.train), lambda side: _pace(plan, open_data, replace(plain, side=side), told))
    wishes = replace(plain, side=side, epochs=length.epochs, steps=length.steps if budget is None else 1)
    resolved = resolve_run(open_data, plan.data["spec"], wishes, told)
    config = replace(resolved.config, data={**resolved.config.data, "n_test": plan.data["n_test"]}, asked={"net": net.name})
    seconds = None
    n_val, n_test = (config.data[key] for key in ("n_val", "n_test"))
    if by_steps:
        speed(config, resolved.stores, 0.01, plan.device)  # whatever is done once for all is not of the budget
        found = speed(config, resolved.stores, min(6.0, max(LOOK, (budget or 0.0) / 20)), plan.device, told)
        if budget is None:
            seconds = config.steps * found.step + min(config.steps / config.steps_per_epoch, VALIDATIONS) * found.judging
        else:
            steps, seconds = steps_in(budget, found, config.steps_per_epoch), budget
            config = replace(config, steps=steps, length=f"{budget:g} s on this machine, {steps} steps")
        seconds += found.judging * n_test / max(1, n_val)
    elif config.kind in solved.KINDS:
        seconds = solved.expected(config, resolved.stores["train"], n_val + n_test)
    for store in resolved.stores.values():
        store.close()
    table, words = analyse(config.arch), rule(data.size, config.preprocessing, adapted, data.train.arrays is not None)
    entry = Entry(
        net=config.net,
        asked=name,
        kind=config.kind,
        steps=config.steps,
        epochs=round(config.steps / config.steps_per_epoch, 3),
        side=side,
        seconds=None if seconds is None else round(seconds, 1),
        params=table.total("params"),
        macs=table.total("macs"),
        protocol=parse_protocol(plan.protocol).id(config.preprocessing, config.recipe.test_flip),
        rule=words["en"],
        rule_zh=words["zh"],
        reasons=tuple(line for line in resolved.reasons if line not in data.notes),
    )
    return config, entry


def steps_in(seconds: float, found: Speed, per_epoch: int) -> int:
    """How many steps so much time is worth, with a validation after every pass, but not more than so many of them."""
    steps = seconds / (found.step + found.judging / per_epoch)
    if steps > VALIDATIONS * per_epoch:
        steps = max(VALIDATIONS * per_epoch, (seconds - VALIDATIONS * found.judging) / found.step)
    return max(1, int(0.95 * steps))


def _pace(plan: Plan, data: Dataset, wishes: Wishes, told: Progress) -> float:
    """Seconds that one picture takes to learn from, measured on a few of them."""
    some = data.train.sample(TASTE)
    labels = data.train.labels[some]
    afar = data.train.blocks is not None  # one of each class would fetch a block each
    first = [] if afar else [np.flatnonzero(data.train.labels == c)[:1] for c in range(len(data.classes)) if c not in labels]
    few = replace(data, train=data.train.subset(np.unique(np.concatenate([some, *first]))), val=None, skipped=())
    resolved = resolve_run(few, plan.data["spec"], replace(wishes, steps=1), told)
    found = speed(resolved.config, resolved.stores, LOOK, plan.device, told)
    for store in resolved.stores.values():
        store.close()
    return found.step / min(resolved.config.recipe.batch, resolved.config.data["n_train"])


def _begin(folder: Path, config: Config, seed: int) -> None:
    """Begin a run: an ordinary one, that `neocog train DATA --out RUN --resume` would go on with too."""
    run = RunFolder(run_folder(folder, config.net, seed))
    run.path.mkdir(parents=True, exist_ok=True)
    run.write(replace(config, seed=seed, asked={**config.asked, "seed": seed}))


def _begin_more(folder: Path, plan: Plan, entry: Entry) -> None:
    """Runs for seeds that were added since the entry was made: of the same length."""
    have = [seed for seed in plan.seeds if RunFolder(run_folder(folder, entry.net, seed)).exists]
    if not have:
        raise UserError(f"{run_folder(folder, entry.net, plan.seeds[0])} is gone: begin the bake-off again in another --out")
    config = RunFolder(run_folder(folder, entry.net, have[0])).config()
    for seed in plan.seeds:
        if seed not in have:
            _begin(folder, config, seed)
