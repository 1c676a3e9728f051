"""Functions of each number that torch lacks or spells otherwise. Maps are N×C×H×W, features N×F."""

import math

import torch
from torch import Tensor, nn


class Abs(nn.Module):
    """|x|."""

    def forward(self, x: Tensor) -> Tensor:
        return x.abs()


class Power(nn.Module):
    """(shift + scale·x)^power."""

    def __init__(self, power: float, scale: float, shift: float):
        super().__init__()
        self.power, self.scale, self.shift = power, scale, shift

    def forward(self, x: Tensor) -> Tensor:
        return (x * self.scale + self.shift) ** self.power


class Exp(nn.Module):
    """base^(shift + scale·x)."""

    def __init__(self, base: float, scale: float, shift: float):
        super().__init__()
        rate = math.log(base)
        self.scale, self.shift = rate * scale, rate * shift

    def forward(self, x: Tensor) -> Tensor:
        return torch.exp(x * self.scale + self.shift)


class Log(nn.Module):
    """log_base(shift + scale·x)."""

    def __init__(self, base: float, scale: float, shift: float):
        super().__init__()
        self.factor, self.scale, self.shift = 1 / math.log(base), scale, shift

    def forward(self, x: Tensor) -> Tensor:
        return torch.log(x * self.scale + self.shift) * self.factor


class Affine(nn.Module):
    """weight·x + bias for each map; either may be left out."""

    def __init__(self, maps: int, scale: bool, bias: bool):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(maps)) if scale else None
        self.bias = nn.Parameter(torch.empty(maps)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        shape = (-1, *(1 for _ in x.shape[2:]))
        if self.weight is not None:
            x = x * self.weight.view(shape)
        return x if self.bias is None else x + self.bias.view(shape)


class Maximum(nn.Module):
    """The largest of its inputs at each place."""

    def forward(self, *xs: Tensor) -> Tensor:
        best = xs[0]
        for x in xs[1:]:
            best = torch.maximum(best, x)
        return best
