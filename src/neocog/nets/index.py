"""What `list` and `resolve` know of every network without loading any: a file that `python -m neocog.nets.index` writes.

It carries a checksum of the sources that it was made from. Where they have changed since, everything is worked out anew and
kept in the cache folder: that takes seconds once, and is never wrong; a test says when the file itself is due.
"""

import contextlib
import json
import zlib
from dataclasses import asdict, astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from neocog.files import cache_folder, write_text
from neocog.nets.result import Result

HERE = Path(__file__).parent
FILE = HERE / "index.json"
CACHED = "networks.json"
FRAMEWORK = {
    "card", "chart", "history", "index", "leaderboard", "leaderboard_chart", "own", "parts", "proof", "recipe", "recipes",
    "registry", "result", "schedule", "terms", "usual",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A network in the list. Counts are those of its own input; `depth` is weighted layers on the longest way; `results` are
    the published errors of its card."""

    name: str
    file: str
    title: str
    year: int
    authors: str
    input: tuple[int, ...]
    params: int
    macs: int
    depth: int
    same_as: tuple[str, ...] = ()
    results: tuple[Result, ...] = ()


@cache
def saved() -> dict[str, Entry] | None:
    """The entries by name, oldest first, where they were written down since the sources last changed; else None."""
    now = sources()
    for file in (FILE, cache_folder() / CACHED):
        try:
            found = json.loads(file.read_text("utf-8"))
            if found["sources"] == now:
                return {row["name"]: _entry(row) for row in found["nets"]}
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return None


def _entry(row: dict[str, Any]) -> Entry:
    values: dict[str, Any] = {**row, "input": tuple(row["input"]), "same_as": tuple(row["same_as"])}
    values["results"] = tuple(Result(*result) for result in row["results"])
    return Entry(**values)


@cache
def entries() -> dict[str, Entry]:
    """Every network's entry by name, oldest first."""
    known = saved()
    if known is None:
        found = compute()
        known = {entry.name: entry for entry in found}
        with contextlib.suppress(OSError):
            cache_folder().mkdir(parents=True, exist_ok=True)
            write(cache_folder() / CACHED, found)
    return known


def sources() -> int:
    """A checksum of the files that define networks and of those that count them."""
    total = 0
    for folder in (HERE, HERE.parent / "arch"):
        for path in sorted(folder.rglob("*.py")):
            total = zlib.crc32(path.read_bytes(), zlib.crc32(path.name.encode(), total))
    return total


def compute() -> list[Entry]:
    """Every network's entry, from the networks themselves."""
    from neocog.arch import analyse
    from neocog.arch.depth import depth
    from neocog.nets.registry import nets

    out = []
    for net in nets().values():
        if not net.build.__module__.startswith(f"{__package__}."):
            continue  # registered from outside: gone with the process
        table = analyse(net.build())
        out.append(
            Entry(
                net.name,
                net.build.__module__.rpartition(".")[2],
                net.card.title,
                net.card.year,
                net.card.authors,
                table.input,
                table.total("params"),
                table.total("macs"),
                depth(table.arch),
                net.card.same_as,
                net.card.results,
            )
        )
    return out


def write(file: Path, found: list[Entry]) -> None:
    """Write the index, one network a line."""
    rows = ",\n".join(
        json.dumps(asdict(entry) | {"results": [astuple(result) for result in entry.results]}, ensure_ascii=False)
        for entry in found
    )
    write_text(file, f'{{"sources": {sources()}, "nets": [\n{rows}\n]}}\n')


if __name__ == "__main__":
    write(FILE, compute())
