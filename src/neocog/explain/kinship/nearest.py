"""The nearest pictures in a network's own eyes, by what its classifier reads (Krizhevsky et al. 2012, figure 4 right)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neocog.explain.feeding import Batch
from neocog.explain.inside import undisturbed, values_at
from neocog.explain.targets import layer_named
from neocog.nn import Model
from neocog.nn.model import feature_cut

DISTANCES = ("euclidean", "cosine")


@dataclass(frozen=True, eq=False)
class Nearest:
    """Of Q pictures the k nearest, nearest first, of n: `indices` in their split, `labels` and `distances`, each Q×k.

    path: the layer whose features were compared. distance: "euclidean", or "cosine", 1 − the cosine of the angle.
    """

    path: str
    distance: str
    indices: np.ndarray
    labels: np.ndarray
    distances: np.ndarray
    n: int

    def agreement(self, classes: np.ndarray) -> np.ndarray:
        """Q: the part of each picture's neighbours that are of its class in `classes`, its label or the network's answer."""
        return (self.labels == np.asarray(classes)[:, None]).mean(1)


def feature_layer(model: Model, words: str | None = None) -> str:
    """The layer that `words` names, else what the classifier reads. Raises UserError for one that is not there."""
    if words is not None:
        return layer_named(model, words)
    return model.arch.head.inputs[0] if model.arch.head is not None else feature_cut(model.arch)


def features_of(model: Model, x: Tensor, path: str) -> Tensor:
    """N×F: the layer's features of x N×C×H×W, maps averaged over their places. Called within `undisturbed`."""
    return pooled(values_at(model, x, (path,))[path])


def pooled(values: Tensor) -> Tensor:
    """N×F features as they are; N×C×H×W maps, which a classifier behind global pooling reads, by their means."""
    return (values.flatten(2).mean(2) if values.dim() > 2 else values).float()


def nearest_pictures(
    model: Model,
    asked: Tensor,
    batches: Iterable[Batch],
    k: int = 6,
    layer: str | None = None,
    distance: str = "euclidean",
    beside: np.ndarray | None = None,
    begun: Mapping[str, np.ndarray] | None = None,
    keep: Callable[[Mapping[str, np.ndarray]], None] | None = None,
) -> Nearest:
    """Of each of `asked`, Q×C×H×W, the k nearest of the batches' pictures, in one pass that keeps k of each.

    beside: Q, the number of the picture itself, which does not count; -1 where it is not among them. Of equally near ones the
    first of the order of the batches is taken first. begun: what an earlier pass over other pictures kept; `keep` is given that
    after every batch.
    """
    path = feature_layer(model, layer)
    itself = np.full(len(asked), -1) if beside is None else np.asarray(beside)
    if begun is None:
        none = np.empty((len(asked), 0), np.int64)
        begun = {"best": np.empty((len(asked), 0)), "who": none, "labels": none, "n": np.array(0)}
    best, who, labels, n = (begun[name] for name in ("best", "who", "labels", "n"))
    n = int(n)
    with undisturbed(model), torch.inference_mode():
        own = features_of(model, asked, path)
        for batch in batches:
            far = _distances(own, features_of(model, batch.x, path), distance).double().cpu().numpy()
            far[itself[:, None] == batch.indices[None]] = np.inf
            best = np.concatenate([best, far], 1)
            who = np.concatenate([who, np.broadcast_to(batch.indices, far.shape)], 1)
            labels = np.concatenate([labels, np.broadcast_to(batch.labels.cpu().numpy(), far.shape)], 1)
            order = np.argsort(best, 1, kind="stable")[:, :k]
            best, who, labels = (np.take_along_axis(values, order, 1) for values in (best, who, labels))
            n += len(batch.x)
            if keep is not None:
                keep({"best": best, "who": who, "labels": labels, "n": np.array(n), "end": np.array(batch.end)})
    few = n - bool((itself >= 0).any())  # others that there are for each
    return Nearest(path, distance, who[:, :few], labels[:, :few], best[:, :few], n)


def _distances(a: Tensor, b: Tensor, distance: str) -> Tensor:
    """Q×N. By differences: |a|² + |b|² − 2ab would round away what tells near ones apart."""
    if distance == "cosine":
        a, b = (v / torch.linalg.vector_norm(v, dim=1, keepdim=True).clamp_min(1e-30) for v in (a, b))
        return 1 - a @ b.T
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
