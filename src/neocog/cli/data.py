"""Look a data set over before it is trained on: `neocog data check DATA`.

DATA is a folder with one sub-folder of pictures for each class, or whatever else train takes (`neocog train --help`).
Exit code 0: nothing bad; 3: files that cannot be used, leaks between splits or other errors; 2: no data set.

examples:
  neocog data check photos/                                    everything, decoded
  neocog data check photos/ --quick                            headers only
  neocog data check photos/ --quarantine bad/                  moves what cannot be used to bad/
  neocog data check photos/ --quarantine bad/ --also leaks,duplicates
  neocog data check --undo bad/                                and back
  neocog data check cifar10 --json                             every file of every finding
"""

import argparse
import json
from typing import TYPE_CHECKING

from neocog.cli import DONE, SOME_FAILED
from neocog.cli.progress import Progress
from neocog.errors import UserError

if TYPE_CHECKING:
    from neocog.pictures.doctor import Finding, Report
    from neocog.pictures.doctor.moving import Moved

MARKS = {"error": "✗", "warning": "!", "note": "·"}
SHOWN = 3  # files of a finding


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("what", nargs="?", choices=("check",), metavar="check", help="the only thing to do with data")
    parser.add_argument("data", metavar="DATA", nargs="?", help="a folder or a name")
    parser.add_argument("--quick", action="store_true", help="read headers only; copies byte for byte only")
    parser.add_argument("--quarantine", metavar="DIR", help="move the files that cannot be used to DIR; never deletes")
    parser.add_argument("--also", metavar="KINDS", help="move copies too, but one of each: duplicates, leaks, near-duplicates, "
                        "near-leaks; and blank pictures: blank")  # fmt: skip
    parser.add_argument("--undo", metavar="DIR", help="put back all that was moved to DIR")
    parser.add_argument("--names", type=_count, default=SHOWN, metavar="N", help=f"files to name a finding (default: {SHOWN})")
    parser.add_argument("--json", action="store_true", help="one object with everything")


def _count(words: str) -> int:
    if not words.isdigit():
        raise argparse.ArgumentTypeError(f"must be a whole number, not {words}")
    return int(words)


def run(args: argparse.Namespace) -> int:
    """Check, print, and move if asked to."""
    also = [word.strip() for word in args.also.split(",")] if args.also else []
    _refuse_nonsense(args, also)
    from neocog.pictures.doctor import check, quarantine, undo

    with Progress(quiet=args.json) as progress:
        if args.undo:
            moved = undo(args.undo, args.data, lambda done, total: progress.update("moving back", done, total))
            progress.clear()
            return _print_moved(moved, f"back from {args.undo}", args.json)
        report = check(args.data, args.quick, progress.update)
        moved = None
        if args.quarantine:
            moved = quarantine(report, args.quarantine, also, lambda done, total: progress.update("moving", done, total))
    if args.json:
        plain = report.to_json() | ({"quarantine": _moved_json(moved)} if moved else {})
        print(json.dumps(plain, ensure_ascii=True, indent=1))
    else:
        print("\n".join(table(report, args.names)))
        if moved:
            _print_moved(moved, f"to {args.quarantine}; `neocog data check --undo {args.quarantine}` puts them back", False)
        elif unusable := report.pictures - report.usable:
            files = "1 file that cannot be used" if unusable == 1 else f"{unusable:,} files that cannot be used"
            print(f"\n`neocog data check {args.data} --quarantine DIR` moves the {files} out of the way.")
    return SOME_FAILED if report.errors else DONE


def _refuse_nonsense(args: argparse.Namespace, also: list[str]) -> None:
    from neocog.pictures.doctor.moving import ALSO

    if args.what is None or (args.data is None and not args.undo):
        raise UserError("which data? `neocog data check DATA`; `neocog data --help` shows examples")
    if args.undo and args.quarantine:
        raise UserError("--quarantine moves files away and --undo moves them back: give one of them")
    if also and not args.quarantine:
        raise UserError("--also says what else to move: it needs --quarantine DIR")
    for word in also:
        if word not in ALSO:
            raise UserError(f"--also takes {', '.join(ALSO)}, not '{word}'")


