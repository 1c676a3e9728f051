"""A training shared by several processes, on one machine or many: who is who, and how they talk.

Started by `neocog launch` or torchrun, which tell each process RANK, WORLD_SIZE and LOCAL_RANK. A batch is split among them by
position, gradients and batch normalisation are over the whole batch, and every picture of a validation split is judged by
one process. So K processes compute what one does with the same batch, but for the order of sums, for dropout, whose
random numbers are each process's own, and for mixup and cutmix, whose partners are of the process's own share.
"""

import inspect
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from neocog.errors import BadPicture, UserError
from neocog.nets import Recipe
from neocog.nn import Model
from neocog.pictures.sets import Pictures
from neocog.runs import Predictor, Scored
from neocog.train.sync_batchnorm import synchronise
from neocog.train.world import ALONE, World

PATIENCE = timedelta(minutes=float(os.environ.get("NEOCOG_PATIENCE", "30")))
"""How long one process waits for the others. Reading the data counts: the first process may build a cache meanwhile."""
MANNERS = 2.0  # seconds that a process leaves to the main one to say what went wrong for all of them
FAREWELL = 10.0  # seconds that the main process waits for the others to part
_OVER, _GONE = "neocog/over", "neocog/gone"
_FAILED, _ENDED = "neocog/failed", "neocog/ended"


