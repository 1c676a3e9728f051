"""Small exact demonstrations of what the layers do: a drawing, and the numbers that prove it.

Without a name: the list of lessons. --out F.svg or F.png writes the drawing, F.gif the film of a lesson that moves. In a
notebook, `from neocog.explain import lesson; lesson("kernels")` shows it. Every number printed was computed just then.

examples:
  neocog lesson
  neocog lesson convolution --out convolution.gif
  neocog lesson kernels --picture cat.jpg --out kernels.svg
"""

import argparse
import json
from pathlib import Path

from neocog.cli import DONE
from neocog.cli.progress import Progress
from neocog.explain.classroom import LESSONS, LOOKING, Lesson, lesson


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="a lesson; without it, the list")
    parser.add_argument("--out", metavar="FILE", help="write the drawing: F.svg, F.png; F.gif for a lesson that moves")
    parser.add_argument("--picture", metavar="IMAGE", help=f"a picture of yours, for {', '.join(LOOKING)}")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="of whatever is drawn at random (default: 0)")
    parser.add_argument("--json", action="store_true", help="one object: name, title, and the numbers; a list without NAME")


def run(args: argparse.Namespace) -> int:
    """Show the list or a lesson."""
    if args.name is None:
        if args.json:
            print(json.dumps([{"name": name, "about": about} for name, (_, about) in LESSONS.items()], ensure_ascii=False))
        else:
            wide = max(map(len, LESSONS), default=0) + 2
            print("\n".join(f"  {name:<{wide}}{about}" for name, (_, about) in LESSONS.items()))
        return DONE
    from neocog.figure.files import check_picture
    from neocog.pictures.decode import decode

    if args.out is not None:
        check_picture("--out", args.out, svg=True)
    found = lesson(args.name, None if args.picture is None else decode(Path(args.picture)), args.seed)
    if args.out is not None:
        _write(Path(args.out), found)
    if args.json:
        print(json.dumps({"name": found.name, "title": found.title, "out": args.out, **found.facts}, ensure_ascii=False))
        return DONE
    lines = [found.title, "", *found.words]
    if args.out:
        lines += ["", f"{args.out}: written"]
    if found.frames and not (args.out or "").lower().endswith(".gif"):
        lines += ["", f"It moves: --out {found.name}.gif writes the film, {len(found.frames)} frames."]
    print("\n".join(lines))
    return DONE


def _write(out: Path, found: Lesson) -> None:
    from neocog.figure.files import write_picture
    from neocog.files import write_bytes

    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".gif":
        with Progress() as bar:
            film = found.film(progress=lambda done, total: bar.update("frames", done, total))
        write_bytes(out, film)
    else:
        write_picture(out, found.figure)
