"""The distribution functions that tests and intervals need: Student's t, the fair coin. No scipy in the product."""

import math
from statistics import NormalDist

NORMAL = NormalDist()
Z95 = 1.959963984540054  # the normal distribution's 97.5 % point
MANY = 1e8  # degrees of freedom from which Student's t is the normal distribution, to 8 digits


def beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b), a and b above 0 (Abramowitz & Stegun 26.5.8, by Lentz's method)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):  # where the fraction converges fast
        return 1 - beta_share(1 - x, b, a)
    front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    c, d = 1.0, 1 / (1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 100_000):
        for step in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d, c = 1 / (1 + step * d), 1 + step / c
            value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return math.exp(front) * value / a


def fair_coin(k: int, n: int) -> float:
    """P(at most k heads in n tosses of a fair coin)."""
    return 1.0 if k >= n else 0.0 if k < 0 else beta_share(0.5, n - k, k + 1)


def t_beyond(t: float, freedom: float) -> float:
    """P(|T| ≥ |t|) of Student's t with so many degrees of freedom."""
    if freedom > MANY:
        return 2 * NORMAL.cdf(-abs(t))
    return beta_share(freedom / (freedom + t * t), freedom / 2, 0.5)


def t_quantile(freedom: float, beyond: float = 0.05) -> float:
    """The t that |T| exceeds with probability `beyond`; 1.96 for many degrees of freedom, 12.71 for one."""
    low, high = 0.0, 1.0
    while t_beyond(high, freedom) > beyond:
        low, high = high, 2 * high
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if t_beyond(middle, freedom) > beyond else (low, middle)
    return (low + high) / 2
