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

from neocog.arch.drawing.measure import clip, width
from neocog.errors import DataError, UserError
from neocog.explain.inside import input_of, pixels_of, undisturbed, values_at
from neocog.explain.occlusion.hidden import Box, Mark, mask_of
from neocog.explain.occlusion.veil import veil
from neocog.explain.targets import layer_named
from neocog.figure.parts import heading, number
from neocog.figure.sketch import NORMAL, SMALL, Sketch
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
                one = mask_of(model, [_drawn(sizes[generator.integers(len(sizes))], inside, generator)], picture.size)
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


def draw_correspondence(
    title: str, found: Correspondence, pictures: Sequence[Image.Image], parts: Mapping[str, Sequence[Box]]
) -> Sketch:
    """The pictures with their parts framed, and table 1 with bars: the shorter, the more alike."""
    margin, side, line, room = 28.0, 120.0, 24.0, 230.0
    inks = {name: f"k{i % 5}" for i, name in enumerate(found.parts)}
    across = min(len(pictures), 8)
    wide = max(margin * 2 + across * (side + 10) - 10, 760.0)
    high = margin + 66 + side + 34 + len(found.layers) * (line * len(found.parts) + 40) + 40
    sheet = Sketch(wide, high, title)
    about = (
        f"Δ: the share of a layer's features whose change differs in sign, mean ± standard deviation over {found.pairs} pairs "
        f"of {found.pictures} pictures"
    )
    heading(sheet, title, about)
    sheet.text(
        margin, margin + 47, f"hidden with {found.fill}; random parts: {found.draws} draws of the same sizes", SMALL, ink="soft"
    )
    top = margin + 64
    for i, picture in enumerate(pictures[:across]):
        scale, x = side / max(picture.size), margin + i * (side + 10)
        sheet.picture(x, top, np.asarray(picture.convert("RGB")), picture.width * scale, picture.height * scale)
        for name, boxes in parts.items():
            if name in inks:
                left, up, right, bottom = (v * scale for v in boxes[i])
                sheet.frame(x + left, top + up, right - left, bottom - up, inks[name], 2)
    y = top + side + 34
    most = float(np.nanmax(found.delta + found.spread)) or 1.0
    length = wide - 2 * margin - room - 150
    for i, layer in enumerate(found.layers):
        sheet.text(margin, y, layer, NORMAL, bold=True)
        y += 10
        for j, part in enumerate(found.parts):
            middle, off = float(found.delta[i, j]), float(found.spread[i, j])
            sheet.text(margin + room - 10, y + 15, clip(part, SMALL, room - 20), SMALL, "end")
            sheet.box(margin + room, y + 4, max(length * middle / most, 0.5), line - 9, inks[part], 0.8)
            ends = [margin + room + length * max(middle + sign * off, 0) / most for sign in (-1, 1)]
            sheet.line([(ends[0], y + 4 + (line - 9) / 2), (ends[1], y + 4 + (line - 9) / 2)], "ink", 1.4)
            words = f"{middle:.3f} ± {number(off) if off < 0.001 else f'{off:.3f}'}"
            sheet.text(wide - margin - width("0.000 ± 0.000", SMALL), y + 15, words, SMALL, ink="soft")
            y += line
        y += 30
    return sheet
