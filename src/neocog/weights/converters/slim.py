"""TF-slim's checkpoints, 2016 to 2018: variables named by scope, weights (kh, kw, in, out), convolutions for dense layers."""

import re
from collections.abc import Mapping
from typing import Any

from neocog.arch import Architecture
from neocog.arch.layers import Conv2d
from neocog.arch.window import pair
from neocog.pictures.preprocessing import Preprocessing
from neocog.weights.converters import keras
from neocog.weights.converters.dialect import Dialect, Rules, renamed

MEANS = Preprocessing(224, 224, resize_to=256, scale=1.0, mean=(123.68, 116.78, 103.94))
# The step, the optimiser's slots and running averages of the weights lie beside the weights.
REST = r"^global_step$|/(RMSProp|Momentum|Adam)(_\d+)?$|/ExponentialMovingAverage$|^(beta|gamma)[12]?_power$|^mean_rgb$"


def vgg(depth: str, arch: Architecture) -> Mapping[str, str]:
    """features.0 → vgg_16/conv1/conv1_1."""
    names = {"classifier.0": f"{depth}/fc6", "classifier.3": f"{depth}/fc7", "classifier.6": f"{depth}/fc8"}
    for path, name in keras.vgg(arch).items():
        if found := re.fullmatch(r"block(\d)_conv(\d)", name):
            names[path] = f"{depth}/conv{found[1]}/conv{found[1]}_{found[2]}"
    return names


def mobilenet(arch: Architecture) -> Mapping[str, str]:
    """ds3.dw → MobilenetV1/Conv2d_3_depthwise."""
    top = "MobilenetV1"
    names = {"conv1.conv": f"{top}/Conv2d_0", "conv1.bn": f"{top}/Conv2d_0/BatchNorm", "fc": f"{top}/Logits/Conv2d_1c_1x1"}
    halves = {"dw": "depthwise", "pw": "pointwise", "bn1": "depthwise/BatchNorm", "bn2": "pointwise/BatchNorm"}
    for node in arch.nodes:
        if found := re.fullmatch(r"ds(\d+)\.(dw|pw|bn1|bn2)", node.path):
            names[node.path] = f"{top}/Conv2d_{found[1]}_{halves[found[2]]}"
    return names


def alexnet(arch: Architecture) -> Mapping[str, str]:
    """conv1 → alexnet_v2/conv1."""
    return {node.path: f"alexnet_v2/{node.path}" for node in arch.nodes if node.record.type == "Conv2d"}


LETTERS = "abcdefgh"
UNPADDED = ((0, 0), (0, 0))
# Where slim's names leave their own rule.
ODD_V3: Rules = (
    (r"(Mixed_5c/Branch_1)/Conv2d_0a_1x1", r"\1/Conv2d_0b_1x1"),
    (r"(Mixed_5c/Branch_1)/Conv2d_0b_5x5", r"\1/Conv_1_0c_5x5"),
    (r"(Mixed_6a/Branch_\d)/Conv2d_1a_3x3", r"\1/Conv2d_1a_1x1"),
    (r"(Mixed_7b/Branch_1)/Conv2d_0c_3x1", r"\1/Conv2d_0b_3x1"),
)
ODD_V4: Rules = ((r"Mixed_3a/Branch_0/Conv2d_1a", "Mixed_3a/Branch_1/Conv2d_0a"),)  # its first branch is the pool
ODD_RESNET: Rules = ((r"(?<!Mixed_7a)(/Branch_0)/Conv2d_0a_1x1", r"\1/Conv2d_1x1"),)


def module(arch: Architecture, scope: str, their: str) -> dict[str, str]:
    """An inception module: mixed_5b.branch2.1.conv → Mixed_5b/Branch_2/Conv2d_0b_3x3.

    Branches have numbers and a branch's layers letters, a pool's among them; unpadded 3×3 are 1a.
    """
    order: list[str] = []
    count: dict[str, int] = {}
    names: dict[str, str] = {}
    for node in arch.within(scope):
        if not isinstance(node.record, Conv2d):
            continue
        if node.record.bias:  # of a residual block: linear, from all branches to the width of the sum
            names[node.path] = f"{their}/Conv2d_1x1"
            continue
        branch = re.sub(r"_\d[ab]?$", "", node.path.removeprefix(f"{scope}.").partition(".")[0])
        if branch not in order:
            order.append(branch)
            count[branch] = int(arch.by_path[node.inputs[0]].record.type == "AvgPool2d")
        rows, columns = pair(node.record.kernel)
        valid = rows == columns == 3 and node.record.padding == UNPADDED
        place = "1a" if valid else f"0{LETTERS[count[branch]]}"
        count[branch] += 1
        names |= _normalised(node.path, f"{their}/Branch_{order.index(branch)}/Conv2d_{place}_{rows}x{columns}")
    return names


