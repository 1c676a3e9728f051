"""How alike two maps are: rank correlation and structural similarity."""

import numpy as np

WINDOW = 7  # side of SSIM's windows, as scikit-image takes it


def ranks(values: np.ndarray) -> np.ndarray:
    """N numbers' ranks from 0; equal ones share the mean of theirs."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts + 1) / 2)[where]


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's ρ, 1 … −1, of two maps. 0 where one of them is the same everywhere: it ranks nothing."""
    left, right = (ranks(m.ravel()) for m in (a, b))
    left, right = left - left.mean(), right - right.mean()
    size = float(np.sqrt((left**2).sum() * (right**2).sum()))
    return float((left * right).sum() / size) if size > 0 else 0.0


def similarity(a: np.ndarray, b: np.ndarray) -> float:
    """SSIM of two maps H×W, each scaled to 0 … 1 by its own largest number; 1: the same (Wang et al. 2004; uniform windows of
    7×7, or as large as the map allows, the sample covariance)."""
    pair = [m.astype(np.float64) / top if (top := float(m.max())) > 0 else m.astype(np.float64) for m in (a, b)]
    side = min(WINDOW, *a.shape)
    mean = [_means(m, side) for m in pair]
    unbiased = side**2 / max(side**2 - 1, 1)
    spread = [unbiased * (_means(m * m, side) - mu * mu) for m, mu in zip(pair, mean, strict=True)]
    common = unbiased * (_means(pair[0] * pair[1], side) - mean[0] * mean[1])
    c1, c2 = 0.01**2, 0.03**2
    above = (2 * mean[0] * mean[1] + c1) * (2 * common + c2)
    return float((above / ((mean[0] ** 2 + mean[1] ** 2 + c1) * (spread[0] + spread[1] + c2))).mean())


def _means(values: np.ndarray, side: int) -> np.ndarray:
    """Of every window that lies inside."""
    sums = np.pad(values, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    return (sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]) / side**2
