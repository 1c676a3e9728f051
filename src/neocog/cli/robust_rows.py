"""`evaluate --robust`: curves of error against how much the pictures change, as a table, as JSON and as a chart."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neocog.errors import BadPicture, UserError

if TYPE_CHECKING:
    from neocog.cli.evaluate_split import Split
    from neocog.evaluate.predictions import Predictions
    from neocog.evaluate.protocol import Protocol
    from neocog.evaluate.robustness import Curve
    from neocog.pictures.sets import Pictures
    from neocog.runs import Predictor


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of these curves."""
    group = parser.add_argument_group("when the pictures change")
    group.add_argument(
        "--robust",
        metavar="KINDS",
        help="error against amount: shift, scale, rotation, brightness, contrast, blur, noise, jpeg, or all; with own "
        "amounts: rotation=0:15:30,jpeg=50:10",
    )
    group.add_argument("--chart", metavar="F.svg", help="draw these curves (F.svg: light and dark; F.png)")
    group.add_argument(
        "--layer", metavar="PATH", action="append", help="also how far this layer's features move; several times"
    )


def check(args: argparse.Namespace) -> None:
    """Raises UserError for what cannot be done, before anything is read."""
    if args.n is not None and args.n < 1:
        raise UserError(f"--n {args.n}: at least one picture is needed")
    if args.robust is None:
        if args.chart is not None or args.layer:
            option = "--chart" if args.chart is not None else "--layer"
            raise UserError(f"{option} belongs to --robust, which says what changes: shift, rotation, … or all")
        return
    from neocog.evaluate.changes import parse_kinds
    from neocog.figure.files import check_picture

    parse_kinds(args.robust)
    if args.chart is not None:
        check_picture("--chart", args.chart, svg=True)


def check_layers(args: argparse.Namespace, members: "Sequence[Predictor]") -> None:
    """Raises UserError for layers that cannot be followed, before anything is judged."""
    if args.layer:
        from neocog.evaluate.robustness import followed

        followed(members, args.layer)


def some(n: int | None, split: "Split") -> "Split":
    """n of the pictures, and in words which they are."""
    if n is None or n >= len(split.pictures):
        return split
    from neocog.evaluate.changes import some_of

    return split._replace(pictures=some_of(split.pictures, n), what=f"{split.what}, {n:,} of {len(split.pictures):,}")


def curves(
    args: argparse.Namespace,
    members: "Sequence[Predictor]",
    pictures: "Pictures",
    protocol: "Protocol | str",
    plain: "Predictions",
    on_progress: Callable[[int, int], None],
) -> list["Curve"]:
    """Compute them, and write the chart. plain: the pictures as they are, judged already."""
    from neocog.evaluate.changes import parse_kinds
    from neocog.evaluate.robustness import robustness

    kinds = parse_kinds(args.robust)
    found = robustness(members, pictures, kinds, protocol, args.layer or (), on_progress=on_progress, plain=plain)
    if args.chart is not None:
        _write(Path(args.chart), found, " + ".join(member.net for member in members), pictures)
    return found


def _write(out: Path, found: Sequence["Curve"], name: str, pictures: "Pictures") -> None:
    from neocog.evaluate.robust_chart import draw
    from neocog.figure.files import write_picture

    about = f"percent of {found[0].plain.n:,} pictures, 95 % intervals; dashed: the pictures as they are"
    sheet = draw({name: found}, f"{name}: error when the pictures change", about, _example(pictures))
    out.parent.mkdir(parents=True, exist_ok=True)
    write_picture(out, sheet)


def _example(pictures: "Pictures") -> "Pictures | None":
    """The first picture that can be read."""
    for i in range(min(20, len(pictures))):
        try:
            pictures.picture(i)
        except BadPicture:
            continue
        return pictures.subset([i])
    return None


def to_json(found: Sequence["Curve"]) -> dict[str, Any]:
    """What `--json` adds to the judgement."""
    return {"robust": [curve.to_json() for curve in found]} if found else {}


def lines(found: Sequence["Curve"]) -> list[str]:
    """A table for each kind: error, how many answers changed, how far layers moved, at each amount."""
    from neocog.evaluate.changes import BEYOND, KINDS

    told = []
    for curve in found:
        kind = KINDS[curve.kind]
        head = [kind.told(point.amount) for point in curve.points if point.amount is not None]
        rows = [
            ("error %", [f"{point.error:.2f}" for point in curve.points]),
            ("95 % interval", [f"{point.ci95[0]:.0f}-{point.ci95[1]:.0f}" for point in curve.points]),
            ("answers changed %", [f"{point.changed:.1f}" for point in curve.points]),
            *((f"{path} moved", [f"{p.distance[path]:.2f}" for p in curve.points]) for path in curve.plain.distance),
        ]
        left = max(len(name) for name, _ in rows)
        wide = max(len(cell) for _, cells in (("", head), *rows) for cell in cells)
        told += ["", f"{curve.kind}: {curve.words}", " " * left + "".join(f"  {cell:>{wide}}" for cell in head)]
        told += [f"{name:<{left}}" + "".join(f"  {cell:>{wide}}" for cell in cells) for name, cells in rows]
    if any(curve.kind in ("shift", "scale", "rotation") for curve in found):
        told += ["", f"({BEYOND})"]
    return told
