"""What stands beside an architecture: the paper, what it reached and how it was measured, and how it was trained."""

from dataclasses import dataclass, field

from neocog.nets.recipe import Recipe
from neocog.pictures.preprocessing import Preprocessing


@dataclass(frozen=True, slots=True)
class Result:
    """A published error rate in percent, with the protocol without which it means nothing. `nets`: how many together."""

    data: str
    protocol: str
    top1: float | None = None
    top5: float | None = None
    verified: bool = True  # False: from memory, not checked against a copy of the paper
    nets: int = 1


def percent(value: float) -> str:
    """An error as papers print it, with a decimal at least: 18.2 %, 8.0 %, 43.478 %."""
    words = f"{value:g}"
    return f"{words if '.' in words else words + '.0'} %"


@dataclass(frozen=True, slots=True)
class Card:
    """A network's card."""

    title: str
    paper: str
    authors: str
    venue: str
    year: int
    preprocessing: Preprocessing
    results: tuple[Result, ...] = ()
    paper_recipe: Recipe | None = None
    quick: Recipe = field(default_factory=Recipe)
    notes: tuple[str, ...] = ()
    deviations: tuple[str, ...] = ()  # what other implementations of this name do differently
    same_as: tuple[str, ...] = ()  # names of the same network in other toolkits: "tv:resnet18"
