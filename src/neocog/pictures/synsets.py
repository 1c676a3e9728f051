"""ImageNet's classes: a synset's id, such as n01440764, and its words. Ids alone are never mistaken for one another.

The thousand of ILSVRC 2012 get the names that imported weights have, so that a folder of ids and a classifier of names agree by
synset; others get the first word that a file beside them says.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from neocog.errors import DataError

ILSVRC = Path(__file__).parent / "imagenet1k.txt"
WORDS = ("LOC_synset_mapping.txt", "synset_words.txt", "words.txt")
"""Files that say the words of synsets, one a line behind its id: Kaggle's, Caffe's, ImageNet's own (with a tab)."""
LARGEST = 1 << 24  # bytes of such a file


def is_synset(name: str) -> bool:
    """Whether this is a synset's id."""
    return re.fullmatch(r"n\d{8}", name) is not None


@cache
def ilsvrc() -> dict[str, str]:
    """The thousand ids of ILSVRC 2012, in the order of the outputs of all published weights, and their words."""
    return _read(ILSVRC)


def names_of(words: Mapping[str, str]) -> dict[str, str]:
    """A name for each id: the first of its words; where two share it, the id behind it."""
    first = {synset: said.partition(",")[0].strip() for synset, said in words.items()}
    twice = Counter(first.values())
    return {synset: word if twice[word] == 1 else f"{word} ({synset})" for synset, word in first.items()}


@cache
def _by_name() -> dict[str, str]:
    return {name: synset for synset, name in names_of(ilsvrc()).items()}


def synset_of(name: str) -> str | None:
    """The id of a class by its name: one that holds its id, or one of the names given here."""
    found = re.search(r"\bn\d{8}\b", name)
    return found[0] if found else _by_name().get(name)


def titles_of(folders: Sequence[str], root: Path) -> tuple[tuple[str, ...], list[str]]:
    """(the names of classes by their folders' names, what to say of it): those of synsets where all folders are synsets."""
    if not folders or not all(map(is_synset, folders)):
        return tuple(folders), []
    known = names_of(ilsvrc())
    file = None
    if others := [synset for synset in folders if synset not in known]:
        file = next((path for name in WORDS if (path := root / name).is_file()), None)
        words = _read(file) if file else {}
        taken = set(known.values())
        told = names_of({synset: words[synset] for synset in others if synset in words})
        known |= {synset: name if name not in taken else f"{name} ({synset})" for synset, name in told.items()}
    titles = tuple(known.get(synset, synset) for synset in folders)
    named = sum(title != synset for title, synset in zip(titles, folders, strict=True))
    whence = f"ImageNet's names and {file.name}" if file else "ImageNet's names"
    return titles, [f"classes: {named:,} of {len(folders):,} synsets by {whence}"]


def _read(path: Path) -> dict[str, str]:
    """{id: words} of a file with an id and its words on each line."""
    if path.stat().st_size > LARGEST:
        raise DataError(f"{path}: too large for a list of synsets and their words")
    lines = (line.split(None, 1) for line in path.read_text("utf-8", "replace").splitlines())
    return {parts[0]: parts[1].strip() for parts in lines if len(parts) == 2 and is_synset(parts[0])}
