"""Several processes, on one machine and on two: the result of one, whoever is killed on the way."""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from neocog.cli.launch import _check
from neocog.runs import read_events
from neocog.weights import read_safetensors

from .command import ONE_THREAD, SCRIPT, Result

pytest.importorskip("accelerate", reason="several processes need accelerate")
NET = "INPUT [CONV 3x3 8 BN TANH POOL avg 2]*2 GAP FC"  # smooth: no kink or tie turns the last bit of a sum into a jump
RUN = ("--net", NET, "--steps", "120", "--batch", "45", "--lr", "0.05", "--augment", "crop", "--precision", "fp32")


class Command:
    """A command on its way, in a network namespace or not. It and what it starts are ended with the test."""

    def __init__(self, *args: object, host: str | None = None):
        inside = ("ip", "netns", "exec", host) if host else ()
        pipe, words = subprocess.PIPE, [*inside, str(SCRIPT), *map(str, args)]
        env = {**os.environ, **ONE_THREAD, "NEOCOG_PATIENCE": "3"}
        self.process = subprocess.Popen(words, stdout=pipe, stderr=pipe, text=True, env=env, start_new_session=True)

    def wait(self, seconds: float = 400) -> Result:
        try:
            out, err = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            out, err = self.process.communicate(timeout=60)
            raise AssertionError(f"not done after {seconds} s:\n{out}{err}") from None
        return Result(self.process.returncode, out, err)

    def until(self, seen: Callable[[], bool], seconds: float = 200) -> None:
        end = time.monotonic() + seconds
        while not seen():
            assert self.process.poll() is None, self.wait().text
            assert time.monotonic() < end, "nothing happened"
            time.sleep(0.05)

    def children(self) -> list[int]:
        """The processes that it started."""
        return [int(pid) for pid in Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()]


def steps(run: Path) -> int:
    events = list(read_events(run / "events.jsonl"))
    return max((e["step"] for e in events if e["event"] == "step"), default=0)


def same(run: Path, other: Path, exactly: bool) -> None:
    """Same weights (bit for bit, or but for the order of sums), same validations, and n exact."""
    ours, theirs = (read_safetensors(folder / "last.safetensors")[0] for folder in (run, other))
    assert ours.keys() == theirs.keys()
    for key, value in theirs.items():
        if exactly:
            assert np.array_equal(ours[key].numpy(), value.numpy()), key
        else:
            np.testing.assert_allclose(ours[key].numpy(), value.numpy(), rtol=1e-4, atol=1e-5, err_msg=key)
    judged = [
        [(e["step"], e["n"]) for e in read_events(folder / "events.jsonl") if e["event"] == "validation"]
        for folder in (run, other)
    ]
    assert judged[0] == judged[1] and len(judged[0]) > 5
    tests = [[e for e in read_events(folder / "events.jsonl") if e["event"] == "test"] for folder in (run, other)]
    assert [len(found) for found in tests] == [1, 1] and tests[0][0]["n"] == tests[1][0]["n"] == 200


@pytest.fixture(scope="module")
def one(idx: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of it."""
    run = tmp_path_factory.mktemp("one") / "run"
    Command("train", idx, *RUN, "--out", run).wait().check(0)
    return run


@pytest.fixture(scope="module")
def two(idx: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes make of it, undisturbed."""
    run = tmp_path_factory.mktemp("two") / "run"
    done = Command("launch", "-n", 2, "train", idx, *RUN, "--out", run).wait().check(0)
    assert done.out.count("test: ") == 1 and not [line for line in done.err.splitlines() if "Warning" in line], done.text
    return run


@pytest.mark.slow
def test_two_processes_are_as_one(idx, one, two):
    same(two, one, exactly=False)
    judged = [Command(*start, "evaluate", two, idx, "--json").wait().check(0).json() for start in ((), ("launch", "-n", 3))]
    assert judged[0] == judged[1] and judged[1]["n"] == 200


@pytest.mark.slow
def test_a_killed_process_is_replaced(idx, two, tmp_path):
    going = Command("launch", "-n", 2, "train", idx, *RUN, "--out", tmp_path / "run")
    going.until(lambda: steps(tmp_path / "run") > 40)
    os.kill(going.children()[1], signal.SIGKILL)
    done = going.wait().check(0)
    assert "a process was lost" in done.err and "restart 1" in done.err
    same(tmp_path / "run", two, exactly=True)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signals_save_once_and_can_be_resumed(idx, two, tmp_path, number, code):
    run = tmp_path / "run"
    going = Command("launch", "-n", 2, "train", idx, *RUN, "--out", run)
    going.until(lambda: steps(run) > 30)
    going.process.send_signal(number)
    done = going.wait().check(code)
    assert done.err.count("--resume") == 1 and "neocog launch -n 2 train" in done.err and (run / "state.safetensors").exists()
    Command("launch", "-n", 2, "train", idx, "--out", run, "--resume").wait().check(0)
    same(run, two, exactly=True)


@pytest.mark.slow
def test_weights_may_be_divided(idx, one, tmp_path):
    """FSDP2, stopped and resumed; the run folder is like any other."""
    run = tmp_path / "run"
    going = Command("launch", "-n", 2, "train", idx, *RUN, "--shard", "--out", run)
    going.until(lambda: steps(run) > 30)
    going.process.send_signal(signal.SIGTERM)
    going.wait().check(0)
    Command("train", idx, "--out", run, "--resume").wait().check(0)
    same(run, one, exactly=False)


@pytest.mark.slow
def test_torchrun_works_too(idx, two, tmp_path):
    start = (sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "neocog.cli")
    words = (*start, "train", idx, *RUN, "--out", tmp_path / "run")
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **ONE_THREAD}, check=False)
    assert done.returncode == 0, done.stderr
    same(tmp_path / "run", two, exactly=True)


