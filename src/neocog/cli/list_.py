"""The networks on a line of time, with their size at their own input.

examples:
  neocog list                                every network
  neocog list 'resnet*.cifar'                those whose name matches
  neocog list --year 2012..2014              a year, or from one to another; an end may be left out
  neocog list --params ..5M --macs ..1G      small ones
  neocog list --input 32                     those made for pictures of 32×32
  neocog list vgg --json                     for scripts
"""

import argparse
import json
import re
from dataclasses import asdict

from neocog.errors import UserError
from neocog.nets import Entry, entries, list_models

UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9}
SORTS = {"year": lambda e: 0, "params": lambda e: e.params, "macs": lambda e: e.macs, "depth": lambda e: e.depth}
Range = tuple[float, float]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("pattern", nargs="?", default="*", help="part of a name, or a pattern with * and ?")
    parser.add_argument("--year", metavar="A..B", help="of the paper")
    parser.add_argument("--params", metavar="A..B", help="parameters: 60000, 5M, 1M..10M, ..5M")
    parser.add_argument("--macs", metavar="A..B", help="multiply-accumulates a picture")
    parser.add_argument("--depth", metavar="A..B", help="weighted layers on the longest way")
    parser.add_argument("--input", metavar="CxHxW", help="made for such pictures: 32, 32x32 or 3x32x32")
    parser.add_argument("--sort", choices=list(SORTS), default="year")
    parser.add_argument("--json", action="store_true", help="a list of objects")


def run(args: argparse.Namespace) -> int:
    """Print the networks."""
    names = set(list_models(args.pattern))
    found = [e for e in entries().values() if e.name in names]
    for key in ("year", "params", "macs", "depth"):
        if (words := getattr(args, key)) is not None:
            low, high = parse_range(key, words)
            found = [e for e in found if low <= getattr(e, key) <= high]
    if args.input is not None:
        wanted = _sides(args.input)
        found = [e for e in found if e.input[-len(wanted) :] == wanted]
    if not found:
        raise UserError(
            f"no network's name matches '{args.pattern}'; `neocog list` shows all"
            if not names
            else "no network is within all of these bounds; `neocog list` shows all"
        )
    found.sort(key=SORTS[args.sort])
    if args.json:
        rows = [{key: value for key, value in asdict(e).items() if key not in ("file", "results")} for e in found]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return 0
    print("\n".join(timeline(found, args.sort == "year")))
    networks = "1 network" if len(found) == 1 else f"{len(found)} networks"
    print(f"\n{networks}. `neocog show NAME` prints a card and its layer table, `neocog history` what they reached.")
    return 0


def parse_range(key: str, words: str) -> Range:
    """`5M`, `1M..10M`, `..5M`, `2012..`: the least and the most. Raises UserError."""
    low, dots, high = words.partition("..")
    try:
        ends = [_number(low) if low else 0.0, _number(high) if high else float("inf")]
    except ValueError:
        ends = []
    if not ends or words == ".." or not words:
        example = "2014, 2012..2014 or 2016.." if key == "year" else "5M, 1M..10M or ..5M"
        raise UserError(f"--{key} is a number or a range such as {example}, not '{words}'")
    if ends[0] > ends[1]:
        raise UserError(f"--{key} {words} runs backwards")
    return (ends[0], ends[1]) if dots else (ends[0], ends[0])


def _number(words: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([kMG]?)", words)
    if not found:
        raise ValueError(words)
    return float(found[1]) * UNITS[found[2]]


def _sides(words: str) -> tuple[int, ...]:
    if not re.fullmatch(r"\d+([x×]\d+){0,2}", words):
        raise UserError(f"--input is 32, 32x32 or 3x32x32, not '{words}'")
    sides = tuple(int(n) for n in re.split("[x×]", words))
    return sides * 2 if len(sides) == 1 else sides


def timeline(found: list[Entry], years: bool) -> list[str]:
    """A line a network; with `years`, each year is written once, on a rail."""
    rows = [(e.name, e.title, "×".join(map(str, e.input)), count(e.params), count(e.macs), f"{e.depth:,}") for e in found]
    head = ("name", "what", "input", "params", "MACs", "depth")
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    lines = [_columns("year   ", head, widths)]
    last = None
    for entry, row in zip(found, rows, strict=True):
        rail = f"{entry.year} " + "─ " if not years else f"{entry.year} ┬ " if entry.year != last else "     │ "
        lines.append(_columns(rail, row, widths))
        last = entry.year
    return lines


def _columns(rail: str, row: tuple[str, ...], widths: list[int]) -> str:
    left = [cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True)]
    right = [cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True)]
    return rail + "  ".join((*left, *right))


def count(number: float) -> str:
    """Three digits and a unit: 60.8 k, 4.09 G."""
    for unit in ("", " k", " M", " G"):
        if number < 999.5:
            return f"{number:.{0 if not unit or number >= 99.95 else 1 if number >= 9.995 else 2}f}{unit}"
        number /= 1000
    return f"{number:.3g} T"
