"""What the predictions of a split say, as plain data: the headline, confusion, mistakes, classes."""

from typing import Any

import numpy as np

from neocog.evaluate.predictions import Predictions
from neocog.evaluate.statistics import answers, confusion, per_class, ranks, wilson
from neocog.report.plain import clean, rounded

MISTAKES = 48  # of the most confident ones
BEHIND = 24  # pictures behind a cell of the confusion matrix, at most
LISTED = 3000  # pictures that a report names, at most


def result(predictions: Predictions) -> dict[str, Any]:
    """Errors in percent with n, interval and protocol; what always saying the commonest class would give."""
    labels = predictions.labels[predictions.answered]
    places = ranks(predictions)
    n, wrong = len(labels), int((places > 1).sum())
    low, high = wilson(wrong, n)
    majority = 100 * (1 - np.bincount(labels).max() / n) if n else None
    return {
        "top1_error": rounded(100 * wrong / n if n else None),
        "ci95": [rounded(100 * low), rounded(100 * high)],
        "top5_error": rounded(100 * float((places > 5).mean())) if n and len(predictions.classes) > 5 else None,
        "n": n,
        "wrong": wrong,
        "majority_error": rounded(majority),
        "protocol": clean(predictions.protocol),
        "failed": len(predictions.failed),
    }


def class_names(classes: tuple[str, ...]) -> list[str]:
    """As they are shown."""
    return [clean(name) for name in classes]


class Answers:
    """Of each answered picture: the class it was taken for, how likely that was said to be, and its own class."""

    def __init__(self, predictions: Predictions):
        self.predictions = predictions
        self.at, self.taken = predictions.answered, answers(predictions)
        self.labels = predictions.labels[self.at]
        self.p = np.exp(predictions.log_probabilities[self.at, self.taken].astype(np.float64))
        self.p_own = np.exp(predictions.log_probabilities[self.at, self.labels].astype(np.float64))
        self.wrong = np.flatnonzero(self.taken != self.labels)

    def mistakes(self, most: int = MISTAKES) -> list[int]:
        """Positions among the answered of the mistakes it was surest of, the surest first."""
        return self.wrong[np.argsort(-self.p[self.wrong], kind="stable")[:most]].tolist()

    def cells(self, behind: int = BEHIND, most: int = LISTED) -> list[list[int]]:
        """Positions behind the cells of the confusion matrix: those of mistakes first, the fullest cells first; in a cell
        the surest first."""
        count = len(self.predictions.classes)
        keys = self.labels * count + self.taken
        order = np.lexsort((-self.p, keys))
        starts = np.flatnonzero(np.diff(keys[order], prepend=-1))
        groups = np.split(order, starts[1:]) if len(order) else []
        groups.sort(key=lambda g: (self.labels[g[0]] == self.taken[g[0]], -len(g)))
        out: list[list[int]] = []
        for group in groups:
            if (most := most - min(len(group), behind)) < 0:
                break
            out.append(group[:behind].tolist())
        return out

    def row(self, k: int) -> list[Any]:
        """[name, class, taken for, probability of that, probability of its class]."""
        name = clean(self.predictions.names[int(self.at[k])])
        return [name, int(self.labels[k]), int(self.taken[k]), rounded(self.p[k]), rounded(self.p_own[k])]


def confused(predictions: Predictions) -> dict[str, Any]:
    """The matrix as [row, column, count] of its cells that are not empty; what is confused most often, first."""
    table = confusion(predictions)
    rows, columns = np.nonzero(table)
    cells = [[int(r), int(c), int(table[r, c])] for r, c in zip(rows, columns, strict=True)]
    return {"cells": cells, "totals": table.sum(1).tolist()}


def classes(predictions: Predictions, learned: np.ndarray | None = None) -> dict[str, Any]:
    """A row for each class: pictures, wrong, error, interval, what it is taken for, precision; training pictures if known."""
    table = confusion(predictions)
    said = table.sum(0)
    number = {name: i for i, name in enumerate(predictions.classes)}
    out = []
    for i, row in enumerate(per_class(predictions)):
        out.append(
            {
                "n": row.n,
                "wrong": row.wrong,
                "error": rounded(row.error),
                "ci95": [rounded(v) for v in row.ci95],
                "taken_for": [[number[name], count] for name, count in row.taken_for],
                "precision": rounded(100 * table[i, i] / said[i]) if said[i] else None,
                "learned": None if learned is None else int(learned[i]),
            }
        )
    return {"table": out}
