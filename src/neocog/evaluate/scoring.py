"""From some pictures of a split to log-probabilities: views are made, answered in batches over pictures, and averaged."""

import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from neocog.errors import BadPicture
from neocog.evaluate.cost import cost, dense_sides
from neocog.evaluate.dense import Dense
from neocog.evaluate.predictions import log_mean, log_softmax, narrow, wide_log_softmax
from neocog.evaluate.protocol import Protocol
from neocog.evaluate.views import Scaled, View, views
from neocog.nn.resample import torch_resize
from neocog.pictures.sets import Pictures
from neocog.pictures.store import Store
from neocog.runs import Predictor

CHUNK, PLAIN_CHUNK = 32, 256  # pictures that are taken together: of several views each, and of one
MOST = 1024  # views of a batch

Rows = tuple[np.ndarray, list[BadPicture]]
"""float32 N×classes log-probabilities, NaN where there is none, and the pictures that could not be read."""
Watch = Callable[[float], None]
"""Told of the share that is done, now and then; may raise to stop."""


class _Task(NamedTuple):
    """One view to answer: of which picture and term, how often it counts, how it is answered."""

    picture: int
    term: int
    view: View
    times: int
    how: str


class Scorer:
    """Answers for the pictures of one split under one protocol. What it gives for a picture depends on the others of the same
    call in the last bits only; with the same calls it is the same."""

    def __init__(self, predictor: Predictor, pictures: Pictures, protocol: Protocol):
        self.predictor, self.pictures = predictor, pictures
        self.record, self.width = predictor.preprocessing, len(predictor.classes)
        self.protocol = protocol.resolved(self.record)
        self.id = protocol.id(self.record, predictor.flip)
        self.chunk = PLAIN_CHUNK if self.protocol.plain else CHUNK
        kinds = {term.kind for term in self.protocol.terms}
        self._store = Store(pictures, self.record, limit=0, resize=torch_resize) if self._plain is not None else None
        self._answer = {"1crop": predictor.scores, "crops": replace(predictor, flip=False).scores}
        if "dense" in kinds:
            for side in dense_sides(self.protocol):  # what does not fit is told before anything is read
                cost(predictor.model.arch, side)
            self._answer["dense"] = Dense(predictor).scores
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1, "views")

    @property
    def _plain(self) -> int | None:
        """The term that shows what the record cuts out, if there is one."""
        return next((t for t, term in enumerate(self.protocol.terms) if term.plain), None)

    def close(self) -> None:
        """End its threads."""
        self._pool.shutdown()
        if self._store is not None:
            self._store.close()

    def rows(self, indices: np.ndarray, watch: Watch = lambda share: None) -> Rows:
        """The answers for these pictures."""
        # of one view the mean of the scores is the score itself, to the last bit
        means = [_Means(len(indices), self.width, term.scores or self.protocol.plain) for term in self.protocol.terms]
        failed: dict[int, BadPicture] = {}
        if self._store is not None and self._plain is not None:
            pixels, kept = self._store.get(indices)
            at = np.searchsorted(indices, kept)
            size = self.predictor.batch(self.record.height, self.record.width, MOST)
            for start in range(0, len(at), size):
                scores = self.predictor.scores(pixels[start : start + size])
                means[self._plain].add(at[start : start + size], scores, np.ones(len(scores)))
                watch(min(start + size, len(at)) / len(at))
            failed = {k: self._store.failed[int(i)] for k, i in enumerate(indices.tolist()) if i in self._store.failed}
        if not self.protocol.plain:
            failed |= self._views(indices, means, watch)
        found = means[0].log() if len(means) == 1 else log_mean([mean.log() for mean in means])
        found[np.isnan(found).any(1)] = -np.log(self.width)  # a broken network says nothing: every class alike
        found[list(failed)] = np.nan
        return found, [failed[k] for k in sorted(failed)]

    def _views(self, indices: np.ndarray, means: "Sequence[_Means]", watch: Watch) -> dict[int, BadPicture]:
        """Add the answers to all other views; the pictures that could not be read, by position."""
        failed: dict[int, BadPicture] = {}
        made: dict[int, Scaled] = {}
        waiting: dict[tuple[str, int, int], list[_Task]] = {}
        for k, found in enumerate(self._pool.map(self._picture, indices.tolist())):
            if isinstance(found, BadPicture):
                failed[k] = found
                continue
            made[k], wanted = found
            for term, view, count in wanted:
                kind = self.protocol.terms[term].kind
                how = kind if kind in ("1crop", "dense") else "crops"
                waiting.setdefault((how, view.height, view.width), []).append(_Task(k, term, view, count, how))
        done, total = 0, sum(map(len, waiting.values()))
        for (how, height, width), tasks in waiting.items():
            size = self.predictor.batch(height, width, MOST)
            for start in range(0, len(tasks), size):
                some = tasks[start : start + size]
                scores = self._answer[how](np.stack([made[task.picture].cut(task.view) for task in some]))
                for term, mean in enumerate(means):
                    mine = [i for i, task in enumerate(some) if task.term == term]
                    if mine:
                        counts = np.array([some[i].times for i in mine], float)
                        mean.add(np.array([some[i].picture for i in mine]), scores[mine], counts)
                done += len(some)
                watch(done / total)
        return failed

    def _picture(self, i: int) -> "tuple[Scaled, list[tuple[int, View, int]]] | BadPicture":
        """One picture at all sizes, and its views: (term, view, how often it counts)."""
        try:
            picture = self.pictures.picture(i)
            wanted = [
                (t, view, count)
                for t, term in enumerate(self.protocol.terms)
                if not term.plain
                for view, count in Counter(views(term, self.record, picture.height, picture.width)).items()
            ]
            return Scaled(picture, self.record, [view for _, view, _ in wanted], self.pictures.name(i)), wanted
        except BadPicture as error:
            return error


class _Means:
    """The mean answer to each of n pictures, of probabilities (kept as logarithms) or of scores."""

    def __init__(self, n: int, width: int, scores: bool):
        self._scores = scores
        self._sum = np.full((n, width), 0.0 if scores else -np.inf)
        self._count = np.zeros((n, 1))

    def add(self, at: np.ndarray, scores: np.ndarray, counts: np.ndarray) -> None:
        """Scores N×classes of the pictures at `at`; each counts so often. A picture may come several times."""
        wide = scores.astype(np.float64) if self._scores else wide_log_softmax(scores)
        with np.errstate(invalid="ignore"):
            for k, row, count in zip(at.tolist(), wide, counts.tolist(), strict=True):
                mean = self._sum[k]
                self._count[k] += count
                if self._scores:
                    mean += row * count
                else:
                    np.logaddexp(mean, row + math.log(count), out=mean)

    def log(self) -> np.ndarray:
        """float32 n×classes logarithms of probabilities; no number where nothing was added."""
        with np.errstate(invalid="ignore", divide="ignore"):
            if self._scores:
                return log_softmax(self._sum / self._count)
            return narrow(self._sum - np.log(self._count))
