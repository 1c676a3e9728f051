"""Views: coordinates against brute force and against torchvision's crops, and the pixels of each."""

from collections import Counter
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from neocog.errors import BadPicture
from neocog.evaluate.protocol import parse_protocol
from neocog.evaluate.views import Box, Scaled, View, five, grid, squares, views
from neocog.pictures.preprocessing import Preprocessing

RECORD = Preprocessing(24, 24, resize="shorter", resize_to=30)


def photo(height: int, width: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8))


def taken(text: str, record: Preprocessing, picture: Image.Image) -> list[np.ndarray]:
    (term,) = parse_protocol(text).resolved(record).terms
    found = list(views(term, record, picture.height, picture.width))
    made = Scaled(picture, record, found)
    return [made.cut(view) for view in found]


sizes = st.tuples(st.integers(30, 90), st.integers(30, 90))


@given(sizes, st.integers(1, 30), st.integers(1, 30))
def test_corners_centre_and_grid_by_brute_force(size: tuple[int, int], height: int, width: int):
    """Of all places that a crop can have: those at the edges, the nearest to the middle, and 5×5 that are as regular as whole
    pixels allow."""
    rows, columns = size
    tops, lefts = range(rows - height + 1), range(columns - width + 1)
    *corners, middle = five(Box(0, 0, rows, columns), height, width)
    assert [(b.top, b.left) for b in corners] == [(t, s) for t in (tops[0], tops[-1]) for s in (lefts[0], lefts[-1])]
    for start, places in ((middle.top, tops), (middle.left, lefts)):
        assert abs(2 * start - places[-1]) == min(abs(2 * place - places[-1]) for place in places)
    boxes = grid(Box(0, 0, rows, columns), height, width)
    assert len(boxes) == 25 and boxes[12] == middle and {boxes[0], boxes[4], boxes[20], boxes[24]} == set(corners)
    for i, box in enumerate(boxes):
        assert abs(box.top - tops[-1] * (i // 5) / 4) <= 0.5 and abs(box.left - lefts[-1] * (i % 5) / 4) <= 0.5
        assert (box.height, box.width) == (height, width) and box.top in tops and box.left in lefts


@given(sizes)
def test_squares_by_brute_force(size: tuple[int, int]):
    rows, columns = size
    side = min(size)
    first, middle, last = squares(rows, columns)
    fitting = [Box(t, s, side, side) for t in range(rows - side + 1) for s in range(columns - side + 1)]
    assert (first, last) == (fitting[0], fitting[-1]) and middle in fitting
    assert abs(fitting.index(middle) - (len(fitting) - 1) / 2) <= 0.5


@pytest.mark.parametrize("size", [(40, 31), (31, 40), (60, 60), (33, 47)])
def test_144_crops_are_four_scales_three_squares_six_crops_mirrored(size: tuple[int, int]):
    """Szegedy et al. 2014, section 7, counted out anew."""
    record = Preprocessing(24, 24, resize="shorter", resize_to=32)
    (term,) = parse_protocol("144crop").resolved(record).terms
    found = Counter(views(term, record, *size))
    expected: Counter[View] = Counter()
    for side in (32, 36, 40, 44):
        scale = side / min(size)
        rows, columns = (side if n == min(size) else int(side * n / min(size)) for n in size)
        assert abs(rows - size[0] * scale) < 1 and abs(columns - size[1] * scale) < 1
        for third in (0, round((max(rows, columns) - side) / 2), max(rows, columns) - side):
            y, x = (third, 0) if rows > columns else (0, third)
            rest = side - 24
            corners = [(y, x), (y, x + rest), (y + rest, x), (y + rest, x + rest), (y + round(rest / 2), x + round(rest / 2))]
            for box in [*(Box(top, left, 24, 24) for top, left in corners), Box(y, x, side, side)]:
                for mirror in (False, True):
                    expected[View(rows, columns, box, 24, 24, mirror)] += 1
    assert found == expected and found.total() == 144
    assert (len(found) == 48) == (size[0] == size[1]), "of a square picture the three squares are one"


@pytest.mark.parametrize("size", [(40, 50), (50, 40), (37, 30), (64, 64)])
@pytest.mark.parametrize("text", ["5crop", "10crop"])
def test_the_same_pixels_as_torchvision(torchvision: ModuleType, size: tuple[int, int], text: str):
    """`FiveCrop` and `TenCrop` behind `Resize`, as users write them."""
    from torchvision.transforms import FiveCrop, Resize, TenCrop

    picture = photo(*size)
    resized = Resize(30)(picture)
    ours = taken(text, RECORD, picture)
    theirs = [np.asarray(crop) for crop in (FiveCrop(24) if text == "5crop" else TenCrop(24))(resized)]
    assert len(ours) == len(theirs)
    even = (resized.width - 24) % 2 == 0  # else their mirrored centre is the centre of the mirror image, a pixel off ours
    ordered = [sorted(crop.tobytes() for i, crop in enumerate(crops) if even or i != 9) for crops in (ours, theirs)]
    assert ordered[0] == ordered[1]
    for ours_too, theirs_too in zip(ours[:5], theirs[:5], strict=True):
        np.testing.assert_array_equal(ours_too, theirs_too)


def test_the_centre_is_the_one_crop():
    for size in ((40, 51), (30, 30), (71, 33)):
        picture = photo(*size)
        want = RECORD.image(picture)
        np.testing.assert_array_equal(taken("1crop@30,36", RECORD, picture)[0], want)
        for text, at in (("10crop", 4), ("50crop", 12), ("10crop:square", 4)):
            np.testing.assert_array_equal(taken(text, RECORD, picture)[at], want)


def test_mirrored_views_are_mirror_images_of_the_others():
    for text, half in (("10crop", 5), ("50crop", 25), ("dense@40", 1)):
        found = taken(text, RECORD, photo(41, 57))
        assert len(found) == 2 * half
        for plain, mirrored in zip(found[:half], found[half:], strict=True):
            np.testing.assert_array_equal(mirrored, plain[:, ::-1])


def test_dense_sees_the_whole_picture_and_squares_are_resized():
    picture = photo(41, 57)
    whole, _ = taken("dense@36", RECORD, picture)
    np.testing.assert_array_equal(whole, np.asarray(picture.resize((50, 36), Image.Resampling.BILINEAR)))
    square = taken("144crop", RECORD, picture)[5]
    first = picture.resize((int(30 * 57 / 41), 30), Image.Resampling.BILINEAR).crop((0, 0, 30, 30))
    np.testing.assert_array_equal(square, np.asarray(first.resize((24, 24), Image.Resampling.BILINEAR)))


def test_colours_are_those_of_the_record():
    picture = photo(40, 40)
    bgr = Preprocessing(24, 24, color="BGR", resize="shorter", resize_to=30)
    grey = Preprocessing(24, 24, color="L", resize="shorter", resize_to=30)
    for a, b in zip(taken("10crop", bgr, picture), taken("10crop", RECORD, picture), strict=True):
        np.testing.assert_array_equal(a, b[:, :, ::-1])
    for crop in taken("144crop", grey, picture):
        assert crop.shape == (24, 24, 1)
    np.testing.assert_array_equal(taken("10crop", grey, picture)[4], grey.image(picture))


def test_a_strip_that_would_not_fit_into_memory_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("neocog.evaluate.views.MOST", 30 * 3000)
    (term,) = parse_protocol("dense").resolved(RECORD).terms
    for width, fits in ((200, True), (202, False)):
        strip = Image.new("RGB", (width, 2))
        found = list(views(term, RECORD, 2, width))
        if fits:
            assert Scaled(strip, RECORD, found).cut(found[0]).shape == (30, 3000, 3)
        else:
            with pytest.raises(BadPicture, match=r"strip\.png: a strip of 202×2 would become 3030×30"):
                Scaled(strip, RECORD, found, "strip.png")
