"""Dense SIFT: the descriptor of Lowe (IJCV 2004, section 6) at every place of a grid, and the visual words made of it."""

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from neocog.arch.layers.descriptors import reach_of, smoothing

CELLS, DIRECTIONS = 4, 8
CLIP, FLOOR = 0.2, 0.02
LUMA = (0.299, 0.587, 0.114)  # ITU-R 601, as grey pictures are made everywhere here


def sift(pixels: Tensor, cell: int = 4, stride: int = 4, floor: float = FLOOR) -> Tensor:
    """N×C×H×W pixels → N×128×rows×columns: rows of cells from above, in each from the left, in each 8 directions of the
    gradient, counter-clockwise from the right. Place (y, x) is centred on pixel (2·cell + y·stride, 2·cell + x·stride).

    Upright; smoothed to the scale at which a cell is three deviations; see `neocog.arch.SIFT` for the rest. Raises ValueError
    for pictures that hold no window of 4×4 cells.
    """
    height, width = pixels.shape[2:]
    if min(height, width) < CELLS * cell + 1:
        raise ValueError(f"a picture of {width}×{height} holds no window of 4×4 cells of {cell} pixels around a pixel")
    grey = gray(pixels)
    rows, columns = (_blur(side, smoothing(cell)).to(grey) for side in (height, width))
    smooth = rows @ grey @ columns.T  # N×H×W
    up, right = torch.zeros_like(smooth), torch.zeros_like(smooth)
    up[:, 1:-1, 1:-1] = smooth[:, :-2, 1:-1] - smooth[:, 2:, 1:-1]
    right[:, 1:-1, 1:-1] = smooth[:, 1:-1, 2:] - smooth[:, 1:-1, :-2]
    size, place = torch.hypot(up, right), torch.atan2(up, right) * (DIRECTIONS / (2 * torch.pi))
    low = place.floor()
    share = place - low
    votes = smooth.new_zeros(len(pixels), DIRECTIONS, height, width)
    votes.scatter_add_(1, (low.long() % DIRECTIONS)[:, None], (size * (1 - share))[:, None])
    votes.scatter_add_(1, ((low.long() + 1) % DIRECTIONS)[:, None], (size * share)[:, None])
    down, across = (_cells(side, cell, stride).to(votes) for side in (height, width))
    found = (down @ votes @ across.T).unflatten(2, (-1, CELLS)).unflatten(4, (-1, CELLS))  # N×8×rows×4×columns×4
    found = found.permute(0, 3, 5, 1, 2, 4).flatten(1, 3)
    length = found.norm(dim=1, keepdim=True)
    unit = F.normalize(F.normalize(found, dim=1).clamp(max=CLIP), dim=1)
    return unit * (length / floor).clamp(max=1)


def gray(pixels: Tensor) -> Tensor:
    """N×C×H×W → N×H×W: the luma of three channels, the mean of any other number."""
    if pixels.shape[1] == 3:
        return (pixels * pixels.new_tensor(LUMA)[:, None, None]).sum(1)
    return pixels.mean(1)


@lru_cache(maxsize=32)
def _blur(side: int, deviation: float) -> Tensor:
    """side×side: a Gaussian along one axis, the picture mirrored at its borders without repeating the last pixel."""
    reach = min(-int(-4 * deviation // 1), side - 1)
    taps = torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (taps / deviation) ** 2)
    at = (torch.arange(side)[:, None] + taps.long()).abs()
    at = torch.where(at < side, at, 2 * (side - 1) - at)
    return torch.zeros(side, side, dtype=torch.float64).scatter_add_(1, at, (weights / weights.sum()).expand(side, -1))


@lru_cache(maxsize=32)
def _cells(side: int, cell: int, stride: int) -> Tensor:
    """(places·4)×side: how much a pixel's votes count, along one axis, in each of the four cells of each place; a cell's sum is
    a mean over its pixels. The Gaussian falls off over half of the window (Lowe 2004, section 6.1)."""
    centres = 2 * cell + stride * torch.arange((side - CELLS * cell - 1) // stride + 1, dtype=torch.float64)
    away = torch.arange(side, dtype=torch.float64) - centres[:, None]  # places×side
    middles = (torch.arange(CELLS, dtype=torch.float64) - (CELLS - 1) / 2) * cell
    tent = (1 - (away[:, None] - middles[:, None]).abs() / cell).clamp(min=0)
    tent = tent * (away.abs() <= reach_of(cell))[:, None] * torch.exp(-0.5 * (away / (2 * cell)) ** 2)[:, None]
    return tent.flatten(0, 1) / cell


class SIFT(nn.Module):
    """Dense SIFT as a layer: N×C×H×W → N×128×rows×columns."""

    def __init__(self, cell: int, stride: int, floor: float):
        super().__init__()
        self.cell, self.stride, self.floor = cell, stride, floor

    def forward(self, x: Tensor) -> Tensor:
        return sift(x, self.cell, self.stride, self.floor)

    def extra_repr(self) -> str:
        return f"cell={self.cell}, stride={self.stride}, floor={self.floor:g}"


class VisualWords(nn.Module):
    """The nearest word of the codebook, words×F, at every place: N×F×H×W → N×words×H×W of 0 and 1."""

    def __init__(self, features: int, words: int):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(words, features), requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        near = nearest_word(x.flatten(2).transpose(1, 2), self.weight)  # N×places
        words = x.new_zeros(len(x), len(self.weight), near.shape[1])
        return words.scatter_(1, near[:, None], 1.0).unflatten(2, x.shape[2:])


def nearest_word(x: Tensor, words: Tensor) -> Tensor:
    """…×F → …: the number of the nearest of words×F."""
    return (x @ words.T - words.square().sum(1) / 2).argmax(-1)
