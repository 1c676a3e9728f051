"""Linear classifiers on fixed features: convex, so solved to the optimum by L-BFGS instead of stepped towards it.

Features are centred and divided by one number, so that the mean square of their length is 1: one grid of strengths then serves
512 features as well as 8,100. Weights are given back in the features' own units.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from neocog.nn.neighbours import ballots
from neocog.pictures.augment.draws import generator

STRENGTHS = tuple(10.0 ** (k / 2) for k in range(-10, 2))  # λ of λ/2·‖W‖²: 0.00001 … 3
FOLDS = 5
DOUBLE = 50_000_000  # numbers that are computed with at 64 bits; more of them at 32
ALONE = 4_000_000  # numbers up to which one thread is faster
EXACT, NEAR = (1e-7, 1000), (1e-4, 200)  # largest gradient left and most iterations: of what is kept, of what is tried
CLOSE, ROUGH = (1e-5, 200), (3e-4, 60)  # the same where time counts: held-out errors do not change any more
Solved = tuple[Tensor, Tensor]


class Linear(NamedTuple):
    """Scores of N×F features f: f·Wᵀ + b. weight C×F, bias C, float32."""

    weight: Tensor
    bias: Tensor

    def scores(self, features: np.ndarray) -> np.ndarray:
        """N×F → float32 N×C."""
        return (torch.from_numpy(features) @ self.weight.T + self.bias).numpy()


class Fit(Protocol):
    """(N×F, N labels, classes, strength) → (weight C×F, bias C), from a solution near by if there is one."""

    def __call__(
        self, x: Tensor, y: Tensor, classes: int, strength: float, begin: Solved | None = None, until: tuple[float, int] = EXACT
    ) -> Solved: ...


def softmax(
    x: Tensor, y: Tensor, classes: int, strength: float, begin: Solved | None = None, until: tuple[float, int] = EXACT
) -> Solved:
    """Least mean cross-entropy + strength/2·‖W‖²; biases go free (multinomial logistic regression; C = 1/(N·strength))."""

    def loss(weight: Tensor, bias: Tensor) -> Tensor:
        return F.cross_entropy(x @ weight.T + bias, y) + strength / 2 * weight.square().sum()

    return _least(loss, x, classes, begin, until)


def svm(
    x: Tensor, y: Tensor, classes: int, strength: float, begin: Solved | None = None, until: tuple[float, int] = EXACT
) -> Solved:
    """One linear SVM a class against all others: least mean squared hinge + strength/2·(‖W‖² + ‖b‖²), as in LIBLINEAR (Fan
    et al. 2008), whose C is 1/(N·strength)."""
    side = _sides(y, classes, x.dtype)

    def loss(weight: Tensor, bias: Tensor) -> Tensor:
        hinge = (1 - side * (x @ weight.T + bias)).clamp(min=0).square()
        return hinge.sum() / len(x) + strength / 2 * (weight.square().sum() + bias.square().sum())

    return _least(loss, x, classes, begin, until)


def _sides(y: Tensor, classes: int, dtype: torch.dtype) -> Tensor:
    """N×C: 1 for a picture's own class, −1 for the others."""
    return 2 * F.one_hot(y, classes).to(dtype) - 1


def _least(
    loss: Callable[[Tensor, Tensor], Tensor], x: Tensor, classes: int, begin: Solved | None, until: tuple[float, int]
) -> Solved:
    weight, bias = begin or (x.new_zeros(classes, x.shape[1]), x.new_zeros(classes))
    weight, bias = weight.clone().requires_grad_(), bias.clone().requires_grad_()
    close, most = until
    solver = torch.optim.LBFGS(
        [weight, bias], max_iter=most, max_eval=2 * most, history_size=20, tolerance_change=1e-12,
        tolerance_grad=close if x.dtype == torch.float64 else max(close, 1e-5), line_search_fn="strong_wolfe",
    )  # fmt: skip

    def value() -> Tensor:
        solver.zero_grad()
        now = loss(weight, bias)
        now.backward()
        return now

    solver.step(value)
    return weight.detach(), bias.detach()


@dataclass(frozen=True)
class Chosen:
    """A classifier and how its strength was chosen. trials: (strength, loss on what was held out) of each that was tried."""

    head: Linear
    strength: float
    trials: tuple[tuple[float, float], ...]


