"""The batches of a training: which pictures, how varied, in what form. All of it a function of the seed and the step."""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from neocog.errors import UserError
from neocog.nets import Recipe
from neocog.pictures.augment.draws import Draws, generator
from neocog.pictures.augment.policy import policy
from neocog.pictures.sets import Blocks
from neocog.pictures.store import Store
from neocog.train.mixing import mix
from neocog.train.together.world import ALONE, World

AHEAD = 2  # batches that are made while the network computes


class Batch(NamedTuple):
    """x: N×C×H×W normalised; y: labels, int64 N or, where pictures are mixed, shares N×classes; total: N over all processes."""

    x: Tensor
    y: Tensor
    total: int

    def part(self, pieces: int) -> "Batch":
        """The first of so many pieces, by itself."""
        x, y = self.x.tensor_split(pieces)[0], self.y.tensor_split(pieces)[0]
        return Batch(x, y, len(y))


def shuffled(indices: np.ndarray, dice: np.random.Generator, blocks: Blocks | None = None) -> np.ndarray:
    """`indices` in random order. Where pictures come in blocks: the blocks in random order, and the pictures of as many as may
    be held together, mixed; so that an epoch fetches each block once."""
    if blocks is None:
        return dice.permutation(indices)
    every, of = np.unique(blocks.of[indices], return_inverse=True)
    turn = dice.permutation(len(every))[of]
    return indices[np.lexsort((dice.permutation(len(indices)), turn // blocks.window))]


class Batches:
    """Shuffled batches of the training pictures: which, by seed and step alone."""

    def __init__(self, store: Store, recipe: Recipe, seed: int, where: torch.device, world: World = ALONE):
        self.store, self.recipe, self.seed, self.where, self.world = store, recipe, seed, where, world
        self.policy = policy(recipe.augment, store.preprocessing)
        self.indices = store.good
        if len(self.indices) == 0:
            raise UserError("none of the training pictures can be read")
        self.size = min(recipe.batch, len(self.indices))
        self.per_epoch = max(1, len(self.indices) // self.size)
        self._order: tuple[int, np.ndarray] = (-1, self.indices)
        self._next: tuple[int, np.ndarray] | None = None  # how the epoch after it begins, of pictures from afar

    def order(self, epoch: int) -> np.ndarray:
        """The pictures in the order of this epoch."""
        known = self._order  # one look: a thread that makes batches ahead may be in the next epoch already
        if known[0] != epoch:
            self._order = known = (epoch, shuffled(self.indices, generator(self.seed, 1, epoch), self.store.pictures.blocks))
        return known[1]

    def _soon(self, epoch: int, at: int) -> None:
        """What comes from afar is sent for, into the next epoch."""
        blocks, order = self.store.pictures.blocks, self.order(epoch)
        if blocks is None:
            return
        if at + blocks.reach > len(order):
            if self._next is None or self._next[0] != epoch + 1:
                self._next = (epoch + 1, shuffled(self.indices, generator(self.seed, 1, epoch + 1), blocks)[: blocks.reach])
            order = np.concatenate([order, self._next[1]])
        self.store.soon(order, at)

    def some(self, count: int, *key: int) -> Batch:
        """`count` pictures as they are, or all there are, chosen by seed and `key`: the same in every process."""
        count, blocks = min(count, len(self.indices)), self.store.pictures.blocks
        among = self.indices if blocks is None else self.order(0)[: max(count, blocks.reach)]
        chosen = np.sort(generator(self.seed, *key).choice(among, count, replace=False))
        self.store.soon(chosen, 0)
        pixels, kept = self.store.get(chosen)
        x, y = self._tensors(pixels, kept)
        return Batch(x, y, len(y))

    def get(self, step: int) -> Batch:
        """This process's part of the batch of one step, augmented and normalised."""
        epoch, place = divmod(step, self.per_epoch)
        positions = self.world.share(self.size)
        order = self.order(epoch)
        self._soon(epoch, place * self.size)
        wanted = order[place * self.size + positions]
        pixels, kept = self.store.get(wanted, self.policy.geometry, (self.seed, 4, step), positions)
        at = positions if len(kept) == len(wanted) else positions[np.isin(wanted, kept)]
        draws = Draws(generator(self.seed, 2, step), self.size, at, epoch, kept, self.seed)
        for vary in self.policy.pixels if len(pixels) else ():
            pixels = vary(pixels, draws)
        x, y = self._tensors(pixels, kept)
        if self.policy.mixing:
            x, y = mix(x, y, self.policy.mixing, len(self.store.pictures.classes), generator(self.seed, 5, step))
        return Batch(x, y, self.size)

    def _tensors(self, pixels: np.ndarray, kept: np.ndarray) -> tuple[Tensor, Tensor]:
        x = torch.from_numpy(self.store.preprocessing.normalise(pixels)).to(self.where)
        y = torch.from_numpy(self.store.pictures.labels[kept]).to(self.where)
        return x.contiguous(memory_format=torch.channels_last), y


class Ahead:
    """The batches of consecutive steps, made by a thread while the network computes. Use as a context manager."""

    def __init__(self, batches: Batches, steps: int, depth: int = AHEAD):
        self.batches, self.steps, self.depth = batches, steps, depth
        self._waiting: dict[int, Future[Batch]] = {}

    def __enter__(self) -> "Ahead":
        self._thread = ThreadPoolExecutor(1, "batches")
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True, cancel_futures=True)

    def get(self, step: int) -> Batch:
        """As `Batches.get`; the next ones are begun."""
        for soon in range(step, min(step + self.depth + 1, self.steps)):
            if soon not in self._waiting:
                self._waiting[soon] = self._thread.submit(self.batches.get, soon)
        return self._waiting.pop(step).result()
