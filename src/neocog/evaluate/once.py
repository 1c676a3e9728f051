"""A run's test split is judged once in its life: what was said of every picture stays in RUN/test, its error in the events."""

from collections.abc import Callable
from typing import Any

from neocog.evaluate.engine import OnProgress, Together, predict_together
from neocog.evaluate.judge import Judgement, judged
from neocog.evaluate.predictions import is_evaluation
from neocog.evaluate.protocol import PLAIN
from neocog.evaluate.protocol import Protocol as Views
from neocog.pictures.sets import Pictures
from neocog.runs import Config, Predictor, RunFolder, read_events
from neocog.runs.config import EVENTS

TEST = "test"  # in a run folder: the evaluation on its test split


def told_test(folder: RunFolder) -> Judgement | None:
    """What the run's events say of its test split."""
    found = (event for event in read_events(folder.path / EVENTS) if event.get("event") == "test")
    return next(map(Judgement.from_json, found), None)


def about_test(config: Config) -> dict[str, Any]:
    """What RUN/test says of its pictures, whoever judges them: so that any of them goes on where another stopped."""
    return {"data": {**{key: config.data[key] for key in ("spec", "name", "fingerprint", "split_seed")}, "split": TEST}}


def judge_once(
    folder: RunFolder,
    pictures: Pictures,
    load: Callable[[], Predictor],
    protocol: Views | str = PLAIN,
    on_progress: OnProgress | None = None,
    stop: Callable[[], bool] | None = None,
    world: Together | None = None,
) -> Judgement:
    """Judge a run on its test split, unless that was done; a test that was stopped goes on.

    load: its classifier, called if it is needed. Of several processes each judges its share, the main one writes, and all get
    the judgement. Raises Stopped once `stop()` is true; `on_progress` may raise too.
    """
    main = world is None or world.rank == 0
    before = told_test(folder) if main else None
    done = before is not None and is_evaluation(folder.path / TEST)
    if world is not None and world.size > 1:
        done = world.any(done)
    if not done:
        about = about_test(folder.config()) if main else {}
        found = predict_together(world, load(), pictures, protocol, on_progress, folder.path / TEST, about, stop)
        if found is not None and before is None:
            before = judged(found)
            log = folder.events()
            log.append({"event": "test", "step": folder.config().steps, **before.to_json()})
            log.close()
    if world is not None and world.size > 1:
        before = Judgement.from_json(world.collect([before.to_json()] if before is not None else [])[0])
    assert before is not None
    return before
