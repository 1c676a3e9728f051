"""The layer table: shapes, parameters, MACs, connections, neurons, memory and receptive field of every node."""

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from neocog.arch.architecture import Architecture, Node
from neocog.arch.receptive import Extent, Field, field_of
from neocog.arch.record import Param
from neocog.arch.window import Shape, size, times
from neocog.errors import ShapeError

LARGEST = 4096  # pixels; the search for a size that fits goes no further


@dataclass(frozen=True, slots=True)
class Row:
    """What one node does to one picture."""

    node: Node
    inputs: tuple[Shape, ...]
    output: Shape
    tensors: tuple[Param, ...]
    macs: int
    connections: int
    neurons: int
    field: Field | None
    aux: bool

    @property
    def path(self) -> str:
        """The node's path."""
        return self.node.path

    @property
    def params(self) -> int:
        """Stored numbers, fixed codes included, running statistics not."""
        return sum(size(t.shape) for t in self.tensors if t.role != "stat")

    @property
    def trainable(self) -> int:
        """Numbers that training changes."""
        return sum(size(t.shape) for t in self.tensors if t.role in ("weight", "bias"))

    @property
    def receptive_field(self) -> list[int] | None:
        """[rows, columns] of the picture that one place sees; None for the whole of it."""
        return None if self.field is None else [self.field[0].size, self.field[1].size]

    @property
    def stride(self) -> list[int] | None:
        """[rows, columns] between neighbouring places, in pixels."""
        return None if self.field is None else [self.field[0].stride, self.field[1].stride]


@dataclass(frozen=True)
class Analysis:
    """An architecture on one input size. Counts leave auxiliary heads out unless they say otherwise."""

    arch: Architecture
    input: Shape
    rows: tuple[Row, ...]

    @cached_property
    def by_path(self) -> dict[str, Row]:
        """Its rows by path."""
        return {row.path: row for row in self.rows}

    def total(self, what: str) -> int:
        """The sum of one column ("params", "trainable", "macs", "connections", "neurons") over the main network."""
        return sum(getattr(row, what) for row in self.rows if not row.aux)

    @property
    def params_aux(self) -> int:
        """Parameters of the auxiliary heads."""
        return sum(row.params for row in self.rows if row.aux)

    @property
    def output(self) -> Shape:
        """The shape of the answer."""
        return self.by_path[self.arch.output].output

    @cached_property
    def last_map(self) -> Row | None:
        """The last spatial map before global pooling or the first full connection; None if the first node sees all.

        A convolution marked `full` ends the maps as a full connection does.
        """
        full = {mark.path for mark in self.arch.marked("full")}
        first = next((i for i, row in enumerate(self.rows) if row.path in full), len(self.rows))
        maps = [row for row in self.rows[:first] if not row.aux and row.field is not None and len(row.output) == 3]
        return maps[-1] if maps else None

    @property
    def receptive_field(self) -> list[int]:
        """[rows, columns] of `last_map`; of a pixel, [1, 1], where there is none."""
        return (self.last_map and self.last_map.receptive_field) or [1, 1]

    @property
    def stride(self) -> list[int]:
        """[rows, columns] of `last_map`."""
        return (self.last_map and self.last_map.stride) or [1, 1]

    @property
    def activations(self) -> int:
        """Numbers in the outputs of all nodes of one picture: what training keeps at most."""
        return sum(size(row.output) for row in self.rows)

    @cached_property
    def peak(self) -> int:
        """The most numbers alive at once in inference on one picture, node by node, nothing done in place."""
        rows = [row for row in self.rows if not row.aux]
        last_use = {name: i for i, row in enumerate(rows) for name in row.node.inputs}
        alive, peak = {"input": size(self.input)}, size(self.input)
        for i, row in enumerate(rows):
            alive[row.path] = size(row.output)
            peak = max(peak, sum(alive.values()))
            for name in {*row.node.inputs, row.path}:
                if last_use.get(name, -1 if name != self.arch.output else i + 1) <= i and name != self.arch.output:
                    alive.pop(name, None)
        return peak


def analyse(arch: Architecture, input: Shape | None = None) -> Analysis:
    """The layer table of `arch` on pictures of `input` (its own size if None).

    Raises ShapeError, with the layer, the arithmetic and the smallest picture that fits, where a layer does not.
    """
    given = tuple(input) if input is not None else arch.input
    try:
        table = _analysis(arch, given)
        return table if table.arch is arch else replace(table, arch=arch)  # an equal network may have another name
    except ShapeError as error:
        least = smallest_input(arch, given[0]) if len(given) == 3 else None
        mend = f"; the smallest square picture that fits is {least}×{least}" if least and least > min(given[1:]) else ""
        raise ShapeError(f"{arch.name or 'this net'} does not fit pictures of {times(given)}: {error}{mend}") from None


@lru_cache(maxsize=32)
def _analysis(arch: Architecture, input: Shape) -> Analysis:
    return Analysis(arch, input, _rows(arch, input))


def _rows(arch: Architecture, input: Shape) -> tuple[Row, ...]:
    shapes: dict[str, Shape] = {"input": input}
    whole: Field | None = (Extent(), Extent()) if len(input) == 3 else None
    fields: dict[str, Field | None] = {"input": whole}
    rows = []
    for node in arch.nodes:
        record, ins = node.record, tuple(shapes[name] for name in node.inputs)
        try:
            shapes[node.path] = record.output(*ins)
            windows = record.windows(*ins)
        except ShapeError as error:
            raise ShapeError(f"layer '{node.path}' ({record.describe()}) on {' and '.join(map(times, ins))}: {error}") from None
        fields[node.path] = field_of([fields[name] for name in node.inputs], windows)
        rows.append(
            Row(
                node,
                ins,
                shapes[node.path],
                record.params(*ins),
                record.macs(*ins),
                record.connections(*ins),
                record.neurons(*ins),
                fields[node.path],
                node.path not in arch.main,
            )
        )
    return tuple(rows)


def fits(arch: Architecture, input: Shape) -> bool:
    """Whether every layer has at least one place on pictures of this size."""
    try:
        _rows(arch, input)
    except ShapeError:
        return False
    return True


@lru_cache(maxsize=64)
def smallest_input(arch: Architecture, channels: int) -> int | None:
    """The side of the smallest square picture that `arch` fits, or None if none up to 4096 does."""
    step = 1 if fits(arch, (channels, LARGEST, LARGEST)) else 2  # some nets fit odd sizes only
    low, high = 1, LARGEST if step == 1 else LARGEST // 2
    if step == 2 and not fits(arch, (channels, LARGEST - 1, LARGEST - 1)):
        return None
    while low < high:
        middle = (low + high) // 2
        side = middle if step == 1 else 2 * middle - 1
        low, high = (low, middle) if fits(arch, (channels, side, side)) else (middle + 1, high)
    return low if step == 1 else 2 * low - 1
