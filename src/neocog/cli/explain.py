"""Look inside a network.

METHODS

RUN is a run folder or a weight file of one; for methods marked *, also a network by name or text, with the weights it begins
with. --out F.png or F.svg is the figure, --arrays F.npz the numbers it was drawn from.

examples:
  neocog explain runs/photos cat.jpg --method compare --out ways.png
  neocog explain runs/photos cat.jpg --method occlusion --out occlusion.svg
  neocog explain runs/photos cat.jpg --method grad-cam --class "kit fox" --sanity --out cat.svg
  neocog explain runs/cifar "test[12]" --method deconvnet --layer relu1 --layer relu5 --out deconvnet.png
  neocog explain runs/cifar --method top9 --data cifar10 --layer relu5 --out top9.png
  neocog explain runs/cifar --method evolution --data cifar10 --pictures 5000 --out evolution.png
  neocog explain alexnet --method field --out field.svg
  neocog explain plain56.cifar --against resnet56.cifar --method flow --out flow.svg
"""

import argparse
import io
import json
import math
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from neocog.cli import DONE, INTERRUPTED, SOME_FAILED, StopSignals
from neocog.cli.looking import FAMILIES, WAYS, Shown, handler
from neocog.cli.progress import Progress
from neocog.errors import UserError, nearest

