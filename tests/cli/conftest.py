"""Commands to run, and small data for them."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from .command import Server, shared_server


@pytest.fixture(scope="session")
def neocog() -> Iterator[Server]:
    """Runs the command: `neocog("train", …) -> Result`."""
    server = shared_server()
    yield server
    print(f"\ncommands so far: {server.cpu:.0f} s of CPU")


def write_idx(path: Path, array: np.ndarray) -> None:
    path.write_bytes(b"\0\0\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes())


@pytest.fixture(scope="session")
def idx(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 training and 200 test digits as a folder of idx files."""
    from neocog.pictures.embedded import digits

    images, labels = digits()
    root = tmp_path_factory.mktemp("data") / "idx"
    root.mkdir()
    for part, at in (("train", np.arange(0, 5000, 10)), ("t10k", np.arange(5, 5000, 25))):
        write_idx(root / f"{part}-images-idx3-ubyte", images[at])
        write_idx(root / f"{part}-labels-idx1-ubyte", labels[at].astype(np.uint8))
    return root


@pytest.fixture(scope="session")
def finished(neocog: Server, idx: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the small net with dropout on the idx folder."""
    run = tmp_path_factory.mktemp("runs") / "finished"
    neocog("train", idx, "--net", "tiny", "--batch", 32, "--epochs", 25, "--augment", "none", "--out", run).check(0)
    return run


@pytest.fixture(scope="session")
def digit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture file of a seven."""
    from PIL import Image

    from neocog.pictures.embedded import digits

    path = tmp_path_factory.mktemp("digit") / "seven.png"
    Image.fromarray(digits()[0][3600]).save(path)
    return path
