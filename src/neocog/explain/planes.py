"""What a network's layers answer to one picture: their maps, as arrays."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from neocog.arch import Architecture, CCell, SCell, analyse
from neocog.errors import UserError, nearest
from neocog.nn import Model
from neocog.nn.model import feature_maps
from neocog.pictures.preprocessing import Preprocessing


@dataclass(frozen=True, eq=False)
class Planes:
    """The maps of one layer, C×H×W: `path` and what the layer is."""

    path: str
    layer: str
    maps: np.ndarray

    @property
    def silent(self) -> int:
        """How many of its maps answer nowhere."""
        return int((self.maps.reshape(len(self.maps), -1).max(1) <= 0).sum())


def record_of(model: Model) -> Preprocessing:
    """How the network gets its pictures."""
    if model.preprocessing is None:
        raise UserError(f"{model.arch.name}: these weights have no preprocessing record, so pictures mean nothing to them")
    return model.preprocessing


def pixels_of(model: Model, picture: Image.Image | np.ndarray) -> np.ndarray:
    """A picture, or its uint8 pixels H×W[×3], as the network's own record makes it: uint8 H×W×C."""
    return record_of(model).image(Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture)


def default_layers(arch: Architecture) -> tuple[str, ...]:
    """A Neocognitron's S- and C-layers; of another network, the last map of each size."""
    cells = tuple(node.path for node in arch.nodes if isinstance(node.record, SCell | CCell))
    return cells or feature_maps(arch)


def planes(model: Model, picture: Image.Image | np.ndarray, layers: Sequence[str] | None = None) -> tuple[Planes, ...]:
    """The maps of `layers` (paths; None: `default_layers`) for one picture.

    Raises UserError for a path that the network does not have, or whose output is no map.
    """
    table = analyse(model.arch)
    wanted = tuple(layers) if layers is not None else default_layers(model.arch)
    if not wanted:
        raise UserError(f"{model.arch.name} has no maps to show: its first layer sees the whole picture at once")
    for path in wanted:
        if path not in table.by_path:
            near = nearest(path, table.by_path)
            raise UserError(
                f"{model.arch.name} has no layer '{path}'" + (f": did you mean {' or '.join(near)}?" if near else "")
            )
        if path not in model.arch.main:
            raise UserError(f"{model.arch.name}: '{path}' belongs to an auxiliary head, which only training uses")
        if len(table.by_path[path].output) != 3:
            raise UserError(f"{model.arch.name}: '{path}' gives {table.by_path[path].output[0]} numbers, no maps to draw")
    x = torch.from_numpy(record_of(model).normalise(pixels_of(model, picture)[None]))
    found: dict[str, torch.Tensor] = {}

    def keep(path: str) -> Callable[[torch.nn.Module, object, torch.Tensor], None]:
        def hook(module: torch.nn.Module, inputs: object, out: torch.Tensor) -> None:
            found[path] = out[0]

        return hook

    hooks = [model.get_submodule(path).register_forward_hook(keep(path)) for path in wanted]
    was = model.training
    model.eval()
    try:
        with torch.inference_mode():
            model(x.to(next(model.parameters()).device))
    finally:
        model.train(was)
        for hook in hooks:
            hook.remove()
    return tuple(Planes(path, table.by_path[path].node.record.describe(), found[path].float().cpu().numpy()) for path in wanted)
