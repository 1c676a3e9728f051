"""What a report is made from, read once: the run, its evaluation, and its pictures where they can be had."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neocog.errors import UserError
from neocog.evaluate.predictions import Predictions, is_evaluation, one_line, read_predictions
from neocog.pictures import load_data
from neocog.pictures.sets import Dataset, Pictures
from neocog.runs import read_config, read_events
from neocog.runs.config import EVENTS, Config
from neocog.runs.events import Event
from neocog.runs.learned import unlearned

TEST = "test"  # the evaluation folder in a run's folder
OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Source:
    """split: "test", "val" or "other" (other pictures than the run's own data). data: None where it is not what the run learned
    from. at[i]: where picture i of the predictions lies in `pictures`, -1: nowhere. missing: why there are no pictures."""

    path: Path
    config: Config
    events: tuple[Event, ...]
    predictions: Predictions | None = None
    split: str = ""
    data: Dataset | None = None
    pictures: Pictures | None = None
    at: np.ndarray | None = None
    missing: str = ""


def open_run(run: str | Path, spec: str | None = None, on_progress: OnProgress | None = None) -> Source:
    """A run with its test evaluation, which is made if there is none and the data can be had.

    spec: where the data is now. Raises UserError if it is given and cannot be used.
    """
    path, config, events = Path(run), read_config(run), tuple(read_events(Path(run) / EVENTS))
    data, missing = open_data(config.data, spec, on_progress)
    own = data is not None and data.fingerprint == config.data["fingerprint"]
    predictions = _kept(path / TEST, can_go_on=own)
    if predictions is not None:
        pictures, at = locate(predictions, data)
        if spec is not None and pictures is None:
            raise UserError(f"{spec} does not hold the pictures that {path} was judged on ({config.data['name']})")
        return Source(path, config, events, predictions, "test", data if own else None, pictures, at, missing)
    if data is None:
        return Source(path, config, events, missing=missing)
    if spec is not None and not own and config.data["fingerprint"]:
        raise UserError(f"{spec} is not the data that {path} learned from ({config.data['name']}): its pictures differ")
    pictures, split = _to_judge(path, data, own)
    if pictures is None or not finished(config, events):  # the test pictures are touched once, at the end
        return Source(path, config, events, data=data if own else None, missing="")
    predictions = _judge(path, config, pictures, split, on_progress)
    return Source(path, config, events, predictions, split, data, pictures, np.arange(len(pictures)), missing)


def finished(config: Config, events: tuple[Event, ...]) -> bool:
    """Whether its training came to its end."""
    return config.kind == "imported" or any(event.get("event") == "trained" for event in events)


def _kept(folder: Path, can_go_on: bool) -> Predictions | None:
    """The evaluation of a folder; None if there is none, or one that was stopped and can go on."""
    try:
        return read_predictions(folder) if is_evaluation(folder) else None
    except UserError:
        if can_go_on:
            return None
        raise


def open_data(had: dict[str, Any], spec: str | None, on_progress: OnProgress | None) -> tuple[Dataset | None, str]:
    """The data that a run or a bake-off tells of, split as it was; or why it cannot be had: words, "imported" or "changed"."""
    if spec is None and not had["fingerprint"]:
        return None, "imported"
    where = spec if spec is not None else str(had["spec"])
    fetching = None if on_progress is None else lambda done, total: on_progress("fetching", done, total or done)
    try:
        data = load_data(where, seed=had["split_seed"], on_progress=fetching)
        if not had["fingerprint"]:
            data = load_data(where, val_fraction=0, test_fraction=0)
    except (UserError, OSError) as error:
        if spec is not None:
            raise
        return None, f"{where}: {error}" if where not in str(error) else str(error)
    if spec is None and data.fingerprint != had["fingerprint"]:
        return None, "changed"
    return data, ""


def _to_judge(path: Path, data: Dataset, own: bool) -> tuple[Pictures | None, str]:
    """The split to judge: test, else val, which flatters; of other data all that was not learned from."""
    if own:
        return (data.test, "test") if data.test is not None else (data.val, "val")
    chosen = data.test or data.val or data.train
    new = unlearned(path, chosen)
    return (chosen.subset(new), "other") if len(new) else (None, "")


def locate(predictions: Predictions, data: Dataset | None) -> tuple[Pictures | None, np.ndarray]:
    """The split that the predictions are of, and where each of them lies in it; (None, -1 …) if there is none.

    Found by names, so that it may have moved. Other data may have the same names (t10k/7): its classes tell.
    """
    nowhere = np.full(len(predictions), -1, np.int64)
    if data is None or not len(predictions):
        return None, nowhere
    for pictures in (data.test, data.val, data.train):
        if pictures is None or not len(pictures):
            continue
        places = {one_line(pictures.name(i)): i for i in range(len(pictures))}
        at = np.array([places.get(one_line(name), -1) for name in predictions.names], np.int64)
        there = np.flatnonzero(at >= 0)
        own = predictions.data.get("fingerprint") == data.fingerprint
        if len(there) and (own or _alike(predictions, there, data.classes, pictures.labels[at[there]])):
            return pictures, at
    return None, nowhere


def _alike(predictions: Predictions, there: np.ndarray, classes: tuple[str, ...], labels: np.ndarray) -> bool:
    """Whether these pictures have the classes that they were judged by."""
    judged_by = (predictions.classes[k] for k in predictions.labels[there])
    return all(name == classes[k] for name, k in zip(judged_by, labels, strict=True))


def _judge(path: Path, config: Config, pictures: Pictures, split: str, on_progress: OnProgress | None) -> Predictions:
    """The evaluation of a split; that of the run's own test split stays in its folder, and a stopped one goes on there."""
    from neocog.evaluate.engine import predict_all
    from neocog.evaluate.once import about_test
    from neocog.runs import RunFolder, load_predictor

    RunFolder(path).weights()  # a run that has none yet is told as such
    told = None if on_progress is None else lambda done, total: on_progress("judging", done, total)
    kept = {"out": path / TEST, "about": about_test(config)} if split == "test" else {}
    return predict_all(load_predictor(path), pictures, on_progress=told, **kept)
