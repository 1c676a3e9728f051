"""What can be said at the start of training, in a few seconds; and when too much is broken to go on."""

import hashlib
import time
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from neocog.errors import BadPicture, DataError
from neocog.pictures.doctor.copies import copies, equal_files
from neocog.pictures.doctor.counts import class_findings
from neocog.pictures.doctor.exam import unusable
from neocog.pictures.doctor.finding import Finding, ordered, some
from neocog.pictures.doctor.listing import listing_of
from neocog.pictures.doctor.look import groups_of
from neocog.pictures.sets import Dataset, FilePictures, Pictures


def quick_findings(dataset: Dataset, seconds: float = 5.0) -> tuple[Finding, ...]:
    """What is wrong with a loaded data set, as far as headers and sizes tell it.

    Files that were left out, empty and tiny classes, more than 10:1 pictures in two classes, and copies byte for byte: of
    pictures in memory, and of files of the same size, as many as can be read in about `seconds`.
    """
    listing, parts = listing_of(dataset)
    everything = np.arange(len(listing.label))
    groups, late = _equal(parts, seconds)
    findings = [*unusable(dataset.skipped), *copies(groups, [], listing, everything)]
    findings += class_findings(listing, everything)[1]
    if late:
        findings.append(Finding("incomplete", particulars=late))
    return ordered(findings)


def too_many_bad(bad: Sequence[BadPicture], total: int, limit: float = 0.05) -> None:
    """DataError when more than `limit` of all `total` pictures, the bad ones included, cannot be read."""
    if total and len(bad) > limit * total:
        named = some([one.where for one in bad], [one.why for one in bad], 3)
        raise DataError(
            f"{len(bad):,} of {total:,} pictures ({100 * len(bad) / total:.1f} %) cannot be read, more than "
            f"{100 * limit:.3g} %: {named}: mend them (`neocog data check` lists them all), or allow more with --max-bad"
        )


def _equal(parts: list[Pictures], seconds: float) -> tuple[list[np.ndarray], str]:
    """(groups of indices of pictures that are the same byte for byte, how far that got if not to the end)."""
    end = time.monotonic() + seconds
    held = [part.arrays for part in parts]
    if all(pixels is not None for pixels in held):
        hashes = [row for pixels in held if pixels is not None for row in _hashes(pixels)]
        return groups_of(np.frombuffer(b"".join(hashes), np.uint64).reshape(-1, 2)), ""
    if not all(isinstance(part, FilePictures) for part in parts):
        return [], "(they are neither in memory nor in files)"
    paths = [part.paths for part in parts if isinstance(part, FilePictures)]
    starts = np.cumsum([0, *map(len, paths)])

    def path(i: int) -> Path:
        k = int(np.searchsorted(starts, i, "right")) - 1
        return paths[k][i - int(starts[k])]

    sizes = array("q")
    for i in range(int(starts[-1])):
        if i % 256 == 0 and time.monotonic() > end:
            break
        try:
            sizes.append(path(i).stat().st_size)
        except OSError:
            sizes.append(-1 - i)  # like no other
    groups = equal_files(np.array(sizes, np.int64), path, lambda: time.monotonic() > end)
    return groups, f"(there was time for {seconds:g} s)" if time.monotonic() > end else ""


def _hashes(pixels: np.ndarray) -> Iterator[bytes]:
    """16 bytes for each picture of N×H×W×C."""
    shape = str(pixels.shape[1:]).encode()
    return (hashlib.blake2b(one.tobytes(), digest_size=16, key=shape).digest() for one in pixels)
