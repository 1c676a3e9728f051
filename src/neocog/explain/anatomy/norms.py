"""What normalisation does to the answers of a network: batch normalisation (Ioffe & Szegedy 2015) and the local response
normalisation of AlexNet (Krizhevsky et al. 2012, section 3.3), with both readings of its α."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neocog.arch import LRN, BatchNorm2d, analyse
from neocog.errors import UserError
from neocog.explain.anatomy.counting import Counter, Counts
from neocog.explain.anatomy.responses import Moments
from neocog.explain.feeding import Batch, batch_statistics
from neocog.explain.inside import undisturbed, values_at
from neocog.nn import Model
from neocog.nn.layers import LRN as LRNModule

FACTORS = 64  # bins of the factors by which LRN damps


@dataclass(frozen=True, eq=False)
class BatchNormed:
    """A BN layer of C maps: its numbers `before` and `after`; of each map mean and std of what came (`seen`, C×2), the running
    ones that the layer keeps (`kept`, C×2), and its gain γ and offset β (`affine`, C×2)."""

    path: str
    before: Counts
    after: Counts
    seen: np.ndarray
    kept: np.ndarray
    affine: np.ndarray
    statistics: str

    @property
    def drift(self) -> float:
        """How far the running means lie from those of these pictures, in deviations: the median over the maps."""
        return float(np.median(np.abs(self.seen[:, 0] - self.kept[:, 0]) / np.maximum(self.kept[:, 1], 1e-12)))


@dataclass(frozen=True, eq=False)
class Damped:
    """An LRN layer of C maps: its numbers `before` and `after`; `maps`: C, Σ|after|/Σ|before| of each map (NaN: it is silent).

    factors: counts of after/before in `FACTORS` equal bins from 0 to `most`, k^−β, with what they would be under the other
    reading of α below, 2×bins: row 0 as the network has it. `divided`: whether that is α/size. mean: 2, of the factors.
    """

    path: str
    layer: str
    before: Counts
    after: Counts
    maps: np.ndarray
    factors: np.ndarray
    mean: np.ndarray
    most: float
    divided: bool


def norm_layers(model: Model) -> tuple[str, ...]:
    """The paths of its BN and LRN layers."""
    return tuple(n.path for n in model.arch.nodes if n.path in model.arch.main and isinstance(n.record, BatchNorm2d | LRN))


def normalisation(
    model: Model, batches: Iterable[Batch], layers: Sequence[str], statistics: str = "running"
) -> tuple[BatchNormed | Damped, ...]:
    """What each of `layers` does to the pictures of the batches (x N×C×H×W, …), in one pass.

    Raises UserError for layers that are neither BN nor LRN.
    """
    arch = model.arch
    known = norm_layers(model)
    for path in layers:
        if path not in known:
            there = ", ".join(known[:8]) + (" …" if len(known) > 8 else "") if known else "none"
            raise UserError(f"{arch.name}: '{path}' is neither BN nor LRN; those are: {there}")
    watchers = [_Bn(model, path, statistics) if isinstance(arch.by_path[path].record, BatchNorm2d) else _Lrn(model, path)
                for path in layers]  # fmt: skip
    keep = tuple(dict.fromkeys(p for w in watchers for p in (w.source, w.path)))
    seen = 0
    with undisturbed(model), torch.inference_mode():
        for x, *_ in batches:
            if statistics == "batch":
                with batch_statistics(model):
                    values = values_at(model, x, keep)
            else:
                values = values_at(model, x, keep)
            for watcher in watchers:
                watcher.add(values[watcher.source].float(), values[watcher.path].float())
            seen += len(x)
    if not seen:
        raise UserError("no pictures to normalise")
    return tuple(watcher.found for watcher in watchers)


class _Bn:
    def __init__(self, model: Model, path: str, statistics: str):
        self.path, self.source, self.statistics = path, model.arch.by_path[path].inputs[0], statistics
        self.leaf = model.get_submodule(path)
        self.before, self.after = Counter(), Counter()
        self.moments = Moments(analyse(model.arch).by_path[path].output[0])

    def add(self, before: Tensor, after: Tensor) -> None:
        self.before.add(before)
        self.after.add(after)
        self.moments.rows(before.transpose(0, 1).flatten(1))

    @property
    def found(self) -> BatchNormed:
        count = len(self.moments.mean)
        leaf = self.leaf
        affine = [np.ones(count), np.zeros(count)] if leaf.weight is None else [_array(leaf.weight), _array(leaf.bias)]
        kept = [_array(leaf.running_mean), np.sqrt(_array(leaf.running_var))]
        seen = np.stack([self.moments.mean, self.moments.std], 1)
        return BatchNormed(self.path, self.before.found, self.after.found, seen, np.stack(kept, 1), np.stack(affine, 1),
                           self.statistics)  # fmt: skip


class _Lrn:
    def __init__(self, model: Model, path: str):
        self.path, self.source = path, model.arch.by_path[path].inputs[0]
        r = self.record = model.arch.by_path[path].record
        assert isinstance(r, LRN)
        self.other = LRNModule(r.size, r.alpha, r.beta, r.k, not r.divide_alpha)
        self.most = float(r.k**-r.beta)
        self.before, self.after = Counter(), Counter()
        self.sums = np.zeros((2, analyse(model.arch).by_path[path].output[0]))
        self.factors, self.total, self.n = np.zeros((2, FACTORS), np.int64), np.zeros(2), 0

    def add(self, before: Tensor, after: Tensor) -> None:
        self.before.add(before)
        self.after.add(after)
        axes = [0, 2, 3][: before.dim() - 1]
        self.sums += np.stack([v.abs().sum(axes, dtype=torch.float64).cpu().numpy() for v in (before, after)])
        live = before.abs() > 1e-20  # what is 0 is damped by no factor that could be seen
        ratios = [(v[live] / before[live]).cpu().numpy() for v in (after, self.other(before))]
        for row, ratio in enumerate(ratios):
            self.factors[row] += np.histogram(np.clip(np.nan_to_num(ratio), 0, self.most), FACTORS, (0, self.most))[0]
            self.total[row] += ratio.sum(dtype=np.float64)
        self.n += len(ratios[0])

    @property
    def found(self) -> Damped:
        with np.errstate(invalid="ignore", divide="ignore"):
            maps = self.sums[1] / self.sums[0]
        assert isinstance(self.record, LRN)
        return Damped(self.path, self.record.describe(), self.before.found, self.after.found, maps, self.factors,
                      self.total / max(self.n, 1), self.most, self.record.divide_alpha)  # fmt: skip


def _array(values: object) -> np.ndarray:
    assert isinstance(values, Tensor)
    return values.detach().double().cpu().numpy()