def several() -> bool:
    """Whether this process was started as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


@dataclass(frozen=True)
class Processes(World):
    """One process of several. `store`: the words they leave for one another, outside of the collectives.

    shard: weights, gradients and the optimiser's memory are divided among the processes (FSDP2), block by block.
    """

    store: Any = None

    def wrap(self, model: nn.Module) -> nn.Module:
        """The model with gradients averaged over all processes, and batch normalisation over all of their pictures."""
        assert self.device is not None
        if self.device.type == "cuda":
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        else:
            synchronise(model)
        if self.shard:
            from neocog.train.shard import shard

            return shard(model, self.device)
        if not any(p.requires_grad for p in model.parameters()):
            return model
        # Buffers need no exchange: running statistics are over all pictures everywhere.
        known = inspect.signature(DistributedDataParallel.__init__).parameters
        settings: dict[str, Any] = {
            "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers": False
        }  # 2.13 renamed it
        if self.device.type == "cpu":
            # Else it regroups the gradients after its first step, and so sums them in another order than a run that is resumed.
            settings["find_unused_parameters"] = True
        return DistributedDataParallel(model, gradient_as_bucket_view=True, **settings)

    def sums(self, *values: Tensor) -> list[Tensor]:
        """Each value summed over all processes, in one collective."""
        flat = torch.cat([value.detach().double().flatten() for value in values]) if values else torch.zeros(1)
        dist.all_reduce(flat)
        parts = flat.split([value.numel() for value in values])
        return [part.view(value.shape).to(value.dtype) for part, value in zip(parts, values, strict=True)]

    def gather(self, array: np.ndarray) -> np.ndarray:
        """The rows of all processes, in order of rank, however many each has; no row twice."""
        here = torch.from_numpy(np.array(array))
        counts = self.sums(torch.eye(self.size, dtype=torch.float64)[self.rank] * len(array))[0].long().tolist()
        padded = here.new_zeros(max(counts), *here.shape[1:])
        padded[: len(here)] = here
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)]).numpy()

    def any(self, flag: bool) -> bool:
        """Whether it is so in any process."""
        return bool(self.sums(torch.tensor(float(flag)))[0])

    def wait(self) -> None:
        """Until all are here."""
        self.any(False)

    def say(self, words: Any = None) -> Any:
        """What the main process says (anything that JSON holds), in all of them."""
        raw = json.dumps(words).encode() if self.main else b""
        size = int(self.sums(torch.tensor(len(raw)))[0])
        buffer = torch.zeros(size, dtype=torch.uint8)
        if self.main:
            buffer.copy_(torch.frombuffer(bytearray(raw), dtype=torch.uint8))
        dist.broadcast(buffer, 0)
        return json.loads(buffer.numpy().tobytes())

    def collect(self, words: Sequence[Any]) -> list[Any]:
        """What all processes have to say, in order of rank."""
        raw = self.gather(np.frombuffer("".join(json.dumps(word) + "\n" for word in words).encode(), np.uint8))
        return [json.loads(line) for line in raw.tobytes().splitlines()]

    def spread(self, values: Mapping[str, Tensor] | None) -> dict[str, Tensor]:
        """The main process's tensors, in all of them: the others need not see its disk."""
        kinds = self.say({k: (list(v.shape), str(v.dtype).removeprefix("torch.")) for k, v in (values or {}).items()})
        out = {}
        for name, (shape, kind) in kinds.items():
            value = values[name].cpu().contiguous() if self.main and values else torch.empty(shape, dtype=getattr(torch, kind))
            dist.broadcast(value.view(-1).view(torch.uint8), 0)
            out[name] = value
        return out

    def whole(self, values: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The tensors, put together where they are divided among processes. Every process must call it."""
        if not self.shard:
            return values
        from neocog.train.shard import whole

        return whole(values)

    def divided(self, value: Tensor, like: Tensor) -> Tensor:
        """This process's part of a whole tensor, where tensors like this are divided."""
        if not self.shard:
            return value
        from neocog.train.shard import divided

        return divided(value, like)

    def plain(self, model: Model) -> Model:
        """The model to judge with, weights whole. Every process must call it."""
        if not self.shard:
            return model
        from neocog.train.shard import plain

        return plain(model)

    def check(self, recipe: Recipe) -> None:
        """Raises UserError for a recipe that these processes cannot follow."""
        if recipe.learner != "sgd":
            raise UserError(f"{recipe.learner} learns one picture after another, in one process: leave launch out")
        if self.shard:
            from neocog.train.shard import check

            check(recipe)

    def in_step(self, flag: bool) -> bool:
        """The main process's answer where all must act on it together, else one's own."""
        return bool(self.say(flag)) if self.shard else flag

    def same(self, what: str, mark: str) -> None:
        """Raises UserError where a process holds another `what`, known by its mark, than the main one."""
        theirs = self.say(mark)
        wrong = self.gather(np.array([self.rank] if theirs != mark else [], np.int64))
        if len(wrong):
            raise UserError(
                f"{what} differs between machines: process {wrong[0]} of {self.size} has another than process 0; "
                "give all of them the same"
            )


def gather_scored(world: World, mine: Scored) -> Scored:
    """The scores of all processes, in order of rank: each picture once."""
    failed = world.collect([[f.where, f.why] for f in mine.failed])
    return Scored(
        world.gather(mine.scores),
        world.gather(mine.labels),
        world.gather(mine.indices),
        tuple(BadPicture(*found) for found in failed),
    )


def score_together(world: World) -> Callable[..., Scored]:
    """What scores a split with each process judging its own contiguous share."""

    def score(predictor: Predictor, pictures: Pictures, on_progress: Callable[[int, int], None] | None = None) -> Scored:
        return gather_scored(world, predictor.score_all(pictures, on_progress, among=world.share(len(pictures))))

    return score


def join(device: str = "auto", shard: bool = False) -> World:
    """The world of this process: of all that were started together, or ALONE.

    Raises UserError where accelerate is missing, where there are fewer GPUs than processes, or the others do not come.
    """
    if not several():
        return ALONE
    try:
        from accelerate import PartialState
    except ImportError:
        raise UserError("training in several processes needs accelerate: pip install 'neocog[scale]'") from None
    rank, size, local = (int(os.environ.get(name, "0")) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"))
    gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if gpu and local >= torch.cuda.device_count():
        raise UserError(
            f"{local + 1} processes on a machine with {torch.cuda.device_count()} GPUs: start one for each, or --device cpu"
        )
    where = torch.device("cuda", local) if gpu else torch.device("cpu")
    if gpu:
        torch.cuda.set_device(where)
    store = meet(rank, size)
    if not dist.is_initialized():
        # Numbers in main memory go by gloo on GPU machines too.
        dist.init_process_group(
            "cpu:gloo,cuda:nccl" if gpu else "gloo",
            store=store,
            rank=rank,
            world_size=size,
            timeout=PATIENCE,
        )
    PartialState(cpu=not gpu)  # adopts the group; its trackers ask it who is the main process
    return Processes(rank, size, where, shard, store)


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
