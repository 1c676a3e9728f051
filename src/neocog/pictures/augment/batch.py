"""Augmentations of batches by moving and erasing pixels, uint8 N×H×W×C → a new uint8 N×H×W×C."""

from collections.abc import Sequence

import numpy as np

from neocog.pictures.augment.draws import Draws, generator

CACHED = 1 << 17  # bytes
ATTEMPTS = 10  # rectangles tried for a picture; at the defaults one in twenty does not fit


def flip(pixels: np.ndarray, draws: Draws) -> np.ndarray:
    """Half of the pictures mirrored left to right (Krizhevsky et al. 2012, section 4.1)."""
    return mirrored(pixels, draws.random() < 0.5)


def flip_alternating(pixels: np.ndarray, draws: Draws) -> np.ndarray:
    """Half of the pictures mirrored in even epochs, the other half in odd ones (Jordan 2024).

    So in any two epochs a picture is seen both ways, which chance grants only half of the time.
    """
    return mirrored(pixels, draws.coins() ^ bool(draws.epoch % 2))


def mirrored(pixels: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Those pictures mirrored.

    A channel at a time, as many pictures as the cache holds: some four times as fast as all at once.
    """
    out, wanted = pixels.copy(), np.flatnonzero(which)
    step = max(1, CACHED // max(1, pixels[:1].size))
    for start in range(0, len(wanted), step):
        at = wanted[start : start + step]
        for c in range(pixels.shape[3]):
            out[at, :, :, c] = pixels[at, :, ::-1, c]
    return out


def pad_and_crop(pixels: np.ndarray, draws: Draws, share: float = 0.125, reflect: bool = False) -> np.ndarray:
    """Padded by a share of each side, with black or its own reflection, and cropped back at random.

    An eighth is 4 pixels of 32 (He et al. 2016, section 4.2).
    """
    n, height, width, channels = pixels.shape
    rows, columns = (max(1, round(side * share)) if share else 0 for side in (height, width))
    if reflect:  # a reflection is at most as wide as the picture without its edge
        rows, columns = min(rows, height - 1), min(columns, width - 1)
    around = ((0, 0), (rows, rows), (columns, columns), (0, 0))
    padded = np.pad(pixels, around, mode="reflect") if reflect else np.pad(pixels, around)
    tops, lefts = draws.integers(0, 2 * rows + 1), draws.integers(0, 2 * columns + 1)
    # Channels lie side by side, so that a window of a line is one piece.
    lines = padded.reshape(n, height + 2 * rows, (width + 2 * columns) * channels)
    windows = np.lib.stride_tricks.sliding_window_view(lines, (height, width * channels), (1, 2))
    return windows[np.arange(n), tops, lefts * channels].reshape(pixels.shape)


def cutout(pixels: np.ndarray, draws: Draws, share: float = 0.5, fill: Sequence[int] = (0,)) -> np.ndarray:
    """A square around a random pixel becomes `fill`; what lies outside is lost (DeVries & Taylor 2017, section 3.2).

    The authors cut after normalisation, so their zeros are the mean colour: give it as `fill`.
    """
    height, width = pixels.shape[1:3]
    side = round(share * min(height, width))
    top, left = draws.integers(0, height) - side // 2, draws.integers(0, width) - side // 2
    out = pixels.copy()
    edges = (top.clip(0), (top + side).clip(0, height), left.clip(0), (left + side).clip(0, width))
    for k, (first, last, start, end) in enumerate(np.stack(edges, 1).tolist()):  # cheaper than a mask of all pixels
        out[k, first:last, start:end] = fill
    return out


def rectangles(draws: Draws, height: int, width: int, low: float, high: float, narrow: float) -> np.ndarray:
    """int64 n×4 (top, bottom, left, right) of algorithm 1 of Zhong et al. 2020; all zero where none of ten fitted.

    The area is uniform from `low` to `high` of the picture's, height / width uniform from `narrow` to 1/`narrow`.
    """
    area = height * width * draws.uniform(low, high, ATTEMPTS)
    ratio = draws.uniform(narrow, 1 / narrow, ATTEMPTS)
    rows, columns = np.rint(np.sqrt(area * ratio)).astype(int), np.rint(np.sqrt(area / ratio)).astype(int)
    fits = (rows < height) & (columns < width)
    first = (np.arange(len(fits)), fits.argmax(1))
    rows, columns = rows[first] * fits.any(1), columns[first] * fits.any(1)
    top, left = (draws.random(2) * np.stack([height - rows + 1, width - columns + 1], 1)).astype(int).T
    return np.stack([top, top + rows, left, left + columns], 1)


def erasing(pixels: np.ndarray, draws: Draws, probability: float = 0.5, low: float = 0.02, high: float = 0.4,
            narrow: float = 0.3) -> np.ndarray:  # fmt: skip
    """A rectangle becomes noise, every number from 0 to 255 equally likely (Zhong et al. 2020, RE-R)."""
    _, height, width, channels = pixels.shape
    wanted = draws.random() < probability
    where, seeds = rectangles(draws, height, width, low, high, narrow), draws.integers(0, 2**62)
    out = pixels.copy()
    for k in np.flatnonzero(wanted).tolist():
        top, bottom, left, right = where[k].tolist()
        shape = (bottom - top, right - left, channels)
        out[k, top:bottom, left:right] = generator(int(seeds[k])).integers(0, 256, shape, np.uint8)
    return out
