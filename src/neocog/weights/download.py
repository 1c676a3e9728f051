"""Fetching a published file: resumed where it was cut off, checked, and never half there.

Files lie in NEOCOG_CACHE, else in neocog/ below XDG_CACHE_HOME or ~/.cache. A file that was put there by hand is used. A file
without a published checksum lies in a folder of its address there: many addresses end in model.safetensors.
"""

import contextlib
import hashlib
import queue
import re
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any

from filelock import FileLock, Timeout

from neocog.errors import UserError
from neocog.files import PART, cache_folder

OnProgress = Callable[[int, int], None]
"""Called with (bytes here, bytes in all); 0 in all means that the server did not say."""

CONNECT_SECONDS, READ_SECONDS, LOCK_SECONDS = 10.0, 20.0, 600.0
TRIES = 4  # in a row without a byte of progress
CHUNK = 1 << 18
RESERVED = (
    "%:/?#[]@!$&'()*+,;=~"  # what an address may hold as it is; the rest, spaces and letters beyond ASCII, is written as %20
)
LONGEST_NAME = 200  # bytes; file systems take 255, and a lock's or a part's name is longer
NAMED_SUM = re.compile(r"-([0-9a-f]{8,64})\.[A-Za-z0-9.]+$")  # torch's custom: resnet18-f37072fd.pth


def fetch(url: str, checksum: str | None = None, on_progress: OnProgress | None = None) -> Path:
    """The file at `url`, from the cache if it is there.

    checksum: "sha256:" or "md5:" and (the first) hexadecimal digits; without it, the digits that the file's name carries, if
    it does. Raises UserError, one line that names the address and where a copy would be found.
    """
    target, checksum = _target(url, checksum)
    folder, name = target.parent, target.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{name}.lock", timeout=LOCK_SECONDS):
            if not target.is_file():
                _get(url, target, checksum, on_progress)
            elif (wrong := _differs(target, checksum)) is not None:
                raise UserError(f"{target} is not what was published at {url}: {wrong}; delete it to fetch it anew")
    except Timeout:
        raise UserError(f"another neocog has been fetching {url} for {LOCK_SECONDS:.0f} s; wait for it and try again") from None
    except (HTTPException, urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
        raise UserError(
            f"{url} cannot be fetched ({_why(error)}), and {name} is not in {folder}: put it there by hand"
        ) from None
    return target


def cached(url: str, checksum: str | None = None) -> Path | None:
    """The file at `url` if it is in the cache, not looked into; None if it is not."""
    target, _ = _target(url, checksum)
    return target if target.is_file() else None


def _target(url: str, checksum: str | None) -> tuple[Path, str | None]:
    """(where the file is kept, its checksum as far as one is known)."""
    name = _name(url)
    if checksum is None and (named := NAMED_SUM.search(name)):
        checksum = f"sha256:{named[1]}"
    folder = cache_folder()
    if checksum is None:
        folder /= hashlib.sha256(url.encode()).hexdigest()[:12]
    return folder / name, checksum


def _name(url: str) -> str:
    """What the file is called. Raises UserError for an address that is none of the web's, or has no file at its end."""
    try:
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
            raise ValueError
    except ValueError:
        raise UserError(f"{url} is no address of a file: https://host/path") from None
    name = PurePosixPath(urllib.parse.unquote(parts.path)).name
    if name in ("", ".", "..") or not name.isprintable() or len(name.encode()) > LONGEST_NAME:
        raise UserError(f"{url} names no file")
    return name


def _get(url: str, target: Path, checksum: str | None, on_progress: OnProgress | None) -> None:
    """To a temporary name, in as many pieces as it takes; then checked and renamed."""
    part = target.with_name(f".{target.name}{PART}")
    if checksum is None:
        part.unlink(missing_ok=True)  # nothing would show that the end is of another file than the beginning
    resumed = part.exists() and part.stat().st_size > 0
    failures = 0
    while True:
        before = part.stat().st_size if part.exists() else 0
        try:
            _piece(url, part, on_progress)
            break
        except urllib.error.HTTPError:
            raise
        except (HTTPException, OSError) as error:
            got = part.stat().st_size if part.exists() else 0
            failures = 0 if got > before else failures + 1
            if isinstance(error, OSError) and error.filename is not None:  # this machine's own disk
                raise
            if failures >= TRIES or got == 0:
                raise
    wrong = _differs(part, checksum)
    if wrong is not None:
        part.unlink()
        if resumed:  # what lay here from before may have been another file's beginning
            return _get(url, target, checksum, on_progress)
        raise UserError(f"{url} is not what was published: {wrong}: try again, or another network")
    part.replace(target)
    return None


def _piece(url: str, part: Path, on_progress: OnProgress | None) -> None:
    """The file, or the rest of it. Raises an OSError where the connection ends before the file does."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"User-Agent": "neocog", **({"Range": f"bytes={have}-"} if have else {})}
    try:
        response = opened(urllib.request.Request(urllib.parse.quote(url, safe=RESERVED), headers=headers))
    except urllib.error.HTTPError as error:
        if error.code != 416:  # nothing is left to send: it is all here, or it is another file
            raise
        if error.headers.get("Content-Range", "").rpartition("/")[2] == str(have):
            return None
        part.unlink()
        return _piece(url, part, on_progress)
    with response:
        begins = re.match(rf"bytes {have}-\d+/", response.headers.get("Content-Range", ""))
        have = have if response.status == 206 and begins else 0
        said = response.headers.get("Content-Length") or ""
        length = int(said) if said.isdecimal() else 0
        total = have + length if length else 0
        with part.open("r+b" if have else "wb") as out:
            out.seek(have)
            out.truncate()
            while chunk := response.read(CHUNK):
                out.write(chunk)
                have += len(chunk)
                if on_progress:
                    on_progress(have, total)
    if total and have != total:
        raise ConnectionError(f"the connection ended after {have:,} of {total:,} bytes")
    return None


def opened(request: urllib.request.Request) -> Any:
    """The response, or an error within `CONNECT_SECONDS`: a socket's timeout does not bound the look-up of the name, so the
    request is made in a thread of its own."""
    answer: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answer.put(urllib.request.urlopen(request, timeout=READ_SECONDS))
        except Exception as error:
            answer.put(error)

    threading.Thread(target=ask, daemon=True).start()
    with contextlib.suppress(queue.Empty):
        got = answer.get(timeout=CONNECT_SECONDS)
        if isinstance(got, Exception):
            raise got
        return got
    raise TimeoutError(f"no answer in {CONNECT_SECONDS:.0f} s")


def _differs(path: Path, checksum: str | None) -> str | None:
    """In words how the file's sum differs from the one published; None if it does not, or nothing is known."""
    if checksum is None:
        return None
    kind, _, wanted = checksum.partition(":")
    digest = hashlib.new(kind, usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    got = digest.hexdigest()[: len(wanted)]
    return None if got == wanted else f"its {kind} begins {got}, not {wanted}"


def _why(error: Exception) -> str:
    reason = error.reason if type(error) is urllib.error.URLError else error  # an HTTPError tells its number itself
    return " ".join(str(reason).split()) or type(error).__name__
