"""Keras applications: kernels (kh, kw, in, out), maps flattened as H, W, C."""

import re
from collections.abc import Mapping

from neocog.arch import Architecture
from neocog.pictures.preprocessing import Preprocessing
from neocog.weights.converters.dialect import Dialect, Rules

CAFFE = Preprocessing(224, 224, color="BGR", resize_to=256, scale=1.0, mean=(103.939, 116.779, 123.68))
BN_EPS = 1.001e-5


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


# The file of 2017 for ResNet-50 names its layers as the authors' prototxt does: res2a_branch2a, bn2a_branch2a, fc1000.
OLD_RESNET: Rules = (("^fc1000/", "predictions/"), ("^probs/", "predictions/"))


def dialects() -> tuple[Dialect, ...]:
    """What Keras's applications have of our networks."""
    return (
        *(Dialect("keras", name, name, vgg, preprocessing=CAFFE) for name in ("vgg16", "vgg19")),
        *(Dialect("keras", f"resnet{n}", f"resnet{n}", resnet, eps=BN_EPS, biased="conv|downsample", legacy=OLD_RESNET,
                  preprocessing=CAFFE) for n in (50, 101, 152)),
    )  # fmt: skip
