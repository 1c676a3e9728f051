"""A folder of class folders, split into train/val/test folders or not, as a `Dataset`."""

import re
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from neocog.errors import BadPicture
from neocog.pictures.decode import probe
from neocog.pictures.layout import check_classes, check_root, count_files, split_folders
from neocog.pictures.scan import direct_pictures, relative, scan, subfolders
from neocog.pictures.sets import Dataset, FilePictures, Pictures, carve, fingerprint


def load_folder(root: str | Path, seed: int = 0, test_fraction: float = 0.2, val_fraction: float = 0.1) -> Dataset:
    """`root/<class>/…` or `root/{train,val|valid|validation,test}/<class>/…`; sub-folders count for their class.

    Split folders are used as they are. With train and val only, there is no test set; with train and test, validation
    is carved from train; without either, test is carved first, then validation from the rest, both stratified. Hidden
    files are ignored, files that are no pictures counted in `notes`, pictures whose header cannot be read in `skipped`.
    DataError when that does not give two or more classes with a usable picture each.
    """
    root = Path(root)
    check_root(root)
    folders, notes = split_folders(root)
    read = {split: _read_split(folder, root) for split, folder in folders.items()}
    classes = _sorted_classes(read["train"].files)
    skipped = tuple(bad for part in read.values() for bad in part.skipped)
    check_classes(classes, {split: part.files for split, part in read.items()}, skipped, folders, root)

    sets: dict[str, FilePictures] = {}
    for split, part in read.items():
        files = [(path, label) for label, name in enumerate(classes) for path in part.files.get(name, ())]
        if files:
            sets[split] = FilePictures([path for path, _ in files], [label for _, label in files], classes, root)
        if absent := [name for name in classes if not part.files.get(name)]:
            notes.append(f"{split}: no pictures of {', '.join(map(repr, absent))}")
        notes.extend(part.notes)
    if skipped:
        notes.append(f"{count_files(len(skipped))} skipped because they cannot be read, the first: {skipped[0]}")
    mark = fingerprint(
        text
        for split, pictures in sets.items()
        for i, path in enumerate(pictures.paths)
        for text in (pictures.name(i), classes[pictures.labels[i]], str(read[split].sizes[path]))
    )
    train, val, test = _complete(sets, seed, test_fraction, val_fraction, notes)
    flip, why = _may_flip(classes)
    name = root.resolve().name or "pictures"
    return Dataset(name, classes, train, val, test, mark, flip, (*notes, *why), skipped)


def _complete(
    sets: dict[str, FilePictures], seed: int, test_fraction: float, val_fraction: float, notes: list[str]
) -> tuple[Pictures, Pictures | None, Pictures | None]:
    """Train, val and test, carved where there is no folder for them; what was done is added to `notes`."""
    train: Pictures = sets["train"]
    val: Pictures | None = sets.get("val")
    test: Pictures | None = sets.get("test")
    if test is None and val is not None:
        notes.append("test: none, because there are train and val folders only")
    elif test is None:
        train, test = carve(train, test_fraction, seed, _names(train))
        notes.append(_carved("test", test, test_fraction, seed))
    if val is None:
        train, val = carve(train, val_fraction, seed, _names(train))
        notes.append(_carved("validation", val, val_fraction, seed))
    return train, val, test


def _carved(what: str, pictures: Pictures | None, fraction: float, seed: int) -> str:
    if pictures is None:
        return f"{what}: none, {fraction:.3g} of each class is less than a picture"
    return f"{what}: {len(pictures):,} pictures carved from training, {fraction:.3g} of each class (seed {seed})"


@dataclass
class _Split:
    """The usable files of each class, their sizes in bytes, and what was left out."""

    files: dict[str, list[Path]] = field(default_factory=dict)
    sizes: dict[Path, int] = field(default_factory=dict)
    skipped: list[BadPicture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _read_split(folder: Path, root: Path) -> _Split:
    """Reads every header below the class folders."""
    split = _Split()
    where = "" if folder == root else f"{folder.name}: "
    if stray := direct_pictures(folder):
        split.notes.append(f"{where}{count_files(stray)} outside the class folders ignored")
    others = 0
    for directory in subfolders(folder):
        found = scan(directory, (root, folder))
        others += found.others
        split.skipped += [BadPicture(relative(path, root), why) for path, why in found.unreadable]
        usable = split.files.setdefault(directory.name, [])
        for path, outcome in zip(found.pictures, _check_all(found.pictures, root), strict=True):
            if isinstance(outcome, BadPicture):
                split.skipped.append(outcome)
            else:
                usable.append(path)
                split.sizes[path] = outcome
    if others:
        split.notes.append(f"{where}{count_files(others)} that are not pictures ignored")
    return split


def _check_all(paths: Sequence[Path], root: Path) -> list[int | BadPicture]:
    """`_checked` of each. In threads where the disk is waited for; elsewhere they take three times as long."""
    names = [relative(path, root) for path in paths]
    wall, busy = time.monotonic(), time.thread_time()
    outcomes = [_checked(*one) for one in zip(paths[:64], names[:64], strict=True)]
    if time.monotonic() - wall > 4 * (time.thread_time() - busy):
        with ThreadPoolExecutor(16) as pool:
            return [*outcomes, *pool.map(_checked, paths[64:], names[64:])]
    return [*outcomes, *map(_checked, paths[64:], names[64:])]


def _checked(path: Path, name: str) -> int | BadPicture:
    """The file's size in bytes, or what is wrong with it."""
    try:
        probe(path, name)
        return path.stat().st_size
    except BadPicture as bad:
        return bad


def _sorted_classes(names: Iterable[str]) -> tuple[str, ...]:
    """By name; as numbers when all of them are whole numbers, so that 10 comes after 9."""
    names = list(names)
    numeric = all(re.fullmatch(r"-?[0-9]+", name) for name in names)
    return tuple(sorted(names, key=lambda name: (int(name), name) if numeric else (0, name)))


def _may_flip(classes: Sequence[str]) -> tuple[bool, list[str]]:
    """Characters, and classes named after a side, are not themselves in the mirror."""
    if all(len(name) == 1 for name in classes):
        return False, ["classes look like characters: pictures are not mirrored in training"]
    sided = [name for name in classes if re.search(r"(?<![a-z])(left|right)(?![a-z])", name.lower())]
    return (False, [f"class '{sided[0]}' names a side: pictures are not mirrored in training"]) if sided else (True, [])


def _names(pictures: Pictures) -> list[str]:
    return [pictures.name(i) for i in range(len(pictures))]
