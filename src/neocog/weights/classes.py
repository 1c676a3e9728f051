"""The class names that weights come without: ImageNet's thousand and CIFAR-10's ten, in the order of their outputs."""

from collections import Counter
from functools import cache
from pathlib import Path

from neocog.arch import Architecture
from neocog.errors import UserError
from neocog.pictures.synsets import ilsvrc, names_of

CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
LARGEST = 1 << 22  # bytes of a file of class names


@cache
def imagenet() -> tuple[str, ...]:
    """The first of each synset's words; where two synsets share it, its ImageNet id behind it."""
    return tuple(names_of(ilsvrc()).values())


def names_for(arch: Architecture, count: int) -> tuple[tuple[str, ...], str]:
    """(a name for each of `count` classes of a network without names, a line that says where they are from)."""
    if count == 1000 and min(arch.input[1:], default=0) >= 64:
        return imagenet(), "classes: a thousand, so ImageNet's names in the order of ILSVRC 2012; --labels FILE gives others"
    if count == 10 and ".cifar" in arch.name:
        return CIFAR10, "classes: CIFAR-10's names; --labels FILE gives others"
    return tuple(f"class {i}" for i in range(count)), f"classes: {count} without names; --labels FILE gives them, one a line"


def read_labels(path: str | Path, count: int) -> tuple[str, ...]:
    """Names from a file, one a line, as many as there are classes. Raises UserError."""
    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: there is no such file of class names")
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path}: too large for a file of class names, one a line")
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UserError(f"{path}: not a text file (UTF-8) of class names, one a line") from None
    names = tuple(line.strip() for line in lines if line.strip())
    if len(names) != count:
        raise UserError(f"{path}: {len(names)} class names, one a line, but the network tells {count} classes apart")
    if len(set(names)) < len(names):
        twice = next(name for name, n in Counter(names).items() if n > 1)
        raise UserError(f"{path}: two classes are called {twice}")
    return names
