"""The options of `neocog train`: what they are called, what they may be, and what they ask for."""

import argparse
import re
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from neocog.errors import UserError
from neocog.nets import Recipe, resolve
from neocog.nets.recipe import DECAYS, LOSSES, OPTIMIZERS, SCHEDULES

if TYPE_CHECKING:
    from neocog.runs import Config, RunFolder
    from neocog.train import Wishes

LISTS = ("augment", "freeze", "milestones", "factors")
NUMBERS = ("milestones", "factors")  # of the lists
RECIPE_OPTIONS = tuple(f.name for f in fields(Recipe) if f.name not in ("name", "epochs", "source", *LISTS))
ENGINE_OPTIONS = ("weights", "compile", "checkpointing", "pieces", "mend", "snapshots")
OPTIONS = ("net", "recipe", "epochs", "steps", "budget", "seed", "size", "precision", "max_bad", *ENGINE_OPTIONS,
           *LISTS, *RECIPE_OPTIONS)  # fmt: skip
DEFAULTS = {"recipe": "quick", "seed": 0, "precision": "auto"}

# of each field of a recipe: what it may be, and what it is
FIELDS = {
    "learner": ("NAME", "sgd; features, svm, neighbours, perceptron, neocognitron learn without steps"),
    "loss": ("NAME", " | ".join(LOSSES)),
    "label_smoothing": ("SHARE", "of each label that is spread over all classes"),
    "competition": ("J", "of the loss map"),
    "optimizer": ("NAME", " | ".join(OPTIMIZERS)),
    "lr": ("RATE", "the highest learning rate (--find-lr)"),
    "momentum": ("M", "of the velocity; of adamw: β1"),
    "nesterov": ("", "with sgd: look ahead"),
    "rho": ("R", "decay of rmsprop's squares; of adamw: β2"),
    "eps": ("E", "of rmsprop, adamw; of lm: μ"),
    "weight_decay": ("D", "times the weights is added to the gradient"),
    "decay": ("NAME", "what it pulls on: " + " | ".join(DECAYS)),
    "bias_lr": ("TIMES", "the rate of biases, as a multiple"),
    "head_lr": ("TIMES", "the rate of the classifier, as a multiple"),
    "clip": ("NORM", "largest norm of all gradients together (0: any)"),
    "ema": ("SHARE", "kept of the running mean of the weights, a step (0: none)"),
    "filter_rms": ("RMS", "to which larger filters are scaled back (0: any)"),
    "schedule": ("NAME", " | ".join(SCHEDULES)),
    "warmup": ("SHARE", "of the steps in which the rate rises"),
    "warmup_hold": ("TIMES", "the rate instead, all that time, as a multiple"),
    "gamma": ("TIMES", "what the rate is multiplied by, by step, exponential, plateau"),
    "power": ("P", "of poly and inv"),
    "patience": ("EPOCHS", "without progress until plateau lowers the rate"),
    "batch": ("N", "pictures a step"),
    "start": ("NAME", "unit-variance | whiten"),
    "test_flip": ("", "judge each picture with its mirror image too"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("data", metavar="DATA", help="a folder or a name, as below")
    parser.add_argument("--net", help="a network's name (`neocog list`); without it neocog picks one")
    parser.add_argument(
        "--out", metavar="RUN", help="the run folder (default: runs/DATA-NET, with a number where that is taken)"
    )
    parser.add_argument(
        "--recipe",
        help="how to train: quick (the default), paper, modern, as `neocog recipe NET` shows them; with --weights finetune",
    )
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
        "--track", action="append", metavar="NAME", help="tensorboard (the default, where installed), wandb, mlflow, … or none"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the resolved run with steps, memory and time, and stop")
    parser.add_argument("--find-lr", action="store_true", help="try learning rates from 1e-5 to 10 on a copy, and stop")
    parser.add_argument("--json", action="store_true", help="one object at the end, nothing else")
    _engine_arguments(parser.add_argument_group("how the steps are computed"))
    _recipe_arguments(parser.add_argument_group("instead of what the recipe says"))


def _engine_arguments(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--weights", metavar="SOURCE", help="start from a run, a weight file, hf:NAME or `pretrained`")
    group.add_argument("--compile", action="store_true", default=None, help="by torch.compile: minutes to begin, faster after")
    group.add_argument(
        "--checkpointing", action="store_true", default=None, help="a fraction of the memory for a third more work"
    )
    group.add_argument("--shard", action="store_true", help="divide the weights among the processes of launch (FSDP2)")
    group.add_argument("--pieces", type=count, metavar="N", help="compute a batch in N parts (default: as memory asks for)")
    group.add_argument("--mend", action="store_true", default=None, help="begin again, changed, where nothing is learned")
    group.add_argument("--workers", type=whole, metavar="N", help="processes that decode pictures (default: threads do)")
    group.add_argument("--snapshots", type=count, metavar="N", help="keep the weights of N steps on the way")
    group.add_argument("--max-bad", type=share, metavar="SHARE", help="of pictures that may be unreadable (default: 0.05)")


def _recipe_arguments(group: "argparse._ArgumentGroup") -> None:
    group.add_argument("--augment", metavar="LIST", help="joined by commas (`neocog augment --list`), or none")
    group.add_argument("--freeze", metavar="PATHS", help="layers that keep their weights, joined by commas, or all-but-head")
    group.add_argument("--milestones", metavar="LIST", help="fractions of the steps at which the rate falls, as 0.5,0.75")
    group.add_argument("--factors", metavar="LIST", help="of the rate from each milestone on, instead of powers of gamma")
    for name in RECIPE_OPTIONS:
        default = next(f.default for f in fields(Recipe) if f.name == name)
        option = f"--{name.replace('_', '-')}"
        metavar, words = FIELDS[name]
        if isinstance(default, bool):
            group.add_argument(option, action=argparse.BooleanOptionalAction, default=None, help=words)
        else:
            group.add_argument(option, type=type(default), default=None, metavar=metavar, help=words)


def positive(words: str) -> float:
    """A number above 0."""
    value = float(words)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0, not {words}")
    return value


def share(words: str) -> float:
    """From 0 to 1."""
    value = float(words)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"a share goes from 0 to 1, not {words}")
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
    for name in LISTS:
        if (words := getattr(args, name)) is not None:
            parts = () if words == "none" else tuple(words.split(","))
            changes.append((name, tuple(_number(name, part) for part in parts) if name in NUMBERS else parts))
    plain = ("net", "recipe", "epochs", "steps", "budget", "seed", "precision", "device", "max_bad", "workers", *ENGINE_OPTIONS)
    chosen = {name: value for name in plain if (value := getattr(args, name)) is not None}
    return Wishes(**chosen, side=args.size, changes=tuple(changes))


def _number(name: str, words: str) -> float:
    try:
        return float(words)
    except ValueError:
        raise UserError(f"--{name}: numbers such as 0.5,0.75, not '{words}'") from None


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
