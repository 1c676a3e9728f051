"""What does not fit: strides that leave rows and columns unread, and how to mend it.

Where a window moves by s over n positions padded by p, (n + p - extent)/s + 1 should be a whole number; if it is not,
the last windows stop short of the end. As long as only padding is lost nothing is; beyond that, real pixels are never
read by the layer. Convolutions round down; Caffe's pools round up.
"""

from dataclasses import dataclass
from functools import lru_cache

from neocog.arch.account import Analysis, analyse, fits
from neocog.arch.architecture import Architecture
from neocog.arch.record import Windowed
from neocog.arch.window import Shape, Window

NEAR = 64  # pixels by which the search for a better input size strays


@dataclass(frozen=True, slots=True)
class Misfit:
    """A layer whose windows do not tile its input. Rows and columns are reported separately where they differ."""

    path: str
    axis: str  # "rows", "columns" or "rows and columns"
    positions: int
    window: Window
    unread: int  # real positions behind the last window
    between: int  # real positions that no window reads because the stride exceeds the kernel
    of_picture: bool
    also_read_by: tuple[str, ...]  # other layers that read the same map, unread positions included
    mends: tuple[str, ...]

    @property
    def harmless(self) -> bool:
        """Whether only padding is lost, or another layer reads what this one does not."""
        return bool(self.also_read_by) or not (self.unread or self.between)

    @property
    def arithmetic(self) -> str:
        """`(224-11)/4+1 = 54.25`."""
        w, n = self.window, self.positions
        padding = f"+{w.before + w.after}" if w.before + w.after else ""
        value = (n + w.before + w.after - w.extent) / w.stride + 1
        return f"({n}{padding}-{w.extent})/{w.stride}+1 = {value:g}"

    def __str__(self) -> str:
        unit = {"rows": "row", "columns": "column", "rows and columns": "row and column"}[self.axis]
        what = "of pixels " if self.of_picture else "of its input "
        lines = []
        if self.between:
            read = self.positions - self.unread - self.between
            lines.append(
                f"windows of {self.window.extent} moved by {self.window.stride} read {read} of {self.positions} {self.axis}"
            )
        elif self.unread:
            number = "one" if self.unread == 1 else str(self.unread)
            plural = unit if self.unread == 1 else unit.replace("row", "rows").replace("column", "columns")
            lines.append(f"{self.arithmetic}: {number} {plural} {what}{'is' if self.unread == 1 else 'are'} never seen")
        else:
            lines.append(f"{self.arithmetic}: only padding is lost, the map sits off centre")
        if self.also_read_by:
            lines.append("read by " + ", ".join(self.also_read_by) + " all the same")
        elif self.mends:
            *others, last = self.mends
            lines.append("use " + "".join(f"{mend}, " for mend in others) + ("or " if others else "") + last)
        return "; ".join(lines)


@lru_cache(maxsize=32)
def misfits(arch: Architecture, input: Shape | None = None) -> tuple[Misfit, ...]:
    """Every windowed layer that does not tile its input, in order; see `Misfit.harmless`."""
    table = analyse(arch, input)
    readers: dict[str, list[str]] = {}
    for row in table.rows:
        for name in row.node.inputs:
            readers.setdefault(name, []).append(row.path)
    found = []
    for row in table.rows:
        if not isinstance(row.node.record, Windowed):
            continue
        windows = row.node.record.windows(*row.inputs)
        source = row.node.inputs[0]
        others = [path for path in readers[source] if path != row.path]
        if windows[0] == windows[1] and row.inputs[0][1] == row.inputs[0][2]:
            axes = [(0, "rows and columns")]
        else:
            axes = [(0, "rows"), (1, "columns")]
        for axis, name in axes:
            positions, window = row.inputs[0][1 + axis], windows[axis]
            alone = window.output(positions) == 1 and not window.leftover(positions)
            if window.dilation == 1 and (window.stride == 1 or alone):
                continue
            read = window.reads(positions)
            behind = window.unread_behind(positions)
            between = 0 if window.reads_everything else positions - len(read) - behind
            if window.leftover(positions) <= 0 and not between:
                continue
            also = tuple(p for p in others if _reads(table, p, axis) >= set(range(positions)))
            mends: tuple[str, ...] = () if between or not behind or also else _mends(table, row.path, axis, source == "input")
            found.append(Misfit(row.path, name, positions, window, behind, between, source == "input", also, mends))
    return tuple(found)


def _reads(table: Analysis, path: str, axis: int) -> set[int]:
    row = table.by_path[path]
    record, positions = row.node.record, row.inputs[0][1 + axis]
    return record.windows(*row.inputs)[axis].reads(positions) if isinstance(record, Windowed) else set(range(positions))


def _mends(table: Analysis, path: str, axis: int, of_picture: bool) -> tuple[str, ...]:
    """Input size, padding and rounding that leave nothing unread at this layer."""
    row = table.by_path[path]
    record = row.node.record
    assert isinstance(record, Windowed)
    window, positions = record.windows(*row.inputs)[axis], row.inputs[0][1 + axis]
    mends = []
    better = _better_size(table, path, axis)
    if better:
        mends.append(str(better) if of_picture else f"pictures of {better}")
    for more in range(1, window.extent):
        wider = Window(window.kernel, window.stride, window.before + more, window.after + more, window.dilation)
        if not wider.unread_behind(positions):
            mends.append(f"padding {window.before + more}")
            break
    if not window.ceil:
        mends.append("ceil")
    return tuple(mends)


def _better_size(table: Analysis, path: str, axis: int) -> int | None:
    """The next larger picture side at which the layer at `path` leaves nothing over; the next smaller if none is near."""
    channels, *sides = table.input
    for step in (*range(1, NEAR + 1), *range(-1, -NEAR - 1, -1)):
        shape = (channels, *(side + step for side in sides))
        if min(shape) < 1 or not fits(table.arch, shape):
            continue
        row = analyse(table.arch, shape).by_path[path]
        record = row.node.record
        assert isinstance(record, Windowed)
        window = record.windows(*row.inputs)[axis]
        if not window.leftover(row.inputs[0][1 + axis]):
            return sides[axis] + step
    return None
