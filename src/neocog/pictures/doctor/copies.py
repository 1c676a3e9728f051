"""From groups of equal or similar pictures to what they mean: leaks between splits, two labels, plain copies."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from neocog.pictures.doctor.exam import hash_file
from neocog.pictures.doctor.finding import Finding
from neocog.pictures.doctor.listing import Listing
from neocog.pictures.doctor.look import groups_of

Rows = Sequence[np.ndarray]
CROWD = 100  # pictures: whole films and collections of drawings look alike, and no pair of them means anything


def copies(equal: Rows, alike: Rows, listing: Listing, index: np.ndarray) -> list[Finding]:
    """`equal`, `alike`: groups of rows with the same pixels, and that look the same; row k is picture `index[k]`.

    A group is told under each of: a leak, two labels; and as plain copies when it is neither. A group that looks the same
    is told only for what its members of equal pixels do not tell already, and by itself when it is a crowd.
    """
    crowds = [index[group] for group in alike if len(group) > CROWD]
    alike = [group for group in alike if len(group) <= CROWD]
    findings = [_grouped("crowd", crowds, listing)] if crowds else []
    group_of = np.arange(len(index))
    for group in equal:
        group_of[group] = group[0]
    for prefix, groups in (("", equal), ("near-", [group for group in alike if len(np.unique(group_of[group])) > 1])):
        found: dict[str, list[np.ndarray]] = {}
        for group in groups:
            for kind in _kinds(index[group], listing):
                found.setdefault(kind, []).append(index[group])
        findings += [_grouped(prefix + kind, members, listing) for kind, members in found.items()]
    return findings


def equal_files(sizes: np.ndarray, path: Callable[[int], Path], until: Callable[[], bool] = lambda: False) -> list[np.ndarray]:
    """Groups of rows whose files are the same byte for byte; only files of the same size are read. Stops when `until()`."""
    groups: list[np.ndarray] = []
    for suspects in groups_of(sizes):
        digests: dict[bytes, list[int]] = {}
        for row in suspects.tolist():
            if until():
                break
            try:
                digests.setdefault(hash_file(path(row)), []).append(row)
            except OSError:
                continue  # gone since; whoever reads it next will tell
        groups += [np.array(rows) for rows in digests.values() if len(rows) > 1]
    return groups


def _grouped(kind: str, groups: Rows, listing: Listing) -> Finding:
    names = tuple(tuple(listing.names.take(group.tolist())) for group in groups)
    return Finding(kind, tuple(name for group in names for name in group), groups=names)


def _kinds(members: np.ndarray, listing: Listing) -> list[str]:
    kinds = []
    if len(np.unique(listing.split[members])) > 1:
        kinds.append("leak")
    if len(np.unique(listing.label[members])) > 1:
        kinds.append("two-labels")
    return kinds or ["duplicate"]
