"""Does a network know that parts of objects correspond? Zeiler & Fergus (2014), section 4.3 and table 1.

In each of n pictures of the same kind of object the same part is hidden. ε_i = x_i − x̃_i is the change of a layer's features;
Δ = Σ_{i≠j} H(sign ε_i, sign ε_j), H the Hamming distance, is small if hiding the part changes the features alike in all
pictures. Parts drawn at random, of the same sizes, are what it must be smaller than. Δ is given as the paper's table seems to
give it: the mean over pairs, as a share of the features; one that changes in neither picture (sign 0, but for rounding) agrees.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from neocog.errors import DataError, UserError
from neocog.explain.inside import input_of, pixels_of, undisturbed, values_at
from neocog.explain.occlusion.hidden import Box, Mark, mask_of
from neocog.explain.occlusion.veil import veil
from neocog.explain.targets import layer_named
from neocog.nn import Model

OBJECT, RANDOM = "object", "random"
TOGETHER, ROUNDING, TRIES = 16, 1e-6, 100


@dataclass(frozen=True, eq=False)
class Correspondence:
    """delta, spread layers × parts: the mean and the standard deviation over pairs; the last part is `random`, over all its
    draws. differ layers × parts: among the features that change in either picture, the share whose signs differ."""

    layers: tuple[str, ...]
    parts: tuple[str, ...]
    delta: np.ndarray
    spread: np.ndarray
    differ: np.ndarray
    pictures: int
    pairs: int
    draws: int
    fill: str


def hamming(signs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Signs n×F of n pictures → for each of their n(n−1)/2 pairs the share of features that differ, and their share among those
    that changed in either."""
    one, other = np.triu_indices(len(signs), 1)
    unlike = (signs[one] != signs[other]).sum(1)
    moved = ((signs[one] != 0) | (signs[other] != 0)).sum(1)
    return unlike / signs.shape[1], unlike / np.maximum(moved, 1)


