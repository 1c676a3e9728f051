"""One file moved, within a file system or to another, so that a kill at any moment leaves it whole somewhere."""

import errno
import os
import shutil
import stat
from pathlib import Path

from neocog.files import PART
from neocog.pictures.doctor.exam import hash_file


def transfer(source: Path, target: Path) -> None:
    """Move a file, or a link itself, to where there is none. OSError; the source is gone only once the target is whole."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target, follow_symlinks=False)  # unlike a rename it never overwrites
    except FileExistsError:
        raise
    except OSError as error:
        if error.errno != errno.EXDEV and not os.path.lexists(target):
            source.rename(target)  # a file system without hard links, or a file of somebody else's
            return
        _copy(source, target)
    source.unlink()


def _copy(source: Path, target: Path) -> None:
    """To another file system: copied, flushed, read again and compared, and only then given its name."""
    mode = source.lstat().st_mode
    if stat.S_ISLNK(mode):
        target.symlink_to(source.readlink())
        shutil.copystat(source, target, follow_symlinks=False)
        return
    if not stat.S_ISREG(mode):
        raise OSError(errno.EXDEV, "cannot be moved to another file system")
    part = part_of(target)
    part.unlink(missing_ok=True)
    try:
        with source.open("rb") as old, part.open("xb") as new:
            shutil.copyfileobj(old, new, 1 << 20)
            new.flush()
            os.fsync(new.fileno())
        shutil.copystat(source, part)
        if hash_file(part) != hash_file(source):
            raise OSError(errno.EIO, "the copy differs from the file")
        try:
            os.link(part, target)
        except FileExistsError:
            raise
        except OSError:
            part.rename(target)
    finally:
        part.unlink(missing_ok=True)


def part_of(target: Path) -> Path:
    """The name under which a copy is written."""
    return target.with_name(f".{target.name}{PART}")


def same_file(one: Path, other: Path) -> bool:
    """One file under two names, or two of the same content; of links, the same target."""
    a, b = one.lstat(), other.lstat()
    if (a.st_dev, a.st_ino) == (b.st_dev, b.st_ino):
        return True
    if stat.S_ISLNK(a.st_mode) and stat.S_ISLNK(b.st_mode):
        return one.readlink() == other.readlink()
    regular = stat.S_ISREG(a.st_mode) and stat.S_ISREG(b.st_mode) and a.st_size == b.st_size
    return regular and hash_file(one) == hash_file(other)
