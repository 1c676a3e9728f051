"""The whole story in two minutes, on real digits that come with neocog: look, train three networks, test, predict.

examples:
  neocog demo
  neocog demo --budget 60s
"""

import argparse
import json
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neocog.cli import DONE, INTERRUPTED, StopSignals
from neocog.cli.progress import Progress, TrainingDisplay
from neocog.cli.train import free_name
from neocog.cli.train_options import seconds, whole
from neocog.cli.train_outcome import test_once

if TYPE_CHECKING:
    import numpy as np

    from neocog.evaluate import Judgement
    from neocog.pictures import Dataset, Pictures
    from neocog.runs import Predictor

NETS = (
    ("perceptron", "Rosenblatt's, 1958"),
    ("lenet5", "LeCun's, as published in 1998"),
    ("resnet8.quick", "He's idea of 2015, in small"),
)
SHOWN = 6


@dataclass
class Entry:
    """One network of the comparison."""

    net: str
    label: str
    run: Path
    params: int
    macs: int
    seconds: float
    judgement: "Judgement"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--budget", type=seconds, default=30.0, help="training time of each network (default: 30s)")
    parser.add_argument("--seed", type=whole, default=0, help="of start and order (default: 0)")
    parser.add_argument("--out", metavar="FOLDER", help="where the three runs go (default: runs/demo)")
    parser.add_argument("--json", action="store_true", help="one object at the end, nothing else")


def run(args: argparse.Namespace) -> int:
    """Tell the story."""
    from neocog.pictures import load_data
    from neocog.runs import RunFolder, load_predictor
    from neocog.train import Interrupted

    out = Path(args.out) if args.out else free_name("demo", "digits")
    RunFolder(out).check_free()
    say = (lambda *_: None) if args.json else print
    data = load_data("digits", seed=args.seed)
    say(f"Here are 5,000 handwritten digits. {len(data.test or ())} of them no network will see before its test:\n")
    say("\n".join(draw_row(data.train, one_of_each(data.train))) + "\n")
    say("LeNet-5 reads them like this:\n")
    say("\n".join(lenet_table()) + "\n")
    say(f"Three networks, about {args.budget:.0f} seconds of training each. Ctrl-C stops at any time.")
    entries = []
    with Progress(quiet=args.json) as progress, StopSignals() as signals:
        for net, label in NETS:
            try:
                entries.append(learn(net, label, data, out / net, args, progress, signals))
            except Interrupted:
                progress.clear()
                say(f"\nstopped; what is finished lies in {out}")
                return DONE if signals.signal == signal.SIGTERM else INTERRUPTED
    if args.json:
        print(
            json.dumps(
                {
                    "run": str(out),
                    "ranking": [as_json(e) for e in sorted(entries, key=lambda e: e.judgement.top1_error)],
                }
            )
        )
        return DONE
    print("\nTested once, on the digits that were set aside:\n")
    print("\n".join(comparison(entries)) + "\n")
    best = min(entries, key=lambda e: e.judgement.top1_error)
    predictor = load_predictor(best.run)
    assert data.test is not None
    print("\n".join(look(predictor, data.test, best)) + "\n")
    print("\n".join(farewell(best, out, data.test)))
    return DONE


def learn(
    net: str, label: str, data: "Dataset", out: Path, args: argparse.Namespace, progress: Progress, signals: StopSignals
) -> Entry:
    """Train one network and test it once."""
    from neocog.arch import analyse
    from neocog.runs import RunFolder
    from neocog.train import Wishes, resolve_run
    from neocog.train import run as train_run
    from neocog.train.together.world import ALONE

    progress.say(f"\n{net} ({label})")
    wishes = Wishes(net, seed=args.seed, budget=None if net == "perceptron" else args.budget)
    resolved = resolve_run(data, "digits", wishes, progress.update)
    folder = RunFolder(out)
    folder.begin(resolved.config)
    begun = time.monotonic()
    display = Quietly(progress, net, resolved.config.steps, resolved.config.steps_per_epoch)
    train_run(resolved, data, out, display, signals.asked)
    spent = time.monotonic() - begun
    judgement = test_once(folder, data, lambda done, total: progress.update("testing", done, total), ALONE)
    assert judgement is not None
    progress.clear()
    table = analyse(resolved.config.arch)
    return Entry(net, label, out, table.total("params"), table.total("macs"), spent, judgement)


class Quietly(TrainingDisplay):
    """Of validations and passes only a handful are worth a line to a newcomer."""

    lines = 5

    def __init__(self, *args: Any):
        super().__init__(*args)
        self._next = 0.0

    def __call__(self, event: dict[str, Any]) -> None:
        if event["event"] in ("validation", "pass"):
            if event["event"] == "validation" and event["loss"] is None:
                return
            if event["step"] < self._next and event["step"] < self.steps:
                return
            self._next = event["step"] + self.steps / self.lines
        super().__call__(event)


