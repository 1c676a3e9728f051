"""What turns one network into another, line by line; three or more side by side, stage by stage.

Of two, what they start from comes last. Of more, ~ marks the rows in which they differ.

examples:
  neocog diff alexnet alexnet.owt
  neocog diff resnet50 resnet50.v1_5
  neocog diff vgg11 vgg11.lrn vgg13 vgg16.c vgg16 vgg19        table 1 of the paper
  neocog diff lenet5 "INPUT 1x32x32 [CONV 5x5 p0 RELU POOL]*2 FC"
"""

import argparse
import json
import textwrap
from typing import Any

from neocog.arch import Architecture, analyse
from neocog.arch.compare import Compared, compare
from neocog.arch.depth import depth
from neocog.arch.diff import Change, diff
from neocog.arch.window import times
from neocog.cli.networks import network
from neocog.errors import UserError
from neocog.nets import Card
from neocog.nets.card import percent

WIDEST = 34  # characters of a cell
FEW = 3  # places of a change that are named one by one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "nets", metavar="NET", nargs="+", help='two or more: names, run folders, or lines of text such as "INPUT …"'
    )
    parser.add_argument("--json", action="store_true", help="one object")


def run(args: argparse.Namespace) -> int:
    """Print the difference."""
    if len(args.nets) < 2:
        raise UserError(f"diff compares two networks or more; what shall {args.nets[0]} be compared with?")
    found = [network(name) for name in args.nets]
    if len(found) == 2:
        return run_pair(found[0][0], found[1][0], args.json)
    archs = [arch for arch, _ in found]
    facts = [_facts(arch, net.card if net else None) for arch, net in found]
    rows = compare(archs)
    if args.json:
        table = [{"stage": row.stage, "cells": list(row.cells), "differs": row.differs} for row in rows]
        print(json.dumps({"nets": facts, "rows": table}, ensure_ascii=False))
        return 0
    print("\n".join(_table([arch.name for arch in archs], rows, facts)))
    return 0


def run_pair(a: Architecture, b: Architecture, as_json: bool) -> int:
    """What turns `a` into `b`."""
    changes = diff(a, b)
    one, other = analyse(a), analyse(b)
    sums = {key: (one.total(key), other.total(key)) for key in ("params", "macs")}
    if as_json:
        print(
            json.dumps(
                {
                    "a": a.name,
                    "b": b.name,
                    "changes": [{"kind": c.kind, "where": c.where, "a": c.left, "b": c.right} for c in changes],
                    **{key: list(value) for key, value in sums.items()},
                    "receptive_field": [one.receptive_field, other.receptive_field],
                },
                ensure_ascii=False,
            )
        )
        return 0
    print(f"{a.name} → {b.name}\n")
    for change in folded(changes):
        for line in textwrap.wrap(_line(change), 116, subsequent_indent=" " * 6):
            print(line)
    if not changes:
        print("  the same network")
    print()
    for key, (left, right) in sums.items():
        label = {"params": "parameters", "macs": "MACs"}[key]
        percent = f", {100 * (right - left) / left:+.1f} %" if left else ""
        print(f"  {label:<16}{left:>16,}  → {right:>16,}  ({right - left:+,}{percent})")
    print(f"  {'receptive field':<16}{_pair(one.receptive_field):>16}  → {_pair(other.receptive_field):>16}")
    return 0


def folded(changes: list[Change]) -> list[Change]:
    """Each setting that changes in the same way in many layers once, with the first of them and how many more."""
    same: dict[tuple[str, str, str], list[str]] = {}
    for change in changes:
        same.setdefault((change.kind, change.left, change.right), []).append(change.where)
    out = []
    for (kind, left, right), where in same.items():
        words = ", ".join(where) if len(where) <= FEW else f"{where[0]} and {len(where) - 1} more"
        out.append(Change(kind, words, left, right))
    return out


def _facts(arch: Architecture, card: Card | None) -> dict[str, Any]:
    """What stands below the table: sums, and what a single net of this name reached, with its protocol."""
    table = analyse(arch)
    single = [r for r in card.results if r.nets == 1] if card else []
    return {
        "name": arch.name,
        "input": list(table.input),
        "depth": depth(arch),
        "params": table.total("params"),
        "macs": table.total("macs"),
        "receptive_field": table.receptive_field,
        "stride": table.stride,
        "results": [
            {"data": r.data, "protocol": r.protocol, "top1_error": r.top1, "top5_error": r.top5, "verified": r.verified}
            for r in single
        ],
    }


SUMS = {
    "input": lambda f: times(tuple(f["input"])),
    "layers of weights": lambda f: str(f["depth"]),
    "parameters": lambda f: f"{f['params']:,}",
    "MACs": lambda f: f"{f['macs']:,}",
    "receptive field": lambda f: _pair(f["receptive_field"]),
    "stride": lambda f: _pair(f["stride"]),
}


def _table(names: list[str], rows: tuple[Compared, ...], facts: list[dict[str, Any]]) -> list[str]:
    """The table in columns, ~ before rows that differ, then the sums and the published errors."""
    body: list[tuple[str, ...]] = [("", *names)]
    stage = None
    for row in rows:
        body.append((("~ " if row.differs else "  ") + (row.stage if row.stage != stage else ""), *row.cells))
        stage = row.stage
    body.append(("",) * len(body[0]))
    for label, value in SUMS.items():
        cells = [value(fact) for fact in facts]
        body.append((("~ " if len(set(cells)) > 1 else "  ") + label, *cells))
    body = [tuple(textwrap.shorten(c, WIDEST, placeholder=" …") if i else c for i, c in enumerate(line)) for line in body]
    widths = [max(len(line[i]) for line in body) for i in range(len(body[0]))]
    out = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in body]
    published = [(fact["name"], result) for fact in facts for result in fact["results"]]
    if published:
        out += ["", "published, a single net:"]
    for name, r in published:
        errors = " / ".join(percent(r[k]) for k in ("top1_error", "top5_error") if r[k] is not None)
        out.append(
            f"  {name:<{max(map(len, names))}}  {r['data']}, {r['protocol']}: {errors}"
            + ("" if r["verified"] else " (unverified)")
        )
    return out


def _pair(value: list[int]) -> str:
    return "×".join(map(str, value))


def _line(change: Change) -> str:
    if change.kind == "added":
        return f"  + {change.where}: {change.right}"
    if change.kind == "removed":
        return f"  - {change.where}: {change.left}"
    mark = "start" if change.kind == "init" else "~"
    return f"  {mark} {change.where}: {change.left} → {change.right}"
