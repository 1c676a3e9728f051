"""timm: torchvision's names for the older networks, its own for the others."""

import re
from collections.abc import Iterable, Mapping
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
V3_STAGES = {"large": (1, 2, 3, 4, 2, 3), "small": (1, 2, 3, 2, 3)}  # MobileNet v3's tables 1 and 2: as many maps
# The convolutions of a bottleneck and their normalisations, without and with a widening one.
NARROW = ("conv_dw", "bn1", "conv_pw", "bn2")
WIDE = ("conv_pw", "bn1", "conv_dw", "bn2", "conv_pwl", "bn3")
EPS = 1e-5  # timm's ε of batch normalisation everywhere but in its ports from TensorFlow


def mobilenet_v2(arch: Architecture) -> Mapping[str, str]:
    """features.2.conv.0.0 → blocks.1.0.conv_pw."""
    places = _places(V2_STAGES)
    names = {"features.0.0": "conv_stem", "features.0.1": "bn1", "classifier.1": "classifier"}
    names |= {f"features.{len(places) + 1}.0": "conv_head", f"features.{len(places) + 1}.1": "bn2"}
    for i, place in enumerate(places, 1):
        names |= _bottleneck(arch, f"features.{i}", place)
    return names


def mobilenet_v3(arch: Architecture) -> Mapping[str, str]:
    """features.2.block.0.0 → blocks.1.0.conv_pw; the last 1×1 is a stage of its own, conv_head stands behind the pool."""
    places = _places(V3_STAGES[arch.name.rpartition("_")[2]])
    last, end = len(places) + 1, int(places[-1].split(".")[0]) + 1
    names = {"features.0.0": "conv_stem", "features.0.1": "bn1", "classifier.0": "conv_head", "classifier.3": "classifier"}
    names |= {f"features.{last}.0": f"blocks.{end}.0.conv", f"features.{last}.1": f"blocks.{end}.0.bn1"}
    for i, place in enumerate(places, 1):
        names |= _bottleneck(arch, f"features.{i}", place)
    return names


def efficientnet(arch: Architecture) -> Mapping[str, str]:
    """features.2.0.block.1.0 → blocks.1.0.conv_dw."""
    names = {"features.0.0": "conv_stem", "features.0.1": "bn1", "classifier.1": "classifier"}
    names |= {"features.8.0": "conv_head", "features.8.1": "bn2"}
    for scope in dict.fromkeys(m[0] for n in arch.nodes if (m := re.match(r"features\.[1-7]\.\d+(?=\.)", n.path))):
        _, stage, number = scope.split(".")
        names |= _bottleneck(arch, scope, f"{int(stage) - 1}.{number}")
    return names


def _places(stages: Iterable[int]) -> list[str]:
    """ "stage.number" of every block, in order."""
    return [f"{stage}.{number}" for stage, count in enumerate(stages) for number in range(count)]


def _bottleneck(arch: Architecture, scope: str, place: str) -> dict[str, str]:
    """The layers of one block; its gate's fc1 and fc2 are conv_reduce and conv_expand there."""
    gates = {".fc1": "se.conv_reduce", ".fc2": "se.conv_expand"}
    layers = [path for path in _layers(arch, scope) if path[-4:] not in gates]
    kinds = NARROW if len(layers) == len(NARROW) else WIDE
    names = {path: f"blocks.{place}.{kind}" for path, kind in zip(layers, kinds, strict=True)}
    return names | {path: f"blocks.{place}.{gates[path[-4:]]}" for path in _layers(arch, scope) if path[-4:] in gates}


def _layers(arch: Architecture, scope: str) -> list[str]:
    kinds = ("Conv2d", "DepthwiseConv2d", "BatchNorm2d")
    return [node.path for node in arch.within(scope) if node.record.type in kinds]


FAMILIES: dict[str, dict[str, Any]] = {
    "vgg": VGG,
    "convnext": CONVNEXT,
    "resnetv2": PREACT,
    "mobilenetv2": {"paths": mobilenet_v2},
    "mobilenetv3": {"paths": mobilenet_v3, "as_conv": r"^classifier\.0$", "eps": EPS},
    "efficientnet": {"paths": efficientnet, "eps": EPS},
}
# Equal but for ε, which goes into the running variance: they are not on the cards, which say what is equal as it stands.
OTHER_EPS = (
    *((f"mobilenet_v3_{size}", f"mobilenetv3_{size}_100") for size in V3_STAGES),
    *((f"efficientnet_b{n}", f"efficientnet_b{n}") for n in (5, 6, 7)),
)


def dialects() -> tuple[Dialect, ...]:
    """One for each network of ours that is timm's too."""
    return tuple(
        Dialect("timm", net, name, **next((rules for start, rules in FAMILIES.items() if name.startswith(start)), {}))
        for net, name in (*aliases("timm"), *OTHER_EPS)
    )
