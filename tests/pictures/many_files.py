"""`python -m tests.pictures.many_files FOLDER CLASSES PER_CLASS`: what loading so many pictures costs, simulated.

The class folders are real and empty; `os.scandir` is made to list files in them, and their headers are not read.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

from neocog.pictures import FilePictures, folder, load_folder, scan


class FakeEntry:
    def __init__(self, name: str):
        self.name = name

    def is_dir(self) -> bool:
        return False


class FakeListing:
    """What os.scandir returns, for a folder of `count` files in no order."""

    def __init__(self, count: int):
        self.count = count

    def __enter__(self):
        step = 7_919  # prime to the count: every number once, in a muddle
        return (FakeEntry(f"n01440764_{i * step % self.count}.JPEG") for i in range(self.count))

    def __exit__(self, *_: object) -> None:
        return


def most() -> float:
    """MB (10^6 bytes) held at the most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def main(parent: str, classes: int, per_class: int) -> None:
    root = Path(parent) / "many"
    for k in range(classes):
        (root / f"class{k:03}").mkdir(parents=True)
    real = os.scandir
    scan.os.scandir = lambda path: FakeListing(per_class) if Path(path).parent == root else real(path)
    folder._checked = lambda path, name: 110_000
    before, begun = most(), time.process_time()
    data = load_folder(root)
    used = most() - before
    assert isinstance(data.train, FilePictures)
    names = data.train.paths.names
    ordered = all(names[i] < names[i + 1] for i in range(0, len(names) - 1, 97))
    print(json.dumps({"pictures": sum(len(part) for part in (data.train, data.val, data.test) if part is not None),
                      "sorted": ordered, "last_label": int(data.train.labels[-1]), "megabytes": round(used),
                      "cpu_seconds": round(time.process_time() - begun, 1)}))  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
