"""Visual words: k-means of descriptors (Lloyd 1957; seeds as in Arthur & Vassilvitskii 2007), the same for the same seed."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from neocog.nn.sift import nearest_word

ROUNDS = 20
ENOUGH = 1e-3  # share of points that change their word in a round, below which it ends
AT_ONCE = 16384


def kmeans(points: Tensor, words: int, draws: np.random.Generator, on_round: Callable[[int], None] | None = None) -> Tensor:
    """words×F centres of N×F points. With fewer different points than words, the rest of the words repeat some.

    A word that no point is nearest to moves to the point that is farthest from its own. on_round(rounds done) may raise.
    """
    centres = _seeds(points, words, draws)
    before = torch.full((len(points),), -1)
    for number in range(ROUNDS):
        near = torch.cat([nearest_word(part, centres) for part in points.split(AT_ONCE)])
        sums = torch.zeros_like(centres).index_add_(0, near, points)
        counts = torch.bincount(near, minlength=words).to(points.dtype)
        full = counts > 0
        centres = torch.where(full[:, None], sums / counts.clamp(min=1)[:, None], centres)
        if not bool(full.all()):
            away = (points - centres[near]).square().sum(1)
            lonely = torch.nonzero(~full)[:, 0]
            centres[lonely] = points[away.topk(min(len(lonely), len(points))).indices][: len(lonely)]
        if on_round is not None:
            on_round(number + 1)
        if float((near != before).double().mean()) < ENOUGH:
            break
        before = near
    return centres


def _seeds(points: Tensor, words: int, draws: np.random.Generator) -> Tensor:
    """Points drawn one after another, each with a chance that grows with the square of its distance from those before it."""
    chosen = [int(draws.integers(len(points)))]
    away = torch.full((len(points),), torch.inf, dtype=points.dtype)
    for _ in range(words - 1):
        away = torch.minimum(away, (points - points[chosen[-1]]).square().sum(1))
        total = away.double().cumsum(0)
        at = torch.searchsorted(total, torch.tensor([draws.random() * float(total[-1])], dtype=torch.float64))
        chosen.append(min(int(at), len(points) - 1))
    return points[torch.tensor(chosen)].clone()
