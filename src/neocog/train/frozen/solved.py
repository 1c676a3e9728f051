"""Learners that solve instead of stepping: a linear SVM on fixed descriptors, and neighbours, which only remember.

A step is a training picture that is learned from. The run that comes out is an ordinary one.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from neocog.arch import Architecture, Neighbours, VisualWords, analyse
from neocog.arch.record import Leaf
from neocog.arch.rewrite import replace_records
from neocog.arch.window import size
from neocog.errors import UserError
from neocog.nn import Model
from neocog.nn.model import plan
from neocog.pictures.augment.draws import generator
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.sets import Dataset
from neocog.pictures.store import Store
from neocog.runs import Config, RunFolder
from neocog.train import machine
from neocog.train.frozen import heads
from neocog.train.frozen.codebook import ROUNDS, kmeans
from neocog.train.frozen.describe import batch_of, batches, describe, sample
from neocog.train.frozen.readout import Readout, readout, set_head
from neocog.train.session import Fitted, OnEvent, Session
from neocog.train.sgd import new_model
from neocog.train.wishes import Wishes

SVM, NEIGHBOURS = "svm", "neighbours"
KINDS = (SVM, NEIGHBOURS)
NUMBERS = 128_000_000  # of all descriptions that an SVM learns from together: half a gigabyte
KNOWN, BYTES = 60_000, 200_000_000  # pictures that neighbours remember, and what they may take
LOOKED_AT, POINTS = 2000, 40_000  # pictures and descriptors that a codebook is made of
TRIED, FOLDS = 6000, 3  # training pictures on which the strength is chosen, where there are more; in so many folds
STRENGTHS = tuple(10.0**-k for k in range(1, 6))  # λ of λ/2·‖W‖², see `heads`
MANY = 1000  # validation pictures from which on they alone choose it; fewer say too little
SHARE = 0.4  # of the time that an SVM takes is for describing the pictures that it learns from, about
LOG_EVERY = 0.5  # seconds between lines of progress in the log


def check(arch: Architecture, learner: str) -> None:
    """Raises UserError unless this learner and this network are made for each other."""
    records = [node.record for node in arch.nodes]
    if learner == NEIGHBOURS and not (arch.head is not None and isinstance(arch.head.record, Neighbours)):
        raise UserError(f"--learner {NEIGHBOURS} remembers pictures, and {arch.name} has no place for them; knn has")
    if learner == SVM:
        how = readout(arch)
        others = [row.path for row in analyse(arch).rows if row.trainable and how is not None and row.path != how.path]
        if how is None or how.maps or others:
            what = f"'{others[0]}' would stay as chance made it" if others else "its scores are not those of one with biases"
            raise UserError(f"--learner {SVM} solves for the last full connection alone; in {arch.name} {what}")
    if learner not in KINDS and any(isinstance(record, VisualWords | Neighbours) for record in records):
        raise UserError(f"{arch.name} is not learned by --learner {learner}: leave it out")


def length(config: Config, wishes: Wishes, stores: dict[str, Store]) -> Config:
    """The configuration with its length: as many of the training pictures as were asked for, and as there is room for.

    Of a budget, `SHARE` is for describing pictures, at the pace of the first; solving, and making words, has the rest.
    """
    count = config.data["n_train"]
    if config.kind == NEIGHBOURS:
        room = min(KNOWN, max(1, BYTES // size(config.arch.input)))
    else:
        room = max(1, NUMBERS // size(analyse(config.arch).by_path[_readout(config.arch).path].inputs[0]))
    asked = wishes.steps or (round(wishes.epochs * count) if wishes.epochs else count)
    if wishes.budget is not None and config.kind == SVM:
        asked = int(SHARE * wishes.budget / _pace(config, stores["train"], min(2.0, wishes.budget / 20)))
    steps = max(min(count, room, int(asked)), min(count, len(config.classes)))
    words = f"{steps:,} of {count:,} training pictures" if steps < count else f"all {count:,} training pictures"
    config = replace(config, steps=steps, steps_per_epoch=count, length=words, precision="fp32")
    if config.kind == SVM:
        return config
    known = len(sample(_labels(stores["train"]), steps))
    return replace(config, steps=known, arch=replace_records(config.arch, lambda node: _remembering(node.record, known)))


def _remembering(record: Leaf, pictures: int) -> Leaf | None:
    return record.replace(pictures=pictures) if isinstance(record, Neighbours) else None


def _pace(config: Config, store: Store, most: float) -> float:
    """Seconds that describing a training picture takes, from a trial of `most` seconds or a batch at least."""
    model = new_model(config, torch.device("cpu"))
    done, begun = 0, time.monotonic()
    for start in range(0, len(store.good), size := batch_of(model)):
        done += len(describe(model, store, store.good[start : start + size])[1])
        if time.monotonic() - begun > most:
            break
    return (time.monotonic() - begun) / max(1, done)


@torch.inference_mode()
def expected(config: Config, store: Store, judged: int) -> float:
    """Seconds that such a training takes, and judging so many pictures: about, from two batches."""
    model, times = new_model(config, torch.device("cpu")).eval(), []
    for _ in range(2):
        begun = time.monotonic()
        for x, _ in batches(model, store, store.good[: batch_of(model)]):
            model(x)
            times.append((time.monotonic() - begun) / len(x))
    learned = config.steps / SHARE if config.kind == SVM else 0  # remembering is nothing beside looking
    return min(times, default=0.0) * (learned + judged)


def _labels(store: Store) -> np.ndarray:
    return store.pictures.labels[store.good]


def _readout(arch: Architecture) -> Readout:
    how = readout(arch)
    assert how is not None  # `check` has seen to it
    return how


def fit(
    config: Config,
    data: Dataset,
    stores: dict[str, Store],
    folder: RunFolder,
    on_event: OnEvent,
    stop: Callable[[], bool],
    device: str = "auto",
) -> Fitted:
    """Remember the pictures, or describe them and solve for the classifier. Raises Interrupted after saving."""
    model = new_model(config, machine.device(device)).eval()
    store = stores["train"]
    chosen = store.good[sample(_labels(store), config.steps)]
    with Session(config, folder, stores, model, on_event) as session:
        made = 0
        if (saved := session.begin(config.steps_per_epoch)) is not None:
            model.load_state_dict({k.removeprefix("model."): v for k, v in saved[0].items() if k.startswith("model.")})
            made = saved[1].get("codebooks", 0)
        told_at, told = time.monotonic(), 0

        def go_on(done: int, books: int, making: dict[str, object] | None = None) -> None:
            nonlocal told_at, told
            if time.monotonic() - told_at > LOG_EVERY and (making or done > told):
                told_at, told = time.monotonic(), done
                session.tell(making or {"event": "features", "step": done, "steps": config.steps, "made": done})
            if stop():
                raise session.interrupt({}, 0, codebooks=books)

        if config.kind == NEIGHBOURS:
            remember(model, store, chosen, lambda done: go_on(done, 0))
            session.validate(config.steps)
            return session.finish(config.steps)
        paths = [node.path for node in config.arch.nodes if isinstance(node.record, VisualWords)]
        for number in range(made, len(paths)):
            on_part = partial(go_on, 0, number)
            session.tell(_learn_words(model, paths[number], store, config.seed, number, on_part))
            session.save({}, 0, codebooks=number + 1)
        begun = time.monotonic()
        rows, at = describe(model, store, chosen, lambda done: go_on(done, len(paths)))
        val = (
            describe(model, stores["val"], stores["val"].good, lambda _: go_on(len(chosen), len(paths)))
            if "val" in stores
            else None
        )
        seconds = round(time.monotonic() - begun, 2)
        session.tell({"event": "looked", "step": config.steps, "seconds": seconds, "made": len(rows), "trouble": ""})
        begun = time.monotonic()
        labels = store.pictures.labels[at]
        held = None if val is None else (val[0], stores["val"].pictures.labels[val[1]])
        head = solve(rows, labels, len(config.classes), config.seed, held, lambda: go_on(len(chosen), len(paths)))
        set_head(model, _readout(config.arch), head.head, 0.0)
        solved = {"strength": head.strength, "seconds": round(time.monotonic() - begun, 2), "trials": list(head.trials)}
        session.tell({"event": "head", "step": config.steps, "features": rows.shape[1], **solved})
        session.validate(config.steps, with_loss=False)
        return session.finish(config.steps)


def solve(
    rows: np.ndarray,
    labels: np.ndarray,
    classes: int,
    seed: int,
    val: tuple[np.ndarray, np.ndarray] | None = None,
    go_on: Callable[[], None] = lambda: None,
) -> heads.Chosen:
    """One linear SVM a class on N×F rows. Many validation pictures choose the strength; of few, cross-validation does.

    Of more than `TRIED` training pictures so many choose it; with all of them the strength is the smaller by as much as they
    are more, so that a single picture weighs the same (LIBLINEAR's C stays).
    """
    some = sample(labels, TRIED)

    def best(x: np.ndarray, y: np.ndarray, splits: list, rows: np.ndarray | None, strengths: tuple[float, ...]) -> heads.Chosen:
        return heads.fit_best(heads.svm, x, y, classes, splits, rows, strengths, lambda *_: go_on(), precise=False)

    if val is not None and len(val[0]) >= MANY:
        splits = [(np.arange(len(some)), np.arange(len(some), len(some) + len(val[0])))]
        both, every = np.concatenate([rows[some], val[0]]), np.concatenate([labels[some], val[1]])
        chosen = best(both, every, splits, np.arange(len(some)), STRENGTHS)
    else:
        chosen = best(rows[some], labels[some], heads.folds(labels[some], seed, FOLDS), None, STRENGTHS)
    if len(some) == len(labels):
        return chosen
    go_on()
    strength = chosen.strength * len(some) / len(labels)
    return replace(best(rows, labels, [], None, (strength,)), trials=chosen.trials)


@torch.inference_mode()
def remember(model: Model, store: Store, at: np.ndarray, on_batch: Callable[[int], None] | None = None) -> None:
    """Make the pictures at these places the neighbours that the model knows."""
    head = model.get_classifier()
    weight, labels, grid = head.weight, head.labels, head.grid
    assert isinstance(weight, Tensor) and isinstance(labels, Tensor) and isinstance(grid, Tensor)
    low, step = steps_of(store.preprocessing)
    grid.copy_(torch.tensor([low, step]))
    done = 0
    for x, kept in batches(model, store, at):
        seen = model.forward_head(model.forward_features(x), pre_logits=True)
        weight[done : done + len(x)] = ((seen - low) / step).round().clamp(0, 255).to(torch.uint8)
        labels[done : done + len(x)] = torch.from_numpy(store.pictures.labels[kept]).to(labels)
        done += len(x)
        if on_batch is not None:
            on_batch(done)
    if done != len(weight):
        raise UserError(f"{len(weight) - done} training pictures cannot be read any more; begin again in another --out")


def steps_of(preprocessing: Preprocessing) -> tuple[float, float]:
    """(what 0 becomes, what a step of one of 255 is) in the network's input; of channels that differ, the widest."""
    pairs = list(zip(_each(preprocessing.mean, preprocessing), _each(preprocessing.std, preprocessing), strict=True))
    low = min(-mean / std for mean, std in pairs)
    high = max((255 * preprocessing.scale - mean) / std for mean, std in pairs)
    return low, (high - low) / 255


def _each(values: tuple[float, ...], preprocessing: Preprocessing) -> tuple[float, ...]:
    return values if len(values) > 1 else values * preprocessing.channels


@torch.inference_mode()
def _learn_words(
    model: Model, path: str, store: Store, seed: int, number: int, on_part: Callable[[dict[str, object]], None]
) -> dict[str, object]:
    """A codebook of descriptors drawn evenly from some of the training pictures; what to tell of it."""
    begun = time.monotonic()
    draws = generator(seed, 7, number)
    at = store.good[sample(_labels(store), LOOKED_AT)]
    each = max(1, POINTS // len(at))
    source = model.arch.by_path[path].inputs[0]
    steps, drawn = plan(analyse(model.arch).rows, (source,)), []
    parts = -(-len(at) // batch_of(model))

    def made(done: int) -> None:
        on_part({"event": "making", "step": 0, "layer": path, "done": done, "total": parts + ROUNDS})

    for count, (x, _) in enumerate(batches(model, store, at), 1):
        values = {"input": x}
        for step in steps:
            values[step.output] = model.get_submodule(step.output)(*[values[name] for name in step.inputs])
        found = values[source].flatten(2).transpose(1, 2)  # N×places×F
        some = [torch.from_numpy(np.sort(draws.permutation(found.shape[1])[:each])).to(found.device) for _ in found]
        drawn += [one[places].cpu() for one, places in zip(found, some, strict=True)]
        made(count)
    points = torch.cat(drawn)
    book = model.get_submodule(path).weight
    assert isinstance(book, Tensor)
    book.copy_(kmeans(points, len(book), draws, lambda rounds: made(parts + rounds)))
    return {"event": "codebook", "step": 0, "layer": path, "words": len(book), "descriptors": len(points),
            "seconds": round(time.monotonic() - begun, 2)}  # fmt: skip
