"""Judge a trained classifier on pictures it has not learned from.

Of the data it was trained on, the test split is used; of any other folder, its test or val folder, or all of it.

examples:
  neocog evaluate runs/digits digits
  neocog evaluate runs/flowers other-flowers/ --json
"""

import argparse
import json
from typing import TYPE_CHECKING

from neocog.cli import DONE, SOME_FAILED
from neocog.cli.progress import Progress
from neocog.errors import UserError

if TYPE_CHECKING:
    from neocog.pictures import Pictures


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("run", metavar="RUN", help="a run folder, or a weight file of one")
    parser.add_argument("data", metavar="DATA", help="a folder or a name, as for train")
    parser.add_argument("--split", choices=("train", "val", "test"), help="which part (default: what was not learned from)")
    parser.add_argument("--json", action="store_true", help="one object: top1_error, top5_error, n, protocol, ci95")


def run(args: argparse.Namespace) -> int:
    """Print the judgement."""
    from neocog.evaluate import evaluate
    from neocog.runs import load_predictor

    predictor = load_predictor(args.run)
    with Progress(quiet=args.json) as progress:
        pictures, what = choose_split(args.run, args.data, args.split)
        judgement = evaluate(predictor, pictures, lambda done, total: progress.update("judging", done, total))
    if args.json:
        print(json.dumps({**judgement.to_json(), "split": what}, ensure_ascii=False))
    else:
        print(judgement.sentence(what))
        for failure in judgement.failed:
            print(f"left out {failure.where}: {failure.why}")
    return SOME_FAILED if judgement.failed else DONE


def choose_split(run: str, spec: str, split: str | None) -> tuple["Pictures", str]:
    """(the pictures to judge, in words which they are)."""
    from pathlib import Path

    from neocog.pictures import load_data
    from neocog.runs import RunFolder

    folder = RunFolder(run if Path(run).is_dir() else Path(run).parent)
    config = folder.config() if folder.exists else None
    data = load_data(spec, seed=config.data["split_seed"] if config else 0)
    own = config is not None and data.fingerprint == config.data["fingerprint"]
    if not own:
        data = load_data(spec, val_fraction=0, test_fraction=0)
    if split is not None:
        chosen = {"train": data.train, "val": data.val, "test": data.test}[split]
        if chosen is None:
            raise UserError(f"{spec} has no {split} split")
        return chosen, split
    if data.test is not None:
        return data.test, "test"
    if data.val is not None:
        return data.val, "val"
    if own:
        raise UserError(
            f"{spec} is what {run} learned from and has no test split; --split train judges it on that all the same"
        )
    return data.train, "all pictures"
