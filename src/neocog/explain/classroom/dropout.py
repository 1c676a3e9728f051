"""Dropout as an ensemble: every mask of a tiny net enumerated, their means, and the one net with scaled weights.

Halving the weights gives the normalised geometric mean of all masked nets exactly where a linear softmax layer follows the
masks, and only nearly where another layer of ReLUs lies between.
"""

from dataclasses import dataclass
from functools import partial
from itertools import product

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.arch import Architecture, Dropout, Flatten, Linear, ReLU, Sequential, architecture
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, across, board, caption, chart, close, printed, table
from neocog.explain.classroom.numbers import tiny
from neocog.explain.classroom.small_nets import split_digits, train
from neocog.figure.parts import Series, matrix, pixels_of_map, scale_bar
from neocog.figure.sketch import SMALL, Sketch
from neocog.nn import Model

SOURCE = (
    "Hinton, Srivastava, Krizhevsky, Sutskever & Salakhutdinov 2012; Srivastava et al. 2014 (Monte Carlo averaging too). "
    "Trained here on neocog's digits with dropout 0.5."
)
UNITS, MORE = 10, 32  # 2^10 masks
STEPS, RATE, LOOK = 300, 0.02, 200
TOLD = (
    "Halving the weights gives exactly the normalised geometric mean of all masks where a linear layer and softmax follow "
    "them: the mean of the scores over all masks is the score at the mean mask. With ReLUs between it is an approximation. "
    "The arithmetic mean is another thing, though here both name the same class of nearly every digit."
)
SAMPLES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)


@dataclass(frozen=True, eq=False)
class Ensemble:
    """Probabilities of every masked net, masks × pictures × classes, and of the scaled net, pictures × classes."""

    each: np.ndarray
    scaled: np.ndarray
    labels: np.ndarray

    @property
    def arithmetic(self) -> np.ndarray:
        """The mean of the masks' probabilities, each mask as likely as any other."""
        return self.each.mean(0)

    @property
    def geometric(self) -> np.ndarray:
        """The normalised geometric mean: softmax of the mean log probability."""
        mean = np.log(self.each).mean(0)
        power = np.exp(mean - mean.max(1, keepdims=True))
        return power / power.sum(1, keepdims=True)


def net(deep: bool) -> Architecture:
    """784 → 10 ReLUs, dropped out → softmax of 10; deep, with 32 more ReLUs between the masks and the softmax layer."""
    more = {"fc2": Linear(MORE), "relu2": ReLU()} if deep else {}
    return architecture(
        "dropout",
        (1, 28, 28),
        Sequential(flatten=Flatten(), fc1=Linear(UNITS), relu1=ReLU(), drop=Dropout(0.5), **more, fc=Linear(10)),
    )


def ensemble(model: Model, x: Tensor, labels: Tensor) -> Ensemble:
    """Every mask of `model`, as training draws them: what is kept is doubled. float64; the model becomes that too."""
    layers = [layer for layer in model.double().children() if isinstance(layer, torch.nn.Linear)]
    with torch.no_grad():
        hidden = F.relu(layers[0](x.double().flatten(1)))
        each = []
        for bits in product((0.0, 1.0), repeat=UNITS):
            out = hidden * torch.tensor(bits).double() * 2
            for layer in layers[1:-1]:
                out = F.relu(layer(out))
            each.append(F.softmax(layers[-1](out), 1))
        scaled = F.softmax(model(x.double()), 1)  # in eval mode: no mask, nothing doubled
    return Ensemble(torch.stack(each).numpy(), scaled.numpy(), labels.numpy())


def show(asked: Asked) -> Lesson:
    """Both nets trained and enumerated; one digit's probabilities under every mask; the Monte Carlo mean's way to the mean."""
    x, y, test, labels = split_digits()
    rows = torch.randperm(len(labels), generator=torch.Generator().manual_seed(asked.seed))[:LOOK]
    found: dict[str, Ensemble] = {}
    for what, deep in (("softmax layer", False), ("ReLUs, softmax layer", True)):
        model = Model(net(deep), torch.Generator().manual_seed(asked.seed))
        torch.manual_seed(asked.seed)  # of the masks
        on_step = partial(asked.on_progress, f"training the net with {what}")
        train(model, x, y, F.cross_entropy, STEPS, RATE, asked.seed, on_step=on_step)
        found[what] = ensemble(model, test[rows], labels[rows])
    gaps = {what: _gaps(e) for what, e in found.items()}
    monte = {what: _monte_carlo(e, asked.seed) for what, e in found.items()}
    heads = ("masks, then a", "largest |scaled − geometric|", "|scaled − arithmetic|", "same class as the arithmetic mean")
    lines_ = [(what, tiny(g["geometric"]), f"{g['arithmetic']:.3f}", f"{g['agree']:.1f} %") for what, g in gaps.items()]
    errors = ("error", "a single mask", "the mean of all masks", "the scaled net")
    wrong = [(what, *(f"{g[k]:.1f} %" for k in ("single_error", "mean_error", "scaled_error"))) for what, g in gaps.items()]
    facts = {"masks": 2**UNITS, "pictures": LOOK, **gaps, "monte_carlo": {"masks": list(SAMPLES), **monte}}
    return Lesson(
        asked.name,
        _draw(found, monte, heads, lines_, errors, wrong),
        (
            f"{2**UNITS:,} masks of {UNITS} units, {LOOK} test digits",
            "",
            *printed(heads, lines_),
            "",
            *printed(errors, wrong),
            "",
            TOLD,
        ),
        facts,
    )


