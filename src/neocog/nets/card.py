"""What stands beside an architecture: the paper, what it reached and how it was measured, and how it was trained."""

from dataclasses import dataclass, field

from neocog.nets.recipe import Recipe
from neocog.nets.result import Result as Result
from neocog.nets.result import percent as percent
from neocog.pictures.preprocessing import Preprocessing


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
