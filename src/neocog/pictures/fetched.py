"""Blocks of encoded pictures that are fetched when they are needed, and kept on disk while there is room.

A block is a file: where each picture begins and the last ends, int64, then their bytes. Files appear whole, under their own
name; those not used for longest go first. All processes of a machine share them.
"""

import contextlib
import os
import queue
import struct
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from neocog.errors import DataError
from neocog.files import PART, write_bytes

THREADS = 4  # blocks that are fetched at the same time
LOCKS = 16  # files that keep processes from fetching the same block twice
TRIES, WAIT = 6, 1.0  # of fetching a block; seconds before the second, which double each time: half a minute in all
FRESH = 60.0  # seconds for which a file that was used counts as just used
STALE = 3600.0  # seconds after which nobody writes a file any more

Fetch = Callable[[int], Sequence[bytes]]


class Fetched:
    """The blocks in `folder`, made by `fetch(block)`, at most `room` bytes of them. Picklable if `fetch` is."""

    def __init__(self, folder: Path, fetch: Fetch, room: float):
        self.folder, self.fetch, self.room = folder, fetch, room
        self._begin()

    def _begin(self) -> None:
        self._queue: queue.SimpleQueue[tuple[int, Future[None]]] = queue.SimpleQueue()
        self._works = False
        self._coming: dict[int, Future[None]] = {}
        self._used: dict[int, float] = {}
        self._lock = threading.Lock()

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "fetch": self.fetch, "room": self.room}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def read(self, block: int, place: int) -> bytes:
        """The bytes of one picture of a block. DataError where the block cannot be had."""
        while (data := self._here(block, place)) is None:
            self._ask(block).result()
        self._touch(block)
        return data

    def soon(self, blocks: Iterable[int]) -> None:
        """Send for those that are not here."""
        for block in blocks:
            if not self._file(block).exists():
                self._ask(block)

    def _here(self, block: int, place: int) -> bytes | None:
        """From the block's file; None where there is none, or no longer."""
        try:
            with self._file(block).open("rb") as file:
                file.seek(8 * place)
                start, end = struct.unpack("<2q", file.read(16))
                file.seek(start)
                return file.read(end - start)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, struct.error) as error:
            raise DataError(f"{self._file(block)} cannot be read ({error}): remove it, it is fetched again") from None

    def _file(self, block: int) -> Path:
        return self.folder / f"{block}.block"

    def _ask(self, block: int) -> Future[None]:
        with self._lock:
            coming = self._coming.get(block)
            if coming is None or coming.done():
                self._coming = {b: f for b, f in self._coming.items() if not f.done()}
                self._coming[block] = coming = Future()
                self._queue.put((block, coming))
                if not self._works:
                    self._works = True
                    for _ in range(THREADS):  # not a pool's, which would fetch all that is asked for before the process ends
                        threading.Thread(target=self._work, name="fetching", daemon=True).start()
        return coming

    def _work(self) -> None:
        while True:
            block, coming = self._queue.get()
            try:
                self._get(block)
                coming.set_result(None)
            except BaseException as error:
                coming.set_exception(error)

    def _get(self, block: int) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self.folder / f"{block % LOCKS}.lock"):
                if self._file(block).exists():  # another process was first
                    return
                rows = self._patiently(block)
                ends = np.cumsum([8 * (len(rows) + 1), *map(len, rows)], dtype="<i8")
                with FileLock(self.folder / "room.lock"):  # else two would find the same room
                    self._make_room(int(ends[-1]))
                    write_bytes(self._file(block), ends.tobytes() + b"".join(rows))
        except (OSError, NotImplementedError) as error:  # the latter: no locks on this file system
            why = getattr(error, "strerror", None) or error
            raise DataError(f"{self.folder}: what was fetched cannot be kept: {why}") from None

    def _patiently(self, block: int) -> Sequence[bytes]:
        for again in range(TRIES):
            try:
                return self.fetch(block)
            except Exception as error:  # of the hub's client, of its connection, of pyarrow
                if again == TRIES - 1:
                    why = " ".join(str(error).split())[:200] or type(error).__name__
                    raise DataError(
                        f"pictures cannot be fetched ({TRIES} tries): {why}; a training goes on with --resume"
                    ) from None
                time.sleep(WAIT * 2**again)
        raise AssertionError

    def _touch(self, block: int) -> None:
        now = time.monotonic()
        if now - self._used.get(block, -FRESH) >= FRESH:
            self._used[block] = now
            with contextlib.suppress(OSError):
                os.utime(self._file(block))

    def _make_room(self, size: int) -> None:
        """Those not used for longest go, until `size` more bytes fit; and what processes left half-written that were killed."""
        found = []
        for file in self.folder.glob(f".*{PART}"):
            with contextlib.suppress(OSError):
                if file.stat().st_mtime < time.time() - STALE:
                    file.unlink()
        for file in self.folder.glob("*.block"):
            with contextlib.suppress(OSError):
                status = file.stat()
                found.append((status.st_mtime, status.st_size, file))
        have = sum(size for _, size, _ in found)
        for _, bytes_, file in sorted(found):
            if have + size <= self.room:
                return
            file.unlink(missing_ok=True)
            have -= bytes_
