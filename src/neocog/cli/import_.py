"""Weights from elsewhere in, a run folder out, on which every verb works.

FILES is one weight file (.pth, .pt, .th, .bin, .safetensors, Keras's .h5 and .keras, a TensorFlow checkpoint), or a Caffe
network's deploy.prototxt and its .caffemodel; an address, hf:OWNER/NAME or (with --net) tv:V1 is fetched first. Which network
it is, and whose, is read off its keys and shapes; nothing in it is ever executed.

examples:
  neocog import resnet50-0676ba61.pth --out runs/resnet50
  neocog import mine.pth --net resnet18 --labels names.txt
  neocog import vgg16_weights_tf_dim_ordering_tf_kernels.h5
  neocog import deploy.prototxt weights.caffemodel --out runs/caffe
"""

import argparse
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neocog.cli import DONE
from neocog.cli.progress import Progress
from neocog.nets import resolve

if TYPE_CHECKING:
    from neocog.runs import RunFolder
    from neocog.weights.imported import Imported


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("files", metavar="FILE", nargs="+", help="a weight file, or a prototxt and a caffemodel")
    parser.add_argument(
        "--net", help="which network it is: a name (`neocog list`), tv:NAME or timm:NAME; else it is recognised"
    )
    parser.add_argument("--out", metavar="RUN", help="the run folder (default: runs/NET)")
    parser.add_argument("--mean", help="what is subtracted from pictures: numbers joined by commas; for Caffe also a mean file")
    parser.add_argument("--labels", metavar="FILE", help="the names of the classes, one a line")
    parser.add_argument("--json", action="store_true", help="one object: run, net, params, classes, preprocessing, notes")


def run(args: argparse.Namespace) -> int:
    """Read, recognise, convert, write."""
    from neocog.runs import RunFolder
    from neocog.runs.imported import write_imported
    from neocog.train.machine import versions
    from neocog.weights.importing import import_files, settled
    from neocog.weights.pretrained import fetched

    if args.out is not None:
        RunFolder(args.out).check_free()  # told before anything is read
    net = resolve(args.net).name if args.net is not None else None  # an unknown name is told before anything is fetched
    with Progress(quiet=args.json) as progress:
        files = [
            fetched(file, net, lambda done, total: progress.update("fetching", done, total or done)) for file in args.files
        ]
    paths = settled([file.path for file in files])
    made = import_files(paths, args.net or files[0].net, args.mean, args.labels, files[0].preprocessing)
    folder = write_imported(made, args.out or free_name(made.net), paths, versions())
    print(json.dumps(as_json(made, folder), ensure_ascii=False) if args.json else "\n".join(lines(made, folder)))
    return DONE


def free_name(net: str) -> Path:
    """runs/NET, or with the first number that is free."""
    stem = re.sub(r"[^\w.-]+", "-", net).strip("-") or "imported"
    names = (Path("runs") / (stem + (f"-{i}" if i > 1 else "")) for i in range(1, 10**6))
    return next(path for path in names if not path.exists())


def as_json(made: "Imported", folder: "RunFolder") -> dict[str, Any]:
    """The object that scripts stand on."""
    from neocog.arch import analyse

    return {
        "run": str(folder.path),
        "net": made.net,
        "params": analyse(made.arch).total("params"),
        "classes": len(made.classes),
        "preprocessing": made.preprocessing.to_json(),
        "notes": list(made.notes),
    }


def lines(made: "Imported", folder: "RunFolder") -> list[str]:
    """What was read, how it was understood, what to do next."""
    from neocog.arch import analyse

    head = f"{made.net}: {analyse(made.arch).total('params'):,} parameters, {len(made.classes):,} classes → {folder.path}"
    verbs = (f"predict {folder.path} PICTURE…", f"evaluate {folder.path} DATA", f"show {folder.path}")
    return [head, *(f"· {note}" for note in made.notes), "", "next: " + "  ·  ".join(f"neocog {verb}" for verb in verbs)]