_METHODS = "\n\n".join(
    "\n".join([f"{family}:", *(f"  {name + ('*' if way.untrained else ''):<22}{way.words}" for name, way in ways.items())])
    for family, ways in FAMILIES.items()
)
__doc__ = (__doc__ or "").replace("METHODS", _METHODS)
COMMON = {"run", "image", "method", "out", "arrays", "json", "seed"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("run", metavar="RUN", help="a run folder, or a weight file of one")
    parser.add_argument(
        "image",
        metavar="IMAGE",
        nargs="?",
        help="the picture to explain: a file, or a name as test[12] of --data or of the run's own data",
    )
    parser.add_argument("--method", required=True, type=_method, metavar="M", help="how to look, as listed above")
    parser.add_argument("--out", required=True, metavar="FILE", help="the figure to write, F.png or F.svg")
    parser.add_argument("--arrays", metavar="F.npz", help="write the numbers too, as numpy reads them")
    parser.add_argument("--json", action="store_true", help="one object: method, net, out, and what the figure shows")
    parser.add_argument("--seed", type=int, metavar="S", help="of whatever is drawn at random (default: 0)")
    what = parser.add_argument_group("what to look at")
    what.add_argument("--layer", metavar="PATH", action="append", help="a layer, as `neocog show` names it; some take several")
    what.add_argument("--unit", type=int, metavar="N", help="the number of a map in its layer")
    what.add_argument("--place", type=_place, metavar="R,C", help="row and column in the map")
    what.add_argument("--class", dest="target", metavar="NAME", help="the class to explain (default: the network's answer)")
    what.add_argument("--data", metavar="DATA", help="pictures, for the methods that look at many")
    what.add_argument("--split", metavar="NAME", choices=("train", "val", "test"), help="of DATA: train, val or test")
    what.add_argument("--against", metavar="RUN|NET", action="append", help="another network beside RUN; may be repeated")
    what.add_argument("--pictures", type=_count, metavar="N", help="so many of DATA's pictures, evenly chosen (default: all)")
    what.add_argument(
        "--boxes", metavar="FILE", help="a table of file, part, left, top, right, bottom; its files lie beside it"
    )
    how = parser.add_argument_group("how")
    how.add_argument("--n", type=_count, metavar="N", help="how many pictures, units or steps of the kind that the method has")
    how.add_argument("--size", type=_count, metavar="PIXELS", help="side of what covers the picture")
    how.add_argument("--stride", type=_count, metavar="PIXELS", help="from one position to the next")
    how.add_argument("--fill", metavar="WITH", help="mean, grey, black, white, blur or a colour as 128,128,128")
    how.add_argument("--steps", type=_count, metavar="N", help="of an integral, an optimisation")
    how.add_argument("--sanity", action="store_true", default=None, help="measure what the map is worth here: its badge")
    how.add_argument("--distance", choices=("euclidean", "cosine"), help="between features")
    how.add_argument("--cache", metavar="FOLDER", help="where long work is kept, and gone on with")


def run(args: argparse.Namespace) -> int:
    """Write the figure; say what it shows."""
    from neocog.figure.files import check_picture, write_picture

    check(args)
    out = Path(args.out)
    check_picture("--out", out, svg=True)
    if args.arrays is not None and Path(args.arrays).suffix != ".npz":
        raise UserError(f"--arrays {args.arrays}: numpy's files end in .npz")
    from neocog.cli.looking.look import Look

    with Progress(quiet=args.json) as progress, StopSignals() as signals:
        try:
            look = Look(args, progress, signals.asked)
            shown = handler(args.method)(look)
        except KeyboardInterrupt:
            progress.clear()
            progress.say("stopped, no figure was written; what is kept of long work is gone on with by the same command")
            return INTERRUPTED if signals.signal != signal.SIGTERM else DONE
    out.parent.mkdir(parents=True, exist_ok=True)
    if args.arrays is not None:
        _write_arrays(Path(args.arrays), shown)
    write_picture(out, shown.figure)
    if args.json:
        failed = [{"file": bad.where, "error": bad.why} for bad in shown.failed]
        told = {"method": args.method, "net": look.net, "out": str(out), **shown.facts} | ({"failed": failed} if failed else {})
        print(json.dumps(_known(told), ensure_ascii=False, allow_nan=False))
    else:
        print("\n".join((*shown.words, f"{out}: {args.method} written")))
    for bad in shown.failed:
        print(f"left out {bad}", file=sys.stderr)
    return SOME_FAILED if shown.failed else DONE


def check(args: argparse.Namespace) -> None:
    """Raises UserError for options that the method does not take and for what it lacks, before torch is loaded."""
    way = WAYS[args.method]
    for name, value in vars(args).items():
        if name not in COMMON and name not in way.takes and value is not None:
            option = "class" if name == "target" else name
            known = ("--" + ("class" if t == "target" else t) for t in sorted(way.takes - {"image"}))
            takes = ", ".join(known) or "none of the kind"
            raise UserError(f"--method {args.method} has no use for --{option}; it takes {takes}")
    if way.wants == "picture" and args.image is None:
        raise UserError(f"--method {args.method} looks at a picture: name one behind the run")
    if way.wants != "picture" and args.image is not None and "image" not in way.takes:
        raise UserError(f"--method {args.method} looks at no picture: leave {args.image} out")
    if way.wants == "data" and args.data is None:
        raise UserError(f"--method {args.method} looks at many pictures: name them with --data")
    if args.image is not None and Path(args.out).absolute() == Path(args.image).absolute():
        raise UserError(f"--out {args.out} is the picture that is explained; choose another name")
    if args.data is None and (args.split or args.pictures):
        raise UserError("--split and --pictures say which pictures of --data: name them with --data")


def _known(told: Any) -> Any:
    """The same with null for what is no number: JSON has none such."""
    if isinstance(told, Mapping):
        return {name: _known(value) for name, value in told.items()}
    if isinstance(told, list | tuple):
        return [_known(value) for value in told]
    return None if isinstance(told, float) and not math.isfinite(told) else told


def _write_arrays(path: Path, shown: Shown) -> None:
    import numpy as np

    from neocog.files import write_bytes

    stream = io.BytesIO()
    np.savez_compressed(stream, **{name.replace("/", "_"): value for name, value in shown.arrays.items()})  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, stream.getvalue())


def _method(text: str) -> str:
    if text not in WAYS:
        near = nearest(text, WAYS)
        more = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(WAYS)}"
        raise argparse.ArgumentTypeError(f"no method '{text}': {more}")
    return text


def _place(text: str) -> tuple[int, int]:
    try:
        row, column = (int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"a place is ROW,COLUMN, not '{text}'") from None
    return row, column


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number above 0, not '{text}'")
    return int(text)
