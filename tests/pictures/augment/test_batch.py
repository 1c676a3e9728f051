"""Pixels moved and erased: windows are windows, rectangles within their bounds, and a batch shared out is the same batch."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from neocog.pictures.augment.batch import cutout, erasing, flip, flip_alternating, pad_and_crop, rectangles
from neocog.pictures.augment.draws import Draws, generator
from neocog.pictures.augment.policy import policy
from neocog.pictures.augment.spec import KNOWN
from neocog.pictures.preprocessing import Preprocessing

PIXEL_WORK = [name for name, kind in KNOWN.items() if kind.stage not in ("cut", "mix")]


def batch(n: int, height: int, width: int, channels: int) -> np.ndarray:
    """Every pixel different from every other, and none black."""
    count = n * height * width * channels
    return (np.arange(count) % 255 + 1).astype(np.uint8).reshape(n, height, width, channels)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", [*PIXEL_WORK, "all"])
def test_a_batch_shared_among_processes_is_the_same_batch_and_is_left_as_it_was(name: str, channels: int):
    texts = ["crop", "flip", "randaugment", "hue", "jitter", "lighting", "erasing"] if name == "all" else [name]
    pixels = np.random.default_rng(0).integers(0, 256, (13, 17, 21, channels), dtype=np.uint8)
    before = pixels.copy()
    pixels.setflags(write=False)
    preprocessing = Preprocessing(17, 21, "L" if channels == 1 else "RGB", mean=(0.4,))

    def made(at: np.ndarray, seed: int = 3) -> np.ndarray:
        draws, out = Draws(generator(seed), 13, at, epoch=1, pictures=at + 100, seed=7), pixels[at]
        for operation in policy(texts, preprocessing).pixels:
            out = operation(out, draws)
        assert out.dtype == np.uint8 and out.shape == (len(at), 17, 21, channels)
        return out

    whole = made(np.arange(13))
    for parts in ([0, 5, 13], [0, 0, 4, 8, 13], list(range(14))):
        shared = [made(np.arange(low, high)) for low, high in pairwise(parts)]
        assert np.array_equal(np.concatenate(shared), whole), parts
    assert np.array_equal(made(np.array([12, 3])), whole[[12, 3]])
    assert np.array_equal(pixels, before)
    if name not in ("flip-alternating", "hue" if channels == 1 else ""):  # grey has no hue
        assert not np.array_equal(made(np.arange(13), seed=4), whole), "another seed, other pictures"


@given(st.integers(1, 6), st.integers(2, 20), st.integers(2, 20), st.sampled_from([1, 3]), st.booleans(), st.integers(0, 2**32))
def test_each_crop_is_a_window_of_its_own_padded_picture(n, height, width, channels, reflect, seed):
    pixels = batch(n, height, width, channels)
    out = pad_and_crop(pixels, Draws.of(np.random.default_rng(seed), n), reflect=reflect)
    assert out.shape == pixels.shape and out.dtype == np.uint8
    rows, columns = max(1, round(height / 8)), max(1, round(width / 8))
    around = ((0, 0), (rows, rows), (columns, columns), (0, 0))
    padded = np.pad(pixels, around, "reflect") if reflect else np.pad(pixels, around)
    for one, source in zip(out, padded, strict=True):
        windows = [source[t : t + height, s : s + width] for t in range(2 * rows + 1) for s in range(2 * columns + 1)]
        assert any(np.array_equal(one, window) for window in windows)


def test_crops_and_flips_take_every_choice_about_equally_often():
    pixels = batch(1, 8, 8, 1).repeat(9000, 0)
    crops = pad_and_crop(pixels, Draws.of(np.random.default_rng(0), 9000))
    _, counts = np.unique(crops.reshape(9000, -1), axis=0, return_counts=True)
    assert len(counts) == 9 and counts.min() > 850 and counts.max() < 1150  # ±5 standard deviations of 1000
    flips = flip(pixels, Draws.of(np.random.default_rng(0), 9000))
    kept = (flips == pixels).all((1, 2, 3))
    assert (flips[~kept] == pixels[0, :, ::-1]).all() and 4250 < kept.sum() < 4750
    assert np.array_equal(pad_and_crop(pixels[:5], Draws.of(generator(0), 5), share=0.0), pixels[:5])


def test_alternating_flips_show_each_picture_both_ways_in_any_two_epochs():
    which = np.arange(2000)
    pixels = batch(2000, 2, 3, 1)

    def seen(epoch: int, seed: int = 0, order: np.ndarray = which) -> np.ndarray:
        draws = Draws(generator(epoch), 2000, np.arange(2000), epoch, order, seed)
        return (flip_alternating(pixels[order], draws) != pixels[order]).any((1, 2, 3))

    first = seen(0)
    assert 880 < first.sum() < 1120  # ±5 standard deviations of 1000
    assert np.array_equal(seen(1), ~first) and np.array_equal(seen(6), first)
    shuffled = generator(1).permutation(2000)
    assert np.array_equal(seen(0, order=shuffled), first[shuffled]), "by picture, not by place in the batch"
    other = seen(0, seed=1)
    assert 880 < (first == other).sum() < 1120, "another seed, other halves"
    assert 880 < (first[1:] == first[:-1]).sum() < 1120, "neighbours are independent"
    with pytest.raises(ValueError, match="pictures"):
        flip_alternating(pixels, Draws(generator(0), 2000, which))


@given(st.integers(0, 2**32), st.sampled_from([(32, 32), (9, 20)]), st.floats(0, 1))
def test_cutout_is_the_authors_square(seed: int, size: tuple[int, int], share: float):
    """A mask around a uniform pixel, clipped at the edges (uoguelph-mlrg/Cutout); `fill` where theirs has the mean's zero."""
    height, width = size
    pixels = batch(5, height, width, 3)
    out = cutout(pixels, Draws.of(generator(seed), 5), share, (10, 20, 30))
    draws, side = Draws.of(generator(seed), 5), round(share * min(size))
    for one, source, y, x in zip(out, pixels, draws.integers(0, height), draws.integers(0, width), strict=True):
        mask = np.ones(size, bool)
        y1, y2 = np.clip([y - side // 2, y - side // 2 + side], 0, height)
        x1, x2 = np.clip([x - side // 2, x - side // 2 + side], 0, width)
        mask[y1:y2, x1:x2] = False
        assert (one[~mask] == [10, 20, 30]).all() and np.array_equal(one[mask], source[mask])


def test_erased_rectangles_keep_zhongs_bounds_and_are_anywhere():
    n, height, width = 20_000, 128, 64
    top, bottom, left, right = rectangles(Draws.of(generator(0), n), height, width, 0.02, 0.4, 0.3).T
    rows, columns = bottom - top, right - left
    assert (rows > 0).all(), "ten attempts are enough"
    assert top.min() == 0 and left.min() == 0 and bottom.max() == height and right.max() == width
    area, ratio = rows * columns / (height * width), rows / columns
    assert 0.015 < area.min() < 0.025 and 0.37 < area.max() < 0.41  # whole pixels: a little beyond
    assert 0.25 < ratio.min() < 0.33 and 3.0 < ratio.max() < 3.8
    assert stats.kstest((top + generator(1).random(n)) / (height - rows + 1), "uniform").pvalue > 0.01
    small = (area < 0.1) & (ratio > 0.7) & (ratio < 1.4)  # where every attempt fits, both are uniform
    assert stats.kstest(area[small], stats.uniform(area[small].min(), np.ptp(area[small])).cdf).pvalue > 1e-4


def test_erasing_makes_noise_of_half_of_the_pictures_and_leaves_the_rest():
    pixels = np.full((400, 32, 32, 3), 7, np.uint8)
    out = erasing(pixels, Draws.of(generator(0), 400))
    touched = (out != 7).any((1, 2, 3))
    assert 150 < touched.sum() < 250
    noise = out[out != 7]
    counts = np.bincount(noise, minlength=256)
    assert stats.chisquare(np.delete(counts, 7)).pvalue > 1e-3, "every number equally often"
    assert not erasing(pixels, Draws.of(generator(0), 400), probability=0.0).var()
    one, two = out[np.flatnonzero(touched)[:2]]
    assert not np.array_equal(one, two), "noise of its own for each picture"
