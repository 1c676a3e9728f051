"""Weight plans executed."""

from collections.abc import Callable

import torch
from torch import Tensor

from neocog.arch.record import Param
from neocog.arch.rewrite import Move, WeightPlan


def _copy(olds: list[Tensor], param: Param) -> Tensor:
    return olds[0]


def _channels(olds: list[Tensor], param: Param) -> Tensor:
    """Equal channels keep the old response: repeated and scaled for a multiple of the old number (timm's rule), else each
    new channel gets an equal share of the sum."""
    weight, channels = olds[0], param.shape[1]
    before = weight.shape[1]
    if channels % before == 0:
        return weight.repeat(1, channels // before, 1, 1) * (before / channels)
    return weight.sum(1, keepdim=True).expand(-1, channels, -1, -1) / channels


OPERATIONS: dict[str, Callable[[list[Tensor], Param], Tensor]] = {"copy": _copy, "channels": _channels}


def apply_plan(plan: WeightPlan, old: dict[str, Tensor], new: dict[str, Param]) -> dict[str, Tensor]:
    """The new tensors that the plan makes from the old ones; the others are for the caller to start afresh."""
    return {move.new: _moved(move, old, new[move.new]) for move in plan.moves if all(k in old for k in move.old)}


def _moved(move: Move, old: dict[str, Tensor], param: Param) -> Tensor:
    made = OPERATIONS[move.op]([old[key] for key in move.old], param)
    if tuple(made.shape) != param.shape:
        raise AssertionError(f"{move.new}: made {tuple(made.shape)}, declared {param.shape}")
    return made.to(torch.get_default_dtype()) if made.is_floating_point() else made
