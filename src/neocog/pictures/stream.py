"""Sets that are larger than the disk, `stream:hf:owner/name` or `stream:FOLDER`: parquet files whose row groups are fetched
when a picture of theirs is needed, and kept while there is room.

The files' footers and their columns of labels are read once, and kept. From then on any picture can be asked for by its number,
as in any other set: the splits are the same, a stopped training goes on at its step, and processes read what is theirs.
"""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neocog.errors import BadPicture, DataError, UserError
from neocog.files import at_home, cache_folder, write_bytes
from neocog.pictures import hub_sets
from neocog.pictures.encoded import EncodedPictures, dataset
from neocog.pictures.fetched import THREADS, Fetched
from neocog.pictures.sets import Blocks, Dataset

if TYPE_CHECKING:
    from pyarrow.parquet import FileMetaData, ParquetFile

PREFIX = "stream:"
ROOM = 10e9  # bytes of fetched pictures that are kept of all sets together; NEOCOG_STREAM_GB says otherwise
WINDOW = 1e9  # bytes of pictures among which the order is random: some 10,000 of ImageNet's
SOON = 20_000  # pictures that are looked ahead at most
READERS = 16  # files whose footers are read at the same time
CONVERTED = "refs/convert/parquet"  # the hub's own copy of a set that lies there in another form


class Part(NamedTuple):
    """One row group: its file, its number there, its rows, and the bytes of their pictures."""

    file: int
    group: int
    rows: int
    size: int


@dataclass(frozen=True)
class Tables:
    """Parquet files and their row groups; as a function, what fetches the pictures of one of these."""

    files: tuple[str, ...]
    parts: tuple[Part, ...]
    column: str
    _footers: dict[int, "FileMetaData"] = field(default_factory=dict, compare=False)

    def __call__(self, block: int) -> list[bytes]:
        from pyarrow import types
        from pyarrow.parquet import ParquetFile

        part = self.parts[block]
        with opened(self.files[part.file]) as stream:
            parquet = ParquetFile(stream, metadata=self._footers.get(part.file), pre_buffer=True)
            self._footers[part.file] = parquet.metadata
            cells = parquet.read_row_group(part.group, columns=[self.column]).column(0).combine_chunks()
        if not types.is_struct(cells.type):
            return [cell or b"" for cell in cells.to_pylist()]
        return [(cell["bytes"] or _beside(cell.get("path"))) if cell else b"" for cell in cells.to_pylist()]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_footers": {}}

    @property
    def window(self) -> int:
        """How many row groups hold `WINDOW` bytes."""
        return max(2, int(WINDOW * len(self.parts) / max(1, sum(part.size for part in self.parts))))


class StreamedPictures(EncodedPictures):
    """Rows of parquet files. `places`, N×3: a picture's row in its split, its block, and its place in that."""

    def __init__(
        self, fetched: Fetched, window: int, places: np.ndarray, labels: np.ndarray, classes: Sequence[str], label: str
    ):
        super().__init__(labels, classes, len(places))
        self.fetched, self.window, self.places, self.label = fetched, window, places, label

    @property
    def blocks(self) -> Blocks:
        return self._blocks

    @cached_property
    def _blocks(self) -> Blocks:
        of = self.places[:, 1]
        each = len(of) / max(1, len(np.unique(of)))
        return Blocks(of, self.window, max(1, min(SOON, int(self.window * each))))

    def soon(self, order: np.ndarray, at: int) -> None:
        self.fetched.soon(dict.fromkeys(self.places[order[at : at + self.blocks.reach], 1].tolist()))

    def encoded(self, i: int) -> bytes:
        _, block, place = self.places[i].tolist()
        if data := self.fetched.read(block, place):
            return data
        raise BadPicture(self.name(i), "the row holds no picture")

    def name(self, i: int) -> str:
        return f"{self.label}[{self.places[i, 0]}]"

    def subset(self, indices: np.ndarray | Sequence[int]) -> "StreamedPictures":
        at = np.asarray(indices, np.int64)
        return StreamedPictures(self.fetched, self.window, self.places[at], self.labels[at], self.classes, self.label)


