"""Interrupted, killed, resumed: nothing is lost, nothing corrupt, and the end is that of the run that nobody stopped."""

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from neocog.pictures.embedded import digits
from neocog.runs import load_predictor, read_events
from neocog.weights import read_safetensors

from .command import ONE_THREAD, SCRIPT, Running, Server, assert_same_weights, real

SGD = ("--net", "tiny", "--batch", 32, "--epochs", 12)
NETS = {"tiny": SGD, "perceptron": ("--net", "perceptron", "--epochs", 40)}


@pytest.fixture(scope="module")
def whole(neocog: Server, idx: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs that nobody stopped, by net."""
    root = tmp_path_factory.mktemp("whole")
    for net, options in NETS.items():
        neocog("train", idx, *options, "--out", root / net).check(0)
    return {net: root / net for net in NETS}


def steps(run: Path, kind: str) -> list[int]:
    return [e["step"] for e in read_events(run / "events.jsonl") if e["event"] == kind]


def check(run: Path, leftovers: bool = False) -> None:
    """What a run folder must be at any moment."""
    json.loads((run / "config.json").read_text())
    for kind in ("step", "validation", "pass", "test", "trained"):
        seen = steps(run, kind)
        assert seen == sorted(set(seen)), f"{kind}: steps {seen} do not increase"
    for name in ("best.safetensors", "last.safetensors", "state.safetensors"):
        if (run / name).exists():
            read_safetensors(run / name)
    if (run / "best.safetensors").exists():
        load_predictor(run)
    if not leftovers:
        assert not [p.name for p in run.iterdir() if p.name.startswith(".")]


def same_end(run: Path, expected: Path) -> None:
    """`run` ended as `expected` did: weights, the events that count, the test."""
    for name in ("last.safetensors", "best.safetensors"):
        assert_same_weights(run, expected, name)
    timeless = ("time", "images_per_s")
    keep = ("step", "validation", "pass", "trained", "test")
    ours, theirs = (
        [{k: v for k, v in e.items() if k not in timeless} for e in read_events(folder / "events.jsonl") if e["event"] in keep]
        for folder in (run, expected)
    )
    assert ours == theirs
    assert not (run / "state.safetensors").exists()


def begun(run: Path):
    """Whether there is something to resume: before that the same command simply begins anew."""
    return lambda: (run / "config.json").exists()


def logged(run: Path, count: int):
    """Whether the run's log has so many lines."""
    events = run / "events.jsonl"
    return lambda: events.exists() and events.read_bytes().count(b"\n") >= count


def random_moment(going: Running, run: Path, dice: random.Random, most: int) -> bool:
    """Wait for a moment between the first line of the run's log and `most` lines on; False if the command ended first."""
    events = run / "events.jsonl"
    before = events.read_bytes().count(b"\n") if events.exists() else 0
    if not (going.until(begun(run)) and going.until(logged(run, before + dice.randint(0, most)))):
        return False
    time.sleep(dice.random() * 0.01)
    return True


MOST = {"tiny": 50, "perceptron": 8}


def stop_and_go(
    neocog: Server, idx: Path, run: Path, net: str, number: int, code: int, dice: random.Random, times: int
) -> Counter:
    """Stop the run at `times` random moments with a signal that it answers with `code`, go on each time, and end it."""
    ends = Counter()
    going = neocog.start("train", idx, *NETS[net], "--out", run)
    for _ in range(times):
        random_moment(going, run, dice, MOST[net])
        going.kill(number)
        result = going.wait()
        assert "Traceback" not in result.text and result.code in (code, 0), result
        ends[result.code] += 1
        if result.code == 130:  # before the command listens there is nothing to tell, nor to lose
            assert f"neocog train {idx} --out {run} --resume" in result.err or result.err.strip() == "neocog: interrupted"
            ends["told"] += "--resume" in result.err
        check(run)
        going = neocog.start("train", idx, "--out", run, "--resume")
    going.wait().check(0)
    return ends


@pytest.mark.parametrize("net", NETS)
def test_ctrl_c_at_random_moments(neocog, idx, tmp_path, whole, net):
    ends = stop_and_go(neocog, idx, tmp_path / "run", net, signal.SIGINT, 130, random.Random(net), 4)
    assert ends["told"] >= 1, "not one moment hit the training"
    same_end(tmp_path / "run", whole[net])


def test_sigterm_saves_and_exits_0(neocog, idx, tmp_path, whole):
    run = tmp_path / "run"
    going = neocog.start("train", idx, *SGD, "--out", run)
    assert going.until(logged(run, 5))
    going.kill(signal.SIGTERM)
    result = going.wait().check(0)
    assert "--resume" in result.err and "test:" not in result.out
    assert (run / "state.safetensors").exists() and not (run / "last.safetensors").exists()
    stop_and_go(neocog, idx, tmp_path / "more", "tiny", signal.SIGTERM, 0, random.Random(1), 3)
    neocog("train", idx, "--out", run, "--resume").check(0)
    for one in (run, tmp_path / "more"):
        same_end(one, whole["tiny"])


def test_ctrl_c_in_the_first_step(neocog, idx, tmp_path, whole):
    run = tmp_path / "run"
    going = neocog.start("train", idx, *SGD, "--out", run)
    assert going.until(logged(run, 1))  # "start" is written, the first step is being taken
    going.kill(signal.SIGINT)
    result = going.wait().check(130)
    assert "--resume" in result.err
    assert read_safetensors(run / "state.safetensors")[1]["step"] <= 3
    neocog("train", idx, "--out", run, "--resume").check(0)
    same_end(run, whole["tiny"])


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1,000 pictures in files, large enough that reading them takes a second or two."""
    from PIL import Image

    root = tmp_path_factory.mktemp("many") / "photos"
    images, labels = digits()
    for i in range(0, 5000, 15):
        folder = root / str(labels[i])
        folder.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(images[i]).resize((640, 640))
        for copy in range(3):
            picture.save(folder / f"{i}-{copy}.jpg")
    return root


def test_ctrl_c_while_pictures_are_read_is_heard_at_once(neocog, many, tmp_path):
    """Nothing is trained yet, so nothing can be lost: the run can be gone on with, or there is none and it says so."""
    run = tmp_path / "run"
    options = ("train", many, "--net", "tiny", "--size", 28, "--steps", 3, "--out", run)
    before = time.monotonic()
    neocog(*options).check(0)
    taken = time.monotonic() - before
    run.rename(tmp_path / "whole")
    going = neocog.start(*options)
    time.sleep(0.25 * taken)
    assert not run.exists(), "reading was over already"
    going.kill(signal.SIGINT)
    begin = time.monotonic()
    result = going.wait().check(130)
    waited = time.monotonic() - begin
    print(f"the command takes {taken:.2f} s; {waited:.2f} s after Ctrl-C it ended")
    if run.exists():
        assert "--resume" in result.err
        neocog("train", many, "--out", run, "--resume").check(0)
    else:
        assert "interrupted" in result.err or "stopped" in result.err
        neocog(*options).check(0)
    assert_same_weights(run, tmp_path / "whole")
    assert waited < 0.4 * taken, "it went on reading for as long as there were pictures"


def test_a_second_ctrl_c_stops_at_once(neocog, idx, tmp_path):
    run = tmp_path / "run"
    going = neocog.start("train", idx, *SGD, "--out", run)
    assert going.until(logged(run, 3))
    going.kill(signal.SIGINT)
    going.kill(signal.SIGINT)
    result = going.wait()
    assert "Traceback" not in result.text and result.code == 130
    check(run, leftovers=True)
    neocog("train", idx, "--out", run, "--resume").check(0)


def test_ctrl_c_elsewhere(neocog, finished, many, tmp_path):
    """Verbs with nothing to resume: 130, one line."""
    for args in (("predict", finished, many), ("evaluate", finished, many)):
        going = neocog.start(*args)
        time.sleep(0.2)  # of a second or more
        going.kill(signal.SIGINT)
        result = going.wait()
        assert (result.code, result.err.strip()) == (130, "neocog: interrupted")
    going = neocog.start("demo", "--budget", "5s", "--out", tmp_path / "demo")
    assert going.until(lambda: "lenet5 (" in going.err)
    going.kill(signal.SIGINT)
    result = going.wait().check(130)
    assert "stopped" in result.out


def kill_and_go(
    neocog: Server, idx: Path, run: Path, net: str, dice: random.Random, times: int, most: int, patch: dict | None = None
) -> int:
    """SIGKILL at random moments, going on each time; how many hit a run that was not over."""
    hits = 0
    going = neocog.start("train", idx, *NETS[net], "--out", run, patch=patch)
    for _ in range(times):
        if not random_moment(going, run, dice, most):
            break
        going.kill(signal.SIGKILL)
        result = going.wait()
        assert result.code in (-9, 0), result
        hits += result.code == -9
        check(run, leftovers=True)
        going = neocog.start("train", idx, "--out", run, "--resume", patch=patch)
    going.wait().check(0)
    check(run, leftovers=True)
    return hits


@pytest.mark.parametrize("net", NETS)
def test_kill_9_at_random_moments(neocog, idx, tmp_path, whole, net):
    assert kill_and_go(neocog, idx, tmp_path / "run", net, random.Random(f"{net} 9"), 6, MOST[net]) >= 2
    same_end(tmp_path / "run", whole[net])


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("net", NETS)
def test_kill_9_at_many_random_moments(neocog, idx, tmp_path, whole, net, seed):
    kill_and_go(neocog, idx, tmp_path / "run", net, random.Random(seed), 30, MOST[net])
    same_end(tmp_path / "run", whole[net])


def test_kill_9_while_a_checkpoint_is_written(neocog, idx, tmp_path, whole):
    """With a checkpoint after every step, most moments are within one."""
    patch = {"neocog.train.sgd:SAVE_EVERY": 0.0}
    hits = kill_and_go(neocog, idx, tmp_path / "run", "tiny", random.Random(8), 8, 25, patch=patch)
    assert hits >= 4
    same_end(tmp_path / "run", whole["tiny"])
    left = [p.name for p in (tmp_path / "run").iterdir() if p.name.startswith(".")]
    assert not left, f"a finished run still holds the half-written {left}"


def test_killed_before_the_first_checkpoint(neocog, tmp_path):
    """Nothing is saved yet, so the run begins again; of the steps that were logged twice, the last count."""
    run, options = tmp_path / "run", ("train", "digits", "--net", "tiny", "--batch", 8, "--steps", 300)
    going = neocog.start(*options, "--out", run)
    assert going.until(logged(run, 30))
    going.kill(signal.SIGKILL)
    assert going.wait().code == -9 and not (run / "state.safetensors").exists()
    neocog("train", "digits", "--out", run, "--resume").check(0)
    check(run)
    neocog(*options, "--out", tmp_path / "whole").check(0)
    same_end(run, tmp_path / "whole")


def test_killed_while_the_folder_is_begun(neocog, idx, tmp_path):
    """The folder is there and a half-written configuration in it: the same command, or --resume, works."""
    run = tmp_path / "run"
    run.mkdir()
    (run / ".config.json.x1y2z3.part").write_text('{"schema": 1, "net"')
    again = neocog("train", idx, *SGD, "--out", run)
    assert again.code == 0, again.err


@pytest.mark.parametrize("net", NETS)
def test_killed_between_the_last_step_and_the_end(neocog, idx, tmp_path, whole, net):
    """Writing the best and the last weights each stand for a moment in which to be killed."""
    for name in ("BEST", "LAST"):
        run = tmp_path / name
        # no file name: the command dies there of a fault of ours, with nothing caught in between
        broken = neocog("train", idx, *NETS[net], "--out", run, patch={f"neocog.train.session:{name}": 0})
        assert broken.code == 1 and "Traceback" in broken.err
        neocog("train", idx, "--out", run, "--resume").check(0)
        same_end(run, whole[net])


def test_resume_does_not_measure_the_budget_again(neocog, idx, tmp_path):
    run = tmp_path / "run"
    going = neocog.start("train", idx, "--net", "tiny", "--budget", "3s", "--out", run)
    assert going.until(logged(run, 10))
    going.kill(signal.SIGKILL)
    going.wait()
    config = (run / "config.json").read_bytes()
    count = json.loads(config)["steps"]
    assert neocog("train", idx, "--out", run, "--resume", "--json").check(0).json()["steps"] == count
    assert (run / "config.json").read_bytes() == config and steps(run, "trained") == [count]
    assert count > 10 and steps(run, "step")[-1] == count


@pytest.mark.slow
def test_signals_from_the_start_of_the_interpreter_on(idx, tmp_path):
    """The installed script: SIGINT at any moment after the command has begun is 130, with no traceback."""
    dice, seen = random.Random(5), Counter()
    for i in range(30):
        run = tmp_path / f"run{i}"
        going = subprocess.Popen(
            [SCRIPT, "train", idx, "--net", "lenet5.modern", "--epochs", "20", "--out", run],
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **ONE_THREAD},
        )
        time.sleep(0.15 + dice.random() * 6)
        going.send_signal(signal.SIGINT)
        out, err = going.communicate()
        assert "Traceback" not in out + err, err
        assert going.returncode in (0, 130), err
        seen[going.returncode] += 1
        if run.exists():
            real("train", idx, "--out", run, "--resume").check(0)
    assert seen[130] >= 10
