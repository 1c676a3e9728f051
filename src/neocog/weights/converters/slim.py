"""TF-slim's checkpoints, 2016 to 2018: variables named by scope, weights (kh, kw, in, out), convolutions for dense layers."""

import re
from collections.abc import Mapping

from neocog.arch import Architecture
from neocog.pictures.preprocessing import Preprocessing
from neocog.weights.converters import keras
from neocog.weights.converters.dialect import Dialect

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


def dialects() -> tuple[Dialect, ...]:
    """What slim has of our networks."""
    return (
        *(Dialect("slim", f"vgg{n}", f"vgg_{n}", lambda arch, n=n: vgg(f"vgg_{n}", arch), as_conv="^classifier", ignore=REST,
                  preprocessing=MEANS) for n in (16, 19)),
        Dialect("slim", "mobilenet_v1.slim", "mobilenet_v1", mobilenet, as_conv="^fc$", background=True, ignore=REST,
                preprocessing=keras.halves(224)),
    )  # fmt: skip
