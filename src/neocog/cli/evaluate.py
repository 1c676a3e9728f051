"""Judge a trained classifier on pictures it has not learned from.

Of the data it was trained on, the test split is used; of any other folder, its test or val folder, or all of it. A protocol
says which views of each picture are judged: 1crop, 5crop, 10crop, 50crop, 144crop, dense; @256,384 behind it gives short
sides, + joins several; alexnet, googlenet, vgg-dense, vgg-crops, vgg-both and resnet are the papers' own. Of several
protocols each is compared with the first, picture by picture.

examples:
  neocog evaluate runs/digits digits
  neocog evaluate runs/flowers other-flowers/ --json
  neocog evaluate runs/squeezenet photos/ --protocol 1crop 10crop dense@256,288,320
  neocog evaluate runs/vgg photos/ --protocol vgg-dense --out judged/vgg      goes on after a stop
  neocog evaluate runs/a photos/ --ensemble runs/b runs/c
  neocog evaluate runs/a photos/ --against runs/b      or against a folder that --out left
  neocog evaluate runs/a photos/ --protocol 10crop --sheet crops.png
  neocog evaluate runs/a photos/ --calibration --confusion --per-class
  neocog evaluate runs/a photos/ --robust shift,rotation,noise=0:5:10:20 --n 500 --chart robust.svg
"""

import argparse
import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neocog.cli import DONE, INTERRUPTED, SOME_FAILED, StopSignals, robust_rows
from neocog.cli.progress import Progress
from neocog.cli.together import world_of
from neocog.errors import BadPicture, UserError

if TYPE_CHECKING:
    from neocog.evaluate import Predictions, Protocol
    from neocog.pictures import Pictures
    from neocog.runs import Predictor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("run", metavar="RUN", help="a run folder, or a weight file of one")
    parser.add_argument("data", metavar="DATA", help="a folder or a name, as for train")
    parser.add_argument("--protocol", metavar="P", nargs="+", default=["1crop"], help="which views are judged (default: 1crop)")
    parser.add_argument("--split", choices=("train", "val", "test"), help="which part (default: what was not learned from)")
    parser.add_argument("--ensemble", metavar="RUN", nargs="+", default=[], help="other runs: their probabilities are averaged")
    parser.add_argument("--against", metavar="B", help="a run, or a folder that --out left: compared on the same pictures")
    parser.add_argument(
        "--out", metavar="FOLDER", help="keep what was said of every picture; an evaluation begun there goes on"
    )
    parser.add_argument("--sheet", metavar="F.png", help="draw the views of the first picture")
    parser.add_argument("--per-class", action="store_true", help="the error of each class, and what it is taken for")
    parser.add_argument("--confusion", action="store_true", help="what is taken for what")
    parser.add_argument("--calibration", action="store_true", help="whether its probabilities can be believed")
    parser.add_argument("--n", type=int, metavar="N", help="so many of the pictures, drawn at random, always the same ones")
    robust_rows.add_arguments(parser)
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument(
        "--json", action="store_true", help="one object: top1_error, top5_error, n, protocol, ci95, confusion, …"
    )


def run(args: argparse.Namespace) -> int:
    """Print the judgement."""
    from neocog.evaluate import Stopped, parse_protocol

    robust_rows.check(args)
    protocols = [parse_protocol(text) for text in args.protocol]  # a slip is told before anything is read
    with Progress(quiet=args.json) as progress, _Signals(args.out is not None) as signals:
        try:
            return _judge(args, protocols, progress, signals.asked)
        except Stopped as stop:
            progress.clear()
            progress.say(f"{stop}; the same command goes on from there")
            return INTERRUPTED if signals.signal == signal.SIGINT else DONE


class _Signals(StopSignals):
    """Ctrl-C only asks where something is kept; else it ends the command as always."""

    def __init__(self, wanted: bool):
        super().__init__()
        self._wanted = wanted

    def __enter__(self) -> "_Signals":
        if self._wanted:
            super().__enter__()
        return self


