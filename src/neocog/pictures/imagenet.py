r"""ImageNet as it is handed out: training pictures in folders by synset, validation pictures flat beside a list of the truth.

The list is one of
- LOC_val_solution.csv (Kaggle): `ILSVRC2012_val_00048981,n03995372 85 1 499 272`
- val.txt (Caffe): `ILSVRC2012_val_00000001.JPEG 65`, numbers from 0 in the order of synsets.txt, which is that of the ids
- imagenet_2012_validation_synset_labels.txt (TensorFlow): line i is the synset of picture i
- ILSVRC2012_validation_ground_truth.txt (the development kit): line i is a number from 1 to 1000 in the kit's own order, which
  only its meta.mat knows; without that the labels would be wrong, so it is refused.
A picture is known by the number in its name, never by its place in a listing: parts of the set keep their labels.
"""

import re
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neocog.errors import BadPicture, DataError
from neocog.pictures.folder import Split, assemble, check_all, read_split
from neocog.pictures.layout import SPLITS, check_root, count_files
from neocog.pictures.names import Names, relative
from neocog.pictures.scan import direct_names, is_file, subfolders
from neocog.pictures.sets import Dataset
from neocog.pictures.synsets import ilsvrc, is_synset

KAGGLE, CAFFE, TENSORFLOW, KIT = (
    "LOC_val_solution.csv", "val.txt", "imagenet_2012_validation_synset_labels.txt", "ILSVRC2012_validation_ground_truth.txt",
)  # fmt: skip
TRUTHS = (KAGGLE, CAFFE, TENSORFLOW, KIT)
META = "meta.mat"
ORDERS = ("synsets.txt", "synset_words.txt")
BELOW = ("", "ILSVRC/Data/CLS-LOC", "Data/CLS-LOC")  # where Kaggle's archive has the pictures
FLAT = (*(name for name, split in SPLITS.items() if split == "val"), "ILSVRC2012_img_val")
KITS = ("", "data", "ILSVRC2012_devkit_t12/data", "devkit/data", "labels", "caffe_ilsvrc12")
_NUMBER = re.compile(r"ILSVRC2012_val_(\d{8})", re.IGNORECASE)


class Validation(NamedTuple):
    """root: what was named; base: the folder of `train` and `val`; flat: the folder of pictures; truth: the list, if any."""

    root: Path
    base: Path
    flat: Path
    truth: Path | None


def find_validation(root: Path) -> Validation | None:
    """Where a flat folder of ImageNet's validation pictures is, in `root` or `root` itself; None where there is none.

    Pictures by ImageNet's names are taken for it with or without a list; others only with a list beside them.
    """
    for below in BELOW:
        base = root / below
        for name in ("", *FLAT):
            flat = base / name
            first = _first(flat)
            if first is None:
                continue
            known = _NUMBER.match(first) is not None
            if not known and subfolders(flat):
                continue  # stray pictures beside class folders or splits
            truth = _beside(TRUTHS, root, base, flat)
            if known or truth is not None:
                return Validation(root, base, flat, truth)
    return None


def load_imagenet(where: Validation, seed: int = 0, test_fraction: float = 0.2, val_fraction: float = 0.1) -> Dataset:
    """The training pictures, where there are any, and the validation pictures by their list; else the latter alone.

    Raises DataError, which says what is missing, rather than guess a label.
    """
    check_root(where.root)
    train = where.base / "train"
    if where.truth is None:
        without = f", or give {train} to train without them" if train.is_dir() else ""
        raise DataError(
            f"{where.flat}: ImageNet's validation pictures lie in one folder and no list says what they show: put "
            f"{KAGGLE}, {CAFFE}, {TENSORFLOW}, or {KIT} with its {META} beside them{without}"
        )
    flat = _read_flat(where, read_truth(where.truth, where))
    notes = [f"labels of {relative(where.flat, where.root)}: {relative(where.truth, where.root)}"]
    if where.flat != where.base and train.is_dir() and subfolders(train):
        return assemble(
            where.root, {"train": train, "val": where.flat}, {"train": read_split(train, where.root), "val": flat}, notes, seed,
            test_fraction, val_fraction,
        )  # fmt: skip
    return assemble(where.root, {"train": where.flat}, {"train": flat}, notes, seed, test_fraction, val_fraction)


class Truth(NamedTuple):
    """Synsets, and by the pictures' numbers (or names, where they have none) which of them each shows."""

    synsets: tuple[str, ...]
    by_number: dict[int, int]
    by_name: dict[str, int]

    def of(self, name: str) -> str | None:
        """The synset of the picture of this file name; None: the list does not say."""
        number = _NUMBER.match(name)
        place = self.by_number.get(int(number[1])) if number else self.by_name.get(name)
        return None if place is None else self.synsets[place]


def read_truth(path: Path, where: Validation) -> Truth:
    """The list. Raises DataError for one that cannot be meant."""
    if path.name == KAGGLE:
        return _named(path, ((line.partition(",")[0], line.partition(",")[2].split()[:1]) for line in _lines(path)[1:]))
    if path.name == CAFFE:
        return _caffe(path, where)
    lines = _lines(path)
    if path.name == TENSORFLOW:
        return _named(path, ((f"ILSVRC2012_val_{i:08d}", [line]) for i, line in enumerate(lines, 1)))
    return _kit(path, lines, where)


