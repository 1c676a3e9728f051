"""Folders of tar shards in WebDataset's layout, read in place: an index of offsets makes any picture one read away.

A sample is the run of files in a tar that share a key, their name up to its first dot: `000017.jpg` and `000017.cls` (a
number or a name) or `000017.json` ({"label": …} or {"class": …}). Where there is no such label the picture's folder in the
tar is its class. `train-0000.tar`, `val-…` and `test-…`, or folders of those names, are the splits.
"""

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from neocog.errors import DataError
from neocog.pictures.encoded import EncodedPictures, dataset
from neocog.pictures.fast import fetch
from neocog.pictures.folder import sorted_classes
from neocog.pictures.layout import SPLITS
from neocog.pictures.names import Names
from neocog.pictures.scan import hidden, subfolders
from neocog.pictures.sets import Dataset
from neocog.pictures.source import Span
from neocog.pictures.tar_index import Index

PACKED = (".tar.gz", ".tgz", ".tar.zst", ".tar.bz2", ".tar.xz")
CLASSES = ("classes.txt", "classnames.txt")
MOST = 1000  # numbers that may be classes even of fewer pictures: a sample of ImageNet has its labels


def has_shards(root: Path) -> bool:
    """Whether `root` is a folder of shards, or of split folders of shards."""
    return bool(_tars(root)) or any(_tars(folder) for folder in _split_folders(root).values())


def load_shards(
    root: Path,
    seed: int = 0,
    val_fraction: float | None = None,
    test_fraction: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """The shards of `root` as a data set. The first look reads the headers of all members; nothing is unpacked."""
    shards: dict[str, list[Path]] = {}
    for path in _tars(root):
        shards.setdefault(_split_of(path), []).append(path)
    for split, folder in _split_folders(root).items():
        shards.setdefault(split, []).extend(_tars(folder))
    if "train" not in shards:
        raise DataError(
            f"{root}: found shards of {' and '.join(shards)} but none for training (train-….tar, or a folder 'train')"
        )
    total, found = sum(map(len, shards.values())), {}
    for split, paths in shards.items():
        found[split] = Index()
        for path in paths:
            found[split].read(path, root)
            if on_progress is not None:
                on_progress(sum(len(index.shards) for index in found.values()), total)
    skipped = [bad for index in found.values() for bad in index.skipped]
    if not len(found["train"].names):
        raise DataError(
            f"{root}: no labelled picture in {total} shards; the first: {shards['train'][0].name}"
            + (f"; {skipped[0]}" if skipped else "")
        )
    classes, numbers = _classes(root, found)
    splits = {split: _pictures(index, classes, numbers, root) for split, index in found.items() if len(index.names)}
    notes = [
        f"{len(index.shards)} shard{'s' if len(index.shards) != 1 else ''} for {split}: {len(index.names):,} pictures"
        for split, index in found.items()
    ]
    sizes = [f"{path.name} {path.stat().st_size}" for paths in shards.values() for path in paths]
    name = root.resolve().name or "shards"
    return dataset(name, splits, seed, val_fraction, test_fraction, notes, sizes, skipped)


class ShardPictures(EncodedPictures):
    """Members of tar shards: of picture i, which shard, and where in it its bytes begin and how many they are."""

    def __init__(
        self, shards: Sequence[Path], names: Names, places: np.ndarray, labels: np.ndarray, classes: Sequence[str], root: Path
    ):
        super().__init__(labels, classes, len(names))
        self.shards, self.names, self.root = tuple(shards), names, root
        self.places = places  # int64 N×(shard, offset, size)

    def source(self, i: int) -> Span:
        shard, offset, size = (int(v) for v in self.places[i])
        return Span(self.shards[shard], offset, size)

    def encoded(self, i: int) -> bytes:
        return fetch(self.source(i), self.name(i))

    def name(self, i: int) -> str:
        return self.names[i]

    def subset(self, indices: np.ndarray | Sequence[int]) -> "ShardPictures":
        at = np.asarray(indices, np.int64)
        return ShardPictures(
            self.shards, self.names.take(at.tolist()), self.places[at], self.labels[at], self.classes, self.root
        )


def _classes(root: Path, found: dict[str, Index]) -> tuple[tuple[str, ...], dict[str | int, int]]:
    """(classes, the number of each label). Numbers are named by the lines of classes.txt where there is one; without it, those
    that run far beyond the number of pictures are no numbers of classes but ids, and are names."""
    labels = {label for index in found.values() for label in index.labels}
    file = next((root / name for name in CLASSES if (root / name).is_file()), None)
    try:
        lines = tuple(file.read_text(encoding="utf-8").split("\n")) if file else ()
    except ValueError:
        raise DataError(f"{file} is no text in UTF-8: save it as that") from None
    lines = tuple(line.strip() for line in lines if line.strip())
    numbers = [label for label in labels if isinstance(label, int)]
    if len(numbers) == len(labels):
        count = max(numbers) + 1
        if file and count > len(lines):
            raise DataError(f"{file} names {len(lines)} classes, but labels run to {count - 1}")
        if file or count <= max(MOST, sum(len(index.names) for index in found.values())):
            known = lines or tuple(str(i) for i in range(count))
            return known, {i: i for i in range(len(known))}
    names = lines or sorted_classes({str(label) for label in labels})
    if unknown := sorted({str(label) for label in labels} - set(names)):
        raise DataError(f"{file} does not name the class '{unknown[0]}'")
    number = {name: i for i, name in enumerate(names)}
    return names, {label: number[str(label)] for label in labels}


def _pictures(index: Index, classes: tuple[str, ...], numbers: dict[str | int, int], root: Path) -> ShardPictures:
    labels = np.array([numbers[label] for label in index.labels], np.int64)
    return ShardPictures(index.shards, index.names, np.array(index.places, np.int64).reshape(-1, 3), labels, classes, root)


def _tars(folder: Path) -> list[Path]:
    """Shards directly in a folder, by name. Raises DataError for packed ones, which cannot be read from the middle."""
    if packed := with_ending(folder, *PACKED):
        raise DataError(
            f"{packed[0]}: packed shards cannot be read from the middle; unpack them to .tar (gunzip, unzstd) first"
        )
    return with_ending(folder, ".tar")


def with_ending(folder: Path, *endings: str) -> list[Path]:
    """The visible files directly in a folder whose names end so, sorted; none where it cannot be listed."""
    try:
        with os.scandir(folder) as entries:
            return sorted(
                Path(e.path) for e in entries if e.name.lower().endswith(endings) and not hidden(e.name) and e.is_file()
            )
    except OSError:
        return []


def _split_folders(root: Path) -> dict[str, Path]:
    try:
        return {
            SPLITS[folder.name.lower()]: folder
            for folder in subfolders(root)
            if folder.name.lower() in SPLITS and _tars(folder)
        }
    except DataError:
        return {}


def _split_of(path: Path) -> str:
    return SPLITS.get(re.split(r"[-_.0-9]", path.name.lower(), maxsplit=1)[0], "train")
