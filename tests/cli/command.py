"""The `neocog` command in processes of its own, thousands of times cheaper than importing torch each time.

`Server` holds a process that has imported torch and the command once (and started no thread). For every command it forks
a child that runs `neocog.cli.main(argv)` with files as stdout and stderr: a real process with a real exit code, real
signals, limits and user id. `real` runs the installed script itself, for what is about starting up.
"""

import atexit
import dataclasses
import functools
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

SCRIPT = Path(sys.executable).parent / "neocog"
ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclasses.dataclass(frozen=True)
class Result:
    """What a command left: `code` is negative when a signal killed it."""

    code: int
    out: str
    err: str
    cpu: float = 0.0

    @property
    def text(self) -> str:
        return self.out + self.err

    def json(self) -> Any:
        return json.loads(self.out)

    def check(self, code: int) -> "Result":
        """This result, if it ended with `code` and nowhere a traceback."""
        assert "Traceback" not in self.text, self.text
        assert self.code == code, f"exit code {self.code}, not {code}:\n{self.text}"
        return self

    def complaint(self, *words: str, code: int = 2) -> str:
        """The one line on stderr that says what is wrong, holding all of `words`."""
        self.check(code)
        lines = [line for line in self.err.splitlines() if line.startswith("neocog: ")]
        assert len(lines) == 1 and lines[0] == self.err.splitlines()[-1], self.err
        for word in words:
            assert word.lower() in lines[0].lower(), f"no {word!r} in {lines[0]!r}"
        return lines[0]


def real(*args: object, cwd: Path | None = None, env: dict[str, str] | None = None, seconds: float = 300) -> Result:
    """The installed script, from the start of its interpreter."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run([SCRIPT, *map(str, args)], capture_output=True, text=True, cwd=cwd, timeout=seconds,
                          env={**os.environ, **ONE_THREAD, **(env or {})}, check=False)  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return Result(done.returncode, done.stdout, done.stderr, cpu)


class Running:
    """A command on its way."""

    def __init__(self, connection: socket.socket, folder: Path):
        self._connection, self._folder, self._answers = connection, folder, connection.makefile()
        self.pid = int(self._answers.readline())

    @property
    def err(self) -> str:
        """What it has said on stderr so far."""
        return (self._folder / "err").read_text(errors="replace")

    @property
    def over(self) -> bool:
        """Whether it has ended by itself (nobody has waited for it then: the server tells)."""
        return not Path(f"/proc/{self.pid}").exists()

    def until(self, seen: Callable[[], bool], seconds: float = 60) -> bool:
        """Wait until `seen()`; False if the command ended first."""
        end = time.monotonic() + seconds
        while not seen():
            if self.over:
                return False
            assert time.monotonic() < end, f"nothing happened in {seconds} s: {self.err}"
            time.sleep(0.002)
        return True

    def kill(self, number: int) -> None:
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return

    def wait(self, seconds: float = 180) -> Result:
        self._connection.settimeout(seconds)
        try:
            code, cpu = json.loads(self._answers.readline())
        except TimeoutError:
            self.kill(signal.SIGKILL)
            raise AssertionError(f"not done after {seconds} s: {self.err}") from None
        self._connection.close()
        read = [(self._folder / name).read_text(errors="replace") for name in ("out", "err")]
        return Result(code, *read, cpu)


class Server:
    """Starts commands. `Server()(…)` runs one to its end, `start` lets it run."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="neocog-test-"))
        self.address, self._count, self.cpu = str(self.folder / "socket"), 0, 0.0
        here = Path(__file__)
        self._process = subprocess.Popen([sys.executable, "-c", f"import sys; sys.path.insert(0, {str(here.parents[2])!r})\n"
                                          "from tests.cli.command import serve; serve(sys.argv[1])", self.address],
                                         env={**os.environ, **ONE_THREAD}, start_new_session=True,
                                         stdout=subprocess.PIPE, text=True)  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def start(self, *args: object, cwd: Path | None = None, env: dict[str, str] | None = None, uid: int | None = None,
              fsize: int | None = None, patch: dict[str, Any] | None = None) -> Running:  # fmt: skip
        """fsize: RLIMIT_FSIZE in bytes. patch: {"module:name": value}, set before the command runs."""
        self._count += 1
        folder = self.folder / str(self._count)
        folder.mkdir()
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.address)
        order = {"argv": list(map(str, args)), "folder": str(folder), "cwd": str(cwd or folder), "env": env or {}, "uid": uid,
                 "fsize": fsize, "patch": patch or {}}  # fmt: skip
        connection.sendall(json.dumps(order).encode() + b"\n")
        running = Running(connection, folder)
        running.until((folder / "begun").exists)
        return running

    def __call__(self, *args: object, **settings: Any) -> Result:
        result = self.start(*args, **settings).wait()
        self.cpu += result.cpu
        return result

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        shutil.rmtree(self.folder)


