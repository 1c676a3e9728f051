"""Curves of error against how much the pictures are changed, and of how far the network's answers move (ZFNet's figure 5)."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from neocog.arch import analyse
from neocog.errors import UnknownName, UserError
from neocog.evaluate.changes import Kind, changed
from neocog.evaluate.compare import same_pictures
from neocog.evaluate.engine import predict_all
from neocog.evaluate.predictions import Predictions
from neocog.evaluate.protocol import PLAIN
from neocog.evaluate.protocol import Protocol as Views
from neocog.evaluate.statistics import answers, difference, wilson, wrong_at
from neocog.pictures.augment.draws import generator
from neocog.pictures.sets import Pictures
from neocog.pictures.store import Store
from neocog.runs import Predictor

BATCH = 32


@dataclass(frozen=True)
class Point:
    """Error in percent at one amount, with its 95 % (Wilson) interval. amount: None for the pictures as they are.

    rise: by how many points the error is above that of the pictures as they are, with the paired 95 % interval. changed:
    percent of the answers that are not what they were. moved: how far the probabilities moved, total variation, 0 to 1, on
    average. distance: by layer, how far its features moved; 1: as far as to another picture.
    """

    amount: float | None
    error: float
    ci95: tuple[float, float]
    n: int
    rise: tuple[float, float, float]
    changed: float
    moved: float
    distance: dict[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        return {key: _rounded(value) for key, value in asdict(self).items()}


@dataclass(frozen=True)
class Curve:
    """One kind of change: a point for each amount, rising. plain: the pictures as they are."""

    kind: str
    unit: str
    words: str
    neutral: float | None
    plain: Point
    points: tuple[Point, ...]

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        return asdict(self) | {"plain": self.plain.to_json(), "points": [point.to_json() for point in self.points]}


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    if isinstance(value, tuple):
        return [_rounded(one) for one in value]
    return round(value, 4) if isinstance(value, float) else value


def robustness(
    predictor: Predictor | Sequence[Predictor],
    pictures: Pictures,
    kinds: Sequence[tuple[Kind, Sequence[float]]],
    protocol: Views | str = PLAIN,
    layers: Sequence[str] = (),
    seed: int = 0,
    on_progress: Callable[[int, int], None] | None = None,
    plain: Predictions | None = None,
) -> list[Curve]:
    """A curve for each kind and its amounts. layers: paths whose features' movement is measured too. plain: what was said of
    the pictures as they are, if that is known.

    At a neutral amount nothing is computed again: it is the plain evaluation, bit for bit. Raises UserError for layers of an
    ensemble, UnknownName for those that the network has not.
    """
    members = [predictor] if isinstance(predictor, Predictor) else list(predictor)
    watched = followed(members, layers)
    rounds = (plain is None) + sum(amount != kind.neutral for kind, amounts in kinds for amount in amounts)
    done = 0

    def answer(some: Pictures) -> Predictions:
        nonlocal done
        step = done
        found = predict_all(
            members, some, protocol, lambda k, n: on_progress(step * n + k, rounds * n) if on_progress is not None else None
        )
        done += 1
        return found

    plain, curves = plain if plain is not None else answer(pictures), []
    at_rest = _point(None, plain, plain, dict.fromkeys(layers, 0.0))
    own = watched.unit(pictures, seed) if watched is not None else {}
    for kind, amounts in kinds:
        points = []
        for amount in amounts:
            other = changed(pictures, kind, amount, seed)
            if other is pictures:
                points.append(_point(amount, plain, plain, dict.fromkeys(layers, 0.0)))
                continue
            away = watched.distance(pictures, other, own) if watched is not None else {}
            points.append(_point(amount, answer(other), plain, away))
        curves.append(Curve(kind.name, kind.unit, kind.words, kind.neutral, at_rest, tuple(points)))
    return curves


def followed(members: Sequence[Predictor], layers: Sequence[str]) -> "Features | None":
    """The layers whose features are followed; None: none. Raises UserError for those of an ensemble."""
    if layers and len(members) > 1:
        raise UserError("features are followed through one network: leave out the layers, or the other networks")
    return Features(members[0], layers) if layers else None


def _point(amount: float | None, found: Predictions, plain: Predictions, distance: dict[str, float]) -> Point:
    wrong, before = same_pictures((found, plain))
    n, own = len(wrong), wrong_at(found)
    low, high = wilson(int(own.sum()), len(own))
    both = np.isin(found.answered, plain.answered), np.isin(plain.answered, found.answered)
    same = answers(found)[both[0]] == answers(plain)[both[1]]
    at = np.intersect1d(found.answered, plain.answered)
    away = 0.0
    for start in range(0, len(at), 4096):
        some = at[start : start + 4096]
        one, two = (np.exp(p.log_probabilities[some].astype(np.float64)) for p in (found, plain))
        away += float(np.abs(one - two).sum()) / 2
    return Point(
        amount,
        100 * float(own.mean()) if len(own) else 0.0,
        (100 * low, 100 * high),
        len(own),
        difference(wrong, before),
        100 * (1 - float(same.mean())) if n else 0.0,
        away / max(1, n),
        distance,
    )


class Features:
    """What some layers of a network answer, as vectors: how far they move when the pictures change. A block's path stands for
    what comes out of it.

    Raises UnknownName for a path that the network has not.
    """

    def __init__(self, predictor: Predictor, layers: Sequence[str]):
        self.predictor, self.layers = predictor, tuple(layers)
        main = [row.path for row in analyse(predictor.model.arch).rows if row.path in predictor.model.arch.main]
        self._nodes: dict[str, str] = {}
        for path in layers:
            inside = [node for node in main if node == path or node.startswith(f"{path}.")]
            if not inside:
                raise UnknownName(f"layer of {predictor.net}", path, main, "`neocog show` lists them")
            self._nodes[path] = inside[-1]

    def unit(self, pictures: Pictures, seed: int = 0, pairs: int = 200) -> dict[str, float]:
        """The mean distance between the features of two different pictures, drawn at random: what a distance of 1 is."""
        order = generator(seed, len(pictures), 1).permutation(len(pictures))[: 2 * pairs]
        half = len(order) // 2
        return self._mean(pictures.subset(order[:half]), pictures.subset(order[half : 2 * half]))

    def distance(self, pictures: Pictures, other: Pictures, unit: dict[str, float]) -> dict[str, float]:
        """Mean Euclidean distance between each picture's features and those of `other` at its place, in that unit."""
        return {path: away / unit[path] if unit[path] else 0.0 for path, away in self._mean(pictures, other).items()}

    def _mean(self, one: Pictures, two: Pictures) -> dict[str, float]:
        record, total, n = self.predictor.preprocessing, dict.fromkeys(self.layers, 0.0), 0
        stores = [Store(pictures, record, limit=0) for pictures in (one, two)]
        for start in range(0, len(one), BATCH):
            at = np.arange(start, min(start + BATCH, len(one)))
            (a, in_a), (b, in_b) = (store.get(at) for store in stores)
            both = np.intersect1d(in_a, in_b)
            if not len(both):
                continue
            first, second = self._of(a[np.isin(in_a, both)]), self._of(b[np.isin(in_b, both)])
            for path in self.layers:
                total[path] += float((first[path] - second[path]).norm(dim=1).sum())
            n += len(both)
        for store in stores:
            store.close()
        return {path: value / max(1, n) for path, value in total.items()}

    def _of(self, pixels: np.ndarray) -> dict[str, Tensor]:
        """{path: N×features}."""
        model, found = self.predictor.model, {}

        def keep(path: str) -> Callable[[torch.nn.Module, object, Tensor], None]:
            def hook(module: torch.nn.Module, inputs: object, out: Tensor) -> None:
                found[path] = out.flatten(1).double()

            return hook

        hooks = [model.get_submodule(node).register_forward_hook(keep(path)) for path, node in self._nodes.items()]
        try:
            self.predictor.scores(pixels)
        finally:
            for hook in hooks:
                hook.remove()
        return found
