"""Losses, learning rates and augmentations against formulas written out."""

import math
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neocog.errors import UserError
from neocog.nets import Recipe
from neocog.train.optim.losses import make_loss, map_loss, mle
from neocog.train.optim.schedule import learning_rate

SCORES = torch.tensor([[-3.0, -0.5, -7.0], [-90.0, -2.0, -1.0], [0.25, -4.0, -4.0]], dtype=torch.float64)
LABELS = torch.tensor([1, 0, 2])


def test_the_map_loss_is_equation_9():
    """E = mean of y_D + log(e^-j + Σ e^-y_i), y being the distances, the negative scores."""
    for j in (0.1, 1.0, 10.0):
        direct = [
            -s[d] + math.log(math.exp(-j) + sum(math.exp(v) for v in s))
            for s, d in zip(SCORES.tolist(), LABELS.tolist(), strict=True)
        ]
        assert map_loss(SCORES, LABELS, j).item() == pytest.approx(sum(direct) / 3, rel=1e-12)
    assert mle(SCORES, LABELS).item() == pytest.approx((0.5 + 90 + 4) / 3)
    # classes farther than j are not pushed: the gradient at them is small beside the one at the label
    far = SCORES.clone().requires_grad_()
    map_loss(far, LABELS, 1.0).backward()
    assert far.grad is not None and abs(far.grad[0, 2]) < 1e-3 < abs(far.grad[0, 1])
    # and large distances do not overflow
    assert torch.isfinite(map_loss(torch.full((2, 3), -1e4), torch.tensor([0, 1]), 10.0))
    assert map_loss(torch.full((2, 3), -1e4), torch.tensor([0, 1]), 10.0).item() == pytest.approx(1e4 - 10, rel=1e-4)


def test_label_smoothing_mixes_the_label_with_all_classes():
    smooth = make_loss(Recipe(label_smoothing=0.1))
    logs = SCORES.log_softmax(1)
    direct = [-(0.9 * logs[i, y] + 0.1 * logs[i].mean()) for i, y in enumerate(LABELS)]
    assert smooth(SCORES, LABELS).item() == pytest.approx(sum(d.item() for d in direct) / 3, rel=1e-12)
    assert make_loss(Recipe(loss="mle"))(SCORES, LABELS) == mle(SCORES, LABELS)
    assert make_loss(Recipe(loss="map", competition=2.0))(SCORES, LABELS) == map_loss(SCORES, LABELS, 2.0)
    with pytest.raises(UserError, match="cross_entropy"):
        make_loss(Recipe(loss="focal"))


def test_the_hinge_loss_and_its_gradient_are_weston_and_watkins():
    """Σ_{j≠y} max(0, s_j − s_y + 1) a picture; each class within the margin gets 1, the right one minus their number."""
    scores = torch.randn(7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    labels = torch.tensor([0, 4, 2, 2, 1, 3, 0])
    total, gradient = 0.0, torch.zeros(7, 5, dtype=torch.float64)
    for i, (row, y) in enumerate(zip(scores.tolist(), labels.tolist(), strict=True)):
        for j, score in enumerate(row):
            if j != y and (margin := score - row[y] + 1) > 0:
                total += margin / 7
                gradient[i, j] += 1 / 7
                gradient[i, y] -= 1 / 7
    loss = make_loss(Recipe(loss="hinge"))(scores, labels)
    loss.backward()
    assert loss.item() == pytest.approx(total, rel=1e-12)
    assert scores.grad is not None and torch.allclose(scores.grad, gradient, atol=1e-12)
    assert 0 < (gradient == 0).sum() < gradient.numel(), "some classes are beyond the margin, some are not"


lengths = st.integers(1, 500)


@given(lengths, st.floats(0, 0.9), st.floats(1e-4, 10))
def test_onecycle_stays_within_bounds_and_ends_near_nothing(steps, warmup, lr):
    recipe = Recipe(schedule="onecycle", warmup=warmup, lr=lr)
    rates = [learning_rate(recipe, step, steps) for step in range(steps)]
    assert min(rates) > 0 and max(rates) <= lr * (1 + 1e-9), "from 0 to the rate of the recipe, never above it"
    peak = rates.index(max(rates))
    assert rates[: peak + 1] == sorted(rates[: peak + 1]) and rates[peak:] == sorted(rates[peak:], reverse=True)
    if steps > 50:
        assert abs(peak - warmup * steps) <= 2 and max(rates) > lr * (1 - 3 / steps / min(1 - warmup, warmup or 1))
        assert rates[-1] <= lr * 2 / steps / (1 - warmup)
        if warmup > 0.2:
            assert rates[0] < lr * (1 / 25 + 2 / steps / warmup), "it starts at a 25th"


@given(lengths, st.lists(st.floats(0.05, 0.95), max_size=4, unique=True), st.floats(0.01, 1))
def test_step_falls_at_each_milestone_and_nowhere_else(steps, milestones, gamma):
    recipe = Recipe(schedule="step", lr=0.3, warmup=0.0, milestones=tuple(milestones), gamma=gamma)
    for step in range(0, steps, max(1, steps // 50)):
        passed = sum(step >= m * steps for m in milestones)
        assert learning_rate(recipe, step, steps) == pytest.approx(0.3 * gamma**passed)
    warm = replace(recipe, warmup=0.04, milestones=())
    rates = [learning_rate(warm, step, 1000) for step in range(1000)]
    assert rates[:40] == pytest.approx([0.3 * (i + 1) / 40 for i in range(40)]) and set(rates[40:]) == {0.3}


def test_other_schedules():
    assert {learning_rate(Recipe(schedule="constant", warmup=0.0, lr=0.7), s, 9) for s in range(9)} == {0.7}
    with pytest.raises(UserError, match="onecycle"):
        learning_rate(Recipe(schedule="never"), 0, 9)
