"""Decoded pixels on disk: records of any size, each with a checksum, in one file, and a journal of those that are whole.

Records are read with `pread`, not through a memory map: a file that is cut off or a disk that is pulled out is then an
error that can be caught, where a map ends the process (SIGBUS); both copy from the same page cache. A record counts once
its line is in the journal, and is given out only when its checksum agrees: neither a kill nor a loss of power can
make half a record look whole. Files change their stamp, other options have another key: a cache is never out of date.
"""

import contextlib
import hashlib
import os
import shutil
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from neocog.files import cache_folder, write_bytes

LIMIT = 50e9  # bytes that all caches together may take; NEOCOG_CACHE_GB says otherwise
SPARE = 2e9  # bytes that stay free on the disk
FORMAT = 1
_LINE = np.dtype([
    ("stamp", "<u8", 2), ("offset", "<u8"), ("height", "<u4"), ("width", "<u4"), ("channels", "<u4"), ("crc", "<u4"),
    ("check", "<u8"),
])  # fmt: skip
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0xD6E8FEB86659FD93, 0xA24BAED4963EE407,
                 0x9FB21C651E98DF25, 0xFF51AFD7ED558CCD], np.uint64)  # fmt: skip


def limit() -> float:
    """Bytes that all caches together may take."""
    try:
        return float(os.environ["NEOCOG_CACHE_GB"]) * 1e9
    except (KeyError, ValueError):
        return LIMIT


def stamp(text: str) -> tuple[int, int]:
    """128 bits of what a picture is known by."""
    digest = hashlib.blake2b(_raw(text), digest_size=16).digest()
    return int.from_bytes(digest[:8], "little"), int.from_bytes(digest[8:], "little")


def _raw(text: str) -> bytes:
    """Names of files need not be UTF-8."""
    return text.encode("utf-8", "surrogateescape")


class Full(OSError):
    """No more may be written: the stated size is reached, or the disk is full."""


