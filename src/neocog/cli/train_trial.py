"""`train --dry-run` and `train --find-lr`: what would be done, and how fast to learn, before anything is begun."""

import argparse
import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from neocog.cli import DONE
from neocog.cli.progress import Progress, clock
from neocog.cli.recipe import ROWS, describe
from neocog.nets import Recipe

if TYPE_CHECKING:
    from neocog.train import Resolved
    from neocog.train.trial import RateRange

    Watch = Callable[[str, int, int], None]

BARS = "▁▂▃▄▅▆▇█"
TRIAL = 3.0  # seconds of measuring
WIDE = 60  # characters of a curve


def dry_run(args: argparse.Namespace, resolved: "Resolved", progress: Progress, watch: "Watch") -> int:
    """Print the resolved run; nothing is written."""
    from neocog.train.trial import needs, speed

    config = resolved.config
    plain: dict[str, Any] = {
        "net": config.net,
        "data": config.data,
        "input": list(config.arch.input),
        "classes": len(config.classes),
        "recipe": config.recipe.to_json(),
        "preprocessing": config.preprocessing.id,
        "precision": config.precision,
        "engine": config.engine,
        "seed": config.seed,
        "steps": config.steps,
        "steps_per_epoch": config.steps_per_epoch,
        "length": config.length,
        "reasons": list(resolved.reasons),
    }
    if config.kind == "sgd":
        memory, found = needs(config, args.device), speed(config, resolved.stores, TRIAL, args.device, watch)
        passes = config.steps / config.steps_per_epoch
        plain["memory_bytes"], plain["memory_free_bytes"] = memory.training, memory.free
        plain["seconds"] = round(config.steps * found.step + min(passes, 40) * found.judging, 1)
        plain["seconds_per_step"] = round(found.step, 4)
    progress.clear()
    if args.json:
        print(json.dumps(plain, ensure_ascii=False))
        return DONE
    for line in resolved.reasons:
        print(f"· {line}")
    print("\n".join(f"{name:<14}{words}" for name, words in _rows(plain)))
    return DONE


def _rows(plain: dict[str, Any]) -> list[tuple[str, str]]:
    data, recipe = plain["data"], Recipe.from_json(plain["recipe"])
    steps = recipe.learner == "sgd"  # the others' are no batches: passes, looks
    passes = plain["steps"] / plain["steps_per_epoch"]
    said = describe(replace(recipe, epochs=passes) if steps else recipe)  # warm-up in passes of this run
    many = f"{recipe.batch} picture{'s' if recipe.batch > 1 else ''} · {passes:.3g} epoch{'s' if passes != 1 else ''}"
    rows = [
        ("net", f"{plain['net']} · input {'×'.join(map(str, plain['input']))} · {plain['classes']} classes"),
        (
            "data",
            f"{data['name']}: {data['n_train']:,} training, {data['n_val']:,} validation, {data['n_test']:,} test pictures",
        ),
        ("judged as", plain["preprocessing"]),
        ("recipe", recipe.name),
        *((f"  {label}", " · ".join(said[label])) for label in ROWS if label in said and label not in ("length", "source")),
        ("steps", f"{plain['steps']:,} of {many}") if steps else ("length", plain["length"]),
        ("precision", plain["precision"] + "".join(f", {k} {v}" for k, v in plain["engine"].items() if v not in (1, False))),
        ("seed", str(plain["seed"])),
    ]
    if "seconds" in plain:
        need, free = plain["memory_bytes"] / 2**20, plain["memory_free_bytes"] / 2**20
        step = plain["seconds_per_step"]
        each = f"{step:.3g} s" if step >= 1 else f"{1000 * step:,.0f} ms"
        rows.append(("memory", f"about {need:,.0f} MiB, {free:,.0f} MiB free"))
        rows.append(("time", f"about {clock(plain['seconds'])}, {each} a step on this machine"))
    return rows


def find_rate(args: argparse.Namespace, resolved: "Resolved", progress: Progress, watch: "Watch") -> int:
    """Try rates on a copy, draw the loss, suggest one; nothing is written."""
    from neocog.errors import UserError
    from neocog.train.trial import rate_range

    if resolved.config.kind != "sgd":
        raise UserError(f"--find-lr is for gradient descent; {resolved.config.net} learns as a {resolved.config.kind}")
    found = rate_range(resolved.config, resolved.stores, device=args.device, on_progress=watch, start=resolved.start)
    progress.clear()
    if args.json:
        print(json.dumps({"suggested": found.suggested, "rates": found.rates, "losses": found.losses}))
        return DONE
    print(_curve(found))
    print(f"suggested: --lr {found.suggested:.2g} (a tenth of where the loss was least)")
    return DONE


def _curve(found: "RateRange") -> str:
    """The loss over the rate in one line of blocks, with its ends."""
    places = [round(i * (len(found.losses) - 1) / max(1, WIDE - 1)) for i in range(min(WIDE, len(found.losses)))]
    values = [found.losses[i] for i in places]
    low, high = min(values), max(values)
    bars = "".join(BARS[round((v - low) / ((high - low) or 1) * (len(BARS) - 1))] for v in values)
    return f"loss {high:.3g}\n     {bars}\nloss {low:.3g}   rate {found.rates[0]:.0e} to {found.rates[-1]:.0e}"
