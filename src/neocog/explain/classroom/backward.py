"""The gradient through a convolution: to its input, a full convolution with the filter turned round, the matrix transposed."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, close
from neocog.explain.classroom.cells import grid, named, products, sign, tinted, window
from neocog.explain.classroom.convolution import flipped
from neocog.explain.classroom.numbers import gap, normal, plain, tiny, whole
from neocog.explain.classroom.sparse_matrix import matrix_of
from neocog.figure.sketch import NORMAL, SMALL, Sketch

N, K = 5, 3
SOURCE = (
    "Dumoulin & Visin 2016 (transposed convolution arithmetic); LeCun et al. 1989, Backpropagation applied to handwritten zip "
    "code recognition. Autograd is torch's, of the forward convolution."
)


def to_input(g: Tensor, w: Tensor, shape: tuple[int, int], stride: int = 1, padding: int = 0) -> Tensor:
    """The gradient that reaches a convolution's input C×H×W from g, O×H'×W', at its output: by our two rules alone.

    Between the gradients stand stride − 1 zeros, behind them what the stride left over; then the filters, turned by 180° and
    with input and output maps exchanged, slide over all of it.
    """
    kernel = w.shape[-1]
    spread = dilated(g, stride)
    over = [n + 2 * padding - kernel - (spread.shape[1 + axis] - 1) for axis, n in enumerate(shape)]  # rows never read
    edge = kernel - 1
    around = F.pad(spread, (edge, edge + over[1], edge, edge + over[0]))
    full = F.conv2d(around[None], flipped(w).transpose(0, 1))[0]
    return full[:, padding : padding + shape[0], padding : padding + shape[1]]


def dilated(g: Tensor, stride: int) -> Tensor:
    """O×H×W with stride − 1 zeros between its places."""
    out = g.new_zeros(g.shape[0], (g.shape[1] - 1) * stride + 1, (g.shape[2] - 1) * stride + 1)
    out[:, ::stride, ::stride] = g
    return out


def told(x: Tensor, w: Tensor, g: Tensor, stride: int = 1, padding: int = 0) -> Tensor:
    """The gradient that autograd gives for the input C×H×W."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(F.conv2d(x[None], w, stride=stride, padding=padding), x, g[None])[0]


def differences(seed: int, stride: int, padding: int) -> dict[str, float]:
    """Three maps in, four out, 9×8: our rule, the transposed matrix and torch's conv_transpose2d against autograd."""
    x, w = normal(seed, 3, 9, 8), normal(seed + 1, 4, 3, K, K)
    answer = F.conv2d(x[None], w, stride=stride, padding=padding)[0]
    g = normal(seed + 2, *answer.shape)
    right = told(x, w, g, stride, padding)
    spare = [(n + 2 * padding - K) % stride for n in (9, 8)]
    transposed = F.conv_transpose2d(g[None], w, stride=stride, padding=padding, output_padding=(spare[0], spare[1]))[0]
    return {
        "flipped_filters": gap(to_input(g, w, (9, 8), stride, padding), right),
        "transposed_matrix": gap((matrix_of(w, (9, 8), stride, padding).T @ g.reshape(-1)).reshape(3, 9, 8), right),
        "conv_transpose2d": gap(transposed, right),
    }


def show(asked: Asked) -> Lesson:
    w, g = whole(asked.seed, K, K), whole(asked.seed + 1, N - K + 1, N - K + 1)
    x = whole(asked.seed + 2, N, N)
    back = to_input(g[None], w[None, None], (N, N))[0]
    facts = {
        "filter": w.tolist(),
        "gradient_of_the_output": g.tolist(),
        "gradient_of_the_input": back.tolist(),
        "max_difference": gap(back, told(x[None], w[None, None], g[None])[0]),
        "stride 1": differences(asked.seed, 1, 0),
        "stride 1, padding 1": differences(asked.seed, 1, 1),
        "stride 2, padding 1": differences(asked.seed, 2, 1),
        "stride 3, padding 0": differences(asked.seed, 3, 0),
    }
    worst = max(max(v.values()) for v in facts.values() if isinstance(v, dict))
    proved = [
        f"On the board: difference from autograd {tiny(facts['max_difference'])}. With 3 maps in, 4 out and strides 1, 2, 3 "
        "(one does not fit): turned filters, transposed matrix and conv_transpose2d all agree with autograd within "
        f"{tiny(worst)}.",
        "A pixel's gradient is the sum over the places that saw it, each times the weight through which it was seen: so the "
        "filter is turned round, and with several maps its input and output maps change places.",
    ]
    title = "Backwards, a convolution is a convolution"
    about = "The gradient at the output, with zeros around it, under the filter turned by 180°: the gradient at the input."
    page, y = board(title, about)
    page.place(scene(w, g, back, 11), 0, y - 8)
    y = scattered(page, y + 292, w, g, back)
    y = stretched(page, y, asked.seed, w)
    frames = tuple(scene(w, g, back, step, title) for step in range(N * N))
    return Lesson(asked.name, close(page, y, proved, SOURCE), proved, facts, frames)


