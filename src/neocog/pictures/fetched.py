"""Blocks of encoded pictures that are fetched when they are needed, and kept on disk while there is room.

A block is a file: where each picture begins and the last ends, int64, then their bytes. Files appear whole, under their own
name; those not used for longest go first, whichever set they are of. All processes of a machine share them.

Who needs a block fetches it himself, again and again for half a minute. What will be needed soon is fetched by threads beside,
once each; what they fail in is left to who needs it.
"""

import contextlib
import os
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from neocog.errors import DataError
from neocog.files import PART, write_bytes

THREADS = 4  # that fetch what will be needed soon
LOCKS = 16  # files that keep threads and processes from fetching the same block twice
TRIES, WAIT = 6, 1.0  # of fetching a block; seconds before the second, which double each time: half a minute in all
FRESH = 60.0  # seconds for which a file that was used counts as just used
STALE = 3600.0  # seconds after which nobody writes a file any more
LOOK, IDLE = 0.5, 20  # seconds between two looks at whether the process is ending; looks after which an idle thread ends

Fetch = Callable[[int], Sequence[bytes]]


class Fetched:
    """The blocks in `folder`, made by `fetch(block)`; at most `room` bytes of blocks in all folders beside it together.
    Picklable if `fetch` is."""

    def __init__(self, folder: Path, fetch: Fetch, room: float):
        self.folder, self.fetch, self.room = folder, fetch, room
        self._begin()

    def _begin(self) -> None:
        self._wanted: deque[int] = deque()
        self._change = threading.Condition()
        self._threads = 0
        self._used: dict[int, float] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "fetch": self.fetch, "room": self.room}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()

    def read(self, block: int, place: int) -> bytes:
        """The bytes of one picture of a block. DataError where the block cannot be had."""
        while (data := self._here(block, place)) is None:
            self._patiently(block)
        self._touch(block)
        return data

    def soon(self, blocks: Iterable[int]) -> None:
        """These will be needed next, in this order; what was named before no longer counts."""
        lacking = deque(block for block in blocks if not self._file(block).exists())
        with self._change:
            self._wanted = lacking
            for _ in range(min(len(lacking), THREADS) - self._threads):
                self._threads += 1
                # No daemons: a process that ends while one is inside a library is aborted.
                threading.Thread(target=self._ahead, name="fetching").start()
            self._change.notify_all()

    def _ahead(self) -> None:
        """Fetch what is wanted, until nothing is for a while or the process ends."""
        idle = 0
        while idle < IDLE and threading.main_thread().is_alive():
            with self._change:
                if not self._wanted and not self._change.wait(LOOK):
                    idle += 1
                block = self._wanted.popleft() if self._wanted else None
            if block is None:
                continue
            idle = 0
            try:
                self._get(block)
            except Exception:
                with self._change:
                    self._wanted.clear()
        with self._change:
            self._threads -= 1

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

    def _patiently(self, block: int) -> None:
        for again in range(TRIES):
            try:
                self._get(block)
                return
            except DataError:
                raise
            except Exception as error:  # of the hub's client, of its connection, of pyarrow
                if again == TRIES - 1:
                    why = " ".join(str(error).split())[:200] or type(error).__name__
                    words = f"pictures cannot be fetched ({TRIES} tries): {why}; a training goes on with --resume"
                    raise DataError(words) from None
                time.sleep(WAIT * 2**again)

    def _get(self, block: int) -> None:
        """Fetch a block, unless it is here. Raises what `fetch` raises; DataError where it cannot be kept."""
        with self._locked(self.folder / f"{block % LOCKS}.lock"):
            if self._file(block).exists():  # somebody was first
                return
            rows = self.fetch(block)
            ends = np.cumsum([8 * (len(rows) + 1), *map(len, rows)], dtype="<i8")
            with self._locked(self.folder.parent / "room.lock"):  # else two would find the same room
                self._make_room(int(ends[-1]))
                try:
                    write_bytes(self._file(block), ends.tobytes() + b"".join(rows))
                except OSError as error:
                    raise self._unkept(error) from None

    @contextlib.contextmanager
    def _locked(self, file: Path) -> Iterator[None]:
        lock = FileLock(file)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except (OSError, NotImplementedError) as error:  # the latter: no locks on this file system
            raise self._unkept(error) from None
        try:
            yield
        finally:
            lock.release()

    def _unkept(self, error: Exception) -> DataError:
        return DataError(f"{self.folder}: what was fetched cannot be kept: {getattr(error, 'strerror', None) or error}")

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
        for file in self.folder.parent.glob("*/*.block"):
            with contextlib.suppress(OSError):
                status = file.stat()
                found.append((status.st_mtime, status.st_size, file))
        have = sum(size for _, size, _ in found)
        for _, bytes_, file in sorted(found):
            if have + size <= self.room:
                return
            file.unlink(missing_ok=True)
            have -= bytes_
