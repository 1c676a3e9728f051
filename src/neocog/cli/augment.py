"""What augmentations make of a picture, as a contact sheet: a row for each, its windows drawn where it cuts.

examples:
  neocog augment cat.jpg --out sheet.png                                 every augmentation
  neocog augment cat.jpg --with resized-crop,flip,jitter --out sheet.png these, and all of them together
  neocog augment cat.jpg --net alexnet --recipe paper --out sheet.png    what a recipe does
  neocog augment cat.jpg dog.jpg --with mixup,cutmix --out sheet.png     two pictures to mix
  neocog augment --list                                                  names, numbers and where they come from
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neocog.cli import DONE
from neocog.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

    from neocog.cli.augment_rows import Row
    from neocog.pictures.augment.spec import Spec
    from neocog.pictures.preprocessing import Preprocessing

SIDE, SMALL, MOST = 224, 64, 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("images", nargs="*", metavar="IMAGE", help="a picture; mixing needs two")
    parser.add_argument(
        "--with", dest="names", metavar="LIST", help="augmentations joined by commas, with their numbers or not"
    )
    parser.add_argument("--net", metavar="NET", help="as a recipe of this network has them, at the network's input size")
    parser.add_argument("--recipe", metavar="R", help="which of its recipes (default: quick)")
    parser.add_argument("--n", type=int, default=12, help="samples a row (default: 12)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--size", type=int, metavar="PIXELS", help=f"of the input (default: the net's, else {SIDE})")
    parser.add_argument("--out", metavar="FILE", help="the sheet to write, a .png or .webp (needed)")
    parser.add_argument("--list", action="store_true", help="print every augmentation and stop")
    parser.add_argument("--json", action="store_true", help="one object: what was drawn; of --list: a list of objects")


def run(args: argparse.Namespace) -> int:
    """Write the sheet, or the list."""
    if args.list:
        print(_list(args.json))
        return DONE
    if not args.images:
        raise UserError("augment needs a picture; `neocog augment --list` prints the augmentations")
    if not args.out:
        raise UserError("augment needs a name for the sheet it draws: --out sheet.png")
    for name, value, low, high in (("n", args.n, 1, MOST), ("size", args.size or SIDE, 8, 1024), ("seed", args.seed, 0, 2**32)):
        if not low <= value <= high:
            raise UserError(f"--{name} goes from {low} to {high}, not {value}")
    if args.net and args.names:
        raise UserError("--with and --net both say which augmentations; give one of them")
    if args.recipe and not args.net:
        raise UserError("--recipe is one of a network's: name it with --net")
    return _draw(args)


def _draw(args: argparse.Namespace) -> int:
    from neocog.cli.augment_rows import make_rows
    from neocog.cli.augment_sheet import page
    from neocog.figure.files import SUFFIXES, write_picture
    from neocog.pictures.decode import decode

    out = Path(args.out)
    if out.suffix.lower() not in SUFFIXES:
        raise UserError(f"--out {out}: a picture's name ends in .png (or {', '.join(SUFFIXES[1:])})")
    pictures = [decode(Path(name)) for name in args.images]
    specs, preprocessing, whose = _wanted(args, pictures)
    if any(spec.kind.stage == "mix" for spec in specs) and len(pictures) < 2:
        raise UserError("mixup and cutmix mix pictures: name a second one behind the first")
    rows = make_rows(pictures, specs, preprocessing, args.n, args.seed)
    first = pictures[0]
    title = f"{Path(args.images[0]).name}{f' and {len(pictures) - 1} more' if len(pictures) > 1 else ''}"
    about = f"{first.width}×{first.height} · {whose} · input {preprocessing.width}×{preprocessing.height} · seed {args.seed}"
    drawn = page(title, about, rows)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_picture(out, drawn)
    if args.json:
        size = [preprocessing.height, preprocessing.width]
        facts = {"files": args.images, "out": str(out), "size": size, "n": args.n, "seed": args.seed}
        print(json.dumps({**facts, "rows": [_facts(row) for row in rows]}, ensure_ascii=False))
        return DONE
    for row in rows:
        print(f"{row.name:<18} {row.numbers}{'  ' if row.numbers else ''}{row.source}")
        if row.remark:
            print(f"{'':<18} {row.remark}")
    print(f"{out}: {drawn.width}×{drawn.height} pixels")
    return DONE


def _wanted(args: argparse.Namespace, pictures: "list[Image.Image]") -> "tuple[tuple[Spec, ...], Preprocessing, str]":
    """(augmentations, how pictures come to the input, in words whose they are)."""
    from neocog.pictures.augment.spec import KNOWN, parse, parse_all
    from neocog.pictures.preprocessing import Preprocessing

    if args.net:
        from neocog.nets import resolve
        from neocog.train.choose import choose_recipe

        net = resolve(args.net)
        recipe = choose_recipe(net, args.recipe or "quick", flip=True)
        card = net.card.preprocessing
        if args.size:
            card = replace(card, height=args.size, width=args.size, resize_to=None)
        if card.color == "BGR":  # a sheet is looked at, not computed with
            card = replace(card, color="RGB", mean=card.mean[::-1], std=card.std[::-1])
        if not recipe.augment:
            raise UserError(
                f"the recipe '{recipe.name}' of {net.name} augments nothing; `neocog augment --list` prints what there is"
            )
        return parse_all(recipe.augment), card, f"{net.name}, recipe {recipe.name}"
    short = min(min(picture.size) for picture in pictures)
    side = args.size or (short if short <= SMALL else SIDE)
    grey = all(picture.mode == "L" for picture in pictures)
    preprocessing = Preprocessing(side, side, "L" if grey else "RGB", mean=(0.5,))  # cutout leaves a middle grey
    if args.names:
        return parse_all(args.names.split(",")), preprocessing, "as asked for"
    every = [parse(name) for name, kind in KNOWN.items() if kind.stage != "mix" or len(pictures) > 1]
    return tuple(every), preprocessing, f"all {len(every)} augmentations"


def _facts(row: "Row") -> dict[str, Any]:
    spec = row.spec
    return {
        "name": row.name,
        "spec": str(spec) if spec else None,
        "stage": spec.kind.stage if spec else None,
        "values": dict(zip((a.name for a in spec.kind.arguments), spec.values, strict=True)) if spec else {},
        "help": row.help,
        "source": row.source,
        "boxes": [[round(edge, 3) for edge in box] for _, box in row.boxes],
        "captions": list(row.captions),
        "remark": row.remark,
    }


def _list(as_json: bool) -> str:
    """Every augmentation, in the order in which they are done."""
    from neocog.pictures.augment.spec import KNOWN, Spec

    if as_json:
        return json.dumps(
            [
                {
                    "name": name,
                    "spec": str(Spec(name, kind.defaults)),
                    "stage": kind.stage,
                    "arguments": [{"name": a.name, "default": a.default} for a in kind.arguments],
                    "help": kind.help,
                    "source": kind.source,
                }
                for name, kind in KNOWN.items()
            ],
            ensure_ascii=False,
            indent=1,
        )
    lines, stage = ["in the order in which they are done, however a list names them", ""], ""
    for name, kind in KNOWN.items():
        numbers = ":".join(a.name for a in kind.arguments)
        lines.append(
            f"{kind.stage if kind.stage != stage else '':<8}{Spec(name, kind.defaults)}{f'   ({numbers})' if numbers else ''}"
        )
        lines += [f"{'':<12}{kind.help}", f"{'':<12}{kind.source}"]
        stage = kind.stage
    return "\n".join(lines)