def _gaps(e: Ensemble) -> dict[str, float]:
    mean = e.arithmetic
    return {
        "geometric": float(np.abs(e.scaled - e.geometric).max()),
        "arithmetic": float(np.abs(e.scaled - mean).max()),
        "agree": 100 * float((e.scaled.argmax(1) == mean.argmax(1)).mean()),
        "single_error": 100 * float((e.each.argmax(2) != e.labels).mean()),
        "mean_error": 100 * float((mean.argmax(1) != e.labels).mean()),
        "scaled_error": 100 * float((e.scaled.argmax(1) != e.labels).mean()),
    }


def _monte_carlo(e: Ensemble, seed: int) -> list[float]:
    """The mean distance Σ|Δp|/2 between the mean of so many random masks and the mean of all."""
    drawn = np.random.default_rng(seed).integers(0, len(e.each), max(SAMPLES))
    sums = np.cumsum(e.each[drawn], 0)
    return [float(np.abs(sums[n - 1] / n - e.arithmetic).sum(1).mean() / 2) for n in SAMPLES]


def _enlarged(values: np.ndarray, wide: int, high: int) -> np.ndarray:
    """Rows of `high` pixels, columns thinned or repeated to `wide` in all: sharp cells at any size."""
    columns = np.linspace(0, values.shape[1] - 1, wide).round().astype(int)
    return np.repeat(values[:, columns], high, 0)


def _draw(
    found: dict[str, Ensemble],
    monte: dict[str, list[float]],
    heads: tuple[str, ...],
    rows: list[tuple[str, ...]],
    errors: tuple[str, ...],
    wrong: list[tuple[str, ...]],
) -> Sketch:
    sheet, y = board(
        "Dropout is an ensemble of nets that share their weights",
        f"{2**UNITS:,} nets: every way to drop some of {UNITS} hidden units. Below, one test digit: a column is one of these "
        "nets, a row a class, dark a high probability. The nets stand by what they give the right class.",
    )
    one, *_ = found.values()
    kinds = np.array([len(np.unique(one.each[:, i, c].round(4))) for i, c in enumerate(one.labels)])
    which = int(np.argmax(np.where(one.arithmetic.argmax(1) == one.labels, kinds, 0)))  # the masks differ most about it
    label = int(one.labels[which])
    order = np.argsort(one.each[:, which, label], kind="stable")
    left, cell, wide = MARGIN + 60, 25.0, 420.0
    caption(sheet, left, y + 12, "every masked net")
    sheet.picture(
        left, y + 22, pixels_of_map(_enlarged(one.each[order, which].T, round(2 * wide), round(2 * cell)), 1.0), wide, 10 * cell
    )
    sheet.frame(left, y + 22, wide, 10 * cell, "soft")
    for c in range(10):
        bold = c == label
        sheet.text(left - 10, y + 22 + (c + 0.5) * cell + 4, f"class {c}", SMALL, "end", "ink" if bold else "soft", bold)
    x = left + wide + 26
    for i, (what, p) in enumerate(
        (("arithmetic mean", one.arithmetic), ("geometric mean", one.geometric), ("scaled net", one.scaled))
    ):
        at = x + i * 124
        sheet.text(at + 43, y + 12, what, SMALL, "middle", bold=True)
        matrix(sheet, at, y + 22, p[which][:, None] * np.ones((1, 1)), cell, 1.0, signed=False, numbers=False)
        for c in range(10):
            sheet.text(
                at + cell + 7, y + 22 + (c + 0.5) * cell + 4, f"{p[which, c]:.6f}", SMALL, ink="ink" if c == label else "soft"
            )
    scale_bar(sheet, left, y + 22 + 10 * cell + 12, 120, 1, False)
    y += 22 + 10 * cell + 66
    caption(sheet, MARGIN, y, "Does halving the weights give the ensemble?")
    y = table(sheet, MARGIN, y + 24, heads, rows)
    y = table(sheet, MARGIN, y + 18, errors, wrong)
    caption(sheet, MARGIN, y + 20, "How many random masks come near the mean of all")
    plot = across(sheet, y + 74, 150)
    chart(
        sheet,
        plot,
        [
            Series(what, [float(np.log10(n)) for n in SAMPLES], m, f"k{i}", dots=True)
            for i, (what, m) in enumerate(monte.items())
        ],
        "log₁₀ of the number of random masks averaged",
        "distance from the mean of all masks, Σ|Δp| / 2",
        low=0.0,
    )
    return close(sheet, y + 74 + 150 + 54, [TOLD], SOURCE)
