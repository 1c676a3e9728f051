"""What a run is, as its config.json holds it. No torch."""

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from neocog.arch import Architecture
from neocog.errors import UserError
from neocog.nets import Recipe
from neocog.pictures.preprocessing import Preprocessing

CONFIG, EVENTS, BEST, LAST, STATE = "config.json", "events.jsonl", "best.safetensors", "last.safetensors", "state.safetensors"
START = "start.safetensors"  # the weights that a run begins from, until it has ended
SCHEMA = 1


@dataclass(frozen=True)
class Config:
    """What a run is, resolved: with the data and the seed it determines the run.

    kind: how it learns ("sgd", "perceptron"). steps: of `recipe.batch` pictures each; for the perceptron, passes.
    data: spec, name, fingerprint, counts and the seed of the split. length: what was asked for, in words. asked: the
    options that were given. versions: of neocog, torch, numpy and Python. engine: how the steps are computed, where that shows
    in the last bits (pieces of a batch, compiled, checkpointing). weights: where the start came from, if not from chance.
    mended: what was changed when nothing was learned.
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
    length: str
    versions: dict[str, str]
    asked: dict[str, Any] = field(default_factory=dict)
    engine: dict[str, Any] = field(default_factory=dict)
    weights: str = ""
    mended: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        plain = {f.name: getattr(self, f.name) for f in fields(self)}
        made = {k: plain[k].to_json() for k in ("recipe", "preprocessing", "arch")}
        made |= {"classes": list(self.classes), "mended": list(self.mended)}
        return {"schema": SCHEMA, **plain, **made}

    @staticmethod
    def from_json(obj: dict[str, Any]) -> "Config":
        """The inverse of `to_json`. Raises UserError, KeyError or TypeError for what is no configuration."""
        if obj.get("schema") != SCHEMA:
            raise UserError(f"a configuration of schema {obj.get('schema')!r}; this neocog reads schema {SCHEMA}")
        values = {key: value for key, value in obj.items() if key != "schema"}
        values["arch"] = Architecture.from_json(values["arch"])
        values["preprocessing"] = Preprocessing.from_json(values["preprocessing"])
        values["recipe"] = Recipe.from_json(values["recipe"])
        values["classes"] = tuple(values["classes"])
        values["mended"] = tuple(values.get("mended", ()))
        return Config(**values)


def read_config(run: str | Path) -> Config:
    """The configuration of a run folder. Raises UserError if this is no run or a damaged one."""
    path = Path(run)
    file = path / CONFIG
    if not path.exists():
        raise UserError(f"{path}: there is no such run folder")
    if not file.is_file():
        raise UserError(f"{path} is no run folder: it has no {CONFIG}")
    try:
        return Config.from_json(json.loads(file.read_text(encoding="utf-8")))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{file} is damaged ({type(error).__name__}: {error})") from None
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
