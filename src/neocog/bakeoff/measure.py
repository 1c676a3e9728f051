"""What a trained network costs to use on this machine: time for one picture, memory of a fresh process, size on disk."""

import contextlib
import gc
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neocog.bakeoff.prepare import threads
from neocog.errors import UserError
from neocog.pictures.sets import Dataset
from neocog.pictures.store import Store
from neocog.runs import Predictor, load_predictor
from neocog.runs.config import BEST, EVENTS, LAST
from neocog.train import machine

ROUNDS, FEWEST = 41, 9  # visits to each network
SECONDS = 90.0  # after which no more rounds are begun than are needed
VISIT = 0.02  # seconds that a visit takes, about
THREADS = 1  # of the processor: one request, one thread; many would wait for one another on a busy machine
Told = Callable[[str, int, int], None]


def latencies(predictors: Mapping[str, Predictor], data: Dataset, on_progress: Told) -> dict[str, dict[str, float]]:
    """Milliseconds for one picture, preprocessed and in memory, to its scores: {median, low, high, n}.

    The networks take turns, so that whatever else the machine does falls on all of them alike; n visits each, of which the
    median counts; low and high are the 95 % interval of the median (order statistics).
    """
    pixels = {name: _one(predictor, data) for name, predictor in predictors.items()}
    for name, predictor in predictors.items():
        predictor.scores(pixels[name])
    times: dict[str, list[float]] = {name: [] for name in predictors}
    order, begin = list(predictors), time.monotonic()
    gc.disable()
    try:
        for turn in range(ROUNDS):
            if turn >= FEWEST and time.monotonic() - begin > SECONDS:
                break
            on_progress("measuring latency", turn, ROUNDS)
            for name in order[turn % len(order) :] + order[: turn % len(order)]:
                times[name].append(_visit(predictors[name], pixels[name]))
    finally:
        gc.enable()
    return {name: interval(found) for name, found in times.items()}


def _one(predictor: Predictor, data: Dataset) -> np.ndarray:
    """The first training picture that can be read, as the network wants it: 1×H×W×C."""
    store = Store(data.train, predictor.preprocessing, limit=0)
    for i in range(len(data.train)):
        pixels, kept = store.get([i])
        if len(kept):
            return pixels
    raise UserError(f"{data.name}: none of the training pictures can be read")


def _visit(predictor: Predictor, pixels: np.ndarray) -> float:
    """The median of some calls, in milliseconds, after one that warms the caches."""
    predictor.scores(pixels)
    found: list[float] = []
    end = time.perf_counter() + VISIT
    while not found or time.perf_counter() < end:
        begin = time.perf_counter()
        predictor.scores(pixels)
        found.append(1000 * (time.perf_counter() - begin))
    return statistics.median(found)


def interval(values: list[float]) -> dict[str, float]:
    """Median, and its 95 % interval by order statistics."""
    ordered, n = sorted(values), len(values)
    half = 0.98 * n**0.5
    low, high = max(0, int(n / 2 - half)), min(n - 1, int(n / 2 + half))
    found = {"median": statistics.median(ordered), "low": ordered[low], "high": ordered[high]}
    return {**{name: round(value, 4) for name, value in found.items()}, "n": n}


def memory(run: Path, pixels: np.ndarray) -> tuple[float | None, float | None]:
    """(MB at the peak of a fresh process that loads the run and classifies a picture, MB of it before the network was loaded);
    None where the system does not tell."""
    done = subprocess.run(
        [sys.executable, "-m", "neocog.bakeoff.measure", str(run), json.dumps(pixels.shape)],
        capture_output=True, text=True, check=False, start_new_session=True,  # Ctrl-C is for the command, which ends in order
    )  # fmt: skip
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or ["nothing was said"]
        raise UserError(f"{run}: a process that loads it failed: {said[0]}")
    peak, before = (None if value is None else round(value, 1) for value in json.loads(done.stdout.splitlines()[-1]))
    return peak, before


def _held(what: str) -> float | None:
    """MB that this process holds ("VmRSS") or held at most ("VmHWM"); None where the system does not tell."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith(what))
    except (OSError, StopIteration, ValueError):
        return None


def measure(runs: Mapping[str, Path], data: Dataset, on_progress: Told, device: str = "auto") -> dict[str, dict[str, Any]]:
    """latency_ms, memory_mb, memory_before_mb, size_mb of each network, by one of its runs."""
    predictors = {name: load_predictor(run) for name, run in runs.items()}
    where = machine.device(device)
    for predictor in predictors.values():
        predictor.model.to(where)
    with threads(THREADS):
        speeds, found = latencies(predictors, data, on_progress), {}
    for done, (name, run) in enumerate(runs.items()):
        on_progress("measuring memory", done, len(runs))
        try:
            peak, before = memory(run, _one(predictors[name], data))
        except UserError:
            on_progress("measuring memory", done, len(runs))  # whoever stops the whole group of processes ends that one too
            raise
        file = run / BEST if (run / BEST).exists() else run / LAST
        size = file.stat().st_size / 1e6
        sizes = {"memory_mb": peak, "memory_before_mb": before, "size_mb": round(size, 3)}
        found[name] = {"latency_ms": speeds[name], **sizes}
    return found


def this_machine(device: str) -> dict[str, Any]:
    """What the figures were measured on."""
    model, info = platform.processor() or platform.machine(), Path("/proc/cpuinfo")
    if info.exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
    where = machine.device(device)
    gpu = {"gpu": torch.cuda.get_device_name(where)} if where.type == "cuda" else {}
    return {"cpu": model, "cores": os.cpu_count(), **gpu, "latency_threads": THREADS,
            "device": str(where), **machine.versions()}  # fmt: skip


def train_seconds(run: Path) -> float:
    """Seconds that a run was at work, by its log; what a kill cut off after the last line is not known."""
    total, last = 0.0, None
    for line in (run / EVENTS).read_text("utf-8", errors="replace").splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if event.get("event") not in ("start", "resume", "test") and last is not None:
            total += event["time"] - last
        last = event["time"]
    return round(total, 1)


def _weigh(run: str, shape: str) -> None:
    """In a process of its own: load a run, classify a black picture of this shape, print [peak, before] in MB."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak of importing is not the network's
    before = _held("VmRSS")
    load_predictor(run).scores(np.zeros(json.loads(shape), np.uint8))
    print(json.dumps([_held("VmHWM"), before]))


if __name__ == "__main__":
    _weigh(*sys.argv[1:])