def _judge(args: argparse.Namespace, protocols: "list[Protocol]", progress: Progress, stop: Callable[[], bool]) -> int:
    from neocog.cli import evaluate_words as words
    from neocog.cli.evaluate_tables import more_json, more_lines
    from neocog.evaluate import is_evaluation, predict_together, read_predictions
    from neocog.runs import load_predictor
    from neocog.train.machine import device

    world = world_of(args.device)
    where = world.device or device(args.device)

    def load(run: str) -> "Predictor":
        predictor = load_predictor(run)
        predictor.model.to(where)
        return predictor

    members = [load(run) for run in (args.run, *args.ensemble)]
    kept = args.against is not None and is_evaluation(args.against)
    rivals = [load(args.against)] if args.against is not None and not kept else []
    for protocol in protocols:
        for member in members:
            protocol.resolved(member.preprocessing)
    pictures, what, data, skipped = _pictures(args, [args.run, *args.ensemble, *([args.against] if rivals else [])])

    def predictions(of: "list[Predictor]", protocol: "Protocol", out: Path | None) -> "Predictions | None":
        def tell(done: int, total: int) -> None:
            progress.update(f"judging, {protocol}" if len(protocols) > 1 else "judging", done, total)

        found = predict_together(world, of, pictures, protocol, tell, out, {"data": data}, stop)
        return found if found is not None and world.rank == 0 else None

    judged = [predictions(members, protocol, _folder(args.out, protocol, protocols)) for protocol in protocols]
    other = predictions(rivals, protocols[0], None) if rivals else None
    if world.rank != 0:
        return DONE
    found = [one for one in judged if one is not None]
    if kept:
        other = read_predictions(args.against)
    costs = words.dense_costs([member.model.arch for member in members], protocols, members[0].preprocessing)
    compared = words.comparisons(found, other, args.run, args.against)
    if args.sheet:
        from neocog.cli.evaluate_sheet import draw

        draw(members[0], pictures, protocols, Path(args.sheet), progress)
    curves = robust_rows.curves(args, members, pictures, protocols[0], found[0], progress) if args.robust else []
    tables = [name for name in ("confusion", "calibration") if getattr(args, name)]
    progress.clear()
    if args.json:
        told = words.as_json(found, what, skipped, compared, costs, args.per_class)
        print(json.dumps(told | more_json(found[0], tables) | robust_rows.to_json(curves)))
    else:
        print("\n".join(words.lines(found, what, skipped, compared, costs, args.per_class)))
        print("\n".join((*more_lines(found[0], tables), *robust_rows.lines(curves))), end="\n" if tables or curves else "")
        if args.sheet:
            print(f"the views of the first picture: {args.sheet}")
    return SOME_FAILED if skipped or any(one.failed for one in found) else DONE


def _folder(out: str | None, protocol: "Protocol", protocols: "list[Protocol]") -> Path | None:
    """Where an evaluation is kept: of several protocols, each below --out by its name."""
    if out is None:
        return None
    return Path(out) / str(protocol).replace(":", ".") if len(protocols) > 1 else Path(out)


def _pictures(args: argparse.Namespace, runs: list[str]) -> "tuple[Pictures, str, dict[str, Any], tuple[BadPicture, ...]]":
    """(the pictures to judge, in words which they are, where they are from, files that were left out). Pictures that any of the
    other runs learned from are left out too, unless a split was asked for."""
    from neocog.runs import RunFolder
    from neocog.runs.learned import unlearned

    pictures, what, skipped, data = _chosen(args.run, args.data, args.split)
    for run in runs[1:] if args.split is None else []:
        folder = RunFolder(run if Path(run).is_dir() else Path(run).parent)
        new = unlearned(folder.path, pictures)
        if len(new) == 0:
            raise UserError(
                f"{run} learned from every picture that {args.run} is judged on; --split says which to take all the same"
            )
        if len(new) < len(pictures):
            what = f"{what} but {len(pictures) - len(new):,} that {run} learned from"
            pictures = pictures.subset(new)
    if args.n is not None and args.n < len(pictures):
        from neocog.evaluate.robustness import some_of

        pictures, what = some_of(pictures, args.n), f"{args.n:,} of {len(pictures):,}, {what}"
    return pictures, what, {**data, "split": what}, skipped


def choose_split(run: str, spec: str, split: str | None) -> tuple["Pictures", str, tuple[BadPicture, ...]]:
    """(the pictures to judge, in words which they are, files that were left out)."""
    return _chosen(run, spec, split)[:3]


def _chosen(run: str, spec: str, split: str | None) -> tuple["Pictures", str, tuple[BadPicture, ...], dict[str, Any]]:
    from neocog.pictures import load_data
    from neocog.runs import RunFolder
    from neocog.runs.learned import unlearned

    folder = RunFolder(run if Path(run).is_dir() else Path(run).parent)
    config = folder.config() if folder.exists else None
    data = load_data(spec, seed=config.data["split_seed"] if config else 0)
    own = config is not None and data.fingerprint == config.data["fingerprint"]
    if not own:
        data = load_data(spec, val_fraction=0, test_fraction=0)
    told = {"spec": spec, "name": data.name, "fingerprint": data.fingerprint}
    splits = {"train": data.train, "val": data.val, "test": data.test}
    if split is not None:
        found = splits[split]
        if found is None:
            raise UserError(f"{spec} has no {split} split")
        return found, split, data.skipped, told
    if own and data.test is None and data.val is None:
        raise UserError(
            f"{spec} is what {run} learned from and has no test split; --split train judges it on that all the same"
        )
    name, chosen = next(
        (n, p) for n, p in (("test", data.test), ("val", data.val), ("all pictures", data.train)) if p is not None
    )
    if own:
        return chosen, name, data.skipped, told
    new = unlearned(folder.path, chosen)
    if len(new) == 0:
        raise UserError(f"{run} learned from every picture of {spec}; --split {chosen_name(name)} judges it all the same")
    words = f"{name} but {len(chosen) - len(new):,} that it learned from" if len(new) < len(chosen) else name
    return chosen.subset(new), words, data.skipped, told


def chosen_name(words: str) -> str:
    """The --split that these words stand for."""
    return words if words in ("val", "test") else "train"