@pytest.mark.slow
def test_mistakes_are_told_once(idx, two, tmp_path):
    for words, args in (
        ("unrecognized", ("digits", "--nonsense")),
        ("unknown data set", ("nosuchdata",)),
        ("holds a run already", (idx, "--out", two)),
    ):
        Command("launch", "-n", 2, "train", *args).wait().complaint(words)


def test_what_cannot_be_launched(neocog):
    neocog("launch", "-n", 2, "predict", "x").complaint("predict runs in one process")
    neocog("launch", "-n", 0, "train", "x").complaint("-n")
    neocog("launch", "-n", 1, "--nnodes", 2, "train", "x").complaint("--master HOST:PORT")
    neocog("launch", "-n", 1, "--nnodes", 2, "--node-rank", 2, "--master", "a:1", "train", "x").complaint("--node-rank")
    neocog("launch", "-n", 1, "--nnodes", 2, "--master", "a:1", "train", "x").complaint("--out")
    args = argparse.Namespace(verb="train", processes=1, nnodes=2, node_rank=0, max_restarts=0, master="a:1", rest=["--out=x"])
    assert _check(args) == ("a", 1)


HOSTS = tuple(f"neocog{os.getpid()}{name}" for name in "ab")
ADDRESSES = ("10.213.77.1", "10.213.77.2")


@pytest.fixture
def hosts() -> Iterator[tuple[str, str]]:
    """Two network namespaces with a cable between them: as far as the network goes, two machines."""

    def ip(*args: str) -> None:
        subprocess.run(["ip", *args], check=True, capture_output=True)

    try:
        for host in HOSTS:
            ip("netns", "add", host)
        ip("link", "add", "nc0", "netns", HOSTS[0], "type", "veth", "peer", "name", "nc0", "netns", HOSTS[1])
        for host, address in zip(HOSTS, ADDRESSES, strict=True):
            ip("-n", host, "addr", "add", f"{address}/24", "dev", "nc0")
            for device in ("lo", "nc0"):
                ip("-n", host, "link", "set", device, "up")
    except (OSError, subprocess.CalledProcessError) as error:
        for host in HOSTS:
            subprocess.run(["ip", "netns", "del", host], check=False, capture_output=True)
        pytest.skip(f"network namespaces need root and iproute2: {error}")
    yield HOSTS[0], HOSTS[1]
    for host in HOSTS:
        end(host)
        ip("netns", "del", host)


def end(host: str) -> None:
    """Kill all that runs on a host, at once, as when its plug is pulled."""
    for pid in subprocess.run(["ip", "netns", "pids", host], capture_output=True, text=True, check=True).stdout.split():
        os.kill(int(pid), signal.SIGKILL)


def launch(hosts: tuple[str, str], rank: int, idx: Path, run: Path) -> Command:
    place = ("--nnodes", 2, "--node-rank", rank, "--master", f"{ADDRESSES[0]}:29471")
    return Command("launch", "-n", 2, *place, "train", idx, *RUN, "--out", run, host=hosts[rank])


@pytest.mark.slow
def test_two_hosts_are_as_one_process_and_one_of_them_may_die(hosts, idx, one, tmp_path):
    """Two processes on each of two hosts. Then the same with host 1 killed on the way and brought back, then host 0."""
    going = [launch(hosts, rank, idx, tmp_path / "whole") for rank in (1, 0)]
    done = [command.wait().check(0) for command in going]
    assert sum(result.out.count("test: ") for result in done) == 1
    same(tmp_path / "whole", one, exactly=False)

    run = tmp_path / "run"
    going = [launch(hosts, rank, idx, run) for rank in (0, 1)]
    for dead, at in ((1, 40), (0, 80)):
        going[1 - dead].until(lambda at=at: steps(run) > at)
        end(hosts[dead])
        going[dead].wait()
        time.sleep(1)
        going[dead] = launch(hosts, dead, idx, run)
    results = [command.wait().check(0) for command in going]
    assert any("a process was lost" in result.err for result in results)
    same(run, tmp_path / "whole", exactly=True)