def _normalised(conv: str, name: str) -> dict[str, str]:
    return {conv: name, f"{conv.removesuffix('conv')}bn": f"{name}/BatchNorm"}


def network(arch: Architecture, top: str, single: Mapping[str, str], modules: Mapping[str, str], odd: Rules) -> dict[str, str]:
    """All names: `single` convolutions and `modules`, {our path: their scope}; rules for the names that are `odd`."""
    names = {path: name for scope, name in single.items() for path, name in _normalised(f"{scope}.conv", name).items()}
    for scope, name in modules.items():
        names |= module(arch, scope, name)
    return {path: f"{top}/{renamed(odd, name)}" for path, name in names.items()}


def inception_v3(arch: Architecture) -> Mapping[str, str]:
    """torchvision's paths are slim's scopes, down to the module."""
    tops = dict.fromkeys(node.path.split(".")[0] for node in arch.nodes)
    single = {top: top for top in tops if top.startswith("Conv2d_")}
    single |= {"AuxLogits.conv0": "AuxLogits/Conv2d_1b_1x1", "AuxLogits.conv1": "AuxLogits/Conv2d_2a_5x5"}
    names = network(arch, "InceptionV3", single, {top: top for top in tops if top.startswith("Mixed_")}, ODD_V3)
    return names | {"AuxLogits.fc": "InceptionV3/AuxLogits/Conv2d_2b_1x1", "fc": "InceptionV3/Logits/Conv2d_1c_1x1"}


def inception_v4(arch: Architecture) -> Mapping[str, str]:
    """features.6 → Mixed_5b: three convolutions, then 3a, 4a, 5a to 5e, 6a to 6h, 7a to 7d."""
    single = {f"features.{i}": f"Conv2d_{place}_3x3" for i, place in enumerate(("1a", "2a", "2b"))}
    scopes = [f"Mixed_{stage}{letter}" for stage, count in {3: 1, 4: 1, 5: 5, 6: 8, 7: 4}.items() for letter in LETTERS[:count]]
    modules = {f"features.{i}": scope for i, scope in enumerate(scopes, 3)}
    return network(arch, "InceptionV4", single, modules, ODD_V4) | {"last_linear": "InceptionV4/Logits/Logits"}


def inception_resnet_v2(arch: Architecture) -> Mapping[str, str]:
    """repeat_1.0 → Repeat_1/block17_1."""
    places = {"1a": "3x3", "2a": "3x3", "2b": "3x3", "3b": "1x1", "4a": "3x3", "7b": "1x1"}
    single = {f"conv2d_{place}": f"Conv2d_{place}_{kernel}" for place, kernel in places.items()}
    modules = {f"mixed_{place}": f"Mixed_{place}" for place in ("5b", "6a", "7a")} | {"block8": "Block8"}
    for node in arch.nodes:
        if found := re.match(r"(repeat(?:_\d)?)\.(\d+)(?=\.)", node.path):
            modules[found[0]] = f"{found[1].capitalize()}/{keras.BLOCKS[found[1]]}_{int(found[2]) + 1}"
    names = network(arch, "InceptionResnetV2", single, modules, ODD_RESNET)
    return names | {"classif": "InceptionResnetV2/Logits/Logits"}


# No γ in any of them.
INCEPTION: dict[str, Any] = {"gamma": False, "background": True, "preprocessing": keras.halves(299)}
# Training's auxiliary head, which ours of these two have not.
AUXILIARY = r"|^Inception\w+/AuxLogits/"


def dialects() -> tuple[Dialect, ...]:
    """What slim has of our networks."""
    return (
        *(Dialect("slim", f"vgg{n}", f"vgg_{name}", lambda arch, name=name: vgg(f"vgg_{name}", arch), as_conv="^classifier",
                  ignore=REST, preprocessing=MEANS) for n, name in ((11, "a"), (16, "16"), (19, "19"))),
        Dialect("slim", "alexnet.slim", "alexnet_v2", alexnet, ignore=REST),
        Dialect("slim", "mobilenet_v1.slim", "mobilenet_v1", mobilenet, as_conv="^fc$", background=True, ignore=REST,
                preprocessing=keras.halves(224)),
        Dialect("slim", "inception_v3.slim", "inception_v3", inception_v3, as_conv=r"^(AuxLogits\.)?fc$", ignore=REST,
                **INCEPTION),
        Dialect("slim", "inception_v4", "inception_v4", inception_v4, ignore=REST + AUXILIARY, **INCEPTION),
        Dialect("slim", "inception_resnet_v2.slim", "inception_resnet_v2", inception_resnet_v2, ignore=REST + AUXILIARY,
                **INCEPTION),
    )  # fmt: skip
