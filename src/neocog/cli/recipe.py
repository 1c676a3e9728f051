"""How a network is trained: its recipes side by side, with their sources.

examples:
  neocog recipe alexnet                      the quick one, the paper's, a modern one
  neocog recipe resnet50 --recipe paper
  neocog recipe runs/digits                  what a run was trained with
  neocog recipe vgg16 --json
"""

import argparse
import json
import math
import textwrap
from pathlib import Path

from neocog.cli.networks import named
from neocog.errors import UserError
from neocog.nets import Recipe
from neocog.nets.recipes import recipes, used
from neocog.nets.schedule import learning_rate

WIDTH = 110  # of the whole
LABEL = 13  # of the first column
NARROW, WIDE = 26, 60  # a column of a recipe, at least and at most
ROWS = ("learns by", "length", "rate", "optimiser", "decay", "loss", "limits", "averaging", "pictures", "beside", "source")
BARS = "▁▂▃▄▅▆▇█"
DECADES = 3  # that the bars of a falling rate span
OPTIMIZERS = {
    "sgd": "SGD",
    "caffe-sgd": "SGD as in Caffe (the rate inside the velocity)",
    "rmsprop": "RMSProp",
    "tf-rmsprop": "RMSProp as in TensorFlow 1",
    "adamw": "AdamW",
    "lm": "stochastic diagonal Levenberg-Marquardt",
    "muon": "Muon for filters, SGD for the rest",
}
LOSSES = {"cross_entropy": "cross-entropy", "hinge": "hinge (Weston & Watkins)", "mle": "MLE (eq. 8)", "map": "MAP (eq. 9)"}
DECAYS = {
    "all": "everything",
    "weights": "weights, not biases or normalisation",
    "not-depthwise": "weights, not depthwise ones",
}
LEARNERS = {"features": "solving for a linear classifier on what a frozen network sees",
            "perceptron": "the perceptron rule", "neocognitron": "Fukushima's, layer by layer, without a teacher",
            "neocognitron-taught": "Fukushima's, a teacher picks the last layer's winners",
            "svm": "solving for a linear SVM a class, against the rest", "neighbours": "remembering the pictures"}  # fmt: skip
