"""Down-scaling by s×s means, which is average pooling, beside dropping pixels, which is what a bare stride does."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.explain.classroom import Asked, Lesson
from neocog.explain.classroom.board import MARGIN, board, close
from neocog.explain.classroom.cells import grid, named, sign, tinted, window
from neocog.explain.classroom.numbers import gap, plain, tiny, whole
from neocog.explain.classroom.picture import seen
from neocog.figure.sketch import SMALL, Sketch

FACTORS = (2, 4, 8)
SOURCE = (
    "s×s means: LeCun et al. 1998 (local averaging and sub-sampling), without the trained coefficient; aliasing: R. Szeliski, "
    "Computer Vision: Algorithms and Applications, section 3.5; in networks: R. Zhang 2019, Making convolutional networks "
    "shift-invariant again."
)


def means(x: Tensor, s: int) -> Tensor:
    """H×W → H/s × W/s, the mean of each s×s block. s divides both."""
    return F.avg_pool2d(x[None, None], s)[0, 0]


def as_convolution(x: Tensor, s: int) -> Tensor:
    """The same as a convolution: every weight 1/s², stride s."""
    return F.conv2d(x[None, None], torch.full((1, 1, s, s), 1 / s**2, dtype=x.dtype), stride=s)[0, 0]


def as_reshape(x: Tensor, s: int) -> Tensor:
    """The same without any layer."""
    return x.reshape(x.shape[0] // s, s, x.shape[1] // s, s).mean((1, 3))


def rings(side: int) -> Tensor:
    """Rings from 0 to 255 that grow finer outwards, up to dark and bright pixels by turns at the middle of the edges."""
    r2 = (torch.arange(side, dtype=torch.float64) - side / 2 + 0.5) ** 2
    return 127.5 + 127.5 * torch.cos(torch.pi / side * (r2[:, None] + r2[None, :]))


def too_fine(side: int, s: int) -> Tensor:
    """Where a ring's wave is shorter than 2s pixels, so that every s-th pixel cannot tell it: H×W of bools.

    The phase is π r²/side, so a pixel outwards is worth 2r/side half waves: too fine from r = side/(2s) on.
    """
    r2 = (torch.arange(side, dtype=torch.float64) - side / 2 + 0.5) ** 2
    return (r2[:, None] + r2[None, :]).sqrt() > side / (2 * s)


def show(asked: Asked) -> Lesson:
    grey = torch.from_numpy(seen(asked.picture, asked.seed)).double()
    waves, side = rings(len(grey)), len(grey)
    found = {}
    for s in FACTORS:
        averaged, picked = means(waves, s), waves[::s, ::s]
        beyond = too_fine(side, s)[::s, ::s] & too_fine(side, s)[s - 1 :: s, s - 1 :: s]
        found[s] = {
            "convolution_max_difference": gap(means(grey, s), as_convolution(grey, s)),
            "reshape_max_difference": gap(means(grey, s), as_reshape(grey, s)),
            "mean_changes_by": abs(float(means(grey, s).mean() - grey.mean())),
            "picked_mean_changes_by": abs(float(grey[::s, ::s].mean() - grey.mean())),
            "false_waves_means": float((averaged[beyond] - 127.5).std()),
            "false_waves_picked": float((picked[beyond] - 127.5).std()),
        }
    twice = gap(means(means(grey, 2), 2), means(grey, 4))
    worst = max(max(v["convolution_max_difference"], v["reshape_max_difference"]) for v in found.values())
    facts = {"side": side, "means_of_means_max_difference": twice, "factors": {str(s): v for s, v in found.items()}}
    at = found[4]
    proved = [
        f"s×s means = average pooling = convolution with weights 1/s² and stride s: largest difference {tiny(worst)}. The "
        f"picture's mean stays (change {tiny(max(v['mean_changes_by'] for v in found.values()))}); 2×2 means of 2×2 means are "
        f"4×4 means (difference {tiny(twice)}).",
        "Every 4th pixel turns rings too fine for it into false ones: there they should be a flat grey, yet vary by "
        f"±{at['false_waves_picked']:.0f} (standard deviation); means of 4×4 leave ±{at['false_waves_means']:.0f}. A mean is "
        "no perfect filter, but dropping pixels is none at all.",
    ]
    title = "Smaller by s×s means"
    page, y = board(
        title,
        "A block of s×s pixels becomes one: their mean. Or, cheaper and worse, one of them, which is what a stride alone does.",
    )
    y = block(page, y + 20, asked.seed)
    y = gallery(page, y + 26, grey, waves)
    return Lesson(asked.name, close(page, y, proved, SOURCE), proved, facts)


def block(page: Sketch, top: float, seed: int) -> float:
    """The arithmetic on 6×6 numbers."""
    x, cell = whole(seed, 6, 6, low=0, high=10), 28
    named(page, MARGIN, top, "x", "6×6")
    grid(page, MARGIN, top, x, cell, tinted(x, 0.35))
    left = MARGIN + 6 * cell + 46
    for i, s in enumerate((2, 3)):
        y = means(x, s)
        at = left + i * 272
        sign(page, at - 23, top + 3 * cell, "→" if i == 0 else "or", 18 if i == 0 else 13)
        named(page, at + 6, top + 3 * cell - len(y) * 22, f"s = {s}", f"{len(y)}×{len(y)}")
        grid(page, at + 6, top + 3 * cell - len(y) * 22, y, 44, tinted(x, 0.35), form=lambda v: f"{v:.2f}", size=14)
        first = " + ".join(plain(float(v)) for v in x[:s, :s].reshape(-1))
        page.text(at + 6, top + 6 * cell + 14, f"({first})/{s * s} = {float(y[0, 0]):.2f}", SMALL, ink="soft")
    window(page, MARGIN, top, 0, 0, (2, 2), cell, "k2")
    window(page, MARGIN, top, 0, 0, (3, 3), cell, "k3")
    window(page, left + 6, top + 3 * cell - 66, 0, 0, (1, 1), 44, "k2")
    window(page, left + 278, top + 3 * cell - 44, 0, 0, (1, 1), 44, "k3")
    return top + 6 * cell + 24


def gallery(page: Sketch, y: float, grey: Tensor, waves: Tensor) -> float:
    """The picture and the rings at each size, by means and by dropping, each drawn as large as the first."""
    side, step = 160, 236

    def tile(x: float, y: float, values: Tensor) -> None:
        pixels = np.repeat(np.clip(np.rint(values.numpy()), 0, 255).astype(np.uint8)[..., None], 3, 2)
        page.picture(x, y, pixels, side, side)
        page.frame(x, y, side, side)

    for column, words in enumerate(("as it is", *(f"s = {s}" for s in FACTORS))):
        page.text(MARGIN + column * step, y, words, bold=True)
        n = len(grey) // (1, *FACTORS)[column]
        page.text(MARGIN + column * step + 62, y, f"{n}×{n}", SMALL, ink="soft")
    y += 10
    for picture in (grey, waves):
        for row, (words, way) in enumerate((("means", means), ("dropped", lambda x, s: x[::s, ::s]))):
            page.text(MARGIN + step - 10, y + side / 2, words, SMALL, "end", "soft")
            if row == 0:
                tile(MARGIN, y + side / 2 + 4, picture)
            for column, s in enumerate(FACTORS):
                tile(MARGIN + (column + 1) * step, y, way(picture, s))
            y += side + 8
        y += 12
    return y + 8
