"""From a picture's bytes to the pixels that a network is shown: pure functions of the picture, one record and a key.

The same code makes them in this process, in its threads, in worker processes and for caches: so they cannot differ.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from PIL import Image

from neocog.pictures import geometry
from neocog.pictures.augment.crops import Geometry
from neocog.pictures.augment.draws import generator
from neocog.pictures.fast import AtLeast, Pixels, fetch, pixels
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.resample import Resize, cut, ordinary, pillow_resize, shortened, window
from neocog.pictures.source import Held, Source

ROOM = 2  # a JPEG is decoded at a half, a quarter or an eighth where that leaves this many pixels for each that is wanted


@dataclass(frozen=True)
class Maker:
    """How pixels are made. Picklable.

    exact: every picture is decoded in full: pixels are within 1/255 of `preprocessing.image(decode(…))`. Else a large JPEG is
    decoded at a part of its size (`ROOM`; for training). short: crops are drawn from pictures whose short side
    was brought down to this, which a cache can hold; None: from the pictures as they are. resize: another way to resample
    than Pillow's, for `image` alone.
    """

    preprocessing: Preprocessing
    exact: bool = True
    short: int | None = None
    resize: Resize = pillow_resize

    @property
    def shape(self) -> tuple[int, int, int]:
        """H×W×C of what is made."""
        return self.preprocessing.height, self.preprocessing.width, self.preprocessing.channels

    def image(self, source: "Source | Held", name: str) -> np.ndarray:
        """uint8 H×W×C, as `preprocessing.image` makes it."""
        record = self.preprocessing
        data = _bytes(source, name)
        if data is None:
            assert isinstance(source, Held)
            return record.image(source.picture())
        found = self._colored(pixels(data, name, None if self.exact else self._at_least))
        height, width = found.pixels.shape[:2]
        wanted = window(record, height, width, self.exact)
        by_torch = wanted is not None and self.resize is not pillow_resize
        if wanted is None or (self.exact and not (by_torch and ordinary(found.pixels.shape[2], wanted, record.interpolation))):
            flat = found.pixels[:, :, 0] if found.pixels.shape[2] == 1 else found.pixels
            return record.image(Image.fromarray(np.ascontiguousarray(flat)))
        if (height, width) == (wanted.rows, wanted.columns):
            rows, columns = slice(wanted.top, wanted.top + wanted.height), slice(wanted.left, wanted.left + wanted.width)
            return self._finished(found.pixels[rows, columns])
        return self._finished(self.resize(found.pixels, wanted, record.interpolation))

    def whole(self, source: "Source | Held", name: str) -> np.ndarray:
        """uint8 h×w×C: the picture in the record's colours, its short side brought down to `short`; what a cache holds."""
        least = None if self.exact or self.short is None else lambda height, width: ROOM * (self.short or 1)
        found = self._colored(self._decoded(source, name, least)).pixels
        return self._finished(found if self.short is None else shortened(found, self.short, self._way))

    def crop(self, source: "Source | Held", name: str, place: Geometry, key: Sequence[int]) -> np.ndarray:
        """uint8 H×W×C: the box that `place` draws with `generator(*key)`, resampled. `short`: from `whole`."""
        if self.short is not None:
            return self.crop_of(self.whole(source, name), place, key)
        height, width = self.shape[:2]
        boxes = []

        def at_least(full_height: int, full_width: int) -> float:
            boxes.append(place(full_height, full_width, height, width, generator(*key)))
            room = max(1.0, min(boxes[-1].height / height, boxes[-1].width / width) / ROOM)
            return min(full_height, full_width) / room

        data = None if self.exact else _bytes(source, name)
        if data is None:
            return self.crop_of(self.whole(source, name), place, key)
        found = self._colored(pixels(data, name, at_least))
        if not boxes:  # not a JPEG
            at_least(*found.pixels.shape[:2])
        top, left, tall, wide = (value / found.reduced for value in boxes[-1])
        return self._finished(cut(found.pixels, (top, left, tall, wide), height, width, self._way))

    def crop_of(self, whole: np.ndarray, place: Geometry, key: Sequence[int]) -> np.ndarray:
        """The same from pixels h×w×C that are in the record's colours already."""
        height, width = self.shape[:2]
        box = place(whole.shape[0], whole.shape[1], height, width, generator(*key))
        return cut(whole, box, height, width, self._way)

    @property
    def _way(self) -> str:
        return self.preprocessing.interpolation if self.preprocessing.antialias else geometry.LINEAR

    def _at_least(self, height: int, width: int) -> float:
        """The short side that leaves ROOM pixels for each that the record wants, in either direction."""
        wanted = window(replace(self.preprocessing, antialias=True), height, width)
        if wanted is None:
            return min(height, width)
        return ROOM * min(height, width) * max(wanted.rows / height, wanted.columns / width)

    def _decoded(self, source: "Source | Held", name: str, least: AtLeast | None = None) -> Pixels:
        data = _bytes(source, name)
        if data is not None:
            return pixels(data, name, least)
        assert isinstance(source, Held)
        found = np.asarray(source.picture())
        return Pixels(found[:, :, None] if found.ndim == 2 else found, 1)

    def _colored(self, found: Pixels) -> Pixels:
        """Grey from colours, where grey is wanted; grey pictures stay grey until they are finished."""
        if self.preprocessing.color != "L" or found.pixels.shape[2] == 1:
            return found
        grey = np.asarray(Image.fromarray(np.ascontiguousarray(found.pixels)).convert("L"))
        return Pixels(grey[:, :, None], found.reduced)

    def _finished(self, found: np.ndarray) -> np.ndarray:
        """Three channels of a grey picture, and BGR, where the record says so."""
        if found.shape[2] < self.preprocessing.channels:
            found = np.repeat(found, self.preprocessing.channels, 2)
        return found[:, :, ::-1] if self.preprocessing.color == "BGR" else found


def _bytes(source: "Source | Held", name: str) -> bytes | None:
    """Those of a picture, as its file has them; None where there are only pixels."""
    return source.encoded() if isinstance(source, Held) else fetch(source, name)


class Job(NamedTuple):
    """One picture to make. place: crops are made, with `key`; whole: what a cache holds; else what the record says."""

    source: Source | Held
    name: str
    whole: bool = False
    place: Geometry | None = None
    key: tuple[int, ...] = ()

    def make(self, maker: Maker) -> np.ndarray:
        """uint8 H×W×C."""
        if self.place is not None:
            return maker.crop(self.source, self.name, self.place, self.key)
        return maker.whole(self.source, self.name) if self.whole else maker.image(self.source, self.name)
