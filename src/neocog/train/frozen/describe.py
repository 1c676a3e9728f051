"""What a network without learned layers says of pictures: rows of numbers for a classifier that is solved for."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from neocog.arch import analyse
from neocog.nn import Model
from neocog.pictures.store import Store

ROOM = 16_000_000  # numbers that the layers' outputs of one batch may be together
OnBatch = Callable[[int], None]


def batch_of(model: Model) -> int:
    """How many pictures are described at a time: fixed for a network, so that no description depends on its neighbours."""
    return min(256, max(1, ROOM // analyse(model.arch).activations))


def batches(model: Model, store: Store, at: np.ndarray) -> Iterator[tuple[Tensor, np.ndarray]]:
    """The pictures at these places as the network reads them, N×C×H×W, and the places of those that can be read."""
    size, where = batch_of(model), next(model.parameters()).device
    for start in range(0, len(at), size):
        pixels, kept = store.get(at[start : start + size])
        if len(kept):
            yield torch.from_numpy(store.preprocessing.normalise(pixels)).to(where), kept


def sample(labels: np.ndarray, most: int) -> np.ndarray:
    """Up to `most` of the pictures, of every class its share: sorted positions."""
    order = np.argsort(labels, kind="stable")
    return np.sort(order[np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).astype(int))])


@torch.inference_mode()
def describe(model: Model, store: Store, at: np.ndarray, on_batch: OnBatch | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(float32 N×F, what the head reads of each picture; their places). on_batch(pictures done) may raise."""
    rows: np.ndarray | None = None
    places: list[np.ndarray] = []
    done = 0
    for x, kept in batches(model, store, at):
        made = model.forward_head(model.forward_features(x), pre_logits=True).float().cpu().numpy()
        if rows is None:
            rows = np.empty((len(at), made.shape[1]), np.float32)
        rows[done : done + len(made)] = made
        places.append(kept)
        done += len(made)
        if on_batch is not None:
            on_batch(done)
    if rows is None:
        return np.empty((0, 0), np.float32), np.empty(0, np.int64)
    return rows[:done], np.concatenate(places)
