"""Millions of names in the memory that their letters take: a list of Path objects needs ten times as much."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import overload


class Names(Sequence[str]):
    """Strings, one after another in a block of UTF-8 with the position where each ends. Strings are made when asked for."""

    def __init__(self, strings: Iterable[str] = ()):
        self._text = bytearray()
        self._ends = array("q", [0])
        for one in strings:
            self.append(one)

    def append(self, name: str) -> None:
        """Add one at the end."""
        self._text += name.encode("utf-8", "surrogateescape")
        self._ends.append(len(self._text))

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, i: int) -> str: ...
    @overload
    def __getitem__(self, i: slice) -> "Names": ...
    def __getitem__(self, i: int | slice) -> "str | Names":
        if isinstance(i, slice):
            return self.take(range(*i.indices(len(self))))
        at = range(len(self))[i]  # negative indices, IndexError
        return self._text[self._ends[at] : self._ends[at + 1]].decode("utf-8", "surrogateescape")

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in islice(self._ends, 1, None):
            yield self._text[start:end].decode("utf-8", "surrogateescape")
            start = end

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Names) and self._ends == other._ends and self._text == other._text

    __hash__ = None  # pyright: ignore[reportAssignmentType] (it can grow)

    def extend(self, other: "Names", before: str = "") -> None:
        """Add all of `other`, each with `before` in front of it."""
        prefix, start = before.encode("utf-8", "surrogateescape"), 0
        for end in islice(other._ends, 1, None):
            self._text += prefix + other._text[start:end]
            self._ends.append(len(self._text))
            start = end

    def take(self, indices: Iterable[int]) -> "Names":
        """Those of `indices`, in their order."""
        taken, text, ends = Names(), self._text, self._ends
        for i in indices:
            taken._text += text[ends[i] : ends[i + 1]]
            taken._ends.append(len(taken._text))
        return taken


class Paths(Sequence[Path]):
    """Paths below `root`, held as names; a Path is made when it is asked for.

    `whole`: the names are whole paths, because some of them lie elsewhere.
    """

    def __init__(self, names: Names, root: Path, whole: bool = False):
        self._names, self.root, self._whole = names, root, whole

    @staticmethod
    def of(paths: Sequence[Path | str], root: Path) -> "Paths":
        """These paths; those below `root` are named from there."""
        if isinstance(paths, Paths) and paths.root == root:
            return paths
        above = "" if root == Path() else root.as_posix().rstrip("/") + "/"
        texts = Names(Path(path).as_posix() for path in paths)
        if all(text.startswith(above) and (above or not text.startswith("/")) for text in texts):
            return Paths(Names(text.removeprefix(above) for text in texts), root)
        return Paths(texts, root, whole=True)

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, i: int) -> Path: ...
    @overload
    def __getitem__(self, i: slice) -> "Paths": ...
    def __getitem__(self, i: int | slice) -> "Path | Paths":
        if isinstance(i, slice):
            return Paths(self._names[i], self.root, self._whole)
        return Path(self._names[i]) if self._whole else self.root / self._names[i]

    def name(self, i: int) -> str:
        """The path below `root` with slashes; the whole path when it is elsewhere."""
        return relative(Path(self._names[i]), self.root) if self._whole else self._names[i]

    @property
    def names(self) -> Sequence[str]:
        """`name(i)` of all."""
        return Names(map(self.name, range(len(self)))) if self._whole else self._names

    def take(self, indices: Iterable[int]) -> "Paths":
        """Those of `indices`, in their order."""
        return Paths(self._names.take(indices), self.root, self._whole)


def relative(path: Path, root: Path) -> str:
    """`path` below `root` with slashes, as names of pictures are written; the whole path when it is elsewhere.

    (By text: `Path.relative_to` takes ten times as long, and this is asked for every picture of millions.)
    """
    above, whole = root.as_posix().rstrip("/") + "/", path.as_posix()
    return whole.removeprefix(above)
