"""Initialisations drawn."""

import math
from functools import singledispatch

import torch
from torch import Generator, Tensor

from neocog.arch.init import (
    CaffeXavier,
    Codes,
    Constant,
    Dirac,
    FanInUniform,
    GlorotUniform,
    GroupIdentity,
    HeNormal,
    Init,
    Normal,
    Oriented,
    TorchDefault,
    Uniform,
)
from neocog.arch.record import Param
from neocog.errors import UserError


def draw(tensor: Tensor, param: Param, generator: Generator | None = None) -> None:
    """Fill `tensor`, which has `param`'s shape, in place as its record says."""
    with torch.no_grad():
        _draw(param.init, tensor, param, generator)


def _fan(fan: int | tuple[int, ...], tensor: Tensor) -> float | Tensor:
    """A number, or one for each entry of the first axis in the shape that broadcasts."""
    if isinstance(fan, int):
        return float(fan)
    return torch.tensor(fan, dtype=tensor.dtype).view(-1, *(1 for _ in tensor.shape[1:]))


def _uniform(tensor: Tensor, bound: float | Tensor, generator: Generator | None) -> None:
    tensor.uniform_(-1, 1, generator=generator).mul_(bound)


@singledispatch
def _draw(init: Init, tensor: Tensor, param: Param, generator: Generator | None) -> None:
    raise TypeError(f"no rule draws {init}")


@_draw.register
def _(init: Constant, tensor: Tensor, param: Param, generator: Generator | None) -> None:
    tensor.fill_(init.value)


@_draw.register
def _(init: Normal, tensor: Tensor, param: Param, generator: Generator | None) -> None:
    tensor.normal_(init.mean, init.std, generator=generator)


@_draw.register
def _(init: Uniform, tensor: Tensor, param: Param, generator: Generator | None) -> None:
    tensor.uniform_(init.low, init.high, generator=generator)


@_draw.register
def _(init: HeNormal, tensor: Tensor, param: Param, generator: Generator | None) -> None:
    fan = param.fan_in if init.fan == "fan_in" else param.fan_out
    tensor.normal_(0, 1, generator=generator).mul_(init.gain / _fan(fan, tensor) ** 0.5)


@_draw.register
def _(init: GlorotUniform, tensor: Tensor, param: Param, generator: Generator | None) -> None:
    _uniform(tensor, math.sqrt(6) / (_fan(param.fan_in, tensor) + param.fan_out) ** 0.5, generator)


@_draw.register
def _(init: CaffeXavier, tensor: Tensor, param: Param, generator: Generator | None) -> None:
    _uniform(tensor, math.sqrt(3) / _fan(param.fan_in, tensor) ** 0.5, generator)


@_draw.register
def _(init: FanInUniform, tensor: Tensor, param: Param, generator: Generator | None) -> None:
    _uniform(tensor, init.scale / _fan(param.fan_in, tensor), generator)


@_draw.register
def _(init: TorchDefault, tensor: Tensor, param: Param, generator: Generator | None) -> None:
    _uniform(tensor, 1 / _fan(param.fan_in, tensor) ** 0.5, generator)


@_draw.register
def _(init: GroupIdentity, tensor: Tensor, param: Param, generator: Generator | None) -> None:
    out, maps, rows, columns = tensor.shape
    if out % init.groups or maps % init.groups or not rows % 2 or not columns % 2:
        raise UserError(f"no identity of {init.groups} groups from {maps} maps to {out} by {rows}×{columns} filters")
    tensor.normal_(0, init.std, generator=generator) if init.std else tensor.zero_()
    runs = [torch.arange(n) // (n // init.groups) for n in (out, maps)]
    tensor[:, :, rows // 2, columns // 2].masked_fill_(runs[0][:, None] == runs[1][None, :], init.groups / out)


@_draw.register
def _(init: Dirac, tensor: Tensor, param: Param, generator: Generator | None) -> None:
    _uniform(tensor, 1 / _fan(param.fan_in, tensor) ** 0.5, generator)
    torch.nn.init.dirac_(tensor[: tensor.shape[1]])


@_draw.register
def _(init: Codes, tensor: Tensor, param: Param, generator: Generator | None) -> None:
    if not init.rows:
        tensor.bernoulli_(0.5, generator=generator).mul_(2).sub_(1)
        return
    codes = torch.tensor([[1.0 if bit == "1" else -1.0 for bit in row] for row in init.rows])
    if codes.shape != tensor.shape:
        raise UserError(f"codes of {codes.shape[0]}×{codes.shape[1]} do not fit units of {tensor.shape[0]}×{tensor.shape[1]}")
    tensor.copy_(codes)


@_draw.register
def _(init: Oriented, tensor: Tensor, param: Param, generator: Generator | None) -> None:
    planes, channels, height, width = tensor.shape
    rows = torch.arange(height)[:, None] - (height - 1) / 2
    columns = torch.arange(width)[None, :] - (width - 1) / 2
    place = torch.arange(planes)[:, None, None] / planes
    line = torch.exp(-((rows * torch.cos(math.pi * place) - columns * torch.sin(math.pi * place)) ** 2))
    near = 1 - (torch.arange(channels)[None, :] / channels - place[:, :, 0]).abs()
    if channels == 1:  # the picture has no planes to prefer
        near = torch.ones_like(near)
    tensor.copy_(init.scale * line[:, None] * near[:, :, None, None])
