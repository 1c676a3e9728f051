"""Long work that can be gone on with: its state as one file of arrays, named after everything that its result depends on."""

import hashlib
import io
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from neocog.files import write_bytes

EVERY = 5.0  # seconds of work between two writes


class State:
    """The arrays of one piece of work below `folder`; None: nothing is kept. about: what they depend on, as JSON."""

    def __init__(self, folder: Path | None, kind: str, about: Mapping[str, Any]):
        key = hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
        self.path = None if folder is None else folder / f"{kind}-{key[:20]}.npz"
        self.key = key
        self._written = time.monotonic()

    def read(self) -> dict[str, np.ndarray] | None:
        """What was kept; None where nothing was, or where it is damaged or another's."""
        if self.path is None:
            return None
        try:
            with np.load(self.path, allow_pickle=False) as file:
                found = {name: file[name] for name in file.files}
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            return None
        return found if str(found.pop("key", "")) == self.key else None

    def write(self, arrays: Mapping[str, Any], now: bool = False) -> None:
        """Keep them, whole or not at all, where some seconds have passed since the last time, or `now`."""
        if self.path is None or not (now or time.monotonic() - self._written > EVERY):
            return
        stream = io.BytesIO()
        np.savez(stream, key=np.array(self.key), **arrays)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(self.path, stream.getvalue())
        self._written = time.monotonic()
