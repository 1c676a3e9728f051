"""Weight plans executed."""

from collections.abc import Callable

import torch
from torch import Tensor

from neocog.arch.record import Param
from neocog.arch.rewrite import Move, WeightPlan

Args = tuple[float | int | str, ...]


def _copy(olds: list[Tensor], args: Args) -> Tensor:
    return olds[0]


def _channels(olds: list[Tensor], args: Args) -> Tensor:
    """Equal channels keep the old response: repeated and scaled for a multiple of the old number (timm's rule), else each
    new channel gets an equal share of the sum."""
    weight, channels = olds[0], int(args[0])
    before = weight.shape[1]
    if channels % before == 0:
        return weight.repeat(1, channels // before, 1, 1) * (before / channels)
    return weight.sum(1, keepdim=True).expand(-1, channels, -1, -1) / channels


def _reshape(olds: list[Tensor], args: Args) -> Tensor:
    return olds[0].reshape([int(n) for n in args])


def _affine(olds: list[Tensor], args: Args) -> tuple[dict[str, Tensor], Tensor, Tensor, int]:
    """(tensors by role, scale, shift, groups) of a normalisation, y = scale·x + shift, at 64 bits: one rounding, at the end.

    args: ε, the roles of `olds` in order, the groups of the layer that takes it in.
    """
    named = {role: old.double() for role, old in zip(str(args[1]).split(), olds, strict=True)}
    scale = named.get("gamma", torch.ones(())) / torch.sqrt(named["var"] + float(args[0]))
    shift = named["beta"] if "beta" in named else torch.zeros(())
    return named, scale, shift - named["mean"] * scale if "mean" in named else shift, int(args[2])


def _fold_weight(olds: list[Tensor], args: Args) -> Tensor:
    """The layer before a normalisation: filter o times scale_o."""
    named, scale, _, _ = _affine(olds, args)
    weight = named["weight"]
    return (weight * scale.view(-1, *(1 for _ in weight.shape[1:]))).to(olds[0].dtype)


def _fold_bias(olds: list[Tensor], args: Args) -> Tensor:
    named, scale, shift, _ = _affine(olds, args)
    return (named.get("bias", torch.zeros(())) * scale + shift).to(olds[0].dtype)


def _by_input(values: Tensor, weight: Tensor, groups: int) -> Tensor:
    """One value for each map that comes in, as out × in/groups × 1…; features flattened from maps share their map's."""
    inputs = weight.shape[1] * groups
    each = values.repeat_interleave(inputs // len(values)).view(groups, -1)
    return each.repeat_interleave(len(weight) // groups, 0).view(*weight.shape[:2], *(1 for _ in weight.shape[2:]))


def _unfold_weight(olds: list[Tensor], args: Args) -> Tensor:
    """The layer behind a normalisation: its filters times the scale of the map that they read."""
    named, scale, _, groups = _affine(olds, args)
    return (named["weight"] * _by_input(scale, named["weight"], groups)).to(olds[0].dtype)


def _unfold_bias(olds: list[Tensor], args: Args) -> Tensor:
    named, _, shift, groups = _affine(olds, args)
    weight = named["weight"]
    return (named.get("bias", torch.zeros(())) + (weight * _by_input(shift, weight, groups)).flatten(1).sum(1)).to(
        olds[0].dtype
    )


OPERATIONS: dict[str, Callable[[list[Tensor], Args], Tensor]] = {
    "copy": _copy,
    "channels": _channels,
    "reshape": _reshape,
    "fold_weight": _fold_weight,
    "fold_bias": _fold_bias,
    "unfold_weight": _unfold_weight,
    "unfold_bias": _unfold_bias,
}


def apply_plan(plan: WeightPlan, old: dict[str, Tensor], new: dict[str, Param]) -> dict[str, Tensor]:
    """The new tensors that the plan makes from the old ones; the others are for the caller to start afresh."""
    return {move.new: _moved(move, old, new[move.new]) for move in plan.moves if move.reads <= old.keys()}


def _made(source: Move | str, old: dict[str, Tensor]) -> Tensor:
    if isinstance(source, str):
        return old[source]
    return OPERATIONS[source.op]([_made(s, old) for s in source.old], source.args)


def _moved(move: Move, old: dict[str, Tensor], param: Param) -> Tensor:
    made = _made(move, old)
    if tuple(made.shape) != param.shape:
        raise AssertionError(f"{move.new}: made {tuple(made.shape)}, declared {param.shape}")
    return made.to(torch.get_default_dtype()) if made.is_floating_point() else made
