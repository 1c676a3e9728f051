"""What the networks reached on ImageNet: the challenge year by year, and error against depth, protocol by protocol.

examples:
  neocog history
  neocog history --out history.svg        the chart
  neocog history --json
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from neocog.nets.history import KINDS, Point, challenge, points

BAR = 40  # characters of the largest error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("--out", metavar="F.svg", type=Path, help="draw it")
    parser.add_argument("--json", action="store_true", help="one object")


def run(args: argparse.Namespace) -> int:
    """Print or draw the history."""
    found = points()
    if args.out is not None:
        from neocog.files import write_text
        from neocog.nets.chart import draw

        write_text(args.out, draw(found))
        if not args.json:
            print(f"{args.out}: {len(found)} published errors of {len({p.net for p in found})} networks")
            return 0
    if args.json:
        print(
            json.dumps(
                {"challenge": [asdict(p) for p in challenge(found)], "points": [asdict(p) for p in found]}, ensure_ascii=False
            )
        )
        return 0
    print("\n".join([*years(challenge(found)), "", *depths(found)]))
    return 0


def years(found: list[Point]) -> list[str]:
    """A bar for each entry of the challenge."""
    lines = ["Test pictures of the ImageNet challenge: top-5 error in percent of entries and later nets, mostly ensembles", ""]
    width = max(len(p.entry) for p in found)
    most = max(p.top5 for p in found)
    for p in found:
        layers = f"{p.depth} layers" if p.depth else "shallow"
        lines.append(f"{p.year}  {p.entry:<{width}}  {layers:>10}  {p.top5:5.2f}  " + "█" * round(BAR * p.top5 / most))
    return lines


def depths(found: list[Point]) -> list[str]:
    """A row for each network: its best published error under each protocol."""
    kinds = [k for k in KINDS[:5] if any(p.kind == k for p in found)]
    cells: dict[str, dict[str, Point]] = {}
    for p in found:
        if p.kind in kinds and p.data.endswith("val"):
            row = cells.setdefault(p.net, {})
            if p.kind not in row or p.top5 < row[p.kind].top5:
                row[p.kind] = p
    lines = ["One net on ImageNet's validation pictures: top-5 error in percent. Errors compare within a column only,",
             "and there between crops of one size only: `neocog show NET` tells the protocol.", ""]  # fmt: skip
    names = max(len(name) for name in cells)
    lines.append(f"year  depth  {'net':<{names}}  " + "  ".join(f"{k:>9}" for k in kinds))
    for name, row in sorted(
        cells.items(), key=lambda item: (next(iter(item[1].values())).year, next(iter(item[1].values())).depth)
    ):
        one = next(iter(row.values()))
        marks = "  ".join(f"{_percent(row.get(k)):>{max(9, len(k))}}" for k in kinds)
        lines.append(f"{one.year}  {one.depth:>5}  {name:<{names}}  {marks}".rstrip())
    if any(not p.verified for row in cells.values() for p in row.values()):
        lines += ["", "? not checked against a copy of the paper"]
    return lines


def _percent(point: Point | None) -> str:
    return "" if point is None else f"{point.top5:.2f}" + ("" if point.verified else "?")
