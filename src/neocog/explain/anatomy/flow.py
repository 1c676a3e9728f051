"""How the gradient of the loss goes back through a network: its norm at every layer, what bounds it, and what shortcuts carry.

Vanishing and exploding: Hochreiter 1991; Bengio, Simard & Frasconi 1994; Glorot & Bengio 2010. With δ = ∂L/∂z of a layer's
output z, a chain has δ_l = J_{l+1}ᵀ … J_Lᵀ δ_L, so ‖δ_l‖ ≤ ‖δ_L‖ · Π‖J‖: for a sigmoid ‖J‖ ≤ 1/4, whatever it is given.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.arch import BatchNorm2d, Sigmoid, analyse
from neocog.arch.depth import depths, weighted
from neocog.errors import UserError
from neocog.explain.anatomy.joins import chain, joins
from neocog.explain.anatomy.steepness import steepness
from neocog.explain.feeding import Batch, batch_statistics
from neocog.explain.inside import undisturbed, values_at
from neocog.nn import Model

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Flow:
    """The gradient at the L layers with weights, in order, for each of B batches.

    depths: L, layers with weights from the picture to each, itself counted. outputs: B×L, norm of the gradient with respect to
    the layer's output, before any normalisation or non-linearity: of one picture's loss, root mean square over the batch's.
    weights: B×L, norm of the gradient of the batch's mean loss with respect to the layer's weights; sizes: L, of the weights.
    bound: L, what the last layer's outputs and the product of the norms of all Jacobians behind allow at most; quarter: L, that
    with nothing but 1/4 a sigmoid. NaN where that is not known: networks that are no chain, or whose layers have no bound.
    blocks: the K joins of shortcuts; shares: B×K, the part of the gradient at the block's entrance that came by the shortcut.
    n: pictures; statistics: what BN normalised by, "batch" or "running", where the network is `normalised`.
    """

    net: str
    paths: tuple[str, ...]
    depths: tuple[int, ...]
    outputs: np.ndarray
    weights: np.ndarray
    sizes: np.ndarray
    bound: np.ndarray
    quarter: np.ndarray
    blocks: tuple[str, ...]
    block_depths: tuple[int, ...]
    shares: np.ndarray
    loss: float
    n: int
    statistics: str
    normalised: bool

    @property
    def ratio(self) -> float:
        """Norm at the first layer's output over that at the last's, medians of the batches: far below 1 it vanished."""
        return _first_over_last(self.outputs)

    @property
    def weight_ratio(self) -> float:
        """The same of the weights' gradients."""
        return _first_over_last(self.weights)

    @property
    def a_layer(self) -> float:
        """The factor by which the gradient at the outputs changes from a layer to the one before, geometric mean."""
        return self.ratio ** (1 / max(self.depths[-1] - self.depths[0], 1))


def _first_over_last(norms: np.ndarray) -> float:
    """Of the medians of B×L norms; NaN where nothing came at all."""
    first, last = float(np.median(norms[:, 0])), float(np.median(norms[:, -1]))
    return first / last if last else np.nan if not first else np.inf


def weight_of(model: Model, path: str) -> Tensor:
    """The weights of a layer."""
    weight = model.get_submodule(path).weight
    assert isinstance(weight, Tensor)
    return weight


def weight_layers(model: Model) -> tuple[str, ...]:
    """The layers whose weights a gradient trains, of the main network. Raises UserError where there are none."""
    found = tuple(
        row.path for row in analyse(model.arch).rows
        if row.path in model.arch.main and weighted(row.node.record) and any(t.role == "weight" for t in row.tensors)
        and weight_of(model, row.path).is_floating_point()
    )  # fmt: skip
    if not found:
        raise UserError(f"{model.arch.name} has no layers that a gradient trains")
    return found


