"""Weights, answers and gradients of every layer as histograms, at one moment of a training or at several."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from neocog.errors import UserError
from neocog.explain.anatomy.counting import Counter, Counts
from neocog.explain.anatomy.flow import Loss, weight_layers, weight_of
from neocog.explain.feeding import Batch, batch_statistics
from neocog.explain.inside import undisturbed, values_at
from neocog.explain.targets import listed
from neocog.nn import Model

KINDS = ("weights", "outputs", "gradients")


@dataclass(frozen=True, eq=False)
class Moment:
    """A network at one moment: of each of its layers with weights the `KINDS` of its numbers. n: pictures.

    outputs: before normalisation and non-linearity. gradients: of the mean loss of each batch with respect to the weights.
    """

    name: str
    paths: tuple[str, ...]
    counts: dict[str, tuple[Counts, ...]]
    n: int


def moment(
    model: Model, batches: Iterable[Batch], name: str = "", layers: Sequence[str] | None = None,
    loss: Loss = F.cross_entropy,
) -> Moment:  # fmt: skip
    """Of batches (x N×C×H×W, labels N); BN by the batch's statistics, as in training, dropout off."""
    trained = weight_layers(model)
    paths = trained if layers is None else tuple(layers)
    if odd := [path for path in paths if path not in trained]:
        raise UserError(
            f"{model.arch.name}: '{odd[0]}' has no weights that a gradient trains; those that have: {listed(trained)}"
        )
    weights = [weight_of(model, path) for path in paths]
    counters = {kind: [Counter() for _ in paths] for kind in KINDS}
    for counter, weight in zip(counters["weights"], weights, strict=True):
        counter.add(weight)
    keep, n = tuple(dict.fromkeys((*paths, model.arch.output))), 0
    with undisturbed(model), torch.enable_grad():
        for weight in weights:
            weight.requires_grad_(True)
        for x, labels, *_ in batches:
            with batch_statistics(model):
                values = values_at(model, x, keep)
            scores = values[model.arch.output]
            scores = scores.flatten(2).mean(2) if scores.dim() > 2 else scores
            found = torch.autograd.grad(loss(scores, labels), weights, allow_unused=True)
            for i, path in enumerate(paths):
                counters["outputs"][i].add(values[path])
                gradient = found[i]
                counters["gradients"][i].add(torch.zeros_like(weights[i]) if gradient is None else gradient)
            n += len(x)
    if not n:
        raise UserError("no pictures to answer to")
    return Moment(name, paths, {kind: tuple(c.found for c in counters[kind]) for kind in KINDS}, n)


def together(moments: Sequence[Moment], kind: str, layer: int) -> tuple[np.ndarray, float]:
    """One layer's counts of one kind over time, moments×bins, all over the same range, and that range's top."""
    each = [one.counts[kind][layer] for one in moments]
    top = max(one.top for one in each)
    return np.stack([one.to(top).counts for one in each]), top
