"""The same table whoever trains: one process, several, a Ray cluster; whatever is killed on the way."""

import json
import os
import random
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command import ONE_THREAD, SCRIPT

from .conftest import Bake, table
from .recount import check

pytestmark = pytest.mark.slow

ASKED = ("--nets", "linear,perceptron,lenet5.modern", "--steps", "120", "--seeds", "2", "--threads", "1")


@pytest.fixture(scope="module")
def untouched(few: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The table of a serial bake-off that nobody disturbed."""
    out = tmp_path_factory.mktemp("untouched") / "out"
    subprocess.run([SCRIPT, "bakeoff", few, *ASKED, "--out", out, "--json"], check=True, capture_output=True)
    return result(out)


def result(out: Path) -> list[Any]:
    print(check(out))
    return table(json.loads((out / "result.json").read_text("utf-8")))


def test_processes(bake: Bake, few: Path, tmp_path: Path, untouched: list[Any]):
    assert bake(few, *ASKED, "--jobs", 2, "--out", tmp_path / "out")[0] == 0
    assert result(tmp_path / "out") == untouched


@pytest.mark.parametrize("jobs", [1, 2])
def test_killed_at_random(few: Path, tmp_path: Path, untouched: list[Any], jobs: int):
    """SIGKILL, SIGINT and SIGTERM at random moments, from planning to measuring; the same command goes on each time."""
    command = [SCRIPT, "bakeoff", few, *ASKED, "--jobs", str(jobs), "--out", tmp_path / "out", "--json"]
    dice, stages, begin = random.Random(jobs), set[str](), time.monotonic()
    span = 3.0
    while True:
        assert time.monotonic() - begin < 1200, "it does not get on"
        going = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                 env={**os.environ, **ONE_THREAD})  # fmt: skip
        try:
            going.communicate(timeout=span * dice.random())
        except subprocess.TimeoutExpired:
            number = dice.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM))
            going.send_signal(number)
            _, err = going.communicate()
            assert b"Traceback" not in err, err.decode()
            runs = list((tmp_path / "out" / "runs").glob("*/events.jsonl"))
            stages.add("training" if runs else "before")
            if (tmp_path / "out" / "bakeoff.json").exists():
                json.loads((tmp_path / "out" / "bakeoff.json").read_text("utf-8"))
            span *= 1.2  # so that it ends
            continue
        assert going.returncode == 0
        break
    assert stages == {"before", "training"}
    assert result(tmp_path / "out") == untouched


def test_a_ray_cluster_of_two_nodes_of_which_one_dies(bake: Bake, few: Path, tmp_path: Path, untouched: list[Any]):
    pytest.importorskip("ray", reason="Ray is not installed (the extra ray)")
    import ray
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
        assert bake(few, *ASKED, "--ray", cluster.address, "--out", tmp_path / "whole")[0] == 0
        assert result(tmp_path / "whole") == untouched

        def strike() -> None:
            """Once a training of many steps is on its way on each node, take one away."""
            end = time.monotonic() + 300
            while time.monotonic() < end:
                logs = (tmp_path / "struck" / "runs").glob("*/events.jsonl")
                if sum('"event": "step"' in log.read_text() for log in logs) >= 2:
                    cluster.remove_node(nodes.pop(), allow_graceful=False)
                    return
                time.sleep(0.02)

        striker = threading.Thread(target=strike)
        striker.start()
        assert bake(few, *ASKED, "--ray", cluster.address, "--out", tmp_path / "struck")[0] == 0
        striker.join()
        assert len(nodes) == 1, "no node was taken away"
        assert result(tmp_path / "struck") == untouched
    finally:
        ray.shutdown()
        cluster.shutdown()
