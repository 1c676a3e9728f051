"""Augmentations of batches from a bare generator, for callers that have no `Draws` yet."""

import numpy as np

from neocog.pictures.augment import batch
from neocog.pictures.augment.draws import Draws
from neocog.pictures.augment.policy import policy


def flip(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """`batch.flip`."""
    return batch.flip(pixels, Draws.of(rng, len(pixels)))


def pad_and_crop(pixels: np.ndarray, rng: np.random.Generator, share: float = 0.125) -> np.ndarray:
    """`batch.pad_and_crop`."""
    return batch.pad_and_crop(pixels, Draws.of(rng, len(pixels)), share)


def augment(pixels: np.ndarray, names: tuple[str, ...], rng: np.random.Generator) -> np.ndarray:
    """The named augmentations, one after another."""
    draws = Draws.of(rng, len(pixels))
    for operation in policy(names).pixels:
        pixels = operation(pixels, draws)
    return pixels
