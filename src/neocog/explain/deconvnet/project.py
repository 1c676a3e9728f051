"""What in the picture excites a unit: its activity carried back to the pixels (Zeiler & Fergus 2014, sections 2.1 and 4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neocog.arch import analyse
from neocog.explain.deconvnet.rules import explained
from neocog.explain.fields.placing import Box
from neocog.explain.fields.theoretical import unit_field
from neocog.explain.inside import undisturbed, values_at
from neocog.explain.targets import Target, strongest
from neocog.nn import Model

BATCH = 16  # pictures on the way back at a time: the whole graph of a batch is kept


@dataclass(frozen=True, eq=False)
class Projection:
    """Units of one layer, carried back to the pixels.

    path: the layer, None for scores; words: what it is. units N: maps, features or classes; places N×2, None where there are
    none. values N: what the units answer. boxes: what of the picture each can see, which may stick out of it. pixels
    N×C×H×W: what came back, signed, from a start of 1 (ZFNet's start, the unit's value, only scales it). color: the order of
    the channels, "RGB", "BGR" or "L".
    """

    path: str | None
    words: str
    rule: str
    units: np.ndarray
    places: np.ndarray | None
    values: np.ndarray
    boxes: tuple[Box, ...]
    pixels: np.ndarray
    color: str = "RGB"

    def __len__(self) -> int:
        return len(self.units)

    def seen(self, i: int) -> np.ndarray:
        """What came back for unit i within its box, C×h×w; zeros where the box is no picture."""
        return cut(self.pixels[i], self.boxes[i], 0.0)


def project(model: Model, x: Tensor, target: Target, rule: str = "deconvnet", batch: int = BATCH) -> Projection:
    """Each picture's unit back to the pixels: x N×C×H×W, one unit for each. Raises UserError where `rule` is undefined.

    A target without places, in a layer of maps, means the place where the map answers most.
    """
    target = placed(model, x, target)
    values, pixels = [], []
    for start in range(0, len(x), batch):
        value, maps = explained(model, x[start : start + batch], target.part(start, start + batch), rule)
        values.append(value.double().cpu().numpy())
        pixels.append(maps.cpu().numpy())
    places = None if target.places is None else target.places.cpu().numpy()
    shape = tuple(x.shape[1:])
    everything = Box(0, 0, *shape[1:])
    if target.path is None or places is None:
        boxes = (everything,) * len(x)
    else:
        fields = [unit_field(model.arch, target.path, (int(r), int(c)), shape) for r, c in places]
        boxes = tuple(everything if field.everything else field.whole for field in fields)
    words = "scores" if target.path is None else model.arch.by_path[target.path].record.describe()
    color = model.preprocessing.color if model.preprocessing else "RGB"
    numbers = target.channels.cpu().numpy()
    return Projection(target.path, words, rule, numbers, places, np.concatenate(values), boxes, np.concatenate(pixels), color)


def placed(model: Model, x: Tensor, target: Target, batch: int = BATCH) -> Target:
    """The target with its places, where its layer gives maps."""
    if target.path is None or target.places is not None or len(analyse(model.arch).by_path[target.path].output) != 3:
        return target
    found = []
    with undisturbed(model), torch.inference_mode():
        for start in range(0, len(x), batch):
            maps = values_at(model, x[start : start + batch], (target.path,))[target.path]
            chosen = maps[torch.arange(len(maps)), target.channels[start : start + batch].to(maps.device)]
            at = strongest(chosen)[:, 0]
            found.append(torch.stack((at // maps.shape[3], at % maps.shape[3]), 1))
    return Target(target.path, target.channels, torch.cat(found).clone())


def liveliest(model: Model, x: Tensor, path: str, n: int = 9) -> Target:
    """Of one picture, 1×C×H×W, the n maps of a layer that answer most, each at its strongest place; features likewise."""
    with undisturbed(model), torch.inference_mode():
        out = values_at(model, x, (path,))[path][0]
    flat = out.flatten(1) if out.dim() == 3 else out[:, None]
    peaks, at = flat.max(1)
    best = peaks.argsort(descending=True, stable=True)[:n]
    if out.dim() != 3:
        return Target(path, best.clone())
    return Target(path, best.clone(), torch.stack((at[best] // out.shape[2], at[best] % out.shape[2]), 1))


def cut(picture: np.ndarray, box: Box, fill: float) -> np.ndarray:
    """C×H×W within the box; `fill` where the box is no picture."""
    high, wide = picture.shape[1:]
    out = np.full((len(picture), box.height, box.width), fill, picture.dtype)
    inside = box.within(high, wide)
    top, left = inside.top - box.top, inside.left - box.left
    part = picture[:, inside.top : inside.bottom, inside.left : inside.right]
    out[:, top : top + inside.height, left : left + inside.width] = part
    return out


def contrast(pixels: np.ndarray, share: float = 0.995) -> float:
    """The number at which the colours of a reconstruction end: that share of its pixels is within ± it."""
    sizes = np.abs(pixels)
    sizes = sizes[sizes > 0]
    return float(np.quantile(sizes, share)) if len(sizes) else 0.0


def all_layers(model: Model, x: Tensor, paths: Sequence[str], n: int = 9, rule: str = "deconvnet") -> tuple[Projection, ...]:
    """Of one picture, 1×C×H×W, the n liveliest maps of each layer, projected each by itself: ZFNet's way of showing depth."""
    found = []
    for path in paths:
        target = liveliest(model, x, path, n)
        found.append(project(model, x.expand(len(target), *x.shape[1:]), target, rule))
    return tuple(found)
