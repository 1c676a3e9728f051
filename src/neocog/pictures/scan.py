"""What lies below a folder: the files that want to be pictures, in a fixed order, symbolic links followed once."""

import heapq
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from neocog.errors import DataError
from neocog.pictures.decode import IMAGE_SUFFIXES
from neocog.pictures.names import Names

_SORTED_AT_ONCE = 50_000  # names of one folder that are held as strings


class Entry(NamedTuple):
    """Something below a folder: its path from there, and what it is: "picture", "other", or "unreadable" with the reason."""

    name: str
    kind: str
    why: str = ""


@dataclass
class Scan:
    """Files by suffix, sorted by path; how many other files there were; folders that could not be read, and why.

    Names of pictures and folders are paths below the folder that was scanned ("" is that folder itself).
    """

    pictures: Names = field(default_factory=Names)
    others: int = 0
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def scan(folder: Path, above: Sequence[Path] = ()) -> Scan:
    """What `walk` finds, gathered in little memory."""
    found = Scan()
    for name, kind, why in walk(folder, above):
        if kind == "picture":
            found.pictures.append(name)
        elif kind == "other":
            found.others += 1
        else:
            found.unreadable.append((name, why))
    return found


def walk(folder: Path, above: Sequence[Path] = ()) -> Iterator[Entry]:
    """Everything visible below `folder`, by path. Each real folder is read once, so loops of links end and twins count once.

    `above` are folders that a link must not lead back into: the data set as a whole is no part of one of its classes.
    """
    seen = {(status.st_dev, status.st_ino) for status in (path.stat() for path in above)}
    waiting: list[tuple[str, Iterator[str]]] = [("", iter(["/"]))]  # a folder's name and what is left of its listing
    while waiting:
        here, names = waiting[-1]
        name = next(names, None)
        if name is None:
            waiting.pop()
        elif not name.endswith("/"):
            yield Entry(here + name, "picture" if is_picture(name) else "other")
        else:
            inner = here + name if name != "/" else ""
            path = folder / inner
            try:
                status = path.stat()
                if (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    waiting.append((inner, _sorted_names(path)))
            except OSError as error:
                yield Entry(inner.rstrip("/"), "unreadable", (error.strerror or "cannot be read").lower())


def _sorted_names(folder: Path) -> Iterator[str]:
    """The visible names in `folder`, those of folders with a slash behind them: then whole paths come out sorted.

    A folder of millions is sorted in parts that are merged, and only a part at a time is held as strings.
    """
    parts: list[Names] = []
    held: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not hidden(entry.name):
                held.append(f"{entry.name}/" if _is_folder(entry) else entry.name)
                if len(held) == _SORTED_AT_ONCE:
                    parts.append(Names(sorted(held)))
                    held = []
    held.sort()
    return heapq.merge(*parts, held) if parts else iter(held)


def subfolders(folder: Path) -> list[Path]:
    """The visible folders directly in `folder`, by name; DataError when it cannot be listed."""
    return sorted(Path(entry.path) for entry in _listing(folder) if _is_folder(entry))


def direct_pictures(folder: Path) -> int:
    """How many picture files lie directly in `folder`."""
    return sum(1 for _ in direct_names(folder))


def direct_names(folder: Path) -> Iterator[str]:
    """The names of the picture files directly in `folder`, in no order; DataError when it cannot be listed."""
    return (entry.name for entry in _listing(folder) if is_picture(entry.name) and not _is_folder(entry))


def hidden(name: str) -> bool:
    """Hidden by the Unix custom, or put there by macOS when it made a zip."""
    return name.startswith(".") or name == "__MACOSX"


def is_picture(name: str) -> bool:
    """Does the file name end like a picture's?"""
    return os.path.splitext(name)[1].lower() in IMAGE_SUFFIXES  # noqa: PTH122 (a tenth of pathlib's time, on millions)


def is_file(path: Path) -> bool:
    """Is there a file that can be reached? (`Path.is_file` raises where a folder may not be entered.)"""
    try:
        return path.is_file()
    except OSError:
        return False


def _listing(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if not hidden(entry.name))
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {(error.strerror or str(error)).lower()}") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that points at itself
        return False
