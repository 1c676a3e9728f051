"""What the strongest answers of a map were given to: the patch of the picture that each unit sees, and the unit's projection.

As in Zeiler & Fergus (2014), figure 2: each winner is projected by itself, from its own picture, and stands beside its patch.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from neocog.arch import Architecture, analyse
from neocog.errors import UserError
from neocog.explain.deconvnet.rules import backward, undefined
from neocog.explain.fields.placing import Box
from neocog.explain.fields.theoretical import unit_field
from neocog.explain.inside import input_of, record_of, shown
from neocog.explain.targets import Target
from neocog.explain.winners.search import Winners
from neocog.nn import Model
from neocog.nn.resample import torch_resize
from neocog.pictures.sets import Pictures
from neocog.pictures.store import Store
from neocog.runs import Predictor

GREY = 128  # beyond the border; also what a projection shows where it is 0


@dataclass(frozen=True, eq=False)
class Exemplars:
    """The k winners of each of the M `maps` of layer `path`.

    values, pictures, places: of these maps, as `Winners` has them; labels M×k: the pictures' classes, −1 where there is no
    picture. boxes M×k×4: top, left, bottom, right of the patch on the network's input, the ends left out; an axis along
    which the field is larger than the picture is shown whole. patches: uint8 M×k×h×w×3, RGB, grey beyond the border.
    projections: float32 M×k×C×h×w (RGB where C is 3) of the same boxes, by `rule`, begun with the unit's value; None where
    the rule is not defined, and `why` says so.
    """

    path: str
    maps: tuple[int, ...]
    values: np.ndarray
    pictures: np.ndarray
    places: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    patches: np.ndarray
    projections: np.ndarray | None
    rule: str
    why: str = ""


def telling_maps(winners: Winners, n: int) -> tuple[int, ...]:
    """n maps to look at first: those that answer most, but none that shares over half its pictures with one already taken,
    while there are others. In the order of their numbers."""
    order = np.argsort(-winners.values[:, 0], kind="stable").tolist()
    taken: list[int] = []
    for once_more in (False, True):
        for unit in order:
            if len(taken) == n or winners.values[unit, 0] == -np.inf:
                break
            mine = set(winners.pictures[unit].tolist())
            if unit not in taken and (
                once_more or all(len(mine & set(winners.pictures[other].tolist())) * 2 <= len(mine) for other in taken)
            ):
                taken.append(unit)
    return tuple(sorted(taken))


def boxes_of(arch: Architecture, path: str, places: np.ndarray) -> np.ndarray:
    """N×2 places of a layer's maps → N×4 boxes on the input, top, left, bottom, right, all of one size.

    A receptive field's box may stick out of the picture; along an axis where it is larger than the picture it is the picture's.
    """
    table = analyse(arch)
    row, (_, *sides) = table.by_path[path], table.input
    out = np.empty((len(places), 4), np.int64)
    if row.field is None:
        out[:] = 0, 0, *sides
        return out
    for axis, (extent, side) in enumerate(zip(row.field, sides, strict=True)):
        if row.field[0].aligned and row.field[1].aligned:
            first = extent.first + places[:, axis] * extent.stride
            end = first + extent.size
        else:  # branches with centres of their own: each unit's box, around the same middle as large as the largest
            each = {place: unit_field(arch, path, place).whole for place in dict.fromkeys(map(tuple, places.tolist()))}
            spans = np.array([_span(each[tuple(place)], axis) for place in places.tolist()]).reshape(-1, 2)
            size = int((spans[:, 1] - spans[:, 0]).max(initial=1))
            first = spans[:, 0] - (size - (spans[:, 1] - spans[:, 0])) // 2
            end = first + size
        whole = end - first >= side
        out[:, axis], out[:, axis + 2] = np.where(whole, 0, first), np.where(whole, side, end)
    return out


def _span(box: Box, axis: int) -> tuple[int, int]:
    return (box.left, box.right) if axis else (box.top, box.bottom)


def cut(array: np.ndarray, box: Sequence[int], fill: float) -> np.ndarray:
    """H×W×C → the box of it, `fill` where it sticks out."""
    top, left, bottom, right = (int(side) for side in box)
    height, width = array.shape[:2]
    out = np.full((bottom - top, right - left, *array.shape[2:]), fill, array.dtype)
    rows, columns = slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))
    out[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = array[rows, columns]
    return out


def exemplars(
    model: Model,
    pictures: Pictures,
    winners: Winners,
    maps: Sequence[int],
    rule: str = "deconvnet",
    on_progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Exemplars:
    """The patches and projections of a layer's winners on `pictures`, for these maps. KeyboardInterrupt once `stop()`."""
    if not len(maps):
        raise UserError(f"'{winners.path}': no map of it has answers to compare")
    at = np.asarray(maps)
    chosen, places = winners.pictures[at], winners.places[at]
    count, k = chosen.shape
    boxes = boxes_of(model.arch, winners.path, places.reshape(-1, 2))
    height, width = (boxes[0, 2:] - boxes[0, :2]).tolist()
    why = undefined(model, rule, winners.path) or ""
    patches = np.full((count * k, height, width, 3), GREY, np.uint8)
    channels, bgr = model.arch.input[0], record_of(model).color == "BGR"
    found = None if why else np.zeros((count * k, channels, height, width), np.float32)
    labels = np.where(chosen < 0, -1, pictures.labels[np.maximum(chosen, 0)])
    jobs = [int(j) for j in np.argsort(chosen.ravel(), kind="stable") if chosen.ravel()[j] >= 0]
    record = record_of(model)
    size = max(1, Predictor(model, record, pictures.classes, model.arch.name).batch(*model.arch.input[1:]) // 2)
    store = Store(pictures, record, limit=0, resize=torch_resize)
    try:
        for start in range(0, len(jobs), size):
            if stop is not None and stop():
                raise KeyboardInterrupt
            some = jobs[start : start + size]
            pixels, kept = store.get(np.unique(chosen.ravel()[some]))
            row_of = {picture: row for row, picture in enumerate(kept.tolist())}
            some = [j for j in some if int(chosen.ravel()[j]) in row_of]  # files may have gone meanwhile
            rows = [row_of[int(chosen.ravel()[j])] for j in some]
            for j, row in zip(some, rows, strict=True):
                patches[j] = cut(shown(model, pixels[row]), boxes[j], GREY)
            if found is not None and some:
                units = torch.tensor([int(at[j // k]) for j in some])
                target = Target(winners.path, units, torch.from_numpy(places.reshape(-1, 2)[some]))
                down = backward(model, input_of(model, pixels)[rows], target, rule).cpu().numpy()
                for j, one in zip(some, down, strict=True):
                    one = one[::-1] if bgr else one
                    value = winners.values[at[j // k], j % k]
                    found[j] = value * cut(one.transpose(1, 2, 0), boxes[j], 0.0).transpose(2, 0, 1)
            if on_progress is not None:
                on_progress(min(start + size, len(jobs)), len(jobs))
    finally:
        store.close()
    return Exemplars(
        winners.path, tuple(int(m) for m in maps), winners.values[at], chosen, places, labels,
        boxes.reshape(count, k, 4), patches.reshape(count, k, height, width, 3),
        None if found is None else found.reshape(count, k, channels, height, width), rule, why,
    )  # fmt: skip
