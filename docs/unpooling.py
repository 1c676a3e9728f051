"""Draws docs/unpooling.svg: `python docs/unpooling.py`. Every number in it is computed: autograd's and MaxUnpool2d's."""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from neocog.figure.parts import heading, matrix
from neocog.figure.sketch import SMALL, Sketch

MAP = [[1.0, 9, 3, 4], [5, 4, 6, 1], [2, 3, 1, 0], [4, 8, 2, 5]]
DOWN = [[1.0, 2], [3, 4]]
CELL, MARGIN, Y = 34.0, 28.0, 112.0
WINDOWS = ("k0", "k1", "k2", "k3")


def draw() -> Sketch:
    """A map, what its 3×3 windows take, what comes down to them, and where it goes: rightly, and by max_unpool2d."""
    x = torch.tensor(MAP)[None, None].requires_grad_()
    down = torch.tensor(DOWN)[None, None]
    pooled, switches = F.max_pool2d(x, 3, 1, return_indices=True)
    (gradient,) = torch.autograd.grad(pooled, x, down)
    mistaken = nn.MaxUnpool2d(3, 1)(down, switches, output_size=[4, 4])
    sheet = Sketch(836, 306, "The gradient of max pooling is unpooling with switches")
    heading(
        sheet,
        sheet.title,
        "3×3 windows one step apart, which overlap: where two have the same maximum, what comes down adds up",
    )
    places = [MARGIN, MARGIN + 4 * CELL + 44, MARGIN + 6 * CELL + 88, MARGIN + 8 * CELL + 132, MARGIN + 12 * CELL + 176]
    blocks = (
        ("the map", x.detach(), "dark cells: the switches"),
        ("its maxima", pooled.detach(), ""),
        ("coming down", down, "one a window"),
        ("the gradient", gradient, "1 + 2 and 3 + 4"),
        ("max_unpool2d", mistaken, "one of two is lost"),
    )
    for at, (words, values, below) in zip(places, blocks, strict=True):
        grid = values[0, 0].numpy()
        shades = np.zeros_like(grid)
        if words == "the map":
            shades.flat[sorted(set(switches.flatten().tolist()))] = 1
        elif grid.shape == (4, 4):
            shades = grid / np.abs(grid).max()
        _numbers(sheet, at, grid, shades)
        sheet.text(at, Y - 12, words, bold=True)
        sheet.text(at, Y + len(grid) * CELL + 20, below, SMALL, ink="soft")
    for i, ink in enumerate(WINDOWS):
        row, column = divmod(i, 2)
        inset = 2 + 2 * i
        sheet.frame(
            places[0] + column * CELL + inset, Y + row * CELL + inset, 3 * CELL - 2 * inset, 3 * CELL - 2 * inset, ink, 1.6
        )
        for at in places[1:3]:
            sheet.frame(at + column * CELL + 2, Y + row * CELL + 2, CELL - 4, CELL - 4, ink, 1.6)
    return sheet


def _numbers(sheet: Sketch, x: float, grid: np.ndarray, shades: np.ndarray) -> None:
    matrix(sheet, x, Y, shades, CELL, 2.5, signed=False, numbers=False)
    for i, line in enumerate(grid):
        for j, value in enumerate(line):
            sheet.text(x + (j + 0.5) * CELL, Y + (i + 0.5) * CELL + 5, f"{value:g}".replace("-", "−"), 14, "middle", "dark")


if __name__ == "__main__":
    figure = draw()
    Path(__file__).with_name("unpooling.svg").write_text(figure.svg(), encoding="utf-8")
