"""torchvision: our paths are its paths wherever a network is meant to be equal, so there is little to say."""

from neocog.weights.converters.dialect import Dialect, Rules
from neocog.weights.converters.names import aliases

OLD_DENSENET: Rules = ((r"\.(norm|relu|conv)\.([12])\.", r".\1\2."),)  # its files of 2017 say "norm.1", its code "norm1"


# Its ConvNeXt multiplies channels by full connections, and keeps the layer's scale in the block itself.
CONVNEXT = {"as_linear": r"\.block\.[35]$", "keys": ((r"\.layer_scale\.weight$", ".layer_scale"),)}


def dialects() -> tuple[Dialect, ...]:
    """One for each network of ours that is torchvision's too: the cards know which."""
    return tuple(Dialect("torchvision", net, name, **_rules(name)) for net, name in aliases("tv"))


def _rules(name: str) -> dict:
    return {"legacy": OLD_DENSENET} if name.startswith("densenet") else CONVNEXT if name.startswith("convnext") else {}
