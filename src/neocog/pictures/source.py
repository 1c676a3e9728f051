"""Where the bytes of a picture lie: what a decoder needs of it, in this process or another, and what a cache knows it by."""

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from PIL import Image

    from neocog.pictures.sets import Pictures


LARGEST = 2_000_000_000  # bytes of a file that is read into memory


class Source(Protocol):
    """Picklable; `path` is the file that is to blame when it cannot be read."""

    @property
    def path(self) -> Path: ...

    def read(self) -> bytes:
        """All of the picture's bytes; OSError where they cannot be had."""
        ...

    def stamp(self) -> str:
        """Changes when the picture does: size and times of its file; OSError where there is none.

        The time of the last change of any kind (ctime) too: `cp -p`, `rsync -t` and `touch -r` set the other as they like.
        """
        ...


class File(NamedTuple):
    """A file of its own."""

    path: Path

    def read(self) -> bytes:
        handle = os.open(self.path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))  # opening a pipe would wait for ever
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise OSError("not a regular file")
            if status.st_size > LARGEST:
                raise OSError(f"larger than {LARGEST / 1e9:g} GB, so hardly a picture")
            with open(handle, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(handle)

    def stamp(self) -> str:
        status = os.stat(self.path)  # noqa: PTH116 (a third of pathlib's time, on millions)
        return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"


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
            raise OSError("its shard is cut off")
        return data

    def stamp(self) -> str:
        return f"{self.offset} {self.length} {File(self.path).stamp()}"


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
