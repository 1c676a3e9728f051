"""A 1×1 convolution is one full connection over the maps, the same at every pixel: shown as a change of colour coordinates."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from neocog.arch import Conv2d, Sequential, analyse
from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, close, table
from neocog.explain.classroom.cells import grid, named, sign, tinted
from neocog.explain.classroom.cost import cost
from neocog.explain.classroom.numbers import gap, normal, plain, tiny
from neocog.explain.classroom.picture import SIDE, seen
from neocog.figure.parts import pixels_of_map, scale_bar
from neocog.figure.sketch import NORMAL, SMALL, Sketch
from neocog.nets import resolve

# JFIF 1.02 (Rec. 601): Y, Cb and Cr as sums of red, green and blue; the rows of Cb and Cr add up to 0.
YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
OFFSET = (0.0, 128.0, 128.0)
NAMES = (("Y", "how bright"), ("Cb", "how blue"), ("Cr", "how red"))
SOURCE = (
    "Lin, Chen & Yan 2013, Network in Network (cascaded cross channel pooling = 1×1 convolution); Szegedy et al. 2014, Going "
    "deeper with convolutions (1×1 reductions). The nine colour weights: JFIF 1.02."
)


def mixer(weights: Tensor, bias: Tensor) -> nn.Conv2d:
    """A 1×1 convolution with these weights O×C and biases O."""
    layer = nn.Conv2d(weights.shape[1], weights.shape[0], 1)
    layer.weight, layer.bias = nn.Parameter(weights[:, :, None, None]), nn.Parameter(bias)
    return layer


def per_pixel(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """The weights of a 1×1 convolution as a full connection, applied to each pixel's channels: N×C×H×W → N×O×H×W."""
    n, channels, high, wide = x.shape
    pixels = x.permute(0, 2, 3, 1).reshape(-1, channels)  # a batch of n·H·W inputs
    answers = F.linear(pixels, layer.weight[:, :, 0, 0], layer.bias)
    return answers.reshape(n, high, wide, -1).permute(0, 3, 1, 2)


def difference(seed: int, channels: int, out: int) -> float:
    """Largest gap between the two on random maps."""
    layer = mixer(normal(seed, out, channels), normal(seed + 1, out))
    with torch.no_grad():
        x = normal(seed + 2, 2, channels, 7, 5)
        return gap(layer(x), per_pixel(x, layer))


def compared(maps: int, between: int, out: int, side: int) -> dict[str, float]:
    """A 5×5 convolution alone, and behind a 1×1 convolution to `between` maps, by their layer tables (no biases)."""
    five, one = Conv2d(out, 5, padding=2, bias=False), Conv2d(between, 1, bias=False)
    alone, behind = cost(Sequential(conv=five), maps, side), cost(Sequential(reduce=one, conv=five), maps, side)
    return {
        "params": alone.weights,
        "params_reduced": behind.weights,
        "macs": alone.macs,
        "macs_reduced": behind.macs,
        "ratio": alone.macs / behind.macs,
    }


def reductions() -> dict[str, dict[str, float]]:
    """The usual example, and the 5×5 branch of GoogLeNet's first module as the architecture has it."""
    rows = analyse(resolve("googlenet").build()).by_path
    one, five = rows["inception3a.branch3.0.conv"], rows["inception3a.branch3.1.conv"]
    real = (one.inputs[0][0], one.output[0], five.output[0], five.output[1])
    cases = {"": (128, 32, 256, 28), "GoogLeNet 3a: ": real}
    return {
        f"{name}{a} maps to {c} by way of {b}, {side}×{side}": compared(a, b, c, side)
        for name, (a, b, c, side) in cases.items()
    }


def show(asked: Asked) -> Lesson:
    pixels = seen(asked.picture, asked.seed, colour=True)
    x = torch.from_numpy(pixels).double().permute(2, 0, 1)[None]
    layer = mixer(torch.tensor(YCBCR, dtype=torch.float64), torch.tensor(OFFSET, dtype=torch.float64))
    with torch.no_grad():
        maps, dense = layer(x)[0], per_pixel(x, layer)[0]
    pillow = torch.from_numpy(np.array(Image.fromarray(pixels).convert("YCbCr"))).double().permute(2, 0, 1)
    costs = reductions()
    facts = {
        "max_difference": gap(maps, dense),
        "pillow_max_difference": gap(maps, pillow),
        "random_64_to_16_max_difference": difference(asked.seed, 64, 16),
        "reductions": costs,
    }
    proved = [
        f"1×1 convolution and the full connection at each of {SIDE}×{SIDE} pixels differ by {tiny(facts['max_difference'])} "
        f"on this picture, by {tiny(facts['random_64_to_16_max_difference'])} with 64 random maps to 16.",
        f"Pillow's own conversion to YCbCr, which rounds to whole numbers, differs by {facts['pillow_max_difference']:.2g} of "
        "255 at most.",
    ]
    title = "1×1 convolution: a full connection at every pixel"
    about = (
        "It looks at no neighbours. It mixes the maps: each pixel's numbers are a vector, and one matrix, the same "
        "everywhere, makes new numbers of them."
    )
    page, y = board(title, about)
    y = mixing(page, y + 20, pixels, maps)
    y = savings(page, y, costs)
    return Lesson(asked.name, close(page, y, proved, SOURCE), proved, facts)


