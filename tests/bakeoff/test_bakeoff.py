"""Bake-offs from the command: the ranking recounted, gone on with, extended, with failures; the test split under seal."""

import errno
import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from neocog.bakeoff import trial
from neocog.bakeoff.plan import read_plan, write_plan
from neocog.pictures.sealed import SealBroken, Sealed, sealed
from neocog.pictures.sets import Dataset

from .conftest import Bake
from .recount import check


def test_it_is_ranked_gone_on_with_and_extended(bake: Bake, few: Path, tmp_path: Path):
    out = tmp_path / "out"
    fast = ("--nets", "linear,perceptron", "--steps", 20, "--threads", 1)
    code, first = bake(few, *fast, "--seeds", 2, "--out", out)
    assert code == 0 and [row["n"] for row in first["ranking"]] == [200, 200]
    print(check(out))
    events = {run: (run / "events.jsonl").read_bytes() for run in (out / "runs").iterdir()}
    assert {run.name for run in events} == {f"{net}-s{seed}" for net in ("linear", "perceptron") for seed in (0, 1)}

    code, again = bake(few, *fast, "--seeds", 2, "--out", out)
    assert code == 0 and again == first  # to the last figure: nothing was trained, tested or measured again
    code, _ = bake(few, "--out", out, "--nets", "mlp", "--resume")
    assert code == 0 and check(out)
    code, more = bake(few, "--out", out, "--seeds", 3, "--resume")
    assert code == 0 and check(out)
    assert [row["seeds"] for row in more["ranking"]] == [3, 3, 3] and len(more["pairs"]) == 3
    assert {run: (run / "events.jsonl").read_bytes() for run in events} == events  # the old trainings were not touched
    steps = [json.loads((out / "runs" / f"mlp-s{seed}" / "config.json").read_text())["steps"] for seed in range(3)]
    splits = {json.loads((run / "config.json").read_text())["data"]["split_seed"] for run in (out / "runs").iterdir()}
    assert steps == [20, 20, 20] and splits == {0}


