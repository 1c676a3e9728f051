"""How a training sees the processes that share it: which pictures of a batch are its own, and sums over all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neocog.nets import Recipe
from neocog.nn import Model


@dataclass(frozen=True)
class World:
    """One process of `size`, the `rank`-th. This one is alone; `train.distributed` has the one that talks to others."""

    rank: int = 0
    size: int = 1
    device: torch.device | None = None  # that this process was given; None: it may choose
    shard: bool = False  # weights, gradients and the optimiser's memory are divided among the processes

    @property
    def main(self) -> bool:
        """Whether this process writes the run folder and talks to people."""
        return self.rank == 0

    def share(self, n: int) -> np.ndarray:
        """Positions, of a batch of n, that this process computes: int64, contiguous; shares differ by one at most."""
        return np.arange(self.rank * n // self.size, (self.rank + 1) * n // self.size)

    def wrap(self, model: nn.Module) -> nn.Module:
        """What to call for a training step, so that gradients are those of all processes together."""
        return model

    def sums(self, *values: Tensor) -> list[Tensor]:
        """Each value summed over all processes."""
        return list(values)

    def gather(self, array: np.ndarray) -> np.ndarray:
        """The rows of all processes, in order of rank; no row twice."""
        return array

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process."""
        return flag

    def wait(self) -> None:
        """Until all are here."""

    def say(self, words: Any = None) -> Any:
        """What the main process says (anything that JSON holds), in all of them."""
        return words

    def collect(self, words: Sequence[Any]) -> list[Any]:
        """What all processes have to say, in order of rank."""
        return list(words)

    def spread(self, values: Mapping[str, Tensor] | None) -> Mapping[str, Tensor]:
        """The main process's tensors, in all of them: the others need not see its disk."""
        return values or {}

    def whole(self, values: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The tensors, put together where they are divided among processes. Every process must call it."""
        return values

    def divided(self, value: Tensor, like: Tensor) -> Tensor:
        """This process's part of a whole tensor, where tensors like this are divided."""
        return value

    def plain(self, model: Model) -> Model:
        """The model to judge with, weights whole. Every process must call it."""
        return model

    def check(self, recipe: Recipe) -> None:
        """Raises UserError for a recipe that these processes cannot follow."""

    def in_step(self, flag: bool) -> bool:
        """The main process's answer where all must act on it together, else one's own."""
        return flag

    def same(self, what: str, mark: str) -> None:
        """Raises UserError where a process holds another `what`, known by its mark, than the main one."""


ALONE = World()


def total(world: World, value: float) -> float:
    """A number summed over all processes."""
    return float(world.sums(torch.tensor(float(value), dtype=torch.float64))[0])
