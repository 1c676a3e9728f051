"""timm: torchvision's names for the older networks, its own for the others."""

import re
from collections.abc import Mapping
from typing import Any

from neocog.arch import Architecture
from neocog.weights.converters.dialect import Dialect, Rules
from neocog.weights.converters.names import aliases

# VGG's two wide full connections are convolutions there.
VGG: dict[str, Any] = {
    "paths": ((r"^classifier\.0$", "pre_logits.fc1"), (r"^classifier\.3$", "pre_logits.fc2"), (r"^classifier\.6$", "head.fc")),
    "as_conv": r"^classifier\.[03]$",
}

CONVNEXT_PATHS: Rules = (
    (r"^features\.0\.", "stem."),
    (r"^classifier\.0$", "head.norm"),
    (r"^classifier\.2$", "head.fc"),
    *((rf"^features\.{2 * s + 1}\.", f"stages.{s}.blocks.") for s in range(4)),
    *((rf"^features\.{2 * s}\.", f"stages.{s}.downsample.") for s in range(1, 4)),
    (r"\.block\.0$", ".conv_dw"),
    (r"\.block\.2$", ".norm"),
    (r"\.block\.3$", ".mlp.fc1"),
    (r"\.block\.5$", ".mlp.fc2"),
)
CONVNEXT = {"paths": CONVNEXT_PATHS, "as_linear": r"\.block\.[35]$", "keys": ((r"\.layer_scale\.weight$", ".gamma"),)}

PREACT_PATHS: Rules = (
    *((rf"^layer{s + 1}\.", f"stages.{s}.blocks.") for s in range(4)),
    (r"^conv1$", "stem.conv"),
    (r"^bn$", "norm"),
    (r"^fc$", "head.fc"),
    (r"\.bn(\d)$", r".norm\1"),
    (r"\.downsample$", ".downsample.conv"),
)
PREACT = {"paths": PREACT_PATHS, "as_conv": "^fc$"}

V2_STAGES = (1, 2, 3, 4, 3, 3, 1)  # MobileNet v2's table 2: how often each bottleneck is repeated
# The convolutions of a bottleneck and their normalisations, without and with a widening one.
NARROW = ("conv_dw", "bn1", "conv_pw", "bn2")
WIDE = ("conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3")


def mobilenet_v2(arch: Architecture) -> Mapping[str, str]:
    """features.2.conv.0.0 → blocks.1.0.conv_pw."""
    places = [f"{stage}.{number}" for stage, count in enumerate(V2_STAGES) for number in range(count)]
    names = {"features.0.0": "conv_stem", "features.0.1": "bn1", "classifier.1": "classifier"}
    names |= {f"features.{len(places) + 1}.0": "conv_head", f"features.{len(places) + 1}.1": "bn2"}
    for i, place in enumerate(places, 1):
        layers = _layers(arch, f"features.{i}")
        for path, name in zip(layers, NARROW if len(layers) == len(NARROW) else WIDE, strict=True):
            names[path] = f"blocks.{place}.{name}"
    return names


def efficientnet(arch: Architecture) -> Mapping[str, str]:
    """features.2.0.block.1.0 → blocks.1.0.conv_dw; the gate's fc1 and fc2 are its conv_reduce and conv_expand."""
    names = {"features.0.0": "conv_stem", "features.0.1": "bn1", "classifier.1": "classifier"}
    names |= {"features.8.0": "conv_head", "features.8.1": "bn2"}
    scopes = dict.fromkeys(m[0] for n in arch.nodes if (m := re.match(r"features\.[1-7]\.\d+(?=\.)", n.path)))
    for scope in scopes:
        _, stage, number = scope.split(".")
        block = f"blocks.{int(stage) - 1}.{number}"
        layers = [path for path in _layers(arch, scope) if not path.endswith((".fc1", ".fc2"))]
        for path, name in zip(layers, NARROW if len(layers) == len(NARROW) else WIDE, strict=True):
            names[path] = f"{block}.{name}"
        for path in _layers(arch, scope):
            if path.endswith((".fc1", ".fc2")):
                names[path] = f"{block}.se.{'conv_reduce' if path.endswith('1') else 'conv_expand'}"
    return names


def _layers(arch: Architecture, scope: str) -> list[str]:
    kinds = ("Conv2d", "DepthwiseConv2d", "BatchNorm2d")
    return [node.path for node in arch.within(scope) if node.record.type in kinds]


FAMILIES: dict[str, dict[str, Any]] = {
    "vgg": VGG,
    "convnext": CONVNEXT,
    "resnetv2": PREACT,
    "mobilenetv2": {"paths": mobilenet_v2},
    "efficientnet": {"paths": efficientnet},
}


def dialects() -> tuple[Dialect, ...]:
    """One for each network of ours that is timm's too."""
    return tuple(
        Dialect("timm", net, name, **next((rules for start, rules in FAMILIES.items() if name.startswith(start)), {}))
        for net, name in aliases("timm")
    )
