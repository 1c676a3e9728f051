"""Weights, gradients and the optimiser's memory divided among processes (FSDP2), for networks that do not fit into one.

Each block of the architecture is a group: its weights are put together just before it runs and given back after it.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from neocog.errors import UserError
from neocog.nets import Recipe
from neocog.nn import Model


def check(recipe: Recipe) -> None:
    """Raises UserError for what needs weights whole between steps."""
    whole_ones = {
        "ema": recipe.ema,
        "filter-rms": recipe.filter_rms,
        "start": recipe.start,
        "optimizer lm": recipe.optimizer == "lm",
    }
    if needs := next((name for name, value in whole_ones.items() if value), None):
        raise UserError(f"--shard does not go with --{needs}, which needs weights whole; leave one of them out")


def groups(model: Model) -> list[list[nn.Module]]:
    """The modules with weights of their own, block by block in the order they run; those outside of blocks one by one."""
    blocks = {mark.path for mark in model.arch.marked("block")}
    found: dict[str, list[nn.Module]] = {}
    for node in model.arch.nodes:
        leaf = model.get_submodule(node.path)
        if any(True for _ in leaf.parameters(recurse=False)):
            parts = node.path.split(".")
            scope = next((s for i in range(1, len(parts)) if (s := ".".join(parts[:i])) in blocks), node.path)
            found.setdefault(scope, []).append(leaf)
    return list(found.values())


def shard(model: nn.Module, device: torch.device) -> nn.Module:
    """The model, each of its groups divided among all processes. Its parameters are new objects from here on."""
    assert isinstance(model, Model)
    model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload] (torch divides nothing else)
    mesh = init_device_mesh(device.type, (torch.distributed.get_world_size(),))
    for group in groups(model):
        fully_shard(group, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return model


def whole(values: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Divided tensors put together, others as they are. Every process must call it."""
    return {key: value.full_tensor() if isinstance(value, DTensor) else value for key, value in values.items()}


def plain(model: Model) -> Model:
    """A copy of the model with its weights whole, to judge with: processes need not run it equally often."""
    copy = Model(model.arch)
    copy.preprocessing, copy.classes = model.preprocessing, model.classes
    copy.load_state_dict(whole(model.state_dict()))
    return copy.to(next(iter(model.parameters())).device).to(memory_format=torch.channels_last).eval()  # type: ignore[call-overload]


def divided(value: Tensor, like: Tensor) -> Tensor:
    """This process's part of `value`, divided as `like` is."""
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements) if isinstance(like, DTensor) else value
