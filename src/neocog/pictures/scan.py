"""What lies below a folder: the files that want to be pictures, in a fixed order, symbolic links followed once."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from neocog.errors import DataError
from neocog.pictures.decode import IMAGE_SUFFIXES


@dataclass
class Scan:
    """Files by suffix, sorted by path; how many other files there were; folders that could not be read, and why."""

    pictures: list[Path] = field(default_factory=list)
    others: int = 0
    unreadable: list[tuple[Path, str]] = field(default_factory=list)


def scan(folder: Path, above: Sequence[Path] = ()) -> Scan:
    """Everything below `folder`. Each real folder is read once, so loops of links end and twins count once.

    `above` are folders that a link must not lead back into: the data set as a whole is no part of one of its classes.
    """
    found = Scan()
    seen = {(status.st_dev, status.st_ino) for status in (path.stat() for path in above)}
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        try:
            status = here.stat()
            if (status.st_dev, status.st_ino) in seen:
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(here) as entries:
                for entry in entries:
                    if hidden(entry.name):
                        continue
                    if _is_folder(entry):
                        waiting.append(Path(entry.path))
                    elif is_picture(entry.name):
                        found.pictures.append(Path(entry.path))
                    else:
                        found.others += 1
        except OSError as error:
            found.unreadable.append((here, (error.strerror or "cannot be read").lower()))
    found.pictures.sort(key=lambda path: path.as_posix())
    return found


def subfolders(folder: Path) -> list[Path]:
    """The visible folders directly in `folder`, by name; DataError when it cannot be listed."""
    return sorted(Path(entry.path) for entry in _listing(folder) if _is_folder(entry))


def direct_pictures(folder: Path) -> int:
    """How many picture files lie directly in `folder`."""
    return sum(is_picture(entry.name) and not _is_folder(entry) for entry in _listing(folder))


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


def relative(path: Path, root: Path) -> str:
    """`path` below `root` with slashes, as names of pictures are written; the whole path when it is elsewhere.

    (By text: `Path.relative_to` takes ten times as long, and this is asked for every picture of millions.)
    """
    above, whole = root.as_posix().rstrip("/") + "/", path.as_posix()
    return whole.removeprefix(above)


def _listing(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [entry for entry in entries if not hidden(entry.name)]
    except OSError as error:
        raise DataError(f"{folder} cannot be read: {(error.strerror or str(error)).lower()}") from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that points at itself
        return False
