"""Preprocessed pixels of a split: held in memory, read from a cache on disk, or decoded by threads or processes.

The pixels of a picture are a function of the picture, the record and the key of a crop: never of where they are held, of
how many threads or processes made them, or of what became of those.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from neocog.errors import BadPicture
from neocog.pictures.augment.crops import Geometry
from neocog.pictures.building import Progress, build, measure
from neocog.pictures.cache import Cache
from neocog.pictures.making import Job, Maker
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.resample import Resize, pillow_resize
from neocog.pictures.sets import Pictures
from neocog.pictures.source import Held
from neocog.pictures.workers import AVAILABLE, Crew, WorkersFailed

IN_MEMORY = 1 << 30  # bytes of pixels that one split may hold
CHUNK = 256  # pictures decoded at a time
SLOW = 10.0  # seconds of decoding from which a cache on disk is made


class Store:
    """The pixels of `pictures` as `preprocessing` makes them: uint8 H×W×C each.

    limit: bytes that may be held in memory. workers: processes that decode; 0: as many threads as there are processors.
    exact: False lets large JPEGs be decoded at a part of their size (see `Maker`; for training). short: crops are drawn from
    pictures whose short side was brought down to this: these are then what is held and cached. resize: how `get`
    without geometry resamples, if not by Pillow. cache: the folder of caches on disk; None: the user's. slow: seconds of
    decoding from which `fill` makes one (math.inf: never).

    `failed` holds the pictures that could not be decoded, by index; they are never given out. `notes`: a line for each
    thing that a person should know about where the pixels come from.
    """

    def __init__(self, pictures: Pictures, preprocessing: Preprocessing, limit: int = IN_MEMORY, workers: int = 0, *,
                 exact: bool = True, short: int | None = None, resize: Resize = pillow_resize, cache: Path | None = None,
                 slow: float = SLOW):  # fmt: skip
        self.pictures, self.preprocessing = pictures, preprocessing
        self.maker = Maker(preprocessing, exact, short, resize)
        self.shape = self.maker.shape
        self.failed: dict[int, BadPicture] = {}
        self.notes: list[str] = []
        self._limit, self._home, self._slow = limit, cache, slow
        self._pool: ThreadPoolExecutor | None = None
        self._crew = Crew(self.maker, workers) if workers and AVAILABLE else None
        self._pixels: np.ndarray | None = None  # those of all pictures
        self._wholes: list[np.ndarray | None] | None = None  # the same with `short`
        self._cache: Cache | None = None
        self._records = np.full(len(pictures), -1, np.int64)  # numbers in the cache; -1: none
        p, held = preprocessing, pictures.arrays
        as_is = p.resize in ("none", "pad") or (p.height == p.width and p.resize_to in (None, p.height))
        if held is not None and held.shape[1:] == self.shape and p.color != "BGR" and as_is:
            self._pixels = held
        self.fits = self._pixels is not None or len(pictures) * int(np.prod(self.shape)) <= limit

    @property
    def good(self) -> np.ndarray:
        """Indices of the pictures that can be read, as far as is known: after `fill`, of all."""
        return np.setdiff1d(np.arange(len(self.pictures)), list(self.failed))

    def fill(self, on_progress: Progress | None = None) -> None:
        """Decode every picture once: into memory if they fit there, into a cache on disk if that takes longer than `slow`
        seconds; so both, one, or neither. `on_progress(done, total)`."""
        if self._pixels is not None or self._wholes is not None or not len(self.pictures):
            return
        trial = measure(self.pictures, self.decoded)
        if self.maker.short is not None:
            self.fits = trial.bytes <= self._limit
        if trial.seconds > self._slow and self.pictures.source(0) is not None:
            built = build(self.pictures, self.maker, self.decoded, trial.bytes, self._home, on_progress)
            self._cache, self._records = built.cache, built.records
            self.notes.append(built.note)
        if self.fits:
            self._hold(on_progress)

    def get(
        self,
        indices: np.ndarray | Sequence[int],
        geometry: Geometry | None = None,
        key: tuple[int, ...] = (),
        positions: np.ndarray | Sequence[int] | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """(uint8 N×H×W×C, the indices they are of): those of `indices` that can be read.

        geometry: of the k-th the box that this draws with `generator(*key, positions[k])` (positions: 0, 1, … where not
        given), instead of what the record cuts out.
        """
        indices = np.asarray(indices, np.int64)
        if geometry is None and self._pixels is not None:
            kept = indices if not self.failed else indices[~np.isin(indices, list(self.failed))]
            return self._pixels[kept], kept
        places = range(len(indices)) if positions is None else positions
        keys = [(*key, int(place)) for place in places] if geometry is not None else [()] * len(indices)
        out = np.empty((len(indices), *self.shape), np.uint8)

        def at_hand(k: int) -> bool:
            return self._at_hand(int(indices[k]), out[k], geometry, keys[k])

        here = geometry is None or self.maker.short is not None
        done = np.array(self._map(at_hand, range(len(indices)))) if here and self._holds else np.zeros(len(indices), bool)
        todo = [k for k in np.flatnonzero(~done).tolist() if int(indices[k]) not in self.failed]
        jobs = [self._job(int(indices[k]), False, geometry, keys[k]) for k in todo]
        for k, found in zip(todo, self._make(jobs, [out[k] for k in todo]), strict=True):
            if isinstance(found, BadPicture):
                self.failed[int(indices[k])] = found
            else:
                done[k] = True
        return (out, indices) if done.all() else (out[done], indices[done])

    def soon(self, order: np.ndarray, at: int) -> None:
        """Pictures order[at], order[at + 1], … will be asked for."""
        if self._pixels is None and self._wholes is None:
            self.pictures.soon(order, at)

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Every readable picture once, in order, `size` at a time."""
        every = np.arange(len(self.pictures))
        for start in range(0, len(every), size):
            self.soon(every, start)
            pixels, kept = self.get(every[start : start + size])
            if len(kept):
                yield pixels, kept

    def decoded(self, indices: np.ndarray) -> list[np.ndarray | None]:
        """What a cache holds of these pictures, made anew: uint8 H×W×C each; None, and `failed`, where that cannot be."""
        results: list[np.ndarray | None] = []
        jobs = [self._job(int(i), self.maker.short is not None) for i in indices]
        for i, found in zip(indices.tolist(), self._make(jobs), strict=True):
            if isinstance(found, BadPicture):
                self.failed[i] = found
            results.append(None if isinstance(found, BadPicture) else found)
        return results

    def close(self) -> None:
        """End threads and processes and let go of files; a store that is used again starts them again."""
        if self._crew is not None:
            self._crew.close()
        if self._pool is not None:
            self._pool.shutdown()
        self._pool = None

    @property
    def _holds(self) -> bool:
        return self._cache is not None or self._wholes is not None

    def _hold(self, on_progress: Progress | None) -> None:
        """Everything into memory."""
        total = len(self.pictures)
        pixels = np.empty((total, *self.shape), np.uint8) if self.maker.short is None else None
        wholes: list[np.ndarray | None] = []
        every = np.arange(total)
        for start in range(0, total, CHUNK):
            self.soon(every, start)
            indices = every[start : start + CHUNK]
            if pixels is not None:
                some, kept = self.get(indices)
                pixels[kept] = some
            else:
                wholes += self._all_wholes(indices)
            if on_progress is not None:
                on_progress(int(indices[-1]) + 1, total)
        self._pixels, self._wholes = pixels, wholes if pixels is None else None

    def _all_wholes(self, indices: np.ndarray) -> list[np.ndarray | None]:
        found = self._map(self._cached, indices.tolist())
        lacking = [k for k, one in enumerate(found) if one is None]
        for k, one in zip(lacking, self.decoded(indices[lacking]), strict=True):
            found[k] = one
        return found

    def _at_hand(self, i: int, out: np.ndarray, geometry: Geometry | None, key: tuple[int, ...]) -> bool:
        """Picture i into `out` from memory or the cache; False if it is in neither."""
        if self.maker.short is None:
            return geometry is None and self._cached(i, out) is not None
        whole = self._wholes[i] if self._wholes is not None else self._cached(i)
        if whole is None or geometry is None:
            return False
        out[...] = self.maker.crop_of(whole, geometry, key)
        return True

    def _cached(self, i: int, out: np.ndarray | None = None) -> np.ndarray | None:
        """The record of picture i, checked. One that is damaged or gone is not asked for again: the picture is decoded."""
        if self._cache is None or self._records[i] < 0:
            return None
        found = self._cache.read(int(self._records[i]), out)
        if found is None:
            self._records[i] = -1
            self._say(f"the picture cache {self._cache.folder} is damaged or gone; what it lacks is decoded again")
        return found

    def _job(self, i: int, whole: bool, geometry: Geometry | None = None, key: tuple[int, ...] = ()) -> Job:
        source = self.pictures.source(i)
        return Job(Held(self.pictures, i) if source is None else source, self.pictures.name(i), whole, geometry, key)

    def _make(self, jobs: Sequence[Job], rows: Sequence[np.ndarray] | None = None) -> list[np.ndarray | BadPicture]:
        """What becomes of each job, by processes or by threads; in its row, if there are any."""
        if self._crew is not None and jobs and not isinstance(jobs[0].source, Held):
            try:
                return self._crew.run(jobs, rows)
            except WorkersFailed as error:
                self._crew = None
                self._say(f"{error}: threads decode instead")

        def made(k: int) -> np.ndarray | BadPicture:
            try:
                found = jobs[k].make(self.maker)
            except BadPicture as error:
                return error
            if rows is None:
                return found
            rows[k][...] = found  # while it is in the processor's cache
            return rows[k]

        return self._map(made, range(len(jobs)))

    def _map(self, function: Callable[[Any], Any], what: Iterable[Any]) -> list[Any]:
        """Of each, in threads where they are many: decoding and resizing happen outside the interpreter's lock."""
        what, threads = list(what), os.cpu_count() or 1
        if threads == 1 or len(what) < 4:
            return [function(one) for one in what]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(threads, "pictures")
        return list(self._pool.map(function, what, chunksize=8))

    def _say(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)
