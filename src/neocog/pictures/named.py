"""Data sets by name, and the one door to all of them: `load_data`."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from neocog.errors import UnknownName
from neocog.files import at_home, cache_folder

if TYPE_CHECKING:
    from neocog.pictures.fetch import OnProgress
    from neocog.pictures.sets import Dataset


@dataclass(frozen=True)
class NamedSet:
    """A published data set: its form ("idx", "cifar", "stl10" or "embedded"), its origin, and the MD5 of what is there.

    `md5` holds, for idx, the checksums of the *uncompressed* files (their gzip wrappings differ from copy to copy) by
    the published names without ".gz"; else, that of the published archive, and of unpacked files where known.
    """

    name: str
    title: str
    form: str
    origin: str = ""
    md5: tuple[tuple[str, str], ...] = ()
    archive: str = ""
    system: str = ""
    """Where Debian's package puts it."""
    hint: str = ""


_IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def _idx_sums(*sums: str) -> tuple[tuple[str, str], ...]:
    return tuple(zip(_IDX, sums, strict=True))


NAMED: dict[str, NamedSet] = {
    one.name: one
    for one in (
        NamedSet("digits", "5,000 MNIST digits, 28×28 grey, 10 classes; comes with neocog", "embedded"),
        NamedSet(
            "mnist",
            "handwritten digits, 60,000 + 10,000, 28×28 grey, 10 classes",
            "idx",
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            _idx_sums(
                "6bbc9ace898e44ae57da46a324031adb",
                "a25bea736e30d166cdddb491f175f624",
                "2646ac647ad5339dbf082846283269ea",
                "27ae3e4e09519cfbb04c329615203637",
            ),
        ),
        NamedSet(
            "fashion-mnist",
            "photos of clothes, 60,000 + 10,000, 28×28 grey, 10 classes",
            "idx",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            _idx_sums(
                "f4a8712d7a061bf5bd6d2ca38dc4d50a",
                "9018921c3c673c538a1fc5bad174d6f9",
                "8181f5470baa50b63fa0f6fddb340f0a",
                "15d484375f8d13e6eb1aabb0c3f46965",
            ),
            system="/usr/share/datasets/fashion-mnist",
            hint="or install Debian's package dataset-fashion-mnist",
        ),
        NamedSet(
            "cifar10",
            "small photos, 50,000 + 10,000, 32×32 colour, 10 classes",
            "cifar",
            "https://www.cs.toronto.edu/~kriz/",
            (
                ("cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"),
                ("data_batch_1.bin", "5dd7e06a14cb22eb9f671a540d1b7c25"),
                ("test_batch.bin", "803d5f7f4d78ea53de84dbe85f74fb6d"),
            ),
            "cifar-10-binary.tar.gz",
        ),
        NamedSet(
            "cifar100",
            "small photos, 50,000 + 10,000, 32×32 colour, 100 classes",
            "cifar",
            "https://www.cs.toronto.edu/~kriz/",
            (("cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"),),
            "cifar-100-binary.tar.gz",
        ),
        NamedSet(
            "stl10",
            "photos, 5,000 + 8,000, 96×96 colour, 10 classes; a download of 2.6 GB",
            "stl10",
            "http://ai.stanford.edu/~acoates/stl10/",
            (
                ("stl10_binary.tar.gz", "91f7769df0f17e558f3565bffb0c7dfb"),
                ("train_X.bin", "918c2871b30a85fa023e0c44e0bee87f"),
                ("train_y.bin", "5a34089d4802c674881badbb80307741"),
                ("test_X.bin", "7f263ba9f9e0b06b93213547f721ac82"),
                ("test_y.bin", "36f9794fa4beb8a2c72628de14fa638e"),
            ),
            "stl10_binary.tar.gz",
        ),
    )
}


def load_data(
    spec: str | Path | None = None,
    seed: int = 0,
    val_fraction: float | None = None,
    test_fraction: float | None = None,
    on_progress: "OnProgress | None" = None,
    judging: bool = False,
) -> "Dataset":
    """A name of `NAMED` (nothing, or "": the embedded digits), a data set of the hub (`hf:owner/name`), either of these from
    afar (`stream:hf:owner/name`, `stream:` and a folder of parquet files), or a folder: of idx files, of CIFAR, of STL-10, of
    tar shards, of parquet files, of ImageNet, of class folders.

    A name wins over a folder of the same name in the working directory; `./name` means the folder. Fractions are those
    of validation, and of test where the data has no test set of its own; None is each form's default. judging: a folder of a
    single class will do.
    """
    name = str(spec or "digits")
    if name.startswith("stream:"):
        from neocog.pictures.stream import load_stream

        return load_stream(name, seed, val_fraction, test_fraction, on_progress)
    if name.startswith("hf:"):
        from neocog.pictures.hub_sets import load_hub

        return load_hub(name, seed, val_fraction, test_fraction)
    if name not in NAMED or (isinstance(spec, Path) and spec.is_dir()):
        return _load_path(at_home(name), name, seed, val_fraction, test_fraction, judging)
    data = _load_named(NAMED[name], seed, val_fraction, test_fraction, on_progress)
    if spec and Path(spec).is_dir():
        from dataclasses import replace

        data = replace(data, notes=(*data.notes, f"the published set; write ./{spec} for the folder of that name here"))
    return data


