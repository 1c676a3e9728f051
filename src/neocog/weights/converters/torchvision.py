"""torchvision: our paths are its paths wherever a network is meant to be equal, so there is little to say."""

from neocog.weights.converters.dialect import Dialect, Rules
from neocog.weights.converters.names import aliases

OLD_DENSENET: Rules = ((r"\.(norm|relu|conv)\.([12])\.", r".\1\2."),)  # its files of 2017 say "norm.1", its code "norm1"


def dialects() -> tuple[Dialect, ...]:
    """One for each network of ours that is torchvision's too: the cards know which."""
    return tuple(
        Dialect("torchvision", net, name, legacy=OLD_DENSENET if "densenet" in name else ()) for net, name in aliases("tv")
    )
