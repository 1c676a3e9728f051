"""A convolution as it slides: the sum at each place, what stride and padding do to the size, and which way the filter lies."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.arch import Conv2d, Sequential, Window, analyse, architecture
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, close
from neocog.explain.classroom.cells import bracket, grid, named, products, sign, tinted, window
from neocog.explain.classroom.convolution_sizes import WALKS, K, N, arithmetic, borders, strides
from neocog.explain.classroom.numbers import gap, plain, tiny, whole
from neocog.figure.sketch import NORMAL, SMALL, Sketch

SOURCE = (
    "Dumoulin & Visin 2016, A guide to convolution arithmetic for deep learning; the stride that does not fit: CS231n's notes "
    "on convolutional networks; cross-correlation and convolution: Goodfellow, Bengio & Courville, Deep Learning, chapter 9."
)


def slide(x: Tensor, w: Tensor, stride: int, padding: int) -> Tensor:
    """H×W and k×k → the layer's answers, H'×W'."""
    return F.conv2d(x[None, None], w[None, None], stride=stride, padding=padding)[0, 0]


def flipped(w: Tensor) -> Tensor:
    """Turned by 180°: both axes reversed."""
    return w.flip(-2, -1)


def convolved(x: Tensor, w: Tensor) -> Tensor:
    """The mathematicians' convolution over all of the plane: (x ∗ w)[i, j] = Σ x[i−a, j−b]·w[a, b], by its definition."""
    out = torch.zeros(x.shape[0] + w.shape[0] - 1, x.shape[1] + w.shape[1] - 1, dtype=x.dtype)
    for i in range(x.shape[0]):
        for j in range(x.shape[1]):
            out[i : i + w.shape[0], j : j + w.shape[1]] += x[i, j] * w
    return out


def show(asked: Asked) -> Lesson:
    x, w = whole(asked.seed, N, N, low=0, high=4), whole(asked.seed + 1, K, K)
    if torch.equal(w, flipped(w)):
        w[0, 0] += 1  # else nobody could see which way it lies
    full = slide(x, flipped(w), 1, K - 1)
    sizes = {
        f"stride {s}, padding {p}": {
            "formula": (N + 2 * p - K) / s + 1,
            "places": Window(K, s, p, p).output(N),
            "leftover": Window(K, s, p, p).leftover(N),
            "layer": analyse(architecture("slide", (1, N, N), Sequential(c=Conv2d(1, K, s, p)))).output[1],
        }
        for s, p in (*WALKS, (1, 0), (1, 2))
    }
    facts = {
        "input": x.tolist(),
        "filter": w.tolist(),
        "output": slide(x, w, 1, 1).tolist(),
        "sizes": sizes,
        "by_hand_max_difference": gap(slide(x, w, 1, 1), by_hand(x, w, 1, 1)),
        "convolution_is_correlation_with_the_flipped_filter": gap(convolved(x, w), full),
        "convolution_commutes": gap(convolved(x, w), convolved(w, x)),
        "correlation_commutes": gap(slide(x, w, 1, K - 1), slide(w, x, 1, N - 1)),
    }
    misfit = sizes["stride 3, padding 1"]
    proved = [
        f"The layer and the sum written out at every place differ by {tiny(facts['by_hand_max_difference'])}. Size: ({N} + "
        f"2·padding − {K})/stride + 1, rounded down: stride 3 gives {misfit['formula']:.3g}, so {misfit['places']} places, "
        f"and {misfit['leftover']} row and column of padding go unread.",
        "What the field calls convolution is cross-correlation: the filter is not turned. True convolution = correlation with "
        f"the filter turned by 180° (difference {tiny(facts['convolution_is_correlation_with_the_flipped_filter'])}). "
        f"Swapping picture and filter changes the true one by {tiny(facts['convolution_commutes'])}, correlation by "
        f"{plain(facts['correlation_commutes'])}.",
    ]
    title = "A convolution, as it slides"
    about = (
        "One small filter visits every place of the picture; its nine products are summed there. Padding adds zeros around "
        "it, stride leaves places out."
    )
    page, y = board(title, about)
    page.place(scene(x, w, 1, 1, 7), 0, y - 8)
    y += 282
    y = strides(page, y)
    y = borders(page, y, x)
    y = both_ways(page, y, x, w)
    frames = tuple(scene(x, w, s, p, t, title) for s, p in WALKS for t in range(Window(K, s, p, p).output(N) ** 2))
    return Lesson(asked.name, close(page, y, proved, SOURCE), proved, facts, frames)