def load_stream(
    spec: str,
    seed: int = 0,
    val_fraction: float | None = None,
    test_fraction: float | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> Dataset:
    """A set of the hub or a folder of parquet files, as it lies there. DataError where its files are of another kind."""
    where = spec.removeprefix(PREFIX)
    library = hub_sets.library()
    of_hub = where.startswith(hub_sets.PREFIX)
    splits = _of_hub(spec, where) if of_hub else _of_folder(spec, at_home(where))
    roles, notes = hub_sets.roles(spec, splits)
    files = tuple(file for split in roles.values() for file in splits[split])
    marks = json.dumps([[role, [(file, _stamp(file)) for file in splits[split]]] for role, split in roles.items()])
    home = cache_folder() / "streams" / hashlib.sha256(marks.encode()).hexdigest()[:24]
    try:
        with opened(files[0]) as stream:
            features = library.Features.from_arrow_schema(_parquet(files[0], stream).schema_arrow)
        image, label = hub_sets.columns(spec, features)
        rows = _index(home / "index.json", files, image, label, on_progress)
    except (UserError, KeyboardInterrupt):
        raise
    except Exception as error:  # of the hub's client, of pyarrow, of the operating system
        raise DataError(f"{spec}: {hub_sets.reason(error)}") from None
    tables = Tables(files, tuple(Part(*part) for part in rows["parts"]), image)
    fetched = Fetched(home, tables, _room(spec, tables))
    told = f"{spec}: column '{label}'"
    classes = hub_sets.classes(told, features[label], rows["labels"])
    numbers = hub_sets.numbers(told, rows["labels"], classes)
    places = _places(tables.parts)
    made, start = {}, 0
    for role, split in roles.items():
        mine = slice(start, start + len(splits[split]))
        start = mine.stop
        at = np.flatnonzero(_within(tables.parts, mine)[places[:, 1]])
        if role != "train" and len(at) and numbers[at].min() < 0:
            notes.append(f"{role}: published without labels, left out")
            continue
        there = np.column_stack([np.arange(len(at), dtype=np.int32), places[at, 1:]])
        made[role] = StreamedPictures(fetched, tables.window, there, numbers[at], classes, role)
    notes.append(f"pictures from column '{image}', classes from '{label}'")
    notes.append(f"fetched when they are needed; up to {fetched.room / 1e9:g} GB of them are kept in {home}")
    name = where if of_hub else at_home(where).resolve().name
    sizes = [f"{role} {len(made[role])} {sum(part.size for part in tables.parts)}" for role in made]
    return dataset(name, made, seed, val_fraction, test_fraction, notes, sizes)


def opened(file: str) -> IO[bytes]:
    """A file of this machine or, `hf://…`, of the hub, of which parts can be read."""
    if "://" not in file:
        return Path(file).open("rb")
    from fsspec.core import url_to_fs

    system, path = url_to_fs(file)
    return system.open(path, "rb", cache_type="none")  # pyarrow knows what it needs; reading ahead would fetch all


def _beside(path: str | None) -> bytes:
    """What a row names that does not hold its picture, if it is a file of this machine."""
    try:
        return Path(path or "").read_bytes()
    except OSError:
        return b""


def _of_folder(spec: str, path: Path) -> dict[str, list[str]]:
    found = {"train": [path]} if path.is_file() else hub_sets.parquet_files(path)
    if not found:
        raise DataError(f"{spec}: no parquet files; a stream is of those, and other sets are read in place without `{PREFIX}`")
    return {split: [str(file.resolve()) for file in files] for split, files in found.items()}


def _of_hub(spec: str, where: str) -> dict[str, list[str]]:
    """The parquet files of each split: the set's own, or those that the hub made of it."""
    name, config = hub_sets.parsed(spec, where)
    if hub_sets.unreachable():
        raise DataError(f"{spec}: the hub cannot be reached from here")
    library = hub_sets.library()
    why = ""
    for revision in (None, CONVERTED):
        try:
            found = library.load_dataset_builder(name, config, revision=revision).config.data_files or {}
        except Exception as error:
            why = why or hub_sets.reason(error)
            continue
        files = {str(split): sorted(map(str, paths)) for split, paths in found.items()}
        if files and all(file.endswith(".parquet") for paths in files.values() for file in paths):
            return files
    raise DataError(f"{spec}: {why or 'there are no parquet files of it, and a stream is of those'}")


def _parquet(file: str, stream: IO[bytes]) -> "ParquetFile":
    from pyarrow import ArrowInvalid
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(stream, pre_buffer=True)
    except ArrowInvalid as error:
        raise DataError(f"{file}: {hub_sets.reason(error)}") from None


def _index(
    kept: Path, files: Sequence[str], image: str, label: str, on_progress: Callable[[int, int], None] | None
) -> dict[str, Any]:
    """{"parts": of every row group what `Part` says, "labels": of every row}. Read from all files once, and kept."""
    with contextlib.suppress(OSError, ValueError):
        return json.loads(kept.read_text("utf-8"))
    found: dict[str, list[Any]] = {"parts": [], "labels": []}
    pool = ThreadPoolExecutor(READERS, "footers")
    try:
        for number, (parts, labels) in enumerate(pool.map(lambda file: _footer(file, image, label), files)):
            found["parts"] += [[number, *part] for part in parts]
            found["labels"] += labels
            if on_progress is not None:
                on_progress(number + 1, len(files))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    kept.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(kept, json.dumps(found).encode())
    return found


def _footer(file: str, image: str, label: str) -> tuple[list[tuple[int, int, int]], list[Any]]:
    """([(row group, rows, bytes of pictures)], the labels of all rows)."""
    with opened(file) as stream:
        parquet, parts = _parquet(file, stream), []
        for group in range(parquet.metadata.num_row_groups):
            row_group = parquet.metadata.row_group(group)
            columns = (row_group.column(k) for k in range(row_group.num_columns))
            own = (c for c in columns if c.path_in_schema == image or c.path_in_schema.startswith(f"{image}."))
            size = sum(c.total_uncompressed_size for c in own)
            parts.append((group, row_group.num_rows, size))
        return parts, parquet.read(columns=[label]).column(0).to_pylist()


def _places(parts: Sequence[Part]) -> np.ndarray:
    """Of every row of all files: 0, its block, its place in that; int32 N×3."""
    sizes = np.array([part.rows for part in parts], np.int64)
    block = np.repeat(np.arange(len(parts)), sizes)
    place = np.arange(len(block)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.column_stack([np.zeros_like(block), block, place]).astype(np.int32)


def _within(parts: Sequence[Part], files: slice) -> np.ndarray:
    """Which parts are of these files."""
    return np.array([files.start <= part.file < files.stop for part in parts], bool)


def _stamp(file: str) -> list[int]:
    """What changes with a file of this machine; an address of the hub says which version it is."""
    if "://" in file:
        return []
    status = Path(file).stat()
    return [status.st_size, status.st_mtime_ns]


def _room(spec: str, tables: Tables) -> float:
    """Bytes that may be kept. DataError if two windows do not go in."""
    try:
        room = float(os.environ.get("NEOCOG_STREAM_GB", ROOM / 1e9)) * 1e9
    except ValueError:
        room = math.nan
    if not room > 0:
        raise DataError(f"NEOCOG_STREAM_GB is a number of gigabytes, not '{os.environ['NEOCOG_STREAM_GB']}'")
    sizes = sorted(part.size for part in tables.parts)
    wanted = min(sum(sizes), sum(sizes[-(2 * tables.window + THREADS) :]))
    if room < wanted:
        raise DataError(f"{spec}: {wanted / 1e9:.3g} GB of it must be at hand at a time: set NEOCOG_STREAM_GB to that or more")
    return room
