"""The leaderboard as a picture: a strip for each table, an axis for each data set. SVG, no library."""

import math
from collections.abc import Sequence
from itertools import groupby

from neocog.nets.chart import LARGE, LEFT, NORMAL, RIGHT, SMALL, STYLE, WIDE, Canvas, mark
from neocog.nets.leaderboard import MEASURED, PUBLISHED, WEIGHTS, Line, Table, error

SOURCES = {PUBLISHED: (0, "the paper's"), WEIGHTS: (5, "published weights"), MEASURED: (1, "measured with neocog")}
ROOM, STEP = 22, 9  # for names above and below the dots; from one row of dots to the next
DOT = 4.5
TICKS = (0.2, 0.5, 1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 40, 50, 70, 100)
FEW, MANY = 2, 10  # errors that make a strip; from so many on, one name for a family does


def drawn(found: Sequence[Table]) -> list[Table]:
    """Those that rank enough to make a strip."""
    return [table for table in found if len(table.ranked) >= FEW]


def draw(found: Sequence[Table]) -> str:
    """The picture of the tables that are `drawn`."""
    shown = drawn(found)
    canvas = Canvas()
    canvas.text(LEFT, 34, "Published errors, a strip for each protocol", LARGE)
    canvas.text(LEFT, 54, "Errors compare within a strip only. Logarithmic axes; further left is better.", NORMAL, kind="soft")
    x = float(LEFT)
    for kind, words in SOURCES.values():
        canvas.parts.append(mark(kind, x + 6, 76, words))
        canvas.text(x + 18, 80, words, NORMAL)
        x += 60 + len(words) * 7
    y = 106.0
    for _, tables in groupby(shown, key=lambda table: (table.pictures, table.by)):
        y = _axis(canvas, list(tables), y) + 34
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {y:.0f}" role="img" aria-labelledby="t d">'
        f'<title id="t">Errors of the networks by data set and protocol</title>'
        f'<desc id="d">Each dot is an error; errors of one strip were got in the same way</desc>'
        f'<style>{STYLE}</style><rect class="page" width="100%" height="100%"/>' + "\n".join(canvas.parts) + "</svg>\n"
    )


def _axis(canvas: Canvas, tables: Sequence[Table], top: float) -> float:
    """The strips of one data set that are ranked by one figure. Gives the lower edge."""
    by = tables[0].by
    figures = [value for table in tables for line in table.ranked if (value := error(line, by)) is not None]
    low, high = math.log(max(min(figures), 0.05) / 1.12), math.log(max(figures) * 1.12)
    canvas.text(LEFT, top + 14, f"{tables[0].pictures}: {'top-5' if by == 'top5' else 'top-1'} error", NORMAL + 1)

    def place(value: float) -> float:
        return LEFT + (WIDE - RIGHT - LEFT) * (math.log(max(value, 0.05)) - low) / (high - low)

    swarms = [_swarm([place(error(line, by) or 0.0) for line in table.ranked]) for table in tables]
    tops = [top + 26.0]
    for swarm in swarms:
        tops.append(tops[-1] + 18 + 2 * ROOM + STEP * (max(swarm) - min(swarm)))
    for tick in TICKS:
        if low <= math.log(tick) <= high:
            canvas.line(place(tick), top + 24, place(tick), tops[-1])
            canvas.text(place(tick), tops[-1] + 14, f"{tick:g} %", SMALL, "middle", "soft")
    for table, swarm, upper, lower in zip(tables, swarms, tops, tops[1:], strict=False):
        xs = [place(error(line, by) or 0.0) for line in table.ranked]
        _strip(canvas, table, xs, swarm, upper, lower)
    return tops[-1] + 18


def _swarm(xs: Sequence[float]) -> list[int]:
    """The row of each dot, 0 in the middle: the nearest to it that has room, so that none lies on another."""
    rows: dict[int, float] = {}
    found = []
    for x in xs:  # from left to right
        row = next(k for k in (n // 2 if n % 2 else -(n // 2) for n in range(1, 99)) if x - rows.get(k, -math.inf) >= 2 * DOT)
        rows[row] = x
        found.append(row)
    return found


def _strip(canvas: Canvas, table: Table, xs: Sequence[float], swarm: Sequence[int], top: float, bottom: float) -> None:
    """The title above, the dots about a line, the best and whoever else has room by name."""
    canvas.text(LEFT, top + 12, table.title.removeprefix(f"{table.pictures} · "), SMALL, kind="soft")
    middle = top + 18 + ROOM - STEP * min(swarm)
    canvas.line(LEFT, middle, WIDE - RIGHT, middle)
    dots = [(x, middle + STEP * row, line) for x, row, line in zip(xs, swarm, table.ranked, strict=True)]
    canvas.taken += [(x - 4, y - 4, x + 4, y + 4) for x, y, _ in dots]
    for x, y, line in dots:
        canvas.parts.append(mark(SOURCES[line.source][0], x, y, _words(line), DOT))
    named: set[str] = set()
    for x, y, line in sorted(dots, key=lambda dot: (dot[2] is not table.ranked[0], dot[2].source != MEASURED)):
        name = line.net if len(dots) < MANY else line.net.partition(".")[0]
        others = [(left, high) for left, high, one in dots if one.net != line.net and line is not table.ranked[0]]
        if name not in named and canvas.label(x, y, line.net, (LEFT, top + 14, WIDE - RIGHT, bottom), others):
            named.add(name)


def _words(line: Line) -> str:
    figures = " / ".join(f"{value:g} %" for value in (line.top1_error, line.top5_error) if value is not None)
    return f"{line.net}{f' ({line.year})' if line.year else ''}: {figures}; {line.protocol}" + (
        "" if line.verified else "; unverified"
    )
