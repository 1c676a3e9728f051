"""Bilinear resizing without antialiasing: what Caffe's tools did, by OpenCV."""

import numpy as np
import pytest
from PIL import Image

from neocog.errors import UserError
from neocog.pictures.preprocessing import Preprocessing


def noise(height: int, width: int, channels: int = 3) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def record(size: int, **more: object) -> Preprocessing:
    return Preprocessing(size, size, resize="squash", antialias=False, **more)  # type: ignore[arg-type]


def test_by_hand():
    """Four pixels to two: each the mean of its two middle neighbours' halves; two to four: ¾ and ¼."""
    row = Image.fromarray(np.array([[0, 100, 200, 40]] * 4, np.uint8))
    assert record(2, color="L").image(row)[0, :, 0].tolist() == [50, 120]
    row = Image.fromarray(np.array([[0, 100]] * 2, np.uint8))
    assert record(4, color="L").image(row)[0, :, 0].tolist() == [0, 25, 75, 100]


def test_shrinking_skips_pixels():
    """Eight times smaller: only the two nearest of eight pixels count, so a fine grid aliases; with antialiasing it greys."""
    grid = Image.fromarray(np.tile(np.array([0, 0, 0, 255, 255, 0, 0, 0], np.uint8), (64, 8)))
    assert set(record(8, color="L").image(grid).ravel().tolist()) == {255}
    assert Preprocessing(8, 8, color="L", resize="squash").image(grid).max() < 130


@pytest.mark.parametrize(("shape", "size"), [((299, 299), 256), ((50, 70), 224), ((333, 500), 256)])
def test_opencv(shape: tuple[int, int], size: int):
    """Within one level everywhere; OpenCV drops bits on the way and is an eighth of a level darker."""
    cv2 = pytest.importorskip("cv2", reason="OpenCV, to compare with")
    pixels = noise(*shape)
    want = cv2.resize(pixels, (size, size), interpolation=cv2.INTER_LINEAR).astype(int)
    got = record(size).image(Image.fromarray(pixels)).astype(int)
    assert abs(got - want).max() <= 1
    assert abs((got - want).mean()) < 0.2


def test_the_record():
    plain = record(227, resize_to=256)
    assert plain.id == "1crop-squash256-227-bilinear"
    assert Preprocessing.from_json(plain.to_json()) == plain != Preprocessing(227, 227, resize="squash", resize_to=256)
    old = {key: value for key, value in Preprocessing(227, 227).to_json().items() if key != "antialias"}
    assert Preprocessing.from_json(old).antialias, "records from before there was a choice"
    with pytest.raises(UserError, match="antialias is true, or false if bilinear"):
        Preprocessing(227, 227, interpolation="bicubic", antialias=False)
