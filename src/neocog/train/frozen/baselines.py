"""What a trained network must beat: the commonest class, near neighbours, and gradients with a linear SVM."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from neocog.nn.hog import hog
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.sets import Pictures
from neocog.pictures.store import Store
from neocog.runs import wrong_in_top
from neocog.train.frozen import heads

SIDE = 128  # of the pictures that gradients are taken of: 15 × 15 blocks, 8,100 numbers
MOST = 2000  # training pictures that baselines learn from


def hog_features(pictures: Pictures, on_batch: Callable[[], None] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(float32 N×8100, the pictures they are of): squashed to a square, in colour."""
    store = Store(pictures, Preprocessing(SIDE, SIDE, resize="squash"), limit=0)
    rows, at = [], []
    for pixels, kept in store.batches(32):
        rows.append(hog(torch.from_numpy(pixels).permute(0, 3, 1, 2).float()).numpy())
        at.append(kept)
        if on_batch is not None:
            on_batch()
    return np.concatenate(rows), np.concatenate(at)


def sample(labels: np.ndarray, most: int = MOST) -> np.ndarray:
    """Up to `most` of the pictures, of every class its share: sorted positions."""
    order = np.argsort(labels, kind="stable")
    return np.sort(order[np.unique(np.linspace(0, len(order) - 1, min(most, len(order))).astype(int))])


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
    some = sample(train.labels)
    if near is not None:
        begun = time.monotonic()
        known, labels, asked, truth = near
        at = sample(labels)
        votes = heads.nearest(known[at], labels[at], asked, classes)
        yield judged("knn", votes, truth, len(at), time.monotonic() - begun)
    go_on()
    begun = time.monotonic()
    known, at = hog_features(train.subset(some), go_on)
    labels = train.subset(some).labels[at]
    chosen = heads.fit_best(heads.svm, known, labels, classes, heads.folds(labels, seed), on_trial=lambda *_: go_on())
    asked, at = hog_features(val, go_on)
    yield judged("hog-svm", chosen.head.scores(asked), val.labels[at], len(labels), time.monotonic() - begun)


def judged(name: str, scores: np.ndarray, labels: np.ndarray, learned: int, seconds: float) -> dict[str, Any]:
    """One line of the comparison."""
    right = 100 * (1 - float(wrong_in_top(scores, labels, 1).mean()))
    return {"name": name, "top1": round(right, 4), "n": len(labels), "learned": learned, "seconds": round(seconds, 2)}
