"""What a user asks of a training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MAX_BAD = 0.05  # the share of pictures that may be unreadable
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Wishes:
    """What the user asked for; None leaves it to the card, the data or the machine."""

    net: str | None = None
    recipe: str = "quick"
    epochs: float | None = None
    steps: int | None = None
    budget: float | None = None  # seconds
    seed: int = 0
    side: int | None = None
    device: str = "auto"
    precision: str = "auto"
    weights: str | None = None  # a run, a weight file or "pretrained": where the start comes from
    compile: bool = False
    checkpointing: bool = False
    pieces: int | None = None  # a batch is computed in so many parts
    mend: bool = False  # begin again with another start or rate where nothing is learned
    snapshots: int = 0  # how many weights to keep on the way
    max_bad: float = MAX_BAD
    workers: int = 0  # processes that decode pictures; 0: threads
    alone: bool = True  # in one process: a linear head on frozen features is not shared out
    changes: tuple[tuple[str, Any], ...] = ()  # fields of the recipe: (("lr", 0.05), …)
