"""A network's weights for elsewhere: ours or another toolkit's keys, with all that is needed to use them again."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from neocog.arch import Architecture
from neocog.arch.rewrite import tensors
from neocog.errors import UserError
from neocog.nets import resolve
from neocog.pictures.preprocessing import Preprocessing
from neocog.weights.converters import dialect_for, export_as


@dataclass(frozen=True, eq=False)
class Exported:
    """Tensors by the keys of `metadata["keys"]` ("neocog", "torchvision", "timm"), and what the file's header says."""

    values: dict[str, Tensor]
    metadata: dict[str, Any]


def exported(
    model: nn.Module, preprocessing: Preprocessing, classes: Sequence[str], net: str, party: str = "neocog"
) -> Exported:
    """The weights of a Module of ours as `party` keeps them. Raises UserError where it has no such network."""
    arch: Architecture = model.arch  # type: ignore[assignment]
    values = model.state_dict()
    if party != "neocog":
        _check_unchanged(arch, net, party)
        values = export_as(values, arch.renamed(net), dialect_for(net, party))
    meta = {
        "net": net,
        "keys": party,
        "arch": arch.to_json(),
        "classes": list(classes),
        "preprocessing": preprocessing.to_json(),
    }
    return Exported(dict(values), meta)


def _check_unchanged(arch: Architecture, net: str, party: str) -> None:
    """Raises UserError for a network whose layers were rewritten: the other toolkit's code would not build it."""
    axes = {key: len(param.shape) for key, param in tensors(resolve(net).build()).items()}
    other = next((key for key, param in tensors(arch).items() if axes.get(key) != len(param.shape)), None)
    if other is not None:
        raise UserError(f"{net} was rewritten: its {other} is none of {party}'s {net}; export it with neocog's own keys")
