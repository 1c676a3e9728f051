"""What this machine can do: device, precision, memory allocator, versions."""

import ctypes
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

import torch

from neocog.errors import UserError


def device(name: str = "auto") -> torch.device:
    """The device to compute on; "auto" takes a GPU if torch can use one."""
    if name != "auto":
        try:
            torch.empty(0, device=name)
            return torch.device(name)
        except (RuntimeError, AssertionError):
            have = ["cpu", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
            raise UserError(f"--device {name}: torch cannot use that here; it can use {', '.join(have)}") from None
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def bf16_helps(where: torch.device) -> bool:
    """Whether bfloat16 arithmetic is built into the processor; emulated, it is ten times slower than float32."""
    if where.type == "cuda":
        return torch.cuda.is_bf16_supported()
    probes = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(probe() for name in probes if (probe := getattr(torch.cpu, name, None)) is not None)


def keep_freed_memory() -> None:
    """Ask glibc to keep freed memory instead of giving it back at every step (page faults cost up to half of the time).

    M_MMAP_MAX (-4) = 0, M_TRIM_THRESHOLD (-1) and M_TOP_PAD (-2); nothing happens with another C library.
    """
    if not sys.platform.startswith("linux"):
        return
    try:
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(-4, 0)
        libc.mallopt(-1, 2**31 - 1)
        libc.mallopt(-2, 64 << 20)
    except (OSError, AttributeError):
        return


def versions() -> dict[str, str]:
    """What the run stands on."""
    out = {"python": platform.python_version()}
    for name in ("neocog", "torch", "numpy", "pillow"):
        try:
            out[name] = version(name)
        except PackageNotFoundError:
            out[name] = "?"
    return out
