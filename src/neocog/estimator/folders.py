"""Where the runs of estimators lie, and how one travels in a pickle."""

import os
import shutil
import tempfile
import weakref
from pathlib import Path

from neocog.runs.config import BEST, CONFIG, EVENTS, LAST
from neocog.runs.learned import LEARNED

CARRIED = (CONFIG, EVENTS, BEST, LAST, LEARNED)  # the files of a run that a pickle carries


class Temporary:
    """The folder of a run that goes with this object; without tempfile's ResourceWarning: that is how it is meant to go."""

    def __init__(self) -> None:
        folder = tempfile.mkdtemp(prefix="neocog-")
        self.run = Path(folder) / "run"
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)


def new_folder(out: str | os.PathLike[str]) -> Path:
    """`out`, or with -2, -3, … where that is taken: nobody else has it, however many processes ask."""
    stem, number = Path(out), 1
    while True:
        path = stem if number == 1 else stem.with_name(f"{stem.name}-{number}")
        try:
            path.mkdir(parents=True)
            return path
        except FileExistsError:
            number += 1


def pack(run: Path) -> dict[str, bytes]:
    """The files of a run by their names."""
    return {name: (run / name).read_bytes() for name in CARRIED if (run / name).is_file()}


def unpack(files: dict[str, bytes], run: Path) -> None:
    """The inverse of `pack`."""
    run.mkdir()
    for name, content in files.items():
        (run / name).write_bytes(content)
