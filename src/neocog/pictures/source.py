"""Where the bytes of a picture lie: what a decoder needs of it, in this process or another, and what a cache knows it by."""

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from PIL import Image

    from neocog.pictures.sets import Pictures


class Source(Protocol):
    """Picklable; `path` is the file that is to blame when it cannot be read."""

    @property
    def path(self) -> Path: ...

    def read(self) -> bytes:
        """All of the picture's bytes; OSError where they cannot be had."""
        ...

    def stamp(self) -> str:
        """Changes when the picture does: size and time of its file; OSError where there is none."""
        ...


class File(NamedTuple):
    """A file of its own."""

    path: Path

    def read(self) -> bytes:
        handle = os.open(self.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # opening a pipe would wait for ever
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise OSError("not a regular file")
            with open(handle, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(handle)

    def stamp(self) -> str:
        status = os.stat(self.path)  # noqa: PTH116 (a third of pathlib's time, on millions)
        return f"{status.st_size} {status.st_mtime_ns}"


class Span(NamedTuple):
    """A stretch of a larger file: a picture in a shard."""

    path: Path
    offset: int
    length: int

    def read(self) -> bytes:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read(self.length)
        if len(data) < self.length:
            raise OSError("the file ends before the picture does")
        return data

    def stamp(self) -> str:
        return f"{self.offset} {self.length} {self.path.stat().st_mtime_ns}"


class Held(NamedTuple):
    """A picture that only its set can give: pixels in memory, or whatever a library decodes. Not for other processes."""

    pictures: "Pictures"
    number: int

    def encoded(self) -> bytes | None:
        """Its bytes, where its set has them (`encoded.EncodedPictures`)."""
        read = getattr(self.pictures, "encoded", None)
        return None if read is None else read(self.number)

    def picture(self) -> "Image.Image":
        """In mode "L" or "RGB"."""
        return self.pictures.picture(self.number)
