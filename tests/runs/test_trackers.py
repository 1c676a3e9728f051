"""Dashboards get a run's figures; none of them can stop it."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from neocog.errors import UserError
from neocog.nets import Recipe
from neocog.runs.trackers import Foreign, TensorBoard, Trackers, trackers

EVENTS = [
    {"event": "start", "step": 0, "steps": 8},
    *(
        {"event": "step", "step": s, "loss": 1 / s, "top1": 10.0 * s, "lr": 0.1, "images_per_s": 5, "time": 1.0}
        for s in (2, 4, 6)
    ),
    {"event": "resume", "step": 4},
    {"event": "step", "step": 6, "loss": 9.0, "top1": 60.0, "lr": 0.1, "images_per_s": 5},
    {"event": "validation", "step": 6, "top1": 50.0, "loss": None, "best": True, "n": 100},
]


def test_tensorboard_shows_the_events_and_not_the_steps_taken_twice(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    said: list[str] = []
    with Trackers([TensorBoard(tmp_path / "tb")], said.append) as track:
        for event in EVENTS:
            track(event)
    shown = EventAccumulator(str(tmp_path / "tb"))
    shown.Reload()
    assert [(e.step, e.value) for e in shown.Scalars("train/loss")] == [(2, 0.5), (4, 0.25), (6, 9.0)]
    assert [e.value for e in shown.Scalars("validation/top1")] == [50.0]
    assert "validation/n" not in shown.Tags()["scalars"] and "validation/best" not in shown.Tags()["scalars"] and not said


class Broken:
    name = "broken"

    def __init__(self, at: str):
        self.at, self.calls = at, []

    def _call(self, what: str) -> None:
        self.calls.append(what)
        if what == self.at:
            raise RuntimeError("no\nroute")

    def begin(self, step: int) -> None:
        self._call("begin")

    def figures(self, values: dict[str, float], step: int) -> None:
        self._call("figures")

    def end(self) -> None:
        self._call("end")


@pytest.mark.parametrize("at", ["begin", "figures", "end"])
def test_a_tracker_that_fails_is_told_of_once_and_left_out(at):
    said: list[str] = []
    bad, good = Broken(at), Broken("never")
    with Trackers([bad, good], said.append) as track:
        for event in EVENTS:
            track(event)
    assert said == ["broken has no more figures of this run: no route"]
    assert bad.calls.count(at) == 1 and bad.calls[-1] == at
    assert good.calls.count("figures") == 5 and good.calls[-1] == "end"


def test_which_trackers(tmp_path, monkeypatch):
    config = SimpleNamespace()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert trackers(None, tmp_path, config) == [] and trackers(["none"], tmp_path, config) == []
    with pytest.raises(UserError, match="pip install wandb"):
        trackers(["wandb"], tmp_path, config)
    with pytest.raises(UserError, match="did you mean mlflow"):
        trackers(["mlfow"], tmp_path, config)


def test_others_go_through_accelerate(tmp_path: Path, monkeypatch):
    tracking = pytest.importorskip("accelerate.tracking")
    calls: list[tuple] = []

    class Fake:
        requires_logging_directory = False

        def __init__(self, name: str):
            calls.append(("new", name))

        def start(self) -> None:
            calls.append(("start",))

        def store_init_configuration(self, values: dict) -> None:
            calls.append(("config", values["net"], values["recipe.lr"]))

        def log(self, values: dict, step: int) -> None:
            calls.append(("log", step))

        def finish(self) -> None:
            calls.append(("finish",))

    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "wandb", Fake)
    config = SimpleNamespace(net="lenet5", data={}, seed=0, steps=8, precision="fp32", recipe=Recipe(lr=0.5))
    with Trackers([Foreign("wandb", tmp_path, config)], lambda words: pytest.fail(words)) as track:
        for event in EVENTS:
            track(event)
    assert calls == [
        ("new", "neocog"),
        ("start",),
        ("config", "lenet5", 0.5),
        *[("log", s) for s in (2, 4, 6, 6, 6)],
        ("finish",),
    ]
