"""The leaderboard: published errors of every network and measured ones, one ranked table for each class of `Terms`.

Pure: what is ranked comes from the index, from the table of published weight files, from what the tests confirmed, and from
run folders, as `Line`s; whose they are stands beside each.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from neocog.nets.index import Entry, entries
from neocog.nets.proof import Agreement, agreements
from neocog.nets.result import Result
from neocog.nets.terms import ONE, UNSAID, Terms, read_terms

PUBLISHED, WEIGHTS, MEASURED = "paper", "weights", "measured"
WEIGHT_FILES = Path(__file__).parent / "published.txt"
_RIGHT = re.compile(r"(?P<file>\S+): (?P<right>[\d,]+) of (?P<set>CIFAR-100?)'s (?P<n>[\d,]+) test pictures right")


@dataclass(frozen=True, slots=True)
class Line:
    """An error in percent of one network, or of several together (`also`: the other cards that it stands on).

    source: "paper" (its card), "weights" (a file that others publish, with their figure) or "measured" (by neocog: n, the 95 %
    interval of the top-1 error, and where it was got). protocol: the card's words, or the id of what was measured.
    """

    net: str
    title: str
    year: int
    terms: Terms
    top1_error: float | None
    top5_error: float | None
    source: str = PUBLISHED
    verified: bool = True
    also: tuple[str, ...] = ()
    n: int | None = None
    ci95: tuple[float, float] | None = None
    protocol: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """Lines that compare, best first by `by` ("top1" or "top5"); those without that figure come last, in `unranked`.

    Where the views are not told, nothing is ranked (`by` is ""): the papers may have looked in different ways.
    """

    pictures: str
    views: str
    ensembles: bool
    training: str
    by: str
    ranked: tuple[Line, ...]
    unranked: tuple[Line, ...] = ()

    @property
    def title(self) -> str:
        """Pictures, views, and what else keeps it apart from other tables."""
        parts = (self.pictures, self.views, "several nets together" if self.ensembles else "one net", self.training)
        return " · ".join(part for part in parts if part)


def error(line: Line, by: str) -> float | None:
    """The figure that a table is ranked by."""
    return line.top5_error if by == "top5" else line.top1_error


def published() -> list[Line]:
    """Every error on every card, each once: an ensemble stands on the cards of all its members."""
    found: dict[object, Line] = {}
    for entry in entries().values():
        for result in entry.results:
            terms = read_terms(result)
            key = (result if result.nets > 1 else (entry.name, result), terms)
            if (same := found.get(key)) is not None:
                found[key] = replace(same, also=(*same.also, entry.name))
            else:
                found[key] = _line(entry, result, terms)
    return list(found.values())


def _line(entry: Entry, result: Result, terms: Terms) -> Line:
    source = WEIGHTS if terms.weights else PUBLISHED
    if terms.views == ONE and not terms.size:
        terms = replace(terms, size=str(entry.input[-1]))  # what the network reads
    return Line(entry.name, entry.title, entry.year, terms, result.top1, result.top5, source, result.verified,
                protocol=result.protocol)  # fmt: skip


def weight_files(known: Iterable[Line]) -> list[Line]:
    """torchvision's own figures for its weight files that are on no card: one crop of ILSVRC-2012's validation pictures."""
    cards = {(line.net, line.top1_error) for line in known}
    names = {alias: entry for entry in entries().values() for alias in entry.same_as}
    found = []
    for row in WEIGHT_FILES.read_text("utf-8").splitlines():
        words = row.split()
        if not row.startswith("torchvision ") or "-" in words[5:10] or f"tv:{words[1]}" not in names:
            continue
        entry, (resize, crop, interpolation) = names[f"tv:{words[1]}"], words[5:8]
        top1, top5 = (round(100 - float(accuracy), 4) for accuracy in words[8:10])
        if (entry.name, top1) not in cards:
            size = f"{crop} from {resize}" + (f", {interpolation}" if interpolation != "bilinear" else "")
            terms = Terms("ILSVRC-2012 val", ONE, size=size, weights=f"torchvision's weights, {words[2]}")
            words = f"1 centre crop of {size}, {terms.weights}"
            found.append(Line(entry.name, entry.title, entry.year, terms, top1, top5, WEIGHTS, protocol=words))
    return found


def confirmed() -> list[Line]:
    """What the tests measured of published weights on whole test sets (`show NET --proof`)."""
    return [line for entry in entries().values() for said in agreements(entry.name) if (line := _confirmed(entry, said))]


def _confirmed(entry: Entry, said: Agreement) -> Line | None:
    if not (match := _RIGHT.fullmatch(said.what)):
        return None
    n, right = (int(match[key].replace(",", "")) for key in ("n", "right"))
    like = next((read_terms(r) for r in entry.results if r.data == f"{match['set']} test"), None)
    if like is None:
        return None
    terms = replace(like, runs="", weights=match["file"], notes=())
    return Line(entry.name, entry.title, entry.year, terms, round(100 * (n - right) / n, 4), None, MEASURED, n=n,
                ci95=interval(n - right, n), protocol=f"native-{entry.input[-1]}", where=said.test)  # fmt: skip


def interval(wrong: int, n: int, z: float = 1.959963984540054) -> tuple[float, float]:
    """Wilson's 95 % interval in percent. (`neocog.evaluate` has it for arrays; this floor may not import that one.)"""
    p, zz = wrong / n, z * z
    centre, half = (p + zz / (2 * n)) / (1 + zz / n), z / (1 + zz / n) * (p * (1 - p) / n + zz / (4 * n * n)) ** 0.5
    return round(100 * max(0.0, centre - half), 4), round(100 * min(1.0, centre + half), 4)


