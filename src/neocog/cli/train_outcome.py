"""What came out of a training: tested once, told in words or as JSON."""

import argparse
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from neocog.cli import DONE, SOME_FAILED
from neocog.cli.together import told_predictor
from neocog.errors import BadPicture

if TYPE_CHECKING:
    from neocog.evaluate import Judgement
    from neocog.pictures import Dataset
    from neocog.runs import Config, Predictor, RunFolder
    from neocog.train.together.world import World


def headline(config: "Config", folder: "RunFolder") -> str:
    from neocog.arch import analyse

    table, data = analyse(config.arch), config.data
    return (
        f"{config.net}: {table.total('params'):,} parameters, {table.total('macs'):,} MACs a picture of "
        f"{'×'.join(map(str, config.arch.input))} · {data['n_train']:,} training, {data['n_val']:,} validation, "
        f"{data['n_test']:,} test pictures, {len(config.classes)} classes · {config.length}, {config.precision}, "
        f"seed {config.seed} · {folder.path}"
    )


def test_once(
    folder: "RunFolder", data: "Dataset", on_progress: Callable[[int, int], None], world: "World", device: str = "auto"
) -> "Judgement | None":
    """Judge the best weights on the test split, once in a run's life; None without a test split. `on_progress` may raise."""
    from neocog.evaluate import judge_once
    from neocog.runs import load_predictor
    from neocog.train.machine import device as choose

    if data.test is None:
        return None

    def load() -> "Predictor":
        predictor = told_predictor(world, load_predictor(folder.path) if world.main else None)
        predictor.model.to(world.device or choose(device))
        return predictor

    return judge_once(folder, data.test, load, on_progress=on_progress, world=world)


def report(
    args: argparse.Namespace,
    folder: "RunFolder",
    data: "Dataset",
    judgement: "Judgement | None",
    failed: list[BadPicture],
) -> int:
    """Say what came out; the exit code."""
    if args.json:
        best = best_validation(folder)
        print(
            json.dumps(
                {
                    "run": str(folder.path),
                    "net": folder.config().net,
                    "steps": folder.config().steps,
                    "validation": best,
                    "test": judgement.to_json() if judgement else None,
                    "failed": [{"file": f.where, "error": f.why} for f in failed],
                },
                ensure_ascii=False,
            )
        )
        return SOME_FAILED if failed else DONE
    print("\n".join(outcome(folder, judgement)))
    for failure in failed[:20]:
        print(f"left out {failure.where}: {failure.why}")
    if len(failed) > 20:
        print(f"left out {len(failed) - 20} more")
    verbs = (f"predict {folder.path} PICTURE…", f"evaluate {folder.path} {args.data}", f"report {folder.path}")
    print("\nnext: " + "  ·  ".join(f"neocog {verb}" for verb in verbs))
    return SOME_FAILED if failed else DONE


def best_validation(folder: "RunFolder") -> dict[str, Any] | None:
    """The validation event of the weights that were kept."""
    from neocog.runs import read_events
    from neocog.runs.config import EVENTS

    best = [e for e in read_events(folder.path / EVENTS) if e.get("event") == "validation" and e.get("best")]
    return {"step": best[-1]["step"], "top1_error": round(100 - best[-1]["top1"], 4), "n": best[-1]["n"]} if best else None


def outcome(folder: "RunFolder", judgement: "Judgement | None") -> list[str]:
    """The result in one or two lines, with n, protocol and interval."""
    best = best_validation(folder)
    if judgement is None:
        if best is None:
            return ["trained; there is no validation and no test set to judge it by"]
        return [
            f"validation: {100 - best['top1_error']:.2f} % right (n {best['n']:,}). There is no test set, and this figure "
            "chose the weights: it flatters."
        ]
    lines = [judgement.sentence("test")]
    if judgement.n < 100:
        lines.append(f"{judgement.n} test pictures say little: the interval is wide.")
    return lines
