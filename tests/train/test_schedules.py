"""Schedules against torch's, and the plateau against what it is said to do."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch.optim import lr_scheduler as peers

from neocog.errors import UserError
from neocog.nets import Recipe
from neocog.train.optim.losses import hinge, make_loss
from neocog.train.optim.schedule import Plateau, learning_rate

STEPS = 60


def theirs(make: Callable[[torch.optim.Optimizer], peers.LRScheduler], lr: float = 0.3) -> list[float]:
    """torch's rates of the steps."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=lr)
    scheduler, out = make(optimizer), []
    for _ in range(STEPS):
        out.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return out


def ours(**fields: object) -> list[float]:
    recipe = Recipe(**{"lr": 0.3, "warmup": 0.0} | fields)  # type: ignore[arg-type]
    return [learning_rate(recipe, step, STEPS) for step in range(STEPS)]


@pytest.mark.parametrize(("fields", "make"), [
    ({"schedule": "cosine"}, lambda o: peers.CosineAnnealingLR(o, STEPS)),
    ({"schedule": "linear"}, lambda o: peers.LinearLR(o, 1.0, 0.0, STEPS)),
    ({"schedule": "poly", "power": 0.5}, lambda o: peers.PolynomialLR(o, STEPS, 0.5)),
    ({"schedule": "exponential", "gamma": 0.01}, lambda o: peers.ExponentialLR(o, 0.01 ** (1 / STEPS))),
    ({"schedule": "step", "milestones": (0.5, 0.75), "gamma": 0.2}, lambda o: peers.MultiStepLR(o, [30, 45], 0.2)),
    ({"schedule": "constant"}, lambda o: peers.ConstantLR(o, 1.0)),
    ({"schedule": "plateau"}, lambda o: peers.ConstantLR(o, 1.0)),
    ({"schedule": "cosine", "warmup": 0.1}, lambda o: peers.SequentialLR(o, [
        peers.LinearLR(o, 1 / 6, 1.0, 5), peers.CosineAnnealingLR(o, 54)], [6])),
], ids=lambda v: "-".join(map(str, v.values())) if isinstance(v, dict) else "")  # fmt: skip
def test_schedules_are_torchs(fields: dict[str, object], make: Callable[[torch.optim.Optimizer], peers.LRScheduler]):
    assert ours(**fields) == pytest.approx(theirs(make), rel=1e-9)


def test_warming_up_and_rates_of_ones_own():
    held = ours(schedule="step", milestones=(0.5,), warmup=0.1, warmup_hold=0.1)  # as ResNet-110: a tenth, then the whole
    assert held == pytest.approx([0.03] * 6 + [0.3] * 24 + [0.03] * 30)
    own = ours(schedule="step", milestones=(0.1, 0.5), factors=(0.4, 0.02))  # as LeNet-5
    assert own == pytest.approx([0.3] * 6 + [0.12] * 24 + [0.006] * 30)
    with pytest.raises(UserError, match="milestones"):
        Recipe(schedule="step", milestones=(0.1, 0.5), factors=(0.4,))


def test_the_plateau_is_torchs_and_its_state_is_three_numbers():
    errors = [60, 50, 50, 51, 52, 40, 41, 42, 43, 44, 45, 46, 39, 39.5, 40, 41, 42]
    recipe = Recipe(schedule="plateau", patience=3, gamma=0.1, lr=0.3, warmup=0.0)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.3)
    scheduler = peers.ReduceLROnPlateau(optimizer, factor=0.1, patience=2, threshold=0.0)  # theirs acts one later
    state, falls = Plateau(), 0
    for error in errors:
        before = state
        state = Plateau(*[getattr(state, name) for name in ("factor", "best", "waited")]).after(recipe, error)  # as if resumed
        scheduler.step(error)
        falls += state.factor < before.factor
        assert learning_rate(recipe, 3, 9, state.factor) == pytest.approx(optimizer.param_groups[0]["lr"])
    assert falls == 4
    often = Plateau(best=10.0)
    for _ in range(5):
        often = often.after(recipe, 11.0, epochs=0.5)
    assert often.factor == 1 and often.after(recipe, 11.0, epochs=0.5).factor == pytest.approx(0.1), "passes, not validations"


@pytest.mark.parametrize("loss", ["cross_entropy", "hinge", "mle", "map"])
def test_labels_may_be_shares(loss: str):
    """One-hot shares are labels; a mixture's loss is the mixture of losses."""
    scores = -torch.rand(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 5
    one, other = torch.tensor([0, 1, 2, 3, 0, 1]), torch.tensor([3, 1, 1, 0, 2, 2])
    hot = torch.nn.functional.one_hot
    for smoothing in (0.0, 0.1):
        function = make_loss(replace(Recipe(loss=loss), label_smoothing=smoothing))
        assert function(scores, hot(one, 4).double()).item() == pytest.approx(function(scores, one).item(), rel=1e-12)
        mixed = 0.3 * hot(one, 4).double() + 0.7 * hot(other, 4).double()
        parts = 0.3 * function(scores, one).item() + 0.7 * function(scores, other).item()
        assert function(scores, mixed).item() == pytest.approx(parts, rel=1e-12)
    assert hinge(scores, hot(one, 4).double()).item() == pytest.approx(hinge(scores, one).item())
