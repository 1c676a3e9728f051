"""What a trained network must beat: the commonest class, near neighbours, and gradients with a linear SVM."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from neocog.nets import resolve
from neocog.nn import Model
from neocog.pictures.sets import Pictures
from neocog.pictures.store import Store
from neocog.runs import wrong_in_top
from neocog.train.frozen import heads, solved
from neocog.train.frozen.describe import describe, sample

SIDE = 128  # of the pictures that gradients are taken of: 15 × 15 blocks, 8,100 numbers
MOST = 2000  # training pictures that baselines learn from


def hog_svm(
    known: Pictures, asked: Pictures, classes: int, seed: int, go_on: Callable[[], None]
) -> tuple[np.ndarray, np.ndarray, int]:
    """(scores of those asked that can be read, their labels, how many of the known it learned from): the network hog-svm."""
    net = resolve("hog-svm")
    model = Model(replace(net.build(), input=(3, SIDE, SIDE))).eval()
    plain = replace(net.card.preprocessing, height=SIDE, width=SIDE)

    def described(pictures: Pictures) -> tuple[np.ndarray, np.ndarray]:
        rows, at = describe(model, Store(pictures, plain, limit=0), np.arange(len(pictures)), lambda _: go_on())
        return rows, pictures.labels[at]

    rows, labels = described(known)
    head = solved.solve(rows, labels, classes, seed, go_on=go_on).head
    others, truth = described(asked)
    return head.scores(others), truth, len(labels)


def compare(
    stores: dict[str, Store],
    classes: int,
    seed: int,
    near: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None,
    go_on: Callable[[], None],
) -> Iterator[dict[str, Any]]:
    """Validation accuracy (percent) of simpler ways: name, top1, n, learned (pictures), seconds.

    near: features and labels of the training and of the validation pictures, for neighbours in them. `go_on` may raise.
    """
    train, val = (stores[name].pictures.subset(stores[name].good) for name in ("train", "val"))
    yield judged("chance", np.tile(np.bincount(train.labels, minlength=classes), (len(val), 1)), val.labels, len(train), 0.0)
    if near is not None:
        begun = time.monotonic()
        known, labels, asked, truth = near
        at = sample(labels, MOST)
        votes = heads.nearest(known[at], labels[at], asked, classes)
        yield judged("knn", votes, truth, len(at), time.monotonic() - begun)
    go_on()
    begun = time.monotonic()
    scores, truth, learned = hog_svm(train.subset(sample(train.labels, MOST)), val, classes, seed, go_on)
    yield judged("hog-svm", scores, truth, learned, time.monotonic() - begun)


def judged(name: str, scores: np.ndarray, labels: np.ndarray, learned: int, seconds: float) -> dict[str, Any]:
    """One line of the comparison."""
    right = 100 * (1 - float(wrong_in_top(scores, labels, 1).mean()))
    return {"name": name, "top1": round(right, 4), "n": len(labels), "learned": learned, "seconds": round(seconds, 2)}
