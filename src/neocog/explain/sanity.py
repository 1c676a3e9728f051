"""What an attribution is worth, measured on this network and picture: does it depend on the weights, does what it marks matter?

Weight randomisation (Adebayo et al. 2018): layers are drawn anew from the scores down, as at the start of training; a map that
stays tells of the picture, not of what was learned. Deletion and insertion (Petsiuk, Das & Saenko 2018): what the map
marks is taken away, or put back, in its order; the class must fall, or rise, sooner than in random orders.
"""

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neocog.arch import analyse
from neocog.arch.account import Row
from neocog.errors import UserError
from neocog.explain.baselines import baseline_of
from neocog.explain.inside import undisturbed
from neocog.explain.likeness import similarity, spearman
from neocog.explain.methods import Method
from neocog.explain.targets import Target, answers, value_of
from neocog.nn import Model
from neocog.nn.initialise import draw

STAGES, TRIES = 12, 8  # in which weights are drawn anew; draws of a stage until a map is not the same everywhere
STEPS, ORDERS, GRID = 14, 3, 14  # in which a picture is taken away; random orders; cells a side
STAYS = 0.5  # ρ from which on a map counts as the same
TOGETHER = 32  # pictures in one pass
OnStep = Callable[[int, int], None]


@dataclass(frozen=True, eq=False)
class Randomised:
    """What drawing layers anew, from the scores down, does to the maps of N pictures.

    layers: the lowest one of each of S stages; shares: of all layers with weights, those drawn anew. rho, ssim: N×S, Spearman's
    rank correlation and the structural similarity of |map| with the map before; NaN where in `TRIES` draws no network had a map
    that is not the same everywhere (a ReLU behind the scores often holds a random score at 0): that says nothing.
    """

    layers: tuple[str, ...]
    shares: np.ndarray
    rho: np.ndarray
    ssim: np.ndarray

    @property
    def upper(self) -> np.ndarray:
        """N: the mean ρ over the stages in which about the upper half of the layers, a third to two thirds, is drawn anew.

        What the lower half alone makes of a picture, edges above all, is then still there: a map that lives on it stays. Each
        stage is drawn afresh, so their mean is less a matter of luck than one of them."""
        away = np.abs(self.shares - 0.5)
        late = self.rho[:, away <= max(1 / 6 + 1e-9, float(away.min()) + 1e-9)]
        known = ~np.isnan(late)
        return np.where(known.any(1), np.nansum(late, 1) / np.maximum(known.sum(1), 1), np.nan)

    @property
    def passes(self) -> np.ndarray:
        """N: whether the maps changed: `upper` below one half."""
        return self.upper < STAYS


def randomisation(
    method: Method,
    model: Model,
    x: Tensor,
    target: Target,
    settings: Mapping[str, Any] | None = None,
    stages: int = STAGES,
    seed: int = 0,
    on_step: OnStep | None = None,
) -> Randomised:
    """The test of Adebayo et al. 2018, section 3, on a copy of the network. Each stage is drawn from its records, running
    statistics included: what lies above the stage's lowest layer is a network at the start of its training."""
    if not isinstance(model, Model):
        raise UserError("weights can be drawn anew only where the records say how: not in a module of others")
    chosen = dict(settings or {})
    rows = [row for row in analyse(model.arch).rows if row.tensors and row.path in model.arch.main][::-1]
    count = min(stages, len(rows))
    ends = [round(len(rows) * (i + 1) / count) for i in range(count)]
    before = _sizes(method, model, x, target, chosen)
    other = copy.deepcopy(model)
    rho, ssim = (np.full((len(x), count), np.nan) for _ in range(2))
    for i, end in enumerate(ends):
        left = np.arange(len(x))
        for again in range(TRIES):
            _draw_anew(other, rows[:end], torch.Generator().manual_seed(seed + i + 1000 * again))
            after = _sizes(method, other, x[left], _among(target, left), chosen)
            alive = [k for k in range(len(left)) if np.ptp(after[k]) > 0]
            for k in alive:
                n = left[k]
                rho[n, i], ssim[n, i] = spearman(before[n], after[k]), similarity(before[n], after[k])
            left = np.delete(left, alive)
            if not len(left):
                break
        if on_step:
            on_step(i + 1, count)
    return Randomised(tuple(rows[end - 1].path for end in ends), np.array(ends) / len(rows), rho, ssim)


