"""Which files a run learned from: learned.txt, one `size name` a line, so that a later evaluation can leave them out."""

from pathlib import Path

import numpy as np

from neocog.files import write_bytes
from neocog.pictures.sets import FilePictures, Pictures

LEARNED = "learned.txt"


def write_learned(folder: Path, *splits: Pictures | None) -> None:
    """Write down the files of the training and validation splits; nothing for pictures that are not in files."""
    keys = [key for pictures in splits if isinstance(pictures, FilePictures) for key in _keys(pictures)]
    if keys:
        write_bytes(folder / LEARNED, "\n".join((*keys, "")).encode("utf-8", "surrogateescape"))


def unlearned(folder: Path, pictures: Pictures) -> np.ndarray:
    """Indices of the pictures that the run did not learn from: all whose name and size are not in its list."""
    file = folder / LEARNED
    if not file.exists() or not isinstance(pictures, FilePictures):
        return np.arange(len(pictures))
    known = set(file.read_text(encoding="utf-8", errors="surrogateescape").splitlines())
    return np.array([i for i, key in enumerate(_keys(pictures)) if key not in known], np.int64)


def _keys(pictures: FilePictures) -> list[str]:
    """`size class/file`: the same file is recognised in a moved or a newly split folder."""
    return [f"{path.stat().st_size} {'/'.join(path.parts[-2:])}" for path in pictures.paths]
