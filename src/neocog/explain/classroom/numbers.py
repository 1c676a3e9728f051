"""Numbers that come out exactly on paper, and how the classroom writes them."""

import torch
from torch import Generator, Tensor


def whole(seed: int, *shape: int, low: int = -2, high: int = 3) -> Tensor:
    """Small whole numbers low … high−1 as float64, so that sums on paper come out exactly."""
    return torch.randint(low, high, shape, generator=Generator().manual_seed(seed)).double()


def normal(seed: int, *shape: int) -> Tensor:
    """Numbers of a normal distribution, float64."""
    return torch.randn(shape, generator=Generator().manual_seed(seed), dtype=torch.float64)


def gap(a: Tensor, b: Tensor) -> float:
    """The largest difference."""
    return float((a - b).abs().max())


def plain(value: float) -> str:
    """A number as one writes it on a board."""
    return f"{value:.4g}".replace("-", "−")


def tiny(value: float) -> str:
    """A difference as people read it: 0, 0.012, or 1.2e−07."""
    return "0" if value == 0 else f"{value:.3f}" if abs(value) >= 0.001 else f"{value:.1e}".replace("-", "−")


def signed(value: float, digits: int = 3) -> str:
    """With its sign, and 0 without one."""
    text = f"{value:+.{digits}f}".replace("-", "−")
    return text if float(text.replace("−", "-")) else text[1:]


def percent(share: float, digits: int = 0) -> str:
    """0.36 → 36 %."""
    return f"{100 * share:.{digits}f} %"
