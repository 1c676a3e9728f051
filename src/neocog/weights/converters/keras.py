"""Keras applications: kernels (kh, kw, in, out), maps flattened as H, W, C."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from neocog.arch import Architecture
from neocog.pictures.preprocessing import Preprocessing
from neocog.weights.converters.dialect import Dialect, Rules

CAFFE = Preprocessing(224, 224, color="BGR", resize_to=256, scale=1.0, mean=(103.939, 116.779, 123.68))
BN_EPS = 1.001e-5


def halves(side: int) -> Preprocessing:
    """Mode "tf": -1 to 1, the middle seven eighths of the picture."""
    return Preprocessing(side, side, resize_to=round(side / 0.875), mean=(0.5,) * 3, std=(0.5,) * 3)


def vgg(arch: Architecture) -> Mapping[str, str]:
    """features.N → blockB_convC: a block ends with a pool."""
    names, block, number = {}, 1, 0
    for node in arch.nodes:
        if re.fullmatch(r"features\.\d+", node.path):
            if node.record.type == "Conv2d":
                number += 1
                names[node.path] = f"block{block}_conv{number}"
            elif node.record.type == "MaxPool2d":
                block, number = block + 1, 0
    return names | {"classifier.0": "fc1", "classifier.3": "fc2", "classifier.6": "predictions"}


def resnet(arch: Architecture) -> Mapping[str, str]:
    """layer1.0.conv1 → conv2_block1_1_conv."""
    names = {"conv1": "conv1_conv", "bn1": "conv1_bn", "fc": "predictions"}
    for node in arch.nodes:
        if found := re.fullmatch(r"layer(\d)\.(\d+)\.(conv|bn)(\d)", node.path):
            names[node.path] = f"conv{int(found[1]) + 1}_block{int(found[2]) + 1}_{found[4]}_{found[3]}"
        elif found := re.fullmatch(r"layer(\d)\.(\d+)\.downsample\.([01])", node.path):
            names[node.path] = f"conv{int(found[1]) + 1}_block{int(found[2]) + 1}_0_{('conv', 'bn')[int(found[3])]}"
    return names


def densenet(arch: Architecture) -> Mapping[str, str]:
    """features.denseblock1.denselayer2.conv1 → conv2_block2_1_conv."""
    names = {"features.conv0": "conv1_conv", "features.norm0": "conv1_bn", "features.norm5": "bn", "classifier": "predictions"}
    for node in arch.nodes:
        if found := re.fullmatch(r"features\.denseblock(\d)\.denselayer(\d+)\.(norm|conv)([12])", node.path):
            number = int(found[4]) - (found[3] == "norm")
            kind = "bn" if found[3] == "norm" else "conv"
            names[node.path] = f"conv{int(found[1]) + 1}_block{found[2]}_{number}_{kind}"
        elif found := re.fullmatch(r"features\.transition(\d)\.(norm|conv)", node.path):
            names[node.path] = f"pool{int(found[1]) + 1}_{'bn' if found[2] == 'norm' else 'conv'}"
    return names


def mobilenet(arch: Architecture) -> Mapping[str, str]:
    """ds3.dw → conv_dw_3."""
    names = {"conv1.conv": "conv1", "conv1.bn": "conv1_bn", "fc": "conv_preds"}
    for node in arch.nodes:
        if found := re.fullmatch(r"ds(\d+)\.(dw|pw)", node.path):
            names[node.path] = f"conv_{found[2]}_{found[1]}"
        elif found := re.fullmatch(r"ds(\d+)\.bn([12])", node.path):
            names[node.path] = f"conv_{('dw', 'pw')[int(found[2]) - 1]}_{found[1]}_bn"
    return names


def xception(arch: Architecture) -> Mapping[str, str]:
    """block3.rep.4.pointwise → the pointwise half of block4_sepconv2. The projections have no names, only numbers."""
    names = {"conv1": "block1_conv1", "bn1": "block1_conv1_bn", "conv2": "block1_conv2", "bn2": "block1_conv2_bn"}
    names |= {"bn3": "block14_sepconv1_bn", "bn4": "block14_sepconv2_bn", "fc": "predictions"}
    seen: dict[str, int] = {}
    skips = 0
    for node in arch.nodes:
        if found := re.fullmatch(r"block(\d+)\.rep\.(\d+)\.conv1", node.path):
            seen[found[1]] = seen.get(found[1], 0) + 1
            layer = f"block{int(found[1]) + 1}_sepconv{seen[found[1]]}"
            names |= _separable(node.path, layer)
            names[f"block{found[1]}.rep.{int(found[2]) + 1}"] = f"{layer}_bn"
        elif found := re.fullmatch(r"conv([34])\.conv1", node.path):
            names |= _separable(node.path, f"block14_sepconv{int(found[1]) - 2}")
        elif node.path.endswith(".skip"):
            names |= {node.path: f"conv2d#{skips}", f"{node.path}bn": f"batch_normalization#{skips}"}
            skips += 1
    return names


def _separable(depthwise: str, layer: str) -> dict[str, str]:
    return {depthwise: f"{layer}|depthwise", f"{depthwise.removesuffix('.conv1')}.pointwise": f"{layer}|pointwise"}


SEPARABLE: Rules = ((r"\|(depthwise|pointwise)/kernel$", r"/\1_kernel"),)


def numbered(named: Mapping[str, str]) -> Callable[[Architecture], Mapping[str, str]]:
    """Convolutions and normalisations by their numbers in the order of the network, but for those with a name: {path: name},
    the path a pattern, the name perhaps with what the pattern caught."""

    def names(arch: Architecture) -> Mapping[str, str]:
        found: dict[str, str] = {}
        count = {"Conv2d": 0, "BatchNorm2d": 0}
        for node in arch.nodes:
            if node.path not in arch.main or node.record.type not in (*count, "Linear"):
                continue
            for pattern, name in named.items():
                if (match := re.fullmatch(pattern, node.path)) is not None:
                    found[node.path] = match.expand(name)
                    break
            else:
                kind = {"Conv2d": "conv2d", "BatchNorm2d": "batch_normalization"}[node.record.type]
                found[node.path] = f"{kind}#{count[node.record.type]}"
                count[node.record.type] += 1
        return found

    return names


BLOCKS = {"repeat": "block35", "repeat_1": "block17", "repeat_2": "block8"}


def inception_resnet(arch: Architecture) -> Mapping[str, str]:
    """repeat.0.conv2d → block35_1_conv; all others but the last have numbers."""
    names = numbered({
        r"(repeat|repeat_1|repeat_2)\.(\d+)\.conv2d": r"\1 \2", r"block8\.conv2d": "block8_10_conv",
        r"conv2d_7b\.conv": "conv_7b", r"conv2d_7b\.bn": "conv_7b_bn", "classif": "predictions",
    })(arch)  # fmt: skip
    return {path: _block(name) if " " in name else name for path, name in names.items()}


def _block(name: str) -> str:
    stage, number = name.split()
    return f"{BLOCKS[stage]}_{int(number) + 1}_conv"


def convnext(arch: Architecture) -> Mapping[str, str]:
    """features.3.1.block.0 → convnext_tiny_stage_1_block_1_depthwise_conv."""
    parts = {"block.0": "depthwise_conv", "block.2": "layernorm", "block.3": "pointwise_conv_1", "block.5": "pointwise_conv_2",
             "layer_scale": "layer_scale"}  # fmt: skip
    names = {"features.0.0": "stem_conv", "features.0.1": "stem_layernorm"}
    names |= {"classifier.0": "head_layernorm", "classifier.2": "head_dense"}
    for i in range(3):
        names |= {f"features.{2 * i + 2}.0": f"downsampling_layernorm_{i}", f"features.{2 * i + 2}.1": f"downsampling_conv_{i}"}
    for node in arch.nodes:
        if (found := re.fullmatch(r"features\.([1357])\.(\d+)\.(.+)", node.path)) and found[3] in parts:
            names[node.path] = f"stage_{int(found[1]) // 2}_block_{found[2]}_{parts[found[3]]}"
    return {path: f"{arch.name}_{name}" for path, name in names.items()}


# Its stem and steps between stages are models of their own, whose files name them alone; its scales have no name in some.
NESTED: Rules = (
    ("_stem/(kernel|bias)$", r"_stem_conv/\1"),
    ("_stem/(gamma|beta)$", r"_stem_layernorm/\1"),
    (r"_downsampling_block_(\d)/(kernel|bias)$", r"_downsampling_conv_\1/\2"),
    (r"_downsampling_block_(\d)/(gamma|beta)$", r"_downsampling_layernorm_\1/\2"),
    ("_layer_scale/.*$", "_layer_scale/gamma"),
)
CONVNEXT: dict[str, Any] = {
    "keys": (("_layer_scale/kernel$", "_layer_scale/gamma"),),
    "as_linear": r"\.block\.[35]$",
    "grouped": r"\.block\.0$",
    "legacy": NESTED,
    "ignore": "_prestem_normalization/",
}

# Files of 2017 and 2018 name some layers otherwise: fc1000, probs, conv1/conv.
OLD: Rules = (("^(fc1000|probs)/", "predictions/"), ("^conv1/(conv|bn)/", r"conv1_\1/"))


def dialects() -> tuple[Dialect, ...]:
    """What Keras's applications have of our networks."""
    return (
        *(Dialect("keras", name, name, vgg, preprocessing=CAFFE) for name in ("vgg16", "vgg19")),
        *(Dialect("keras", f"resnet{n}", f"resnet{n}", resnet, eps=BN_EPS, biased="conv|downsample", legacy=OLD,
                  preprocessing=CAFFE) for n in (50, 101, 152)),
        *(Dialect("keras", f"densenet{n}", f"densenet{n}", densenet, eps=BN_EPS, legacy=OLD) for n in (121, 169, 201)),
        Dialect("keras", "mobilenet_v1.slim", "mobilenet", mobilenet, as_conv="^fc$", preprocessing=halves(224)),
        Dialect("keras", "xception.keras", "xception", xception, SEPARABLE, counted=True, preprocessing=halves(299)),
        Dialect("keras", "inception_v3.slim", "inception_v3", numbered({"fc": "predictions"}), gamma=False, counted=True,
                preprocessing=halves(299)),
        *(Dialect("keras", f"convnext_{size}", f"convnext_{size}", convnext, **CONVNEXT)
          for size in ("tiny", "small", "base", "large")),
        Dialect("keras", "inception_resnet_v2.slim", "inception_resnet_v2", inception_resnet, gamma=False, counted=True,
                preprocessing=halves(299)),
    )  # fmt: skip
