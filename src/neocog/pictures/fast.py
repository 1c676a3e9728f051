"""Decoding at the speed that exactness allows: any picture's bytes → upright pixels, uint8 H×W×1 or H×W×3.

JPEGs are decoded by simplejpeg (the extra `fast`: libjpeg-turbo with the exact DCT, as in Pillow) where it is installed and
the picture is an ordinary one. All else, and all that goes wrong, goes the way of `decode`: pixels and words are the same.
"""

import io
from collections.abc import Callable
from importlib import metadata
from typing import NamedTuple

import numpy as np
from PIL import Image

from neocog.errors import BadPicture
from neocog.pictures.decode import decode, orientation, probe
from neocog.pictures.source import File, Source

try:
    import simplejpeg  # pyright: ignore[reportMissingImports]
except ImportError:
    simplejpeg = None

REDUCED = (8, 4, 2)  # what libjpeg can leave out of the inverse DCT and be the faster for it
_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {  # by EXIF orientation; views
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}
AtLeast = Callable[[int, int], float]
"""(height, width) of an upright picture → the pixels that its short side must have."""


class Pixels(NamedTuple):
    """uint8 H×W×C, and by how much each side was shortened in decoding: 1, 2, 4 or 8."""

    pixels: np.ndarray
    reduced: int


def version() -> str:
    """Of simplejpeg, where it is installed: other versions may give other pixels."""
    return metadata.version("simplejpeg") if simplejpeg is not None else ""


def fetch(source: Source, name: str) -> bytes:
    """A picture's bytes, read once; BadPicture in the words of `decode` where they cannot be had."""
    try:
        return source.read()
    except OSError as error:
        if isinstance(source, File):
            decode(source.path, name)  # says what is wrong with it
        raise BadPicture(name, (error.strerror or str(error)).lower()) from error


def pixels(data: bytes, name: str, at_least: AtLeast | None = None) -> Pixels:
    """Decode. at_least: a large JPEG may come with its sides halved up to three times, its short side not below that number.
    BadPicture as from `decode`."""
    head = _jpeg_head(data, name) if simplejpeg is not None else None
    if head is not None:
        turn, height, width, grey = head
        upright = (width, height) if turn >= 5 else (height, width)
        factor = _factor(upright, at_least)
        least = {"min_height": -(-height // factor), "min_width": -(-width // factor)} if factor > 1 else {}
        try:
            found = simplejpeg.decode_jpeg(data, "GRAY" if grey else "RGB", **least)  # pyright: ignore
            return Pixels(_UPRIGHT[turn](found) if turn in _UPRIGHT else found, factor)
        except ValueError:  # damaged: Pillow makes the best of it, or says in its words that nothing can be done
            pass
    short, full = None, None
    if at_least is not None and data.startswith(b"\xff\xd8\xff"):
        full = probe(data, name)[:2]
        factor = _factor(full, at_least)
        short = min(full) // factor if factor > 1 else None
    found = np.asarray(decode(data, name, at_least=short))
    factor = round(max(full) / max(found.shape[:2])) if full is not None and short is not None else 1
    return Pixels(found[:, :, None] if found.ndim == 2 else found, factor)


def _factor(size: tuple[int, int], at_least: AtLeast | None) -> int:
    if at_least is None:
        return 1
    least = at_least(*size)
    return next((factor for factor in REDUCED if factor * least <= min(size)), 1)


def _jpeg_head(data: bytes, name: str) -> tuple[int, int, int, bool] | None:
    """(orientation, height and width as stored, grey) of an ordinary JPEG; None for all others.

    Ordinary: Huffman-coded, 8 bits, one or three components, not above Pillow's limit of pixels.
    """
    if not data.startswith(b"\xff\xd8\xff"):
        return None
    at, tagged = 2, False
    while at + 9 < len(data) and data[at] == 0xFF:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        if marker == 0xFF:  # fill bytes are allowed between segments
            at += 1
            continue
        tagged = tagged or marker == 0xE1
        if marker in (0xC0, 0xC1, 0xC2):
            height, width = int.from_bytes(data[at + 5 : at + 7]), int.from_bytes(data[at + 7 : at + 9])
            limit = Image.MAX_IMAGE_PIXELS or height * width
            if data[at + 4] != 8 or data[at + 9] not in (1, 3) or not 0 < height * width <= limit:
                return None
            return (_orientation(data) if tagged else 1), height, width, data[at + 9] == 1
        if marker in (0xD8, 0xD9, 0xDA) or (0xC3 <= marker <= 0xCF and marker != 0xC4) or length < 2:
            return None
        at += 2 + length
    return None


def _orientation(data: bytes) -> int:
    """Pillow is asked: EXIF comes in many shapes, and what it makes of them must be the same."""
    try:
        with Image.open(io.BytesIO(data), formats=["JPEG", "MPO"]) as picture:
            return orientation(picture)
    except Exception:
        return 1
