"""Run a verb in several processes, on this machine or on many: neocog launch -n K train …

The processes share each batch, and compute what one process with the same batch computes. When one is lost, all are started
anew from the last checkpoint. Ctrl-C and SIGTERM save once and can be resumed. Each of several machines runs the same
command with its own --node-rank; the run folder must be one that all of them see.

examples:
  neocog launch -n 2 train photos/ --out runs/flowers
  neocog launch -n 4 --nnodes 2 --node-rank 0 --master host0:29400 train photos/ --out /shared/runs/flowers
  neocog launch -n 4 --nnodes 2 --node-rank 1 --master host0:29400 train photos/ --out /shared/runs/flowers
"""

import argparse
import contextlib
import logging
import os
import re
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from neocog.cli import DONE, INTERRUPTED, OURS, VERBS
from neocog.cli.together import AGAIN
from neocog.cli.worker import LAUNCHED, outcome
from neocog.errors import UserError

TOGETHER = ("train", "evaluate")  # verbs that know how to share their work
RESTARTS = 3
SHUTDOWN = 600  # seconds that a process asked to stop has to save


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("-n", "--processes", type=int, required=True, metavar="K", help="processes on this machine")
    parser.add_argument("--nnodes", type=int, default=1, metavar="N", help="machines (default: 1)")
    parser.add_argument("--node-rank", type=int, default=0, metavar="R", help="which of the machines this is, from 0")
    parser.add_argument("--master", metavar="HOST:PORT", help="where machine 0 is reached by all")
    parser.add_argument(
        "--max-restarts", type=int, default=RESTARTS, metavar="TIMES", help=f"after lost processes (default: {RESTARTS})"
    )
    parser.add_argument("--wait", type=float, default=30.0, metavar="MINUTES", help="for other machines to come (default: 30)")
    parser.add_argument("verb", metavar="VERB", help=f"what to run: {' or '.join(TOGETHER)}")
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="…", help="the verb's own arguments")


def run(args: argparse.Namespace) -> int:
    """Start the processes and see them through."""
    host, port = _check(args)
    with tempfile.TemporaryDirectory(prefix="neocog-launch-") as told:
        environment(args, host, told)
        with _forwarding(Path(told)) as asked:
            lost = _agent(args, host, port, Path(told), asked)
            code = outcome(Path(told))
        if code is not None:
            return code
        if asked:  # before there was anything to save
            return DONE if asked[-1] == signal.SIGTERM else INTERRUPTED
        print(f"neocog: {lost or 'the processes ended without a word'}", file=sys.stderr)
        return OURS


def _check(args: argparse.Namespace) -> tuple[str, int]:
    """(host, port) of machine 0. Raises UserError for what cannot be."""
    if args.verb not in TOGETHER:
        why = "runs in one process" if args.verb in VERBS else "is no verb"
        raise UserError(f"launch: {args.verb} {why}; several processes are for {' and '.join(TOGETHER)}")
    if args.processes < 1 or args.nnodes < 1 or args.max_restarts < 0:
        raise UserError("launch: -n and --nnodes are whole numbers above 0, --max-restarts is 0 or more")
    if not 0 <= args.node_rank < args.nnodes:
        raise UserError(
            f"launch: --node-rank goes from 0 to {args.nnodes - 1} with --nnodes {args.nnodes}, not {args.node_rank}"
        )
    if args.nnodes == 1:
        return "127.0.0.1", 0
    host, _, port = (args.master or "").rpartition(":")
    if not host or not port.isdigit():
        raise UserError("launch: several machines need --master HOST:PORT, where machine 0 can be reached by all")
    if args.verb == "train" and not any(word.partition("=")[0] == "--out" for word in args.rest):
        raise UserError("launch: several machines need --out RUN, in a folder that all of them see")
    return host, int(port)


def environment(args: argparse.Namespace, host: str, told: str) -> None:
    """What the processes inherit."""
    os.environ[LAUNCHED] = told
    # Else a restarted process may be sent to the address of a dead one (pytorch issue 135712).
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores // args.processes)))
    if sys.platform == "linux":
        # gloo would take the address that this machine's own name stands for, which often is one of loopback.
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if args.nnodes == 1 else _interface(_address(host)))


