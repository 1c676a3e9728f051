"""How deep a network is, as most papers count: layers of weights on the longest way from the picture to the answer."""

from neocog.arch.account import analyse
from neocog.arch.architecture import Architecture
from neocog.arch.layers import RBF, Linear, Mul
from neocog.arch.record import Leaf, Windowed


def weighted(record: Leaf) -> bool:
    """A convolution, a full connection or S-cells: trained sub-sampling counts (LeNet-5 has seven), normalisation does not."""
    return isinstance(record, Linear | RBF) or (isinstance(record, Windowed) and hasattr(record, "init"))


def depths(arch: Architecture) -> dict[str, int]:
    """Weighted layers on the longest way from the picture to each node, itself counted. The inside of a gate of one number a
    map (squeeze-and-excitation) is beside the way."""
    found = {"input": 0}
    for row in analyse(arch).rows:
        whole = [
            name
            for name, shape in zip(row.node.inputs, row.inputs, strict=True)
            if not isinstance(row.node.record, Mul) or shape == row.output
        ]
        found[row.path] = max(found[name] for name in whole) + weighted(row.node.record)
    return found


def depth(arch: Architecture) -> int:
    """Weighted layers on the longest way; ResNet-50 has 50, GoogLeNet 22."""
    return depths(arch)[arch.output]
