"""Building a cache of decoded pictures: once, by one process at a time, going on where another was stopped."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import PIL
from filelock import Timeout

from neocog.pictures import fast
from neocog.pictures.cache import Cache, Full, stamp
from neocog.pictures.making import Maker
from neocog.pictures.sets import Pictures

Progress = Callable[[int, int], None]
Decode = Callable[[np.ndarray], list[np.ndarray | None]]

TRIAL = 32  # pictures that are decoded to see how long all take, and how large they are
CHUNK = 64  # pictures between two lines in the journal: what a kill can cost
STALLED = 60.0  # seconds without a new record, after which another process that builds is not waited for any more


class Trial(NamedTuple):
    """What all pictures will take: seconds to decode, bytes of pixels."""

    seconds: float
    bytes: float


class Built(NamedTuple):
    """A cache, if there is one, the numbers of the records of each picture (-1: none), and what to tell people."""

    cache: Cache | None
    records: np.ndarray
    note: str


def measure(pictures: Pictures, decode: Decode) -> Trial:
    """From some pictures, evenly spaced."""
    at = pictures.sample(TRIAL)
    found = decode(at[::2])  # starts threads and processes, which is not to count
    start = time.monotonic()
    found += decode(at[1::2])
    each = (time.monotonic() - start) / max(1, len(at[1::2]))
    sizes = [one.nbytes for one in found if one is not None]
    return Trial(each * len(pictures), sum(sizes) / max(1, len(sizes)) * len(pictures))


def build(pictures: Pictures, maker: Maker, decode: Decode, size: float, home: Path | None,
          on_progress: Progress | None = None) -> Built:  # fmt: skip
    """Decode what the cache of these pictures lacks. Where it cannot be had or does not fit, that is said and they are
    decoded when they are needed. size: bytes that all are expected to take."""
    cache = Cache(key_of(pictures, maker), home)
    none = np.full(len(pictures), -1, np.int64)
    stamps = stamps_of(pictures)
    why = ""
    try:
        with cache.alone(lambda: _tell(cache, stamps, on_progress), STALLED):
            lacking = np.flatnonzero(cache.find(stamps) < 0)
            wanted = size * len(lacking) / len(pictures)
            if len(lacking) and cache.make_room(cache.size + wanted) < cache.size + wanted:
                have, want = cache.room / 1e9, (cache.size + wanted) / 1e9
                why = f"decoded pictures would take {want:.3g} GB, {have:.3g} GB are free for them (NEOCOG_CACHE_GB: the limit)"
            else:
                _write(cache, stamps, lacking, decode, on_progress)
    except Timeout:
        why = "another process builds the picture cache and does not get on"
    except (OSError, NotImplementedError) as error:  # the latter: no locks on this file system
        said = (getattr(error, "strerror", None) or str(error)).lower()
        why = str(error) if isinstance(error, Full) else f"the picture cache cannot be written: {said}"
    try:
        cache.open()
        records = cache.find(stamps)
    except OSError as error:
        return Built(None, none, f"{why or error}: pictures are decoded each time")
    count = int((records >= 0).sum())
    note = f"{count:,} decoded pictures, {cache.size / 1e9:.2g} GB, are kept in {cache.folder}"
    return Built(cache if count else None, records, f"{why}; {note}, the others are decoded each time" if why else note)


def key_of(pictures: Pictures, maker: Maker) -> str:
    """Where the pictures lie, what is made of them and by what: other pixels have another key."""
    p = maker.preprocessing
    root = getattr(pictures, "root", None)
    root = root.resolve().as_posix() if isinstance(root, Path) else type(pictures).__name__
    way = [p.color, p.interpolation, p.antialias]
    if maker.short is None:
        way += [p.height, p.width, p.resize, p.resize_to, maker.resize.__name__]
    decoder = f"Pillow {PIL.__version__}, " + (f"simplejpeg {fast.version()}" if fast.version() else "alone")
    return "\n".join([root, f"{way}", f"short side {maker.short}, exact {maker.exact}", decoder])


def stamps_of(pictures: Pictures) -> np.ndarray:
    """What each picture is known by, uint64 N×2: name, size and times; two pictures never share a record. 0: cannot be told."""
    stamps = np.zeros((len(pictures), 2), np.uint64)
    for i in range(len(pictures)):
        source = pictures.source(i)
        try:
            if source is not None:
                stamps[i] = stamp(f"{os.path.abspath(source.path)}\0{source.stamp()}")  # noqa: PTH100 (however it was spelled)
        except OSError:  # gone since it was listed: decoding will say so
            continue
    return stamps


def _write(cache: Cache, stamps: np.ndarray, lacking: np.ndarray, decode: Decode, on_progress: Progress | None) -> None:
    done = len(stamps) - len(lacking)
    for start in range(0, len(lacking), CHUNK):
        some = lacking[start : start + CHUNK]
        found = decode(some)
        kept = [k for k, one in enumerate(found) if one is not None and stamps[some[k]].any()]
        cache.add(stamps[some[kept]], [one for k in kept if (one := found[k]) is not None])
        if on_progress is not None:
            on_progress(done + min(start + CHUNK, len(lacking)), len(stamps))


def _tell(cache: Cache, stamps: np.ndarray, on_progress: Progress | None) -> int:
    """While another process builds: how many records there are."""
    try:
        cache.open()
    except OSError:
        return 0
    count = int((cache.find(stamps) >= 0).sum())
    if on_progress is not None:
        on_progress(count, len(stamps))
    return count