FRACTIONS = {0.1: "a tenth", 0.2: "a fifth", 0.5: "half"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("net", metavar="NET|RUN", help="a network's name (`neocog list`), a line of text, or a run folder")
    parser.add_argument("--recipe", metavar="NAME", help="one of them: quick, paper or modern")
    parser.add_argument("--json", action="store_true", help="one object")


def run(args: argparse.Namespace) -> int:
    """Print the recipes."""
    found: dict[str, Recipe]
    if (Path(args.net) / "config.json").is_file():
        from neocog.runs import read_config

        config = read_config(args.net)
        title, found = f"{args.net}: {config.net}, {config.length}", {config.recipe.name: config.recipe}
        name = config.net
    else:
        net = named(args.net)
        name, found = net.name, recipes(net)
        title = f"{net.card.title} ({net.card.year})"
    if args.recipe is not None:
        if args.recipe not in found:
            raise UserError(f"{name} has no recipe '{args.recipe}'; it has {', '.join(found)}")
        found = {args.recipe: found[args.recipe]}
    if args.json:
        print(json.dumps({"net": name, "recipes": {key: r.to_json() for key, r in found.items()}}, ensure_ascii=False))
        return 0
    print("\n".join([title, "", *side_by_side(found)]))
    return 0


def side_by_side(found: dict[str, Recipe]) -> list[str]:
    """A column for each recipe, a row for each of the things there are to say of one of them at least."""
    width = min(WIDE, max(NARROW, (WIDTH - LABEL) // len(found) - 2))
    said = [describe(recipe, width) for recipe in found.values()]
    lines = [" " * LABEL + "  ".join(f"{name:<{width}}" for name in found).rstrip()]
    lines.append(" " * LABEL + "  ".join("─" * width for _ in found))
    for label in (label for label in ROWS if any(label in one for one in said)):
        cells = [[row for part in one.get(label, []) for row in _wrap(part, width)] for one in said]
        if label == "source":
            lines.append("")
        for i in range(max(map(len, cells))):
            row = "  ".join(f"{cell[i] if i < len(cell) else '':<{width}}" for cell in cells)
            lines.append(f"{label if i == 0 else '':<{LABEL}}{row}".rstrip())
    return lines


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(
        text, width, subsequent_indent="" if text[0] in BARS else "  ", break_long_words=False, break_on_hyphens=False
    ) or [""]


def describe(recipe: Recipe, width: int = WIDE) -> dict[str, list[str]]:
    """What there is to say of a recipe, by subject; each a list of phrases."""
    r, matters = recipe, set(used(recipe))
    epochs = f"{r.epochs:g} {'pass' if r.epochs == 1 else 'passes'}"
    out = {"length": [epochs + (f", batches of {r.batch}" if r.batch > 1 else ", one picture at a time")]}
    if r.learner == "features":
        return {"learns by": [LEARNERS[r.learner]], "pictures": ["as they are, and mirrored"]}
    if r.learner in ("svm", "neighbours"):
        return {"learns by": [LEARNERS[r.learner]], "length": ["every picture once"], "pictures": ["as they are"]}
    if r.learner != "sgd":
        return {"learns by": [LEARNERS[r.learner]]} | out | {"pictures": list(r.augment) or ["as they are"]}
    out["rate"] = [f"{r.lr:g}", sparkline(r, min(width, 40)), *schedule(r)]
    about = [f"momentum {r.momentum:g}" + (", Nesterov" if r.nesterov else "")] if "momentum" in matters and r.momentum else []
    if r.optimizer == "adamw":
        about = [f"β {r.momentum:g} and {r.rho:g}, ε {r.eps:g}"]
    elif r.optimizer == "lm":
        about = [f"μ {r.eps:g}"]
    elif r.optimizer == "muon":
        about = [f"momentum {r.momentum:g}, of the rest {r.rho:g}, both Nesterov"]
    elif "rho" in matters:
        about.append(f"ρ {r.rho:g}, ε {r.eps:g}")
    about += [f"{what} learn at {times:g} times the rate" for what, times in (("biases", r.bias_lr), ("classifier", r.head_lr))
              if times != 1]  # fmt: skip
    out["optimiser"] = [OPTIMIZERS[r.optimizer], *about]
    out["decay"] = [f"{r.weight_decay:g} of {DECAYS[r.decay]}" if r.weight_decay else "none"]
    loss = LOSSES[r.loss] + (f", j = {r.competition:g}" if r.loss == "map" else "")
    out["loss"] = [loss] + (
        [f"labels smoothed by {r.label_smoothing:g}"] if r.label_smoothing and r.loss == "cross_entropy" else []
    )
    limits = [f"all gradients to a norm of {r.clip:g}"] if r.clip else []
    limits += [f"filters to an RMS of {r.filter_rms:g}"] if r.filter_rms else []
    if limits:
        out["limits"] = limits
    if r.ema:
        out["averaging"] = [f"of the weights, {r.ema:g} a step; the mean is judged"]
    out["pictures"] = list(r.augment) or ["as they are"]
    more = [f"starts by {r.start}"] * bool(r.start) + [f"{', '.join(r.freeze)} frozen"] * bool(r.freeze)
    more += ["judged with the mirror image"] * r.test_flip
    if more:
        out["beside"] = more
    if r.source:
        out["source"] = [r.source]
    return out


def schedule(recipe: Recipe) -> list[str]:
    """The schedule in words."""
    r = recipe
    share = FRACTIONS.get(r.gamma, f"times {r.gamma:g}")
    if r.schedule == "step":
        words = _steps(r, share)
    else:
        words = {
            "onecycle": f"up for {_percent(r.warmup)}, then down to 0, in lines",
            "linear": "down to 0 in a line",
            "poly": f"down to 0 as a power of {r.power:g}",
            "cosine": "down to 0 as a cosine",
            "exponential": f"evenly down to {r.gamma:g} of it",
            "inv": f"(1 + {r.gamma:g} t)^-{r.power:g}",
            "plateau": f"{share} after {r.patience} passes that bring nothing",
            "constant": "always",
        }[r.schedule]
    if not r.warmup or r.schedule == "onecycle":
        return [words]
    passes = f"{r.warmup * r.epochs:.2g} passes"
    return [f"{r.warmup_hold:g} of it for {passes}" if r.warmup_hold else f"warm-up over {passes}", words]


def _steps(r: Recipe, share: str) -> str:
    each = r.milestones[0] if r.milestones else 0.0
    even = all(math.isclose(at, each * (i + 1), rel_tol=1e-6) for i, at in enumerate(r.milestones))
    if not r.milestones:
        return "always"
    if even and len(r.milestones) > 3:
        return f"{share} every {each * r.epochs:.3g} passes"
    passes = ", ".join(f"{at * r.epochs:.3g}" for at in r.milestones)
    if r.factors:
        return f"{', '.join(f'{r.lr * f:.3g}' for f in r.factors)} after {passes} passes"
    return f"{share} after {passes} passes"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def sparkline(recipe: Recipe, width: int) -> str:
    """The rate over the training, a bar a stretch; of rates that fall in steps or evenly by a factor, the logarithm."""
    each = 50
    rates = [learning_rate(recipe, step, each * width) for step in range(each * width)]
    means = [sum(rates[i : i + each]) / each / max(rates) for i in range(0, len(rates), each)]
    if recipe.schedule in ("step", "exponential"):
        means = [1 + math.log10(max(mean, 1e-9)) / DECADES for mean in means]
    return "".join(BARS[min(len(BARS) - 1, max(0, round(len(BARS) * mean - 0.5)))] for mean in means)