def _address(host: str) -> str:
    """This machine's address on the way to `host`."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, 9))  # nothing is sent
            return probe.getsockname()[0]
    except OSError as error:
        raise UserError(f"launch: {host} cannot be reached from here: {(error.strerror or str(error)).lower()}") from None


def _interface(address: str) -> str:
    try:
        import psutil
    except ImportError:
        raise UserError("several machines need accelerate: pip install 'neocog[scale]'") from None
    return next((name for name, found in psutil.net_if_addrs().items() if any(a.address == address for a in found)), "lo")


@contextlib.contextmanager
def _forwarding(told: Path) -> Iterator[list[int]]:
    """While open, SIGINT, SIGTERM and SIGHUP go to the processes, which save and end by themselves; the signals so far.

    torch's agent would kill them and end with a traceback, and leave agents elsewhere waiting.
    """
    asked: list[int] = []

    def forward(number: int, frame: object) -> None:
        number = signal.SIGTERM if number == signal.SIGHUP else number
        asked.append(number)
        (told / "stop").touch()
        alive = 0
        for file in told.glob("pid.*"):
            with contextlib.suppress(OSError, ValueError):
                os.kill(int(file.read_text()), number)
                alive += 1
        if not alive:
            raise KeyboardInterrupt  # nothing runs yet

    old = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield asked
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


def _agent(args: argparse.Namespace, host: str, port: int, told: Path, asked: Sequence[int]) -> str | None:
    """Run torch's elastic agent to its end; None, or why it gave up."""
    from torch.distributed.elastic.multiprocessing.api import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.elastic.rendezvous.api import RendezvousError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    _quieten()
    deadline = time.monotonic() + 60 * args.wait
    single = args.nnodes == 1
    config = LaunchConfig(
        min_nodes=args.nnodes,
        max_nodes=args.nnodes,
        nproc_per_node=args.processes,
        run_id="neocog",
        rdzv_backend="c10d",
        rdzv_endpoint=f"{host}:{port}",
        rdzv_configs={
            "is_host": args.node_rank == 0,
            "join_timeout": 60 * args.wait,
            "keep_alive_interval": 2,
            "read_timeout": 60,
        },
        max_restarts=args.max_restarts,
        local_addr="127.0.0.1" if single else _address(host),
        signals_to_handle="SIGQUIT",
        shutdown_timeout=SHUTDOWN,
    )
    command = ("-m", "neocog.cli", args.verb, *args.rest)
    while True:
        try:
            elastic_launch(config, sys.executable)(*command)
            return None
        except ChildFailedError as error:
            first = min(error.failures.values(), key=lambda failure: failure.timestamp)
            code = first.exitcode
            how = f"by signal {-code} ({signal.Signals(-code).name})" if code < 0 else f"with exit code {code}"
            return f"process {first.local_rank} of this machine ended {how}, and all {args.max_restarts} restarts are used up"
        except (KeyboardInterrupt, SignalException):
            return None
        except (RendezvousError, ConnectionError, RuntimeError) as error:
            # Machine 0 keeps the addresses; where it is not there (yet, or again), the others try until it is.
            if asked:
                return None
            if single or time.monotonic() > deadline:
                return f"machines did not come together at {host}:{port}: {str(error).splitlines()[0]}"
            os.environ[AGAIN] = str(int(os.environ.get(AGAIN, "0")) + 1)
            time.sleep(1)


class _Told(logging.Handler):
    """What torch's agent notes when a process is lost, in our words."""

    def emit(self, record: logging.LogRecord) -> None:
        found = re.search(r"exitcode: (-?\d+)\).*local_rank: (\d+)", record.getMessage())
        if found and int(found[1]) not in (1, 75):
            how = signal.Signals(-int(found[1])).name if int(found[1]) < 0 else f"exit code {found[1]}"
            print(f"a process was lost ({how}, number {found[2]} of this machine)", file=sys.stderr, flush=True)


def _quieten() -> None:
    """torch's agent logs for engineers of clusters."""
    log = logging.getLogger("torch.distributed.elastic")
    log.handlers, log.propagate = [_Told()], False
    log.setLevel(logging.WARNING)
    logging.getLogger("torch.distributed.launcher").setLevel(logging.CRITICAL)
