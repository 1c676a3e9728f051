"""The effective receptive field: how much each pixel moves a unit, which is far from even over what it can see.

Luo, Li, Urtasun & Zemel 2016: the gradient of the middle unit of a layer's map (1 there, 0 elsewhere, all channels) at the
pixels, over many pictures, at the start over many draws of the weights too. They find a Gaussian that takes up only a part of
the theoretical field; with n layers of uniform k×k kernels its deviation is √(n(k²−1)/12) pixels while the field grows with n.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from neocog.arch import Architecture
from neocog.errors import UserError
from neocog.explain.fields.theoretical import UnitField, unit_field
from neocog.explain.inside import undisturbed, values_at
from neocog.nn import Model

LEVEL = 1 - 0.9545
"""The share of the largest value from which a pixel counts for `size`: what lies outside two deviations of a Gaussian.
Quoted of Luo et al.; whether their text has this number we could not check. Of a Gaussian it cuts a circle as
large as a square of 4.41 deviations."""


@dataclass(frozen=True, eq=False)
class EffectiveField:
    """map: H×W, the mean over `n` pictures of |gradient|, summed over colours. draws: of how many draws of weights; 0 for
    weights as they were given. field: what the unit can see at all."""

    map: np.ndarray
    n: int
    draws: int
    field: UnitField

    @property
    def std(self) -> tuple[float, float]:
        """Deviations in pixels along rows and columns, the map taken as a distribution."""
        found = []
        for axis in (1, 0):
            share = self.map.sum(axis)
            share = share / max(share.sum(), 1e-300)
            at = np.arange(len(share))
            mean = (share * at).sum()
            found.append(float(np.sqrt((share * (at - mean) ** 2).sum())))
        return found[0], found[1]

    @property
    def size(self) -> float:
        """The side of a square as large as the pixels above LEVEL of the largest."""
        top = self.map.max()
        return float(np.sqrt((self.map > LEVEL * top).sum())) if top > 0 else 0.0

    @property
    def ratio(self) -> float:
        """`size` by the side of a square as large as what the unit can see of the picture."""
        seen = self.field.seen
        return self.size / max(1.0, (seen.height * seen.width) ** 0.5)

    @property
    def centre(self) -> tuple[int, int]:
        """The middle pixel of what the unit can see."""
        seen = self.field.seen
        return (seen.top + seen.bottom - 1) // 2, (seen.left + seen.right - 1) // 2

    @property
    def profiles(self) -> tuple[np.ndarray, np.ndarray]:
        """Along the column and along the row through the centre, by their largest value."""
        row, column = self.centre
        lines = (self.map[:, column], self.map[row])
        return tuple(line / max(float(line.max()), 1e-300) for line in lines)  # type: ignore[return-value]


def effective_field(
    model: Model, path: str, pictures: Iterable[Tensor], place: tuple[int, int] | None = None
) -> EffectiveField:
    """Of layer `path` at `place` (None: the middle) over `pictures`, batches N×C×H×W as the network reads them.

    The network is looked at as it answers: batch normalisation with its running statistics, no dropout. Raises UserError for
    a layer without maps and where there are no pictures.
    """
    *_, found = accumulated(model, path, pictures, place)
    return found


def initial_field(arch: Architecture, path: str, pictures: Iterable[Tensor], place: tuple[int, int] | None = None,
                  seed: int = 0) -> EffectiveField:  # fmt: skip
    """The same at the start: each batch of `pictures` meets weights of its own draw."""
    found: EffectiveField | None = None
    for i, x in enumerate(pictures):
        one = effective_field(beginning(arch, path, seed + i).to(x.device), path, [x], place)
        found = replace(one, draws=1) if found is None else joined(found, replace(one, draws=1))
    if found is None:
        raise UserError("an effective field is a mean over pictures, and there are none")
    return found


def joined(a: EffectiveField, b: EffectiveField) -> EffectiveField:
    """The mean over the pictures of both."""
    n = a.n + b.n
    return EffectiveField((a.map * a.n + b.map * b.n) / n, n, a.draws + b.draws, a.field)


def beginning(arch: Architecture, path: str, seed: int) -> Model:
    """The network up to layer `path`, with weights as they are drawn at the start."""
    return Model(until(arch, path), torch.Generator().manual_seed(seed)).eval()


def until(arch: Architecture, path: str) -> Architecture:
    """The part of a network that layer `path` needs."""
    need = arch.ancestors(path)
    return Architecture(arch.name, arch.input, tuple(node for node in arch.nodes if node.path in need), path)


def accumulated(model: Model, path: str, pictures: Iterable[Tensor],
                place: tuple[int, int] | None = None) -> Iterator[EffectiveField]:  # fmt: skip
    """After each batch what was found so far."""
    field = unit_field(model.arch, path, place)
    if field.size is None:
        raise UserError(f"{model.arch.name}: '{path}' sees everything; an effective field is that of a place of a map")
    found: EffectiveField | None = None
    for x in pictures:
        one = EffectiveField(gradient_at(model, path, x, field.place), len(x), 0, field)
        found = one if found is None else joined(found, one)
        yield found
    if found is None:
        raise UserError("an effective field is a mean over pictures, and there are none")


def gradient_at(model: Model, path: str, x: Tensor, place: tuple[int, int]) -> np.ndarray:
    """H×W: the mean over a batch of |d Σ_channels out[place] / d x|, summed over colours."""
    with undisturbed(model), torch.enable_grad():
        leaf = x.detach().clone().requires_grad_()
        out = values_at(model, leaf, (path,))[path]
        (slope,) = torch.autograd.grad(out[:, :, place[0], place[1]].sum(), leaf, materialize_grads=True)
    return slope.abs().sum(1).double().mean(0).cpu().numpy()
