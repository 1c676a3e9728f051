"""How many places a window takes: the panels of the convolution lesson about stride and padding."""

import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.arch import Window
from neocog.explain.classroom.board import MARGIN
from neocog.explain.classroom.cells import grid, named, tinted
from neocog.figure.sketch import SMALL, Sketch

N, K = 5, 3
WALKS = ((1, 1), (2, 1), (3, 1))
"""(stride, padding) of the film; the last does not fit (CS231n's notes, on spatial arrangement)."""


def arithmetic(stride: int, padding: int) -> str:
    """The number of places, before it is rounded down."""
    return f"({N} + {2 * padding} − {K})/{stride} + 1 = {(N + 2 * padding - K) / stride + 1:.3g}"


def strides(page: Sketch, y: float) -> float:
    """One axis from the side: where the windows lie for each stride, and for each padding."""
    cell, step = 25, 290
    cases = [(s, p, f"stride {s}, padding {p}") for s, p in WALKS]
    cases += [(1, 0, "padding 0: “valid”"), (1, 1, "padding (k−1)/2: “same”"), (1, 2, "padding k−1: “full”")]
    for i, (stride, padding, words) in enumerate(cases):
        left, top, over = MARGIN + i % 3 * step, y + 20 + i // 3 * 122, Window(K, stride, padding, padding)
        places, wide = over.output(N), N + 2 * padding
        named(page, left, top, words, f"{N} → {places}")
        for j in range(wide):
            outside = not padding <= j < N + padding
            page.box(left + j * cell, top, cell, 16, "soft" if outside else "k0", 0.1 if outside else 0.28)
            page.frame(left + j * cell, top, cell, 16)
        for j in range(places):
            at, low = left + j * stride * cell, top + 24 + j * 8
            page.line([(at + 2, low), (at + K * cell - 2, low)], "k2", 3)
            page.dot(at + K * cell / 2, low, "k2", f"place {j + 1}", 3.6)
        spare = over.leftover(N)
        if spare:
            page.box(left + (wide - spare) * cell, top, spare * cell, 16, "k1", 0.55)
            page.text(left, top + 38 + places * 8, arithmetic(stride, padding), SMALL, ink="k1")
            page.text(left, top + 53 + places * 8, "rounded down; the end is never read", SMALL, ink="k1")
    return y + 20 + 244


def borders(page: Sketch, y: float, x: Tensor) -> float:
    """What padding may hold, on the first row of the input."""
    cell, top, beyond = 25, y + 12, 2
    kinds = {"padded with zeros": "constant", "with the last pixel": "replicate", "mirrored": "reflect"}
    for i, (words, mode) in enumerate(kinds.items()):
        row = F.pad(x[None, :1], (beyond, beyond, 0, 0), mode=mode)[0]
        outside = torch.ones_like(row, dtype=torch.bool)
        outside[:, beyond:-beyond] = False
        named(page, MARGIN + i * 290, top, words)
        grid(page, MARGIN + i * 290, top, row, cell, tinted(x, 0.3), faint=outside.numpy())
    return top + cell + 26