def _named(path: Path, rows: Iterator[tuple[str, list[str]]]) -> Truth:
    synsets: dict[str, int] = {}
    by_number, by_name = {}, {}
    for i, (name, said) in enumerate(rows, 1):
        if not said or not is_synset(said[0]):
            raise DataError(f"{path}: row {i} names no synset (n and eight digits): '{' '.join(said)[:40]}'")
        place = synsets.setdefault(said[0], len(synsets))
        number = _NUMBER.match(name)
        by_number.update({int(number[1]): place} if number else {})
        by_name.update({} if number else {name: place})
    return Truth(tuple(synsets), by_number, by_name)


def _caffe(path: Path, where: Validation) -> Truth:
    order = _beside(ORDERS, where.root, where.base, where.flat)
    synsets = tuple(line.split()[0] for line in _lines(order)) if order else tuple(ilsvrc())
    if not all(map(is_synset, synsets)):
        raise DataError(f"{order}: not a list of synsets (n and eight digits), one a line")
    by_number, by_name = {}, {}
    for i, line in enumerate(_lines(path), 1):
        name, _, number = line.rpartition(" ")
        if not name or not number.isdigit():
            raise DataError(f"{path}: line {i} is not a file's name and a number: '{line[:40]}'")
        if int(number) >= len(synsets):
            raise DataError(
                f"{path}: line {i} has the number {number}, but there are {len(synsets):,} synsets, counted from 0: is it "
                f"another list than Caffe's?"
            )
        file = name.strip().rpartition("/")[2]
        found = _NUMBER.match(file)
        by_number.update({int(found[1]): int(number)} if found else {})
        by_name.update({} if found else {file: int(number)})
    return Truth(synsets, by_number, by_name)


def _kit(path: Path, lines: list[str], where: Validation) -> Truth:
    """The development kit's numbers are of an order of its own, which is not that of the ids."""
    meta = _beside((META,), path.parent, where.root, where.base, where.flat)
    if meta is None:
        raise DataError(
            f"{path} counts the classes in the development kit's own order, which only its {META} tells: put {META} beside it, "
            f"or use {KAGGLE}, {CAFFE} or {TENSORFLOW}"
        )
    synsets = _meta(meta)
    if wrong := next((i for i, line in enumerate(lines, 1) if not line.isdigit() or not 1 <= int(line) <= len(synsets)), 0):
        raise DataError(f"{path}: line {wrong} is no number from 1 to {len(synsets):,}: '{lines[wrong - 1][:40]}'")
    return Truth(synsets, {i: int(line) - 1 for i, line in enumerate(lines, 1)}, {})


def _meta(path: Path) -> tuple[str, ...]:
    """The synsets of the development kit's leaves by ILSVRC2012_ID, from 1."""
    try:
        from scipy.io import loadmat
    except ImportError:
        raise DataError(
            f"{path} is a MATLAB file, which scipy reads and which is not installed: pip install scipy, or use {KAGGLE}, "
            f"{CAFFE} or {TENSORFLOW}"
        ) from None
    try:
        rows = np.atleast_1d(loadmat(path, squeeze_me=True)["synsets"])
        found = {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in rows if int(row["num_children"]) == 0}
    except Exception as error:  # whatever scipy finds wrong with a file
        raise DataError(f"{path}: not the development kit's table of synsets ({type(error).__name__}: {error})") from error
    if sorted(found) != list(range(1, len(found) + 1)) or not all(map(is_synset, found.values())):
        raise DataError(f"{path}: its classes are not numbered from 1 to {len(found):,}: not the kit of ILSVRC 2012?")
    return tuple(found[i] for i in range(1, len(found) + 1))


def _read_flat(where: Validation, truth: Truth) -> Split:
    """Every picture of the flat folder by its synset, with its header read."""
    split, place = Split(), relative(where.flat, where.root) if where.flat != where.root else ""
    here = sorted(direct_names(where.flat))
    told = {name: synset for name in here if (synset := truth.of(name)) is not None}
    if not told:
        raise DataError(f"{where.truth}: says nothing of the pictures in {where.flat}, such as {here[0]}")
    if len(told) < len(here):
        first = next(name for name in here if name not in told)
        assert where.truth is not None
        split.notes.append(
            f"{count_files(len(here) - len(told))} that {where.truth.name} does not name left out, the first: {first}"
        )
    by: dict[str, Names] = {}
    for name, synset in told.items():
        by.setdefault(synset, Names()).append(name)
    for synset in sorted(by):
        usable, sizes = split.files.setdefault(synset, Names()), array("q")
        for name, outcome in check_all(where.root, place, by[synset]):
            if isinstance(outcome, BadPicture):
                split.skipped.append(outcome)
            else:
                usable.append(name)
                sizes.append(outcome)
        split.sizes[synset] = np.array(sizes, np.int64)
    return split


def _first(folder: Path) -> str | None:
    try:
        return next(direct_names(folder), None) if folder.is_dir() else None
    except DataError:
        return None


def _beside(names: tuple[str, ...], *folders: Path) -> Path | None:
    """The first of these files that is in one of these folders, the one above, or where the development kit has it."""
    for name in names:
        for folder in dict.fromkeys((*folders, *(folder.parent for folder in folders[1:]))):
            for below in KITS:
                if is_file(folder / below / name):
                    return folder / below / name
    return None


def _lines(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text("utf-8", "replace").splitlines() if line.strip()]
    except OSError as error:
        raise DataError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error
