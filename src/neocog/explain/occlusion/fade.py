"""Deletion and insertion (Petsiuk, Das & Saenko 2018): what a map marks is taken away, or put back, in the map's order.

The class must fall, or rise, sooner than in random orders."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neocog.explain.inside import undisturbed
from neocog.explain.occlusion.baselines import baseline_of
from neocog.explain.targets import Target, answers, value_of

STEPS, ORDERS, GRID = 14, 3, 14  # in which a picture is taken away; random orders; cells a side
TOGETHER = 32  # pictures in one pass
OnStep = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Fading:
    """A class's probability, N×(steps + 1), while the picture goes (`deletion`) and while it comes (`insertion`); for an inner
    unit its value as a share of the clean one."""

    deletion: np.ndarray
    insertion: np.ndarray

    @property
    def areas(self) -> tuple[np.ndarray, np.ndarray]:
        """N each: the areas under the two curves, between 0 and 1 for probabilities."""
        return area(self.deletion), area(self.insertion)


def area(curve: np.ndarray) -> np.ndarray:
    """N×(steps + 1) → N: the area under each curve, its width taken as 1 (trapezoids, as the authors)."""
    return (curve[:, 1:] + curve[:, :-1]).mean(1) / 2


def cell_side(x: Tensor) -> int:
    """Pixels of a cell's side: the picture has about 14 a side."""
    return max(1, round(min(x.shape[-2:]) / GRID))


def order_of(maps: Tensor, x: Tensor, seed: int = 0) -> Tensor:
    """N×h×w maps → N×rows×columns ranks of the picture's cells, 0 first: by the map's mean over the cell, equal ones by lot.

    Methods differ in how fine their maps are; single pixels taken out here and there ruin any picture. Cells make orders
    comparable, among methods and with the random one.
    """
    side, size = cell_side(x), x.shape[-2:]
    full = maps.float()[:, None]
    if tuple(full.shape[-2:]) != tuple(size):
        full = F.interpolate(full, tuple(size), mode="bilinear", align_corners=False)
    cells = F.avg_pool2d(full, side, ceil_mode=True)[:, 0].cpu().numpy()
    lots = np.random.default_rng(seed).random(cells.shape[1:]).ravel()
    found = np.empty((len(cells), lots.size), np.int64)
    for n, one in enumerate(cells.reshape(len(cells), -1)):
        found[n, np.lexsort((lots, -one))] = np.arange(lots.size)
    return torch.from_numpy(found.reshape(cells.shape))


def random_orders(x: Tensor, seed: int = 0, orders: int = ORDERS) -> list[Tensor]:
    """Random ranks of the same cells, the same for each picture."""
    side = cell_side(x)
    rows, columns = (-(-n // side) for n in x.shape[-2:])
    draws = np.random.default_rng(seed)
    found = [draws.permutation(rows * columns).reshape(1, rows, columns) for _ in range(orders)]
    return [torch.from_numpy(np.repeat(one, len(x), 0)) for one in found]


def fading(
    model: nn.Module, x: Tensor, target: Target, order: Tensor, steps: int = STEPS, fill: str = "mean", canvas: str = "blur"
) -> Fading:
    """The picture's cells replaced by `fill` in `order` (deletion), and put onto a `canvas` in `order` (insertion)."""
    side, (high, wide) = cell_side(x), x.shape[-2:]
    rank = order.repeat_interleave(side, 1).repeat_interleave(side, 2)[:, None, :high, :wide].to(x.device)
    total, found = order[0].numel(), []
    starts = [(x, baseline_of(model, x, fill)), (baseline_of(model, x, canvas), x)]
    with undisturbed(model), torch.no_grad():
        for start, end in starts:
            curve = [torch.where(rank < round(total * step / steps), end, start) for step in range(steps + 1)]
            found.append(_values(model, torch.stack(curve, 1), target))
        if target.path is not None:
            clean = value_of(model, x, target).cpu().numpy()[:, None]
            found = [one / np.where(clean == 0, 1, clean) for one in found]
    return Fading(*found)


def _values(model: nn.Module, x: Tensor, target: Target) -> np.ndarray:
    """N×S×C×H×W → N×S: the class's probability, or the unit's value."""
    many, each = x.flatten(0, 1), target.repeated(x.shape[1])
    parts = []
    for start in range(0, len(many), TOGETHER):
        piece, wanted = many[start : start + TOGETHER], each.part(start, start + TOGETHER)
        if target.path is None:
            chance = answers(model, piece).softmax(1)
            parts.append(wanted.of(chance))
        else:
            parts.append(value_of(model, piece, wanted))
    return torch.cat(parts).view(x.shape[:2]).double().cpu().numpy()


def by_chance(model: nn.Module, x: Tensor, target: Target, seed: int = 0, orders: int = ORDERS, steps: int = STEPS,
              fill: str = "mean", canvas: str = "blur", on_step: OnStep | None = None) -> Fading:  # fmt: skip
    """The mean curves of random orders: what any map must beat. The same for all methods, so computed once for a picture."""
    found = []
    for i, order in enumerate(random_orders(x, seed, orders)):
        found.append(fading(model, x, target, order, steps, fill, canvas))
        if on_step:
            on_step(i + 1, orders)
    return Fading(np.mean([f.deletion for f in found], 0), np.mean([f.insertion for f in found], 0))
