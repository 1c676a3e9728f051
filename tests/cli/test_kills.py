"""A hundred SIGKILLs at random moments: while a cache is built, while steps are taken, while checkpoints are written.

Every run of fixed steps then ends as the one that nobody touched did: to the last bit in one process, and in two.
"""

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neocog.pictures.embedded import digits
from neocog.weights import read_safetensors

from .command import ONE_THREAD, SCRIPT, Server, assert_same_weights

KILLS = 80  # of one process, and KILLS // 4 of two
EVERY_STEP = {"neocog.train.sgd:SAVE_EVERY": 0.0}
CACHED = {"neocog.pictures.store:SLOW": 0.0, "neocog.pictures.building:CHUNK": 4}  # a cache for whatever little there is
OPTIONS = ("--net", "resnet8.cifar", "--size", 16, "--batch", 16, "--steps", 60, "--ema", 0.9, "--augment",
           "resized-crop,flip,jitter")  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """300 JPEGs of ten classes, large enough that decoding them takes a second."""
    root, (images, labels) = tmp_path_factory.mktemp("kills") / "photos", digits()
    for i in range(0, 5000, 17):
        (root / str(labels[i])).mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[i]).convert("RGB").resize((320, 320)).save(root / str(labels[i]) / f"{i}.jpg")
    return root


def check(run: Path) -> None:
    """What is there is whole."""
    if (run / "config.json").exists():
        json.loads((run / "config.json").read_text("utf-8"))
    for name in ("best.safetensors", "last.safetensors", "state.safetensors"):
        if (run / name).exists():
            read_safetensors(run / name)


def resume(run: Path) -> tuple[str, ...]:
    return ("--resume",) if (run / "config.json").exists() else ()


@pytest.mark.slow
def test_one_process(neocog: Server, photos: Path, tmp_path: Path):
    cache = {"NEOCOG_CACHE": str(tmp_path / "cache")}
    neocog("train", photos, *OPTIONS, "--out", tmp_path / "whole", env={"NEOCOG_CACHE": str(tmp_path / "other")}).check(0)
    run, dice, hits, moments = tmp_path / "run", random.Random(0), 0, set()
    for _ in range(KILLS):
        options = OPTIONS if not resume(run) else ()
        before = len((run / "events.jsonl").read_bytes().splitlines()) if (run / "events.jsonl").exists() else 0
        going = neocog.start("train", photos, *options, "--out", run, *resume(run), env=cache, patch={**EVERY_STEP, **CACHED})
        time.sleep(dice.random() * dice.choice((0.3, 1.0, 2.5)))
        going.kill(signal.SIGKILL)
        result = going.wait()
        assert result.code in (-9, 0), result.text
        check(run)
        hits += result.code == -9
        after = len((run / "events.jsonl").read_bytes().splitlines()) if (run / "events.jsonl").exists() else 0
        moments.add("training" if after > before else "begun" if after else "before")
        if result.code == 0:  # it came to its end: begin anew, with the same cache
            assert_same_weights(run, tmp_path / "whole", "last.safetensors")
            run = tmp_path / f"run{_}"
    neocog("train", photos, *(OPTIONS if not resume(run) else ()), "--out", run, *resume(run), env=cache, patch=CACHED).check(0)
    for name in ("last.safetensors", "best.safetensors"):
        assert_same_weights(run, tmp_path / "whole", name)
    assert hits >= KILLS // 2 and "training" in moments, (hits, moments)
    assert not [p.name for p in run.iterdir() if p.name.startswith(".")], "something half-written is left"


def family(pid: int) -> list[int]:
    """A process and all below it."""
    found, waiting = [], [pid]
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry.name))
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], [])
    return found


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.slow
def test_two_processes(photos: Path, tmp_path: Path):
    """The launcher and all it has started are killed, or one worker alone, which the launcher then has to notice."""
    pytest.importorskip("accelerate")
    environment = {**os.environ, **ONE_THREAD, "NEOCOG_CACHE": str(tmp_path / "cache")}

    def start(run: Path) -> subprocess.Popen:
        options = resume(run) or OPTIONS
        command = [SCRIPT, "launch", "-n", "2", "train", photos, "--out", run, *options]
        return subprocess.Popen(
            list(map(str, command)), env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )

    def finish(run: Path) -> None:
        out, _ = (going := start(run)).communicate(timeout=600)
        assert going.returncode == 0, out

    finish(tmp_path / "whole")
    run, dice, hits = tmp_path / "run", random.Random(1), 0
    for kill in range(KILLS // 4):
        going = start(run)
        time.sleep(2 + 8 * dice.random())
        processes = family(going.pid)
        if going.poll() is None:
            hits += 1
            alone = kill % 4 == 3 and len(processes) > 1
            for pid in [processes[-1]] if alone else processes:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    continue
        going.communicate(timeout=600)
        time.sleep(0.2)
        left = [pid for pid in processes if alive(pid)]
        assert not left or going.returncode == 0, f"processes go on without their launcher: {left}"
        check(run)
        if (run / "last.safetensors").exists() and not (run / "state.safetensors").exists():
            run = tmp_path / f"run{kill}"
    finish(run)
    one, two = (read_safetensors(folder / "last.safetensors")[0] for folder in (run, tmp_path / "whole"))
    furthest = max(float((one[key].float() - two[key].float()).abs().max()) for key in one)
    print(f"{hits} kills of two processes; the weights differ by {furthest:.2g} at most")
    assert hits >= KILLS // 8 and furthest <= 1e-5 * max(float(np.abs(v.float().numpy()).max()) for v in two.values())
