"""What is explained: for each picture of a batch one unit, a class's score or a place of a map; and the words that name it."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from neocog.arch import Architecture, analyse
from neocog.errors import UserError, nearest
from neocog.explain.inside import values_at
from neocog.nn import Model

MOST_NAMED = 12  # things that an error lists


@dataclass(frozen=True, eq=False)
class Target:
    """One unit for each of N pictures.

    path: its layer; None for the network's scores. channels: N numbers, its map, feature or class. places: N×2 rows and
    columns; None where the layer gives no maps, or for the place where the map answers most.
    """

    path: str | None
    channels: Tensor
    places: Tensor | None = None

    def __len__(self) -> int:
        return len(self.channels)

    def part(self, start: int, stop: int) -> "Target":
        """The same of a stretch of the pictures."""
        return Target(self.path, self.channels[start:stop], None if self.places is None else self.places[start:stop])

    def repeated(self, times: int) -> "Target":
        """Each picture's unit `times` times in a row."""
        places = None if self.places is None else self.places.repeat_interleave(times, 0)
        return Target(self.path, self.channels.repeat_interleave(times), places)

    def of(self, out: Tensor) -> Tensor:
        """The units' values, N, from their layer's output N×C[×H×W]."""
        row = torch.arange(len(out), device=out.device)
        chosen = out[row, self.channels.to(out.device)]
        if chosen.dim() == 1:
            return chosen
        if self.places is None:
            return chosen.flatten(1).amax(1) if not out.requires_grad else chosen.flatten(1).gather(1, strongest(chosen))[:, 0]
        places = self.places.to(out.device)
        return chosen[row, places[:, 0], places[:, 1]]


def strongest(maps: Tensor) -> Tensor:
    """Where each of N×H×W maps answers most, the first of equals, as N×1 numbers into the flattened map."""
    return maps.detach().flatten(1).argmax(1, keepdim=True)


def classes(numbers: Sequence[int] | Tensor) -> Target:
    """A class's score for each picture."""
    return Target(None, torch.as_tensor(numbers, dtype=torch.long))


def answers(model: nn.Module, x: Tensor) -> Tensor:
    """The network's scores N×classes, without auxiliary heads; a classifier that gives a map of scores has its mean taken."""
    out = model(x)
    assert isinstance(out, Tensor)
    return out.flatten(2).mean(2) if out.dim() > 2 else out


def value_of(model: nn.Module, x: Tensor, target: Target) -> Tensor:
    """The target's values, N, with their graph where gradients are on."""
    if target.path is None:
        return target.of(answers(model, x))
    return target.of(values_at(model, x, (target.path,))[target.path])


def layer_named(model: Model | Architecture, words: str, maps: bool = False) -> str:
    """The path that `words` says; a block's stands for its last layer.

    Raises UserError, with what exists, for one that the network does not have, that belongs to an auxiliary head or, where
    `maps` are wanted, gives none.
    """
    arch = model if isinstance(model, Architecture) else model.arch
    table = analyse(arch)
    usable = [row.path for row in table.rows if row.path in arch.main and (not maps or len(row.output) == 3)]
    if words in usable:
        return words
    if not usable:
        raise UserError(f"{arch.name} has no maps: its first layer sees the whole picture at once")
    block = [path for path in usable if path.startswith(words + ".")]
    if block:
        return block[-1]
    name = short(arch.name)
    if words not in table.by_path:
        near = nearest(words, usable)
        more = f"did you mean {' or '.join(near)}?" if near else f"it has {listed(usable)}"
        raise UserError(f"{name} has no layer '{words}': {more}")
    if words not in arch.main:
        raise UserError(f"{name}: '{words}' belongs to an auxiliary head, which only training uses")
    raise UserError(f"{name}: '{words}' gives {table.by_path[words].output[0]} numbers, no maps; maps have {listed(usable)}")


def class_named(names: Sequence[str], words: str) -> int:
    """The number of the class that `words` names, or numbers. Raises UserError with the nearest names, or all of few."""
    if words in names:
        return list(names).index(words)
    if words.isdecimal() and int(words) < len(names):
        return int(words)
    alike = [i for i, name in enumerate(names) if words.lower() == name.lower() or words.lower() in name.lower().split(", ")]
    if len(alike) == 1:
        return alike[0]
    near = nearest(words, names)
    more = f"did you mean {' or '.join(near)}?" if near else f"it knows {listed(list(names))}"
    raise UserError(f"no class '{words}': {more}")


def map_numbered(model: Model | Architecture, path: str, number: int) -> int:
    """A map's or feature's number in its layer. Raises UserError for one that the layer does not have."""
    arch = model if isinstance(model, Architecture) else model.arch
    count = analyse(arch).by_path[path].output[0]
    if not 0 <= number < count:
        raise UserError(f"{arch.name}: '{path}' has {count} maps, numbered 0 to {count - 1}; there is no {number}")
    return number


def place_in(model: Model, path: str, place: tuple[int, int]) -> tuple[int, int]:
    """A row and column of a layer's maps. Raises UserError for a place outside, or in a layer without maps."""
    shape = analyse(model.arch).by_path[path].output
    if len(shape) != 3:
        raise UserError(f"{short(model.arch.name)}: '{path}' gives {shape[0]} numbers, which have no places")
    if not (0 <= place[0] < shape[1] and 0 <= place[1] < shape[2]):
        last, here = f"{shape[1] - 1},{shape[2] - 1}", f"{place[0]},{place[1]}"
        raise UserError(f"{short(model.arch.name)}: '{path}' has places 0,0 to {last}; there is no {here}")
    return place


def short(name: str, most: int = 40) -> str:
    """A network's name in a sentence: a line of text, which is a name too, would hide what is said."""
    return name if len(name) <= most else name[: most - 1].rstrip() + "…"


def listed(names: Sequence[str]) -> str:
    """All of a few names, the first and last of many."""
    if len(names) <= MOST_NAMED:
        return ", ".join(names)
    half = MOST_NAMED // 2
    return f"{', '.join(names[:half])} … {', '.join(names[-half:])}"
