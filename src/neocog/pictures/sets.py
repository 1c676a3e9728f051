"""Labelled sets of pictures, in memory or as files, and the splits between training, validation and test."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from neocog.errors import BadPicture, DataError
from neocog.pictures.decode import Probe, decode, probe
from neocog.pictures.names import Paths
from neocog.pictures.source import File, Source


class Blocks(NamedTuple):
    """`of[i]`, int64 [N]: the block of picture i, with which it is fetched. `window`: how many blocks are well held together;
    `reach`: how many pictures those have, about."""

    of: np.ndarray
    window: int
    reach: int


class Pictures(ABC):
    """One labelled split: `labels[i]` (int64 [N]) is the index in `classes` of picture i."""

    def __init__(self, labels: np.ndarray | Sequence[int], classes: Sequence[str], count: int):
        self.classes = tuple(classes)
        self.labels = np.asarray(labels, np.int64)
        if self.labels.shape != (count,):
            raise DataError(f"{count} pictures but labels of shape {self.labels.shape}: one label a picture is needed")
        if count and (self.labels.min() < 0 or self.labels.max() >= len(self.classes)):
            raise DataError(
                f"labels run from {self.labels.min()} to {self.labels.max()}, but there are {len(self.classes)} classes"
            )

    def __len__(self) -> int:
        return len(self.labels)

    @abstractmethod
    def picture(self, i: int) -> Image.Image:
        """Picture i in mode "L" or "RGB"; BadPicture if it cannot be decoded."""

    @abstractmethod
    def name(self, i: int) -> str:
        """What to call picture i in messages and tables; it survives `subset`."""

    @abstractmethod
    def subset(self, indices: np.ndarray | Sequence[int]) -> "Pictures":
        """These pictures, in this order."""

    def header(self, i: int) -> Probe:
        """Size and colour of picture i, as cheaply as they can be had; BadPicture if they cannot."""
        picture = self.picture(i)
        return Probe(picture.height, picture.width, len(picture.getbands()))

    def source(self, i: int) -> Source | None:
        """Where the bytes of picture i lie, for decoders in other processes and for caches; None: only `picture` knows."""
        return None

    @property
    def blocks(self) -> "Blocks | None":
        """Which pictures are fetched together, where they come from afar; None: each is there by itself."""
        return None

    def soon(self, order: np.ndarray, at: int) -> None:
        """Pictures order[at], order[at + 1], … will be asked for: of what comes from afar, the next blocks are sent for."""
        return

    def sample(self, count: int) -> np.ndarray:
        """Up to `count` pictures, evenly spaced: sorted indices. Of blocks, from as few as hold so many, but from four."""
        among = np.arange(len(self))
        if self.blocks is not None and len(among):
            every, sizes = np.unique(self.blocks.of, return_counts=True)
            wanted = min(len(every), max(4, -(-count // int(sizes.mean()))))
            among = np.flatnonzero(np.isin(self.blocks.of, every[_evenly(len(every), wanted)]))
        return among[_evenly(len(among), count)]

    @property
    def arrays(self) -> np.ndarray | None:
        """All pixels, uint8 N×H×W×C, when they are held in memory, else None."""
        return None


class ArrayPictures(Pictures):
    """Pictures of one size in memory: uint8 N×H×W×C, or N×H×W for grey. `label` is how the split is called."""

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray | Sequence[int],
        classes: Sequence[str],
        label: str,
        numbers: np.ndarray | None = None,
    ):
        images = images[..., None] if images.ndim == 3 else images
        if images.ndim != 4 or images.dtype != np.uint8 or images.shape[3] not in (1, 3):
            shape = "×".join(map(str, images.shape))
            raise DataError(f"{label}: pictures must be uint8 N×H×W×C with 1 or 3 channels, not {images.dtype} {shape}")
        super().__init__(labels, classes, len(images))
        self.label = label
        self._images = images
        self._numbers = np.arange(len(images)) if numbers is None else numbers

    @property
    def arrays(self) -> np.ndarray:
        return self._images

    def picture(self, i: int) -> Image.Image:
        pixels = self._images[i]
        return Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)

    def name(self, i: int) -> str:
        return f"{self.label}[{self._numbers[i]}]"

    def subset(self, indices: np.ndarray | Sequence[int]) -> "ArrayPictures":
        at = np.asarray(indices, np.int64)
        return ArrayPictures(self._images[at], self.labels[at], self.classes, self.label, self._numbers[at])


class FilePictures(Pictures):
    """Pictures in files, decoded when asked for; named by their path below `root`. `paths[i]` is made when asked for."""

    def __init__(self, paths: Sequence[Path], labels: np.ndarray | Sequence[int], classes: Sequence[str], root: Path | str):
        super().__init__(labels, classes, len(paths))
        self.root = Path(root)
        self.paths = Paths.of(paths, self.root)

    def picture(self, i: int) -> Image.Image:
        return decode(self.paths[i], self.name(i))

    def source(self, i: int) -> Source:
        return File(self.paths[i])

    def name(self, i: int) -> str:
        return self.paths.name(i)

    def header(self, i: int) -> Probe:
        return probe(self.paths[i], self.name(i))

    def subset(self, indices: np.ndarray | Sequence[int]) -> "FilePictures":
        at = np.asarray(indices, np.int64)
        return FilePictures(self.paths.take(at.tolist()), self.labels[at], self.classes, self.root)


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set ready for use. `eq` is identity; `fingerprint` says whether two hold the same data.

    `fingerprint`: SHA-256 over the pixels and labels of sets in memory; over names, labels and file sizes of files. It
    is taken before anything is carved off, so it depends on neither the seed nor the fractions.
    `flip`: is a mirrored picture still of its class? `notes`: one line for each decision that was taken.
    `skipped`: the files left out, each with its reason.
    """

    name: str
    classes: tuple[str, ...]
    train: Pictures
    val: Pictures | None
    test: Pictures | None
    fingerprint: str
    flip: bool
    notes: tuple[str, ...] = ()
    skipped: tuple[BadPicture, ...] = ()

    @cached_property
    def size(self) -> tuple[int, int, int]:
        """(height, width, channels) of a typical training picture.

        Exact in memory. For files: the medians over up to 64 headers, evenly spaced, upright; grey (1 channel) only if
        all of them are grey.
        """
        if self.train.arrays is not None:
            height, width, channels = self.train.arrays.shape[1:]
            return height, width, channels
        headers = [self.train.header(i) for i in self.train.sample(64).tolist()]
        height, width = (int(np.median([header[axis] for header in headers])) for axis in (0, 1))
        return height, width, max(header.channels for header in headers)


