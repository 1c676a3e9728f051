"""What a picture looks like, in 256 bits, and which pictures of a set look the same.

The bits are the signs of the lowest 16×16 coefficients of the cosine transform of the picture at 32×32 grey pixels (after
C. Zauner, Implementation and Benchmarking of Perceptual Image Hash Functions, 2010, sec. 3.1, with signs in place of a
threshold at the median and the lowest frequencies first). A resized, recompressed or slightly brightened copy changes a
few of them; two different pictures differ in about half.
"""

from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image

SIDE, KEPT = 32, 16
LOW, ALL = 7, 40
"""Two pictures look the same when at most LOW of the 64 lowest bits differ, and at most ALL of the 256.

Measured with bench/doctor.py: see docs/data.md.
"""
_BANDS, _WIDTH = 4, 16  # the 64 lowest bits in 4 bands of 16
_CHUNK = 1 << 20  # pairs compared at a time

_COSINES = np.cos(np.pi * (2 * np.arange(SIDE) + 1)[None] * np.arange(KEPT)[:, None] / (2 * SIDE)).astype(np.float32)
_BY_FREQUENCY = np.lexsort((np.arange(KEPT * KEPT), np.maximum(*np.divmod(np.arange(KEPT * KEPT), KEPT))))
# Neighbouring frequencies go to different bands, or some bands would be alike in most pictures.
_ORDER = np.concatenate([*(_BY_FREQUENCY[:64][band::_BANDS] for band in range(_BANDS)), _BY_FREQUENCY[64:]])


def thumbnail(picture: Image.Image) -> Image.Image:
    """32×32 pixels, whatever the proportions."""
    smaller = picture.width < SIDE or picture.height < SIDE
    return picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC if smaller else Image.Resampling.BOX)


def look(small: Image.Image) -> bytes:
    """The 256 bits (32 bytes) of a `thumbnail`."""
    grey = np.asarray(small.convert("L"), np.float32)
    waves = (_COSINES @ grey @ _COSINES.T).ravel()
    waves[0] = 0  # the mean says how bright it is, not what is in it
    return np.packbits(waves[_ORDER] > 0).tobytes()


def looks_alike(looks: np.ndarray, on_progress: Callable[[int, int], None] | None = None) -> list[np.ndarray]:
    """Groups of two or more pictures that look the same, or are linked by others that do: ascending indices into `looks`.

    `looks`: uint64 [N, 4], the bytes of `look`. Exact, not by chance: of 4 bands that differ in at most 7 bits together, one
    differs in at most 1, so only pictures that agree in a band but for one bit are compared, about N/1000 a picture.
    """
    if len(looks) < 2:
        return []
    distinct, first, which = np.unique(looks, axis=0, return_index=True, return_inverse=True)
    which = which.reshape(-1)
    parent = np.arange(len(looks))
    for one, other in enumerate(first[which]):  # copies with the same bits cost nothing more
        parent[one] = other
    for band in range(_BANDS):
        if on_progress is not None:
            on_progress(band, _BANDS)
        for left, right in _candidates(distinct, band):
            near = np.bitwise_count(distinct[left, 0] ^ distinct[right, 0]) <= LOW
            left, right = left[near], right[near]
            near = np.bitwise_count(distinct[left] ^ distinct[right]).sum(1) <= ALL
            for one, other in zip(first[left[near]].tolist(), first[right[near]].tolist(), strict=True):
                _join(parent, one, other)
    return groups_of(np.array([_root(parent, i) for i in range(len(looks))]))


def groups_of(keys: np.ndarray) -> list[np.ndarray]:
    """Ascending indices of those with the same key, for each key of keys [N] or [N, 2] that occurs twice or more."""
    if not len(keys):
        return []
    columns = keys.reshape(len(keys), -1).T
    order = np.lexsort(columns)
    same = (columns[:, order[1:]] == columns[:, order[:-1]]).all(0)
    cuts = np.flatnonzero(~same) + 1
    starts, ends = np.append(0, cuts), np.append(cuts, len(keys))
    several = ends - starts > 1
    groups = [np.sort(order[a:b]) for a, b in zip(starts[several], ends[several], strict=True)]
    return sorted(groups, key=lambda group: int(group[0]))


def _candidates(looks: np.ndarray, band: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Every pair whose bits in this band are the same but for at most one; in parts."""
    keys = (looks[:, 0] >> np.uint64(_WIDTH * band)).astype(np.int64) & ((1 << _WIDTH) - 1)
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    bounds = np.searchsorted(keys, np.arange((1 << _WIDTH) + 1))
    yield from _pairs(order, np.arange(len(keys)), np.arange(1, len(keys) + 1), bounds[keys + 1])
    for bit in range(_WIDTH):
        lower = np.flatnonzero(~keys >> bit & 1)
        others = keys[lower] | 1 << bit
        yield from _pairs(order, lower, bounds[others], bounds[others + 1])


def _pairs(order: np.ndarray, at: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """(order[at[i]], order[j]) for j from starts[i] up to ends[i]; in parts of about _CHUNK pairs."""
    counts = ends - starts
    at, starts, counts = (values[counts > 0] for values in (at, starts, counts))
    total = np.cumsum(counts)
    low = 0
    while low < len(at):
        before = total[low - 1] if low else 0
        high = max(int(np.searchsorted(total, before + _CHUNK, "right")), low + 1)
        many = counts[low:high]
        offsets = np.arange(many.sum()) - np.repeat(np.cumsum(many) - many, many)
        yield order[np.repeat(at[low:high], many)], order[np.repeat(starts[low:high], many) + offsets]
        low = high


def _root(parent: np.ndarray, i: int) -> int:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return int(i)


def _join(parent: np.ndarray, one: int, other: int) -> None:
    one, other = _root(parent, one), _root(parent, other)
    parent[max(one, other)] = min(one, other)
