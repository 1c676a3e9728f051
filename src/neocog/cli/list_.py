"""The networks, oldest first, with their size at their own input.

examples:
  neocog list                     every network
  neocog list 'resnet*.cifar'     those whose name matches
  neocog list vgg --json          for scripts
"""

import argparse
import json

from neocog.arch import analyse
from neocog.arch.window import times
from neocog.errors import UserError
from neocog.nets import list_models, nets


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("pattern", nargs="?", default="*", help="part of a name, or a pattern with * and ?")
    parser.add_argument("--json", action="store_true", help="a list of objects")


def run(args: argparse.Namespace) -> int:
    """Print the networks."""
    names = list_models(args.pattern)
    if not names:
        raise UserError(f"no network's name matches '{args.pattern}'; `neocog list` shows all")
    rows = []
    for name in names:
        net = nets()[name]
        if args.json:
            table = analyse(net.build())
            rows.append(
                {
                    "name": name,
                    "title": net.card.title,
                    "year": net.card.year,
                    "authors": net.card.authors,
                    "input": list(table.input),
                    "params": table.total("params"),
                    "macs": table.total("macs"),
                }
            )
        else:
            rows.append(
                (
                    str(net.card.year),
                    name,
                    net.card.title,
                    times((net.card.preprocessing.channels, net.card.preprocessing.height, net.card.preprocessing.width)),
                )
            )
    if args.json:
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return 0
    rows.insert(0, ("year", "name", "what", "input"))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(f"\n{len(names)} networks. `neocog show NAME` prints a card and its layer table.")
    return 0
