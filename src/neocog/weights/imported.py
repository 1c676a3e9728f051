"""What comes out of somebody else's files: a network, its weights, and the preprocessing they need."""

from dataclasses import dataclass

from torch import Tensor

from neocog.arch import Architecture
from neocog.pictures.preprocessing import Preprocessing


@dataclass(frozen=True, eq=False)
class Imported:
    """A network from outside, ready to be a run.

    values: tensors by our state_dict keys. net: the name of ours that it is, or one made from the file's. classes: as many
    as the network tells apart. notes: a line for each decision that the user should know of.
    """

    arch: Architecture
    values: dict[str, Tensor]
    preprocessing: Preprocessing
    net: str
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()
