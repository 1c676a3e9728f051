"""A convolution is a full connection with a sparse matrix: most entries are 0, and the others are the same few numbers."""

import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.arch import Window, analyse
from neocog.arch.account import Row
from neocog.arch.window import size
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, close, table
from neocog.explain.classroom.cells import grid, named, sign, tinted, window
from neocog.explain.classroom.numbers import gap, normal, percent, plain, tiny, whole
from neocog.figure.sketch import Sketch
from neocog.nets import resolve

N, K = 5, 3
SOURCE = (
    "Dumoulin & Visin 2016 (convolution as a matrix operation); Goodfellow, Bengio & Courville, Deep Learning, chapter 9 "
    "(Toeplitz and doubly block circulant matrices). Layers: neocog's architectures; taps that lie on padding have no entry."
)
LAYERS = (("lenet5", "C1"), ("alexnet", "conv1"), ("zfnet", "conv1"))
HUES = ("k0", "k1", "k2")


def matrix_of(w: Tensor, shape: tuple[int, int], stride: int = 1, padding: int = 0) -> Tensor:
    """Filters O×C×k×k on maps C×H×W as the matrix (O·H'·W') × (C·H·W) that does the same, entry by entry from the indices."""
    out, channels, kernel, _ = w.shape
    high, wide = shape
    rows, columns = (Window(kernel, stride, padding, padding).output(n) for n in shape)
    matrix = torch.zeros(out, rows, columns, channels, high, wide, dtype=w.dtype)
    for i in range(rows):
        for j in range(columns):
            for a in range(kernel):
                for b in range(kernel):
                    y, x = i * stride + a - padding, j * stride + b - padding
                    if 0 <= y < high and 0 <= x < wide:  # a tap on the padding has no column
                        matrix[:, i, j, :, y, x] = w[:, :, a, b]
    return matrix.reshape(out * rows * columns, channels * high * wide)


def census(row: Row) -> dict[str, int | float | str]:
    """Of a convolution of an architecture: its matrix's size, entries that are not 0, and how many numbers it is made of."""
    down, across = row.node.record.windows(*row.inputs) or (Window(1), Window(1))
    (channels, high, wide), (out, *_) = row.inputs[0], row.output
    taps = [sum(0 <= i * w.stride - w.before + t * w.dilation < n for i in range(w.output(n)) for t in range(w.kernel))
            for w, n in ((down, high), (across, wide))]  # fmt: skip
    entries, filled = size(row.output) * size(row.inputs[0]), out * channels * taps[0] * taps[1]
    return {
        "rows": size(row.output),
        "columns": size(row.inputs[0]),
        "entries": entries,
        "not_zero": filled,
        "share": filled / entries,
        "weights": next(size(t.shape) for t in row.tensors if t.role == "weight"),
    }


def show(asked: Asked) -> Lesson:
    x, w = whole(asked.seed, N, N, low=0, high=4), whole(asked.seed + 1, K, K, low=1, high=5)
    matrix = matrix_of(w[None, None], (N, N))
    y1 = F.conv2d(x[None, None], w[None, None])
    big_w, big_x = normal(asked.seed, 4, 3, 3, 3), normal(asked.seed + 1, 3, 9, 8)
    big = matrix_of(big_w, (9, 8), 2, 1)
    facts = {
        "matrix": list(matrix.shape),
        "entries": matrix.numel(),
        "not_zero": int((matrix != 0).sum()),
        "weights": w.numel(),
        "max_difference": gap(matrix @ x.reshape(-1), y1.reshape(-1)),
        "strided_padded_max_difference": gap(
            big @ big_x.reshape(-1), F.conv2d(big_x[None], big_w, stride=2, padding=1).reshape(-1)
        ),
        "layers": {f"{net} {path}": census(analyse(resolve(net).build()).by_path[path]) for net, path in LAYERS},
    }
    share = facts["not_zero"] / facts["entries"]
    proved = [
        f"Matrix times vector and convolution differ by {tiny(facts['max_difference'])}; with 3 maps in, 4 out, stride 2 and "
        f"padding 1 by {tiny(facts['strided_padded_max_difference'])}.",
        f"{facts['entries']} entries, {facts['not_zero']} of them not 0 ({percent(share)}), made of {facts['weights']} "
        f"numbers, each {facts['not_zero'] // facts['weights']} times. Locality makes the zeros, sharing makes the repeats.",
    ]
    title = "Convolution is multiplication by a sparse matrix"
    about = (
        "Write the picture as one long column, row after row. Each row of the matrix is one place of the filter: its weights, "
        "where they touch the picture, and zeros."
    )
    page, y = board(title, about)
    y = product(page, y + 10, x, w, matrix, y1[0, 0])
    y = layers(page, y + 12, facts["layers"])
    return Lesson(asked.name, close(page, y, proved, SOURCE), proved, facts)