def lenet_table() -> list[str]:
    """LeNet-5's layer table."""
    from neocog.arch import analyse
    from neocog.arch.table import text
    from neocog.nets import resolve

    return ["  " + line for line in text(analyse(resolve("lenet5").build()))]


def comparison(entries: list[Entry]) -> list[str]:
    """The table of results, worst first, with a bar for the error."""
    head = f"  {'network':<15}{'parameters':>11}{'MACs':>13}{'trained':>9}{'right':>9}   95 % interval    wrong"
    lines = [head, "  " + "─" * (len(head) + 26)]
    for e in sorted(entries, key=lambda e: -e.judgement.top1_error):
        j = e.judgement
        interval = f"{100 - j.ci95[1]:.1f} – {100 - j.ci95[0]:.1f} %"
        lines.append(
            f"  {e.net:<15}{e.params:>11,}{e.macs:>13,}{e.seconds:>7.0f} s{j.top1:>7.1f} %   {interval:<16} "
            f"{'█' * max(1, round(2.5 * j.top1_error))} {j.top1_error:.1f} %"
        )
    j = entries[0].judgement
    lines.append(f"  n = {j.n:,} test digits; guessing is right {100 - j.majority_error:.0f} % of the time.")
    return lines


def as_json(e: Entry) -> dict[str, Any]:
    """An entry of the ranking."""
    return {
        "net": e.net,
        "params": e.params,
        "macs": e.macs,
        "seconds": round(e.seconds, 1),
        "run": str(e.run),
        **e.judgement.to_json(),
    }


def one_of_each(pictures: "Pictures") -> list[int]:
    """The first picture of each class."""
    import numpy as np

    return [int(np.flatnonzero(pictures.labels == k)[0]) for k in range(len(pictures.classes))]


def draw(picture: "np.ndarray", rows: int = 14) -> list[str]:
    """A grey picture H×W as lines of blocks, two pixels to a character's height."""
    import numpy as np
    from PIL import Image

    small = (
        np.asarray(Image.fromarray(picture).resize((2 * rows, 2 * rows), Image.Resampling.BOX))
        if picture.shape[0] != 2 * rows
        else picture
    )
    ink = small.reshape(rows, 2, rows, 2).max(3) > 90  # half as wide: a character is twice as high as it is wide
    return ["".join(" ▄▀█"[2 * top + bottom] for top, bottom in zip(*pair, strict=True)) for pair in ink]


def draw_row(pictures: "Pictures", indices: list[int], captions: list[str] | None = None) -> list[str]:
    """Pictures beside one another, with a caption below each."""
    import numpy as np

    drawn = [draw(np.asarray(pictures.picture(i).convert("L")), 7 if captions is None else 14) for i in indices]
    width = len(drawn[0][0]) + 3
    lines = ["  " + "   ".join(parts) for parts in zip(*drawn, strict=True)]
    return lines + (["  " + "".join(c.center(width - 3).ljust(width) for c in captions)] if captions else [])


def look(predictor: "Predictor", test: "Pictures", best: Entry) -> list[str]:
    """A few right answers and the most confident mistakes, drawn."""
    import numpy as np

    scored = predictor.score_all(test)
    chances = predictor.probabilities(scored.scores)
    said = chances.argmax(1)
    wrong = np.flatnonzero(said != scored.labels)
    worst = wrong[np.argsort(-chances[wrong].max(1), kind="stable")][:SHOWN]
    right = np.flatnonzero(said == scored.labels)
    easy = right[:: max(1, len(right) // SHOWN)][:SHOWN]

    def captions(which: "np.ndarray", truth: bool) -> list[str]:
        return [(f"a {test.classes[said[i]]}? no, a {test.classes[scored.labels[i]]}" if truth else
                 f"a {test.classes[said[i]]}, {100 * chances[i].max():.0f} % sure") for i in which]  # fmt: skip

    def row(which: "np.ndarray", truth: bool) -> list[str]:
        return draw_row(test, [int(i) for i in scored.indices[which]], captions(which, truth))

    lines = [f"What {best.net} says of {len(easy)} test digits:", "", *row(easy, False)]
    if len(worst):
        lines += ["", f"and its most confident mistakes, of {len(wrong)}. Would you have known?", "", *row(worst, True)]
    return lines


def farewell(best: Entry, out: Path, test: "Pictures") -> list[str]:
    """What to do next; a few test digits are left as files to play with."""
    folder = out / "digits"
    folder.mkdir(exist_ok=True)
    for i in one_of_each(test):
        test.picture(i).resize((112, 112)).save(folder / f"{test.classes[test.labels[i]]}.png")
    return ["Now yours:", "",
            f"  neocog predict {best.run} {folder}/",
            "      classifies pictures; ten digits lie there to try",
            "  neocog train photos/",
            "      your own: a folder with one sub-folder of pictures for each class",
            "  neocog show alexnet --input 3x224x224",
            "      why the paper's 224 pixels do not fit its first layer",
            "  neocog list",
            "      all networks"]  # fmt: skip
