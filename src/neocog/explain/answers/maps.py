"""What a network's layers answer to one picture: their maps, as arrays."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from neocog.arch import Architecture, CCell, SCell
from neocog.errors import UserError
from neocog.explain.inside import input_of, pixels_of, undisturbed, values_at
from neocog.explain.targets import layer_named
from neocog.nn import Model
from neocog.nn.model import feature_maps


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


def default_layers(arch: Architecture) -> tuple[str, ...]:
    """A Neocognitron's S- and C-layers; of another network, the last map of each size."""
    cells = tuple(node.path for node in arch.nodes if isinstance(node.record, SCell | CCell))
    return cells or feature_maps(arch)


def planes(model: Model, picture: Image.Image | np.ndarray, layers: Sequence[str] | None = None) -> tuple[Planes, ...]:
    """The maps of `layers` (paths; None: `default_layers`) for one picture.

    Raises UserError for a path that the network does not have, or whose output is no map.
    """
    wanted = tuple(layers) if layers is not None else default_layers(model.arch)
    if not wanted:
        raise UserError(f"{model.arch.name} has no maps to show: its first layer sees the whole picture at once")
    paths = [layer_named(model, path, maps=True) for path in wanted]
    with undisturbed(model), torch.inference_mode():
        found = values_at(model, input_of(model, pixels_of(model, picture)), paths)
    records = model.arch.by_path
    return tuple(Planes(path, records[path].record.describe(), found[path][0].float().cpu().numpy()) for path in paths)
