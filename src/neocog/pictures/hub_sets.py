"""Data sets of the Hugging Face hub and folders of parquet files, by way of the `datasets` library (neocog[data]).

Their pictures stay as they are encoded, and neocog decodes them like any other file: `datasets` would stop at the first bad
one, and would leave EXIF rotation and 16-bit grey to chance.
"""

import os
import re
import socket
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse

import numpy as np

from neocog.errors import BadPicture, DataError
from neocog.pictures.encoded import EncodedPictures, dataset
from neocog.pictures.folder import sorted_classes
from neocog.pictures.layout import SPLITS
from neocog.pictures.scan import subfolders
from neocog.pictures.sets import Dataset
from neocog.pictures.shards import with_ending

if TYPE_CHECKING:
    import datasets

PREFIX = "hf:"
LABELS = ("label", "labels", "fine_label", "class", "cls", "target", "y")  # in this order, where several columns would do
OFFLINE = "the hub cannot be reached from here, and there is no copy of it on this machine"
PATIENCE = 3.0  # seconds to find out whether the hub can be reached


class TablePictures(EncodedPictures):
    """Rows of a table whose column `column` holds encoded pictures; picture i is row `rows[i]`."""

    def __init__(self, table: Any, column: str, rows: np.ndarray, labels: np.ndarray, classes: Sequence[str], label: str):
        super().__init__(labels, classes, len(rows))
        self.table, self.column, self.rows, self.label = table, column, rows, label

    def encoded(self, i: int) -> bytes:
        cell = self.table[int(self.rows[i])][self.column] or {}
        if cell.get("bytes"):
            return cell["bytes"]
        try:
            return Path(cell.get("path") or "").read_bytes()
        except OSError:
            raise BadPicture(self.name(i), "the row holds neither a picture nor the path of one") from None

    def name(self, i: int) -> str:
        return f"{self.label}[{self.rows[i]}]"

    def subset(self, indices: np.ndarray | Sequence[int]) -> "TablePictures":
        at = np.asarray(indices, np.int64)
        return TablePictures(self.table, self.column, self.rows[at], self.labels[at], self.classes, self.label)


def load_hub(spec: str, seed: int = 0, val_fraction: float | None = None, test_fraction: float | None = None) -> Dataset:
    """`hf:owner/name` or `hf:owner/name:config`, fetched by `datasets` into its own cache; once fetched it needs no network."""
    where, config = parsed(spec, spec)
    offline = unreachable()
    try:
        tables = library().load_dataset(where, config)
    except Exception as error:  # its own errors, those of the hub's client, of pyarrow, of the operating system
        raise DataError(f"{spec}: {OFFLINE if offline else reason(error)}") from None
    return tables_to_dataset(spec, dict(tables), seed, val_fraction, test_fraction)


def parsed(spec: str, where: str) -> tuple[str, str | None]:
    """(owner/name, the configuration) of hf:owner/name[:config]; told as `spec` where it is not that."""
    name, _, config = where.removeprefix(PREFIX).partition(":")
    if not re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name):
        raise DataError(f"{spec}: a data set of the hub is written hf:owner/name, or hf:owner/name:config")
    return name, config or None


def has_parquet(path: Path) -> bool:
    """Whether this is a parquet file or a folder of them, perhaps in split folders."""
    return path.suffix == ".parquet" or bool(parquet_files(path))


def load_parquet(path: Path, seed: int = 0, val_fraction: float | None = None, test_fraction: float | None = None) -> Dataset:
    """Parquet files; `train-….parquet`, `validation-…` and `test-…`, or folders of those names, are the splits.

    `datasets` keeps an Arrow copy in its cache, so that any row can be read without unpacking its neighbours.
    """
    files = {"train": [path]} if path.is_file() else parquet_files(path)
    try:
        found = library().load_dataset("parquet", data_files={split: [str(f) for f in some] for split, some in files.items()})
    except Exception as error:
        raise DataError(f"{path}: {reason(error)}") from None
    return tables_to_dataset(path.resolve().name, dict(found), seed, val_fraction, test_fraction)


def tables_to_dataset(
    name: str, tables: dict[str, "datasets.Dataset"], seed: int, val_fraction: float | None, test_fraction: float | None
) -> Dataset:
    """The splits that have labels, as a data set."""
    named, notes = roles(name, tables)
    splits = {role: tables[split] for role, split in named.items()}
    image, label = columns(name, splits["train"].features)
    told = f"{name}: column '{label}'"
    every = _distinct(told, splits.values(), label)
    known = classes(told, splits["train"].features[label], every)
    made = {}
    for role, table in splits.items():
        labels = numbers(told, table.with_format("numpy")[label][:], known)
        if role != "train" and len(labels) and labels.min() < 0:
            notes.append(f"{role}: published without labels, left out")
            continue
        rows = table.select_columns([image]).cast_column(image, library().Image(decode=False))
        made[role] = TablePictures(rows, image, np.arange(len(labels)), labels, known, role)
    notes.append(f"pictures from column '{image}', classes from '{label}'")
    sizes = [f"{role} {table.num_rows} {getattr(table.info, 'dataset_size', '')}" for role, table in splits.items()]
    return dataset(name, made, seed, val_fraction, test_fraction, notes, sizes)


