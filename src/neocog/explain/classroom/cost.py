"""What a part of a network costs, counted from its record by the layer table."""

from dataclasses import dataclass

from neocog.arch import Architecture, Conv2d, Sequential, architecture
from neocog.arch import analyse as layer_table
from neocog.arch.record import pair
from neocog.arch.window import size


@dataclass(frozen=True)
class Cost:
    """A part of a network: its convolutions as (path, kernel, maps in, maps out, weights, MACs), the sums, and its answer."""

    convs: tuple[tuple[str, str, int, int, int, int], ...]
    weights: int
    macs: int
    output: tuple[int, ...]


def cost(part: Architecture) -> Cost:
    """Counted by the layer table; weights of convolutions only, neither biases nor batch normalisation, as the papers count."""
    rows = [row for row in layer_table(part).rows if isinstance(row.node.record, Conv2d)]
    convs = []
    for row in rows:
        record = row.node.record
        assert isinstance(record, Conv2d)
        weights = next(p for p in row.tensors if p.name == "weight").shape
        kernel = "×".join(map(str, pair(record.kernel)))
        convs.append((row.path, kernel, row.inputs[0][0], row.output[0], size(weights), row.macs))
    return Cost(tuple(convs), sum(c[4] for c in convs), sum(c[5] for c in convs), layer_table(part).output)


def of(part: Sequential, channels: int, side: int) -> Architecture:
    """The part as a network on side×side places of so many maps."""
    return architecture("", (channels, side, side), part)
