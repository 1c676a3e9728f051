"""What a person sees of a bake-off: the plan, a live table while it trains, the ranking at the end."""

import os
import shutil
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neocog.cli.progress import EVERY, Progress, clock

if TYPE_CHECKING:
    from neocog.bakeoff.bake import Where
    from neocog.bakeoff.plan import Plan
    from neocog.bakeoff.trial import Outcome

BAR, FOREST = 12, 25  # characters
MEASURING = 5.0  # seconds in which a network's latency and memory are measured at the end, about
WAYS = {  # of learning without steps, and so without a budget
    "svm": "a linear SVM, solved for, without a budget",
    "neighbours": "remembers the pictures, without a budget",
    "perceptron": "the perceptron's rule, without a budget",
}
WAITING, TRAINING, TESTED, FAILED = "waiting", "training", "done", "failed"


def plan_lines(plan: "Plan", folder: Path, where: "Where") -> list[str]:
    """The plan in words, with the time that it takes."""
    wide = max(len(entry.net) for entry in plan.entries)
    lines = [""]
    for entry in plan.entries:
        if entry.failed is not None:
            lines.append(f"  {entry.asked:<{wide}}  left out: {entry.failed}")
            continue
        long = "" if entry.seconds is None else f", about {clock(max(1.0, entry.seconds))}"
        passes = f"{entry.epochs:,.3g} pass{'es' * (entry.epochs != 1)}"
        how = (
            f"{entry.steps:,} step{'s' * (entry.steps != 1)}, {passes}"
            if entry.kind == "sgd"
            else WAYS.get(entry.kind, f"learns by {entry.kind}")
        )
        lines.append(f"  {entry.net:<{wide}}  {entry.rule}")
        lines.append(f"  {'':<{wide}}  {how}{long}")
    known = [entry.seconds for entry in plan.entries if entry.failed is None and entry.seconds is not None]
    each = len([entry for entry in plan.entries if entry.failed is None])
    total = sum(known) * len(plan.seeds) / where.processes + MEASURING * each
    how = f" in {where.processes} processes" if where.processes > 1 else f" on Ray at {where.ray}" if where.ray else ""
    open_ended = [entry.net for entry in plan.entries if entry.failed is None and entry.seconds is None]
    more = f" without {', '.join(open_ended)}" if open_ended else ""
    about = f"about {clock(total)}" + (" of work" if where.ray else "")
    seeds = f"{len(plan.seeds)} seeds" if len(plan.seeds) > 1 else "1 seed"
    networks = "1 network" if each == 1 else f"{each} networks"
    lines.append("")
    lines.append(f"{networks} × {seeds}{how}: {about}{more} · {plan.length.words} · {folder}")
    return lines


