"""The fast road: a frozen network looks at every picture once, and a linear classifier of what it saw is solved for.

The run that comes out is an ordinary one: the whole network, with that classifier as its head.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch

from neocog.errors import UserError
from neocog.nn import Model
from neocog.pictures.sets import Dataset
from neocog.pictures.store import Store
from neocog.runs import Config, RunFolder
from neocog.train import machine
from neocog.train.frozen import baselines, heads
from neocog.train.frozen.feature_cache import FeatureCache, network_key, picture_key
from neocog.train.frozen.readout import Readout, features, readout, set_head
from neocog.train.session import Fitted, OnEvent, Session
from neocog.train.sgd import new_model
from neocog.train.starts.start import load_start

KIND = "features"
MANY = 1000  # validation pictures from which on they alone choose the strength; fewer say too little
LOG_EVERY = 0.5  # seconds between lines of progress in the log
BATCH = {"cuda": 128}  # pictures at a time; fixed for a device, so that a picture's features never depend on its neighbours
SMALL_BATCH = 16


def views(config: Config) -> int:
    """How often a training picture is looked at: mirrored too where that keeps its class."""
    return 2 if "flip" in config.recipe.augment else 1


def length(config: Config) -> Config:
    """The configuration with its length: steps are pictures looked at."""
    total = max(1, config.data["n_train"] * views(config) + config.data["n_val"])
    return replace(config, steps=total, steps_per_epoch=total, length=f"{total:,} looks at pictures", precision="fp32")


def fit(
    config: Config,
    data: Dataset,
    stores: dict[str, Store],
    folder: RunFolder,
    on_event: OnEvent,
    stop: Callable[[], bool],
    device: str = "auto",
) -> Fitted:
    """Features of all pictures, a head on them, and what simpler ways reach beside it. Raises Interrupted after saving."""
    machine.keep_freed_memory()
    how = _readout(config)
    model = new_model(config, machine.device(device))
    load_start(model, config, folder)
    with Session(config, folder, stores, model, on_event) as session:
        if (saved := session.begin(config.steps_per_epoch)) is not None:
            model.load_state_dict({k.removeprefix("model."): v for k, v in saved[0].items() if k.startswith("model.")})
        looker = Looker(model, how, config)
        done = 0

        def go_on(step: int) -> None:
            if stop():
                looker.cache.flush()
                raise session.interrupt({}, step)

        said = begun = time.monotonic()
        seen: dict[str, tuple[np.ndarray, np.ndarray]] = {}
        for name, store in stores.items():
            mirrored = name == "train" and views(config) == 2
            for count in looker.look(name, store, mirrored):
                done = min(done + count, config.steps)
                if time.monotonic() - said > LOG_EVERY or done == config.steps:
                    said = time.monotonic()
                    session.tell({"event": "features", "step": done, "steps": config.steps, "made": looker.made})
                go_on(done)
            seen[name] = looker.result(name)
        looker.cache.flush()
        told = {"seconds": round(time.monotonic() - begun, 2), "made": looker.made, "trouble": looker.cache.trouble}
        session.tell({"event": "looked", "step": done, **told})

        begun = time.monotonic()
        rows, at = seen["train"]
        labels = stores["train"].pictures.labels[at]
        norm, known = float(rows[:, -1].max()), np.ascontiguousarray(rows[:, :-1])
        chosen = _head(config, known, labels, seen.get("val"), stores, lambda *_: go_on(done))
        set_head(model, how, chosen.head, norm)
        told = {"strength": chosen.strength, "seconds": round(time.monotonic() - begun, 2), "trials": list(chosen.trials)}
        session.tell({"event": "head", "step": done, "features": known.shape[1], **told})
        session.validate(config.steps)
        session.save({}, config.steps)
        if "val" in stores:
            plain = known[: len(known) // views(config)]
            near = (plain, labels[: len(plain)], seen["val"][0][:, :-1], stores["val"].pictures.labels[seen["val"][1]])
            for told in baselines.compare(stores, len(config.classes), config.seed, near, lambda: go_on(config.steps)):
                session.tell({"event": "baseline", "step": config.steps, **told})
        return session.finish(config.steps)


def _readout(config: Config) -> Readout:
    how = readout(config.arch)
    if how is None:
        raise UserError(
            f"{config.net}: its scores are not linear in features with biases of their own; --learner sgd trains it instead"
        )
    return how


def _head(
    config: Config,
    known: np.ndarray,
    labels: np.ndarray,
    val: tuple[np.ndarray, np.ndarray] | None,
    stores: dict[str, Store],
    on_trial: Callable[[int, int], None],
) -> heads.Chosen:
    """The classifier. Many validation pictures choose its strength; of few, cross-validation of the training pictures does,
    which leaves the validation figures honest."""
    classes, n = len(config.classes), len(labels)
    if val is not None and len(val[0]) >= MANY:
        both = np.concatenate([known, val[0][:, :-1]])
        every = np.concatenate([labels, stores["val"].pictures.labels[val[1]]])
        splits = [(np.arange(n), np.arange(n, len(every)))]
        return heads.fit_best(heads.softmax, both, every, classes, splits, np.arange(n), on_trial=on_trial)
    half = n // views(config)
    pairs = heads.folds(labels[:half], config.seed)  # a picture and its mirror image are learned from, or held out, together
    splits = [(np.concatenate([learn, learn + half]) if views(config) == 2 else learn, held) for learn, held in pairs]
    return heads.fit_best(heads.softmax, known, labels, classes, splits, on_trial=on_trial)


class Looker:
    """Has the network look at pictures that it has not seen before."""

    def __init__(self, model: Model, how: Readout, config: Config):
        self.model, self.how, self.preprocessing = model.eval(), how, config.preprocessing
        self.where = next(model.parameters()).device
        self.batch = BATCH.get(self.where.type, SMALL_BATCH)
        used = config.arch.ancestors(how.path) - {how.path}  # without the head and those beside it, which differ by class count
        frozen = {k: v for k, v in model.state_dict().items() if k.rpartition(".")[0] in used}
        p, layers = config.preprocessing, [node for node in config.arch.nodes if node.path in used]
        words = (layers, how, p.color, p.scale, p.mean, p.std, self.where.type, torch.__version__, self.batch)
        self.cache = FeatureCache(network_key(frozen, *map(str, words)))
        self.made = 0
        self._results: dict[str, tuple[np.ndarray, np.ndarray]] = {}

    def result(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """(float32 N×(F+1), the pictures that they are of): the last column is the norm. Mirror images follow all others."""
        return self._results[name]

    def look(self, name: str, store: Store, mirrored: bool):
        """Look at a split; yields how many looks were done, now and then."""
        rows: list[list[np.ndarray | None]] = [[], []]
        indices: list[np.ndarray] = []
        waiting: list[tuple[list[np.ndarray | None], int, bytes, np.ndarray]] = []
        for pixels, kept in store.batches(self.batch):
            indices.append(kept)
            found = 0
            for view in range(1 + mirrored):
                for picture in pixels[:, :, ::-1] if view else pixels:
                    picture = np.ascontiguousarray(picture)
                    key = picture_key(picture)
                    row = self.cache.get(key)
                    rows[view].append(row)
                    if row is None:
                        waiting.append((rows[view], len(rows[view]) - 1, key, picture))
                    else:
                        found += 1
            if found:
                yield found
            while len(waiting) >= self.batch:
                yield self._compute(waiting[: self.batch])
                del waiting[: self.batch]
        if waiting:
            yield self._compute(waiting)
        at = np.concatenate(indices) if indices else np.empty(0, np.int64)
        made = [row for view in rows for row in view if row is not None]
        if not made:
            raise UserError(f"none of the {name} pictures can be read")
        self._results[name] = (np.stack(made), np.concatenate([at] * (1 + mirrored)))

    @torch.inference_mode()
    def _compute(self, waiting: list[tuple[list[np.ndarray | None], int, bytes, np.ndarray]]) -> int:
        """One batch, filled up to its fixed size."""
        pixels = np.stack([picture for *_, picture in waiting])
        pixels = np.concatenate([pixels, np.repeat(pixels[-1:], self.batch - len(pixels), 0)])
        x = torch.from_numpy(self.preprocessing.normalise(pixels)).to(self.where)
        read, norm = features(self.model, self.how, x.contiguous(memory_format=torch.channels_last))
        made = torch.cat([read, norm[:, None]], 1).float().cpu().numpy()
        for (target, place, key, _), row in zip(waiting, made, strict=False):
            target[place] = row
            self.cache.put(key, row)
        self.made += len(waiting)
        return len(waiting)
