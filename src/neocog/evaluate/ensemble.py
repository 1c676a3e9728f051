"""Several classifiers as one: the mean of their probabilities (Krizhevsky et al. 2012 to He et al. 2015), classes by name."""

from collections.abc import Sequence

import numpy as np

from neocog.errors import BadPicture, UserError
from neocog.evaluate.predictions import log_mean
from neocog.evaluate.protocol import Protocol
from neocog.evaluate.scoring import Rows, Scorer, Watch
from neocog.pictures.sets import Pictures
from neocog.runs import Predictor


class Ensemble:
    """One classifier or several on the pictures of a split, each with the record of its own. Use as a context manager.

    Raises UserError where they do not tell the same classes apart.
    """

    def __init__(self, members: Sequence[Predictor], pictures: Pictures, protocol: Protocol):
        self._orders = [_order(member.classes, members[0].classes) for member in members]
        self._scorers = [Scorer(member, pictures, protocol) for member in members]
        self.chunk = min(scorer.chunk for scorer in self._scorers)
        self.net = " + ".join(member.net for member in members)
        ids = list(dict.fromkeys(scorer.id for scorer in self._scorers))
        self.id = ids[0] if len(members) == 1 else f"ensemble of {len(members)}: {' & '.join(ids)}"

    def __enter__(self) -> "Ensemble":
        return self

    def __exit__(self, *_: object) -> None:
        for scorer in self._scorers:
            scorer.close()

    def rows(self, indices: np.ndarray, watch: Watch = lambda share: None) -> Rows:
        """As `Scorer.rows`, in the classes of the first; a picture that any of them cannot read has no answer."""
        parts: list[np.ndarray] = []
        failed: dict[int, BadPicture] = {}
        for place, (scorer, order) in enumerate(zip(self._scorers, self._orders, strict=True)):
            rows, bad = scorer.rows(indices, lambda share, place=place: watch((place + share) / len(self._scorers)))
            parts.append(rows if order is None else rows[:, order])
            failed |= dict(zip(np.flatnonzero(np.isnan(rows[:, 0])).tolist(), bad, strict=True))
        return parts[0] if len(parts) == 1 else log_mean(parts), [failed[k] for k in sorted(failed)]


def _order(classes: tuple[str, ...], wanted: tuple[str, ...]) -> np.ndarray | None:
    """Columns of a member in the first one's order."""
    if classes == wanted:
        return None
    if odd := sorted(set(classes) ^ set(wanted)):
        known = ", ".join(map(repr, odd[:3]))
        raise UserError(f"an ensemble tells the same classes apart; only some of these runs know {known}")
    place = {name: i for i, name in enumerate(classes)}
    return np.array([place[name] for name in wanted])
