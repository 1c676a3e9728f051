"""How large the layers' answers are: He et al. 2015 (figure 7), residual branches beside what they are added to, highway gates.

Deviations are over all numbers of a layer: pictures, maps and places.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neocog.arch import Architecture, BatchNorm2d, analyse
from neocog.arch.depth import depths, weighted
from neocog.errors import UserError
from neocog.explain.anatomy.joins import between, gates, joins
from neocog.explain.feeding import Batch, batch_statistics
from neocog.explain.inside import undisturbed, values_at
from neocog.nn import Model


@dataclass(frozen=True, eq=False)
class Responses:
    """Of L layers with weights, in order: `paths` of what answers (the layer, or the BN behind it), `depths`, mean and std.

    blocks: K joins of shortcuts; ratios: K×2, mean and deviation over the pictures of ‖F‖/‖x‖, the norm of the branch over
    that of the shortcut. gates: of G gates their units' mean opening T, each a vector; gate_paths their layers.
    n: pictures; statistics: what BN normalised by.
    """

    net: str
    paths: tuple[str, ...]
    depths: tuple[int, ...]
    mean: np.ndarray
    std: np.ndarray
    blocks: tuple[str, ...]
    block_depths: tuple[int, ...]
    ratios: np.ndarray
    gate_paths: tuple[str, ...]
    gates: tuple[np.ndarray, ...]
    n: int
    statistics: str


class Moments:
    """Mean and variance of K streams of numbers, merged batch by batch (Chan, Golub & LeVeque 1983): no large sums."""

    def __init__(self, count: int):
        self.n, self.mean, self.squares = np.zeros(count), np.zeros(count), np.zeros(count)

    def add(self, i: int, values: Tensor) -> None:
        """More numbers of stream i."""
        self.rows(values.reshape(1, -1), slice(i, i + 1))

    def rows(self, values: Tensor, which: slice = slice(None)) -> None:
        """More numbers of several streams, K×M."""
        values, n = values.detach().double(), values.shape[1]
        mean = values.mean(1)
        squares = (values - mean[:, None]).square().sum(1).cpu().numpy()
        apart, total = mean.cpu().numpy() - self.mean[which], self.n[which] + n
        self.squares[which] += squares + apart**2 * self.n[which] * n / total
        self.mean[which] += apart * n / total
        self.n[which] = total

    @property
    def std(self) -> np.ndarray:
        """Of all numbers of each stream."""
        return np.sqrt(self.squares / np.maximum(self.n, 1))


def answering(arch: Architecture) -> tuple[str, ...]:
    """Where the layers with weights answer: behind their BN, before non-linearity and addition. Without the classifier, and
    without the layers of shortcuts, whose answers are added to."""
    beside = {name for join in joins(arch) for name in between(arch, join.shortcut, join.entrance)}
    readers: dict[str, list[str]] = {}
    for node in arch.nodes:
        for name in node.inputs:
            readers.setdefault(name, []).append(node.path)
    found = []
    for node in arch.nodes:
        if node.path not in arch.main or not weighted(node.record) or node.path in beside or node == arch.head:
            continue
        behind = readers.get(node.path, [])
        normed = len(behind) == 1 and isinstance(arch.by_path[behind[0]].record, BatchNorm2d)
        found.append(behind[0] if normed else node.path)
    return tuple(found)


def layer_responses(model: Model, batches: Iterable[Batch], statistics: str = "running") -> Responses:
    """Of batches (x N×C×H×W, …). Raises UserError for a network without such layers, and for no pictures."""
    arch, deep = model.arch, depths(model.arch)
    paths, blocks, opened = answering(arch), joins(arch), gates(arch)
    if not paths:
        raise UserError(f"{arch.name} has no layers with weights before its classifier")
    keep = tuple(dict.fromkeys((*paths, *(p for j in blocks for p in (j.branch, j.shortcut)), *opened)))
    answers, ratios, n = Moments(len(paths)), Moments(len(blocks)), 0
    sums = [np.zeros(analyse(arch).by_path[path].output[0]) for path in opened]
    with undisturbed(model), torch.inference_mode():
        for x, *_ in batches:
            if statistics == "batch":
                with batch_statistics(model):
                    values = values_at(model, x, keep)
            else:
                values = values_at(model, x, keep)
            for i, path in enumerate(paths):
                answers.add(i, values[path])
            for i, join in enumerate(blocks):
                ratios.add(i, _norms(values[join.branch]) / _norms(values[join.shortcut]).clamp_min(1e-30))
            for total, path in zip(sums, opened, strict=True):
                gate = values[path].double()
                total += gate.flatten(2).mean(2).sum(0).cpu().numpy() if gate.dim() > 2 else gate.sum(0).cpu().numpy()
            n += len(x)
    if not n:
        raise UserError("no pictures to answer to")
    return Responses(
        arch.name, paths, tuple(deep[p] for p in paths), answers.mean, answers.std, tuple(j.path for j in blocks),
        tuple(deep[j.path] for j in blocks), np.stack([ratios.mean, ratios.std], 1), opened, tuple(s / n for s in sums), n,
        statistics,
    )  # fmt: skip


def _norms(values: Tensor) -> Tensor:
    return torch.linalg.vector_norm(values.flatten(1), dim=1, dtype=torch.float64)
