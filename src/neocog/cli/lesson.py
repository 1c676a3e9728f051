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
from neocog.errors import UserError
from neocog.explain.classroom import COURSE, LESSONS, LOOKING, MOVING, Lesson, lesson


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
        if args.out is not None or args.picture is not None:
            raise UserError(f"{'--out' if args.out is not None else '--picture'} of which lesson? `neocog lesson` lists them")
        print(json.dumps(_listed(), ensure_ascii=False) if args.json else _menu())
        return DONE
    from neocog.figure.files import check_picture
    from neocog.pictures.decode import decode

    if args.out is not None:
        check_picture("--out", args.out, svg=True)
    with Progress() as bar:
        picture = None if args.picture is None else decode(Path(args.picture))
        found = lesson(args.name, picture, args.seed, bar.update)
        if args.out is not None:
            _write(Path(args.out), found, bar)
    if args.json:
        print(json.dumps({"name": found.name, "title": found.title, "out": args.out, **found.facts}, ensure_ascii=False))
        return DONE
    lines = [found.title, "", *found.words, ""]
    if args.out:
        lines.append(f"{args.out}: written")
    else:
        lines.append(f"The drawing: neocog lesson {found.name} --out {found.name}.svg (or .png)")
    if found.frames and not (args.out or "").lower().endswith(".gif"):
        lines.append(f"The film:    neocog lesson {found.name} --out {found.name}.gif, {len(found.frames)} frames")
    print("\n".join(lines))
    return DONE


def _listed() -> list[dict[str, object]]:
    return [
        {"name": name, "chapter": chapter, "about": about, "moves": name in MOVING, "looks_at_a_picture": name in LOOKING}
        for chapter, lessons in COURSE.items()
        for name, about in lessons.items()
    ]


def _menu() -> str:
    """The course, chapter by chapter, and how to go on."""
    wide = max(map(len, LESSONS)) + 2
    lines = [f"{len(LESSONS)} lessons, each a drawing and the numbers that prove it:"]
    for chapter, lessons in COURSE.items():
        lines += ["", chapter]
        for name, about in lessons.items():
            marks = ", ".join(words for words, names in (("film", MOVING), ("your picture", LOOKING)) if name in names)
            lines.append(f"  {name:<{wide}}{about}" + (f" [{marks}]" if marks else ""))
    lines += [
        "",
        "Begin with one:",
        "  neocog lesson convolution                          its numbers",
        "  neocog lesson convolution --out convolution.svg    its drawing, or .png; .gif is the film",
        "  neocog lesson kernels --picture cat.jpg --out kernels.png",
    ]
    return "\n".join(lines)


def _write(out: Path, found: Lesson, bar: Progress) -> None:
    from neocog.figure.files import write_picture
    from neocog.files import write_bytes

    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".gif":
        write_bytes(out, found.film(progress=lambda done, total: bar.update("drawing the film", done, total)))
    else:
        write_picture(out, found.figure)
