"""A folder of JPEGs, and sources that misbehave, for processes of tests to share. Imports no torch."""

import os
import signal
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from neocog.pictures.making import Maker
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.sets import FilePictures
from neocog.pictures.source import Source

RECORD = Preprocessing(24, 24, resize_to=28)


def jpegs(root: Path, n: int) -> FilePictures:
    """n JPEGs of various sizes; the one numbered 3 is no picture."""
    root.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for i in range(n):
        coarse = rng.integers(0, 256, (5, 6, 3), dtype=np.uint8)
        size = (60 + int(rng.integers(40)), 50 + int(rng.integers(40)))
        Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC).save(root / f"{i:04}.jpg", quality=92)
    if n > 3:
        (root / "0003.jpg").write_bytes(b"this is not a picture")
    return photos(root)


def photos(root: Path) -> FilePictures:
    """Those of a folder, in order."""
    paths = sorted(root.glob("*.jpg"))
    return FilePictures(paths, np.arange(len(paths)) % 2, ("a", "b"), root)


def pixels(pictures: FilePictures) -> dict[int, np.ndarray]:
    """What each readable picture must come out as."""
    maker = Maker(RECORD)
    return {i: maker.image(pictures.source(i), "it") for i in range(len(pictures)) if i != 3}


class Wicked(NamedTuple):
    """A source that ends, or holds up, every process that reads it but `spared`."""

    path: Path
    spared: int
    deed: str = "die"

    def read(self) -> bytes:
        if os.getpid() != self.spared:
            if self.deed == "hang":
                time.sleep(1000)
            os.kill(os.getpid(), signal.SIGSEGV)
        return self.path.read_bytes()

    def stamp(self) -> str:
        return ""


class WickedPictures(FilePictures):
    """Files, one of which is wicked."""

    wicked, deed = 7, "die"

    def source(self, i: int) -> Source:
        return Wicked(self.paths[i], os.getpid(), self.deed) if i == self.wicked else super().source(i)
