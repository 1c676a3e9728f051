"""What turns one network into another, line by line; what they start from comes last.

examples:
  neocog diff alexnet alexnet.owt
  neocog diff resnet50 resnet50.v1_5
"""

import argparse
import json
import textwrap

from neocog.arch import analyse
from neocog.arch.diff import Change, diff
from neocog.nets import resolve


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("a", metavar="A", help="a network's name")
    parser.add_argument("b", metavar="B", help="another's")
    parser.add_argument("--json", action="store_true", help="one object")


def run(args: argparse.Namespace) -> int:
    """Print the difference."""
    a, b = resolve(args.a).build(), resolve(args.b).build()
    changes = diff(a, b)
    one, other = analyse(a), analyse(b)
    sums = {key: (one.total(key), other.total(key)) for key in ("params", "macs")}
    if args.json:
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
    for change in changes:
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


def _pair(value: list[int]) -> str:
    return "×".join(map(str, value))


def _line(change: Change) -> str:
    if change.kind == "added":
        return f"  + {change.where}: {change.right}"
    if change.kind == "removed":
        return f"  - {change.where}: {change.left}"
    mark = "start" if change.kind == "init" else "~"
    return f"  {mark} {change.where}: {change.left} → {change.right}"
