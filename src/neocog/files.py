"""Files that are whole or were never there, and the folder of those that can be had again."""

import os
from pathlib import Path

PART = ".part"  # the ending of files that are being written


def cache_folder() -> Path:
    """Where what can be had again lies: NEOCOG_CACHE, else neocog/ below XDG_CACHE_HOME or ~/.cache."""
    own = os.environ.get("NEOCOG_CACHE")
    if own:
        return Path(own)
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path("~/.cache").expanduser()) / "neocog"


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a whole file to a temporary name beside it, then rename. Leaves nothing behind if the disk is full."""
    import tempfile  # a hundredth of a second, which commands that only read must not pay

    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=PART, dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).chmod(0o644)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def write_text(path: str | Path, words: str) -> None:
    """The same for text, as UTF-8."""
    write_bytes(path, words.encode("utf-8"))