@functools.cache
def shared_server() -> Server:
    """One for all tests of a session, whichever folder they are in; it goes when they do."""
    server = Server()
    atexit.register(server.close)
    return server


def serve(address: str) -> None:
    """The server's process: fork once for each connection, and again for the command."""
    import importlib

    # Whatever a command would import when it first needs it: it costs seconds, and nobody (uid 65534) may not read it.
    for verb in ("demo", "diff", "evaluate", "list_", "predict", "show", "train"):
        importlib.import_module(f"neocog.cli.{verb}")
    for name in ("arrays", "cifar", "decode", "embedded", "folder", "geometry", "idx", "modes"):
        importlib.import_module(f"neocog.pictures.{name}")
    for name in ("neocog.train", "neocog.evaluate", "torch._dynamo", "torch.fx.experimental.symbolic_shapes", "numpy.ma"):
        importlib.import_module(name)
    from PIL import Image

    from neocog.nets import nets
    from neocog.pictures.embedded import digits

    Image.init()
    digits()
    _register_tiny()
    nets()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    door = socket.socket(socket.AF_UNIX)
    door.bind(address)
    door.listen()
    print("ready", flush=True)
    while True:
        connection, _ = door.accept()
        if os.fork() == 0:
            door.close()
            _handle(connection)
        connection.close()


def _handle(connection: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    order = json.loads(connection.makefile().readline())
    child = os.fork()
    if child == 0:
        connection.close()
        _run(order)
    connection.sendall(f"{child}\n".encode())
    _, status, used = os.wait4(child, 0)
    try:
        connection.sendall(json.dumps([os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime]).encode() + b"\n")
    finally:
        os._exit(0)


def _run(order: dict[str, Any]) -> None:
    """The command itself, as the console script does it: sys.exit(main())."""
    code = 1
    try:
        for descriptor, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{order['folder']}/{name}", os.O_WRONLY | os.O_CREAT), descriptor)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        signal.signal(signal.SIGINT, signal.default_int_handler)  # as at a terminal: what runs in the background ignores it
        os.chdir(order["cwd"])
        os.environ.update(order["env"])
        for place, value in order["patch"].items():
            module, _, name = place.partition(":")
            setattr(sys.modules[module], name, value)
        os.mkdir(f"{order['folder']}/begun")  # noqa: PTH102
        if order["fsize"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (order["fsize"],) * 2)
        if order["uid"] is not None:
            os.setgroups([])
            os.setgid(order["uid"])
            os.setuid(order["uid"])
        from neocog.cli import main

        code = main(order["argv"])
        sys.stdout.flush()
        sys.stderr.flush()
    except SystemExit as error:  # argparse's --help
        code = int(error.code or 0)
        sys.stdout.flush()
    except BaseException:
        sys.stdout.flush()
        traceback.print_exc()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _register_tiny() -> None:
    """`tiny`: batch normalisation and dropout in a net that trains in milliseconds a step."""
    from neocog.arch import (
        BatchNorm2d,
        Conv2d,
        Dropout,
        Flatten,
        Linear,
        MaxPool2d,
        ReLU,
        Sequential,
        architecture,
        head,
    )
    from neocog.nets import Card, Recipe
    from neocog.nets.registry import register
    from neocog.pictures.preprocessing import Preprocessing

    def tiny() -> Any:
        return architecture("tiny", (1, 28, 28), Sequential(
            conv=Conv2d(8, 5, stride=2), bn=BatchNorm2d(), relu=ReLU(), pool=MaxPool2d(2, 2), drop=Dropout(0.2),
            flatten=Flatten(), fc=head(Linear(10)),
        ))  # fmt: skip

    card = Card(title="tiny", paper="none", authors="tests", venue="tests", year=2026,
                preprocessing=Preprocessing(28, 28, color="L", resize="pad"),
                quick=Recipe(lr=0.1, batch=32, epochs=4, augment=("crop",)))  # fmt: skip
    register("tiny", tiny, card)


def tensors(run: Path, name: str = "last.safetensors") -> tuple[dict[str, Any], dict[str, Any]]:
    """({key: numpy array}, metadata) of a weight file, by numpy's reader: independent of the product's."""
    from safetensors import safe_open

    with safe_open(str(run / name), "np") as file:
        return {key: file.get_tensor(key) for key in file.keys()}, dict(file.metadata())  # noqa: SIM118


def assert_same_weights(one: Path, other: Path, name: str = "last.safetensors") -> None:
    """Two runs ended with the same numbers, to the last bit, and with the same metadata.

    (The bytes of weight files have a test of their own in tests/runs: safetensors orders metadata at random.)
    """
    (a, meta), (b, other_meta) = tensors(one, name), tensors(other, name)
    assert a.keys() == b.keys() and meta == other_meta
    different = [key for key in a if a[key].tobytes() != b[key].tobytes()]
    assert not different, f"{name}: {', '.join(different)} differ"