def _distinct(told: str, tables: Iterable[Any], label: str) -> list[Any]:
    try:
        return [value for table in tables for value in table.unique(label)]
    except Exception:  # pyarrow's, of lists
        raise DataError(f"{told} holds several labels for a picture; a classifier takes one") from None


def roles(name: str, splits: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """(the published split for each of ours, a line for each that is left out)."""
    found: dict[str, str] = {}
    notes: list[str] = []
    for split in splits:
        role = SPLITS.get(split.lower())
        if role is None or role in found:
            notes.append(f"split '{split}' is none of train, validation and test: left out")
        else:
            found[role] = split
    if "train" not in found:
        raise DataError(f"{name}: no split for training; it has {', '.join(splits)}")
    return found, notes


def columns(name: str, features: "datasets.Features") -> tuple[str, str]:
    """(the column of pictures, that of labels)."""
    known = library()
    images = [key for key, kind in features.items() if isinstance(kind, known.Image)]
    images += [key for key, kind in features.items() if isinstance(kind, dict) and "bytes" in kind]
    images += [
        key for key, kind in features.items() if isinstance(kind, known.Value) and kind.dtype in ("binary", "large_binary")
    ]
    labels = [key for key, kind in features.items() if isinstance(kind, known.ClassLabel)]
    labels = sorted(labels, key=lambda key: LABELS.index(key) if key in LABELS else len(LABELS))
    labels += [key for key in LABELS if key in features and key not in labels]
    if not images or not labels:
        what = "pictures" if not images else f"labels (one of {', '.join(LABELS)})"
        raise DataError(f"{name}: no column of {what}; it has {', '.join(features)}")
    return images[0], labels[0]


def classes(told: str, kind: Any, values: Iterable[Any]) -> tuple[str, ...]:
    """The names of the classes: those of the column, else of the labels in it. DataError, which begins with `told`, where
    these are none."""
    if names := getattr(kind, "names", None):
        return tuple(names)
    try:
        found = set(values)
    except TypeError:
        raise DataError(f"{told} holds several labels for a picture; a classifier takes one") from None
    if not found or None in found:
        raise DataError(f"{told} holds no labels" + " for some of its rows" * bool(found))
    if all(isinstance(value, int) and not isinstance(value, bool) for value in found):
        return tuple(str(i) for i in range(max(found) + 1))
    return sorted_classes(map(str, found))


def numbers(told: str, values: Any, classes: Sequence[str]) -> np.ndarray:
    """The class of each row, int64: as it says itself, or by its name."""
    found = np.asarray(values)
    if np.issubdtype(found.dtype, np.integer):
        return found.astype(np.int64)
    number = {name: i for i, name in enumerate(classes)}
    try:
        return np.array([number[str(value)] for value in values], np.int64)
    except KeyError as error:
        raise DataError(f"{told} holds {error}, which is none of its classes") from None


def parquet_files(root: Path) -> dict[str, list[Path]]:
    """The files of each split, from the folder itself and its split folders."""
    files: dict[str, list[Path]] = {}
    for file in with_ending(root, ".parquet"):
        files.setdefault(SPLITS.get(re.split(r"[-_.0-9]", file.name.lower())[0], "train"), []).append(file)
    for folder in subfolders(root) if root.is_dir() else ():
        if folder.name.lower() in SPLITS and (inside := with_ending(folder, ".parquet")):
            files.setdefault(SPLITS[folder.name.lower()], []).extend(inside)
    return files


def library() -> Any:
    """`datasets`."""
    try:
        import datasets
    except ImportError:
        raise DataError("data sets of the hub and parquet files need another library: pip install 'neocog[data]'") from None
    datasets.disable_progress_bars()
    return datasets


def unreachable() -> bool:
    """Whether the hub cannot be reached. `datasets` is told before it is loaded: it would try for half a minute."""
    told = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")
    if told or any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return told
    place = urlparse(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    try:
        socket.create_connection(
            (place.hostname or "", place.port or (80 if place.scheme == "http" else 443)), PATIENCE
        ).close()
        return False
    except OSError:
        os.environ["HF_HUB_OFFLINE"] = "1"
        import datasets.config
        import huggingface_hub.constants

        datasets.config.HF_HUB_OFFLINE = huggingface_hub.constants.HF_HUB_OFFLINE = True  # if loaded before
        return True


def reason(error: Exception) -> str:
    """What a library says, in one line."""
    return " ".join(str(error).split())[:200] or type(error).__name__
