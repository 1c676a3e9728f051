"""Decoding of one picture: upright, 8 bits, grey or RGB, or `BadPicture` with a reason a person understands."""

import os
import stat
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from PIL import Image, UnidentifiedImageError

from neocog.errors import BadPicture
from neocog.pictures.modes import flatten, is_grey

IMAGE_SUFFIXES = frozenset(
    f".{ending}"
    for endings in (
        ("jpg", "jpeg", "jpe", "jfif", "mpo", "png", "apng", "gif", "bmp", "dib", "tif", "tiff", "webp", "avif"),
        ("jp2", "j2k", "jpx", "jpf", "ppm", "pgm", "pbm", "pnm", "tga", "ico", "pcx", "sgi", "psd", "qoi", "dds"),
    )
    for ending in endings
)
"""File name endings, in lower case, of what we try to read as a picture."""

# Named one by one because some of Pillow's plugins start other programs (EPS starts Ghostscript) or are stubs.
_FORMATS = (
    *("JPEG", "MPO", "PNG", "GIF", "BMP", "DIB", "TIFF", "WEBP", "AVIF"),
    *("JPEG2000", "PPM", "TGA", "ICO", "PCX", "SGI", "PSD", "QOI", "DDS"),
)

_UPRIGHT = {  # EXIF tag 0x0112 (Orientation) → what makes the picture upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"BM", b"II*\0", b"MM\0*")
_setup = threading.Lock()


class Probe(NamedTuple):
    """What a header says: size in pixels once upright, and 1 channel for grey or 3."""

    height: int
    width: int
    channels: int


def decode(source: Path | str | bytes | BinaryIO, name: str = "", at_least: int | None = None) -> Image.Image:
    """A file, its bytes, or an open binary stream → an upright picture in mode "L" (grey sources) or "RGB".

    EXIF orientation is applied; of animations the first frame is taken; what becomes of palettes, transparency, CMYK,
    16-bit and float pictures is told at `modes.flatten`: 16-bit grey is scaled, never clipped, and float pictures
    outside [0, 1] are stretched to their minimum..maximum. `name` is what errors call the picture. With `at_least`, a
    large JPEG may come back at a half, a quarter or an eighth of its size, but its short side not below `at_least`.

    BadPicture whenever that fails, whatever the reason: missing, a folder, empty, truncated, not a picture, too large
    (Pillow's decompression bomb limit, about 89 million pixels).
    """
    where = name or _name_of(source)
    with _opened(source, where) as picture:
        if at_least and picture.format in ("JPEG", "MPO"):
            picture.draft(None, (at_least, at_least))  # pyright: ignore[reportArgumentType] (None: keep the mode)
        picture.load()
        turn = _UPRIGHT.get(orientation(picture))
        flat = flatten(picture)
        upright = flat.transpose(turn) if turn is not None else flat.copy() if flat is picture else flat
        upright.info = {}  # no orientation left for anybody to apply twice
        return upright


def probe(source: Path | str | bytes | BinaryIO, name: str = "") -> Probe:
    """Size and colour from the header alone; BadPicture as from `decode`, but damage to the pixels goes unseen."""
    with _opened(source, name or _name_of(source)) as picture:
        # Asking a PNG for EXIF data that its header lacks would make Pillow decode all of it.
        # A TIFF's size is that of the upright picture already.
        silent = picture.format == "TIFF" or (picture.format == "PNG" and "exif" not in picture.info)
        turned = not silent and orientation(picture) >= 5
        width, height = picture.size[::-1] if turned else picture.size
        return Probe(height, width, 1 if is_grey(picture.mode) else 3)


@contextmanager
def _opened(source: Path | str | bytes | BinaryIO, where: str) -> Iterator[Image.Image]:
    """The picture with its header read. All that goes wrong inside the block becomes BadPicture."""
    import io

    head = b""
    try:
        if isinstance(source, (str, Path)):
            _check_file(Path(source), where)
            stream: BinaryIO = Path(source).open("rb")  # noqa: SIM115 (closed below, when it is ours)
        else:
            stream = io.BytesIO(source) if isinstance(source, (bytes, bytearray, memoryview)) else source
            if not stream.seekable():
                stream = io.BytesIO(stream.read())
        try:
            stream.seek(0)  # as Pillow does
            head = stream.read(64)
            if not head:
                raise BadPicture(where, "empty file")
            with Image.open(stream, formats=_formats()) as picture:
                limit = Image.MAX_IMAGE_PIXELS
                if limit and picture.width * picture.height > limit:  # where somebody took the warning filter away
                    raise Image.DecompressionBombError
                yield picture
        finally:
            if stream is not source:
                stream.close()
    except (MemoryError, BadPicture):
        raise
    except Exception as error:  # plugins raise SyntaxError, ValueError, struct.error, zlib.error, …
        raise BadPicture(where, _reason(error, head)) from error


def _check_file(path: Path, where: str) -> None:
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise BadPicture(where, "a folder, not a picture")
    if not stat.S_ISREG(mode):
        raise BadPicture(where, "not a regular file")  # opening a pipe would wait for ever


def _formats() -> list[str]:
    """The formats this Pillow was built with. Also makes Pillow's warning of a decompression bomb an error, once.

    (`warnings.catch_warnings` is not safe in threads, and decoding is done in threads.)
    """
    bomb = Image.DecompressionBombWarning
    with _setup:
        if not any(entry[0] == "error" and entry[2] is bomb for entry in warnings.filters):
            warnings.simplefilter("error", bomb)
        if not _available:
            Image.init()
            _available.extend(name for name in _FORMATS if name in Image.OPEN)
    return _available


_available: list[str] = []


def orientation(picture: Image.Image) -> int:
    """What EXIF (or XMP) says of how the picture was held, 1 to 8; 1 where it says nothing."""
    try:
        return int(picture.getexif().get(0x0112, 1))
    except Exception:  # a damaged EXIF block is common and says nothing about the pixels
        return 1


def _name_of(source: object) -> str:
    if isinstance(source, (str, Path)):
        return str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "picture"


def _reason(error: Exception, head: bytes) -> str:
    """One line for people."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, (Image.DecompressionBombError, Image.DecompressionBombWarning)):
        return f"too large: more than {Image.MAX_IMAGE_PIXELS or 0:,} pixels (a decompression bomb?)"
    if isinstance(error, UnidentifiedImageError):
        if head[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1"):
            return "a HEIC picture, which Pillow cannot read: save it as JPEG"
        if head.lstrip().lower().startswith((b"<!doctype", b"<html", b"<svg", b"<?xml")):
            return "not a picture (it starts like a web page)"
        return "header damaged or cut off" if head.startswith(_MAGIC) else "not a picture"
    said = " ".join(str(error).split())[:160]
    if said == "Truncated File Read":
        return "truncated in its header"
    if "truncated" in said.lower():
        return said.removeprefix("image file is ")
    if isinstance(error, OSError) and error.errno:
        return os.strerror(error.errno).lower()
    return f"cannot be decoded ({said or type(error).__name__})"
