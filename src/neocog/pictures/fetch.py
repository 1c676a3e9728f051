"""Fetching a published data set from its origin: bounded in time, checked, and never half there."""

import contextlib
import gzip
import hashlib
import os
import queue
import tarfile
import threading
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from neocog.errors import DataError
from neocog.pictures.cifar import CIFAR_FILES, cifar_folder
from neocog.pictures.idx import idx_file
from neocog.pictures.scan import is_file
from neocog.pictures.stl10 import STL10_FILES, TEST, TRAIN, stl10_folder

if TYPE_CHECKING:
    from neocog.pictures.named import NamedSet

OnProgress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all) of the file being fetched; 0 in all means that the server did not say."""

CONNECT_SECONDS, READ_SECONDS = 10.0, 20.0
_CHUNK = 1 << 18
_SUMS = "MD5SUMS"
KEPT = CIFAR_FILES | STL10_FILES
"""Of archives."""


def is_complete(named: "NamedSet", place: Path) -> bool:
    """Are the files there? (Whether they are undamaged shows when they are read.) Part of CIFAR-10 will do."""
    if named.form == "cifar":
        found = cifar_folder(place)
        return found is not None and found[1].name == named.name and any(is_file(found[0] / f) for f in found[1].train)
    if named.form == "stl10":
        folder = stl10_folder(place)
        return folder is not None and all(is_file(folder / file) for file in (*TRAIN, *TEST))
    return all(_idx_here(place, file) for file, _ in named.md5)


def fetch(named: "NamedSet", place: Path, looked: Sequence[Path], on_progress: OnProgress | None = None) -> None:
    """Downloads what `place` lacks, checks it, and puts it there under its published name.

    DataError, one line, when that fails: it says where the set was looked for and how to place it by hand.
    """
    names = [named.archive] if named.archive else [f"{file}.gz" for file, _ in named.md5 if not _idx_here(place, file)]
    sums = dict(named.md5)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(f"{place} cannot be made for {named.name}: {error.strerror}: set NEOCOG_DATA elsewhere") from error
    for name in names:
        url = urllib.parse.urljoin(named.origin, name)
        part = place / f".{name}.{os.getpid()}.part"
        try:
            _download(url, part, on_progress)
            wanted = sums[name.removesuffix(".gz") if not named.archive else name]
            actual = _md5(part, uncompressed=not named.archive)
            if actual != wanted:
                raise DataError(f"{url} is not what was published: md5 {actual}, not {wanted}: try again, or another network")
            if named.archive:
                _unpack(part, place)
            else:
                part.replace(place / name)
        except (OSError, HTTPException) as error:
            raise DataError(_by_hand(named, url, place, looked, error)) from error
        finally:
            part.unlink(missing_ok=True)
            with contextlib.suppress(OSError):
                place.rmdir()  # works only when nothing came: leave no trace


def noted_sums(place: Path) -> dict[str, str]:
    """The MD5 of each unpacked file, as noted when the (checked) archive was unpacked; {} for a copy placed by hand."""
    try:
        lines = (place / _SUMS).read_text("utf-8").splitlines()
    except OSError:
        return {}
    return {name: md5 for md5, _, name in (line.partition("  ") for line in lines) if name}


def _idx_here(place: Path, file: str) -> Path | None:
    part, kind, *_ = file.split("-")
    return idx_file(place, part, kind)


def _download(url: str, target: Path, on_progress: OnProgress | None) -> None:
    with _opened(url) as response, target.open("wb") as out:
        total = int(response.headers.get("Content-Length") or 0)
        done = 0
        while chunk := response.read(_CHUNK):
            out.write(chunk)
            done += len(chunk)
            if on_progress:
                on_progress(done, total)
    if total and done != total:
        raise OSError(f"the connection ended after {done:,} of {total:,} bytes")


def _opened(url: str) -> Any:
    """The response, or OSError within `CONNECT_SECONDS`.

    A socket's timeout bounds neither the look-up of the name nor the trying of address after address, so the request is
    made in a thread of its own, which is left behind if it does not answer.
    """
    answer: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(urllib.request.urlopen(url, timeout=READ_SECONDS))
        except Exception as error:
            answer.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        got = answer.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        raise TimeoutError(f"no answer in {CONNECT_SECONDS:.0f} s") from None
    if isinstance(got, Exception):
        raise got
    return got


def _md5(path: Path, uncompressed: bool) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    try:
        with gzip.open(path) if uncompressed else path.open("rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    except (gzip.BadGzipFile, zlib.error, EOFError):
        return "of something that is not gzip"
    return digest.hexdigest()


def _unpack(archive: Path, place: Path) -> None:
    """The known files of a CIFAR or STL-10 archive into `place`, their checksums noted first.

    Only regular members with a known base name are read and written under that name, so that no path in the archive
    can lead elsewhere.
    """
    sums = {}
    fresh = {}
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                name = PurePosixPath(member.name).name
                stream = tar.extractfile(member) if member.isreg() and name in KEPT else None
                if stream is None:
                    continue
                fresh[name], digest = place / f".{name}.{os.getpid()}.part", hashlib.md5(usedforsecurity=False)
                with fresh[name].open("wb") as out:
                    while chunk := stream.read(_CHUNK):
                        digest.update(chunk)
                        out.write(chunk)
                sums[name] = digest.hexdigest()
        (place / _SUMS).write_text("".join(f"{md5}  {name}\n" for name, md5 in sums.items()), "utf-8")
        for name, part in fresh.items():
            part.replace(place / name)
    except tarfile.TarError as error:
        raise OSError(f"the archive cannot be unpacked: {error}") from error
    finally:
        for part in fresh.values():
            part.unlink(missing_ok=True)


def _by_hand(named: "NamedSet", url: str, place: Path, looked: Sequence[Path], error: Exception) -> str:
    reason = error.reason if type(error) is urllib.error.URLError else error  # an HTTPError tells its number itself
    why = " ".join(str(reason).split()) or type(error).__name__
    wanted = named.archive or " ".join(f"{file}.gz" for file, _ in named.md5)
    unpacked = ", unpacked," if named.archive else ""
    hint = f", {named.hint}" if named.hint else ""
    return (
        f"{named.name} is not in {', '.join(map(str, looked))}, and {url} cannot be fetched ({why}): "
        f"put {wanted}{unpacked} into {place}{hint}"
    )
