"""What stands beside an architecture: the paper, what it reached and how it was measured, and how it was trained."""

import math
from dataclasses import dataclass, field, fields
from typing import Any

from neocog.errors import UserError
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


LEARNERS = ("sgd", "perceptron", "neocognitron", "neocognitron-taught")
LOSSES = ("cross_entropy", "hinge", "mle", "map")
SCHEDULES = ("onecycle", "step", "constant")
AUGMENTATIONS = ("flip", "crop", "shift")
RANGES = (("lr", 0.0, math.inf), ("momentum", 0.0, 1.0), ("weight_decay", 0.0, math.inf), ("label_smoothing", 0.0, 1.0),
          ("competition", 0.0, math.inf), ("warmup", 0.0, 1.0), ("gamma", 0.0, math.inf), ("batch", 1, math.inf),
          ("epochs", 0.0, math.inf))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """How a network is trained, as a value: everything but the data, the seed and the length.

    schedule "onecycle": linear from lr/25 to lr over the first `warmup` of the steps, then linear to 0;
    "step": `lr` times `gamma` for each of `milestones` (fractions of all steps) passed, after a linear `warmup`;
    "constant". loss: "cross_entropy" (with `label_smoothing`), "hinge" (a multi-class SVM, Weston & Watkins 1999), "mle" or
    "map" (LeNet-5's eqs. 8 and 9; `competition` is j).
    augment: of "flip" (mirrored at random), "crop" (padded by an eighth and cropped back at random), "shift" (a sixteenth).
    """

    name: str = "quick"
    learner: str = "sgd"  # or "perceptron", "neocognitron", "neocognitron-taught" (a teacher picks the last layer's winners)
    loss: str = "cross_entropy"
    label_smoothing: float = 0.0
    competition: float = 10.0
    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = False
    weight_decay: float = 5e-4
    schedule: str = "onecycle"
    warmup: float = 0.2
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1
    batch: int = 128
    epochs: float = 10.0
    augment: tuple[str, ...] = ("flip", "crop")

    def __post_init__(self) -> None:
        for name, low, high in RANGES:
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value and (value < high or high == math.inf)):
                limit = f"from {low:g} up" + (f" to, not including, {high:g}" if high < math.inf else "")
                raise UserError(f"recipe: {name} goes {limit}, not {value:g}")
        for name in ("lr", "epochs"):
            if not getattr(self, name) > 0:
                raise UserError(f"recipe: {name} is above 0, not {getattr(self, name):g}")
        for name, known in (("learner", LEARNERS), ("loss", LOSSES), ("schedule", SCHEDULES)):
            if getattr(self, name) not in known:
                raise UserError(f"recipe: unknown {name} '{getattr(self, name)}'; there are {', '.join(known)}")
        for name in self.augment:
            if name not in AUGMENTATIONS:
                raise UserError(f"recipe: unknown augmentation '{name}'; there are {', '.join(AUGMENTATIONS)}")

    def to_json(self) -> dict[str, Any]:
        """A plain object, for the run's configuration."""
        return {f.name: list(v) if isinstance(v := getattr(self, f.name), tuple) else v for f in fields(self)}

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Recipe":
        """The inverse of `to_json`."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        try:
            return Recipe(**values)
        except TypeError as error:
            raise UserError(f"recipe: {error}") from None


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
