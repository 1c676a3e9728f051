"""Does hiding the object cost the class more than hiding as much of the rest? Parts of pictures as boxes, and their hiding."""

import csv
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from neocog.errors import DataError
from neocog.explain.inside import input_of, pixels_of, record_of, undisturbed
from neocog.explain.occlusion.fade import area, cell_side, order_of, random_orders
from neocog.explain.occlusion.veil import veil
from neocog.explain.targets import answers
from neocog.nn import Model

Box = tuple[int, int, int, int]
"""Left and top inside, right and bottom outside, in pixels."""
TOGETHER = 32  # pictures in one pass
LEAST = 0.1  # of the picture, that must be left beside the object
COLUMNS = ("file", "left", "top", "right", "bottom")


class Mark(NamedTuple):
    """A line of a file of boxes: of which picture, what it marks, and where; `note` where there is a word instead of a box."""

    file: str
    what: str
    box: Box | None
    note: str = ""


def read_boxes(path: Path) -> list[Mark]:
    """A table with a header, its columns parted by tabs or commas: file, part (or class), left, top, right, bottom. Lines that
    begin with # are remarks. Raises DataError with the line for what is no box."""
    try:
        lines = [(n, line) for n, line in enumerate(path.read_text("utf-8").splitlines(), 1) if line and line[0] != "#"]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or 'it is no text'}") from None
    if not lines:
        raise DataError(f"{path} holds no boxes; a table begins with: file, part, left, top, right, bottom")
    sign = "\t" if "\t" in lines[0][1] else ","
    head = [name.strip().lower() for name in next(csv.reader([lines[0][1]], delimiter=sign))]
    what = next((name for name in ("part", "class") if name in head), None)
    missing = [name for name in COLUMNS if name not in head] + ([] if what else ["part"])
    if missing:
        raise DataError(f"{path}: its first line has no column {', '.join(missing)}; it has {', '.join(head)}")
    assert what is not None
    found = []
    for n, line in lines[1:]:
        cells = dict(zip(head, (cell.strip() for cell in next(csv.reader([line], delimiter=sign))), strict=False))
        sides = [cells.get(name, "") for name in COLUMNS[1:]]
        if sides[0] and not sides[0][0].isdigit() and not any(sides[1:]):
            found.append(Mark(cells["file"], cells[what], None, sides[0]))
            continue
        if not all(side.isdecimal() for side in sides):
            raise DataError(
                f"{path}, line {n}: left, top, right and bottom are whole numbers of pixels, not {', '.join(sides)}"
            )
        left, top, right, bottom = map(int, sides)
        if not (left < right and top < bottom):
            raise DataError(f"{path}, line {n}: a box from {left},{top} to {right},{bottom} holds nothing")
        found.append(Mark(cells["file"], cells[what], (left, top, right, bottom)))
    return found


def mask_of(model: Model, boxes: Iterable[Box], size: tuple[int, int]) -> np.ndarray:
    """Where boxes on a picture of size (width, height) are in what the network gets, bool H×W."""
    plain = np.zeros((size[1], size[0], 3), np.uint8)
    for left, top, right, bottom in boxes:
        plain[top:bottom, left:right] = 255
    return record_of(model).image(Image.fromarray(plain))[:, :, 0] > 127


def nearest(among: np.ndarray, count: int, place: tuple[int, int]) -> np.ndarray:
    """The `count` pixels of `among`, bool H×W, that lie nearest to a place: a square, cut off where `among` ends."""
    rows, columns = np.nonzero(among)
    far = np.maximum(np.abs(rows - place[0]), np.abs(columns - place[1]))
    chosen = np.argsort(far, kind="stable")[:count]
    out = np.zeros_like(among)
    out[rows[chosen], columns[chosen]] = True
    return out


def some_of(among: np.ndarray, count: int, n: int, draws: np.random.Generator) -> list[np.ndarray]:
    """n parts of `among` of `count` pixels each, around places drawn in it; `among` itself where it has no more."""
    if among.sum() <= count:
        return [among]
    places = np.argwhere(among)
    return [nearest(among, count, tuple(places[i])) for i in draws.integers(0, len(places), n)]


