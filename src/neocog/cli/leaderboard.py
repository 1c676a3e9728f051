"""Errors of the networks, published and measured: a ranked table for each data set and way of looking, never mixed.

One crop, ten and 144, dense evaluation, one net and several together: an error means something only among its like. Beside the
papers' figures stand those of published weight files, what the tests measured of them, and your own runs.

examples:
  neocog leaderboard                                 the best of every table
  neocog leaderboard resnet                          where these networks stand
  neocog leaderboard --data 'ilsvrc val' --protocol 10crop --all
  neocog leaderboard --data cifar10 --runs runs/     with what your runs reached
  neocog leaderboard --out leaderboard.svg           a strip for each table
  neocog leaderboard --json
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from neocog.errors import UserError
from neocog.nets import list_models
from neocog.nets.leaderboard import MEASURED, Line, Table, confirmed, matching, published, ranks, tables, weight_files

BEST = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("pattern", nargs="?", help="networks: part of a name, or a pattern with * and ?")
    parser.add_argument("--data", metavar="D", help="a data set: cifar10, mnist, 'ilsvrc val', 'ilsvrc test', …")
    parser.add_argument("--protocol", metavar="P", help="a way of looking: 1crop, 10crop, 144crop, dense, …")
    parser.add_argument("--runs", metavar="DIR", nargs="+", help="runs, or folders of them (default: runs/, if it is there)")
    parser.add_argument("--all", action="store_true", help=f"whole tables, not the best {BEST}")
    parser.add_argument("--out", metavar="F.svg", type=Path, help="draw the tables, a strip for each")
    parser.add_argument("--json", action="store_true", help="one object: tables[] of rows[], best first, all of them")


def run(args: argparse.Namespace) -> int:
    """Print the tables."""
    nets = None if args.pattern is None else set(list_models(args.pattern))
    if nets is not None and not nets:
        raise UserError(f"no network's name matches '{args.pattern}'; `neocog list` shows all")
    folders = [Path(folder) for folder in args.runs or (["runs"] if Path("runs").is_dir() else [])]
    cards = published()
    lines = [*cards, *weight_files(cards), *confirmed()]
    if folders:
        from neocog.runs.standing import standings

        lines += standings(folders, named=args.runs is not None)
    every = tables(lines)
    found = [t for t in matching(every, args.data, args.protocol) if nets is None or any(map(_among(nets), _lines(t)))]
    if not found:
        raise UserError(_nothing(every, args))
    if args.out is not None:
        from neocog.files import write_text
        from neocog.nets.leaderboard_chart import draw, drawn

        if args.out.suffix.lower() != ".svg":
            raise UserError(f"{args.out}: a drawing is an SVG file; give a name that ends in .svg")
        strips = drawn(found)
        if not strips:
            raise UserError("nothing to draw: no table that matches ranks two errors; without --out they are listed")
        write_text(args.out, draw(strips))
        if not args.json:
            print(f"{args.out}: {sum(len(table.ranked) for table in strips)} errors in {len(strips)} strips")
            return 0
    if args.json:
        print(json.dumps({"tables": [as_json(table, nets) for table in found]}, ensure_ascii=False, indent=1))
        return 0
    print("\n\n".join("\n".join(text(table, nets, args.all)) for table in found))
    print("\n" + "\n".join(legend(found)))
    return 0


def _among(nets: set[str]):
    return lambda line: not nets.isdisjoint((line.net, *line.also))


def _lines(table: Table) -> tuple[Line, ...]:
    return (*table.ranked, *table.unranked)


def _nothing(every: Sequence[Table], args: argparse.Namespace) -> str:
    sets = list(dict.fromkeys(t.pictures for t in every))
    views = list(dict.fromkeys(t.views for t in every))
    if args.data and not matching(every, args.data, None):
        return f"no published or measured error is of a data set '{args.data}'; there are {', '.join(sets)}"
    if args.protocol and not matching(every, None, args.protocol):
        return f"no published or measured error was got by '{args.protocol}'; there are: {'; '.join(views)}"
    what = " ".join(filter(None, (args.pattern, args.data, args.protocol)))
    return f"no published or measured error is of '{what}' together; leave one of them out"


def as_json(table: Table, nets: set[str] | None) -> dict[str, object]:
    """A table for machines: rank is null where the table's figure is missing, or where nothing can be ranked."""
    places: list[int | None] = [*ranks(table), *[None] * len(table.unranked)]
    rows = []
    for place, line in zip(places, _lines(table), strict=True):
        if nets is None or _among(nets)(line):
            terms = asdict(line.terms)
            beside = {key: terms[key] for key in ("nets", "size", "runs", "weights", "notes")}
            rows.append({"rank": place, **{k: v for k, v in asdict(line).items() if k != "terms"}, **beside})
    keys = ("pictures", "views", "ensembles", "training")
    return {**{key: getattr(table, key) for key in keys}, "ranked_by": table.by or None, "of": len(_lines(table)), "rows": rows}


def text(table: Table, nets: set[str] | None, whole: bool) -> list[str]:
    """A table for people: rank, top-1, top-5, network, year, and what stands beside its error."""
    rows = [(f"{place}", line) for place, line in zip(ranks(table), table.ranked, strict=True)]
    rows += [("·", line) for line in table.unranked]
    shown = [row for row in rows if nets is None or _among(nets)(row[1])]
    if not whole and nets is None:
        best = {id(line) for _, line in shown[:BEST]}
        shown = [row for row in shown if id(row[1]) in best or row[1].source == MEASURED]
    names = [", ".join((line.net, *line.also)) for _, line in shown]
    wide = max(len(name) for name in names)
    by = {"top5": ", by top-5 error", "top1": ", by top-1 error"}.get(table.by, "")
    lines = [table.title + by, f"  {'':>4}  {'top-1':>6}  {'top-5':>6}  {'net':<{wide}}  year"]
    for (place, line), name in zip(shown, names, strict=True):
        figures = "  ".join(f"{_figure(value):>6}" for value in (line.top1_error, line.top5_error))
        lines.append(f"  {place:>4}  {figures}  {name:<{wide}}  {line.year or '':4}  {beside(line)}".rstrip())
    if left := len(rows) - len(shown):
        lines.append(f"  {'':>4}  and {left:,} more" + (" (--all)" if nets is None else f"; ranks are among all {len(rows):,}"))
    return lines


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def beside(line: Line) -> str:
    """All that one must know besides: crop, nets, runs, whose weights, n and interval of what was measured."""
    t = line.terms
    parts = [f"{'crop' if 'crop' in t.views else 'side'} {t.size}" if t.size else "", f"{t.nets} nets" if t.nets > 1 else ""]
    parts += [*t.notes, t.runs, t.weights]
    if line.source == MEASURED and line.n is not None and line.ci95 is not None:
        parts.append(f"● measured, {line.ci95[0]:.2f} to {line.ci95[1]:.2f} (n {line.n:,}, {line.protocol}) {line.where}")
    return ", ".join(part for part in (*parts, "" if line.verified else "unverified") if part)


def legend(found: Sequence[Table]) -> list[str]:
    """What the signs mean, where they are used."""
    lines = [line for table in found for line in _lines(table)]
    out = ["Errors in percent; they compare within a table only."]
    if any(table.unranked for table in found):
        out.append("·  not ranked: the figure that the table is ranked by is not published, or the views are not told")
    if any(line.source == MEASURED for line in lines):
        out.append(
            "●  measured with neocog: 95 % interval of the top-1 error, number of pictures, protocol, and by which test or run"
        )
    if not all(line.verified for line in lines):
        out.append("unverified: not checked against a copy of the paper")
    return out
