"""What the first full connection looks for: its weights, laid out as pictures."""

from dataclasses import dataclass

import numpy as np

from neocog.arch import Architecture, Flatten, Linear
from neocog.errors import UserError
from neocog.nn import Model


@dataclass(frozen=True, eq=False)
class Templates:
    """The weights of a full connection on pixels: `maps` out × C×H×W (C in RGB), `names` of its outputs, `path` of the
    layer.

    Where pixels are bright and weights positive, the output rises; the bias is not in the picture.
    """

    path: str
    names: tuple[str, ...]
    maps: np.ndarray

    @property
    def scale(self) -> float:
        """The largest weight, by size: one scale for all templates, so that they can be compared."""
        return float(np.abs(self.maps).max())


def first_connection(arch: Architecture) -> str | None:
    """The path of a Linear that reads the pixels themselves; None where maps or units lie between."""
    for node in arch.nodes:
        (source, *more) = node.inputs
        if isinstance(node.record, Linear) and not more:
            flat = arch.by_path.get(source)
            if flat is not None and isinstance(flat.record, Flatten) and flat.inputs == ("input",):
                return node.path
    return None


def templates(model: Model) -> Templates:
    """One picture for each output of the connection that reads the pixels.

    These are classes for the perceptron and the linear classifier, hidden units for a multi-layer perceptron.
    Raises UserError for a network without such a connection.
    """
    path = first_connection(model.arch)
    if path is None:
        raise UserError(
            f"{model.arch.name}: no full connection reads its pixels, so it has no templates; "
            "perceptron, linear and mlp have, and --method planes draws what maps answer"
        )
    weight = model.get_submodule(path).weight
    maps = weight.detach().float().cpu().numpy().reshape(-1, *model.arch.input)  # type: ignore[union-attr, operator]
    if model.preprocessing is not None and model.preprocessing.color == "BGR":
        maps = maps[:, ::-1]
    is_head = model.arch.head is not None and model.arch.head.path == path
    if is_head and model.classes is not None and len(model.classes) == len(maps):
        return Templates(path, model.classes, maps)
    return Templates(path, tuple(f"{'class' if is_head else 'unit'} {i}" for i in range(len(maps))), maps)
