"""Five digits in the manner of Fukushima's stimuli: lines one cell wide on 16×16 cells, to be shifted and deformed.

They are drawn from strokes, so that a deformed digit still has lines one cell wide, as the deformed stimuli of 1980 have.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw

from neocog.pictures.arrays import array_dataset
from neocog.pictures.sets import Dataset

SIDE, REACH = 16, 2
MIDDLE = (SIDE - 1) / 2
CLASSES = ("0", "1", "2", "3", "4")

# Corners (column, row) of one line for each digit. All have room to move by two cells on every side.
STROKES: tuple[tuple[tuple[int, int], ...], ...] = (
    ((6, 2), (9, 2), (12, 5), (12, 10), (9, 13), (6, 13), (3, 10), (3, 5), (6, 2)),
    ((6, 4), (8, 2), (8, 13)),
    ((3, 4), (5, 2), (10, 2), (12, 4), (12, 6), (3, 13), (12, 13)),
    ((3, 4), (5, 2), (10, 2), (12, 4), (12, 5), (10, 7), (7, 7), (10, 7), (12, 9), (12, 11), (10, 13), (5, 13), (3, 11)),
    ((9, 13), (9, 2), (3, 9), (12, 9)),
)


def draw(points: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """The line through the points (column, row) on 16×16 cells: uint8, 255 on 0; what leaves the picture is cut off."""
    picture = Image.new("L", (SIDE, SIDE))
    ImageDraw.Draw(picture).line([(round(float(x)), round(float(y))) for x, y in points], fill=255)
    return np.array(picture)


def digit(number: int) -> np.ndarray:
    """The digit 0 … 4, upright in the middle: uint8 16×16."""
    return draw(STROKES[number])


def shifted(picture: np.ndarray, down: int, right: int) -> np.ndarray:
    """The picture H×W moved by whole cells; what comes in is empty."""
    moved = np.zeros_like(picture)
    height, width = picture.shape
    moved[max(0, down) : height + min(0, down), max(0, right) : width + min(0, right)] = picture[
        max(0, -down) : height + min(0, -down), max(0, -right) : width + min(0, -right)
    ]
    return moved


def deformed(
    number: int, rng: np.random.Generator, angle: float = 8.0, scale: float = 0.1, shear: float = 0.1, elastic: float = 0.5
) -> np.ndarray:
    """The digit mildly deformed, about the middle: turned by up to `angle` degrees, each axis stretched by up to ±`scale`,
    sheared by up to ±`shear`, and bent by a smooth random field of `elastic` cells (root mean square; it changes over
    some three cells). Uniform draws but for the field, which is Gaussian."""
    turn = math.radians(rng.uniform(-angle, angle))
    stretch, slant = 1 + rng.uniform(-scale, scale, 2), rng.uniform(-shear, shear)
    affine = (
        np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        @ np.array([[1, slant], [0, 1]])
        @ np.diag(stretch)
    )
    points = _fine(STROKES[number])
    nodes = np.stack(np.meshgrid(*[np.arange(-4, SIDE + 4, 2.0)] * 2), -1).reshape(-1, 2)
    weight = np.exp(-((points[:, None] - nodes) ** 2).sum(-1) / (2 * 3.0**2))
    bend = weight @ rng.normal(size=(len(nodes), 2)) * elastic / np.sqrt((weight**2).sum(1, keepdims=True))
    return draw((points - MIDDLE) @ affine.T + bend + MIDDLE)


def _fine(corners: Sequence[tuple[int, int]], step: float = 2.0) -> np.ndarray:
    """The corners, and points between them about `step` cells apart, which a bent line needs."""
    points: list[tuple[float, float]] = []
    for (x0, y0), (x1, y1) in pairwise(corners):
        parts = max(1, round(math.hypot(x1 - x0, y1 - y0) / step))
        points += [(x0 + (x1 - x0) * i / parts, y0 + (y1 - y0) * i / parts) for i in range(parts)]
    return np.array([*points, corners[-1]], np.float64)


def positions(reach: int = REACH) -> list[tuple[int, int]]:
    """All shifts (down, right) by up to `reach` cells: 25 for 2."""
    return [(down, right) for down in range(-reach, reach + 1) for right in range(-reach, reach + 1)]


def shifts(where: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Every digit at each of these shifts: uint8 N×16×16 and labels [N], the five digits after one another at each."""
    pictures = [shifted(digit(number), *shift) for shift in where for number in range(len(CLASSES))]
    return np.stack(pictures), np.tile(np.arange(len(CLASSES)), len(where))


def deformations(each: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`each` deformed pictures of every digit: uint8 N×16×16 and labels [N]."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(len(CLASSES)), each)
    return np.stack([deformed(int(number), rng) for number in labels]), labels


def lessons(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Twenty presentations of each digit: at 13 of the 25 shifts, every other one as on a chessboard, and 7 deformed."""
    chessboard = [(down, right) for down, right in positions() if (down + right) % 2 == 0]
    bent, labels = deformations(7, seed)
    plain, names = shifts(chessboard)
    return np.concatenate([plain, bent]), np.concatenate([names, labels])


def five_digits(seed: int = 0) -> Dataset:
    """`lessons` to learn from; the 12 shifts that are not among them, and 20 other deformations of each digit, to test on."""
    unseen, names = shifts([(down, right) for down, right in positions() if (down + right) % 2])
    bent, labels = deformations(20, seed + 1)
    test = np.concatenate([unseen, bent]), np.concatenate([names, labels])
    return array_dataset("five-digits", CLASSES, lessons(seed), test, flip=False, val_fraction=0.0)
