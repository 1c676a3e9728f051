"""Train a network on pictures, test it once, and leave a run folder.

DATA is a folder with one sub-folder of pictures for each class (with or without train/val/test above them), a folder of
idx files or of CIFAR's binary files, or a name: mnist, fashion-mnist, cifar10, cifar100, digits (comes with neocog).

examples:
  neocog train photos/                                 picks a net and says why
  neocog train fashion-mnist --net lenet5.modern --budget 120s
  neocog train photos/ --net resnet18 --epochs 20 --out runs/flowers
  neocog train photos/ --out runs/flowers --resume     goes on after Ctrl-C or a crash
"""

import argparse
import json
import re
import signal
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neocog.cli import DONE, INTERRUPTED, SOME_FAILED, StopSignals
from neocog.cli.progress import Progress, TrainingDisplay
from neocog.errors import BadPicture, UserError
from neocog.nets import Recipe, resolve

if TYPE_CHECKING:
    from neocog.evaluate import Judgement
    from neocog.pictures import Dataset
    from neocog.runs import Config, RunFolder
    from neocog.train import Resolved, Wishes

    Watch = Callable[[str, int, int], None]

RECIPE_OPTIONS = ("learner", "lr", "momentum", "weight_decay", "label_smoothing", "batch", "schedule", "loss")
OPTIONS = ("net", "recipe", "epochs", "steps", "budget", "seed", "size", "precision", "augment", *RECIPE_OPTIONS)
DEFAULTS = {"recipe": "quick", "seed": 0, "precision": "auto"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("data", metavar="DATA", help="a folder or a name")
    parser.add_argument("--net", help="a network's name (`neocog list`); without it neocog picks one")
    parser.add_argument("--out", metavar="RUN", help="the run folder (default: runs/DATA-NET)")
    parser.add_argument("--recipe", choices=("quick", "paper"), help="how to train (default: quick)")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--epochs", type=positive, help="passes over the training pictures")
    length.add_argument("--steps", type=count, help="updates")
    length.add_argument("--budget", type=seconds, help="time for training, 240s or 4m: becomes a number of steps, once")
    parser.add_argument("--seed", type=whole, help="of splits, start and order (default: 0)")
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out")
    parser.add_argument("--size", type=count, metavar="PIXELS", help="side of the pictures the network sees")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1 (default: auto)")
    parser.add_argument("--precision", choices=("auto", "fp32", "bf16"), help="default: what the processor has")
    parser.add_argument(
        "--augment", metavar="LIST", help="flip, crop, shift, joined by commas, or none (default: the recipe's)"
    )
    for name in RECIPE_OPTIONS:
        default = next(f.default for f in fields(Recipe) if f.name == name)
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(default), default=None, help="instead of the recipe's")
    parser.add_argument("--json", action="store_true", help="one object at the end, nothing else")


def positive(words: str) -> float:
    """A number above 0."""
    value = float(words)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0, not {words}")
    return value


def count(words: str) -> int:
    """A whole number above 0."""
    if not words.isdigit() or int(words) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number above 0, not {words}")
    return int(words)


def whole(words: str) -> int:
    """A whole number from 0 up."""
    if not words.isdigit() or int(words) >= 2**63:
        raise argparse.ArgumentTypeError(f"must be a whole number from 0 up to 2^63, not {words}")
    return int(words)


