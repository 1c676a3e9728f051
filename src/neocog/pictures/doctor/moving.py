"""The quarantine: files moved out of a data set, with a list of where they came from, and moved back again.

Nothing is ever deleted or overwritten. Each move is written to the list before it is made, and is made of steps after any
of which a kill leaves the file whole in one place or in both; `undo` knows every such state.
"""

import errno
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from neocog.errors import BadPicture, UserError
from neocog.files import PART, write_text
from neocog.pictures.doctor.finding import UNUSABLE, Report
from neocog.pictures.doctor.transfer import part_of, same_file, transfer
from neocog.pictures.layout import SPLITS

MANIFEST = "quarantine.jsonl"
ALSO = {
    "duplicates": "duplicate",
    "leaks": "leak",
    "near-duplicates": "near-duplicate",
    "near-leaks": "near-leak",
    "blank": "blank",
}
"""What else can be quarantined, by the kind of finding."""
_KEPT_FIRST = ("test", "val", "train")
_STOP = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)  # nothing else could be moved either

OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Move:
    """A file of the data set, by its name below the root, and what is wrong with it."""

    name: str
    why: str


@dataclass
class Moved:
    """What was moved, and what could not be, each with the reason."""

    done: list[Move] = field(default_factory=list)
    failed: list[BadPicture] = field(default_factory=list)


def chosen(report: Report, also: Iterable[str] = ()) -> list[Move]:
    """What `quarantine` moves: all that cannot be used, and of the groups of copies in `also` all but one of each.

    Of copies in one split the first is kept; across splits, those of test before those of val and of train, so that the
    test set stays what it was.
    """
    moves: dict[str, Move] = {}
    for finding in report.of(*UNUSABLE):
        for name, why in zip(finding.files, finding.why, strict=True):
            moves[name] = Move(name, why)
    for finding in report.of(*(ALSO[word] for word in also)):
        for group in finding.groups:
            kept, *rest = sorted(group, key=lambda name: _rank(name, report)) if finding.kind.endswith("leak") else group
            for name in rest:
                moves.setdefault(name, Move(name, f"{finding.kind} of {kept}"))
        if not finding.groups:
            for name in finding.files:
                moves.setdefault(name, Move(name, finding.kind))
    return list(moves.values())


def quarantine(report: Report, into: str | Path, also: Iterable[str] = (), on_progress: OnProgress | None = None) -> Moved:
    """Move what is `chosen` from the folder of `report` to the same names below `into`. UserError if that cannot be done."""
    root, into = Path(report.root).resolve(), Path(into)
    if not report.root or not root.is_dir():
        raise UserError(f"{report.name} is no folder of class folders: its pictures have no files of their own to move")
    moves, moved = chosen(report, also), Moved()
    if not moves:
        return moved
    _check_place(root, into)
    with _stopping(into):
        into.mkdir(parents=True, exist_ok=True)
        manifest = _Manifest(into, root)
        try:
            for k, move in enumerate(moves):
                source = root / move.name
                try:
                    target = _free(into / move.name, source)
                    manifest.append(source, move, target)
                    transfer(source, target)
                    moved.done.append(move)
                except OSError as error:
                    if error.errno in _STOP:
                        raise
                    moved.failed.append(BadPicture(move.name, (error.strerror or str(error)).lower()))
                if on_progress is not None:
                    on_progress(k + 1, len(moves))
        finally:
            manifest.close()
    return moved


def undo(into: str | Path, root: str | Path | None = None, on_progress: OnProgress | None = None) -> Moved:
    """Put everything back to where it came from, or below `root` if the data set has moved; then the quarantine is gone.

    What is in the way of a file is left alone, and the file stays in quarantine and is told.
    """
    into = Path(into)
    home, lines = read_manifest(into)
    home = Path(root) if root is not None else home
    if not home.is_dir():
        raise UserError(f"{into}: its files came from {home}, which is not there: give the folder they belong to")
    moved, left = Moved(), []
    with _stopping(home):
        for k, line in enumerate(reversed(lines)):
            name = line["name"]
            try:
                problem = _bring_back(into / line["to"], home / name)
            except OSError as error:
                if error.errno in _STOP:
                    raise
                problem = (error.strerror or str(error)).lower()
            if problem is None:
                moved.done.append(Move(name, line["why"]))
            elif problem:
                moved.failed.append(BadPicture(name, problem))
            if os.path.lexists(into / line["to"]):
                left.insert(0, line)
            if on_progress is not None:
                on_progress(k + 1, len(lines))
        if left:
            _write_manifest(into, home.resolve(), left)
    if not left:
        for draft in filter(_is_draft, list(into.iterdir())):
            draft.unlink()
        _remove_empty(into)
        (into / MANIFEST).unlink()  # last: a kill before this leaves a quarantine that can be undone again
        with suppress(OSError):
            into.rmdir()
    return moved


