"""torch's resampling of evaluation pictures is Pillow's, to ±1/255."""

import numpy as np
import pytest
from PIL import Image

from neocog.nn.resample import torch_resize
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.resample import window


def field(height: int, width: int, channels: int) -> np.ndarray:
    rng = np.random.default_rng(height * width)
    y, x = np.mgrid[:height, :width]
    waves = np.stack([128 + 90 * np.sin(x / (2 + c) + y / 5) for c in range(channels)], 2)
    return np.clip(waves + rng.normal(0, 40, waves.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("record", [Preprocessing(224, 224, resize_to=256), Preprocessing(48, 64, resize="squash"),
                                    Preprocessing(96, 96, resize_to=110, interpolation="bicubic")],
                         ids=lambda record: record.id)  # fmt: skip
def test_same_as_pillow(record, channels):
    """Down and up, odd proportions (a strip is left to Pillow)."""
    for height, width in ((375, 500), (500, 333), (90, 70), (1100, 801), (64, 64), (40, 900)):
        pixels = field(height, width, channels)
        wanted = window(record, height, width)
        assert wanted is not None
        mode = Image.fromarray(pixels if channels == 3 else pixels[:, :, 0])
        whole = np.asarray(mode.resize((wanted.columns, wanted.rows), Image.Resampling[record.interpolation.upper()]))
        part = whole[wanted.top : wanted.top + wanted.height, wanted.left : wanted.left + wanted.width].astype(int)
        found = torch_resize(pixels, wanted, record.interpolation)
        assert abs(found - part.reshape(found.shape)).max() <= (1 if record.interpolation == "bilinear" else 12)


def test_pixels_lie_as_the_network_wants_them():
    """In one piece, colours last: a copy of each picture is half of the work otherwise."""
    found = torch_resize(field(300, 400, 3), window(Preprocessing(224, 224), 300, 400), "bilinear")
    assert found.strides[1:] == (3, 1)
