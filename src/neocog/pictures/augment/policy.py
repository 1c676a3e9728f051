"""From the words of a recipe to what is done to pictures, in the order of `spec.STAGES`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from neocog.pictures.augment import auto, batch, colour, crops
from neocog.pictures.augment.crops import Box, Geometry
from neocog.pictures.augment.draws import Draws
from neocog.pictures.augment.spec import Spec, parse_all
from neocog.pictures.preprocessing import Preprocessing

PixelOp = Callable[[np.ndarray, Draws], np.ndarray]
"""uint8 N×H×W×C and their draws → uint8 N×H×W×C; the argument is left as it was."""

Axes = tuple[np.ndarray, np.ndarray]
"""Eigenvalues and vectors for `lighting`, as `colour.principal_colours` gives them."""


@dataclass(frozen=True)
class Policy:
    """geometry: where the input is cut from the picture; pixels: what is done to the batch; mixing: for `train.mixing`."""

    geometry: Geometry | None = None
    pixels: tuple[PixelOp, ...] = ()
    mixing: tuple[Spec, ...] = ()


def policy(texts: Iterable[str], preprocessing: Preprocessing | None = None, axes: Axes | None = None) -> Policy:
    """The policy of a recipe's `augment`. UserError for what cannot be read or done together.

    preprocessing: how the pixels come: the order of their colours, and the mean colour that `cutout` leaves (else RGB, and
    black). axes: the principal colours of the data for `lighting`, instead of ImageNet's.
    """
    specs = parse_all(texts)
    fill = mean_colour(preprocessing) if preprocessing is not None else (0,)
    at = {stage: [spec for spec in specs if spec.kind.stage == stage] for stage in ("cut", "colour", "mix")}
    pixels = [_operation(spec, fill) for spec in specs if spec.kind.stage in ("place", "flip")]
    coloured = [_operation(spec, fill) for spec in specs if spec.kind.stage == "policy" or spec.name == "hue"]
    if shades := [spec for spec in at["colour"] if spec.name != "hue"]:
        coloured.append(partial(_shade, specs=tuple(shades), axes=axes))
    if preprocessing is not None and preprocessing.color == "BGR":
        coloured = [partial(_reversed, operation=one) for one in coloured]
    pixels += coloured
    pixels += [_operation(spec, fill) for spec in specs if spec.kind.stage == "erase"]
    return Policy(_geometry(at["cut"][0]) if at["cut"] else None, tuple(pixels), tuple(at["mix"]))


def mean_colour(preprocessing: Preprocessing) -> tuple[int, ...]:
    """The pixel that becomes zero, in the order of the record's colours: 0 … 255 each."""
    return tuple(min(255, max(0, round(mean / preprocessing.scale))) for mean in preprocessing.mean)


def _geometry(spec: Spec) -> Geometry:
    if spec.name == "resized-crop":
        low, high, narrow, wide = spec.values
        return partial(crops.resized_crop, low=low, high=high, narrow=narrow, wide=wide)
    if spec.name == "square-crop":
        side, crop = map(int, spec.values)
        return partial(crops.scaled_crop, low=side, high=side, crop=crop, square=True)
    low, high, crop = map(int, spec.values)
    return partial(crops.scaled_crop, low=low, high=high, crop=crop)


def _operation(spec: Spec, fill: tuple[int, ...]) -> PixelOp:
    name, values = spec.name, spec.values
    if name in auto.POLICIES:
        return partial(auto.autoaugment, policy=auto.POLICIES[name])
    if name == "cutout":
        return partial(batch.cutout, share=values[0], fill=fill)
    if name == "crop-reflect":
        return partial(batch.pad_and_crop, share=values[0], reflect=True)
    functions: dict[str, Callable[..., np.ndarray]] = {
        "crop": batch.pad_and_crop, "shift": batch.pad_and_crop, "flip": batch.flip, "flip-alternating": batch.flip_alternating,
        "randaugment": auto.randaugment, "trivialaugment": auto.trivialaugment, "hue": colour.hue, "erasing": batch.erasing,
    }  # fmt: skip
    return lambda pixels, draws: functions[name](pixels, draws, *values)


def _shade(pixels: np.ndarray, draws: Draws, specs: tuple[Spec, ...], axes: Axes | None) -> np.ndarray:
    """Jitter and lighting as one map of colours."""
    maps = colour.Maps.identity(colour.means(pixels))
    for spec in specs:
        if spec.name == "jitter":
            maps = colour.jitter(maps, draws, *spec.values)
        else:
            maps = colour.lighting(maps, draws, spec.values[0], *(axes or colour.IMAGENET))
    return colour.apply(pixels, maps)


def _reversed(pixels: np.ndarray, draws: Draws, operation: PixelOp) -> np.ndarray:
    """An operation on RGB, for pixels in the order BGR."""
    return np.ascontiguousarray(operation(np.ascontiguousarray(pixels[..., ::-1]), draws)[..., ::-1])


__all__ = ["Axes", "Box", "Geometry", "PixelOp", "Policy", "mean_colour", "policy"]
