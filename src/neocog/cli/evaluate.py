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
from typing import TYPE_CHECKING

from neocog.cli import DONE, INTERRUPTED, SOME_FAILED, StopSignals, robust_rows
from neocog.cli.evaluate_split import Split, check_fit, check_protocols, check_same, choose_split
from neocog.cli.progress import Progress
from neocog.cli.together import world_of

if TYPE_CHECKING:
    from neocog.evaluate import Predictions, Protocol
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
    from neocog.evaluate import is_evaluation, parse_protocol, read_predictions
    from neocog.figure.files import check_picture

    robust_rows.check(args)  # slips are told before torch is loaded, or anything judged
    if args.sheet is not None:
        check_picture("--sheet", args.sheet)
    protocols = [parse_protocol(text) for text in args.protocol]
    kept = read_predictions(args.against) if args.against is not None and is_evaluation(args.against) else None
    rivals = [args.against] if args.against is not None and kept is None else []
    check_protocols([args.run, *args.ensemble], protocols)
    check_protocols(rivals, protocols[:1])
    split = robust_rows.some(args.n, choose_split(args.run, [*args.ensemble, *rivals], args.data, args.split))
    if kept is not None:
        check_same(str(args.against), kept, split)

    from neocog.evaluate import Stopped

    with Progress(quiet=args.json) as progress, _Signals(args.out is not None) as signals:
        try:
            return _judge(args, protocols, split, kept, rivals, progress, signals.asked)
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


def _judge(
    args: argparse.Namespace,
    protocols: "list[Protocol]",
    split: Split,
    kept: "Predictions | None",
    rivals: list[str],
    progress: Progress,
    stop: Callable[[], bool],
) -> int:
    from neocog.cli import evaluate_words as words
    from neocog.cli.evaluate_tables import more_json, more_lines
    from neocog.evaluate import Stopped, predict_together
    from neocog.runs import load_predictor
    from neocog.train.machine import device

    world = world_of(args.device)
    where = world.device or device(args.device)
    pictures, what, skipped, data = split.pictures, split.what, split.skipped, {**split.data, "split": split.what}
    world.same(f"the data ({args.data})", data["fingerprint"])

    def load(run: str) -> "Predictor":
        predictor = load_predictor(run)
        predictor.model.to(where)
        return predictor

    members = [load(run) for run in (args.run, *args.ensemble)]
    against = [load(run) for run in rivals]
    robust_rows.check_layers(args, members)
    for member in (*members, *against):  # of weight files it can be known only now
        check_fit(protocols if member in members else protocols[:1], member.preprocessing, member.model.arch)

    def predictions(of: "list[Predictor]", protocol: "Protocol", out: Path | None) -> "Predictions | None":
        def tell(done: int, total: int) -> None:
            progress.update(f"judging, {protocol}" if len(protocols) > 1 else "judging", done, total)

        found = predict_together(world, of, pictures, protocol, tell, out, {"data": data}, stop)
        return found if found is not None and world.rank == 0 else None

    judged = [predictions(members, protocol, _folder(args.out, protocol, protocols)) for protocol in protocols]
    other = predictions(against, protocols[0], None) if against else kept
    if world.rank != 0:
        return DONE
    found = [one for one in judged if one is not None]
    costs = words.dense_costs(members[0].model.arch, protocols, members[0].preprocessing)
    compared = words.comparisons(found, other, args.run, args.against)
    if args.sheet:
        from neocog.cli.evaluate_sheet import draw

        draw(members[0], pictures, protocols, Path(args.sheet), progress)

    def changing(done: int, total: int) -> None:
        if stop():
            raise Stopped(done, total)
        progress.update("changing pictures", done, total)

    curves = robust_rows.curves(args, members, pictures, protocols[0], found[0], changing) if args.robust else []
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
