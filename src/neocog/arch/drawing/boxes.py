"""One layer's box: what is written in it, and how large that makes it."""

from neocog.arch.account import Analysis
from neocog.arch.drawing import words
from neocog.arch.drawing.measure import BIG, LINE, SMALL, clip, width, wrap
from neocog.arch.drawing.scene import Box
from neocog.arch.drawing.units import SOURCE, Unit

WIDEST = 190  # a longer label is wrapped, and cut where that does not help


class Boxes:
    """The boxes of one drawing; sizes are worked out once."""

    def __init__(self, table: Analysis):
        self.table = table
        self._sizes: dict[int, tuple[float, float]] = {}

    def texts(self, unit: Unit) -> tuple[tuple[str, int], ...]:
        """The lines of a box."""
        if unit.main is None:
            return (("input", BIG), (unit.shape(self.table), SMALL))
        before, name, after = unit.label
        out = [(line, SMALL) for line in wrap([w for w in before.split(" · ") if w], " · ", SMALL, WIDEST - 16)]
        sign = words.symbol(unit.main.node.record)
        out += [] if sign else [(clip(line, BIG, WIDEST), BIG) for line in wrap(name.split(", "), ", ", BIG, WIDEST)]
        out += [(line, SMALL) for line in wrap([w for w in after.split(" · ") if w], " · ", SMALL, WIDEST - 16)]
        return tuple((clip(line, size, WIDEST + 16), size) for line, size in out)

    def size(self, unit: Unit) -> tuple[float, float]:
        """Width and height of a box, whole and even pixels."""
        if unit.id not in self._sizes:
            self._sizes[unit.id] = self._measured(unit)
        return self._sizes[unit.id]

    def _measured(self, unit: Unit) -> tuple[float, float]:
        lines = self.texts(unit)
        wide = max((width(text, size) for text, size in lines), default=0)
        if unit.main and words.symbol(unit.main.node.record):
            return (2 * round((wide + 36) / 2), max(22, sum(LINE[s] for _, s in lines) + 8)) if lines else (22, 22)
        return max(72, 2 * int((wide + 18) / 2)), sum(LINE[size] for _, size in lines) + 8

    def place(self, unit: Unit, x: float, y: float, w: float, h: float) -> Box:
        """The box in its place."""
        if unit.main is None:
            return Box(x, y, w, h, "end", self.texts(unit), "the picture", SOURCE)
        count = 1 + len(unit.twins)
        first = words.tooltip(unit.main) if count == 1 else f"{count} ×, the first: {words.tooltip(unit.main)}"
        rest = [f"{row.path}: {row.node.record.describe()}" for row in unit.rows if row is not unit.main]
        sign = words.symbol(unit.main.node.record)
        return Box(x, y, w, h, words.kind(unit.main), self.texts(unit), "\n".join([first, *rest]), unit.id, sign, count)
