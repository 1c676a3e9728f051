"""One picture examined: what its header says, what it decodes to, or what is wrong with it."""

import hashlib
from collections.abc import Iterable
from enum import IntFlag
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image

from neocog.errors import BadPicture
from neocog.pictures.decode import _formats, decode, probe
from neocog.pictures.doctor.finding import Finding
from neocog.pictures.doctor.look import look, thumbnail
from neocog.pictures.modes import is_grey

NOTHING = 4  # grey levels: what compression makes of a single colour
NO_HASH = bytes(16)


class Fact(IntFlag):
    """What is particular about a picture that can be read."""

    ROTATED = 1
    SIXTEEN_BIT = 2
    FLOAT = 4
    CMYK = 8
    PALETTE = 16
    ALPHA = 32
    ANIMATED = 64
    PAGES = 128
    WRONG_EXTENSION = 256
    GREY = 512
    BLANK = 1024


class Exam(NamedTuple):
    """Size upright; facts; the file's format and size in bytes; and hashes of the pixels and of the look (NO_HASH, empty:
    only the header was read)."""

    width: int
    height: int
    facts: Fact
    form: str
    length: int = 0
    pixels: bytes = NO_HASH
    look: bytes = b""


def examine(path: Path, name: str, quick: bool = False) -> Exam:
    """The file at `path`; `quick` reads its header only. BadPicture as from `decode`."""
    if quick:
        height, width, channels = probe(path, name)
        with path.open("rb") as file:
            facts, form = _header(file, path.suffix)
        return Exam(width, height, facts | (Fact.GREY if channels == 1 else 0), form, path.stat().st_size)
    picture = decode(path, name)
    with path.open("rb") as file:
        facts, form = _header(file, path.suffix)
    seen = examine_pixels(picture)
    return seen._replace(facts=seen.facts | facts, form=form, length=path.stat().st_size)


def examine_pixels(picture: Image.Image) -> Exam:
    """A decoded picture, mode "L" or "RGB"."""
    small = thumbnail(picture)
    extrema = picture.getextrema()
    ranges = [high - low for low, high in (extrema if picture.mode == "RGB" else (extrema,))]  # pyright: ignore
    facts = Fact.BLANK if max(ranges) <= NOTHING else Fact(0)
    if picture.mode == "L" or int(np.ptp(np.asarray(small, np.int16), axis=2).max()) <= NOTHING:
        facts |= Fact.GREY
    digest = hashlib.blake2b(f"{picture.mode}{picture.size}".encode(), digest_size=16)
    digest.update(picture.tobytes())
    return Exam(picture.width, picture.height, facts, "", 0, digest.digest(), look(small))


def hash_file(path: Path) -> bytes:
    """16 bytes that tell the file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()


def unusable(bad: Iterable[BadPicture]) -> list[Finding]:
    """A finding for each way in which pictures cannot be used."""
    by_kind: dict[str, list[BadPicture]] = {}
    for one in bad:
        by_kind.setdefault(_kind(one.why), []).append(one)
    return [
        Finding(kind, tuple(one.where for one in found), tuple(one.why for one in found)) for kind, found in by_kind.items()
    ]


def _kind(why: str) -> str:
    parts = {
        "empty file": "empty",
        "truncated": "truncated",
        "header damaged": "damaged-header",
        "HEIC": "heic",
        "not a picture": "not-a-picture",
        "too large": "too-large",
        "permission denied": "no-permission",
        "not a regular file": "not-a-file",
        "no such file": "broken-link",  # it was listed, so its name is there
        "symbolic links": "broken-link",
    }
    return next((kind for words, kind in parts.items() if words in why), "undecodable")


def recognised(path: Path) -> str | None:
    """The format of a file that is not named like a picture, "HEIC" included; None when it is no picture."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return None
    if head[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
        return "HEIC"
    magic = {b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n": "PNG", b"GIF8": "GIF", b"RIFF": "WEBP" if head[8:12] == b"WEBP" else None,
             b"II*\0": "TIFF", b"MM\0*": "TIFF"}  # fmt: skip
    return next((form for start, form in magic.items() if head.startswith(start)), None)


def _header(file: BinaryIO, suffix: str) -> tuple[Fact, str]:
    """What the header of a file says that `decode` has read, and its format."""
    depth = file.read(25)[24:25]  # of a PNG
    file.seek(0)
    with Image.open(file, formats=_formats()) as picture:
        mode, form, facts = picture.mode, picture.format or "", Fact(0)
        frames = getattr(picture, "is_animated", False)  # before the palette is looked at: a GIF's second frame may have one
        if form == "TIFF":
            depth = bytes([max(picture.tag_v2.get(258, (8,)))])  # pyright: ignore[reportAttributeAccessIssue]
            facts |= Fact.PAGES if frames else 0
        elif form in ("GIF", "PNG", "WEBP", "AVIF"):
            facts |= Fact.ANIMATED if frames else 0
        if mode == "F":
            facts |= Fact.FLOAT
        elif mode.startswith("I") or (form in ("PNG", "TIFF") and depth > b"\x08"):
            facts |= Fact.SIXTEEN_BIT
        if mode == "CMYK":
            facts |= Fact.CMYK
        if mode in ("P", "PA"):
            facts |= Fact.PALETTE
        if picture.has_transparency_data:
            facts |= Fact.ALPHA
        if _orientation(picture) != 1:
            facts |= Fact.ROTATED
        if is_grey(mode):
            facts |= Fact.GREY
        meant = Image.registered_extensions().get(suffix.lower(), form)
        if _family(meant) != _family(form):
            facts |= Fact.WRONG_EXTENSION
    return facts, form


def _family(form: str) -> str:
    return {"MPO": "JPEG", "DIB": "BMP"}.get(form, form)


def _orientation(picture: Image.Image) -> int:
    if picture.format == "PNG" and "exif" not in picture.info:  # asking would decode all of it
        return 1
    try:
        found = int(picture.getexif().get(0x0112, 1))
    except Exception:  # a damaged EXIF block, which `decode` passes over too
        return 1
    return found if 2 <= found <= 8 else 1
