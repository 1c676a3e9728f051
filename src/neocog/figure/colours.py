"""Numbers as colours: one scale for what is never negative, one for signed numbers. Both also read in grey."""

from collections.abc import Sequence

import numpy as np

# Lightness falls evenly along both scales, so that they also read in grey print and with any colour vision.
INK = ((247, 246, 242), (198, 219, 217), (120, 174, 186), (54, 120, 152), (24, 66, 112), (8, 22, 58))
COLD_WARM = ((12, 44, 104), (58, 118, 175), (142, 178, 206), (214, 214, 212), (226, 160, 122), (196, 80, 58), (112, 10, 34))


def colour(values: np.ndarray, scale: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """Numbers from 0 to 1, of any shape, to uint8 …×3 along the scale."""
    at = np.clip(np.nan_to_num(values.astype(np.float64)), 0, 1) * (len(scale) - 1)
    stops = np.asarray(scale, np.float64)
    low = np.minimum(at.astype(int), len(scale) - 2)
    part = (at - low)[..., None]
    return np.rint(stops[low] * (1 - part) + stops[low + 1] * part).astype(np.uint8)


def positive(values: np.ndarray, top: float) -> np.ndarray:
    """Answers H×W from 0 (paper) to `top` (dark)."""
    return colour(values / top if top > 0 else np.zeros_like(values), INK)


def diverging(values: np.ndarray, scale: float) -> np.ndarray:
    """Signed numbers, −scale … scale. H×W: cold, grey at 0, warm. 3×H×W, weights on red, green and blue: grey at 0 too."""
    half = 0.5 + values / (2 * scale) if scale > 0 else np.full(values.shape, 0.5)
    if values.ndim == 3:
        return np.rint(255 * np.clip(half, 0, 1)).astype(np.uint8).transpose(1, 2, 0)
    return colour(half, COLD_WARM)


def strip(scale: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """The scale itself, 1×N×3."""
    return colour(np.linspace(0, 1, 160)[None], scale)
