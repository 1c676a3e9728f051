"""Units that never answer: ReLU maps that are 0 at every place of every picture; and saturated ones, whose slope is all but 0.

A dead ReLU passes no gradient back, so training cannot wake it while its inputs stay as they are. A sigmoid or tanh is called
saturated where its slope is below a twentieth of its steepest.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from neocog.arch import Architecture, HardSigmoid, ReLU, ReLU6, Sigmoid, Tanh, analyse
from neocog.arch.depth import depths
from neocog.arch.record import Leaf
from neocog.errors import UserError
from neocog.explain.feeding import Batch
from neocog.explain.inside import undisturbed, values_at
from neocog.nn import Model

FLAT = 0.05  # of the steepest slope: below this a unit is saturated


@dataclass(frozen=True, eq=False)
class Layer:
    """The C units (maps or features) of one layer of non-linearities.

    top: C, the largest answer of each on any picture. share: C, the part of the pictures on which it answered above 0 at some
    place. live: C, the part of its answers, over pictures and places, that are neither 0 nor saturated. zeros and flat: the
    parts of all answers that are exactly 0, or saturated; flat_units: C, the latter of each unit.
    """

    path: str
    kind: str
    depth: int
    top: np.ndarray
    share: np.ndarray
    live: np.ndarray
    zeros: float
    flat: float
    flat_units: np.ndarray

    @property
    def dies(self) -> bool:
        """Whether a unit of this kind can be dead: it is 0, with slope 0, for all inputs below 0."""
        return self.kind in ("ReLU", "ReLU6")

    @property
    def dead(self) -> np.ndarray:
        """The numbers of the units that never answered."""
        return np.flatnonzero(self.top <= 0) if self.dies else np.empty(0, np.int64)

    @property
    def saturated(self) -> np.ndarray:
        """The numbers of the units that were saturated at every place of every picture."""
        return np.flatnonzero(self.flat_units >= 1) if self.kind != "ReLU" else np.empty(0, np.int64)


@dataclass(frozen=True, eq=False)
class Idle:
    """Its layers with non-linearities, in order, on n pictures."""

    net: str
    layers: tuple[Layer, ...]
    n: int

    @property
    def units(self) -> int:
        """Of all layers."""
        return sum(len(layer.top) for layer in self.layers)

    @property
    def dead(self) -> int:
        """Units that never answered."""
        return sum(len(layer.dead) for layer in self.layers)

    @property
    def saturated(self) -> int:
        """Units that were saturated throughout."""
        return sum(len(layer.saturated) for layer in self.layers)


def flat_at(record: Leaf, answers: Tensor) -> Tensor | None:
    """Where a non-linearity's slope is below `FLAT` of its steepest, told from what it answered; None: it has no such side.

    Sigmoid: slope a(1 − a), at most 1/4. a = A·tanh(Sx): slope AS(1 − (a/A)²), at most AS.
    """
    if isinstance(record, Sigmoid):
        return answers * (1 - answers) < FLAT / 4
    if isinstance(record, Tanh):
        return 1 - (answers / record.scale).square() < FLAT
    if isinstance(record, HardSigmoid):
        return (answers <= 0) | (answers >= 1)
    return answers >= 6 if isinstance(record, ReLU6) else None


def watched_layers(arch: Architecture) -> tuple[str, ...]:
    """The non-linearities that can die or saturate, of the main network."""
    kinds = (ReLU, ReLU6, Sigmoid, Tanh, HardSigmoid)
    return tuple(node.path for node in arch.nodes if node.path in arch.main and isinstance(node.record, kinds))


class Tally:
    """What was seen so far, as arrays that can be kept and gone on with."""

    def __init__(self, model: Model):
        self.paths = watched_layers(model.arch)
        if not self.paths:
            raise UserError(f"{model.arch.name} has no ReLU, sigmoid or tanh, whose units could be dead or saturated")
        table = analyse(model.arch)
        self.state: dict[str, np.ndarray] = {"n": np.zeros(1, np.int64), "end": np.zeros(1, np.int64)}
        for path in self.paths:
            units = table.by_path[path].output[0]
            self.state |= {f"top/{path}": np.full(units, -np.inf), **{f"{what}/{path}": np.zeros(units, np.int64)
                           for what in ("woke", "zeros", "flat", "count")}}  # fmt: skip

    def add(self, model: Model, batch: Batch) -> None:
        """More pictures."""
        x = batch.x
        values = values_at(model, x, self.paths)
        for path in self.paths:
            a = values[path].flatten(2) if values[path].dim() > 2 else values[path][..., None]
            most = a.amax(2)
            s = self.state
            s[f"top/{path}"] = np.maximum(s[f"top/{path}"], most.amax(0).double().cpu().numpy())
            s[f"woke/{path}"] += (most > 0).sum(0).cpu().numpy()
            s[f"zeros/{path}"] += (a == 0).sum((0, 2)).cpu().numpy()
            s[f"count/{path}"] += a.shape[0] * a.shape[2]
            flat = flat_at(model.arch.by_path[path].record, a)
            if flat is not None:
                s[f"flat/{path}"] += flat.sum((0, 2)).cpu().numpy()
        self.state["n"] += len(x)
        self.state["end"][:] = batch.end

    def found(self, model: Model) -> Idle:
        """The figures of what was seen."""
        s, deep, n = self.state, depths(model.arch), int(self.state["n"][0])
        if not n:
            raise UserError("no pictures to answer to")
        layers = []
        for path in self.paths:
            count, flat = s[f"count/{path}"], s[f"flat/{path}"]
            kind = type(model.arch.by_path[path].record).__name__
            idle, total = flat + (s[f"zeros/{path}"] if kind.startswith("ReLU") else 0), count.sum()
            zeros, level = float(s[f"zeros/{path}"].sum() / total), float(flat.sum() / total)
            woke = s[f"woke/{path}"] / n
            layers.append(Layer(path, kind, deep[path], s[f"top/{path}"], woke, 1 - idle / count, zeros, level, flat / count))
        return Idle(model.arch.name, tuple(layers), n)


def dead_units(
    model: Model,
    batches: Iterable[Batch],
    begun: Mapping[str, np.ndarray] | None = None,
    keep: Callable[[Mapping[str, np.ndarray]], None] | None = None,
) -> Idle:
    """Of batches (x N×C×H×W, …), in one pass. begun: what an earlier pass over other pictures kept; `keep` is given that after
    every batch. Raises UserError for a network without such non-linearities."""
    tally = Tally(model)
    if begun is not None:
        tally.state = {name: np.array(begun[name]) for name in tally.state}
    with undisturbed(model), torch.inference_mode():
        for batch in batches:
            tally.add(model, batch)
            if keep is not None:
                keep(tally.state)
    return tally.found(model)
