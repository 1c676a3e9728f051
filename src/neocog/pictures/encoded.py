"""Pictures as files have them, but from elsewhere: members of tar shards, rows of tables. And data sets of such splits."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence

from PIL import Image

from neocog.errors import BadPicture, DataError
from neocog.pictures.decode import Probe, decode, probe
from neocog.pictures.folder import may_flip
from neocog.pictures.sets import Dataset, Pictures, carve, fingerprint


class EncodedPictures(Pictures):
    """Pictures whose bytes, as of a JPEG or PNG file, are read when asked for."""

    @abstractmethod
    def encoded(self, i: int) -> bytes:
        """The bytes of picture i; BadPicture if they cannot be read."""

    def picture(self, i: int) -> Image.Image:
        return decode(self.encoded(i), self.name(i))

    def header(self, i: int) -> Probe:
        return probe(self.encoded(i), self.name(i))


def dataset(
    name: str,
    splits: Mapping[str, Pictures],
    seed: int,
    val_fraction: float | None,
    test_fraction: float | None,
    notes: Sequence[str] = (),
    marks: Sequence[str] = (),
    skipped: Sequence[BadPicture] = (),
) -> Dataset:
    """The data set of splits "train" and perhaps "val" and "test"; what is missing is carved off, test before validation.

    With train and val only, there is no test set, as with folders. `marks`: what tells this data from other data, beside the
    names and labels of its pictures.
    """
    train, val, test = splits["train"], splits.get("val"), splits.get("test")
    classes = train.classes
    if len(classes) < 2:
        raise DataError(f"{name}: a classifier needs two or more classes; found {', '.join(map(repr, classes)) or 'none'}")
    mark = fingerprint([*marks, *(part for key, split in splits.items() for part in (key, *_told(split)))])
    notes = list(notes)
    for what, share in (
        ("test", 0.2 if test_fraction is None else test_fraction),
        ("validation", 0.1 if val_fraction is None else val_fraction),
    ):
        if (what == "test" and (test is not None or val is not None)) or (what == "validation" and val is not None):
            continue
        train, taken = carve(train, share, seed, [train.name(i) for i in range(len(train))])
        count = len(taken) if taken is not None else 0
        notes.append(f"{what}: {count:,} pictures carved from training, {share:.3g} of each class (seed {seed})")
        test, val = (taken, val) if what == "test" else (test, taken)
    flip, why = may_flip(classes)
    return Dataset(name, classes, train, val, test, mark, flip, (*notes, *why), tuple(skipped))


def _told(split: Pictures) -> list[str]:
    return [f"{split.name(i)} {split.classes[label]}" for i, label in enumerate(split.labels)]