def test_one_that_fails_is_told_and_does_not_stop_the_others(
    bake: Bake, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    real = trial.train_run

    def breaks(resolved: Any, *args: Any) -> Any:
        if resolved.config.net == "perceptron":
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return real(resolved, *args)

    monkeypatch.setattr(trial, "train_run", breaks)
    nets = ("--nets", "linear,perceptron,context.basic", "--steps", 5, "--seeds", 1)
    code, found = bake(few, *nets, "--out", tmp_path / "out")
    assert code == 3 and [row["net"] for row in found["ranking"]] == ["linear"] and check(tmp_path / "out")
    assert {bad["net"]: bad["seed"] for bad in found["failed"]} == {"perceptron": 0, "context.basic": None}
    monkeypatch.setattr(trial, "train_run", real)
    code, found = bake(few, "--out", tmp_path / "out")  # what failed is tried again
    assert code == 3 and {row["net"] for row in found["ranking"]} == {"linear", "perceptron"}


def test_who_asks_for_another_bakeoff_in_the_same_folder_is_told(bake: Bake, few: Path, tmp_path: Path, capsys: Any):
    from neocog.cli import main

    out = tmp_path / "out"
    assert bake(few, "--nets", "linear", "--steps", 5, "--seeds", 1, "--out", out)[0] == 0
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("keep")
    for words, complaint in (
        (("--nets", "mlp", "--out", out), "--resume adds"),
        (("--steps", 7, "--out", out, "--resume"), "begun with a length of 5 steps"),
        (("--protocol", "10crop@40", "--out", out), "the protocol 1crop"),
        (("--nets", "linear", "--out", tmp_path / "full"), "something else"),
        (("--out", tmp_path / "nowhere", "--resume"), "no bake-off"),
        (("--nets", "lenet9", "--out", tmp_path / "new"), "unknown net"),
        (("--ray", "local", "--jobs", 2), "give one of them"),
        (("--nets", ","), "names no network"),
    ):
        capsys.readouterr()
        assert main(["bakeoff", str(few), *map(str, words)]) == 2
        said = capsys.readouterr().err
        assert complaint in said and "Traceback" not in said, said
    assert [f.name for f in (tmp_path / "full").iterdir()] == ["mine.txt"]


def test_what_is_misspelt_is_told_before_anything_is_read(tmp_path: Path, capsys: Any):
    from neocog.cli import main

    for words, complaint in (
        (("--nets", "linear,hog-smv"), "did you mean hog-svm"),
        (("--protocol", "1corp"), "unknown protocol"),
    ):
        assert main(["bakeoff", str(tmp_path / "there is no such folder"), *words]) == 2
        assert complaint in capsys.readouterr().err


def test_a_network_by_its_other_names_takes_part_once(bake: Bake, few: Path, tmp_path: Path):
    """Its runs, which are trained already, are not begun anew either."""
    out, short = tmp_path / "out", ("--steps", 2, "--seeds", 1, "--threads", 1)
    code, found = bake(few, "--nets", "linear,linear", "--nets", "INPUT FC", "--nets", "INPUT  FC", *short, "--out", out)
    assert code == 0 and {row["net"] for row in found["ranking"]} == {"linear", "INPUT FC"}
    plan, config = read_plan(out), (out / "runs" / "linear-s0" / "config.json").read_bytes()
    assert plan.nets == ("linear", "INPUT FC")
    entries = (replace(plan.entries[0], asked="line"), plan.entries[1])
    write_plan(out, replace(plan, nets=("line", "INPUT FC"), entries=entries))
    code, found = bake(few, "--nets", "linear", "--out", out, "--resume")  # it was asked for by another name before
    assert code == 3 and [bad["error"] for bad in found["failed"]] == ["is linear here, which takes part already"]
    assert (out / "runs" / "linear-s0" / "config.json").read_bytes() == config


def test_a_plan_that_was_edited_by_hand(bake: Bake, few: Path, tmp_path: Path, capsys: Any):
    from neocog.cli import main

    out = tmp_path / "out"
    bake(few, "--nets", "linear", "--steps", 2, "--seeds", 1, "--out", out)
    plan = read_plan(out).to_json()
    for key, value in (("nets", []), ("seeds", ["0"]), ("seeds", [0, 0]), ("threads", 0), ("data", {}), ("entries", [3])):
        (out / "bakeoff.json").write_text(json.dumps({**plan, key: value}))
        capsys.readouterr()
        assert main(["bakeoff", str(few), "--out", str(out)]) == 2
        assert "bakeoff.json is damaged" in capsys.readouterr().err


def test_two_at_once_and_a_disk_that_is_full(
    bake: Bake, few: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch
):
    from filelock import FileLock

    from neocog.bakeoff import bake as baking
    from neocog.cli import main

    out = tmp_path / "out"
    asked = (few, "--nets", "linear", "--steps", 2, "--seeds", 1, "--out", out)
    assert bake(*asked)[0] == 0
    with FileLock(out / ".lock"):
        assert main(["bakeoff", *map(str, asked)]) == 2
    assert "another process is at work" in capsys.readouterr().err
    before = (out / "result.json").read_bytes()

    def full(path: Path, value: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(baking, "write_json", full)
    assert main(["bakeoff", *map(str, asked)]) == 2
    assert "no space left on device; free some space" in capsys.readouterr().err
    assert (out / "result.json").read_bytes() == before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
def test_who_is_stopped_while_it_measures_goes_on_later(
    bake: Bake, few: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch, number: int, code: int
):
    """As when the signal reaches all processes of the group: the one that weighs a network dies of it too."""
    from neocog.bakeoff import measure
    from neocog.cli import main
    from neocog.errors import UserError

    def struck(run: Path, pixels: object) -> tuple[float, float]:
        os.kill(os.getpid(), number)
        raise UserError(f"{run}: a process that loads it failed: nothing was said")

    kept = measure.memory
    monkeypatch.setattr(measure, "memory", struck)
    asked = (few, "--nets", "linear", "--steps", 2, "--seeds", 1, "--out", tmp_path / "out")
    assert main(["bakeoff", *map(str, asked)]) == code
    said = capsys.readouterr().err
    assert "nothing is lost" in said and "--resume" in said and "failed" not in said
    monkeypatch.setattr(measure, "memory", kept)
    assert bake(*asked)[0] == 0


def data_of(spec: Path) -> Dataset:
    from neocog.pictures import load_data

    return load_data(spec)


def test_a_seal_lets_nothing_out_but_the_count(few: Path):
    data = data_of(few)
    assert data.test is not None
    under = sealed(data)
    assert sealed(under) is under and isinstance(under.test, Sealed)
    assert len(under.test) == 200 and under.test.classes == data.classes and under.test.open() is data.test
    for look in (
        lambda t: t.picture(0),
        lambda t: t.header(0),
        lambda t: t.source(0),
        lambda t: t.labels,
        lambda t: t.name(0),  # cats/1.png
        lambda t: t.arrays,
        lambda t: t.subset([1, 2]).picture(0),
    ):
        with pytest.raises(SealBroken, match="until the training is over"):
            look(under.test)


def test_nothing_reads_the_test_split_before_its_training_is_over(
    bake: Bake, few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Planning and training get it sealed: a look is an error; the seal is broken once a run, when its weights are final."""
    opened: list[bool] = []
    real = Sealed.open

    def watched(self: Sealed) -> Any:
        finished = [run for run in (tmp_path / "out" / "runs").iterdir() if (run / "last.safetensors").exists()]
        opened.append(len(finished) == len(opened) + 1 and not any((run / "state.safetensors").exists() for run in finished))
        return real(self)

    monkeypatch.setattr(Sealed, "open", watched)
    assert bake(few, "--nets", "linear,perceptron", "--steps", 5, "--seeds", 2, "--out", tmp_path / "out")[0] == 0
    assert opened == [True] * 4

    def peeks(resolved: Any, data: Dataset, *args: Any) -> Any:
        assert data.test is not None
        data.test.picture(0)

    monkeypatch.setattr(trial, "train_run", peeks)
    plan = read_plan(tmp_path / "out")
    (tmp_path / "out" / "runs" / "linear-s0" / "last.safetensors").unlink()
    outcome = trial.trial(tmp_path / "out", "linear", 0, trial.load(plan))
    assert outcome.error is not None and "under seal" in outcome.error and len(opened) == 4


def test_the_plan_survives_json(bake: Bake, few: Path, tmp_path: Path):
    from neocog.bakeoff.plan import Plan

    bake(few, "--nets", "linear,lenet5", "--steps", 2, "--seeds", 1, "--out", tmp_path / "out")
    plan = read_plan(tmp_path / "out")
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    assert plan.entry("lenet5").rule == "28×28 pictures padded with black to 32×32, the size it was made for"
    assert plan.with_entry(replace(plan.entry("lenet5"), failed="why")).trainings == (("linear", 0),)
