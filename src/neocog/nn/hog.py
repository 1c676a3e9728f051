"""Histograms of oriented gradients (Dalal & Triggs, CVPR 2005), before convolutional networks the strongest plain features."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

EPSILON, HYSTERESIS = 1e-5, 0.2


def hog_length(height: int, width: int, orientations: int = 9, cell: int = 8, block: int = 2) -> int:
    """How many numbers describe a picture: the overlapping blocks, one a cell apart, of block² cells of `orientations` bins."""
    rows, columns = (side // cell - block + 1 for side in (height, width))
    return max(rows, 0) * max(columns, 0) * block * block * orientations


def hog(pixels: Tensor, orientations: int = 9, cell: int = 8, block: int = 2, interpolate: bool = True) -> Tensor:
    """N×C×H×W pixels of any range → N×length: rows, columns of blocks, in each rows, columns of cells, then orientations.

    The paper's choices: [-1, 0, 1] without smoothing, in each place the channel with the largest gradient (section 6.2), votes
    of its magnitude for unsigned orientations of 0 to 180 degrees, interpolated between bins and cells (6.3), weighted
    by a Gaussian of half the block's width over the block (6.4), each block normalised by L2-hys (6.4).
    interpolate: without it a vote goes to one bin of one cell, unweighted, as in scikit-image.
    """
    return hog_blocks(pixels, orientations, cell, block, interpolate).flatten(1)


def hog_blocks(pixels: Tensor, orientations: int = 9, cell: int = 8, block: int = 2, interpolate: bool = True) -> Tensor:
    """As `hog`, before it is one row: N×rows×columns×(block²·orientations)."""
    height, width = pixels.shape[2:]
    if hog_length(height, width, orientations, cell, block) == 0:
        raise ValueError(f"a picture of {width}×{height} holds no block of {block * cell} pixels")
    down, right = torch.zeros_like(pixels), torch.zeros_like(pixels)
    down[:, :, 1:-1] = pixels[:, :, 2:] - pixels[:, :, :-2]
    right[..., 1:-1] = pixels[..., 2:] - pixels[..., :-2]
    size, strongest = torch.hypot(down, right).max(1, keepdim=True)  # N×1×H×W
    angle = torch.rad2deg(torch.atan2(down.gather(1, strongest), right.gather(1, strongest))) % 180
    place = angle / (180 / orientations)
    votes = pixels.new_zeros(len(pixels), orientations, *pixels.shape[2:])
    if interpolate:
        low = (place - 0.5).floor()
        share = place - 0.5 - low
        votes.scatter_add_(1, low.long() % orientations, size * (1 - share))
        votes.scatter_add_(1, (low.long() + 1) % orientations, size * share)
    else:
        votes.scatter_add_(1, place.long().clamp(max=orientations - 1), size)
    sums = F.conv2d(votes.flatten(0, 1)[:, None], _weights(cell, block, interpolate).to(votes), stride=cell)
    blocks = sums.unflatten(0, (len(pixels), orientations)).permute(0, 3, 4, 2, 1).flatten(3)  # N×rows×columns×(cells·bins)
    return _normal(_normal(blocks).clamp(max=HYSTERESIS))


class HOG(nn.Module):
    """HOG as a layer: N×C×H×W → N×(block²·orientations)×rows×columns."""

    def __init__(self, orientations: int, cell: int, block: int):
        super().__init__()
        self.orientations, self.cell, self.block = orientations, cell, block

    def forward(self, x: Tensor) -> Tensor:
        return hog_blocks(x, self.orientations, self.cell, self.block).permute(0, 3, 1, 2)

    def extra_repr(self) -> str:
        return f"{self.orientations}, cell={self.cell}, block={self.block}"


def _normal(blocks: Tensor) -> Tensor:
    return blocks / (blocks.square().sum(3, keepdim=True) + EPSILON**2).sqrt()


def _weights(cell: int, block: int, interpolate: bool) -> Tensor:
    """block²×1×side×side: how much a pixel's vote counts in each of the cells of a block; a cell's sum is a mean."""
    side = cell * block
    at = torch.arange(side, dtype=torch.float64) + 0.5
    centres = (torch.arange(block, dtype=torch.float64) + 0.5) * cell
    if interpolate:
        tent = (1 - (at - centres[:, None]).abs() / cell).clamp(min=0)
        line = tent * torch.exp(-0.5 * ((at - side / 2) / (side / 2)) ** 2)
    else:
        line = ((at - centres[:, None]).abs() < cell / 2).double()
    return (line[:, None, :, None] * line[None, :, None, :] / cell**2).reshape(block * block, 1, side, side)
