"""What a folder of pictures means: which folders are splits, which classes, and what is wrong with it as a data set."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from neocog.errors import BadPicture, DataError, nearest
from neocog.pictures.scan import direct_pictures, subfolders

SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


def check_root(root: Path) -> None:
    try:
        if root.is_dir():
            return
        if root.exists():
            hint = "unpack it first" if root.suffix in (".zip", ".gz", ".tar", ".tgz") else "give a folder of class folders"
            raise DataError(f"{root} is a file, not a folder: {hint}")
        parent = root.parent
        near = nearest(root.name, [sibling.name for sibling in parent.iterdir()]) if parent.is_dir() else []
    except OSError as error:
        raise DataError(f"{root} cannot be read: {(error.strerror or str(error)).lower()}") from error
    offer = f"did you mean {' or '.join(str(parent / name) for name in near)}?" if near else "check the path"
    raise DataError(f"{root} does not exist: {offer}")


def split_folders(root: Path) -> tuple[dict[str, Path], list[str]]:
    """({"train": folder, …}, notes); {"train": root} when the folders of `root` are the classes themselves."""
    below = subfolders(root)
    splits = [folder for folder in below if folder.name.lower() in SPLITS]
    nested = [folder for folder in splits if subfolders(folder)]
    roles = [SPLITS[folder.name.lower()] for folder in nested]
    if not splits or (len(splits) < len(below) and ("train" not in roles or len(roles) < 2)):
        return {"train": root}, []  # no such folder, or a class that happens to be called 'train', as of vehicles
    if "train" not in roles:
        names = " and ".join(f"'{folder.name}'" for folder in splits)
        if not nested:
            raise DataError(f"{root}: {names} hold no class folders: put the pictures in one folder per class inside them")
        raise DataError(f"{root}: found {names} but no 'train' folder with class folders inside")
    if twice := [role for role in ("train", "val", "test") if roles.count(role) > 1]:
        names = " and ".join(folder.name for folder, role in zip(nested, roles, strict=True) if role == twice[0])
        raise DataError(f"{root}: {names} are the same split: keep one of them")
    ignored = [folder.name for folder in below if folder not in nested]
    notes = [f"'{name}' beside the split folders has no classes in it or is no split: ignored" for name in ignored]
    return dict(zip(roles, nested, strict=True)), notes


def check_classes(
    classes: Sequence[str],
    usable: Mapping[str, Mapping[str, Sequence[object]]],
    skipped: Sequence[BadPicture],
    folders: Mapping[str, Path],
    root: Path,
    judging: bool = False,
) -> None:
    """DataError unless there are two or more classes, each with a usable picture in train and none unknown to it.

    judging: one class, and a picture of it, will do. `usable` holds the readable files by split and class, `folders` the
    folder of each split.
    """
    train = folders["train"]
    if not classes:
        pictures = direct_pictures(train)
        what = f"{count_files(pictures)} lie directly in it" if pictures else "it holds no class folders"
        raise DataError(f"{train}: {what}: put the pictures in one folder per class, as in {train / 'cats' / 'one.jpg'}")
    for split, files in usable.items():
        for name in files:
            if name not in classes:
                offer = nearest(name, classes)
                hint = f"did you mean {' or '.join(offer)}?" if offer else "add it to train or remove it"
                raise DataError(f"{folders[split] / name}: class '{name}' is unknown to {train.name}: {hint}")
    if judging and not any(usable["train"].values()):
        raise DataError(f"{train}: no usable picture" + (f" ({count_files(len(skipped))} skipped)" if skipped else ""))
    for name in classes if len(classes) > 1 and not judging else ():
        if not usable["train"][name]:
            place = (train / name).relative_to(root).as_posix()
            bad = [one for one in skipped if f"{one.where}/".startswith(f"{place}/")]
            why = f" ({count_files(len(bad))} skipped, the first: {bad[0]})" if bad else ""
            raise DataError(f"{train / name}: no usable picture of class '{name}'{why}: add pictures or remove the folder")
    if len(classes) == 1:
        inner = [folder.name for folder in subfolders(train / classes[0])]
        hint = f"; did you mean {train / classes[0]}?" if train == root and len(inner) > 1 else ""
        if judging and not hint:
            return
        raise DataError(f"{train}: a classifier needs two or more classes; found only '{classes[0]}'{hint}")


def count_files(count: int) -> str:
    """ "1 file", "2,000 files"."""
    return f"{count:,} file" if count == 1 else f"{count:,} files"
