"""What a training needs of memory and what there is; how many pieces a batch is taken in."""

import math
from pathlib import Path

import torch

from neocog.arch import Architecture, analyse

SHARE = 0.7  # of the memory that is free
WORDS = ("not enough memory", "out of memory", "can't allocate memory", "std::bad_alloc", "failed to allocate")
OPTIMIZER_COPIES = {"sgd": 1, "caffe-sgd": 1, "rmsprop": 2, "tf-rmsprop": 2, "adamw": 2, "lm": 1, "muon": 1}


def out_of_memory(error: BaseException) -> bool:
    """Whether an exception says that memory did not suffice."""
    said = str(error).lower()
    return isinstance(error, (MemoryError, torch.OutOfMemoryError)) or any(word in said for word in WORDS)


def free_memory(where: torch.device) -> int:
    """Bytes that can be had: on a GPU, its own; else what the system and the control group leave."""
    if where.type == "cuda":
        return torch.cuda.mem_get_info(where)[0]
    limits = [_meminfo(), _control_group()]
    return min((limit for limit in limits if limit is not None), default=4 << 30)


def _meminfo() -> int | None:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration, ValueError):
        return None


def _control_group(root: Path = Path("/sys/fs/cgroup")) -> int | None:
    """What a container leaves (cgroup v2, then v1)."""
    for limit, used in (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes")):
        try:
            most, now = (int((root / name).read_text()) for name in (limit, used))
            return max(0, most - now + _given_back((root / limit).with_name("memory.stat")))
        except (OSError, ValueError):  # there is none, or it says "max"
            continue
    return None


def _given_back(stat: Path) -> int:
    """Bytes of files read that count as used until somebody needs the room: after a look at the pictures, most of it."""
    try:
        words = dict(line.split() for line in stat.read_text().splitlines())
        return int(words.get("total_inactive_file", words.get("inactive_file", 0)))
    except (OSError, ValueError):
        return 0


def picture_bytes(arch: Architecture) -> int:
    """What one picture of a batch keeps until its gradient is known: every map once, and the largest twice over for what flows
    back. 4 bytes a number: bfloat16 halves some of them only."""
    sizes = [math.prod(row.output) for row in analyse(arch).rows]
    return 4 * (sum(sizes) + 2 * max(sizes) + math.prod(arch.input))


def fixed_bytes(arch: Architecture, optimizer: str = "sgd", average: bool = False) -> int:
    """Weights, gradients, the optimiser's memory and the running mean."""
    table = analyse(arch)
    params = table.total("params") + table.params_aux
    return 4 * params * (2 + OPTIMIZER_COPIES[optimizer] + average)


def fit_pieces(arch: Architecture, batch: int, optimizer: str, average: bool, free: int) -> int:
    """In how many pieces a batch is to be taken so that it fits into `free` bytes; at most one for each picture."""
    left = max(1, int(SHARE * free) - fixed_bytes(arch, optimizer, average))
    return min(batch, max(1, math.ceil(batch * picture_bytes(arch) / left)))
