"""How the processes of one training find one another, and how they part: one of them says what went wrong, none twice.

They leave words for one another in a store that the main process keeps, outside of the collectives, which fail as soon as
one process is gone.
"""

import os
import time
from datetime import timedelta
from typing import Any

import torch.distributed as dist

from neocog.errors import UserError

PATIENCE = timedelta(minutes=float(os.environ.get("NEOCOG_PATIENCE", "30")))
"""How long one process waits for the others. Reading the data counts: the first process may build a cache meanwhile."""
MANNERS = 2.0  # seconds that a process leaves to the main one to say what went wrong for all of them
FAREWELL = 10.0  # seconds that the main process waits for the others to part
_OVER, _GONE = "neocog/over", "neocog/gone"
_FAILED, _ENDED = "neocog/failed", "neocog/ended"

_met: list[Any] = []


def meet(rank: int, size: int) -> Any:
    """The store in which all processes of this start can read and write words; made once."""
    if not _met:
        from torch.distributed.rendezvous import rendezvous

        try:
            _met.append(next(rendezvous("env://", rank, size, timeout=PATIENCE))[0])
        except (RuntimeError, ValueError) as error:
            place = f"{os.environ.get('MASTER_ADDR')}:{os.environ.get('MASTER_PORT')}"
            raise UserError(f"the other processes cannot be reached at {place}: {_first_line(error)}") from None
    return _met[0]


def part(code: int, lost: int) -> int:
    """Say goodbye with an exit code; the one to end with. A process that only lost another takes the code that this one had.

    The main process keeps the store, so it waits until the others have read it, if they can: else they would have to be
    started anew to learn that it was over.
    """
    leave()
    rank, size, end = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), time.monotonic() + FAREWELL
    try:
        store = _met[0]
        if code != lost:
            store.compare_set(_OVER, "", str(code))
        elif store.check([_OVER]):
            code = int(store.get(_OVER))
        gone = store.add(_GONE, 1)
        while rank == 0 and gone < size and time.monotonic() < end:
            time.sleep(0.02)
            gone = store.add(_GONE, 0)
    except RuntimeError:  # the store went with its process
        return code
    return code


def leave() -> None:
    """Give the connections back; nothing to say if they are gone already."""
    if dist.is_initialized():
        try:
            dist.destroy_process_group()
        except RuntimeError:
            return


def lost(error: BaseException) -> bool:
    """Whether this error means no more than that another process is gone."""
    if isinstance(error, dist.DistError):
        return True
    words = (
        "closed by peer",
        "reset by peer",
        "gloo/transport",
        "Broken pipe",
        "Connection refused",
        "NCCL",
        "Timed out waiting",
    )
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def first_to_fail() -> bool:
    """Whether this process is the first of all to fail, and so the one to say why; the main one is waited for a little."""
    if not _met:
        return True
    rank, end = os.environ.get("RANK", "0"), time.monotonic() + MANNERS
    try:
        while rank != "0" and time.monotonic() < end and not _met[0].check([_FAILED]):
            time.sleep(0.05)
        return _met[0].compare_set(_FAILED, "", rank).decode() == rank
    except RuntimeError:  # the store went with its process: that one has spoken
        return False


def ended(code: int | None) -> int | None:
    """Told how this process's run has ended already, if it has, and how any other's has: the code to end with, or None.

    A process that is started anew because others of its start failed must not begin what was given up for good.
    """
    store, rank, size = _met[0], int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    store.set(f"{_ENDED}/{rank}", "" if code is None else str(code))
    codes = [store.get(f"{_ENDED}/{other}").decode() for other in range(size)]
    return next((int(found) for found in codes if found), None)


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
