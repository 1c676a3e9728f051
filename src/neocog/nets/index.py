"""What `list` and `resolve` know of every network without loading any: a file that `python -m neocog.nets.index` writes.

It carries a checksum of the sources that it was made from. Where they have changed since, everything is worked out anew, which
takes seconds instead of milliseconds but is never wrong; a test says when the file is due.
"""

import json
import zlib
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
FILE = HERE / "index.json"
FRAMEWORK = {"card", "history", "index", "own", "proof", "registry"}


@dataclass(frozen=True, slots=True)
class Entry:
    """A network in the list. Counts are those of its own input; `depth` is weighted layers on the longest way."""

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


@cache
def saved() -> dict[str, Entry] | None:
    """The file's entries by name, oldest first; None where the sources have changed since it was written."""
    try:
        found = json.loads(FILE.read_text("utf-8"))
        rows = found["nets"] if found["sources"] == sources() else None
    except (OSError, ValueError, KeyError):
        return None
    tuples = ("input", "same_as")
    return rows and {row["name"]: Entry(**{k: tuple(v) if k in tuples else v for k, v in row.items()}) for row in rows}


@cache
def entries() -> dict[str, Entry]:
    """Every network's entry by name, oldest first."""
    return saved() or {entry.name: entry for entry in compute()}


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
            )
        )
    return out


def write() -> None:
    """Bring the index up to date, one network a line."""
    rows = ",\n".join(json.dumps(asdict(entry), ensure_ascii=False) for entry in compute())
    FILE.write_text(f'{{"sources": {sources()}, "nets": [\n{rows}\n]}}\n', "utf-8")


if __name__ == "__main__":
    write()