def read_manifest(into: Path) -> tuple[Path, list[dict[str, str]]]:
    """(where the files came from, one {name, to, why, …} for each move that was at least begun). UserError."""
    file = into / MANIFEST
    if not file.is_file():
        raise UserError(f"{into} is no quarantine: it has no {MANIFEST}")
    lines = []
    for text in file.read_bytes().splitlines():
        with suppress(ValueError):  # the line that a kill cut off: its move was never begun
            lines.append(json.loads(text))
    if not lines or "root" not in lines[0]:
        raise UserError(f"{file} is damaged: its first line should name the folder the files came from")
    return Path(lines[0]["root"]), [line for line in lines[1:] if {"name", "to", "why"} <= line.keys()]


def _bring_back(held: Path, home: Path) -> str | None:
    """None: it is back. "": there was nothing to do. Else why it is not."""
    part_of(held).unlink(missing_ok=True)
    part_of(home).unlink(missing_ok=True)
    if not os.path.lexists(held):
        return "" if os.path.lexists(home) else "gone from the quarantine"
    if not os.path.lexists(home):
        transfer(held, home)
        return None
    if same_file(held, home):  # killed between the two halves of a move
        held.unlink()
        return None
    return "another file of that name has taken its place: move one of them"


def _check_place(root: Path, into: Path) -> None:
    place = into.resolve()
    if place == root or root in place.parents or place in root.parents:
        raise UserError(f"{into}: the quarantine must not lie in the data set, nor around it: give a folder of its own")
    begun = (into / MANIFEST).is_file()
    if into.exists() and not begun and not (into.is_dir() and all(map(_is_draft, into.iterdir()))):
        raise UserError(f"{into} holds other things: give a new folder for the quarantine")
    if begun and read_manifest(into)[0] != root:
        raise UserError(f"{into} is the quarantine of {read_manifest(into)[0]}: give another folder")


def _free(target: Path, source: Path) -> Path:
    """`target`, or with the first number that is free; when `source` is there already, a move was cut short: it is finished."""
    for number in itertools.count(2):
        if not os.path.lexists(target):
            return target
        if target.lstat().st_ino == source.lstat().st_ino and target.lstat().st_dev == source.lstat().st_dev:
            target.unlink()  # one more name of the same file
            return target
        target = target.with_name(f"{target.stem.rsplit('~', 1)[0]}~{number}{target.suffix}")
    raise AssertionError


class _Manifest:
    """The list of moves, on the disk before each is made."""

    def __init__(self, into: Path, root: Path):
        self._into, path = into, into / MANIFEST
        if not path.is_file():
            _write_manifest(into, root, [])
        whole = path.read_bytes()[-1:] == b"\n"
        self._file = path.open("a", encoding="utf-8")
        if not whole:
            self._file.write("\n")  # closes the line that a kill cut off

    def append(self, source: Path, move: Move, target: Path) -> None:
        status = source.lstat()
        self._write({"name": move.name, "to": target.relative_to(self._into).as_posix(), "why": move.why,
                     "bytes": status.st_size, "mtime_ns": status.st_mtime_ns})  # fmt: skip

    def _write(self, line: dict[str, object]) -> None:
        self._file.write(json.dumps(line) + "\n")  # escapes names that are no UTF-8
        self._file.flush()
        os.fsync(self._file.fileno())

    def close(self) -> None:
        with suppress(OSError):
            self._file.close()


def _write_manifest(into: Path, root: Path, lines: Iterable[dict[str, str]]) -> None:
    """Whole, or not at all."""
    every = ({"schema": 1, "root": str(root)}, *lines)
    write_text(into / MANIFEST, "".join(json.dumps(line) + "\n" for line in every))


@contextmanager
def _stopping(place: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise UserError(f"{place}: {why}: what was moved so far is listed and nothing is lost; mend that and go on") from error


def _rank(name: str, report: Report) -> int:
    folder = SPLITS.get(name.split("/")[0].lower(), "train")
    return _KEPT_FIRST.index(folder) if len(report.counts) > 1 else 0


def _is_draft(path: Path) -> bool:
    """A list that a kill kept from getting its name."""
    return path.name.startswith(f".{MANIFEST}.") and path.name.endswith(PART)


def _remove_empty(folder: Path) -> None:
    """This folder and those below, as far as they are empty."""
    for here, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(here).rmdir()
