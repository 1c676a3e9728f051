"""The run folder: configuration, events, weights, resumable state. Nothing else keeps state."""

from pathlib import Path
from typing import Any

from torch import Tensor

from neocog.errors import UserError
from neocog.files import PART, write_json
from neocog.runs.config import BEST, CONFIG, EVENTS, LAST, START, STATE, Config, read_config
from neocog.runs.events import EventLog
from neocog.weights import read_safetensors, write_safetensors


class RunFolder:
    """Paths of a run and what lies there."""

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def __fspath__(self) -> str:
        return str(self.path)

    @property
    def exists(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / CONFIG).is_file()

    @property
    def finished(self) -> bool:
        """Whether its training came to its end."""
        return self.exists and not (self.path / STATE).exists() and (self.path / LAST).exists()

    def check_free(self) -> None:
        """Raises UserError if a run cannot begin here because something else lies here."""
        if self.path.exists() and not self.path.is_dir():
            raise UserError(f"{self.path} is a file; --out names a folder")
        if self.path.is_dir() and any(not (f.name.startswith(".") and f.suffix == PART) for f in self.path.iterdir()):
            what = "a run already (training goes on with --resume)" if self.exists else "something else already"
            raise UserError(f"{self.path} holds {what}: choose another --out")

    def begin(self, config: Config) -> None:
        """Make the folder and write the configuration. Raises UserError if the folder holds something else."""
        self.check_free()
        self.path.mkdir(parents=True, exist_ok=True)
        self.clean()
        self.write(config)

    def write(self, config: Config) -> None:
        """Write the configuration of a run that has begun, in place of the one it had."""
        write_json(self.path / CONFIG, config.to_json())

    def begin_again(self, config: Config) -> None:
        """From the start with another configuration. Killed half-way, the old one starts over and comes here again."""
        (self.path / STATE).unlink(missing_ok=True)
        (self.path / BEST).unlink(missing_ok=True)  # of what was given up
        self.write(config)

    def config(self) -> Config:
        """Its configuration. Raises UserError if this is no run or a damaged one."""
        return read_config(self.path)

    def clean(self) -> None:
        """Take away what a killed process left half-written."""
        for leftover in self.path.glob(f".*{PART}"):
            leftover.unlink(missing_ok=True)

    def events(self) -> EventLog:
        """The log, open for appending."""
        return EventLog(self.path / EVENTS)

    def save_weights(self, which: str, values: dict[str, Tensor], config: Config, extra: dict[str, Any]) -> None:
        """best or last: weights with all that is needed to use the file by itself."""
        meta = {
            "net": config.net,
            "kind": config.kind,
            "arch": config.arch.to_json(),
            "classes": list(config.classes),
            "preprocessing": config.preprocessing.to_json(),
            **extra,
        }
        (self.path / which).parent.mkdir(exist_ok=True)
        write_safetensors(self.path / which, values, meta)

    def save_state(self, values: dict[str, Tensor], meta: dict[str, Any]) -> None:
        """What resuming needs, in one file, so that it is of one step."""
        write_safetensors(self.path / STATE, values, meta)

    def read_state(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The resumable state, or None before the first checkpoint."""
        return read_safetensors(self.path / STATE) if (self.path / STATE).exists() else None

    def finish(self) -> None:
        """The state is not needed any more."""
        (self.path / STATE).unlink(missing_ok=True)
        (self.path / START).unlink(missing_ok=True)
        self.clean()

    def weights(self) -> Path:
        """The best weights, else the last. Raises UserError before the first checkpoint."""
        for name in (BEST, LAST):
            if (self.path / name).is_file():
                return self.path / name
        config = self.config()
        raise UserError(
            f"{self.path} has no weights yet ({config.net}); finish it with `neocog train … --out {self.path} --resume`"
        )
