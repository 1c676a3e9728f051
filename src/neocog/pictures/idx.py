"""The idx format of MNIST and its many successors: big-endian arrays behind a short header, often gzipped.

Format: two zero bytes, a byte for the type, a byte for the number of dimensions, then one 32-bit size a dimension, then
the numbers, all big-endian (LeCun, Cortes & Burges, "The MNIST database of handwritten digits").
"""

import gzip
import hashlib
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from neocog.errors import DataError
from neocog.pictures.arrays import Labelled, array_dataset
from neocog.pictures.scan import is_file
from neocog.pictures.sets import Dataset

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
"""The classes of Fashion-MNIST (Xiao, Rasul & Vollgraf 2017, table 1)."""

# md5 of the uncompressed training labels: tells Fashion-MNIST by its content, whatever its folder is called.
_FASHION_LABELS = "9018921c3c673c538a1fc5bad174d6f9"


def read_idx(path: str | Path) -> np.ndarray:
    """An idx file, plain or gzipped, as an array in the machine's byte order; DataError if it is not just that."""
    return parse_idx(read_plain(path), str(path))


def read_plain(path: str | Path) -> bytes:
    """The bytes of a file, uncompressed when it is gzipped (told by its content, not its name)."""
    try:
        raw = Path(path).read_bytes()
        return gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
    except EOFError as error:
        raise DataError(f"{path}: the gzip file is truncated: fetch it again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: the gzip file is damaged ({error}): fetch it again") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {(error.strerror or str(error)).lower()}") from error


def parse_idx(raw: bytes, where: str) -> np.ndarray:
    """The array in the (uncompressed) bytes of an idx file; `where` names them in errors."""
    if len(raw) < 4 or raw[:2] != b"\0\0" or raw[2] not in _TYPES or raw[3] == 0:
        raise DataError(f"{where}: not an idx file (it starts with {raw[:4].hex(' ') or 'nothing'})")
    start = 4 + 4 * raw[3]
    if len(raw) < start:
        raise DataError(f"{where}: truncated in its header ({len(raw)} bytes): fetch it again")
    shape = struct.unpack(f">{raw[3]}I", raw[4:start])
    dtype = np.dtype(_TYPES[raw[2]])
    wanted = start + math.prod(shape) * dtype.itemsize
    if len(raw) != wanted:
        fault = "truncated" if len(raw) < wanted else "followed by other bytes"
        size = "×".join(map(str, shape))
        raise DataError(f"{where}: {fault}: {size} values need {wanted:,} bytes, it has {len(raw):,}: fetch it again")
    # A copy, in any case: torch and others want arrays that may be written to.
    return np.frombuffer(raw, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def idx_file(root: Path, part: str, kind: str) -> Path | None:
    """The file of `part` ("train", "t10k") and `kind` ("images", "labels") under any of its usual names, or None."""
    stem = f"idx{3 if kind == 'images' else 1}-ubyte"
    names = [f"{part}-{kind}{mark}{stem}{end}" for end in ("", ".gz") for mark in ("-", ".")]
    return next((root / name for name in names if is_file(root / name)), None)


def load_idx_folder(
    root: str | Path,
    seed: int = 0,
    val_fraction: float | None = None,
    test_fraction: float | None = None,
    name: str | None = None,
    md5: dict[tuple[str, str], str] | None = None,
) -> Dataset:
    """A folder of `train-images-idx3-ubyte[.gz]`, `train-labels-idx1-ubyte[.gz]` and, if there, the same of `t10k`.

    Validation is a stratified `val_fraction` of the training pictures, 1/12 by default (5,000 of MNIST's 60,000);
    where t10k is missing, `test_fraction` (1/6) is held back as a test set first. Classes are "0", "1", …, or those of
    Fashion-MNIST when the labels are Fashion-MNIST's or `name` (default: the folder's) says so. `md5` holds what the
    uncompressed files must have, by (part, kind).
    """
    root = Path(root)
    name = name or root.resolve().name
    sums: dict[tuple[str, str], str] = {}
    train = _read_pair(root, "train", md5, sums)
    if train is None:
        raise DataError(f"{root}: no train-images-idx3-ubyte and train-labels-idx1-ubyte (or .gz) in it")
    test = _read_pair(root, "t10k", md5, sums)
    fashion = name == "fashion-mnist" or sums["train", "labels"] == _FASHION_LABELS
    highest = max(int(labels.max(initial=0)) for _, labels in (train, *([test] if test else [])))
    classes = FASHION if fashion and highest < 10 else tuple(str(i) for i in range(max(10, highest + 1)))
    return array_dataset(
        name,
        classes,
        train,
        test,
        flip=classes is FASHION,
        seed=seed,
        val_fraction=1 / 12 if val_fraction is None else val_fraction,
        test_fraction=1 / 6 if test_fraction is None else test_fraction,
    )


def _read_pair(
    root: Path, part: str, md5: dict[tuple[str, str], str] | None, sums: dict[tuple[str, str], str]
) -> Labelled | None:
    """Pictures uint8 N×H×W[×C] and labels [N], or None when neither file is there. Adds to `sums` the labels' md5."""
    paths = {kind: idx_file(root, part, kind) for kind in ("images", "labels")}
    if paths["images"] is None and paths["labels"] is None:
        return None
    read = {}
    for kind, path in paths.items():
        if path is None:
            dims = 3 if kind == "images" else 1
            raise DataError(f"{root}: {part}-{kind}-idx{dims}-ubyte (or .gz) is missing")
        raw = read_plain(path)
        if md5 or kind == "labels":
            sums[part, kind] = hashlib.md5(raw, usedforsecurity=False).hexdigest()
        if md5 and sums[part, kind] != md5[part, kind]:
            raise DataError(
                f"{path} is damaged: the md5 of its uncompressed bytes is {sums[part, kind]}, not {md5[part, kind]}: "
                "delete it and fetch it again"
            )
        read[kind] = parse_idx(raw, str(path))
    images, labels = read["images"], read["labels"]
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        raise DataError(f"{paths['images']}: pictures must be unsigned bytes N×H×W, not {images.dtype} {images.shape}")
    if labels.dtype.kind not in "iu" or labels.ndim != 1:
        raise DataError(f"{paths['labels']}: labels must be one row of whole numbers, not {labels.dtype} {labels.shape}")
    if len(images) != len(labels):
        raise DataError(f"{root}: {len(images):,} {part} pictures but {len(labels):,} labels: one of the files is wrong")
    if labels.min(initial=0) < 0 or labels.max(initial=0) > 65_535:
        raise DataError(f"{paths['labels']}: labels run from {labels.min()} to {labels.max()}; expected 0, 1, 2, …")
    return images, labels
