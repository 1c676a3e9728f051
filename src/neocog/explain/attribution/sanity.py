"""What an attribution is worth, measured on this network and picture: does it depend on the weights, does what it marks matter?

Weight randomisation (Adebayo et al. 2018): layers are drawn anew from the scores down, as at the start of training; a map that
stays tells of the picture, not of what was learned. Deletion and insertion are in `fade`.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neocog.arch import analyse
from neocog.arch.account import Row
from neocog.errors import UserError
from neocog.explain.attribution.likeness import similarity, spearman
from neocog.explain.attribution.methods import Method
from neocog.explain.occlusion.fade import ORDERS, Fading, OnStep, by_chance, fading, order_of
from neocog.explain.targets import Target
from neocog.nn import Model
from neocog.nn.initialise import draw

STAGES, TRIES = 12, 8  # in which weights are drawn anew; draws of a stage until a map is not the same everywhere
STAYS = 0.5  # ρ from which on a map counts as the same


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