class Board:
    """The trainings as they go: a table on a terminal, a line now and then elsewhere. Test figures come at the end."""

    def __init__(self, progress: Progress, plan: "Plan", folder: Path):
        self.progress, self.plan = progress, plan
        self.state = dict.fromkeys(plan.trainings, WAITING)
        self.share: dict[tuple[str, int], float] = dict.fromkeys(plan.trainings, 0.0)
        self.top1: dict[tuple[str, int], float] = {}
        self._begun = self._said = time.monotonic()
        self._first = 0.0  # of the work, what an earlier process did
        self._live: Any = None
        known = [entry.seconds for entry in plan.entries if entry.seconds]
        self._usual = sum(known) / len(known) if known else 1.0  # seconds, where nothing is known

    def __enter__(self) -> "Board":
        if self.progress.tty and not self.progress.quiet:
            from rich.console import Console
            from rich.live import Live

            self.progress.clear()
            self._live = Live(get_renderable=self._table, console=Console(stderr=True), refresh_per_second=4, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def event(self, job: tuple[str, int], event: dict[str, Any]) -> None:
        """An event of a training's log."""
        kind = event.get("event")
        if kind == "test":
            return
        if self.state[job] == WAITING:
            self.state[job] = TRAINING
        if "step" in event:
            before, self.share[job] = self.share[job], min(1.0, event["step"] / max(1, self.plan.entry(job[0]).steps))
            if kind == "resume":
                self._first += self._weight(job) * (self.share[job] - before)
        if kind == "validation" and event.get("best"):
            self.top1[job] = event["top1"]
        if self._live is None and time.monotonic() - self._said > EVERY and not self.progress.quiet:
            self._said = time.monotonic()
            self.progress.say(f"{job[0]} seed {job[1]}: {100 * self.share[job]:.0f} %{self._right(job)} · {self._left()}")

    def done(self, outcome: "Outcome") -> None:
        """A training has come to its end."""
        job = (outcome.net, outcome.seed)
        known = self.state[job] == WAITING and outcome.error is None
        self.state[job], self.share[job] = (FAILED if outcome.error else TESTED), 1.0
        if known:
            self._first += self._weight(job)
        if outcome.error is not None:
            self.progress.say(f"{outcome.net} seed {outcome.seed}: {outcome.error}")
        elif self._live is None and not known:
            self.progress.say(f"{outcome.net} seed {outcome.seed}: done{self._right(job)}")

    def _right(self, job: tuple[str, int]) -> str:
        return f", validation {self.top1[job]:.2f} % right" if job in self.top1 else ""

    def _weight(self, job: tuple[str, int]) -> float:
        return self.plan.entry(job[0]).seconds or self._usual

    def _left(self) -> str:
        """How much is done, and how long the rest takes at this pace."""
        total = sum(map(self._weight, self.state))
        now = sum(self._weight(job) * share for job, share in self.share.items())
        done = sum(state in (TESTED, FAILED) for state in self.state.values())
        words = f"{done} of {len(self.state)} trainings done"
        gained = now - self._first
        if gained <= 0:
            return words
        return f"{words}, about {clock((time.monotonic() - self._begun) / gained * (total - now))} left"

    def _table(self) -> Any:
        from rich import box
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        rows = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        rows.add_column("network")
        for seed in self.plan.seeds:
            rows.add_column(f"seed {seed}")
        rows.add_column("validation, right", justify="right")
        for net in dict.fromkeys(net for net, _ in self.state):
            cells = [self._cell((net, seed)) for seed in self.plan.seeds]
            seen = [self.top1[net, seed] for seed in self.plan.seeds if (net, seed) in self.top1]
            rows.add_row(net, *cells, f"{sum(seen) / len(seen):.2f} %" if seen else "")
        return Group(rows, Text(self._left(), style="dim"))

    def _cell(self, job: tuple[str, int]) -> Any:
        from rich.text import Text

        if (state := self.state[job]) != TRAINING:
            return Text(
                {WAITING: "·", TESTED: "✓", FAILED: "✗ failed"}[state], {TESTED: "green", FAILED: "red"}.get(state, "dim")
            )
        full = round(BAR * self.share[job])
        return Text.assemble(("━" * full, "cyan"), ("━" * (BAR - full), "bright_black"), f" {100 * self.share[job]:.0f} %")


def table(found: Mapping[str, Any]) -> list[str]:
    """The ranking as lines of text, with what it rests on and the recommendation."""
    style = Style(sys.stdout.isatty() and "NO_COLOR" not in os.environ)
    rows: Sequence[Mapping[str, Any]] = found["ranking"]
    scale = _Scale(rows)
    heads = ["", "network", "error %", "95 % interval", "", "± seeds", "more than the best"]
    heads += ["ms", "MB", "memory", "params", "MACs", "trained"]
    body = [_cells(i, row, scale) for i, row in enumerate(rows)]
    several = len(found["seeds"]) > 1
    keep = [i for i in range(len(heads)) if several or i != 5]
    width = shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else 10**6
    for dropped in (11, 9, 10, 4):  # what a narrow terminal has no room for
        if sum(max(len(line[i]) for line in [heads, *body]) + 2 for i in keep) > width and dropped in keep:
            keep.remove(dropped)
    wide = {i: max(len(line[i]) for line in [heads, *body]) for i in keep}
    left = (0, 1, 3, 4, 6)

    def line(cells: Sequence[str]) -> str:
        return "  ".join(cells[i].ljust(wide[i]) if i in left else cells[i].rjust(wide[i]) for i in keep).rstrip()

    data = found["data"]
    seeds = f"{len(found['seeds'])} seeds" if several else "1 seed"
    above = f"{data['name']} · {rows[0]['n']:,} test pictures · {found['protocol']} · {found['length']} · {seeds}"
    lines = ["", style.bold(above), "", style.dim(line(heads))]
    for row, cells in zip(rows, body, strict=True):
        text = line(cells)
        lines.append(style.bold(text) if row is rows[0] else text)
    for bad in found["failed"]:
        where = bad["net"] + (f" seed {bad['seed']}" if bad["seed"] is not None else "")
        lines.append(style.red(f"✗  {where}: {bad['error'].removeprefix(bad['net'] + ': ')}"))
    lines += ["", *(style.dim(words) for words in _notes(found, 9 in keep))]
    lines += ["", *(style.bold(words) for words in textwrap.wrap(found["recommendation"]["en"], min(width, 110)))]
    return lines


def _cells(i: int, row: Mapping[str, Any], scale: "_Scale") -> list[str]:
    low, high = row["ci95"]
    against, time_ = row["vs_best"], row["latency_ms"]["median"]
    more = "—"
    if against is not None:
        middle, low_, high_ = (round(v, 2) + 0.0 for v in (against["difference"], *against["ci95"]))  # never -0.00
        more = f"{middle:+.2f} ({low_:.2f} to {high_:.2f})"
        more = more.replace("-", "−") + ("  tie" if row["tied_with_best"] else "")
    spread = "" if row["spread"] is None else f"{row['spread']:.2f}"
    memory = "" if row["memory_mb"] is None else f"{row['memory_mb']:.0f}"
    return [
        ("◆" if row["pareto"] else " ") + f"{i + 1:>3}",
        row["net"] if len(row["net"]) <= 32 else row["net"][:31] + "…",
        f"{row['top1_error']:.2f}",
        f"{low:.2f} to {high:.2f}",
        scale.draw(row),
        spread,
        more,
        f"{time_:.2f}" if time_ < 10 else f"{time_:.0f}",
        f"{row['size_mb']:.2f}" if row["size_mb"] < 10 else f"{row['size_mb']:.0f}",
        memory,
        _short(row["params"]),
        _short(row["macs"]),
        clock(row["train_seconds"]),
    ]


class _Scale:
    """Intervals as `├──●──┤` on a common scale: of logarithms where errors are far apart."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]):
        import math

        low, high = min(row["ci95"][0] for row in rows), max(row["ci95"][1] for row in rows)
        self._of = (lambda v: math.log(max(v, 0.01))) if low > 0 and high > 4 * low else float
        self._low, self._high = self._of(low), self._of(high)

    def _at(self, value: float) -> int:
        return round((self._of(value) - self._low) / ((self._high - self._low) or 1) * (FOREST - 1))

    def draw(self, row: Mapping[str, Any]) -> str:
        first, at, last = self._at(row["ci95"][0]), self._at(row["top1_error"]), self._at(row["ci95"][1])
        cells = [" "] * FOREST
        cells[first : last + 1] = "─" * (last + 1 - first)
        cells[first], cells[last] = "├", "┤"
        cells[at] = "●"
        return "".join(cells)


def _notes(found: Mapping[str, Any], with_memory: bool) -> list[str]:
    """What the figures are, below the table."""
    machine, rows = found["machine"], found["ranking"]
    where = machine.get("gpu") or f"{machine['cpu']}, one thread"
    covered = "pictures and seeds" if len(found["seeds"]) > 1 else "the pictures, not how trainings vary: more seeds would tell"
    if len(found["seeds"]) == 2:
        covered += ", and are wide: two trainings say little about a third; three seeds or more narrow them"
    notes = [f"error: top-1, of each network's best weights by validation; intervals cover {covered}"]
    if (pairs := len(found["pairs"])) > 0:
        notes.append(
            "tie: not told from the best at 5 %" + (f", corrected for {pairs} comparisons (Holm)" if pairs > 1 else "")
        )
    notes.append(f"ms: one picture, median of {rows[0]['latency_ms']['n']}, {where} · MB: weights on disk")
    if (before := rows[0]["memory_before_mb"]) and with_memory:
        notes.append(f"memory: peak of a fresh process in MB, of which {before:.0f} are Python and torch")
    notes.append(
        f"◆ nothing here is both better and faster · always the commonest class: {found['majority_error']:.2f} % error"
    )
    if found["left_out"]:
        notes.append(f"{len(found['left_out'])} test pictures cannot be read and are not counted")
    return notes


def _short(count: int) -> str:
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return str(count)


class Style:
    """ANSI attributes, or none."""

    def __init__(self, on: bool):
        self.on = on

    def _in(self, code: str, words: str) -> str:
        return f"\033[{code}m{words}\033[0m" if self.on else words

    def bold(self, words: str) -> str:
        return self._in("1", words)

    def dim(self, words: str) -> str:
        return self._in("2", words)

    def red(self, words: str) -> str:
        return self._in("31", words)
