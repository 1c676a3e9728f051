"""The run folder: configuration, events, weights, resumable state. Nothing else keeps state."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from neocog.arch import Architecture
from neocog.errors import UserError
from neocog.nets import Recipe
from neocog.pictures.preprocessing import Preprocessing
from neocog.runs.events import EventLog
from neocog.weights import read_safetensors, write_bytes, write_safetensors

CONFIG, EVENTS, BEST, LAST, STATE = "config.json", "events.jsonl", "best.safetensors", "last.safetensors", "state.safetensors"
SCHEMA = 1


@dataclass(frozen=True)
class Config:
    """What a run is, resolved: with the data and the seed it determines the run.

    kind: how it learns ("sgd", "perceptron"). steps: of `batch` pictures each; for the perceptron, passes.
    data: spec, name, fingerprint, counts and the seed of the split. versions: of neocog, torch, numpy and Python.
    """

    net: str
    kind: str
    arch: Architecture
    preprocessing: Preprocessing
    recipe: Recipe
    classes: tuple[str, ...]
    data: dict[str, Any]
    seed: int
    steps: int
    steps_per_epoch: int
    precision: str
    length: str  # what was asked for: "8 epochs", "240 s", "500 steps"
    versions: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        plain = {
            k: getattr(self, k)
            for k in ("net", "kind", "data", "seed", "steps", "steps_per_epoch", "precision", "length", "versions")
        }
        return {
            "schema": SCHEMA,
            **plain,
            "classes": list(self.classes),
            "recipe": self.recipe.to_json(),
            "preprocessing": self.preprocessing.to_json(),
            "arch": self.arch.to_json(),
        }

    @staticmethod
    def from_json(obj: dict[str, Any]) -> "Config":
        """The inverse of `to_json`. Raises KeyError or UserError for what is no configuration."""
        if obj.get("schema") != SCHEMA:
            raise UserError(f"configuration of schema {obj.get('schema')!r}; this neocog reads schema {SCHEMA}")
        return Config(
            obj["net"],
            obj["kind"],
            Architecture.from_json(obj["arch"]),
            Preprocessing.from_json(obj["preprocessing"]),
            Recipe.from_json(obj["recipe"]),
            tuple(obj["classes"]),
            obj["data"],
            obj["seed"],
            obj["steps"],
            obj["steps_per_epoch"],
            obj["precision"],
            obj["length"],
            obj["versions"],
        )


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
        if self.path.is_dir() and any(self.path.iterdir()):
            what = "a run already: add --resume to go on with it" if self.exists else "something else already"
            raise UserError(f"{self.path} holds {what}; or choose another --out")

    def begin(self, config: Config) -> None:
        """Make the folder and write the configuration. Raises UserError if the folder holds something else."""
        self.check_free()
        self.path.mkdir(parents=True, exist_ok=True)
        write_bytes(self.path / CONFIG, (json.dumps(config.to_json(), ensure_ascii=False, indent=1) + "\n").encode())

    def config(self) -> Config:
        """Its configuration. Raises UserError if this is no run or a damaged one."""
        file = self.path / CONFIG
        if not self.path.exists():
            raise UserError(f"{self.path}: there is no such run folder")
        if not file.is_file():
            raise UserError(f"{self.path} is no run folder: it has no {CONFIG}")
        try:
            return Config.from_json(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{file} is damaged ({type(error).__name__}: {error})") from None
        except UserError as error:
            raise UserError(f"{file}: {error}") from None

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

    def weights(self) -> Path:
        """The best weights, else the last. Raises UserError before the first checkpoint."""
        for name in (BEST, LAST):
            if (self.path / name).is_file():
                return self.path / name
        config = self.config()
        raise UserError(
            f"{self.path} has no weights yet ({config.net}); finish it with `neocog train … --out {self.path} --resume`"
        )