def tables(lines: Iterable[Line]) -> list[Table]:
    """One table for each class of terms, data sets in the order of their size here, one net before several."""
    groups: dict[tuple[str, bool, str, str], list[Line]] = {}
    for line in lines:
        groups.setdefault(line.terms.ranked_with, []).append(line)
    sizes: dict[str, int] = {}
    for (pictures, *_), found in groups.items():
        sizes[pictures] = sizes.get(pictures, 0) + len(found)
    order = sorted(groups, key=lambda key: (-sizes[key[0]], key[0], key[1], -len(groups[key]), key))
    return [_table(key, groups[key]) for key in order]


def _table(key: tuple[str, bool, str, str], found: list[Line]) -> Table:
    pictures, ensembles, views, training = key
    by = max(("top5", "top1"), key=lambda by: sum(error(line, by) is not None for line in found))
    if views == UNSAID:
        return Table(pictures, views, ensembles, training, "", (), tuple(sorted(found, key=lambda x: (x.year, x.net))))
    having = [line for line in found if error(line, by) is not None]
    lacking = [line for line in found if error(line, by) is None]
    other = "top1" if by == "top5" else "top5"
    having.sort(key=lambda x: (error(x, by), error(x, other) or 100.0, x.year, x.net, x.source))
    lacking.sort(key=lambda x: error(x, other) or 100.0)
    return Table(pictures, views, ensembles, training, by, tuple(having), tuple(lacking))


def ranks(table: Table) -> list[int]:
    """The place of each ranked line; equal figures share one."""
    figures = [error(line, table.by) for line in table.ranked]
    return [figures.index(figure) + 1 for figure in figures]


def matching(found: Iterable[Table], data: str | None, views: str | None) -> list[Table]:
    """The tables of the data sets and views that these words name: "cifar10", "ilsvrc val", "10crop", "dense"."""
    return [t for t in found if (not data or _holds(t.pictures, data)) and (not views or _holds(t.views, views))]


def _holds(text: str, words: str) -> bool:
    """Every word, however it is joined: cifar10 is CIFAR-10 and not CIFAR-100, 10crop is 10 crops and not 1 crop."""
    plain = re.sub(r"[^a-z0-9]", "", text.lower()).replace("imagenet", "ilsvrc")
    wanted = (re.sub(r"[^a-z0-9]", "", word).replace("imagenet", "ilsvrc").removesuffix("s") for word in words.lower().split())
    ends = (("(?<![0-9])" * word[:1].isdigit(), word, "(?![0-9])" * word[-1:].isdigit()) for word in wanted)
    return all(re.search("".join(parts), plain) for parts in ends)
