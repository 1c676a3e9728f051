"""One self-contained HTML page about a run or a bake-off: curves, confusion with its pictures, the surest mistakes, classes,
calibration, comparison, the network, and how to get it all again. It needs no network and opens from disk.

A run that has no test evaluation yet is judged first. Pictures come from the data that the run names; --data tells where it is
now. Without it the page has no pictures, and says so.

examples:
  neocog report runs/flowers --out flowers.html
  neocog report runs/flowers --out flowers.html --data /mnt/photos --lang zh
  neocog report runs/flowers --out flowers.html --compare runs/flowers-2
  neocog report bakeoffs/flowers --out bakeoff.html
"""

import argparse
import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neocog.cli import DONE, INTERRUPTED, StopSignals
from neocog.cli.progress import Progress
from neocog.errors import UserError

if TYPE_CHECKING:
    from neocog.report.source import OnProgress


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("run", metavar="RUN|BAKEOFF", help="a folder that train, import or bakeoff made")
    parser.add_argument("--out", metavar="F.html", type=Path, help="the file (default: report.html in that folder)")
    parser.add_argument("--data", metavar="DATA", help="where its pictures are now, if they have moved")
    parser.add_argument("--lang", choices=("en", "zh", "both"), default="both", help="English, Chinese, or a switch (default)")
    parser.add_argument("--compare", metavar="RUN", action="append", default=[], help="another run on the same test pictures")
    parser.add_argument("--json", action="store_true", help="one object: the data of every panel, and the file")


def run(args: argparse.Namespace) -> int:
    """Write the page."""
    from neocog.bakeoff.plan import is_bakeoff
    from neocog.files import write_text
    from neocog.report.page import LANGUAGES, page, words

    folder = Path(args.run)
    out = args.out or folder / "report.html"
    if out.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"{out}: a report is an HTML file; give a name that ends in .html")
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; a report is of a run or a bake-off")
    if out.is_dir() or not out.absolute().parent.is_dir():
        raise UserError(f"{out}: {'a folder has that name' if out.is_dir() else f'there is no folder {out.parent}'}")
    bakeoff = is_bakeoff(folder)
    if bakeoff and args.compare:
        raise UserError("--compare is for a run; a bake-off compares its own")
    with Progress(quiet=args.json) as progress, StopSignals() as signals:

        def told(name: str, done: int, total: int) -> None:
            if signals.asked():
                raise KeyboardInterrupt
            progress.update(name, done, total)

        try:
            report = (of_bakeoff if bakeoff else of_run)(args, folder, out, told)
            if signals.asked():
                raise KeyboardInterrupt
        except KeyboardInterrupt:
            progress.clear()
            progress.say("stopped, nothing was written; what was judged is kept, and the same command goes on")
            return DONE if signals.signal == signal.SIGTERM else INTERRUPTED
    languages = LANGUAGES if args.lang == "both" else (args.lang,)
    text = page(report, languages)
    write_text(out, text)
    size = len(text.encode("utf-8"))
    if args.json:
        print(json.dumps({"file": str(out), "bytes": size, **{k: v for k, v in report.items() if k != "pictures"}}))
    else:
        pictures = {0: "no pictures", 1: "1 picture"}.get(n := len(report["pictures"]), f"{n:,} pictures")
        told_of = words("en")["page"]["missing"]
        why = f" ({told_of.get(report['missing'], report['missing']).rstrip('.')})" if report["missing"] else ""
        print(f"wrote {out}: {report['title']}, {pictures}{why}, {size / 1e6:.2f} MB")
    return DONE


def of_run(args: argparse.Namespace, folder: Path, out: Path, told: "OnProgress") -> dict[str, Any]:
    """The data of a run's report."""
    from neocog.report.run import run_report
    from neocog.report.source import open_run

    return run_report(open_run(folder, args.data, told), str(out), args.compare, told)


def of_bakeoff(args: argparse.Namespace, folder: Path, out: Path, told: "OnProgress") -> dict[str, Any]:
    """The data of a bake-off's report."""
    from neocog.report.bakeoff import bakeoff_report

    return bakeoff_report(folder, str(out), args.data, told)
