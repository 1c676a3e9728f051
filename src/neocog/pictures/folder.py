"""A folder of class folders, split into train/val/test folders or not, as a `Dataset`."""

import re
import time
from array import array
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neocog.errors import BadPicture
from neocog.pictures.decode import probe
from neocog.pictures.layout import check_classes, check_root, count_files, split_folders
from neocog.pictures.names import Names, Paths, relative
from neocog.pictures.scan import direct_pictures, scan, subfolders
from neocog.pictures.sets import Dataset, FilePictures, Pictures, carve, fingerprint
from neocog.pictures.synsets import titles_of


def load_folder(
    root: str | Path, seed: int = 0, test_fraction: float = 0.2, val_fraction: float = 0.1, judging: bool = False
) -> Dataset:
    """`root/<class>/…` or `root/{train,val|valid|validation,test}/<class>/…`; sub-folders count for their class.

    Split folders are used as they are. With train and val only, there is no test set; with train and test, validation
    is carved from train; without either, test is carved first, then validation from the rest, both stratified. Hidden
    files are ignored, files that are no pictures counted in `notes`, pictures whose header cannot be read in `skipped`.
    DataError when that does not give two or more classes with a usable picture each; to judge, one will do.
    """
    root = Path(root)
    check_root(root)
    folders, notes = split_folders(root)
    read = {split: read_split(folder, root) for split, folder in folders.items()}
    return assemble(root, folders, read, notes, seed, test_fraction, val_fraction, judging)


def assemble(
    root: Path,
    folders: dict[str, Path],
    read: "dict[str, Split]",
    notes: list[str],
    seed: int,
    test_fraction: float,
    val_fraction: float,
    judging: bool = False,
) -> Dataset:
    """The data set of the splits that were read, "train" among them. `folders`: where each lies.

    Classes are known by their folders here and in the fingerprint; ImageNet's, whose folders are synsets, get their names.
    """
    classes = sorted_classes(read["train"].files)
    skipped = tuple(bad for part in read.values() for bad in part.skipped)
    check_classes(classes, {split: part.files for split, part in read.items()}, skipped, folders, root, judging)
    titles, said = titles_of(classes, root)

    sets: dict[str, FilePictures] = {}
    sizes: dict[str, np.ndarray] = {}
    for split, part in read.items():
        names = Names()
        for name in classes:
            names.extend(part.files.get(name, Names()))
        if len(names):
            labels = np.repeat(np.arange(len(classes)), [len(part.files.get(name, ())) for name in classes])
            sets[split] = FilePictures(Paths(names, root), labels, titles, root)
            sizes[split] = np.concatenate([part.sizes[name] for name in classes if name in part.sizes])
        if absent := [name for name in classes if not part.files.get(name)]:
            more = f" and {len(absent) - 5} more" if len(absent) > 5 else ""
            notes.append(f"{split}: no pictures of {', '.join(map(repr, absent[:5]))}{more}")
        notes.extend(part.notes)
        part.files.clear()  # the sets hold them now
    if skipped:
        notes.append(f"{count_files(len(skipped))} skipped as unreadable, the first: {skipped[0]}")
    mark = fingerprint(
        text
        for split, pictures in sets.items()
        for i, name in enumerate(pictures.paths.names)
        for text in (name, classes[pictures.labels[i]], str(sizes[split][i]))
    )
    train, val, test = _complete(sets, seed, test_fraction, val_fraction, notes)
    flip, why = may_flip(titles)
    name = root.resolve().name or "pictures"
    return Dataset(name, titles, train, val, test, mark, flip, (*notes, *said, *why), skipped)


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
class Split:
    """The usable files of each class (names below the root), their sizes in bytes, and what was left out."""

    files: dict[str, Names] = field(default_factory=dict)
    sizes: dict[str, np.ndarray] = field(default_factory=dict)
    skipped: list[BadPicture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_split(folder: Path, root: Path) -> Split:
    """Reads every header below the class folders."""
    split = Split()
    where = "" if folder == root else f"{folder.name}: "
    if stray := direct_pictures(folder):
        split.notes.append(f"{where}{count_files(stray)} outside the class folders ignored")
    others = 0
    for directory in subfolders(folder):
        place = relative(directory, root)
        found = scan(directory, (root, folder))
        others += found.others
        split.skipped += [BadPicture(f"{place}/{inner}".rstrip("/"), why) for inner, why in found.unreadable]
        usable = split.files.setdefault(directory.name, Names())
        sizes = array("q")
        for name, outcome in check_all(root, place, found.pictures):
            if isinstance(outcome, BadPicture):
                split.skipped.append(outcome)
            else:
                usable.append(name)
                sizes.append(outcome)
        split.sizes[directory.name] = np.array(sizes, np.int64)
    if others:
        split.notes.append(f"{where}{count_files(others)} that are not pictures ignored")
    return split


def check_all(root: Path, place: str, inner: Names) -> Iterator[tuple[str, int | BadPicture]]:
    """Each name below the root with what `_checked` says. In threads where the disk is waited for; elsewhere they take
    three times as long. A part at a time, so that a listing of millions is not turned into as many tasks."""
    names = Names()
    names.extend(inner, f"{place}/" if place else "")

    def checked(name: str) -> int | BadPicture:
        return _checked(root / name, name)

    wall, busy = time.monotonic(), time.thread_time()
    for name in names[:64]:
        yield name, checked(name)
    if time.monotonic() - wall <= 4 * (time.thread_time() - busy):
        yield from ((name, checked(name)) for name in names[64:])
        return
    with ThreadPoolExecutor(16) as pool:
        for start in range(64, len(names), 4096):
            parts = [list(names[at : min(at + 64, start + 4096)]) for at in range(start, min(start + 4096, len(names)), 64)]
            for part, outcomes in zip(parts, pool.map(lambda part: [*map(checked, part)], parts), strict=True):
                yield from zip(part, outcomes, strict=True)


def _checked(path: Path, name: str) -> int | BadPicture:
    """The file's size in bytes, or what is wrong with it."""
    try:
        probe(path, name)
        return path.stat().st_size
    except BadPicture as bad:
        return BadPicture(bad.where, bad.why)  # without its traceback, which would hold on to all that was open


def sorted_classes(names: Iterable[str]) -> tuple[str, ...]:
    """By name; as numbers when all of them are whole numbers, so that 10 comes after 9."""
    names = list(names)
    numeric = all(re.fullmatch(r"-?[0-9]+", name) for name in names)
    return tuple(sorted(names, key=lambda name: (int(name), name) if numeric else (0, name)))


def may_flip(classes: Sequence[str]) -> tuple[bool, list[str]]:
    """Characters, and classes named after a side, are not themselves in the mirror."""
    if all(len(name) == 1 for name in classes):
        return False, ["classes look like characters: pictures are not mirrored in training"]
    sided = [name for name in classes if re.search(r"(?<![a-z])(left|right)(?![a-z])", name.lower())]
    return (False, [f"class '{sided[0]}' names a side: pictures are not mirrored in training"]) if sided else (True, [])


def _names(pictures: Pictures) -> Sequence[str]:
    return pictures.paths.names if isinstance(pictures, FilePictures) else [pictures.name(i) for i in range(len(pictures))]
