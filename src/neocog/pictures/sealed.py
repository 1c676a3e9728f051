"""A test split under seal: how many pictures it has may be asked, what they show and what they are may not.

Whatever is chosen by looking at the test pictures, the network, its length, the weights that are kept, makes their error
flatter. Code that decides gets the data so, and cannot cheat by accident.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import NoReturn

import numpy as np

from neocog.errors import DataError
from neocog.pictures.sets import Dataset, Pictures


class SealBroken(DataError):
    """The test split was looked at before its time."""


class Sealed(Pictures):
    """`pictures` of which only the number and the classes' names can be had, until `open`."""

    def __init__(self, pictures: Pictures):  # not super().__init__: labels stay inside
        self.classes, self._inside = pictures.classes, pictures

    def __len__(self) -> int:
        return len(self._inside)

    def open(self) -> Pictures:
        """The pictures. To be called once everything has been decided."""
        return self._inside

    @property
    def labels(self) -> np.ndarray:  # type: ignore[override]
        _refuse()

    @property
    def arrays(self) -> np.ndarray | None:
        _refuse()

    def picture(self, i: int) -> NoReturn:
        _refuse()

    def header(self, i: int) -> NoReturn:
        _refuse()

    def source(self, i: int) -> NoReturn:
        _refuse()

    def name(self, i: int) -> NoReturn:  # of a folder of classes it says what the picture is
        _refuse()

    def subset(self, indices: np.ndarray | Sequence[int]) -> "Sealed":
        return Sealed(self._inside.subset(indices))


def sealed(data: Dataset) -> Dataset:
    """The same data, its test split under seal."""
    return data if data.test is None or isinstance(data.test, Sealed) else replace(data, test=Sealed(data.test))


def _refuse() -> NoReturn:
    raise SealBroken("the test pictures are under seal until the training is over")
