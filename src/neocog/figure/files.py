"""Figures as files: pixels in the formats that people use, or SVG; whole or not at all."""

import io
from pathlib import Path
from typing import TYPE_CHECKING

from neocog.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

    from neocog.figure.sketch import Sketch

FORMATS = {
    ".png": "PNG",
    ".webp": "WEBP",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
SUFFIXES = tuple(FORMATS)


def check_picture(option: str, out: str | Path, svg: bool = False) -> None:
    """Raises UserError for a name that says no format that can be written."""
    if Path(out).suffix.lower() not in ((*SUFFIXES, ".svg") if svg else SUFFIXES):
        more = "or .svg" if svg else f"(or {', '.join(SUFFIXES[1:])})"
        raise UserError(f"{option} {out}: a picture's name ends in .png {more}")


def write_picture(out: Path, drawn: "Image.Image | Sketch") -> None:
    """In the format that the name's ending says; as SVG a sheet of pixels is one picture in a frame."""
    import numpy as np

    from neocog.figure.sketch import Sketch
    from neocog.files import write_bytes, write_text

    suffix = out.suffix.lower()
    if suffix == ".svg" and not isinstance(drawn, Sketch):
        sheet = Sketch(drawn.width / 2, drawn.height / 2, out.stem)  # a picture in SVG has two pixels to the unit
        sheet.picture(0, 0, np.asarray(drawn.convert("RGB")), sheet.wide, sheet.high)
        drawn = sheet
    if isinstance(drawn, Sketch):
        if suffix == ".svg":
            write_text(out, drawn.svg())
            return
        drawn = drawn.pixels()
    stream = io.BytesIO()
    try:
        drawn.save(stream, FORMATS[suffix])
    except (ValueError, OSError):  # JPEG and WebP have a largest side
        size = f"{drawn.width}×{drawn.height}"
        raise UserError(f"{out}: {size} pixels are more than {FORMATS[suffix]} can hold; a name that ends in .png") from None
    write_bytes(out, stream.getvalue())
