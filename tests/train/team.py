"""Several processes of one training, for tests: `team(K, function, *arguments)` gives what each returned."""

import multiprocessing
import os
import socket
import traceback
from collections.abc import Callable
from typing import Any


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def team(size: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """`function(world, *arguments)` in processes of its own that share a world, over gloo on loopback; what each returned."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(
        ["torch._dynamo", "neocog.train.trainer", "neocog.train.together.distributed", "neocog.train.together.shard"]
    )
    port, ends = free_port(), [context.Pipe(duplex=False) for _ in range(size)]
    workers = [
        context.Process(target=_work, args=(rank, size, port, ends[rank][1], function, arguments)) for rank in range(size)
    ]
    for worker in workers:
        worker.start()
    try:
        answers = []
        for receiver, _ in ends:
            assert receiver.poll(120), "a process of the team is stuck"
            good, value = receiver.recv()
            assert good, value
            answers.append(value)
        return answers
    finally:
        for worker in workers:
            worker.join(10)
            if worker.is_alive():
                worker.kill()


def _work(rank: int, size: int, port: int, end: Any, function: Callable[..., Any], arguments: tuple) -> None:
    place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, "MASTER_ADDR": "127.0.0.1"}
    settings = {"MASTER_PORT": port, "OMP_NUM_THREADS": 1, "NEOCOG_PATIENCE": 1, "TORCH_CPP_LOG_LEVEL": "ERROR"}
    os.environ.update({name: str(value) for name, value in (place | settings).items()})
    import torch

    from neocog.train.together import distributed, meeting

    torch.set_num_threads(1)
    try:
        end.send((True, function(distributed.join("cpu"), *arguments)))
        meeting.leave()
    except BaseException:
        end.send((False, traceback.format_exc()))