def stratified_split(
    labels: np.ndarray | Sequence[int], fraction: float, seed: int, keys: Sequence[str] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(rest, taken): sorted int64 indices, `taken` holding the given fraction of each class (halves rounded up).

    Taken are those whose hash of (seed, key) is smallest, keys being the names of the pictures (None: their position).
    So the split is the same in every process and on every machine, and adding pictures moves few others. A class never
    loses its last picture.
    """
    if not 0 <= fraction < 1:
        raise DataError(f"a split takes a fraction from 0 up to, not including, 1 of the pictures, not {fraction}")
    labels = np.asarray(labels, np.int64)
    if keys is not None and len(keys) != len(labels):
        raise DataError(f"{len(labels)} labels but {len(keys)} keys to split by")
    chosen = np.zeros(len(labels), bool)
    for wanted in np.unique(labels):
        members = np.flatnonzero(labels == wanted)
        count = min(int(len(members) * fraction + 0.5), len(members) - 1)
        if count:
            ranks = np.fromiter((_rank(seed, str(i) if keys is None else keys[i]) for i in members.tolist()), np.uint64)
            chosen[members[np.argsort(ranks, kind="stable")[:count]]] = True
    return np.flatnonzero(~chosen), np.flatnonzero(chosen)


def carve(
    pictures: Pictures, fraction: float, seed: int, keys: Sequence[str] | None = None
) -> tuple[Pictures, Pictures | None]:
    """(the rest, the stratified fraction taken from it, or None when that is not a single picture)."""
    rest, taken = stratified_split(pictures.labels, fraction, seed, keys)
    return (pictures.subset(rest), pictures.subset(taken)) if len(taken) else (pictures, None)


def fingerprint(parts: Iterable[bytes | str | np.ndarray]) -> str:
    """SHA-256 over parts, each preceded by its length (or shape) so that none can run into the next."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            raw = part.encode("utf-8", "surrogateescape") if isinstance(part, str) else part
            digest.update(b"%d:%b" % (len(raw), raw))
    return digest.hexdigest()


def _evenly(total: int, count: int) -> np.ndarray:
    """Up to `count` of the numbers below `total`."""
    return np.unique(np.linspace(0, total - 1, min(count, total)).astype(np.int64))


def _rank(seed: int, key: str) -> int:
    """The first 64 bits of a hash."""
    return int.from_bytes(hashlib.sha256(f"{seed}\0{key}".encode("utf-8", "surrogateescape")).digest()[:8])
