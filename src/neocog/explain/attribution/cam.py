"""Class activation maps: what the last maps say of a class, and where. At the maps' own size; only drawings enlarge them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch import Tensor, nn

from neocog.arch import AdaptiveAvgPool2d, Architecture, AvgPool2d, Conv2d, Dropout, Flatten, Linear, analyse
from neocog.errors import UserError
from neocog.explain.inside import module_at, undisturbed, values_at
from neocog.explain.targets import Target, value_of
from neocog.nn import Model


def cam_layer(model: nn.Module, target: Target | None = None) -> str:
    """The last maps of more than one place that everything behind them passes through, before the target's layer.

    Raises UserError for a network without any, and for a module of others, whose layers must be named.
    """
    if not isinstance(model, Model):
        raise UserError(f"{type(model).__name__} is no network of neocog: name the layer whose maps are weighed")
    path = last_maps(model.arch, None if target is None else target.path)
    if path is None:
        raise UserError(f"{model.arch.name}: {NO_MAPS}")
    return path


NO_MAPS = "no maps of more than one place that all behind them passes through, so there is nothing to weigh"


def last_maps(arch: Architecture, before: str | None = None) -> str | None:
    """The path of the last maps that all behind them passes through, up to the head, or up to the layer `before`."""
    head = arch.head.inputs[0] if arch.head else arch.output
    readers = arch.ancestors(before) - {before} if before else arch.ancestors(head) if head != "input" else set()
    rows = [row for row in analyse(arch).rows if row.path in readers and not isinstance(row.node.record, Dropout)]
    cuts = arch.cuts if before is None else _cuts_towards(arch, before)
    maps = [row.path for row in rows if row.path in cuts and len(row.output) == 3 and row.output[1] * row.output[2] > 1]
    return maps[-1] if maps else None


def _cuts_towards(arch: Architecture, path: str) -> frozenset[str]:
    """The nodes that everything on the way to `path` passes through."""
    nodes = [node for node in arch.nodes if node.path in arch.ancestors(path)]
    return Architecture(arch.name, arch.input, tuple(nodes), path).cuts


class Pooled(NamedTuple):
    """How a network's scores come from maps by global average pooling: `maps` at this path are averaged; the class's score is
    their mean weighed by `weights` (the path of the full connection) or, without one, the class's own map's mean."""

    maps: str
    weights: str | None


def pooled_head(arch: Architecture) -> Pooled | str:
    """The head that CAM needs, or in a few words what the network has instead (Zhou et al. 2016, section 2).

    Zhou's case: maps → global mean → one full connection. Lin et al.'s (2013, 3.2), which SqueezeNet took over: a 1×1
    convolution makes one map a class, and their means are the scores.
    """
    table, by_path = analyse(arch), arch.by_path
    path, weights = arch.output, None
    while path != "input":
        node = by_path[path]
        record, shape = node.record, table.by_path[path].output
        if len(node.inputs) == 1 and isinstance(record, Flatten | Dropout) and max(shape[1:], default=1) == 1:
            path = node.inputs[0]
        elif len(node.inputs) == 1 and weights is None and _is_linear(record):
            path, weights = node.inputs[0], path
        elif isinstance(record, AdaptiveAvgPool2d | AvgPool2d) and _is_global(table.by_path[path].inputs[0], record, shape):
            return Pooled(node.inputs[0], weights)
        else:
            return f"its scores come from {path} ({record.describe()}), not from a global mean of maps and one full connection"
    return "it has no maps"


def _is_linear(record: object) -> bool:
    one = isinstance(record, Conv2d) and record.groups == 1 and set(_pair(record.kernel)) == {1}
    return one or isinstance(record, Linear)


def _pair(value: object) -> tuple:
    return value if isinstance(value, tuple) else (value, value)


def _is_global(maps: tuple[int, ...], record: AdaptiveAvgPool2d | AvgPool2d, out: tuple[int, ...]) -> bool:
    """Whether every place of the maps counts the same in the one place that comes out."""
    if out[1:] != (1, 1):
        return False
    whole = isinstance(record, AvgPool2d) and _pair(record.kernel) == tuple(maps[1:]) and _pair(record.padding) == (0, 0)
    return whole or isinstance(record, AdaptiveAvgPool2d)


def cam_undefined(model: nn.Module) -> str | None:
    """Why there is no CAM of this network; None where there is."""
    if not isinstance(model, Model):
        return "CAM reads the architecture, which a module of others does not tell; grad-cam takes any layer of it"
    found = pooled_head(model.arch)
    if not isinstance(found, str):
        return None
    return found + ("; grad-cam, which needs no such head, is defined" if last_maps(model.arch) else "")


def cam(model: Model, x: Tensor, target: Target) -> Tensor:
    """Σₖ wₖ Aₖ for each class asked for, N×h×w, signed (Zhou et al. 2016, equation 2). Its mean and the bias: the score.

    Where the averaged maps are the classes' own (SqueezeNet, NIN), it is that map, and its mean is the score.
    """
    found = pooled_head(model.arch)
    if isinstance(found, str):
        raise UserError(f"{model.arch.name} has no CAM: {found}")
    if target.path is not None:
        raise UserError("CAM explains classes' scores, no inner units; grad-cam takes any unit")
    with undisturbed(model), torch.no_grad():
        maps = values_at(model, x, (found.maps,))[found.maps]
    if found.weights is None:
        return maps[torch.arange(len(maps), device=maps.device), target.channels.to(maps.device)]
    weight = model.get_submodule(found.weights).weight
    assert isinstance(weight, Tensor)
    chosen = weight.detach().flatten(1)[target.channels.to(weight.device)]
    return torch.einsum("nk,nkhw->nhw", chosen, maps)


def maps_and_slopes(model: nn.Module, x: Tensor, target: Target, layer: str | None) -> tuple[Tensor, Tensor]:
    """A layer's maps N×K×h×w and the gradient of each picture's unit with respect to them; what lies before is not followed."""
    layer = layer or cam_layer(model, target)
    with undisturbed(model), torch.enable_grad(), _cut_at(model, layer) as found:
        value = value_of(model, x.detach(), target)
        if len(found) != 1 or not value.requires_grad:
            why = f"is called {len(found)} times" if len(found) > 1 else "does not lead there"
            raise UserError(f"no map of '{layer}' explains {target.path or 'the scores'}: that layer {why}")
        (maps,) = found
        if maps.dim() != 4:
            raise UserError(f"'{layer}' gives {'×'.join(map(str, maps.shape[1:]))}, no maps to weigh")
        (slopes,) = torch.autograd.grad(value.sum(), maps)
    return maps.detach(), slopes


@contextmanager
def _cut_at(model: nn.Module, layer: str) -> Iterator[list[Tensor]]:
    """What the layer gives, as the beginning of the graph."""
    found: list[Tensor] = []

    def hook(module: nn.Module, inputs: object, out: Tensor) -> Tensor:
        found.append(out.detach().requires_grad_())
        return found[-1].clone()  # for what follows and may write into it

    handle = module_at(model, layer).register_forward_hook(hook)
    try:
        yield found
    finally:
        handle.remove()


def grad_cam(model: nn.Module, x: Tensor, target: Target, layer: str | None = None) -> Tensor:
    """ReLU(Σₖ αₖ Aₖ), αₖ the mean of ∂unit/∂Aₖ over places, N×h×w (Selvaraju et al. 2017, equations 1 and 2)."""
    maps, slopes = maps_and_slopes(model, x, target, layer)
    return torch.einsum("nk,nkhw->nhw", slopes.mean((2, 3)), maps).relu()


def grad_cam_plus_plus(model: nn.Module, x: Tensor, target: Target, layer: str | None = None) -> Tensor:
    """ReLU(Σₖ wₖ Aₖ), wₖ = Σ α ReLU(∂Y/∂Aₖ), α = g² / (2g² + Σ Aₖ g³), N×h×w (Chattopadhay et al. 2018, equation 19).

    Holds for Y = exp(S) of a score S whose own second derivatives are 0, as in ReLU networks: then Y's derivatives are
    exp(S) times powers of g = ∂S/∂A. The map is given without that common factor exp(S), which would overflow.
    """
    maps, slopes = maps_and_slopes(model, x, target, layer)
    square = slopes**2
    below = 2 * square + maps.sum((2, 3), keepdim=True) * square * slopes
    alpha = torch.where(below != 0, square / torch.where(below != 0, below, torch.ones_like(below)), torch.zeros_like(below))
    return torch.einsum("nk,nkhw->nhw", (alpha * slopes.relu()).sum((2, 3)), maps).relu()


def hirescam(model: nn.Module, x: Tensor, target: Target, layer: str | None = None) -> Tensor:
    """Σₖ ∂unit/∂Aₖ · Aₖ, place by place, N×h×w, signed (Draelos & Carin 2020)."""
    maps, slopes = maps_and_slopes(model, x, target, layer)
    return (slopes * maps).sum(1)


def layer_cam(model: nn.Module, x: Tensor, target: Target, layer: str | None = None) -> Tensor:
    """ReLU(Σₖ ReLU(∂unit/∂Aₖ) · Aₖ), place by place, N×h×w (Jiang et al. 2021)."""
    maps, slopes = maps_and_slopes(model, x, target, layer)
    return (slopes.relu() * maps).sum(1).relu()