def signs_of(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """The signs of the changes, n×F. What is within the rounding of the picture's largest feature has not changed."""
    change = before - after
    return np.where(np.abs(change) > ROUNDING * np.abs(before).max(1, keepdims=True), np.sign(change), 0)


def parts_of(marks: Sequence[Mark]) -> tuple[list[str], dict[str, dict[str, Box]]]:
    """The files, in order, and part → file → box. Raises DataError where a picture lacks a part, or has one twice."""
    files = list(dict.fromkeys(mark.file for mark in marks))
    found: dict[str, dict[str, Box]] = {}
    for mark in marks:
        if mark.box is None:
            continue
        if mark.file in found.setdefault(mark.what, {}):
            raise DataError(f"{mark.file}: two boxes of the part '{mark.what}'; each picture has one")
        found[mark.what][mark.file] = mark.box
    for part, boxes in found.items():
        lacking = [file for file in files if file not in boxes]
        if lacking:
            raise DataError(f"{lacking[0]} has no box of the part '{part}'; each of the {len(files)} pictures needs one")
    return files, found


def correspondence(
    model: Model,
    pictures: Sequence[Image.Image],
    parts: Mapping[str, Sequence[Box]],
    layers: Sequence[str],
    fill: str = "mean",
    draws: int = 10,
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Correspondence:
    """parts: name → a box for each picture. A part named "object" is not hidden: random parts are drawn inside it, else
    anywhere in the picture. Raises KeyboardInterrupt once `stop()` is true."""
    named = {name: list(boxes) for name, boxes in parts.items() if name != OBJECT}
    if len(pictures) < 2 or not named:
        raise UserError(
            f"{len(pictures)} pictures with {len(named)} parts: correspondence compares two pictures at least, in a part"
        )
    paths = [layer_named(model, path) for path in layers]
    masks = [_masks(model, boxes, pictures, name) for name, boxes in named.items()]
    masks += _random_masks(model, pictures, [box for boxes in named.values() for box in boxes], parts.get(OBJECT), draws, seed)
    views = [pixels_of(model, picture) for picture in pictures]
    side = round(float(np.median([one.sum() for many in masks for one in many])) ** 0.5)  # of a part; says how wide a blur is
    x, covers = input_of(model, np.stack(views)), [veil(model, view, fill, side) for view in views]
    cover = torch.stack([one.values for one in covers])
    table: dict[str, list[list[tuple[np.ndarray, np.ndarray]]]] = {path: [] for path in paths}
    with undisturbed(model), torch.inference_mode():
        clean = _features(model, x, paths)
        for done, mask in enumerate(masks):
            if stop is not None and stop():
                raise KeyboardInterrupt
            after = _features(model, torch.where(torch.from_numpy(mask)[:, None].to(x.device), cover, x), paths)
            for path in paths:
                table[path].append([hamming(signs_of(clean[path], after[path]))])
            if on_progress is not None:
                on_progress(done + 1, len(masks))
    shape = len(paths), len(named) + 1
    delta, spread, differ = np.zeros(shape), np.zeros(shape), np.zeros(shape)
    for i, path in enumerate(paths):
        rows = table[path]
        groups = [*rows[: len(named)], [one for row in rows[len(named) :] for one in row]]
        for j, group in enumerate(groups):
            every = np.concatenate([one[0] for one in group]) if group else np.array([np.nan])
            delta[i, j], spread[i, j] = every.mean(), every.std(ddof=1) if len(every) > 1 else 0.0
            differ[i, j] = np.concatenate([one[1] for one in group]).mean() if group else np.nan
    n = len(pictures)
    return Correspondence(
        tuple(paths), (*named, RANDOM), delta, spread, differ, n, n * (n - 1) // 2, draws, covers[0].words
    )  # fmt: skip


def _features(model: Model, x: torch.Tensor, paths: Sequence[str]) -> dict[str, np.ndarray]:
    found: dict[str, list[np.ndarray]] = {path: [] for path in paths}
    for start in range(0, len(x), TOGETHER):
        for path, value in values_at(model, x[start : start + TOGETHER], paths).items():
            found[path].append(value.flatten(1).float().cpu().numpy())
    return {path: np.concatenate(values) for path, values in found.items()}


def _masks(model: Model, boxes: Sequence[Box], pictures: Sequence[Image.Image], name: str) -> np.ndarray:
    """N×H×W: where a part is in what the network gets. Raises UserError where nothing is left of it there."""
    found = np.stack([mask_of(model, [box], picture.size) for box, picture in zip(boxes, pictures, strict=True)])
    for i, one in enumerate(found):
        if not one.any():
            raise UserError(
                f"the part '{name}' of picture {i + 1} of {len(found)}, {','.join(map(str, boxes[i]))}, is cropped away or "
                "less than a pixel in what the network gets: nothing would be hidden"
            )
    return found


def _random_masks(
    model: Model, pictures: Sequence[Image.Image], sizes: Sequence[Box], objects: Sequence[Box] | None, draws: int, seed: int
) -> list[np.ndarray]:
    """Random parts as large as some of `sizes`, inside the object, or anywhere; drawn anew where the network gets nothing."""
    generator, found = np.random.default_rng(seed), []
    for _ in range(draws):
        masks = []
        for i, picture in enumerate(pictures):
            inside = (0, 0, *picture.size) if objects is None else objects[i]
            for _ in range(TRIES):
                one = mask_of(model, [_drawn(sizes[int(generator.integers(len(sizes)))], inside, generator)], picture.size)
                if one.any():
                    break
            else:
                raise UserError(f"the network gets nothing of where random parts are drawn in picture {i + 1}")
            masks.append(one)
        found.append(np.stack(masks))
    return found


def _drawn(like: Box, inside: Box, generator: np.random.Generator) -> Box:
    """A box as large as another, somewhere inside a third."""
    wide, high = min(like[2] - like[0], inside[2] - inside[0]), min(like[3] - like[1], inside[3] - inside[1])
    left = int(generator.integers(inside[0], inside[2] - wide + 1))
    top = int(generator.integers(inside[1], inside[3] - high + 1))
    return left, top, left + wide, top + high