def fit_best(
    fit: Fit,
    features: np.ndarray,
    labels: np.ndarray,
    classes: int,
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
    rows: np.ndarray | None = None,
    strengths: Sequence[float] = STRENGTHS,
    on_trial: Callable[[int, int], None] | None = None,
    precise: bool = True,
) -> Chosen:
    """The classifier of the N×F features with the strength that loses least on what is held out.

    precise: to the optimum, at 64 bits where that is no matter of minutes; else as far as answers still change.

    splits: (indices to learn from, indices held out), one pair or several. rows: those that the final classifier learns from
    (None: all). The loss of a softmax is its cross-entropy, that of an SVM its squared hinge. on_trial(done, total) may raise.
    """
    rows = np.arange(len(labels)) if rows is None else rows
    wide = torch.float64 if precise and features.size <= DOUBLE else torch.float32
    near, until = (NEAR, EXACT) if precise else (ROUGH, CLOSE)
    x, y = torch.from_numpy(features).to(wide), torch.from_numpy(labels)
    every = len(rows) == len(x) and bool((rows == np.arange(len(x))).all())
    mean = (x if every else x[rows]).mean(0)
    x = x - mean
    spread = float((x if every else x[rows]).square().sum(1).mean().sqrt()) or 1.0
    x, back = _fewer(x.div_(spread))
    with _threads(x):
        trials = _tried(fit, x, y, classes, splits, sorted(strengths, reverse=True), on_trial, near)
        best = min(trials, key=lambda trial: trial[1])[0] if trials else sorted(strengths)[len(strengths) // 2]
        weight, bias = fit(x if every else x[rows], y if every else y[rows], classes, best, None, until)
    weight = (weight @ back.T if back is not None else weight) / spread
    return Chosen(Linear(weight.float(), (bias - weight @ mean).float()), best, trials)


def _tried(
    fit: Fit,
    x: Tensor,
    y: Tensor,
    classes: int,
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
    strengths: Sequence[float],
    on_trial: Callable[[int, int], None] | None,
    until: tuple[float, int],
) -> tuple[tuple[float, float], ...]:
    """(strength, mean loss on what is held out), from strong to weak until it has risen twice; each begins where the last
    ended. Weak ones take longest, and only fit noise once the loss rises."""
    solved: list[Solved | None] = [None] * len(splits)
    count, trials = sum(len(held) for _, held in splits), []
    for number, strength in enumerate(strengths if splits else ()):
        lost = 0.0
        for k, (learn, held) in enumerate(splits):
            solved[k] = weight, bias = fit(x[learn], y[learn], classes, strength, solved[k], until)
            lost += _held_out(fit, x[held] @ weight.T + bias, y[held])
            if on_trial is not None:
                on_trial(number * len(splits) + k + 1, len(strengths) * len(splits))
        trials.append((strength, lost / count))
        if len(trials) > 2 and min(loss for _, loss in trials[-2:]) > min(loss for _, loss in trials[:-2]):
            break
    return tuple(trials)


@contextmanager
def _threads(x: Tensor) -> Iterator[None]:
    """One thread for small problems: several would wait for each other longer than they compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1 if x.numel() < ALONE else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fewer(x: Tensor) -> tuple[Tensor, Tensor | None]:
    """N×F with N < F in N coordinates or fewer: (them, F×N orthonormal columns that lead back), else as they are.

    The optimum lies in the span of the pictures, since all else costs and gains nothing; so this changes no answer.
    """
    if len(x) >= x.shape[1]:
        return x, None
    values, vectors = torch.linalg.eigh(x @ x.T)
    kept = values > values[-1] * (1e-12 if x.dtype == torch.float64 else 1e-6)
    length = values[kept].sqrt()
    return vectors[:, kept] * length, x.T @ (vectors[:, kept] / length)


def _held_out(fit: Fit, scores: Tensor, labels: Tensor) -> float:
    if fit is softmax:
        return float(F.cross_entropy(scores, labels, reduction="sum"))
    return float((1 - _sides(labels, scores.shape[1], scores.dtype) * scores).clamp(min=0).square().sum())


def folds(labels: np.ndarray, seed: int, count: int = FOLDS) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cross-validation: (learn, held) index pairs; each class is dealt out evenly, by the seed. Classes of one picture are
    always learned from."""
    hand = np.full(len(labels), -1)
    dealt = 0
    for wanted in np.unique(labels):
        members = generator(seed, 5, int(wanted)).permutation(np.flatnonzero(labels == wanted))
        if len(members) > 1:
            hand[members] = (dealt + np.arange(len(members))) % count
            dealt += len(members)
    pairs = [(np.flatnonzero(hand != k), np.flatnonzero(hand == k)) for k in range(count)]
    return [(learn, held) for learn, held in pairs if len(held) and len(np.unique(labels[learn])) > 1]


def nearest(features: np.ndarray, labels: np.ndarray, asked: np.ndarray, classes: int, k: int = 5) -> np.ndarray:
    """Votes, float32 M×C, of the k most alike (by cosine) of N×F features for each of M×F; a tie goes to the most alike."""
    known, new = (torch.nn.functional.normalize(torch.from_numpy(a), dim=1) for a in (features, asked))
    truth = torch.from_numpy(labels)
    at = torch.cat([(part @ known.T).topk(min(k, len(known)), dim=1).indices for part in new.split(256)])
    return ballots(truth[at], classes).numpy()
