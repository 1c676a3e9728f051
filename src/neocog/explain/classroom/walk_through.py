"""Back-propagation walked through a tiny network: every module's input X, dX and dW by hand, with autograd's beside them.

conv 3×3 → ReLU → max pool 2×2 → full connection → softmax with cross-entropy, on one 6×6 picture of whole numbers.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from neocog.arch import Conv2d, Flatten, Linear, MaxPool2d, ReLU, Sequential, architecture
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, close, prose
from neocog.explain.classroom.cells import grid, tinted
from neocog.explain.classroom.numbers import tiny
from neocog.explain.inside import values_at
from neocog.figure.sketch import NORMAL, SMALL, Sketch
from neocog.nn import Model

SOURCE = (
    "LeCun, Bottou, Bengio & Haffner 1998, section I (back-propagation, modules and their Jacobians); Rumelhart, Hinton & "
    "Williams 1986."
)
CELL = 42
CLASSES, LABEL = 3, 1
EDGE = (1, 1, 1, 0, 0, 0, -1, -1, -1)  # its sum is 0, so that answers of both signs come out


@dataclass(frozen=True, eq=False)
class Module:
    """One module by hand: its answer, the gradients at its input and its weights, and what was done to get them."""

    name: str
    answer: np.ndarray
    d_input: np.ndarray
    weight: np.ndarray | None
    d_weight: np.ndarray | None
    forward: str
    backward: str


def network(seed: int) -> tuple[Model, torch.Tensor]:
    """The net with small whole weights, float64, and its picture 1×1×6×6."""
    net = architecture(
        "walk-through",
        (1, 6, 6),
        Sequential(
            conv=Conv2d(1, 3, bias=False), relu=ReLU(), pool=MaxPool2d(2, 2), flatten=Flatten(), fc=Linear(CLASSES, bias=False)
        ),
    )
    model = Model(net).double().eval()
    draw = np.random.default_rng(seed)
    with torch.no_grad():
        model.get_parameter("conv.weight").copy_(torch.from_numpy(draw.permutation(EDGE).reshape(1, 1, 3, 3)).double())
        model.get_parameter("fc.weight").copy_(torch.from_numpy(draw.integers(-2, 3, (CLASSES, 4)) / 4))
    return model, torch.from_numpy(draw.integers(0, 4, (1, 1, 6, 6)).astype(float))


def by_hand(x: np.ndarray, w: np.ndarray, v: np.ndarray, label: int) -> tuple[list[Module], float]:
    """Forward and back with loops over numbers: no autograd, no convolution routine. x 6×6, w 3×3, v classes×4."""
    n, k = len(x), len(w)
    m = n - k + 1
    conv = np.array([[(x[i : i + k, j : j + k] * w).sum() for j in range(m)] for i in range(m)])
    relu = np.maximum(conv, 0)
    pool = np.array([[relu[i : i + 2, j : j + 2].max() for j in range(0, m, 2)] for i in range(0, m, 2)])
    scores = v @ pool.ravel()
    p = np.exp(scores - scores.max())
    p /= p.sum()

    d_scores = p - np.eye(len(p))[label]
    d_v = np.outer(d_scores, pool.ravel())
    d_pool = (v.T @ d_scores).reshape(pool.shape)
    d_relu = np.zeros_like(relu)
    for i in range(0, m, 2):
        for j in range(0, m, 2):
            first = np.unravel_index(int(relu[i : i + 2, j : j + 2].argmax()), (2, 2))  # on a tie the first, as torch does
            d_relu[i + first[0], j + first[1]] = d_pool[i // 2, j // 2]
    d_conv = d_relu * (conv > 0)
    d_x, d_w = np.zeros_like(x), np.zeros_like(w)
    for i in range(m):
        for j in range(m):
            d_x[i : i + k, j : j + k] += d_conv[i, j] * w
            d_w += d_conv[i, j] * x[i : i + k, j : j + k]
    return [
        Module(
            "conv 3×3",
            conv,
            d_x,
            w,
            d_w,
            "Y = Σ w·x under the window",
            "dX: every dY spreads w over its window. dW: every dY adds its window of X",
        ),
        Module("ReLU", relu, d_conv, None, None, "Y = max(X, 0)", "dX = dY where X > 0, else 0"),
        Module("max pool 2×2", pool, d_relu, None, None, "Y = the largest of four", "dX: dY goes to where the largest was"),
        Module("full connection", scores[None], d_pool, v, d_v, "Y = V·X", "dX = Vᵀ·dY. dV = dY·Xᵀ"),
        Module(
            "softmax",
            p[None],
            d_scores[None],
            None,
            None,
            "p = exp(X) / Σ exp(X), loss = −log p of the label",
            "dX = p − 1 at the label, p elsewhere",
        ),
    ], float(-np.log(p[label]))


def autograd(model: Model, x: torch.Tensor, label: int) -> tuple[dict[str, np.ndarray], float]:
    """The same gradients from torch: {"d conv 3×3": at its input, "w conv 3×3": at its weights, …}."""
    x = x.clone().requires_grad_()
    found = values_at(model, x, ["input", "conv", "relu", "pool", "fc"])
    loss = F.cross_entropy(found["fc"], torch.tensor([label]))
    places = [x, found["conv"], found["relu"], found["pool"], found["fc"]]
    weights = [model.get_parameter("conv.weight"), model.get_parameter("fc.weight")]
    gradients = torch.autograd.grad(loss, [*places, *weights])
    names = ("conv 3×3", "ReLU", "max pool 2×2", "full connection", "softmax")
    every = {f"d {name}": g[0].numpy() for name, g in zip(names, gradients, strict=False)}
    return every | {"w conv 3×3": gradients[5].numpy()[0, 0], "w full connection": gradients[6].numpy()}, float(loss.detach())


def show(asked: Asked) -> Lesson:
    """Forward down the left, back up the right; every matrix printed; hand and autograd compared. Frames: step by step."""
    model, x = network(asked.seed)
    w, v = (model.get_parameter(f"{key}.weight").detach().numpy() for key in ("conv", "fc"))
    modules, loss = by_hand(x[0, 0].numpy(), w[0, 0], v, LABEL)
    torch_says, torch_loss = autograd(model, x, LABEL)
    gaps = {}
    for one in modules:
        gaps[one.name] = float(np.abs(one.d_input.ravel() - torch_says[f"d {one.name}"].ravel()).max())
        if one.d_weight is not None:
            gaps[f"{one.name}, weights"] = float(np.abs(one.d_weight - torch_says[f"w {one.name}"]).max())
    gaps["loss"] = abs(loss - torch_loss)
    words = [*_written("X, the picture", x[0, 0].numpy())]
    for one in modules:
        words += ["", f"{one.name}: {one.forward}", *_written("Y", one.answer)]
    words += ["", f"loss: {loss:.6f}"]
    for one in reversed(modules):
        words += [
            "",
            f"{one.name}, back: {one.backward}",
            *_written("dX by hand", one.d_input),
            *_written("dX by autograd", torch_says[f"d {one.name}"].reshape(one.d_input.shape)),
        ]
        if one.d_weight is not None:
            words += [*_written("dW by hand", one.d_weight), *_written("dW by autograd", torch_says[f"w {one.name}"])]
    words += ["", "largest differences between hand and autograd: " + ", ".join(f"{k} {tiny(g)}" for k, g in gaps.items())]
    steps = 2 * len(modules)
    frames = [_draw(x[0, 0].numpy(), modules, loss, gaps, shown) for shown in range(1, steps + 1)]
    facts = {
        "loss": loss,
        "differences": gaps,
        "d_picture": modules[0].d_input.tolist(),
        "d_weights": {m.name: m.d_weight.tolist() for m in modules if m.d_weight is not None},
    }
    return Lesson(asked.name, frames[-1], words, facts, [*frames, frames[-1], frames[-1]])


def _written(what: str, values: np.ndarray) -> list[str]:
    cells = [[f"{v:g}" if v == round(v, 3) else f"{v:.3f}" for v in row] for row in values + 0.0]
    wide = max(len(c) for row in cells for c in row) + 2
    return [f"  {what}", *("  " + "".join(f"{c.replace('-', '−'):>{wide}}" for c in row) for row in cells)]


def _cells(sheet: Sketch, x: float, y: float, what: str, values: np.ndarray) -> None:
    """A small matrix with its name above; whole numbers as they are, others with two digits."""
    sheet.text(x, y - 6, what, SMALL, ink="soft")
    grid(sheet, x, y, values + 0.0, CELL, tinted(values), _two_digits, size=SMALL)


def _two_digits(value: float) -> str:
    return (f"{value:g}" if value == round(value) else f"{value:.2f}").replace("-", "−")


def _draw(x: np.ndarray, modules: list[Module], loss: float, gaps: dict[str, float], shown: int) -> Sketch:
    """The first `shown` steps: one for each module on the way forward, then one for each on the way back."""
    sheet, y = board(
        "Back-propagation, module by module",
        "Down the left, what each module answers; at the right, on the way back up, the gradient of the loss at its input "
        "(dX) and at its weights (dW). Cold cells are negative, warm ones positive.",
    )
    left, mid, right, last = MARGIN, MARGIN + 268, MARGIN + 456, MARGIN + 716
    ends, count = [], len(modules)
    values, label = x, "X, the picture"
    y += 24
    for i, one in enumerate([None, *modules]):
        if one is not None:
            values, label = one.answer, "Y = p" if i == count else "Y"
        visible = i <= shown
        tall = (
            max(
                values.shape[0],
                one.weight.shape[0] if one is not None and one.weight is not None else 0,
                modules[i].d_input.shape[0] if i < count else 1,
            )
            * CELL
        )
        if one is not None:
            sheet.text(left, y - 30, one.name, NORMAL, bold=True)
            sheet.text(left + 152, y - 30, one.forward, SMALL, ink="soft")
            if i > 0 and visible:
                sheet.arrow([(left + 132, y - 44), (left + 132, y - 24)], "k0", 1.6)
        if visible:
            _cells(sheet, left, y, label, values)
        if one is not None and one.weight is not None:
            _cells(sheet, mid, y, "weights", one.weight)
        ends.append((y, tall))
        # gradients at the place between module i and i+1: the input of the next module
        if i < count and shown >= 2 * count - i:
            nxt = modules[i]
            _cells(sheet, right, y, f"dX of {nxt.name}", nxt.d_input)
            if i > 0:
                sheet.arrow([(right + 70, y - 24), (right + 70, y - 44)], "k1", 1.6)
        if one is not None and one.d_weight is not None and shown >= 2 * count - i + 1:
            _cells(sheet, last, y, "dW", one.d_weight)
        y += tall + 62
    sheet.text(mid, ends[-1][0] + 20, f"loss = −log p[{LABEL}] = {loss:.4f}" if shown >= count else "", NORMAL, bold=True)
    y = ends[-1][0] + ends[-1][1] + 34
    for one in modules:
        y = prose(sheet, left, y, sheet.wide - 2 * MARGIN, f"{one.name}: {one.backward}.", SMALL)
    worst = max(gaps.values())
    proved = f"By hand against autograd, every dX, every dW and the loss: largest difference {tiny(worst)}."
    return close(sheet, y + 2, [proved], SOURCE)
