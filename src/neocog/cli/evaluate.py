"""Judge a trained classifier on pictures it has not learned from.

Of the data it was trained on, the test split is used; of any other folder, its test or val folder, or all of it.

examples:
  neocog evaluate runs/digits digits
  neocog evaluate runs/flowers other-flowers/ --json
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from neocog.cli import DONE, SOME_FAILED
from neocog.cli.progress import Progress
from neocog.cli.together import score_by, world_of
from neocog.errors import BadPicture, UserError

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

    world = world_of()
    predictor = load_predictor(args.run)
    with Progress(quiet=args.json) as progress:
        pictures, what, skipped = choose_split(args.run, args.data, args.split)
        judgement = evaluate(predictor, pictures, lambda done, total: progress.update("judging", done, total), score_by(world))
    failed = (*skipped, *judgement.failed)
    if args.json:
        judged = judgement.to_json()
        judged["failed"] = [{"file": f.where, "error": f.why} for f in failed]
        print(json.dumps({**judged, "split": what}))  # in ASCII: names of files need not be UTF-8
    else:
        print(judgement.sentence(what))
        for failure in failed:
            print(f"left out {failure.where}: {failure.why}")
    return SOME_FAILED if failed else DONE


def choose_split(run: str, spec: str, split: str | None) -> tuple["Pictures", str, tuple[BadPicture, ...]]:
    """(the pictures to judge, in words which they are, files that were left out)."""
    from neocog.pictures import load_data
    from neocog.runs import RunFolder
    from neocog.runs.learned import unlearned

    folder = RunFolder(run if Path(run).is_dir() else Path(run).parent)
    config = folder.config() if folder.exists else None
    data = load_data(spec, seed=config.data["split_seed"] if config else 0)
    own = config is not None and data.fingerprint == config.data["fingerprint"]
    if not own:
        data = load_data(spec, val_fraction=0, test_fraction=0)
    splits = {"train": data.train, "val": data.val, "test": data.test}
    if split is not None:
        if splits[split] is None:
            raise UserError(f"{spec} has no {split} split")
        return splits[split], split, data.skipped
    if own and data.test is None and data.val is None:
        raise UserError(
            f"{spec} is what {run} learned from and has no test split; --split train judges it on that all the same"
        )
    name, chosen = next(
        (n, p) for n, p in (("test", data.test), ("val", data.val), ("all pictures", data.train)) if p is not None
    )
    if own:
        return chosen, name, data.skipped
    new = unlearned(folder.path, chosen)
    if len(new) == 0:
        raise UserError(f"{run} learned from every picture of {spec}; --split {chosen_name(name)} judges it all the same")
    words = f"{name} but {len(chosen) - len(new):,} that it learned from" if len(new) < len(chosen) else name
    return chosen.subset(new), words, data.skipped


def chosen_name(words: str) -> str:
    """The --split that these words stand for."""
    return words if words in ("val", "test") else "train"