def mixing(page: Sketch, top: float, pixels: np.ndarray, maps: Tensor) -> float:
    """The three colours, one pixel's arithmetic, and the three maps that come out."""
    side, step, at = 132, 188, (round(0.36 * SIDE), round(0.72 * SIDE))
    page.text(MARGIN, top - 8, "maps in", bold=True)
    scale = side / SIDE
    for i, colour in enumerate(("red", "green", "blue")):
        y = top + 16 + i * step
        page.picture(MARGIN, y, np.repeat(pixels[..., i : i + 1], 3, 2), side, side)
        page.text(MARGIN, y - 5, colour, SMALL, ink="soft")
        page.text(MARGIN, y + side + 16, "0 black … 255 white", SMALL - 1, ink="soft")
        page.frame(MARGIN + at[1] * scale - 4, y + at[0] * scale - 4, 8, 8, "k1", 2)
    right = page.wide - MARGIN - side
    page.text(right, top - 8, "maps out", bold=True)
    for i, (short, words) in enumerate(NAMES):
        y = top + 16 + i * step
        values = maps[i].numpy() - OFFSET[i]
        page.text(right, y - 5, f"{short}: {words}", SMALL, ink="soft")
        if OFFSET[i]:
            page.picture(right, y, pixels_of_map(values, 128, True), side, side)
            scale_bar(page, right, y + side + 5, side, 128, True, "")
        else:
            page.picture(right, y, np.repeat(np.clip(np.rint(values), 0, 255).astype(np.uint8)[..., None], 3, 2), side, side)
            page.text(right, y + side + 16, "0 black … 255 white", SMALL - 1, ink="soft")
        page.frame(right + at[1] * scale - 4, y + at[0] * scale - 4, 8, 8, "k1", 2)
    cell, left, middle = 62, MARGIN + side + 54, top + 16 + step + 66
    high = middle - 1.5 * cell
    page.picture(left + 416, top - 14, pixels, 100, 100)
    page.frame(left + 416 + at[1] / SIDE * 100 - 4, top - 14 + at[0] / SIDE * 100 - 4, 8, 8, "ink", 2)
    page.text(left, top + 30, "At the framed pixel, as at every other:", NORMAL + 1, bold=True)
    page.text(left, top + 52, "the weights are the matrix, out × in × 1 × 1", ink="soft")
    named(page, left, high, "weights", "3 out × 3 in")
    grid(page, left, high, np.array(YCBCR), cell, tinted(np.array(YCBCR)), form=lambda v: f"{v:.3f}".replace("-", "−"), size=13)
    left += 3 * cell
    sign(page, left + 15, middle, "·", 26)
    named(page, left + 30, high, "RGB")
    grid(
        page,
        left + 30,
        high,
        pixels[at].astype(np.float64)[:, None],
        cell,
        lambda v, i, j: ("k1", 0.1 + v / 255 * 0.35),
        size=15,
    )
    left += 30 + cell
    sign(page, left + 18, middle, "+", 20)
    named(page, left + 36, high, "bias")
    grid(page, left + 36, high, np.array(OFFSET)[:, None], cell, size=15)
    left += 36 + cell
    sign(page, left + 20, middle, "=", 22)
    named(page, left + 40, high, "out")
    mixed = maps[:, at[0], at[1]][:, None]
    grid(page, left + 40, high, mixed, cell, lambda v, i, j: ("k2", 0.1 + v / 255 * 0.35), lambda v: f"{v:.1f}", size=15)
    page.arrow([(MARGIN + side + 12, middle), (MARGIN + side + 44, middle)], "soft", 1.6, 8)
    page.arrow([(right - 40, middle), (right - 10, middle)], "soft", 1.6, 8)
    low, from_left = high + 3 * cell + 42, MARGIN + side + 54
    red, green, blue = (int(v) for v in pixels[at])
    a, b, c = YCBCR[0]
    page.text(from_left, low, f"Y = {a}·{red} + {b}·{green} + {c}·{blue} = {plain(float(maps[0, at[0], at[1]]))}", NORMAL + 1)
    page.text(from_left, low + 26, "Y needs all three maps; a 1×1 convolution of one map could only rescale it.", ink="soft")
    return top + 3 * step + 34


def savings(page: Sketch, y: float, costs: dict[str, dict[str, float]]) -> float:
    """What a 1×1 convolution before a 5×5 one saves, from architectures of both."""
    heads = ("its use: fewer maps before a dear 5×5", "weights alone", "with 1×1", "MACs alone", "with 1×1", "saves")
    keys = ("params", "params_reduced", "macs", "macs_reduced")
    rows = [(words, *(f"{found[key]:,}" for key in keys), f"{found['ratio']:.3g}×") for words, found in costs.items()]
    return table(page, MARGIN, y, heads, rows, 34) + 8
