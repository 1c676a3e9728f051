"""Hand-made filters on a picture: what nine numbers can do. The first lesson, since a network only learns such numbers."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, close
from neocog.explain.classroom.cells import grid, named, sign, tinted
from neocog.explain.classroom.numbers import gap, plain, tiny
from neocog.explain.classroom.picture import seen
from neocog.figure.parts import pixels_of_map, scale_bar
from neocog.figure.sketch import NORMAL, SMALL

IDENTITY = ((0, 0, 0), (0, 1, 0), (0, 0, 0))
LAPLACIAN = ((0, 1, 0), (1, -4, 1), (0, 1, 0))
KERNELS: dict[str, tuple[tuple[tuple[int, ...], ...], int, str]] = {
    # name: nine numbers, what they are divided by, what it is good for
    "identity": (IDENTITY, 1, "nothing happens"),
    "box blur": (((1, 1, 1), (1, 1, 1), (1, 1, 1)), 9, "the mean of nine"),
    "Gaussian blur": (((1, 2, 1), (2, 4, 2), (1, 2, 1)), 16, "near pixels count more"),
    "sharpen": (((0, -1, 0), (-1, 5, -1), (0, -1, 0)), 1, "identity − Laplacian"),
    "emboss": (((-2, -1, 0), (-1, 1, 1), (0, 1, 2)), 1, "light from one corner"),
    "Laplacian": (LAPLACIAN, 1, "any edge, fine ones most"),
    "Sobel across": (((-1, 0, 1), (-2, 0, 2), (-1, 0, 1)), 1, "edges that stand"),
    "Sobel down": (((-1, -2, -1), (0, 0, 0), (1, 2, 1)), 1, "edges that lie"),
}
"""All are written as a network applies them: laid on the picture as they stand, not flipped (cross-correlation)."""
SOURCE = "R. Szeliski, Computer Vision: Algorithms and Applications, chapter 3 (linear filtering)."


def kernel(name: str) -> Tensor:
    """3×3, float64."""
    rows, by, _ = KERNELS[name]
    return torch.tensor(rows, dtype=torch.float64) / by


def filtered(grey: Tensor, weights: Tensor) -> Tensor:
    """H×W of numbers → H×W: the border repeated, so that a flat picture stays flat up to its edge."""
    return F.conv2d(F.pad(grey[None, None], (1, 1, 1, 1), mode="replicate"), weights[None, None])[0, 0]


def show(asked: Asked) -> Lesson:
    grey = torch.from_numpy(seen(asked.picture, asked.seed)).double()
    answers = {one: filtered(grey, kernel(one)) for one in KERNELS}
    strength = (answers["Sobel across"] ** 2 + answers["Sobel down"] ** 2).sqrt()
    flat = torch.full((5, 5), 100.0, dtype=torch.float64)
    facts: dict[str, Any] = {
        "kernels": {
            one: {
                "weights": kernel(one).tolist(),
                "sum": float(kernel(one).sum()),
                "on_a_flat_100": float(filtered(flat, kernel(one))[2, 2]),
                "rank": int(torch.linalg.matrix_rank(kernel(one))),
                "spread": float(answers[one].std()),
            }
            for one in KERNELS
        },
        "shifted_sum_max_difference": max(gap(answers[one], by_shifts(grey, kernel(one))) for one in KERNELS),
        "sharpen_is_identity_minus_laplacian": gap(answers["sharpen"], grey - answers["Laplacian"]),
    }
    sums = {one: facts["kernels"][one]["on_a_flat_100"] for one in KERNELS}
    keep = ", ".join(one for one, v in sums.items() if abs(v - 100) < 1e-9)
    drop = ", ".join(one for one, v in sums.items() if abs(v) < 1e-9)
    proved = [
        f"On a flat grey of 100, weights that sum to 1 give 100 ({keep}); those that sum to 0 give 0 ({drop}).",
        "Each answer is a sum of nine shifted pictures: largest difference from the layer "
        f"{tiny(facts['shifted_sum_max_difference'])}.",
        f"Sharpened = picture − its Laplacian: difference {tiny(facts['sharpen_is_identity_minus_laplacian'])}. Rank 1, so a "
        f"column times a row: {', '.join(one for one in KERNELS if facts['kernels'][one]['rank'] == 1)}.",
    ]
    title = "Nine numbers make a filter"
    about = (
        "Each pixel becomes the weighted sum of itself and its eight neighbours. A network learns these numbers; here they "
        "are made by hand. Greys are cut at 0 and 255, colours at the 99.5th percentile."
    )
    page, y = board(title, about)
    side, cell, step = 166, 25, 301
    for i, one in enumerate((*KERNELS, "edge strength")):
        left, top = MARGIN + i % 3 * step, y + 22 + i // 3 * (side + 62)
        on = left + 3 * cell + 32
        if one in KERNELS:
            rows, by, about = KERNELS[one]
            named(page, left, top, one, about)
            grid(page, left, top + 14, np.array(rows, np.float64), cell, tinted(np.array(rows)))
            page.text(
                left, top + 3 * cell + 34, f"÷ {by}" if by > 1 else f"sum {plain(float(kernel(one).sum()))}", SMALL, ink="soft"
            )
            sign(page, left + 3 * cell + 16, top + 14 + 1.5 * cell, "→", 18)
            values, differs = answers[one].numpy(), abs(sums[one]) < 1e-9
        else:
            values, differs = strength.numpy(), False
            named(page, left, top, one, "edges of any direction")
            page.text(left, top + 30, "√(x² + y²)", NORMAL)
            page.text(left, top + 50, "of the two", SMALL, ink="soft")
            page.text(left, top + 66, "Sobel answers", SMALL, ink="soft")
        high = float(np.quantile(np.abs(values), 0.995))  # one bright speck would pale the rest
        if one in KERNELS and not differs:
            pixels = np.repeat(np.clip(np.rint(values), 0, 255).astype(np.uint8)[..., None], 3, 2)
        else:
            pixels = pixels_of_map(values, high, differs)
        page.picture(on, top, pixels, side, side)
        page.frame(on, top, side, side)
        if one not in KERNELS or differs:
            scale_bar(page, on, top + side + 6, side, high, differs)
    y += 22 + 3 * (side + 62)
    return Lesson(asked.name, close(page, y, proved, SOURCE), proved, facts)


def by_shifts(grey: Tensor, weights: Tensor) -> Tensor:
    """The same answer without a convolution: nine shifted pictures, each times one weight."""
    wide = F.pad(grey[None], (1, 1, 1, 1), mode="replicate")[0]
    high, across = grey.shape
    return sum((weights[i, j] * wide[i : i + high, j : j + across] for i in range(3) for j in range(3)), torch.zeros_like(grey))