def moved(mask: np.ndarray, n: int, draws: np.random.Generator) -> list[np.ndarray]:
    """The same shape n times elsewhere in the picture, nowhere over itself; none where there is no room."""
    rows, columns = np.nonzero(mask)
    high, wide = mask.shape
    part = mask[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    spectrum = np.fft.rfft2(mask, (2 * high, 2 * wide)) * np.conj(np.fft.rfft2(part, (2 * high, 2 * wide)))
    shared = np.fft.irfft2(spectrum, (2 * high, 2 * wide))[: high - part.shape[0] + 1, : wide - part.shape[1] + 1]
    free = np.argwhere(shared < 0.5)
    found = []
    for i in draws.integers(0, len(free), n) if len(free) else ():
        top, left = free[i]
        one = np.zeros_like(mask)
        one[top : top + part.shape[0], left : left + part.shape[1]] = part
        found.append(one)
    return found


def scores_of(model: Model, x: Tensor) -> Tensor:
    """N×C×H×W → N×classes, a batch at a time."""
    with undisturbed(model), torch.inference_mode():
        parts = [x[i : i + TOGETHER].contiguous(memory_format=torch.channels_last) for i in range(0, len(x), TOGETHER)]
        return torch.cat([answers(model, part) for part in parts]).double().cpu()


class Costs(NamedTuple):
    """What hiding takes from a class: of its probability, of its score."""

    probability: float
    score: float


@dataclass(frozen=True)
class Compared:
    """Hiding a picture's object against hiding as much of the rest. `object_share`: of the picture; `hidden_share`: what was
    hidden each time; `moved`: hiding the object's own shape elsewhere, None where it does not fit."""

    object_share: float
    hidden_share: float
    object: Costs
    rest: Costs
    moved: Costs | None


def object_and_rest(
    model: Model,
    picture: Image.Image,
    boxes: Sequence[Box],
    target: int,
    fill: str = "mean",
    placements: int = 8,
    seed: int = 0,
) -> Compared | None:
    """Equal areas hidden of the object (the boxes' union) and of the rest.

    The smaller of the two is hidden whole; of the larger as many pixels, around `placements` places drawn in it, and the mean
    taken. None where less than `LEAST` of the picture is left beside the object.
    """
    pixels = pixels_of(model, picture)
    mask = mask_of(model, boxes, picture.size)
    if (~mask).mean() < LEAST or not mask.any():
        return None
    draws = np.random.default_rng(seed)
    count = int(min(mask.sum(), (~mask).sum()))
    groups = [some_of(mask, count, placements, draws), some_of(~mask, count, placements, draws), moved(mask, placements, draws)]
    x, cover = input_of(model, pixels), veil(model, pixels, fill, round(count**0.5)).values
    masks = torch.from_numpy(np.stack([np.zeros_like(mask), *(one for group in groups for one in group)]))[:, None].to(x.device)
    scores = scores_of(model, torch.where(masks, cover, x))
    both = torch.stack([scores.softmax(1)[:, target], scores[:, target]], 1).numpy()
    costs, start = [], 1
    for group in groups:
        lost = (both[0] - both[start : start + len(group)]).mean(0) if group else None
        costs.append(None if lost is None else Costs(float(lost[0]), float(lost[1])))
        start += len(group)
    assert costs[0] is not None and costs[1] is not None
    return Compared(float(mask.mean()), count / mask.size, costs[0], costs[1], costs[2])


def deletion(
    model: Model,
    picture: Image.Image,
    target: int,
    importance: np.ndarray,
    fill: str = "mean",
    steps: int = 14,
    orders: int = 3,
    seed: int = 0,
    on_step: Callable[[], None] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """A class's probability as the picture's cells are covered, the most important first (steps + 1), and in random orders
    (orders × steps + 1). importance: H×W. Cells are those of the sanity badge."""
    pixels = pixels_of(model, picture)
    x, cover = input_of(model, pixels), veil(model, pixels, fill, round(min(pixels.shape[:2]) / 5)).values
    ranks = [order_of(torch.from_numpy(importance.astype(np.float32))[None], x, seed), *random_orders(x, seed, orders)]
    side, (high, wide) = cell_side(x), x.shape[-2:]
    curves = []
    for rank in ranks:
        full = rank.repeat_interleave(side, 1).repeat_interleave(side, 2)[:, None, :high, :wide].to(x.device)
        gone = [round(rank[0].numel() * step / steps) for step in range(steps + 1)]
        many = torch.cat([torch.where(full < count, cover, x) for count in gone])
        curves.append(scores_of(model, many).softmax(1)[:, target].numpy())
        if on_step is not None:
            on_step()
    return curves[0], np.stack(curves[1:])


def below(curves: np.ndarray) -> np.ndarray:
    """The areas under …×(steps + 1) curves, their width taken as 1."""
    return area(np.atleast_2d(curves))
