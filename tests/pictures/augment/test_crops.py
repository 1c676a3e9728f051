"""Where the input is cut: against the papers' numbers, against torchvision, and as windows of the picture."""

import pickle
from types import ModuleType

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from scipy import stats

from neocog.pictures.augment.crops import Box, resized_crop, scaled_crop, short_side
from neocog.pictures.augment.draws import generator
from neocog.pictures.augment.policy import policy

SIDES = st.integers(1, 700)
OUT = st.integers(1, 96)
CUTS = (
    "square-crop",
    "scale-jitter",
    "scale-jitter=256:480",
    "scale-jitter=256:256",
    "resized-crop",
    "resized-crop=0.5:0.5:1:1",
)


@given(st.sampled_from(CUTS), SIDES, SIDES, OUT, OUT, st.integers(0, 2**32))
def test_every_window_lies_in_its_picture(text: str, height: int, width: int, rows: int, columns: int, seed: int):
    cut = policy([text]).geometry
    assert cut is not None
    box = cut(height, width, rows, columns, generator(seed))
    assert box.top >= 0 and box.left >= 0 and box.height > 0 and box.width > 0
    assert box.top + box.height <= height + 1e-6 and box.left + box.width <= width + 1e-6
    sent = pickle.loads(pickle.dumps(cut))
    assert box == sent(height, width, rows, columns, generator(seed)), "a function of the generator, in any process"


@pytest.mark.parametrize("text", ["square-crop", "scale-jitter", "scale-jitter=256:256"])
def test_resampling_the_box_alone_is_resizing_and_cropping(text: str):
    """The window's place in whole pixels of the resized picture is found, and both ways give the same pixels."""
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (23, 30, 3), dtype=np.uint8)).resize((300, 230), Image.Resampling.BICUBIC)
    cut = policy([text]).geometry
    assert cut is not None
    for seed in range(20):
        box = cut(230, 300, 64, 64, generator(seed))
        rows, columns = round(230 * 64 / box.height), round(300 * 64 / box.width)
        assert (rows, columns) == short_side(230, 300, rows) and round(256 * 64 / 224) <= rows <= round(512 * 64 / 224)
        top, left = box.top * rows / 230, box.left * columns / 300
        assert top == pytest.approx(round(top)) and left == pytest.approx(round(left)), "whole pixels of the resized picture"
        whole = picture.resize((columns, rows), Image.Resampling.BILINEAR)
        window = np.asarray(whole.crop((round(left), round(top), round(left) + 64, round(top) + 64)), int)
        edges = (box.left, box.top, box.left + box.width, box.top + box.height)
        alone = np.asarray(picture.resize((64, 64), Image.Resampling.BILINEAR, edges), int)
        assert np.abs(window - alone).max() <= 1


def test_alexnets_windows_are_all_those_of_the_middle_square():
    """From 256×341 the middle 256×256, and of it 33×33 windows of 224 (the paper counts 32×32)."""
    rng = generator(0)
    places = {scaled_crop(256, 341, 224, 224, rng, 256, 256, 224, square=True) for _ in range(20_000)}
    assert {box[2:] for box in places} == {(224.0, 224.0)}
    assert {box.top for box in places} == set(map(float, range(33)))
    assert {box.left for box in places} == {float(42 + k) for k in range(33)}  # (341 − 256) // 2 = 42
    assert len(places) == 33 * 33


def test_vggs_and_resnets_short_sides_are_uniform_and_windows_are_anywhere():
    for low, high in ((256, 512), (256, 480)):
        boxes = [scaled_crop(600, 800, 224, 224, generator(1, s), low, high, 224) for s in range(4000)]
        sides = np.array([round(600 * 224 / box.height) for box in boxes])
        assert (sides.min(), sides.max()) == (low, high)
        assert stats.kstest(sides, stats.randint(low, high + 1).cdf).pvalue > 0.01
        lefts = [box.left / (800 - box.width) for box in boxes]
        assert stats.kstest(lefts, "uniform").pvalue > 0.01
    half = scaled_crop(600, 800, 112, 112, generator(0), 256, 256, 224)
    assert half.height == pytest.approx(600 * 224 / 256), "in proportion for other inputs"


def test_area_and_aspect_are_distributed_as_torchvisions(torchvision: ModuleType):
    from torchvision.transforms import RandomResizedCrop

    picture = torch.empty(3, 500, 400)
    torch.manual_seed(0)
    theirs = np.array([RandomResizedCrop.get_params(picture, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(3000)])
    boxes = np.array([resized_crop(500, 400, 224, 224, generator(s)) for s in range(3000)])
    for mine, other in (
        (boxes[:, 2] * boxes[:, 3], theirs[:, 2] * theirs[:, 3]),
        (boxes[:, 3] / boxes[:, 2], theirs[:, 3] / theirs[:, 2]),
        (boxes[:, 0], theirs[:, 0]),
        (boxes[:, 1], theirs[:, 1]),
    ):
        assert stats.ks_2samp(mine, other).pvalue > 0.01  # pyright: ignore[reportAttributeAccessIssue]
    area, ratio = boxes[:, 2] * boxes[:, 3] / 200_000, boxes[:, 3] / boxes[:, 2]
    assert 0.079 < area.min() < 0.1 and 0.9 < area.max() <= 1
    assert 0.74 < ratio.min() < 0.77 and 1.3 < ratio.max() < 1.35


@pytest.mark.parametrize(("height", "width"), [(10, 1000), (1000, 10), (1, 7), (13, 400)])
def test_where_nothing_fits_it_is_torchvisions_middle(torchvision: ModuleType, height: int, width: int):
    from torchvision.transforms import RandomResizedCrop

    theirs = RandomResizedCrop.get_params(torch.empty(3, height, width), [0.9, 1.0], [3 / 4, 4 / 3])
    assert resized_crop(height, width, 8, 8, generator(0), 0.9, 1.0) == Box(*theirs)
