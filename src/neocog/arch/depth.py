"""How deep a network is, as its paper counts: layers of weights on the longest way from the picture to the answer."""

from neocog.arch.architecture import Architecture
from neocog.arch.layers import RBF, Linear
from neocog.arch.record import Leaf, Windowed


def weighted(record: Leaf) -> bool:
    """A convolution, a full connection or S-cells: trained sub-sampling counts (LeNet-5 has seven), normalisation does not."""
    return isinstance(record, Linear | RBF) or (isinstance(record, Windowed) and hasattr(record, "init"))


def depth(arch: Architecture) -> int:
    """Weighted layers on the longest way; ResNet-50 has 50, GoogLeNet 22."""
    found = {"input": 0}
    for node in arch.nodes:
        found[node.path] = max(found[name] for name in node.inputs) + weighted(node.record)
    return found[arch.output]
