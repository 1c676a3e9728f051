"""Augmentations of whole batches of pixels, uint8 N×H×W×C, as pure functions of a random generator."""

import numpy as np


def flip(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Half of the pictures mirrored left to right (Krizhevsky et al. 2012, section 4.1)."""
    mirrored = rng.random(len(pixels)) < 0.5
    return np.where(mirrored[:, None, None, None], pixels[:, :, ::-1], pixels)


def pad_and_crop(pixels: np.ndarray, rng: np.random.Generator, share: float = 0.125) -> np.ndarray:
    """Padded by an eighth of each side and cropped back at random: 4 pixels of 32 (He et al. 2015, section 4.2).

    The padding is black.
    """
    n, height, width, _ = pixels.shape
    rows, columns = max(1, round(height * share)), max(1, round(width * share))
    padded = np.pad(pixels, ((0, 0), (rows, rows), (columns, columns), (0, 0)))
    tops, lefts = rng.integers(0, 2 * rows + 1, n), rng.integers(0, 2 * columns + 1, n)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), (1, 2))  # N×2r+1×2c+1×C×H×W
    return np.ascontiguousarray(windows[np.arange(n), tops, lefts].transpose(0, 2, 3, 1))


def shift(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Moved by up to a sixteenth of each side: 2 pixels of 32, for digits in the middle of a black field."""
    return pad_and_crop(pixels, rng, share=1 / 16)


AUGMENTATIONS = {"flip": flip, "crop": pad_and_crop, "shift": shift}


def augment(pixels: np.ndarray, names: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """The named augmentations, one after another."""
    for name in names:
        pixels = AUGMENTATIONS[name](pixels, rng)
    return pixels
