"""Max pooling remembers where its maxima were. The way back through these switches, and what a plain unpooling loses."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, close
from neocog.explain.classroom.cells import grid, named, sign, tinted, window
from neocog.explain.classroom.numbers import gap, normal, percent, plain, tiny
from neocog.figure.sketch import SMALL, Sketch

SOURCE = (
    "Zeiler & Fergus 2014, section 2.1 (switches); overlapping pooling: Krizhevsky et al. 2012, section 3.4. Where windows "
    "overlap, torch's MaxUnpool2d writes each place once; its documentation calls that nondeterministic for repeated indices."
)


def pooled(x: Tensor, kernel: int, stride: int) -> tuple[Tensor, Tensor]:
    """N×C×H×W → maxima, and switches: where each was, counted row by row in its map."""
    return F.max_pool2d(x, kernel, stride, return_indices=True)


def unpooled(values: Tensor, switches: Tensor, shape: tuple[int, int]) -> Tensor:
    """Each value to the place of its maximum; where several windows chose the same place, they add up. N×C×H×W."""
    flat = torch.zeros(*values.shape[:2], shape[0] * shape[1], dtype=values.dtype)
    return flat.scatter_add(2, switches.flatten(2), values.flatten(2)).unflatten(2, shape)


def overwritten(values: Tensor, switches: Tensor, kernel: int, stride: int, shape: tuple[int, int]) -> Tensor:
    """What torch's MaxUnpool2d makes of it: of several values for one place, one stays."""
    return nn.MaxUnpool2d(kernel, stride)(values, switches, output_size=list(shape))


