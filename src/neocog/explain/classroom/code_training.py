"""LeNet-5's codes trained together with the net, under MLE and MAP: how they move, as numbers and as a film."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neocog.arch import RBF, Codes, Flatten, Linear, Scale, Sequential, architecture
from neocog.explain.classroom.board import MARGIN, board, close
from neocog.explain.classroom.small_nets import error, split_digits, train
from neocog.figure.sketch import NORMAL, SMALL, Sketch
from neocog.nets.parts import squash
from neocog.nn import Model, layers

SHAPE = (12, 7)
STEPS, RATE, EVERY = 600, 0.02, 20
INKS = {"MLE": "k1", "MAP": "k0"}


@dataclass(frozen=True, eq=False)
class Course:
    """What was seen every EVERY steps: loss (a mean over those steps), codes 10×84; and the error in percent at the end."""

    steps: list[int]
    loss: list[float]
    codes: list[np.ndarray]
    error: float

    @property
    def apart(self) -> list[float]:
        """The mean squared distance between two different codes."""
        return [mean_distance(codes) for codes in self.codes]


def mean_distance(codes: np.ndarray) -> float:
    """Over all pairs of different codes."""
    n = len(codes)
    return float(((codes[:, None] - codes[None]) ** 2).sum() / (n * (n - 1)))


def course(
    loss: Callable[[Tensor, Tensor], Tensor],
    codes: np.ndarray,
    seed: int,
    on_step: Callable[[int, int], None] = lambda done, total: None,
) -> Course:
    """784 → 84 squashed units → RBF units that start from `codes` and learn too, on neocog's digits."""
    x, y, test, labels = split_digits()
    steps = {"flatten": Flatten(), "F6": Linear(84), "squash": squash()}
    output = RBF(10, init=Codes(), trainable=True)
    net = architecture("", (1, 28, 28), Sequential(**steps, output=output, score=Scale(-1)))
    model = Model(net, torch.Generator().manual_seed(seed))
    layer = model.get_submodule("output")
    assert isinstance(layer, layers.RBF)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(codes))
    seen: list[np.ndarray] = []

    def watch(step: int, value: float) -> None:
        if step % EVERY == 0:
            seen.append(layer.weight.detach().numpy().copy())

    every = train(model, x, y, loss, STEPS, RATE, seed, watch=watch, on_step=on_step)
    seen.append(layer.weight.detach().numpy().copy())
    at = [*range(0, STEPS, EVERY), STEPS]
    return Course(at, [float(np.mean(every[max(0, i - EVERY) : i + 1])) for i in at], seen, error(model, test, labels))


def bitmap(sheet: Sketch, x: float, y: float, code: np.ndarray, cell: float, ink: str) -> None:
    """A code of 84 numbers as 7×12 pixels, its largest in full ink, what is below 0 left white."""
    high, wide = SHAPE
    top = np.abs(code).max() or 1.0
    for i, j in np.ndindex(high, wide):
        value = code.reshape(SHAPE)[i, j] / top
        if value > 0:
            sheet.box(x + j * cell + 0.4, y + i * cell + 0.4, cell - 0.8, cell - 0.8, ink, float(value))
    sheet.frame(x - 2, y - 2, wide * cell + 4, high * cell + 4, "line")


def film(courses: Mapping[str, Course], source: str) -> list[Sketch]:
    """One frame for every look at the codes, the last for longer."""
    first = next(iter(courses.values()))
    frames = [_frame(courses, i, source) for i in range(len(first.steps))]
    return [*frames, frames[-1], frames[-1], frames[-1]]


def _frame(courses: Mapping[str, Course], i: int, source: str) -> Sketch:
    step = next(iter(courses.values())).steps[i]
    sheet, y = board("If LeNet-5's codes are trained too", f"after {step} steps")
    room = (sheet.wide - 2 * MARGIN) / len(next(iter(courses.values())).codes[0])
    for what, one in courses.items():
        sheet.text(MARGIN, y + 24, what, NORMAL, ink=INKS[what], bold=True)
        sheet.text(MARGIN + 60, y + 24, f"loss {one.loss[i]:.3f}, codes {one.apart[i]:.2f} apart", SMALL, ink="soft")
        for k, code in enumerate(one.codes[i]):
            bitmap(sheet, MARGIN + 8 + k * room, y + 42, code, 8.4, INKS[what])
        y += 42 + SHAPE[0] * 8.4 + 22
    return close(sheet, y + 10, [], source)