def gradient_flow(model: Model, batches: Iterable[Batch], statistics: str = "batch", loss: Loss = F.cross_entropy) -> Flow:
    """Of batches (x N×C×H×W, labels N). Dropout is off and auxiliary heads are left out.

    statistics: what BN normalises by, the "batch" as in training or the "running" ones. loss: mean over the batch.
    Raises UserError for a network that no gradient goes through.
    """
    deep, paths = depths(model.arch), weight_layers(model)
    params = [weight_of(model, path) for path in paths]
    blocks = tuple(j for j in joins(model.arch) if j.entrance != "input")
    keep = {model.arch.output, *paths, *(p for j in blocks for p in (j.path, j.shortcut, j.entrance))}
    outputs, weights, shares, losses, n = [], [], [], [], 0
    with undisturbed(model), torch.enable_grad():
        for param in params:
            param.requires_grad_(True)
        for x, labels, *_ in batches:
            values = _values(model, x, tuple(keep), statistics)
            scores = values[model.arch.output]
            total = loss(scores.flatten(2).mean(2) if scores.dim() > 2 else scores, labels) * len(x)
            wanted = list(dict.fromkeys((*paths, *(p for j in blocks for p in (j.path, j.entrance)))))
            try:
                found = torch.autograd.grad(total, [*params, *(values[p] for p in wanted)], retain_graph=bool(blocks),
                                            allow_unused=True)  # fmt: skip
            except RuntimeError as error:
                raise UserError(f"{model.arch.name}: no gradient goes through it ({str(error).splitlines()[0]})") from None
            at = dict(zip(wanted, found[len(params) :], strict=True))
            outputs.append([_norm(at[p]) / len(x) ** 0.5 for p in paths])
            weights.append([_norm(g) / len(x) for g in found[: len(params)]])
            shares.append([_share(values[j.shortcut], values[j.entrance], at[j.path], at[j.entrance]) for j in blocks])
            losses.append(float(total.detach()))
            n += len(x)
    if not n:
        raise UserError("no pictures to go back from")
    rows = np.array(outputs)
    known = _bound(model, paths, statistics)
    return Flow(
        model.arch.name, paths, tuple(deep[p] for p in paths), rows, np.array(weights), np.array([_norm(p) for p in params]),
        known[0] * np.median(rows[:, -1]), known[1] * np.median(rows[:, -1]), tuple(j.path for j in blocks),
        tuple(deep[j.path] for j in blocks), np.array(shares), sum(losses) / n, n, statistics,
        any(isinstance(node.record, BatchNorm2d) for node in model.arch.nodes),
    )  # fmt: skip


def _values(model: Model, x: Tensor, keep: tuple[str, ...], statistics: str) -> dict[str, Tensor]:
    if statistics == "running":
        return values_at(model, x, keep)
    with batch_statistics(model):
        return values_at(model, x, keep)


def _norm(values: Tensor | None) -> float:
    """In double precision: the squares of a vanishing gradient underflow in single."""
    return 0.0 if values is None else float(torch.linalg.vector_norm(values.detach(), dtype=torch.float64))


def _share(shortcut: Tensor, entrance: Tensor, above: Tensor, whole: Tensor) -> float:
    """⟨c, g⟩/‖g‖² of the gradient g at the entrance and the part c of it that came by the shortcut, over the batch.

    With the other way's it adds up to 1: of y = F(x) + x, g = J_Fᵀ∂L/∂y + ∂L/∂y, and the shortcut's part is ∂L/∂y itself.
    """
    came = above if shortcut is entrance else torch.autograd.grad(shortcut, entrance, above, retain_graph=True)[0]
    squared = _norm(whole) ** 2
    return float((came.double() * whole.double()).sum()) / squared if squared > 0 else float("nan")


def _bound(model: Model, paths: tuple[str, ...], statistics: str) -> tuple[np.ndarray, np.ndarray]:
    """Of each layer's output, relative to the last layer's: the product of the norms behind it; and of 1/4 a sigmoid."""
    nodes, table = chain(model.arch), analyse(model.arch)
    bound, quarter = np.full(len(paths), np.nan), np.full(len(paths), np.nan)
    if nodes is None:
        return bound, quarter
    order = [node.path for node in nodes]
    product, quarters, place = 1.0, 1.0, {path: i for i, path in enumerate(paths)}
    for path in reversed(order[: order.index(paths[-1]) + 1]):
        if path in place:
            bound[place[path]], quarter[place[path]] = product, quarters
        row = table.by_path[path]
        product *= steepness(model, row, statistics)
        quarters *= 0.25 if isinstance(row.node.record, Sigmoid) else 1.0
    return bound, quarter if quarters < 1 else np.full(len(paths), np.nan)
