"""A training on a stream: from the first command to the test, stopped, cut off and gone on with."""

import random
import signal

import pytest

from tests.pictures.test_stream import parquet

from .command import assert_same_weights

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