def seconds(words: str) -> float:
    """`240`, `240s`, `4m` or `1h` in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(s|m|h|)", words)
    if not match or float(match[1]) <= 0:
        raise argparse.ArgumentTypeError(f"a time is 240s, 4m or 1h, not {words}")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def wishes(args: argparse.Namespace) -> "Wishes":
    """What the arguments ask for."""
    from neocog.train import Wishes

    changes: list[tuple[str, Any]] = [(name, value) for name in RECIPE_OPTIONS if (value := getattr(args, name)) is not None]
    if args.augment is not None:
        changes.append(("augment", () if args.augment == "none" else tuple(args.augment.split(","))))
    chosen = {name: value for name in ("net", "recipe", "epochs", "steps", "budget", "seed", "precision", "device")
              if (value := getattr(args, name)) is not None}  # fmt: skip
    return Wishes(**chosen, side=args.size, changes=tuple(changes))


def asked(args: argparse.Namespace) -> dict[str, Any]:
    """The options that determine a run, as far as they were given."""
    return {name: value for name in OPTIONS if (value := getattr(args, name)) is not None}


def check_same_wishes(now: dict[str, Any], config: "Config", folder: "RunFolder") -> None:
    """Raises UserError if `now` asks for another run than the one that is to go on."""
    begun = {**DEFAULTS, **config.asked, "net": config.net}
    for name, value in now.items():
        if (resolve(value).name if name == "net" else value) != begun.get(name):
            option = f"--{name.replace('_', '-')}"
            had = f"{option} {begun[name]}" if name in begun else f"no {option}"
            raise UserError(f"{folder.path} was begun with {had}, not {value}: leave it out, or begin a new run")


def run(args: argparse.Namespace) -> int:
    """Train; test; say what came out."""
    if args.net is not None:
        resolve(args.net)  # an unknown name is told before data is read
    if args.resume and not args.out:
        raise UserError("--resume needs the run to go on with: --out RUN")
    with Progress(quiet=args.json) as progress, StopSignals() as signals:
        return _train(args, progress, signals)


def _train(args: argparse.Namespace, progress: Progress, signals: StopSignals) -> int:
    from neocog.pictures import load_data
    from neocog.runs import RunFolder
    from neocog.runs.learned import write_learned
    from neocog.train import Interrupted, resolve_run

    def watch(name: str, done: int, total: int) -> None:
        if signals.asked():
            raise Interrupted(0)
        progress.update(name, done, total)

    folder = RunFolder(args.out) if args.out else None
    config = folder.config() if folder is not None and args.resume else None
    if folder is not None and config is None:
        folder.check_free()
    try:
        seed = config.data["split_seed"] if config else args.seed or 0
        data = load_data(args.data, seed=seed, on_progress=lambda done, total: watch("fetching", done, total or done))
        if config is not None and folder is not None:
            failed = _go_on(args, folder, data, progress, watch, signals)
        else:
            resolved = resolve_run(data, args.data, wishes(args), watch)
            resolved = replace(resolved, config=replace(resolved.config, asked=asked(args)))
            folder = folder or RunFolder(free_name(data.name, resolved.config.net))
            folder.begin(resolved.config)
            write_learned(folder.path, data.train, data.val)
            for line in (*resolved.reasons, _headline(resolved.config, folder)):
                progress.say(f"· {line}")
            failed = _fit(args, folder, data, resolved, progress, signals)
    except Interrupted as stop:
        progress.clear()
        if folder is not None and folder.exists:
            progress.say(f"stopped at step {stop.step:,}; nothing is lost. Go on with:")
            progress.say(f"  neocog train {args.data} --out {folder.path} --resume")
        else:
            progress.say("stopped before training began")
        return DONE if signals.signal == signal.SIGTERM else INTERRUPTED
    judgement = test_once(folder, data, progress)
    progress.clear()
    return report(args, folder, data, judgement, [*data.skipped, *failed, *(judgement.failed if judgement else ())])


def _fit(
    args: argparse.Namespace,
    folder: "RunFolder",
    data: "Dataset",
    resolved: "Resolved",
    progress: Progress,
    signals: StopSignals,
) -> tuple[BadPicture, ...]:
    """Train to the end; the pictures that could not be read."""
    from neocog.train import run as train_run

    config = resolved.config
    display = TrainingDisplay(progress, config.net, config.steps, config.steps_per_epoch)
    return train_run(resolved, data, folder.path, display, signals.asked, args.device).failed


def _go_on(
    args: argparse.Namespace, folder: "RunFolder", data: "Dataset", progress: Progress, watch: "Watch", signals: StopSignals
) -> tuple[BadPicture, ...]:
    """Resume a run, which may be finished already."""
    from neocog.runs import read_events
    from neocog.runs.config import EVENTS
    from neocog.train import check_same_data, reopen

    config = folder.config()
    check_same_wishes(asked(args), config, folder)
    check_same_data(config, data, args.data, folder)
    progress.say(
        f"· {folder.path}: {config.net} on {config.data['name']}, {config.length}" + (", finished" if folder.finished else "")
    )
    if not folder.finished:
        return _fit(args, folder, data, reopen(folder, data, watch), progress, signals)
    trained = [event for event in read_events(folder.path / EVENTS) if event.get("event") == "trained"]
    return tuple(BadPicture(f["file"], f["error"]) for event in trained[-1:] for f in event.get("failed", ()))


def free_name(data: str, net: str) -> Path:
    """runs/DATA-NET, or with the first number that is free."""
    stem = re.sub(r"[^\w.-]+", "-", f"{data}-{net}")[:80].strip("-")  # the name of a net may be a line of text
    names = (Path("runs") / (stem + (f"-{i}" if i > 1 else "")) for i in range(1, 10**6))
    return next(path for path in names if not path.exists())


def _headline(config: Any, folder: "RunFolder") -> str:
    from neocog.arch import analyse

    table, data = analyse(config.arch), config.data
    return (
        f"{config.net}: {table.total('params'):,} parameters, {table.total('macs'):,} MACs a picture of "
        f"{'×'.join(map(str, config.arch.input))} · {data['n_train']:,} training, {data['n_val']:,} validation, "
        f"{data['n_test']:,} test pictures, {len(config.classes)} classes · {config.length}, {config.precision}, "
        f"seed {config.seed} · {folder.path}"
    )


def test_once(folder: "RunFolder", data: "Dataset", progress: Progress) -> "Judgement | None":
    """Judge the best weights on the test split, once in a run's life, and remember; None without a test split."""
    from neocog.evaluate import Judgement, evaluate
    from neocog.runs import load_predictor, read_events
    from neocog.runs.config import EVENTS

    if data.test is None:
        return None
    for event in read_events(folder.path / EVENTS):
        if event.get("event") == "test":
            return Judgement.from_json(event)
    judgement = evaluate(load_predictor(folder.path), data.test, lambda done, total: progress.update("testing", done, total))
    log = folder.events()
    log.append({"event": "test", "step": folder.config().steps, **judgement.to_json()})
    log.close()
    return judgement


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
    verbs = (f"predict {folder.path} PICTURE…", f"evaluate {folder.path} {args.data}", f"show {folder.path}")
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