def back(x: Tensor, g: Tensor, kernel: int, stride: int) -> Tensor:
    """The gradient that autograd sends through the pooling."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(F.max_pool2d(x, kernel, stride), x, g)[0]


def numbers(seed: int, side: int, peak: bool) -> Tensor:
    """All different, so that every maximum is in one place; `peak`: the largest in the middle, where all windows see it."""
    order = torch.randperm(side * side, generator=torch.Generator().manual_seed(seed)).double() + 1
    if peak:
        middle, top = side * side // 2, int(order.argmax())
        order[[middle, top]] = order[[top, middle]]
    return order.reshape(1, 1, side, side)


def overlaps(seed: int) -> dict[str, float]:
    """Rectified noise under 3×3 windows two apart, as in AlexNet and ZFNet: how often switches repeat, and what that costs."""
    x = normal(seed, 1, 32, 55, 55).clamp_min(0)
    values, switches = pooled(x, 3, 2)
    g = normal(seed + 1, *values.shape)
    right, plain_way = unpooled(g, switches, (55, 55)), overwritten(g, switches, 3, 2, (55, 55))
    distinct = sum(len(one.unique()) for one in switches.flatten(2)[0])
    return {
        "repeated_switches": 1 - distinct / switches.numel(),
        "gradient_max_difference": gap(right, back(x, g, 3, 2)),
        "max_unpool2d_relative_error": float((plain_way - right).norm() / right.norm()),
        "max_unpool2d_cosine": float(F.cosine_similarity(plain_way.flatten(), right.flatten(), 0)),
    }


def show(asked: Asked) -> Lesson:
    cases = [case(numbers(asked.seed, 4, False), 2, 2), case(numbers(asked.seed + 1, 5, True), 3, 2)]
    facts = {"2×2, stride 2": cases[0][1], "3×3, stride 2": cases[1][1], "maps of 55×55": overlaps(asked.seed)}
    more = facts["maps of 55×55"]
    proved = [
        "Unpooling by switches is the gradient of max pooling: difference from autograd "
        f"{tiny(max(facts[c]['gradient_max_difference'] for c in facts))}. Every other place gets exactly 0.",
        "Where windows do not overlap, MaxUnpool2d does the same (difference "
        f"{tiny(facts['2×2, stride 2']['max_unpool2d_difference'])}). Where they do it loses: on the board "
        f"{plain(facts['3×3, stride 2']['max_unpool2d_difference'])}; on 32 rectified random maps of 55×55 "
        f"{percent(more['repeated_switches'])} of the switches repeat, its relative error is "
        f"{more['max_unpool2d_relative_error']:.2f}, its cosine with the gradient {more['max_unpool2d_cosine']:.2f}.",
    ]
    title = "Max pooling and its switches"
    about = (
        "Forwards, each window hands on its maximum and remembers where it was: its switch. Backwards, everything goes to "
        "that place and nothing anywhere else."
    )
    page, y = board(title, about)
    y = panels(page, y + 20, cases[0], "2×2 windows, stride 2: none overlap")
    y = panels(page, y + 30, cases[1], "3×3 windows, stride 2: they overlap, and several may choose the same maximum")
    return Lesson(asked.name, close(page, y + 8, proved, SOURCE), proved, facts)


Case = tuple[tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, int, int], dict[str, Any]]


def case(x: Tensor, kernel: int, stride: int) -> Case:
    """All that is on the board for one kind of window, and its numbers."""
    values, switches = pooled(x, kernel, stride)
    g = (torch.arange(values.numel()) + 1).double().reshape(values.shape)  # 1, 2, 3, 4: one sees which went where
    shape = (x.shape[2], x.shape[3])
    restored, gradient = unpooled(values, switches, shape), unpooled(g, switches, shape)
    torch_way = overwritten(g, switches, kernel, stride, shape)
    facts = {
        "input": x[0, 0].tolist(),
        "pooled": values[0, 0].tolist(),
        "switches": switches[0, 0].tolist(),
        "gradient": gradient[0, 0].tolist(),
        "gradient_max_difference": gap(gradient, back(x, g, kernel, stride)),
        "places_reached": int((gradient != 0).sum()),
        "windows": values.numel(),
        "max_unpool2d_difference": gap(torch_way, gradient),
    }
    return (x[0, 0], values[0, 0], switches[0, 0], restored[0, 0], g[0, 0], gradient[0, 0], kernel, stride), facts | {
        "max_unpool2d": torch_way[0, 0].tolist()
    }


def panels(page: Sketch, y: float, one: Case, words: str) -> float:
    """Input, maxima, switches; the way back of the maxima and of a gradient; what MaxUnpool2d makes of it."""
    (x, values, switches, restored, g, gradient, kernel, stride), facts = one
    side, n = x.shape[0], values.shape[0]
    cell, top = 30 if side == 5 else 34, y + 44
    inks = (("k2", "k1"), ("k0", "k3"))
    page.text(MARGIN, y + 6, words, 15, bold=True)

    def chosen(v: float, i: int, j: int) -> tuple[str, float] | None:
        return ("k4", 0.38) if (switches == i * side + j).any() else None

    def small(left: float, what: Tensor, name: str, about: str, tint=None) -> None:
        named(page, left, top + (side - n) / 2 * cell, name, about)
        grid(page, left, top + (side - n) / 2 * cell, what, cell, tint)

    named(page, MARGIN, top, "x")
    grid(page, MARGIN, top, x, cell, chosen)
    for i in range(n):
        for j in range(n):
            inset = 1.5 + 2.2 * ((i + j) % 2) if kernel > stride else 1.5
            long = kernel * cell - 2 * inset
            page.frame(MARGIN + j * stride * cell + inset, top + i * stride * cell + inset, long, long, inks[i][j], 2)
    left = MARGIN + side * cell + 46
    sign(page, left - 23, top + side * cell / 2, "→", 18)
    small(left, values, "max", "")
    for i in range(n):
        for j in range(n):
            window(page, left + 1.5, top + (side - n) / 2 * cell + 1.5, i, j, (0.92, 0.92), cell, inks[i][j], 2)
    left += n * cell + 34
    place = torch.stack((switches // side, switches % side))
    named(page, left, top + (side - n) / 2 * cell, "switches")
    for i in range(n):
        for j in range(n):
            at = (left + j * 44, top + (side - n) / 2 * cell + i * cell)
            page.frame(*at, 44, cell)
            page.text(
                at[0] + 22, at[1] + cell / 2 + 4, f"{int(place[0, i, j]) + 1}, {int(place[1, i, j]) + 1}", SMALL, "middle"
            )
    left += n * 44 + 50
    sign(page, left - 25, top + side * cell / 2, "→", 18)
    named(page, left, top, "unpooled" if kernel == stride else "windows that chose it")
    counts = unpooled(torch.ones(1, 1, n, n, dtype=x.dtype), switches[None, None], (side, side))[0, 0]
    grid(page, left, top, restored if kernel == stride else counts, cell, chosen)
    left += side * cell + 42
    small(left, g, "∂L/∂max", "", tinted(g, 0.3))
    left += n * cell + 46
    sign(page, left - 23, top + side * cell / 2, "→", 18)
    named(page, left, top, "∂L/∂x", f"{facts['places_reached']} of {side * side} places")
    grid(page, left, top, gradient, cell, tinted(gradient, 0.45))
    if kernel == stride:
        return top + side * cell + 16
    low, other = top + side * cell + 44, torch.tensor(facts["max_unpool2d"])
    wrong = np.asarray(other) != np.asarray(gradient)
    named(page, left, low, "MaxUnpool2d instead")
    grid(page, left, low, other, cell, lambda v, i, j: ("k1", 0.6) if wrong[i, j] else None)
    lost = float((gradient - other).abs().sum())
    parts = " + ".join(plain(float(v)) for v in g.reshape(-1)[(switches == int(switches.flatten().mode().values)).reshape(-1)])
    for i, line in enumerate((
        f"The largest number is in all {facts['windows']} windows, and all chose it. Its gradient is the sum of theirs, "
        f"{parts}:",
        f"MaxUnpool2d lets one overwrite the others (orange), and {plain(lost)} of {plain(float(g.sum()))} is lost. Which one "
        "stays",
        "depends on the order of torch's threads. A deconvnet must add, as the gradient does.",
    )):  # fmt: skip
        page.text(MARGIN, low + 40 + 22 * i, line, ink="soft")
    return low + side * cell + 16
