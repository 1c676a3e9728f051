"""Occlusion: a square slides over the picture, and what the network then says (Zeiler & Fergus 2014, section 4.2, figure 7).

The square's upper left corner goes from the picture's own in steps of `stride`, until the square reaches the other border; the
last one may stand over it, where it covers less. One number a position, of the picture with that one square: nothing is
averaged where squares overlap. Size, stride and fill are not in the paper; they are in every record and on every figure.
"""

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from neocog.arch import Dropout
from neocog.errors import UserError
from neocog.explain.inside import device_of, input_of, module_at, pixels_of, undisturbed
from neocog.explain.occlusion.cone import Cone, cut, lay
from neocog.explain.occlusion.veil import veil
from neocog.explain.targets import answers, layer_named, map_numbered
from neocog.explain.winners.search import natural_layers, spatial_layers
from neocog.nn import Model

PIXELS, MOST = 16 * 224 * 224, 256  # of pictures that are computed together; and how many at most
COARSE = 4  # positions of the first map along its shorter side, at least
Progress = Callable[[int, int], None]
Stop = Callable[[], bool]


@dataclass(frozen=True, eq=False)
class Occlusion:
    """What a network says of a picture H×W with a square at each of R×C positions.

    tops R and lefts C are the squares' upper left corners, in pixels. target: the class explained. probability and logit R×C
    are the class's, label R×C the class that is then most probable, confidence R×C its probability. layer, unit: the map whose
    sum over space is activation R×C (None where there is none). clean: what all these are without a square. computed R×C:
    where they were computed; elsewhere they are those of the nearest position above and to the left that was.
    """

    sides: tuple[int, int]
    size: int
    stride: int
    fill: str
    tops: np.ndarray
    lefts: np.ndarray
    target: int
    probability: np.ndarray
    logit: np.ndarray
    label: np.ndarray
    confidence: np.ndarray
    layer: str | None
    unit: int | None
    activation: np.ndarray | None
    clean: "Clean"
    computed: np.ndarray

    @property
    def drop(self) -> np.ndarray:
        """By how much the class's probability falls, R×C; negative where it rises."""
        return self.clean.probability - self.probability

    @property
    def lowest(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the square that lowers the probability most, in the picture."""
        row, column = np.unravel_index(int(np.argmin(self.probability)), self.probability.shape)
        top, left = int(self.tops[row]), int(self.lefts[column])
        return left, top, min(left + self.size, self.sides[1]), min(top + self.size, self.sides[0])


class Clean(NamedTuple):
    """The same of the picture as it is."""

    probability: float
    logit: float
    label: int
    confidence: float
    activation: float | None


def corners(side: int, size: int, stride: int) -> np.ndarray:
    """Where the square begins along one side."""
    return np.arange(max(0, -(-(side - size) // stride)) + 1) * stride


def last_layer(model: Model) -> str | None:
    """The last maps of more than one place, as their ReLU gives them; None where there are none."""
    path = next(iter(natural_layers(model.arch)[::-1]), None)
    while path is not None and isinstance(model.arch.by_path[path].record, Dropout):
        path = model.arch.by_path[path].inputs[0]
    return path if path is not None and path != "input" and path in spatial_layers(model.arch) else None


def usual_window(height: int, width: int) -> tuple[int, int]:
    """Size and stride unasked: a fifth of the shorter side, in steps of a third of that."""
    size = max(1, round(min(height, width) / 5))
    return size, max(1, size // 3)


def occlude(
    model: nn.Module,
    picture: Image.Image | np.ndarray | Tensor,
    target: int | None = None,
    size: int | None = None,
    stride: int | None = None,
    fill: str | Tensor = "mean",
    layer: str | None = None,
    unit: int | None = None,
    on_progress: Progress | None = None,
    stop: Stop | None = None,
    batch: int | None = None,
) -> Occlusion:
    """The whole map. Raises KeyboardInterrupt once `stop()` is true; see `occluding`."""
    maps = deque(occluding(model, picture, target, size, stride, fill, layer, unit, on_progress, stop, batch), maxlen=1)
    if not maps or not maps[0].computed.all():
        raise KeyboardInterrupt
    return maps[0]


def occluding(
    model: nn.Module,
    picture: Image.Image | np.ndarray | Tensor,
    target: int | None = None,
    size: int | None = None,
    stride: int | None = None,
    fill: str | Tensor = "mean",
    layer: str | None = None,
    unit: int | None = None,
    on_progress: Progress | None = None,
    stop: Stop | None = None,
    batch: int | None = None,
) -> Iterator[Occlusion]:
    """A coarse map first, then finer ones, the last one whole; every position is computed once. Ends once `stop()` is true.

    picture: a picture or its uint8 pixels for a network of ours, as its record takes them; or what any Module reads, C×H×W.
    target: the class (None: the network's answer). fill: one of `FILLS` or a colour; for any Module "mean", which is 0, or what
    covers, C×H×W. layer, unit: the map to sum up (unit None: the one that answers most on the picture as it is; layer None: the
    last one of ours, none of another Module's). Raises UserError for what does not fit.
    """
    if isinstance(picture, Tensor):
        x = picture.reshape(1, *picture.shape[-3:]).to(device_of(model))
        if isinstance(fill, str) and fill != "mean":
            raise UserError(f"fill '{fill}' needs pixels: of a tensor, give what covers as a tensor C×H×W, or 'mean' for 0")
        cover = torch.zeros_like(x[0]) if isinstance(fill, str) else fill.to(x).expand(x.shape[1:])
        words = "0" if isinstance(fill, str) else "as given"
    else:
        if not isinstance(model, Model) or not isinstance(fill, str):
            raise UserError("pictures and named fills need a network of ours; of another Module give tensors C×H×W")
        pixels = pixels_of(model, picture)
        x = input_of(model, pixels)
        made = veil(model, pixels, fill, size or usual_window(*pixels.shape[:2])[0])
        cover, words = made.values, made.words
    height, width = x.shape[2:]
    usual = usual_window(height, width)
    size = usual[0] if size is None else size
    stride = (usual[1] if size == usual[0] else max(1, size // 3)) if stride is None else stride
    if size < 1 or stride < 1:
        raise UserError(f"a square of {size} pixels in steps of {stride}: both are 1 at least")
    if stride > size and max(height, width) > size:
        raise UserError(f"steps of {stride} leave pixels between squares of {size} that none covers: --stride {size} at most")
    if isinstance(model, Model) and layer is None:
        layer = last_layer(model)
    elif isinstance(model, Model) and layer is not None:
        layer = layer_named(model, layer, maps=True)
    if unit is not None and layer is not None and isinstance(model, Model):
        map_numbered(model, layer, unit)
    yield from _slide(model, x, cover, words, target, size, stride, layer, unit, on_progress, stop, batch)


def _slide(
    model: nn.Module, x: Tensor, cover: Tensor, words: str, target: int | None, size: int, stride: int, layer: str | None,
    unit: int | None, on_progress: Progress | None, stop: Stop | None, batch: int | None,
) -> Iterator[Occlusion]:  # fmt: skip
    height, width = x.shape[2:]
    tops, lefts = corners(height, size, stride), corners(width, size, stride)
    shape = len(tops), len(lefts)
    block = min(size, height), min(size, width)
    with undisturbed(model), torch.inference_mode():
        ask = _Asker(model, x, block, layer)
        batch = batch or max(1, min(MOST, int(PIXELS / (height * width * ask.share))))
        scores, maps = ask.clean
        if maps is None and unit is not None:
            raise UserError(f"map {unit} of which layer? Name the layer too")
        if maps is not None and unit is None:
            unit = int(maps[0].flatten(1).amax(1).argmax())
        if maps is not None and unit is not None and not 0 <= unit < maps.shape[1]:
            raise UserError(f"'{layer}' has {maps.shape[1]} maps, numbered 0 to {maps.shape[1] - 1}; there is no {unit}")
        target = int(scores[0].argmax()) if target is None else target
        if not 0 <= target < scores.shape[1]:
            raise UserError(f"no class {target}: the network tells {scores.shape[1]} apart")
        clean = _read(scores, maps, target, unit)
    numbers = np.zeros((5, *shape))
    computed = np.zeros(shape, bool)

    def record(step: int) -> Occlusion:
        rows, columns = np.arange(shape[0]) // step * step, np.arange(shape[1]) // step * step
        filled = np.where(computed, numbers, numbers[:, rows][:, :, columns])
        return Occlusion(
            (height, width), size, stride, words, tops, lefts, target, filled[0].astype(np.float32),
            filled[1].astype(np.float32), filled[2].astype(np.int64), filled[3].astype(np.float32), layer, unit,
            filled[4].astype(np.float32) if maps is not None else None,
            Clean(float(clean[0, 0]), float(clean[1, 0]), int(clean[2, 0]), float(clean[3, 0]),
                  float(clean[4, 0]) if maps is not None else None),
            computed.copy(),
        )  # fmt: skip

    for step, places in _levels(shape):
        for start in range(0, len(places), batch):
            if stop is not None and stop():
                return
            some = places[start : start + batch]
            spots = [(int(tops[i]), int(lefts[j])) for i, j in some]
            with undisturbed(model), torch.inference_mode():
                found = _read(*ask(*_blocks(x[0], cover, spots, block)), target, unit)
            rows, columns = np.array(some).T
            numbers[:, rows, columns] = found
            computed[rows, columns] = True
            if on_progress is not None:
                on_progress(int(computed.sum()), computed.size)
        yield record(step)


def _levels(shape: tuple[int, int]) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """Every position once: those at multiples of a power of 2 first, then those between."""
    step = 1
    while min(shape) // (step * 2) >= COARSE:
        step *= 2
    last = 0
    while step:
        yield (
            step,
            [(i, j) for i in range(0, shape[0], step) for j in range(0, shape[1], step) if not last or i % last or j % last],
        )
        last, step = step, step // 2


def _blocks(
    x: Tensor, cover: Tensor, spots: list[tuple[int, int]], block: tuple[int, int]
) -> tuple[Tensor, list[tuple[int, int]]]:
    """What stands at the spots once they are covered, N×C×rows×columns, and where it goes.

    A square that stands over the border begins inside what is cut out.
    """
    sides = x.shape[1:]
    offsets = [(min(i, sides[0] - block[0]), min(j, sides[1] - block[1])) for i, j in spots]
    blocks = cut(x, offsets, block)
    for one, (i, j), (a, b) in zip(blocks, spots, offsets, strict=True):
        one[:, i - a :, j - b :] = cover[:, i : a + block[0], j : b + block[1]]
    return blocks, offsets


def _read(scores: Tensor, maps: Tensor | None, target: int, unit: int | None) -> np.ndarray:
    """5×N: the class's probability and logit, the most probable label, its probability, the map's sum."""
    share = scores.double().softmax(1)
    best = share.max(1)
    total = maps[:, unit].double().flatten(1).sum(1) if maps is not None else torch.zeros(len(scores), dtype=torch.float64)
    rows = (share[:, target], scores[:, target].double(), best.indices.double(), best.values, total)
    return torch.stack([row.cpu() for row in rows]).numpy()


class _Asker:
    """A network's scores and a layer's maps for a picture with blocks of it changed: of ours, only what they can change."""

    def __init__(self, model: nn.Module, x: Tensor, block: tuple[int, int], layer: str | None):
        self.model, self.x, self.layer, self.cone = model, x, layer, None
        if isinstance(model, Model) and model.features_at is None:
            output = model.arch.output
            self.paths = (output,) if layer in (None, output) else (output, str(layer))
            self.cone = Cone(model, x, block, self.paths)
            self.clean = self._both(self.cone.clean)
        else:
            self.clean = self._plain(x)

    @property
    def share(self) -> float:
        """How much of the picture is computed for one position: the smaller, the more are taken together."""
        return self.cone.share if self.cone is not None else 1.0

    def __call__(self, blocks: Tensor, offsets: list[tuple[int, int]]) -> tuple[Tensor, Tensor | None]:
        """The scores N×classes and the maps N×M×h×w."""
        if self.cone is not None:
            return self._both(self.cone(blocks, offsets))
        whole = cut(self.x[0], [(0, 0)] * len(blocks), (self.x.shape[2], self.x.shape[3]))
        lay(whole, blocks, offsets)
        return self._plain(whole)

    def _both(self, values: dict[str, Tensor]) -> tuple[Tensor, Tensor | None]:
        out = values[self.paths[0]]
        return (out.flatten(2).mean(2) if out.dim() > 2 else out), (values[self.layer] if self.layer else None)

    def _plain(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        kept: list[Tensor] = []
        hook = None
        if self.layer is not None:
            hook = module_at(self.model, self.layer).register_forward_hook(lambda m, i, out: kept.append(out.clone()))
        try:
            scores = answers(self.model, x)
        finally:
            if hook is not None:
                hook.remove()
        if self.layer is not None and (not kept or kept[-1].dim() != 4):
            raise UserError(f"'{self.layer}' gives no maps N×C×H×W that could be summed up")
        return scores, (kept[-1] if kept else None)


def importance(found: Occlusion) -> np.ndarray:
    """H×W: of each pixel, the mean fall of the class's probability over the squares that cover it. An average, unlike the map
    of positions; for what needs one number a pixel."""
    total, count = np.zeros(found.sides), np.zeros(found.sides)
    for i, top in enumerate(found.tops):
        for j, left in enumerate(found.lefts):
            total[top : top + found.size, left : left + found.size] += found.drop[i, j]
            count[top : top + found.size, left : left + found.size] += 1
    return total / np.maximum(count, 1)