def by_hand(x: Tensor, w: Tensor, stride: int, padding: int) -> Tensor:
    """The same, by the sum over each window."""
    padded = F.pad(x, (padding,) * 4)
    places = (padded.shape[0] - w.shape[0]) // stride + 1
    sums = [
        (padded[i * stride : i * stride + w.shape[0], j * stride : j * stride + w.shape[1]] * w).sum()
        for i in range(places)
        for j in range(places)
    ]
    return torch.stack(sums).reshape(places, places)


def scene(x: Tensor, w: Tensor, stride: int, padding: int, step: int, title: str = "") -> Sketch:
    """One moment: where the filter lies, the sum there, the answers so far. With a title, a frame of the film."""
    cell, top = 34, 64 if title else 30
    sheet = Sketch(900, 304 + top - 30 + (14 if title else 0), title)
    if title:
        sheet.text(MARGIN, 30, f"{title}: {N}×{N}, filter {K}×{K}, stride {stride}, padding {padding}", NORMAL + 1, bold=True)
    padded, answer = F.pad(x, (padding,) * 4), slide(x, w, stride, padding)
    places, side = answer.shape[0], padded.shape[0]
    row, column = divmod(step, places)
    around = np.ones((side, side), bool)
    around[padding : side - padding, padding : side - padding] = False
    named(sheet, MARGIN, top, "input", f"{N}×{N}, padding {padding}" if not title else "")
    grid(sheet, MARGIN, top, padded, cell, tinted(x, 0.3), faint=around)
    window(sheet, MARGIN, top, row * stride, column * stride, (K, K), cell, "k2")
    left = MARGIN + 7 * cell + 34
    sign(sheet, left - 17, top + 2.5 * cell, "∗")
    named(sheet, left, top + cell, "filter", f"{K}×{K}")
    grid(sheet, left, top + cell, w, cell, tinted(w))
    right = left + 3 * cell + 48
    sign(sheet, right - 24, top + 2.5 * cell, "=")
    named(sheet, right, top, "output", f"{places}×{places}" if title else f"{places}×{places}, stride {stride}")
    so_far = answer.clone().reshape(-1)
    so_far[step + 1 :] = float("nan")
    grid(sheet, right, top, so_far.reshape(places, places), cell, tinted(answer))
    window(sheet, right, top, row, column, (1, 1), cell, "k2")
    patch = padded[row * stride : row * stride + K, column * stride : column * stride + K]
    words, at = products(patch, w), right + 5 * cell + 34
    sheet.text(at, top - 8, f"the sum at row {row + 1}, column {column + 1}", bold=True)
    for i, line in enumerate(words):
        sheet.text(at, top + 16 + 25 * i, ("+ " if i else "   ") + line, NORMAL + 1)
    each = " + ".join(bracket(float(v)) for v in (patch * w).sum(1))
    sheet.text(at, top + 16 + 25 * 3 + 6, f"= {each}", NORMAL + 1, ink="soft")
    sheet.text(at, top + 16 + 25 * 4 + 16, f"= {plain(float(answer[row, column]))}", NORMAL + 6, bold=True)
    spare = Window(K, stride, padding, padding).leftover(N)
    if spare:
        end = top + (side - spare) * cell
        sheet.box(MARGIN, end, side * cell, spare * cell, "k1", 0.35)
        sheet.box(MARGIN + (side - spare) * cell, top, spare * cell, (side - spare) * cell, "k1", 0.35)
        for i, line in enumerate((arithmetic(stride, padding), "it does not fit:", f"{spare} row and {spare} column unread")):
            sheet.text(right, top + places * cell + 24 + 16 * i, line, SMALL, ink="k1")
    return sheet


def both_ways(page: Sketch, y: float, x: Tensor, w: Tensor) -> float:
    """The same picture under the filter as it stands and under the filter turned by 180°."""
    cell, top = 26, y + 22
    left = MARGIN
    for words, about, kernel in (
        ("cross-correlation", "every framework's convolution", w),
        ("true convolution", "the filter turned by 180°", flipped(w)),
    ):
        named(page, left, top, words, about)
        grid(page, left, top + cell, kernel, cell, tinted(w))
        sign(page, left + 3 * cell + 20, top + 2.5 * cell, "→", 16)
        grid(page, left + 3 * cell + 42, top, slide(x, kernel, 1, 1), cell, tinted(slide(x, w, 1, 1)))
        left += 432
    return top + 5 * cell + 28
