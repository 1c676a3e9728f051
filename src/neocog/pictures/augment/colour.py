"""Augmentations of colour, uint8 N×H×W×C → a new uint8 N×H×W×C.

Brightness, contrast, saturation and lighting are affine in a pixel's colour, so any number of them, in any order, is one
3×3 matrix and one shift for a picture: applied once, rounded once, clipped once. fb.resnet.torch, which GoogLeNet's and
ResNet's later reproductions follow, does not clip in between either; torchvision clips and rounds after each.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from neocog.pictures.augment.draws import Draws

LUMA = np.array([0.299, 0.587, 0.114])  # ITU-R 601, which fb.resnet.torch and Pillow use

# Of ImageNet's RGB pixels in [0, 1], a row for each colour, a column for each component: fb.resnet.torch, imagenet.lua.
IMAGENET = (
    np.array([0.2175, 0.0188, 0.0045]),
    np.array([[-0.5675, 0.7192, 0.4009], [-0.5808, -0.0045, -0.8140], [-0.5836, -0.6948, 0.4203]]),
)


@dataclass(frozen=True, eq=False)
class Maps:
    """colour → matrix·colour + shift, for each of N pictures (N×3×3, N×3); `mean` (N×3) is what their mean colour becomes."""

    matrix: np.ndarray
    shift: np.ndarray
    mean: np.ndarray

    @staticmethod
    def identity(mean: np.ndarray) -> "Maps":
        """Nothing changed yet in pictures of these mean colours."""
        return Maps(np.tile(np.eye(3), (len(mean), 1, 1)), np.zeros((len(mean), 3)), mean)

    def then(self, matrix: np.ndarray, shift: np.ndarray) -> "Maps":
        """Followed by another map."""
        move = lambda colour: np.einsum("nij,nj->ni", matrix, colour) + shift  # noqa: E731
        return Maps(matrix @ self.matrix, move(self.shift), move(self.mean))

    def where(self, which: np.ndarray, other: "Maps") -> "Maps":
        """`other` for those pictures."""
        pick = lambda one, two: np.where(which.reshape(-1, *[1] * (one.ndim - 1)), two, one)  # noqa: E731
        return Maps(pick(self.matrix, other.matrix), pick(self.shift, other.shift), pick(self.mean, other.mean))


def brightness(maps: Maps, by: np.ndarray) -> Maps:
    """`by` times the colour (by [N]): blended with black."""
    return maps.then(by[:, None, None] * np.eye(3), np.zeros_like(maps.shift))


def contrast(maps: Maps, by: np.ndarray) -> Maps:
    """Blended with the mean grey of the picture as it has become."""
    grey = np.repeat((maps.mean @ LUMA)[:, None], 3, 1)
    return maps.then(by[:, None, None] * np.eye(3), (1 - by[:, None]) * grey)


def saturation(maps: Maps, by: np.ndarray) -> Maps:
    """Blended with each pixel's own grey."""
    grey = np.tile(LUMA, (3, 1))
    return maps.then(by[:, None, None] * np.eye(3) + (1 - by[:, None, None]) * grey, np.zeros_like(maps.shift))


def jitter(maps: Maps, draws: Draws, *variations: float) -> Maps:
    """Brightness, contrast and saturation by 1 ± their variation, uniform, in an order drawn for each picture."""
    changes = (brightness, contrast, saturation)
    factors = 1 + draws.uniform(-1, 1, 3) * np.asarray(variations)
    order = draws.random(3).argsort(1)
    for place in range(3):
        before = maps
        for number, change in enumerate(changes):
            maps = maps.where(order[:, place] == number, change(before, factors[:, number]))
    return maps


def lighting(maps: Maps, draws: Draws, deviation: float, values: np.ndarray, vectors: np.ndarray) -> Maps:
    """[p1, p2, p3]·[α1λ1, α2λ2, α3λ3]ᵀ added to every pixel, α from N(0, deviation²) (Krizhevsky et al. 2012, section 4.1).

    values: λ, of colours in [0, 1]; vectors: p as columns: `IMAGENET`, or `principal_colours` of the pictures at hand.
    """
    shift = 255 * (draws.normal(3) * deviation * values) @ vectors.T
    return maps.then(np.tile(np.eye(3), (len(shift), 1, 1)), shift)


def principal_colours(pixels: np.ndarray, at_once: int = 1 << 16) -> tuple[np.ndarray, np.ndarray]:
    """(λ, p) of the colours of uint8 N×H×W×3 in [0, 1]: eigenvalues of their covariance, largest first; vectors as columns."""
    flat = pixels.reshape(-1, 3)
    total, squares = np.zeros(3), np.zeros((3, 3))
    for start in range(0, len(flat), at_once):
        part = flat[start : start + at_once] / 255.0
        total += part.sum(0)
        squares += part.T @ part
    mean = total / len(flat)
    values, vectors = np.linalg.eigh(squares / len(flat) - np.outer(mean, mean))
    return values[::-1].clip(0), vectors[:, ::-1]


def means(pixels: np.ndarray) -> np.ndarray:
    """The mean colour of each picture, float64 N×3; grey ones thrice the same."""
    sums = pixels.sum(1, dtype=np.uint32).sum(1, dtype=np.float64)  # rows first: their sum is vectorised
    return np.broadcast_to(sums / (pixels.shape[1] * pixels.shape[2]), (len(pixels), 3))


def apply(pixels: np.ndarray, maps: Maps) -> np.ndarray:
    """Every picture through its map, to the nearest of 0 … 255. Grey ones become the grey of what the coloured would."""
    out = np.empty_like(pixels)
    if pixels.shape[3] == 1:
        gain, shift = maps.matrix.sum(2) @ LUMA, maps.shift @ LUMA
        table = np.rint(gain[:, None] * np.arange(256) + shift[:, None]).clip(0, 255).astype(np.uint8)
        for k, row in enumerate(table):
            np.take(row, pixels[k], out=out[k])
        return out
    rows = np.concatenate([maps.matrix, maps.shift[:, :, None]], 2).reshape(len(pixels), 12).tolist()
    for k, matrix in enumerate(rows):  # Pillow's loop takes half the time of a matrix product in numpy
        out[k] = np.asarray(Image.fromarray(pixels[k]).convert("RGB", tuple(matrix)))
    return out


def hue(pixels: np.ndarray, draws: Draws, turn: float) -> np.ndarray:
    """The hue turned by up to ± `turn` of the circle, in 255 steps, as torchvision does on Pillow; grey pictures have none."""
    by = (draws.uniform(-turn, turn) * 255).astype(np.int32).astype(np.uint8)  # towards 0, then around the circle
    if pixels.shape[3] == 1:
        return pixels.copy()
    out = np.empty_like(pixels)
    for k in range(len(pixels)):
        turned = np.array(Image.fromarray(pixels[k]).convert("HSV"))
        turned[:, :, 0] += by[k]
        out[k] = np.asarray(Image.fromarray(turned, "HSV").convert("RGB"))
    return out
