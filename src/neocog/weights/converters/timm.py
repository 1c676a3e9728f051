"""timm: torchvision's names for the older networks, its own for the others."""

from neocog.weights.converters.dialect import Dialect
from neocog.weights.converters.names import aliases

# VGG's two wide full connections are convolutions there.
VGG = {
    "paths": ((r"^classifier\.0$", "pre_logits.fc1"), (r"^classifier\.3$", "pre_logits.fc2"), (r"^classifier\.6$", "head.fc")),
    "as_conv": r"^classifier\.[03]$",
}


def dialects() -> tuple[Dialect, ...]:
    """One for each network of ours that is timm's too."""
    return tuple(Dialect("timm", net, name, **_rules(name)) for net, name in aliases("timm"))


def _rules(name: str) -> dict:
    return VGG if name.startswith("vgg") else {}
