"""Colours against fb.resnet.torch's definitions written out, and against torchvision."""

import importlib
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from neocog.pictures.augment import colour
from neocog.pictures.augment.colour import IMAGENET, LUMA, Maps, apply, means, principal_colours
from neocog.pictures.augment.draws import Draws, generator
from neocog.pictures.augment.policy import policy
from neocog.pictures.preprocessing import Preprocessing


@pytest.fixture(scope="module")
def photos() -> np.ndarray:
    """Smooth colours with some noise, and all levels: uint8 6×24×31×3."""
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)
    smooth = [np.asarray(Image.fromarray(c).resize((31, 24), Image.Resampling.BICUBIC), int) for c in coarse]
    return (np.stack(smooth) + rng.integers(-20, 20, (6, 24, 31, 3))).clip(0, 255).astype(np.uint8)


def blend(one: np.ndarray, two: np.ndarray, alpha: float) -> np.ndarray:
    return alpha * one + (1 - alpha) * two


def facebooks(picture: np.ndarray, factors: np.ndarray, order: list[int]) -> np.ndarray:
    """transforms.lua: Brightness, Contrast, Saturation in this order, in floats, not clipped."""
    x = picture.astype(float)
    for which in order:
        grey = (x @ LUMA)[..., None]
        other = (np.zeros_like(x), np.full_like(x, grey.mean()), np.broadcast_to(grey, x.shape))[which]
        x = blend(x, other, factors[which])
    return x


def test_jitter_and_lighting_are_facebooks_on_floats_rounded_once(photos: np.ndarray):
    out = policy(["jitter=0.4:0.3:0.6", "lighting=0.5"]).pixels[0](photos, Draws.of(generator(1), 6))
    draws = Draws.of(generator(1), 6)
    factors = 1 + (2 * draws.random(3) - 1) * [0.4, 0.3, 0.6]
    orders = draws.random(3).argsort(1)
    alphas = draws.normal(3) * 0.5
    values, vectors = IMAGENET
    for k in range(6):
        want = facebooks(photos[k], factors[k], orders[k].tolist())
        want += 255 * sum(vectors[:, i] * alphas[k, i] * values[i] for i in range(3))
        assert np.abs(out[k] - want.clip(0, 255)).max() <= 0.51
    assert len({tuple(order) for order in orders.tolist()}) > 1


@pytest.mark.parametrize("what", ["brightness", "contrast", "saturation"])
def test_one_change_alone_is_torchvisions(what: str, torchvision: ModuleType, photos: np.ndarray):
    from torchvision.transforms import functional

    for by in (0.0, 0.3, 0.9, 1.0, 1.4, 2.0):
        changed = getattr(colour, what)(Maps.identity(means(photos)), np.full(6, by))
        mine = apply(photos, changed).astype(int)
        adjust = getattr(functional, f"adjust_{what}")
        theirs = np.stack([np.asarray(adjust(Image.fromarray(p), by), int) for p in photos])
        # Pillow rounds grey and its mean to whole numbers before it blends, and cuts off what is left
        assert np.abs(mine - theirs).max() <= 1 + abs(1 - by)


def test_hue_is_torchvisions_to_the_pixel(torchvision: ModuleType, photos: np.ndarray):
    adjust = importlib.import_module("torchvision.transforms.functional").adjust_hue
    out = colour.hue(photos, Draws.of(generator(2), 6), 0.3)
    turns = 0.6 * generator(2).random(6) - 0.3
    theirs = [np.asarray(adjust(Image.fromarray(p), t)) for p, t in zip(photos, turns, strict=True)]
    assert np.array_equal(out, np.stack(theirs))
    grey = photos[..., :1]
    assert np.array_equal(colour.hue(grey, Draws.of(generator(2), 6), 0.3), grey)


def test_grey_pictures_become_the_grey_of_what_coloured_ones_would(photos: np.ndarray):
    grey = photos[..., :1]
    work = policy(["jitter=0.4:0.4:0.4", "lighting=0.8"]).pixels[0]
    mine = work(grey, Draws.of(generator(3), 6)).astype(int)
    coloured = work(np.repeat(grey, 3, 3), Draws.of(generator(3), 6))
    inside = ((coloured > 0) & (coloured < 255)).all(3)
    assert np.abs(mine[..., 0] - coloured @ LUMA)[inside].max() <= 1.01 and inside.mean() > 0.5


@pytest.mark.parametrize("text", ["jitter", "lighting=0.5", "hue", "randaugment", "autoaugment"])
def test_blue_first_pixels_are_coloured_like_red_first_ones(text: str, photos: np.ndarray):
    red = policy([text], Preprocessing(24, 31)).pixels[0](photos, Draws.of(generator(4), 6))
    blue = policy([text], Preprocessing(24, 31, "BGR")).pixels[0](photos[..., ::-1], Draws.of(generator(4), 6))
    assert np.array_equal(red, blue[..., ::-1])


def test_the_constants_are_a_rotation_and_the_lighting_has_their_covariance():
    values, vectors = IMAGENET
    assert np.abs(vectors.T @ vectors - np.eye(3)).max() < 1e-3
    shift = colour.lighting(Maps.identity(np.zeros((200_000, 3))), Draws.of(generator(0), 200_000), 0.1, *IMAGENET).shift
    want = (0.1 * 255) ** 2 * vectors @ np.diag(values**2) @ vectors.T
    assert np.abs(np.cov(shift.T) - want).max() < 0.02 * want.max() and np.abs(shift.mean(0)).max() < 0.05


def test_principal_colours_are_those_of_the_covariance(photos: np.ndarray):
    values, vectors = principal_colours(photos, at_once=100)
    covariance = np.cov(photos.reshape(-1, 3).T / 255, bias=True)
    assert np.allclose(vectors @ np.diag(values) @ vectors.T, covariance) and (np.diff(values) <= 0).all()
    axes = np.array([1.0, 0, 0]), np.eye(3)
    lit = policy(["lighting=0.1"], axes=axes).pixels[0](photos, Draws.of(generator(5), 6))
    assert np.array_equal(lit[..., 1:], photos[..., 1:]) and not np.array_equal(lit, photos)


def test_means_are_exact(photos: np.ndarray):
    assert np.allclose(means(photos), photos.reshape(6, -1, 3).mean(1), atol=1e-9)
