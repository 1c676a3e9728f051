"""What was found out about every readable picture, in columns of about 100 bytes a picture."""

from array import array

import numpy as np

from neocog.pictures.doctor.exam import Exam


class Table:
    """Row k is of picture `index[k]` of the listing. Rows are added in order; the columns are made by `columns`."""

    def __init__(self) -> None:
        self._index, self._width, self._height, self._facts = array("q"), array("i"), array("i"), array("i")
        self._form, self._bytes = array("b"), array("q")
        self._pixels, self._look = bytearray(), bytearray()
        self.forms: list[str] = []

    def add(self, index: int, exam: Exam) -> None:
        """One more row."""
        self._index.append(index)
        self._width.append(exam.width)
        self._height.append(exam.height)
        self._facts.append(int(exam.facts))
        if exam.form not in self.forms:
            self.forms.append(exam.form)
        self._form.append(self.forms.index(exam.form))
        self._bytes.append(exam.length)
        self._pixels += exam.pixels
        self._look += exam.look

    def __len__(self) -> int:
        return len(self._index)

    @property
    def index(self) -> np.ndarray:
        return np.array(self._index, np.int64)

    @property
    def sizes(self) -> np.ndarray:
        """(width, height) [N, 2]."""
        return np.stack([np.array(self._width, np.int64), np.array(self._height, np.int64)], 1)

    @property
    def facts(self) -> np.ndarray:
        return np.array(self._facts, np.int64)

    @property
    def form(self) -> np.ndarray:
        """Indices into `forms`."""
        return np.array(self._form, np.int64)

    @property
    def bytes(self) -> np.ndarray:
        return np.array(self._bytes, np.int64)

    @property
    def pixels(self) -> np.ndarray:
        """The hash of the decoded pixels, uint64 [N, 2]."""
        return _words(self._pixels).reshape(-1, 2)

    @property
    def look(self) -> np.ndarray:
        """uint64 [N, 4]; empty when only headers were read."""
        return _words(self._look).reshape(-1, 4)


def _words(block: bytearray) -> np.ndarray:
    """The block itself as uint64, not a copy."""
    return np.frombuffer(block, np.uint64) if block else np.zeros(0, np.uint64)