def scene(w: Tensor, g: Tensor, back: Tensor, step: int, title: str = "") -> Sketch:
    """One place of the input: which gradients reach it, through which weights. With a title, a frame of the film."""
    cell, top = 34, 64 if title else 30
    sheet = Sketch(900, 340 if title else 280, title)
    if title:
        sheet.text(MARGIN, 30, title, NORMAL + 1, bold=True)
    edge, row, column = K - 1, *divmod(step, N)
    around = F.pad(g, (edge,) * 4)
    zeros = np.ones(tuple(around.shape), bool)
    zeros[edge:-edge, edge:-edge] = False
    named(sheet, MARGIN, top, "∂L/∂y", "3×3, zeros around it")
    grid(sheet, MARGIN, top, around, cell, tinted(g, 0.45), faint=zeros)
    window(sheet, MARGIN, top, row, column, (K, K), cell, "k2")
    left = MARGIN + 7 * cell + 34
    sign(sheet, left - 17, top + 2.5 * cell, "∗")
    named(sheet, left, top + cell, "w turned")
    grid(sheet, left, top + cell, flipped(w), cell, tinted(w))
    sheet.text(left, top + 4 * cell + 26, "w as it was", SMALL, ink="soft")
    grid(sheet, left + 16, top + 4 * cell + 34, w, 22, tinted(w), size=10)
    right = left + 3 * cell + 48
    sign(sheet, right - 24, top + 2.5 * cell, "=")
    named(sheet, right, top, "∂L/∂x", "5×5")
    so_far = back.clone().reshape(-1)
    so_far[step + 1 :] = float("nan")
    grid(sheet, right, top, so_far.reshape(N, N), cell, tinted(back))
    window(sheet, right, top, row, column, (1, 1), cell, "k2")
    at, patch = right + N * cell + 34, around[row : row + K, column : column + K]
    sheet.text(at, top - 8, f"what reaches row {row + 1}, column {column + 1}", bold=True)
    for i, line in enumerate(products(patch, flipped(w))):
        sheet.text(at, top + 16 + 25 * i, ("+ " if i else "   ") + line, NORMAL + 1)
    sheet.text(at, top + 16 + 25 * 3 + 12, f"= {plain(float(back[row, column]))}", NORMAL + 6, bold=True)
    return sheet


def scattered(page: Sketch, y: float, w: Tensor, g: Tensor, back: Tensor) -> float:
    """The same sum the other way: each place lays its gradient times the filter, not turned, over what it had read."""
    cell, top, n = 11, y + 22, N - K + 1
    named(
        page,
        MARGIN,
        top,
        "the same, seen from the output",
        "each of the nine places lays ∂L/∂y · w where its window was; laid upon each other they give ∂L/∂x",
    )
    for place in range(n * n):
        i, j = divmod(place, n)
        left = MARGIN + place * (N * cell + 18)
        values = torch.full((N, N), float("nan"), dtype=w.dtype)
        values[i : i + K, j : j + K] = g[i, j] * w
        grid(page, left, top + 8, values, cell, tinted(back), form=lambda v: "", size=6)
        window(page, left, top + 8, i, j, (K, K), cell, "k2", 1.5)
        page.text(left + N * cell / 2, top + N * cell + 25, f"{plain(float(g[i, j]))} · w", SMALL, "middle", "soft")
        sign(page, left + N * cell + 9, top + 8 + N * cell / 2, "+" if place < n * n - 1 else "=", 13)
    left = MARGIN + n * n * (N * cell + 18)
    total = sum(
        (F.pad(g[i, j] * w, (j, N - K - j, i, N - K - i)) for i in range(n) for j in range(n)), torch.zeros(N, N, dtype=w.dtype)
    )
    grid(page, left, top + 8, total, cell, tinted(back), form=lambda v: "")
    return top + N * cell + 56


def stretched(page: Sketch, y: float, seed: int, w: Tensor) -> float:
    """With stride 2: zeros between the gradients, the same filter over it."""
    cell, top = 24, y + 22
    g = whole(seed + 5, 2, 2, low=1, high=4)
    spread = F.pad(dilated(g[None], 2)[0], (K - 1,) * 4)
    back = to_input(g[None], w[None, None], (N, N), 2)[0]
    pale = spread == 0
    named(
        page,
        MARGIN,
        top,
        "with stride 2",
        "stride − 1 zeros stand between the gradients: a stride that divided forwards multiplies backwards",
    )
    grid(page, MARGIN, top + 8, g, cell, tinted(g, 0.45))
    sign(page, MARGIN + 2 * cell + 22, top + 8 + cell, "→", 16)
    left = MARGIN + 2 * cell + 44
    grid(page, left, top + 8, spread, cell, tinted(g, 0.45), faint=pale.numpy())
    left += 7 * cell
    sign(page, left + 20, top + 8 + 3.5 * cell, "∗", 18)
    left += 40
    grid(page, left, top + 8 + 2 * cell, flipped(w), cell, tinted(w))
    left += 3 * cell
    sign(page, left + 20, top + 8 + 3.5 * cell, "=", 18)
    left += 40
    grid(page, left, top + 8 + cell, back, cell, tinted(back))
    return top + 8 + 7 * cell + 30
