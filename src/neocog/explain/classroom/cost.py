"""What a part of a network costs, counted from its record by the layer table."""

from dataclasses import dataclass

from neocog.arch import Analysis, Conv2d, Sequential, architecture
from neocog.arch import analyse as layer_table
from neocog.arch.record import pair
from neocog.arch.window import size


@dataclass(frozen=True)
class Convolution:
    """One convolution of a part: where it is, its kernel as words, maps in and out, weights and MACs."""

    path: str
    kernel: str
    maps: int
    out: int
    weights: int
    macs: int


@dataclass(frozen=True)
class Cost:
    """A part's convolutions, their sums, the shape of its answer, and the table that it was counted from."""

    convolutions: tuple[Convolution, ...]
    weights: int
    macs: int
    output: tuple[int, ...]
    table: Analysis


def cost(part: Sequential, maps: int, side: int) -> Cost:
    """Of the part on so many maps of side×side; weights of convolutions only, neither biases nor batch normalisation, as the
    papers count."""
    table = layer_table(architecture("", (maps, side, side), part))
    found = []
    for row in table.rows:
        record = row.node.record
        if isinstance(record, Conv2d):
            weights = size(next(p for p in row.tensors if p.name == "weight").shape)
            kernel = "×".join(map(str, pair(record.kernel)))
            found.append(Convolution(row.path, kernel, row.inputs[0][0], row.output[0], weights, row.macs))
    return Cost(tuple(found), sum(c.weights for c in found), sum(c.macs for c in found), table.output, table)
