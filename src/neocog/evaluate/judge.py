"""Error rates with their intervals."""

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np

from neocog.errors import BadPicture, UserError
from neocog.evaluate.predictions import Predictions
from neocog.evaluate.statistics import ranks, wilson
from neocog.pictures.sets import Pictures
from neocog.pictures.synsets import synset_of


@dataclass(frozen=True)
class Judgement:
    """Errors in percent over n pictures under one protocol. top5_error is None for five classes or fewer."""

    top1_error: float
    top5_error: float | None
    n: int
    protocol: str
    ci95: tuple[float, float]
    majority_error: float
    failed: tuple[BadPicture, ...]

    @property
    def top1(self) -> float:
        """Accuracy in percent."""
        return 100 - self.top1_error

    def to_json(self) -> dict[str, object]:
        """The keys that scripts stand on; ci95 is that of top1_error, in percent."""
        return {
            "top1_error": round(self.top1_error, 4),
            "top5_error": None if self.top5_error is None else round(self.top5_error, 4),
            "n": self.n,
            "protocol": self.protocol,
            "ci95": [round(v, 4) for v in self.ci95],
            "majority_error": round(self.majority_error, 4),
            "failed": [{"file": f.where, "error": f.why} for f in self.failed],
        }

    @staticmethod
    def from_json(obj: dict[str, Any]) -> "Judgement":
        """The inverse of `to_json`, as the events of a run keep it."""
        low, high = obj["ci95"]
        failed = tuple(BadPicture(f["file"], f["error"]) for f in obj["failed"])
        return Judgement(
            obj["top1_error"], obj["top5_error"], obj["n"], obj["protocol"], (low, high), obj["majority_error"], failed
        )

    def sentence(self, what: str) -> str:
        """The judgement in words: rate, interval, n, protocol, and what guessing the commonest class would give."""
        top5 = f" · top-5 {100 - self.top5_error:.2f} % right" if self.top5_error is not None else ""
        return (
            f"{what}: {self.top1:.2f} % right, 95 % interval {100 - self.ci95[1]:.2f} to {100 - self.ci95[0]:.2f} "
            f"(n {self.n:,}, {self.protocol}){top5} · always the commonest class: {100 - self.majority_error:.2f} %"
        )


def judged(predictions: Predictions) -> Judgement:
    """Errors of the pictures that have an answer. Raises UserError if there are none."""
    p, places = predictions, ranks(predictions)
    n, wrong = len(places), int((places > 1).sum())
    if n == 0:
        raise UserError("none of the pictures can be read: nothing to judge")
    top5 = 100 * float((places > 5).mean()) if len(p.classes) > 5 else None
    low, high = wilson(wrong, n)
    commonest = int(np.bincount(p.labels[p.answered]).max())
    return Judgement(100 * wrong / n, top5, n, p.protocol, (100 * low, 100 * high), 100 * (1 - commonest / n), p.failed)


def match_classes(pictures: Pictures, classes: tuple[str, ...]) -> Pictures:
    """The same pictures, labelled by the classifier's own numbers: by the classes' names, ImageNet's else by synset.

    Raises UserError for classes that the classifier does not know, or of which it has two.
    """
    if pictures.classes == classes:
        return pictures
    place = {name: i for i, name in enumerate(classes)}
    unknown = sorted(set(pictures.classes) - set(classes))
    if unknown:
        synsets = {synset: i for i, name in enumerate(classes) if (synset := synset_of(name)) is not None}
        place |= {name: synsets[synset] for name in unknown if (synset := synset_of(name)) in synsets}
        unknown = [name for name in unknown if name not in place]
    if unknown:
        raise UserError(
            f"the classifier knows no class {', '.join(map(repr, unknown[:3]))}"
            + (f" and {len(unknown) - 3} more" if len(unknown) > 3 else "")
            + f"; it knows {', '.join(map(repr, classes[:5]))}"
            + (" …" if len(classes) > 5 else "")
        )
    if len(set(classes)) < len(classes) and (twice := [n for n in pictures.classes if classes.count(n) > 1]):
        raise UserError(f"the classifier has two classes called '{twice[0]}': import it again with --labels, one name for each")
    numbers = np.array([place[name] for name in pictures.classes], np.int64)
    same = copy.copy(pictures)  # the pixels are shared
    same.labels, same.classes = numbers[pictures.labels], classes
    return same
