"""Which files the doctor is to look at: everything below the class folders, in the memory that the names take."""

import os
from array import array
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from neocog.pictures.folder import sorted_classes
from neocog.pictures.layout import check_classes, check_root, split_folders
from neocog.pictures.names import Names, relative
from neocog.pictures.scan import direct_names, subfolders, walk
from neocog.pictures.sets import Dataset, Pictures


@dataclass
class Listing:
    """`names[i]`, a path below `root`, is of split `splits[split[i]]` and of class `classes[label[i]]`.

    The classes are those of train, then those that only a later split has. `present`: what each split's folders are.
    """

    root: Path
    splits: tuple[str, ...]
    classes: tuple[str, ...]
    unknown: dict[str, list[str]]
    names: Names = field(default_factory=Names)
    split: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int8))
    label: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    others: Names = field(default_factory=Names)
    outside: Names = field(default_factory=Names)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def listing_of(dataset: Dataset) -> tuple[Listing, list[Pictures]]:
    """The pictures of a loaded data set, and its splits in the same order."""
    parts = {split: part for split in ("train", "val", "test") if (part := getattr(dataset, split)) is not None}
    found = Listing(Path(), tuple(parts), dataset.classes, {})
    for part in parts.values():
        for i in range(len(part)):
            found.names.append(part.name(i))
    found.split = np.repeat(np.arange(len(parts), dtype=np.int8), [len(part) for part in parts.values()])
    found.label = np.concatenate([part.labels for part in parts.values()])
    return found, list(parts.values())


def list_folder(root: Path) -> Listing:
    """DataError when this is no folder, or holds no class folders."""
    check_root(root)
    folders, notes = split_folders(root)
    folders = {split: folders[split] for split in ("train", "val", "test") if split in folders}
    below = {split: subfolders(folder) for split, folder in folders.items()}
    if not below["train"]:
        check_classes((), {}, (), folders, root)
    train = sorted_classes(folder.name for folder in below["train"])
    unknown = {split: [f.name for f in inside if f.name not in train] for split, inside in below.items()}
    extra = sorted({name for names in unknown.values() for name in names})
    found = Listing(root, tuple(folders), (*train, *extra), unknown, notes=notes)
    number = {name: i for i, name in enumerate(found.classes)}
    split, label = array("b"), array("i")
    for position, (role, folder) in enumerate(folders.items()):
        for name in sorted(direct_names(folder)):
            found.outside.append(relative(folder / name, root))
        for directory in below[role]:
            place = relative(directory, root)
            for inner, kind, why in walk(directory, (root, folder)):
                name = f"{place}/{inner}".rstrip("/")
                if kind == "picture" or (kind == "other" and os.path.splitext(inner)[1].lower() in (".heic", ".heif")):  # noqa: PTH122
                    found.names.append(name)
                    split.append(position)
                    label.append(number[directory.name])
                elif kind == "other":
                    found.others.append(name)
                else:
                    found.unreadable.append((name, why))
    found.split, found.label = np.array(split, np.int8), np.array(label, np.int64)
    return found