def _sizes(method: Method, model: nn.Module, x: Tensor, target: Target, settings: Mapping[str, Any]) -> np.ndarray:
    return np.nan_to_num(method.one_map(method.run(model, x, target, **settings)).abs().float().cpu().numpy())


def _among(target: Target, rows: np.ndarray) -> Target:
    chosen = torch.from_numpy(rows)
    return Target(target.path, target.channels[chosen], None if target.places is None else target.places[chosen])


def _draw_anew(model: Model, rows: list[Row], generator: torch.Generator) -> None:
    for row in rows:
        leaf = model.get_submodule(row.path)
        for param in row.tensors:
            held = getattr(leaf, param.name)
            fresh = torch.empty(held.shape, dtype=held.dtype)
            draw(fresh, param, generator)
            with torch.no_grad():
                held.copy_(fresh)


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


@dataclass(frozen=True, eq=False)
class Badge:
    """What was measured of one method on one picture. `told` False: the map is the same everywhere, and nothing can be said."""

    method: str
    randomised: Randomised
    fading: Fading
    chance: Fading
    fills: tuple[str, str]
    seed: int
    told: bool = True
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> str:
        """One line, to stand under the picture."""
        if not self.told:
            return "the map is the same everywhere: nothing to check"
        rho = f"{float(self.randomised.upper[0]):.2f}".replace("-", "−")
        verdict = "passes" if self.randomised.passes[0] else "FAILS"
        verdict = "cannot be tried by" if rho == "nan" else verdict
        (gone, come), (lot_gone, lot_come) = self.fading.areas, self.chance.areas
        return (
            f"{verdict} weight randomisation (ρ {rho}) · deletion {gone[0]:.2f} (random {lot_gone[0]:.2f}) · "
            f"insertion {come[0]:.2f} (random {lot_come[0]:.2f})"
        )

    @property
    def facts(self) -> dict[str, Any]:
        """The same for --json."""
        (gone, come), (lot_gone, lot_come) = self.fading.areas, self.chance.areas
        return {
            "told": self.told,
            "randomisation": {
                "passes": bool(self.randomised.passes[0]), "rho": round(float(self.randomised.upper[0]), 4),
                "layers": list(self.randomised.layers), "rho_by_layer": self.randomised.rho[0].round(4).tolist(),
                "ssim_by_layer": self.randomised.ssim[0].round(4).tolist(),
            },
            "deletion": round(float(gone[0]), 4), "deletion_random": round(float(lot_gone[0]), 4),
            "insertion": round(float(come[0]), 4), "insertion_random": round(float(lot_come[0]), 4),
            "fill": self.fills[0], "canvas": self.fills[1], "steps": self.fading.deletion.shape[1] - 1, "seed": self.seed,
        }  # fmt: skip


def badge(
    method: Method,
    model: Model,
    x: Tensor,
    target: Target,
    settings: Mapping[str, Any] | None = None,
    stages: int = STAGES,
    seed: int = 0,
    fill: str = "mean",
    canvas: str = "blur",
    chance: Fading | None = None,
    on_step: OnStep | None = None,
) -> Badge:
    """Both tests for one picture, 1×C×H×W. `chance`: the random orders' curves where they are known already."""
    if len(x) != 1:
        raise UserError(f"a badge is of one picture, not of {len(x)}")
    total = stages + 2 + (0 if chance else ORDERS)

    def tick(done: int) -> None:
        if on_step:
            on_step(min(done, total), total)

    maps = method.one_map(method.run(model, x, target, **(settings or {})))
    tested = randomisation(method, model, x, target, settings, stages, seed, lambda done, _: tick(done))
    faded = fading(model, x, target, order_of(maps, x, seed), fill=fill, canvas=canvas)
    tick(stages + 2)
    chance = chance or by_chance(
        model, x, target, seed, fill=fill, canvas=canvas, on_step=lambda done, _: tick(stages + 2 + done)
    )
    told = bool(maps.amax() > maps.amin())
    return Badge(method.name, tested, faded, chance, (fill, canvas), seed, told, dict(settings or {}))
