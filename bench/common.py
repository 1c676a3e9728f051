"""What every benchmark says of the machine it ran on, and how paired figures are summed up."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any


def machine() -> dict[str, Any]:
    """Processor, cores and the features on which ratios depend."""
    model, flags = platform.processor(), set()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        fields = dict(line.split(":", 1) for line in cpuinfo.read_text().split("\n\n")[0].splitlines() if ":" in line)
        fields = {key.strip(): value.strip() for key, value in fields.items()}
        model, flags = fields.get("model name", model), set(fields.get("flags", "").split())
    wanted = ("avx2", "avx512f", "avx512_bf16", "avx512_vnni", "amx_bf16")
    return {
        "cpu": model,
        "cores": os.cpu_count(),
        "features": [f for f in wanted if f in flags],
        "python": platform.python_version(),
    }


def in_turns(commands: Sequence[Callable[[], float]], rounds: int) -> list[list[float]]:
    """Each command's figures, A B A B …, after one round that does not count."""
    found: list[list[float]] = [[] for _ in commands]
    for turn in range(rounds + 1):
        for command, figures in zip(commands, found, strict=True):
            figure = command()
            if turn:
                figures.append(figure)
    return found


def paired_ratio(a: Sequence[float], b: Sequence[float]) -> dict[str, float]:
    """Median of a/b pair by pair with the 95 % interval of the median (order statistics), and n."""
    ratios = sorted(x / y for x, y in zip(a, b, strict=True))
    n = len(ratios)
    half = 0.98 * n**0.5
    low, high = max(0, int(n / 2 - half)), min(n - 1, int(n / 2 + half))
    return {"ratio": round(statistics.median(ratios), 3), "low": round(ratios[low], 3), "high": round(ratios[high], 3), "n": n}


def finish(name: str, figures: dict[str, Any]) -> None:
    """The last line: one line of JSON."""
    print(json.dumps({name: figures, "machine": machine()}))
