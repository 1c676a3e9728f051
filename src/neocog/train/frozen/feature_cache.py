"""Features on disk: what a frozen network made of a picture is kept by the picture's pixels, and never made twice.

A picture is known by a hash of the pixels that the network sees, so that nothing here can be out of date, and a picture
that moved, or fell into another split, is found. Rows are written many at a time, whole or not at all.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neocog.errors import UserError
from neocog.files import cache_folder
from neocog.weights import read_safetensors, write_safetensors

LIMIT = 2 << 30  # bytes of features kept in all; what was not used for longest goes first
ROWS, SECONDS = 4096, 20.0  # at most so many rows are lost, or the work of so many seconds
DIGEST = 16


def picture_key(pixels: np.ndarray) -> bytes:
    """What a picture H×W×C is known by."""
    return hashlib.blake2b(
        np.ascontiguousarray(pixels).data, digest_size=DIGEST, person=str(pixels.shape).encode()[:16]
    ).digest()


def network_key(values: Mapping[str, Tensor], *words: str) -> str:
    """What a frozen network is known by: its tensors, and all else (its layers, its preprocessing) in words."""
    digest = hashlib.sha256("\0".join(words).encode())
    for key in sorted(values):
        digest.update(f"\0{key}\0{tuple(values[key].shape)}".encode())
        digest.update(values[key].detach().cpu().numpy().tobytes())
    return digest.hexdigest()[:32]


class FeatureCache:
    """Rows of numbers by picture, for one frozen network. A cache that cannot be written is told in `trouble`, no more."""

    def __init__(self, network: str, root: Path | None = None, limit: int = LIMIT):
        root = root or cache_folder() / "features"
        self.folder, self.trouble = root / network, ""
        self._rows: dict[bytes, np.ndarray] = {}
        self._new: list[tuple[bytes, np.ndarray]] = []
        self._written = time.monotonic()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            os.utime(self.folder)
            _prune(root, limit)
        except OSError as error:
            self.trouble = f"features are not kept: {error}"
        for file in sorted(self.folder.glob("*.safetensors")):  # one that may only be read serves too
            self._read(file)

    def _read(self, file: Path) -> None:
        try:
            values, _ = read_safetensors(file)
            keys, rows = values["keys"].numpy(), values["rows"].numpy()
        except (UserError, KeyError, OSError):
            with contextlib.suppress(OSError):
                file.unlink()  # it can be had again
            return
        self._rows |= {key.tobytes(): row for key, row in zip(keys, rows, strict=True)}

    def get(self, key: bytes) -> np.ndarray | None:
        """The row of a picture, if it is known."""
        return self._rows.get(key)

    def put(self, key: bytes, row: np.ndarray) -> None:
        """Keep a row; it reaches the disk with others, by `flush` at the latest."""
        self._rows[key] = row
        self._new.append((key, row))
        if len(self._new) >= ROWS or time.monotonic() - self._written > SECONDS:
            self.flush()

    def flush(self) -> None:
        """Write what is new. A full or read-only disk loses only what would have been saved next time."""
        if self._new and not self.trouble:
            keys = np.frombuffer(b"".join(key for key, _ in self._new), np.uint8).reshape(-1, DIGEST)
            rows = np.stack([row for _, row in self._new])
            name = hashlib.blake2b(keys.tobytes(), digest_size=DIGEST).hexdigest()
            try:
                write_safetensors(
                    self.folder / f"{name}.safetensors", {"keys": torch.tensor(keys), "rows": torch.from_numpy(rows)}
                )
            except OSError as error:
                self.trouble = f"features are not kept: {error}"
        self._new, self._written = [], time.monotonic()


def _prune(root: Path, limit: int) -> None:
    """Take away the features of networks not used for longest, until the rest is within the limit."""
    folders = sorted((f for f in root.iterdir() if f.is_dir()), key=lambda f: f.stat().st_mtime, reverse=True)
    held = 0
    for number, folder in enumerate(folders):
        held += sum(file.stat().st_size for file in folder.iterdir())
        if held > limit and number:
            shutil.rmtree(folder, ignore_errors=True)
