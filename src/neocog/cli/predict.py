"""Classify pictures: files, or folders of them.

examples:
  neocog predict runs/flowers rose.jpg
  neocog predict runs/flowers holiday/ --json > answers.json
  neocog predict runs/flowers test/rose/*.jpg --figure roses.png    each with its five bars
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neocog.cli import DONE, SOME_FAILED, YOURS
from neocog.cli.progress import Progress
from neocog.errors import BadPicture, UserError

if TYPE_CHECKING:
    from neocog.pictures.names import Names
    from neocog.runs import Predictor

BATCH = 64
MOST = 64  # pictures in a figure
FEW = 12  # that a figure without loss shows at twice its size: a photo takes a quarter of a megabyte so
BAR = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("run", metavar="RUN", help="a run folder, or a weight file of one")
    parser.add_argument("sources", metavar="SOURCE", nargs="+", help="a picture, or a folder of pictures")
    parser.add_argument("--top", type=int, default=5, help="how many classes to print (default: 5)")
    parser.add_argument(
        "--figure",
        metavar="F.png",
        type=Path,
        help="also draw the first 64, each with five bars; the true class is its folder's name (F.svg: light and dark)",
    )
    parser.add_argument("--out", help=argparse.SUPPRESS)  # of other verbs: here it is told what does that
    parser.add_argument("--json", action="store_true", help="a list of {file, top: [{label, probability}]} or {file, error}")


def run(args: argparse.Namespace) -> int:
    """Print the answers as they come."""
    from neocog.figure.files import check_picture

    if args.out is not None:
        raise UserError(
            f"--out {args.out}: --figure F.png draws the answers, --json > F.json keeps them, evaluate --out all scores"
        )
    if args.figure is not None:
        check_picture("--figure", args.figure, svg=True)
    files, unreadable = find_pictures(args.sources)
    if not len(files) and not unreadable:
        raise UserError(f"no pictures in {', '.join(args.sources)}")
    from neocog.runs import load_predictor

    predictor = load_predictor(args.run)
    top = max(1, min(args.top, len(predictor.classes)))
    drawn: list[dict[str, Any]] = []
    failed = done = 0
    if args.json:
        print("[", end="")
    with Progress(quiet=args.json) as progress:
        for start in range(0, max(1, len(files)), BATCH):
            draws = args.figure is not None and len(drawn) < MOST  # needs to know at which place the true class stands
            names = [Path(name) for name in files[start : start + BATCH]]
            answers = classify(predictor, names, len(predictor.classes) if draws else top)
            for answer in (*(unreadable if start == 0 else ()), *answers):
                failed += "error" in answer
                done += 1
                if "top" in answer:
                    if draws and len(drawn) < MOST:
                        drawn.append(answer)
                    answer = {**answer, "top": answer["top"][:top]}
                if args.json:  # in ASCII: names of files need not be UTF-8
                    print((",\n " if done > 1 else "") + json.dumps(answer), end="")
                else:
                    progress.clear()
                    print("\n".join(lines(answer)))
            if len(files) > BATCH:
                progress.update("classifying", min(start + BATCH, len(files)), len(files))
    if args.json:
        print("]")
    if args.figure is not None:
        draw_figure(args, predictor, drawn, done - failed)
    return YOURS if failed == done else SOME_FAILED if failed else DONE


def draw_figure(args: argparse.Namespace, predictor: "Predictor", drawn: list[dict[str, Any]], readable: int) -> None:
    """Write the pictures with their bars."""
    from neocog.cli.predict_figure import figure
    from neocog.figure.files import write_picture

    if not drawn:
        return
    sheet = figure(predictor.net, predictor.classes, drawn)
    args.figure.parent.mkdir(parents=True, exist_ok=True)
    lossless = args.figure.suffix.lower() not in (".jpg", ".jpeg", ".webp", ".svg")
    write_picture(args.figure, sheet.pixels(1) if lossless and len(drawn) > FEW else sheet)
    if not args.json:
        of = f" of {readable:,}" if readable > len(drawn) else ""
        print(f"{args.figure}: {len(drawn)}{of} pictures, each with its likeliest classes")


def find_pictures(sources: list[str]) -> tuple["Names", list[dict[str, Any]]]:
    """Files as given, and every picture that `train` would see below the folders, in order of their names; and an answer for
    each folder that cannot be read."""
    from neocog.pictures.names import Names
    from neocog.pictures.scan import walk

    files, unreadable = Names(), []
    for source in map(Path, sources):
        if not source.is_dir():
            files.append(str(source))
            continue
        for name, kind, why in walk(source):
            if kind == "picture":
                files.append(str(source / name))
            elif kind == "unreadable":
                unreadable.append({"file": str(source / name), "error": why})
    return files, unreadable


def classify(predictor: "Predictor", files: list[Path], top: int) -> Iterator[dict[str, Any]]:
    """One answer for each file, in order: {file, top} or {file, error}."""
    import numpy as np

    from neocog.pictures.decode import decode

    found: dict[int, Any] = {}
    errors: dict[int, str] = {}
    for i, file in enumerate(files):
        try:
            found[i] = predictor.preprocessing.image(decode(file))
        except BadPicture as error:
            errors[i] = error.why
    pixels, size = list(found.values()), predictor.batch(predictor.preprocessing.height, predictor.preprocessing.width)
    parts = [predictor.scores(np.stack(pixels[start : start + size])) for start in range(0, len(pixels), size)]
    scores = np.concatenate(parts) if parts else np.empty((0, 1))
    chances = dict(zip(found, predictor.probabilities(scores), strict=True)) if found else {}
    for i, file in enumerate(files):
        if i in errors:
            yield {"file": str(file), "error": errors[i]}
        else:
            best = np.argsort(-chances[i], kind="stable")[:top]
            yield {
                "file": str(file),
                "top": [{"label": predictor.classes[k], "probability": round(float(chances[i][k]), 6)} for k in best],
            }


def lines(answer: dict[str, Any]) -> list[str]:
    """The answer as the AlexNet paper draws it: names and bars."""
    if "error" in answer:
        return [f"{answer['file']}: {answer['error']}"]
    width = max(len(t["label"]) for t in answer["top"])
    return [
        answer["file"],
        *(
            f"  {t['label']:<{width}}  {100 * t['probability']:5.1f} %  {'█' * round(BAR * t['probability'])}".rstrip()
            for t in answer["top"]
        ),
    ]