def data_folders(name: str) -> list[Path]:
    """Where a named set is looked for, in this order; the first is where a download goes.

    `$NEOCOG_DATA/<name>` if that is set, the cache folder (`neocog.files.cache_folder`), and the folder of Debian's package.
    """
    places = [cache_folder() / name]
    if own := os.environ.get("NEOCOG_DATA"):
        places.insert(0, Path(own).expanduser() / name)
    return places + ([Path(NAMED[name].system)] if NAMED[name].system else [])


def _load_named(
    named: NamedSet,
    seed: int,
    val_fraction: float | None,
    test_fraction: float | None,
    on_progress: "OnProgress | None",
) -> "Dataset":
    if named.form == "embedded":
        from neocog.pictures.embedded import load_digits

        return load_digits(seed, val_fraction)
    from neocog.pictures.fetch import fetch, is_complete, noted_sums

    places = data_folders(named.name)
    here = next((place for place in places if is_complete(named, place)), None)
    if here is None:
        here = places[0]
        fetch(named, here, places, on_progress)
    if named.form == "idx":
        from neocog.pictures.idx import load_idx_folder

        sums = {(file.split("-")[0], file.split("-")[1]): md5 for file, md5 in named.md5}
        return load_idx_folder(here, seed, val_fraction, test_fraction, named.name, sums)
    if named.form == "stl10":
        from neocog.pictures.stl10 import load_stl10_folder

        return load_stl10_folder(here, seed, val_fraction, test_fraction, named.name, dict(named.md5))
    from neocog.pictures.cifar import load_cifar_folder

    return load_cifar_folder(here, seed, val_fraction, test_fraction, named.name, noted_sums(here) | dict(named.md5))


def _load_path(
    path: Path, spec: str, seed: int, val_fraction: float | None, test_fraction: float | None, judging: bool
) -> "Dataset":
    from neocog.pictures.cifar import cifar_folder, load_cifar_folder
    from neocog.pictures.folder import load_folder
    from neocog.pictures.idx import idx_file, load_idx_folder
    from neocog.pictures.layout import check_root
    from neocog.pictures.scan import is_file, subfolders

    if path.name == spec and not os.path.lexists(path):  # a bare word that is neither
        beside = [folder.name for folder in subfolders(Path())]
        hint = f"there is no folder of that name here; known are {', '.join(NAMED)}"
        raise UnknownName("data set", spec, [*NAMED, *beside], hint)
    if path.suffix == ".parquet" and is_file(path):
        from neocog.pictures.hub_sets import load_parquet

        return load_parquet(path, seed, val_fraction, test_fraction)
    check_root(path)
    if any(idx_file(path, part, kind) for part in ("train", "t10k") for kind in ("images", "labels")):
        return load_idx_folder(path, seed, val_fraction, test_fraction)
    pickled = is_file(path / "data_batch_1")
    if pickled or cifar_folder(path):
        return load_cifar_folder(path, seed, val_fraction, test_fraction)
    from neocog.pictures.stl10 import load_stl10_folder, stl10_folder

    if stl10_folder(path):
        return load_stl10_folder(path, seed, val_fraction, test_fraction)
    from neocog.pictures.shards import has_shards, load_shards

    if has_shards(path):
        return load_shards(path, seed, val_fraction, test_fraction)
    from neocog.pictures.hub_sets import has_parquet, load_parquet

    if has_parquet(path):
        return load_parquet(path, seed, val_fraction, test_fraction)
    from neocog.pictures.imagenet import find_validation, load_imagenet

    given = {"val_fraction": val_fraction, "test_fraction": test_fraction}
    given = {key: value for key, value in given.items() if value is not None}
    if (validation := find_validation(path)) is not None:
        return load_imagenet(validation, seed, **given)
    return load_folder(path, seed, judging=judging, **given)
