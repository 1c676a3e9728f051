"""Preprocessed pixels of a split: held in memory where they fit, decoded by threads where they do not."""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from neocog.errors import BadPicture
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.sets import Pictures

IN_MEMORY = 1 << 30  # bytes of pixels that one split may hold
CHUNK = 256  # pictures decoded at a time


class Store:
    """The pixels of `pictures` as `preprocessing` makes them: uint8 H×W×C each.

    `failed` holds the pictures that could not be decoded, by index; they are never given out.
    """

    def __init__(self, pictures: Pictures, preprocessing: Preprocessing, limit: int = IN_MEMORY, workers: int | None = None):
        self.pictures, self.preprocessing = pictures, preprocessing
        self.failed: dict[int, BadPicture] = {}
        p = preprocessing
        self.shape = (p.height, p.width, p.channels)
        self._workers = workers or os.cpu_count() or 1
        self._pool: ThreadPoolExecutor | None = None
        self._pixels: np.ndarray | None = None
        held = pictures.arrays
        as_is = p.resize in ("none", "pad") or (p.height == p.width and p.resize_to in (None, p.height))
        if held is not None and held.shape[1:] == self.shape and p.color != "BGR" and as_is:
            self._pixels = held
        self.fits = self._pixels is not None or len(pictures) * int(np.prod(self.shape)) <= limit

    @property
    def good(self) -> np.ndarray:
        """Indices of the pictures that can be read, as far as is known: after `fill`, of all."""
        return np.setdiff1d(np.arange(len(self.pictures)), list(self.failed))

    def fill(self, on_progress: Callable[[int, int], None] | None = None) -> None:
        """Decode every picture into memory, if they fit there. `on_progress(done, total)`."""
        if self._pixels is not None or not self.fits:
            return
        total = len(self.pictures)
        pixels = np.empty((total, *self.shape), np.uint8)
        for start in range(0, total, CHUNK):
            indices = range(start, min(start + CHUNK, total))
            for i, image in zip(indices, self._decode(indices), strict=True):
                if image is not None:
                    pixels[i] = image
            if on_progress is not None:
                on_progress(indices[-1] + 1, total)
        self._pixels = pixels

    def get(self, indices: np.ndarray | Sequence[int]) -> tuple[np.ndarray, np.ndarray]:
        """(uint8 N×H×W×C, the indices they are of): those of `indices` that can be read."""
        indices = np.asarray(indices, np.int64)
        if self._pixels is not None:
            kept = indices if not self.failed else indices[~np.isin(indices, list(self.failed))]
            return self._pixels[kept], kept
        images = self._decode(indices.tolist())
        kept = [k for k, image in enumerate(images) if image is not None]
        found = [image for image in images if image is not None]
        return np.stack(found) if found else np.empty((0, *self.shape), np.uint8), indices[kept]

    def batches(self, size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Every readable picture once, in order, `size` at a time."""
        for start in range(0, len(self.pictures), size):
            pixels, kept = self.get(np.arange(start, min(start + size, len(self.pictures))))
            if len(kept):
                yield pixels, kept

    def _decode(self, indices: Sequence[int]) -> list[np.ndarray | None]:
        if self._workers == 1 or len(indices) < 4:
            return [self._one(i) for i in indices]
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._workers)  # Pillow decodes and resizes outside the interpreter's lock
        return list(self._pool.map(self._one, indices, chunksize=8))

    def _one(self, i: int) -> np.ndarray | None:
        if i in self.failed:
            return None
        try:
            return self.preprocessing.image(self.pictures.picture(i))
        except BadPicture as error:
            self.failed[i] = error
            return None
