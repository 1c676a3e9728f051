"""A training on a stream: from the first command to the test, stopped, cut off and gone on with."""

import os
import random
import signal
import subprocess
import sys
import time

import pytest

from tests.pictures.test_stream import parquet

from .command import ONE_THREAD, assert_same_weights

NET = ("--net", "tiny", "--size", "28", "--batch", 16, "--epochs", 6)


@pytest.fixture(scope="module")
def stream(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"stream:{parquet(tmp_path_factory.mktemp('stream') / 'set', split_sizes=(400, 60))}"


def test_a_stopped_training_goes_on_to_the_same_end(neocog, stream, tmp_path):
    neocog("train", stream, *NET, "--out", tmp_path / "whole").check(0)
    dice, run = random.Random(4), tmp_path / "run"
    going = neocog.start("train", stream, *NET, "--out", run)
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL):
        going.until(lambda: (run / "events.jsonl").exists() and dice.random() < 0.02)
        going.kill(number)
        assert "Traceback" not in going.wait().text
        going = neocog.start("train", stream, "--out", run, *(("--resume",) if run.exists() else NET))
    going.wait().check(0)
    assert_same_weights(run, tmp_path / "whole")
    assert "n 60" in neocog("evaluate", run, stream).check(0).out


SLOW = """
import sys, time
from neocog.cli import main
from neocog.pictures.store import Store
from neocog.pictures.stream import Tables
Store.__init__.__defaults__ = (0, 0)  # nothing is held in memory
fetch = Tables.__call__
Tables.__call__ = lambda self, block: (time.sleep(0.2), fetch(self, block))[1]
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize(("steps", "number", "code"), [(2, None, 0), (500, signal.SIGTERM, 0), (500, signal.SIGINT, 130)])
def test_a_process_ends_well_while_pictures_are_on_their_way(stream, tmp_path, steps, number, code):
    """Threads that fetch are inside of libraries that do not survive an interpreter's end."""
    run = tmp_path / "run"
    command = [
        sys.executable,
        "-c",
        SLOW,
        "train",
        stream,
        "--net",
        "lenet5.modern",
        "--size",
        "32",
        "--batch",
        "8",
        "--out",
        run,
    ]
    env = {**os.environ, **ONE_THREAD, "NEOCOG_CACHE": str(tmp_path / "cache")}
    going = subprocess.Popen([*map(str, command), "--steps", str(steps)], env=env, stderr=subprocess.PIPE, text=True)
    if number is not None:
        events = run / "events.jsonl"
        while not events.exists() and going.poll() is None:
            time.sleep(0.05)
        time.sleep(1)
        going.send_signal(number)
    assert going.wait(120) == code, going.stderr.read()