class Cache:
    """The records of one folder of pictures made in one way. `key` says of what and how."""

    def __init__(self, key: str, home: Path | None = None, room: float | None = None):
        self.home = home or cache_folder() / "pictures"
        self.folder = self.home / hashlib.sha256(_raw(f"{FORMAT}\0{key}")).hexdigest()[:24]
        self.room = limit() if room is None else room
        self._key = key
        self._data = self._journal = -1
        self._size = 0  # bytes of records that count
        self._lines = np.empty(0, _LINE)
        self._order = np.empty(0, np.int64)

    def open(self, write: bool = False) -> None:
        """Open what is there; `write` makes it where it is not. OSError where it cannot be."""
        self.close()
        if write:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not (self.folder / "about.txt").exists():
                write_bytes(self.folder / "about.txt", _raw(self._key + "\n"))
        flags = os.O_RDWR | os.O_CREAT if write else os.O_RDONLY
        self._data = os.open(self.folder / "pixels", flags | getattr(os, "O_BINARY", 0), 0o644)
        self._journal = os.open(self.folder / "journal", flags | getattr(os, "O_BINARY", 0), 0o644)
        _share(self._data)
        with contextlib.suppress(OSError):
            os.utime(self.folder / "journal")  # the one that was not used for longest is the first to go
        self.refresh()

    def close(self) -> None:
        """Let go of the files."""
        for handle in (self._data, self._journal):
            if handle >= 0:
                os.close(handle)
        self._data = self._journal = -1

    def __del__(self) -> None:
        self.close()

    def refresh(self) -> int:
        """Read the journal again, as far as it is whole. How many records there are."""
        raw = _read_all(self._journal)
        lines = np.frombuffer(raw[: len(raw) // _LINE.itemsize * _LINE.itemsize], _LINE)
        sound = _check(lines) == lines["check"]
        lines = lines[: len(lines) if sound.all() else int(sound.argmin())]  # nothing behind a torn line counts
        ends = lines["offset"] + _bytes(lines)
        self._size = int(ends.max()) if len(lines) else 0
        self._lines = lines
        there = np.flatnonzero(ends <= os.fstat(self._data).st_size)
        self._order = there[np.argsort(lines["stamp"][there, 0], kind="stable")]
        self._firsts = lines["stamp"][self._order, 0]
        return len(there)

    def find(self, stamps: np.ndarray) -> np.ndarray:
        """Of each stamp, uint64 N×2, the number of its record, int64 N; -1: none. The latest counts."""
        if not len(self._order):
            return np.full(len(stamps), -1, np.int64)
        place = np.searchsorted(self._firsts, stamps[:, 0], side="right") - 1
        number = self._order[np.maximum(place, 0)]
        return np.where((self._lines["stamp"][number] == stamps).all(1) & (place >= 0), number, -1)

    def shape(self, number: int) -> tuple[int, int, int]:
        """H×W×C of a record."""
        line = self._lines[number]
        return int(line["height"]), int(line["width"]), int(line["channels"])

    def read(self, number: int, out: np.ndarray | None = None) -> np.ndarray | None:
        """The pixels of a record, into `out` if that has its shape; None if they cannot be vouched for."""
        line = self._lines[number]
        if out is None:
            out = np.empty(self.shape(number), np.uint8)
        elif out.shape != self.shape(number):
            return None
        view = out.reshape(-1).data
        try:
            got, offset = 0, int(line["offset"])
            while got < len(view):
                piece = _pread_into(self._data, view[got:], offset + got)
                if piece == 0:
                    return None
                got += piece
        except OSError:
            return None
        return out if zlib.crc32(view) == line["crc"] else None

    @property
    def size(self) -> int:
        """Bytes of records."""
        return self._size

    @contextlib.contextmanager
    def alone(self, waiting: Callable[[], int], patience: float) -> Iterator[None]:
        """Be the one process that adds records. While another is, `waiting()` is asked now and then how many there are;
        `Timeout` once that has not grown for `patience` seconds."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock, count, since = FileLock(self.folder / "lock"), -1, time.monotonic()
        while True:
            try:
                lock.acquire(timeout=0.5)
                break
            except Timeout:
                if (now := waiting()) != count:
                    count, since = now, time.monotonic()
                if time.monotonic() - since > patience:
                    raise
        try:
            self.open(write=True)
            os.ftruncate(self._journal, len(self._lines) * _LINE.itemsize)
            yield
        finally:
            lock.release()

    def add(self, stamps: np.ndarray, records: Sequence[np.ndarray]) -> None:
        """Write records; only while `writing`. Full when there is no room for all of them: what was there before stays."""
        lines = np.zeros(len(records), _LINE)
        end, room = self._size, min(self.room, self._room())  # others may have grown
        for line, one, mark in zip(lines, records, stamps, strict=True):
            one = np.ascontiguousarray(one)
            if end + one.nbytes > room:
                raise Full(f"the picture cache has reached the {room / 1e9:.3g} GB that it may take")
            line["stamp"], line["offset"], line["crc"] = mark, end, zlib.crc32(one.reshape(-1).data)
            line["height"], line["width"], line["channels"] = one.shape
            _write(self._data, one.reshape(-1).data, end)
            end += one.nbytes
        lines["check"] = _check(lines)
        at = os.lseek(self._journal, 0, os.SEEK_END)
        try:
            _write(self._journal, memoryview(lines.tobytes()), at)
        except OSError:
            os.ftruncate(self._journal, at)
            raise
        self._size = end

    def make_room(self, wanted: float) -> float:
        """Remove those that were not used for longest until `wanted` bytes fit, none if they never will. How many bytes this
        one may come to take."""
        others = sorted((entry for entry in _folders(self.home) if entry != self.folder), key=_used_at, reverse=True)
        most = min(self.room, limit(), _free(self.home) + sum(map(_taken, [self.folder, *others])))
        while others and most >= wanted > self._room():
            _remove(others.pop())
        self.room = max(0.0, min(self.room, self._room()))
        return self.room

    def _room(self) -> float:
        """Bytes that this one may come to take, as things are."""
        others = sum(_taken(entry) for entry in _folders(self.home) if entry != self.folder)
        return min(limit() - others, _taken(self.folder) + _free(self.home))


def _pread_into(handle: int, view: memoryview, offset: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(handle, [view], offset)
    piece = os.pread(handle, len(view), offset)  # macOS before 11
    view[: len(piece)] = piece
    return len(piece)


def _write(handle: int, view: memoryview, offset: int) -> None:
    done = 0
    while done < len(view):
        wrote = os.pwrite(handle, view[done:], offset + done)
        if wrote == 0:
            raise Full("nothing could be written")
        done += wrote


def _read_all(handle: int) -> bytes:
    size = os.fstat(handle).st_size
    raw = bytearray(size)
    got = 0
    while got < size and (piece := _pread_into(handle, memoryview(raw)[got:], got)):
        got += piece
    return bytes(raw[:got])


def _bytes(lines: np.ndarray) -> np.ndarray:
    return lines["height"].astype(np.uint64) * lines["width"] * lines["channels"]


def _check(lines: np.ndarray) -> np.ndarray:
    """One number of all the others in a line, uint64: a torn line does not have it."""
    columns = [
        lines["stamp"][:, 0],
        lines["stamp"][:, 1],
        *(lines[name] for name in ("offset", "height", "width", "channels", "crc")),
    ]
    total = np.full(len(lines), FORMAT, np.uint64)
    for column, factor in zip(columns, _MIX, strict=True):
        total = (total ^ (column.astype(np.uint64) + factor)) * factor
        total ^= total >> np.uint64(29)
    return total


def _folders(home: Path) -> list[Path]:
    try:
        return [path for path in home.iterdir() if (path / "journal").exists()]
    except OSError:
        return []


def _free(home: Path) -> float:
    """Bytes of the disk that caches may still take."""
    return shutil.disk_usage(home).free - SPARE


def _taken(folder: Path) -> int:
    """Bytes on the disk."""
    try:
        return sum((folder / name).stat().st_blocks * 512 for name in ("pixels", "journal"))
    except (OSError, AttributeError):
        return 0


def _used_at(folder: Path) -> float:
    try:
        return (folder / "journal").stat().st_mtime
    except OSError:
        return time.time()


def _share(handle: int) -> None:
    """Say that it is in use, as long as it is open."""
    with contextlib.suppress(ImportError, OSError):
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)


def _remove(folder: Path) -> bool:
    """Remove a cache that nobody uses."""
    try:
        lock = FileLock(folder / "lock", timeout=0)
        with lock, (folder / "pixels").open("rb") as data:
            with contextlib.suppress(ImportError):
                import fcntl

                fcntl.flock(data, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for name in ("journal", "pixels", "about.txt"):  # the lock stays: somebody may be waiting for it
                (folder / name).unlink(missing_ok=True)
        return True
    except (OSError, Timeout):
        return False
