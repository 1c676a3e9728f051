"""Losses on a line: softmax cross-entropy, hinge, and the two losses of LeNet-5's distances, with their slopes."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, beside, board, caption, chart, close, printed, table
from neocog.explain.classroom.numbers import signed, tiny
from neocog.figure.parts import Series, lines
from neocog.figure.sketch import Sketch

SOURCE = (
    "LeCun, Bottou, Bengio & Haffner 1998, equations 8 (MLE) and 9 (MAP, j here 10); hinge: Weston & Watkins 1999. Slopes by "
    "autograd."
)
COMPETITION = 10.0  # j
NEAR, FAR = 1.0, 4.0  # where the right code lies, or the wrong one, when the other moves
WORDS = {
    "cross-entropy": "cross-entropy",
    "hinge": "hinge",
    "wrong": "an error (0 or 1)",
    "MLE of right": "MLE",
    "MAP of right": "MAP",
    "MLE of wrong": "MLE",
    "MAP of wrong": "MAP",
}


def mle_loss(scores: Tensor, labels: Tensor) -> Tensor:
    """Equation 8, scores being negative distances: the mean distance to the right code."""
    return -scores.gather(1, labels[:, None]).mean()


def map_loss(scores: Tensor, labels: Tensor, competition: float) -> Tensor:
    """Equation 9: y_D + log(e^−j + Σ e^−y_i)."""
    rubbish = scores.new_full((len(scores), 1), -competition)
    return mle_loss(scores, labels) + torch.cat([rubbish, scores], 1).logsumexp(1).mean()


def curve(loss: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The loss and its slope by autograd at each x.

    cross-entropy, hinge, wrong: x is the right class's score minus the only other's. MLE, MAP of right: x is the distance to
    the right code, the other code at FAR. of wrong: x is the distance to the wrong code, the right one at NEAR.
    """
    at = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    zero = torch.zeros_like(at)
    label = torch.zeros(1, dtype=torch.long)
    if loss == "cross-entropy":
        value = F.cross_entropy(torch.stack([at, zero], 1), label.expand(len(x)), reduction="none")
    elif loss == "hinge":
        value = F.relu(1 - at)
    elif loss == "wrong":
        value = (at <= 0).double()
        return value.numpy(), np.zeros_like(x)
    else:
        near = "right" in loss
        scores = -torch.stack([at, zero + FAR] if near else [zero + NEAR, at], 1)
        one = (lambda s: mle_loss(s, label)) if "MLE" in loss else (lambda s: map_loss(s, label, COMPETITION))
        value = torch.stack([one(s[None]) for s in scores])
    slope = torch.autograd.grad(value.sum(), at, allow_unused=True)[0]
    return value.detach().numpy(), np.zeros_like(x) if slope is None else slope.numpy()


def by_hand(loss: str, x: np.ndarray) -> np.ndarray:
    """The slopes as formulas: p − 1; −1 below 1; 1 or 0; 1 − q or −q with q = e^−y / (e^−j + Σ e^−y)."""
    if loss == "cross-entropy":
        return 1 / (1 + np.exp(-x)) - 1
    if loss == "hinge":
        return np.where(x < 1, -1.0, 0.0)
    right = "right" in loss
    if "MLE" in loss:
        return np.ones_like(x) if right else np.zeros_like(x)
    share = np.exp(-x) / (np.exp(-COMPETITION) + np.exp(-x) + np.exp(-FAR if right else -NEAR))
    return 1 - share if right else -share


def show(asked: Asked) -> Lesson:
    """Three pairs of charts: loss and slope."""
    margin, distance = np.linspace(-4, 4, 161), np.linspace(0, 14, 141)
    groups = (
        (
            "Two classes: the right score minus the other",
            margin,
            ("cross-entropy", "hinge", "wrong"),
            "right score − other score",
        ),
        (
            f"Distances: to the right code, the wrong one lying at {FAR:g}",
            distance,
            ("MLE of right", "MAP of right"),
            "distance to the right code",
        ),
        (
            f"Distances: to the wrong code, the right one lying at {NEAR:g}",
            distance,
            ("MLE of wrong", "MAP of wrong"),
            "distance to the wrong code",
        ),
    )
    sheet, y = board(
        "Losses on a line",
        "At the left what it costs, at the right its slope: how hard gradient descent pulls. What has no slope teaches "
        "nothing, and that is why the share of errors cannot be trained on.",
    )
    facts: dict[str, Any] = {}
    tables: list[tuple[tuple[str, ...], list[tuple[str, ...]]]] = []
    for title, x, names, across in groups:
        found = {one: curve(one, x) for one in names}
        _pair(sheet, y + 14, title, x, found, across)
        y += 274
        looked = [int(np.abs(x - p).argmin()) for p in ((-2, 0, 2) if x is margin else (1, 4, 12))]
        rows = []
        for one, (value, slope) in found.items():
            if one == "wrong":
                continue
            apart = np.abs(slope - by_hand(one, x))
            gap = float(apart[np.abs(x - 1) > 1e-9].max() if one == "hinge" else apart.max())  # the hinge's corner has none
            rows.append((WORDS[one], *(f"{value[n]:.3f} ({signed(slope[n])})" for n in looked), tiny(gap)))
            facts[one] = {
                "at": [float(x[n]) for n in looked],
                "loss": [float(value[n]) for n in looked],
                "slope": [float(slope[n]) for n in looked],
                "slope_by_hand_differs": gap,
            }
        tables.append(((across, *(f"{x[n]:.0f}".replace("-", "−") for n in looked), "slope − formula"), rows))
    words = []
    y += 14
    for heads, rows in tables:
        y = table(sheet, MARGIN, y, heads, rows, columns=(230, 130, 130, 130, 130)) + 14
        words += [*printed(heads, rows), ""]
    told = (
        "Each cell: the loss, and its slope in brackets. MLE never looks at the wrong code: its slope there is 0. MAP pushes "
        "the wrong code away, and stops where it lies clearly farther than the right one, or than j: exp(−distance) counts no "
        "more."
    )
    return Lesson(asked.name, close(sheet, y, [told], SOURCE), (*words, told), facts)


def _pair(sheet: Sketch, y: float, title: str, x: np.ndarray, found: dict[str, Any], across: str) -> None:
    caption(sheet, MARGIN, y, title)
    inks = {"cross-entropy": "k0", "hinge": "k2", "wrong": "k5"}
    for i, (plot, up) in enumerate(zip(beside(sheet, y + 50, 150), ("loss", "slope"), strict=True)):
        series = [
            Series(WORDS[one], x.tolist(), v[i].tolist(), inks.get(one, "k1" if "MLE" in one else "k0"), dashed=one == "wrong")
            for one, v in found.items()
        ]
        (lines if i else chart)(sheet, plot, series, across, up, **({"legend": False} if i else {}))