def table(report: "Report", names: int = SHOWN) -> list[str]:
    """The report for people."""
    n = f"{report.pictures:,} picture{'s' if report.pictures != 1 else ''}"
    size = f" · mostly {report.size[0]}×{report.size[1]}" if report.size else ""
    lines = [f"{report.name}: {n}, {report.usable:,} of them usable · {_bytes(report.bytes)}{size}", ""]
    lines += _classes(report)
    if not report.findings:
        lines += ["", "✓ nothing to complain of" + (" in headers and sizes" if report.quick else "")]
    for finding in report.findings:
        lines += ["", *_lines(finding, names)]
    if report.quick:
        lines += ["", "Only headers were read. Without --quick: damage inside files, copies in other formats, look-alikes."]
    return lines


def _classes(report: "Report", most: int = 12) -> list[str]:
    """Pictures by class and split, with a bar; of many classes the fullest and the emptiest."""
    splits = list(report.counts)
    totals = {name: sum(report.counts[split][name] for split in splits) for name in report.classes}
    shown = list(report.classes)
    dots = None
    if len(shown) > most:
        by_size = sorted(shown, key=lambda name: (-totals[name], name))
        shown, dots = by_size[: most // 2] + by_size[-(most // 2) :], most // 2
    width = max((len(name) for name in shown), default=0)
    heads = splits if len(splits) > 1 else ["pictures"]
    largest = max(totals.values(), default=0) or 1
    lines = ["  " + " " * min(width, 40) + "".join(f"{head:>10}" for head in heads)]
    for k, name in enumerate(shown):
        if k == dots:
            lines.append(f"  … {len(report.classes) - len(shown):,} more classes")
        short = name if len(name) <= 40 else name[:39] + "…"
        bar = "█" * max(round(24 * totals[name] / largest), 1 if totals[name] else 0)
        numbers = "".join(f"{report.counts[split][name]:>10,}" for split in splits)
        lines.append(f"  {short:<{min(width, 40)}}{numbers}  {bar}")
    return lines


def _lines(finding: "Finding", names: int) -> list[str]:
    lines = [f"{MARKS[finding.severity]} {finding.head}"]
    if len(finding.groups):
        lines += ["    " + " = ".join(group[:6]) + (f" and {len(group) - 6:,} more" if len(group) > 6 else "")
                  for group in finding.groups[:names]]  # fmt: skip
        hidden, what = len(finding.groups) - names, "groups"
    else:
        lines += [f"    {name}" + (f"  {finding.why[i]}" if len(finding.why) else "")
                  for i, name in enumerate(finding.files[:names])]  # fmt: skip
        hidden, what = len(finding.files) - names, ""
    if hidden > 0:
        lines.append(f"    and {hidden:,} more {what}".rstrip())
    return lines if finding.kind in ("other", "layout") else [*lines, f"    → {finding.advice}"]


def _print_moved(moved: "Moved", where: str, as_json: bool) -> int:
    if as_json:
        print(json.dumps(_moved_json(moved), indent=1))
    else:
        print(f"\n{len(moved.done):,} file{'s' if len(moved.done) != 1 else ''} moved {where}")
        for bad in moved.failed:
            print(f"not moved: {bad.where}: {bad.why}")
    return SOME_FAILED if moved.failed else DONE


def _moved_json(moved: "Moved") -> dict[str, object]:
    return {"moved": [{"file": move.name, "why": move.why} for move in moved.done],
            "failed": [{"file": bad.where, "error": bad.why} for bad in moved.failed]}  # fmt: skip


def _bytes(n: int) -> str:
    value, units = float(n), ["bytes", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value, units = value / 1000, units[1:]
    return f"{value:.0f} bytes" if units[0] == "bytes" else f"{value:.3g} {units[0]}"
