"""Files that are whole or were never there, and the folder of those that can be had again."""

import json
import os
from pathlib import Path
from typing import IO, Any

PART = ".part"  # the ending of files that are being written


def cache_folder() -> Path:
    """Where what can be had again lies: NEOCOG_CACHE, else neocog/ below XDG_CACHE_HOME or ~/.cache."""
    own = os.environ.get("NEOCOG_CACHE")
    if own:
        return Path(own)
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path("~/.cache").expanduser()) / "neocog"


def at_home(path: str) -> Path:
    """The path, ~ being one's own folder and ~user somebody's, if there is such a one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


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


def write_json(path: str | Path, value: Any) -> None:
    """The same for an object that people may want to read: as UTF-8, or in ASCII where a file's name in it is no UTF-8."""
    try:
        data = json.dumps(value, ensure_ascii=False, indent=1).encode()
    except UnicodeEncodeError:  # every reader of JSON gives the name back as the system spells it
        data = json.dumps(value, indent=1).encode()
    write_bytes(path, data + b"\n")


def lock(file: IO[Any]) -> bool:
    """Hold a file until it is closed; False if another process does. A system without locks lets everybody."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (ImportError, OSError):
        return True
    return True


def end_line(file: IO[Any], path: Path) -> None:
    """In a file of lines that is open for appending, close off the one that a kill or a full disk left unfinished."""
    with path.open("rb") as written:
        if written.seek(0, os.SEEK_END):
            written.seek(-1, os.SEEK_END)
            if written.read(1) != b"\n":
                file.write("\n")
