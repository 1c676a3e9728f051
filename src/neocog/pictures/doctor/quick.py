"""What can be said at the start of training, in a few seconds; and when too much is broken to go on."""

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from neocog.errors import BadPicture, DataError
from neocog.pictures.doctor.checking import unusable
from neocog.pictures.doctor.copies import copies, equal_files
from neocog.pictures.doctor.counts import class_findings
from neocog.pictures.doctor.finding import KINDS, SEVERITIES, Finding, some
from neocog.pictures.doctor.listing import Listing
from neocog.pictures.doctor.look import groups_of
from neocog.pictures.names import Names
from neocog.pictures.sets import Dataset, FilePictures, Pictures

_ROWS = 4096  # pictures in memory that are hashed at a time


def quick_findings(dataset: Dataset, seconds: float = 5.0) -> tuple[Finding, ...]:
    """What is wrong with a loaded data set, as far as headers and sizes tell it.

    Files that were left out, empty and tiny classes, more than 10:1 pictures in two classes, and copies byte for byte: of
    pictures in memory, and of files of the same size, as many as can be read in about `seconds`.
    """
    end = time.monotonic() + seconds
    parts = {split: part for split in ("train", "val", "test") if (part := getattr(dataset, split)) is not None}
    split = np.repeat(np.arange(len(parts), dtype=np.int8), [len(part) for part in parts.values()])
    label = np.concatenate([part.labels for part in parts.values()])
    names = _NamesOf(list(parts.values()))
    listing = Listing(Path(), tuple(parts), dataset.classes, {}, names, split, label)
    findings = unusable(dataset.skipped)
    groups, late = _equal(list(parts.values()), end)
    findings += copies(groups, [], listing, np.arange(len(label)))
    findings += class_findings(listing, np.arange(len(label)))[1]
    if late:
        findings.append(Finding("incomplete", late))
    order = list(KINDS)
    return tuple(sorted(findings, key=lambda one: (SEVERITIES.index(one.severity), order.index(one.kind))))


def too_many_bad(bad: Sequence[BadPicture], total: int, limit: float = 0.05) -> None:
    """DataError when more than `limit` of all `total` pictures, the bad ones included, cannot be read."""
    if total and len(bad) > limit * total:
        named = some([one.where for one in bad], [one.why for one in bad], 3)
        raise DataError(
            f"{len(bad):,} of {total:,} pictures ({100 * len(bad) / total:.1f} %) cannot be read, more than {100 * limit:.3g} %: "
            f"{named}: mend them (`neocog data check` lists them all), or allow more with --max-bad"
        )


class _NamesOf(Names):
    """The names of pictures in several splits, without a copy of them."""

    def __init__(self, parts: list[Pictures]):
        super().__init__()
        self._parts = parts

    def take(self, indices) -> Names:
        ends = np.cumsum([len(part) for part in self._parts])
        taken = Names()
        for i in indices:
            k = int(np.searchsorted(ends, i, "right"))
            taken.append(self._parts[k].name(int(i) - (int(ends[k - 1]) if k else 0)))
        return taken


def _equal(parts: list[Pictures], end: float) -> tuple[list[np.ndarray], tuple[str, ...]]:
    """(groups of indices of equal pictures, files that there was no time for)."""
    held = [part.arrays for part in parts]
    if all(pixels is not None and pixels.shape[1:] == held[0].shape[1:] for pixels in held):  # pyright: ignore
        return groups_of(np.concatenate([_hashes(pixels) for pixels in held if pixels is not None])), ()
    paths = [part.paths for part in parts if isinstance(part, FilePictures)]
    if len(paths) < len(parts):
        return [], ()  # neither in memory nor in files
    return _equal_files(paths, end)
