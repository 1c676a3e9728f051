"""A data set of two classes of 4×4 pictures: bright above or below."""

import numpy as np
import pytest

from neocog.pictures.arrays import array_dataset
from neocog.pictures.sets import Dataset


@pytest.fixture(scope="session")
def dots() -> Dataset:
    rng = np.random.default_rng(0)
    labels = np.arange(120) % 2
    images = rng.integers(0, 90, (120, 4, 4))
    for half in (0, 1):
        images[labels == half, 2 * half : 2 * half + 2] += 120
    images = images.astype(np.uint8)
    return array_dataset(
        "dots", ["above", "below"], (images[:90], labels[:90]), (images[90:], labels[90:]), flip=False, val_fraction=0.1
    )
