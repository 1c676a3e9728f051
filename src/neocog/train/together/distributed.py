"""A training shared by several processes, on one machine or many: who is who, and how they talk.

Started by `neocog launch` or torchrun, which tell each process RANK, WORLD_SIZE and LOCAL_RANK. A batch is split among them by
position, gradients and batch normalisation are over the whole batch, and every picture of a validation split is judged by
one process. So K processes compute what one does with the same batch, but for the order of sums, for dropout, whose
random numbers are each process's own, and for mixup and cutmix, whose partners are of the process's own share.
"""

import inspect
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from neocog.errors import UserError
from neocog.nets import Recipe
from neocog.nn import Model
from neocog.train.together.meeting import PATIENCE, meet
from neocog.train.together.sync_batchnorm import synchronise
from neocog.train.together.world import ALONE, World


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
            from neocog.train.together.shard import shard

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
        from neocog.train.together.shard import whole

        return whole(values)

    def divided(self, value: Tensor, like: Tensor) -> Tensor:
        """This process's part of a whole tensor, where tensors like this are divided."""
        if not self.shard:
            return value
        from neocog.train.together.shard import divided

        return divided(value, like)

    def plain(self, model: Model) -> Model:
        """The model to judge with, weights whole. Every process must call it."""
        if not self.shard:
            return model
        from neocog.train.together.shard import plain

        return plain(model)

    def check(self, recipe: Recipe) -> None:
        """Raises UserError for a recipe that these processes cannot follow."""
        if recipe.learner != "sgd":
            raise UserError(f"{recipe.learner} learns one picture after another, in one process: leave launch out")
        if self.shard:
            from neocog.train.together.shard import check

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
