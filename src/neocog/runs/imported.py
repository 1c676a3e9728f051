"""A network from outside as a run folder, so that every verb works on it."""

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from neocog.errors import UserError
from neocog.files import PART
from neocog.nets import Recipe, resolve
from neocog.runs.config import LAST, Config
from neocog.runs.folder import RunFolder
from neocog.weights.imported import Imported

KIND = "imported"
CHUNK = 1 << 20


def write_imported(made: Imported, out: str | Path, files: Sequence[str | Path], versions: dict[str, str]) -> RunFolder:
    """A run folder of kind "imported": configuration and weights. It is whole or was never there.

    Raises UserError if something else lies at `out`.
    """
    folder = RunFolder(out)
    folder.check_free()
    beside = folder.path.parent / f".{folder.path.name}.{os.getpid()}{PART}"
    config = configuration(made, files, versions)
    try:
        beside.mkdir(parents=True)
        half = RunFolder(beside)
        half.begin(config)
        half.save_weights(LAST, made.values, config, {"notes": list(made.notes)})
        log = half.events()
        log.append({"event": "imported", "files": config.data["files"], "notes": list(made.notes)})
        log.close()
        if folder.path.is_dir():  # it is empty, but for what a killed process left
            folder.clean()
        beside.rename(folder.path)
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return folder


def configuration(made: Imported, files: Sequence[str | Path], versions: dict[str, str]) -> Config:
    """What the run is: the network and where it came from; no training."""
    paths = [Path(file) for file in files]
    sums = {path.name: _sha256(path) for path in paths}
    return Config(
        net=made.net,
        kind=KIND,
        arch=made.arch,
        preprocessing=made.preprocessing,
        recipe=_recipe(made.net),
        classes=made.classes,
        data={
            "spec": " ".join(map(str, paths)),
            "name": ", ".join(sums),
            "fingerprint": "",
            "files": sums,
            "notes": list(made.notes),
            "split_seed": 0,
            "n_train": 0,
            "n_val": 0,
            "n_test": 0,
        },
        seed=0,
        steps=0,
        steps_per_epoch=0,
        precision="fp32",
        length=KIND,
        versions=versions,
    )


def _recipe(net: str) -> Recipe:
    """The card's quick recipe, for training on; the plain one for a network that is none of ours."""
    try:
        return resolve(net).card.quick
    except UserError:
        return Recipe()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