def product(page: Sketch, y: float, x: Tensor, w: Tensor, matrix: Tensor, answer: Tensor) -> float:
    """The picture, the filter and the map above; below them the same as matrix times column."""
    marked, cell = 4, 26  # the middle place
    top = y + 20

    def hue(value: float, i: int, j: int) -> tuple[str, float]:
        return HUES[i], 0.22 + 0.2 * j

    named(page, MARGIN, top, "picture x", f"{N}×{N}")
    grid(page, MARGIN, top, x, cell, tinted(x, 0.25))
    window(page, MARGIN, top, *divmod(marked, N - K + 1), (K, K), cell, "ink", 2.2)
    left = MARGIN + N * cell + 40
    sign(page, left - 20, top + 2.5 * cell, "∗")
    named(page, left, top + cell, "filter w", f"{K}×{K}")
    grid(page, left, top + cell, w, cell, hue)
    left += K * cell + 44
    sign(page, left - 22, top + 2.5 * cell, "=")
    named(page, left, top + cell, "map y", f"{N - K + 1}×{N - K + 1}")
    grid(page, left, top + cell, answer, cell, tinted(answer, 0.25))
    window(page, left, top + cell, *divmod(marked, N - K + 1), (1, 1), cell, "ink", 2.2)
    for i, words in enumerate((
        "Every weight has its own colour and comes back in every row:",
        f"one column further for a step to the right, {N} for a step down.",
        "The framed row of the matrix is the framed place of the filter.",
    )):  # fmt: skip
        page.text(left + 4 * cell + 10, top + 1.4 * cell + 20 * i, words, ink="soft")
    top += N * cell + 40
    cell = 27
    named(page, MARGIN, top, "W", f"{matrix.shape[0]}×{matrix.shape[1]}: empty cells are 0")
    places = N - K + 1
    for i in range(matrix.shape[0]):
        for j in range(matrix.shape[1]):
            a, b = j // N - i // places, j % N - i % places
            at = (MARGIN + j * cell, top + i * cell)
            if 0 <= a < K and 0 <= b < K:
                page.box(*at, cell, cell, *hue(0, a, b))
                page.text(at[0] + cell / 2, at[1] + cell / 2 + 4, plain(float(matrix[i, j])), 11.5, "middle")
    high, wide = matrix.shape[0] * cell, matrix.shape[1] * cell
    for j in range(matrix.shape[1] + 1):
        strong = j % N == 0
        page.line([(MARGIN + j * cell, top), (MARGIN + j * cell, top + high)], "soft" if strong else "line", 1)
    for i in range(matrix.shape[0] + 1):
        page.line([(MARGIN, top + i * cell), (MARGIN + wide, top + i * cell)], "soft" if i % places == 0 else "line", 1)
    window(page, MARGIN, top, marked, 0, (1, matrix.shape[1]), cell, "ink", 2.2)
    left, small = MARGIN + wide + 38, high / (N * N)
    sign(page, left - 19, top + high / 2, "·")
    named(page, left, top, "x")
    grid(page, left + 4, top, x.reshape(-1, 1), small, tinted(x, 0.25), size=8)
    left += 70
    sign(page, left - 25, top + high / 2, "=")
    named(page, left, top, "y")
    grid(page, left, top, answer.reshape(-1, 1), cell, tinted(answer, 0.25))
    window(page, left, top, marked, 0, (1, 1), cell, "ink", 2.2)
    return top + high + 24


def layers(page: Sketch, y: float, rows: dict[str, dict]) -> float:
    """First layers of real networks: how large their matrix would be."""
    cells = [
        (
            one,
            f"{found['rows']:,}×{found['columns']:,}",
            f"{found['entries']:,}",
            f"{found['not_zero']:,}",
            f"{100 * found['share']:.3g} %",
            f"{found['weights']:,}",
        )
        for one, found in rows.items()
    ]
    return (
        table(page, MARGIN, y, ("first layers, as matrices", "matrix", "entries", "not 0", "share", "weights"), cells, 44) + 8
    )
