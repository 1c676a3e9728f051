"""Receptive fields against the table that Araujo, Norris & Sim publish with their tool: end-point → receptive field, effective
stride, effective padding where it does not depend on the size (google-research/receptive_field, RECEPTIVE_FIELD_TABLE.md)."""

from collections.abc import Mapping

import pytest

from neocog.arch import Architecture, analyse
from neocog.nets import resolve

VGG_A = {
    2: (4, 2, 1),
    5: (10, 4, 3),
    6: (18, 4, 7),
    8: (26, 4, 11),
    10: (30, 8, 11),
    11: (46, 8, 19),
    13: (62, 8, 27),
    15: (70, 16, 27),
    16: (102, 16, 43),
    18: (134, 16, 59),
    20: (150, 32, 59),
}
VGG_16 = {
    0: (3, 1, 1),
    4: (6, 2, 2),
    5: (10, 2, 4),
    9: (16, 4, 6),
    10: (24, 4, 10),
    12: (32, 4, 14),
    16: (44, 8, 18),
    17: (60, 8, 26),
    19: (76, 8, 34),
    23: (100, 16, 42),
    24: (132, 16, 58),
    26: (164, 16, 74),
    30: (212, 32, 90),
}
V3 = {
    "maxpool1": (15, 4, 2),
    "maxpool2": (31, 8, 2),
    "Mixed_5b.cat": (63, 8, 18),
    "Mixed_5c.cat": (95, 8, 34),
    "Mixed_5d.cat": (127, 8, 50),
    "Mixed_6a.cat": (159, 16, 58),
    "Mixed_6b.cat": (351, 16, 154),
    "Mixed_6c.cat": (543, 16, 250),
    "Mixed_6d.cat": (735, 16, 346),
    "Mixed_6e.cat": (927, 16, 442),
    "Mixed_7a.cat": (1055, 32, 490),
    "Mixed_7b.cat": (1183, 32, 554),
    "Mixed_7c.cat": (1311, 32, 618),
}
V4 = {
    3: (15, 4, 2),
    4: (47, 4, 14),
    5: (55, 8, 14),
    6: (87, 8, 30),
    7: (119, 8, 46),
    8: (151, 8, 62),
    9: (183, 8, 78),
    10: (215, 16, 86),
    11: (407, 16, 182),
    12: (599, 16, 278),
    13: (791, 16, 374),
    14: (983, 16, 470),
    15: (1175, 16, 566),
    16: (1367, 16, 662),
    17: (1559, 16, 758),
    18: (1687, 32, 806),
    19: (1815, 32, 870),
    20: (1943, 32, 934),
    21: (2071, 32, 998),
}
MOBILE = (7, 11, 19, 27, 43, 59, 91, 123, 155, 187, 219, 251, 315)
MOBILE_PADDING = (2, 2, 6, 6, 14, 14, 30, 46, 62, 78, 94, 94, 126)  # TensorFlow's SAME on 224
PUBLISHED: dict[str, Mapping[str, tuple[int, int, int | None]]] = {
    "alexnet.slim": {
        "conv1": (11, 4, 0),
        "pool1": (19, 8, 0),
        "conv2": (51, 8, 16),
        "conv3": (99, 16, 32),
        "conv4": (131, 16, 48),
        "conv5": (163, 16, 64),
        "pool5": (195, 32, 64),
    },
    "vgg11": {f"features.{k}": v for k, v in VGG_A.items()},
    "vgg16": {f"features.{k}": v for k, v in VGG_16.items()},
    # inception_v2: Mixed_4a and 5a are what the paper's table calls 3c and 4e
    "bn_inception": {
        f"inception{k}.cat": (*v, None)
        for k, v in {
            "3a": (59, 8),
            "3b": (91, 8),
            "3c": (123, 16),
            "4a": (187, 16),
            "4b": (251, 16),
            "4c": (315, 16),
            "4d": (379, 16),
            "4e": (443, 32),
            "5a": (571, 32),
            "5b": (699, 32),
        }.items()
    },
    "inception_v3.slim": V3,
    "inception_v4": {f"features.{k}.cat": v for k, v in V4.items()},
    "inception_resnet_v2.slim": {
        "maxpool_3a": (15, 4, 2),
        "maxpool_5a": (31, 8, 2),
        "mixed_5b.cat": (63, 8, 18),
        "mixed_6a.cat": (415, 16, 186),
        "repeat_1.19.act": (2335, 16, 1146),
        "mixed_7a.cat": (2399, 32, 1162),
        "conv2d_7b.relu": (3039, 32, 1482),
    },
    "mobilenet_v1.slim": {
        f"ds{i + 1}.act2": (size, (2, 4, 4, 8, 8, 16, 16, 16, 16, 16, 16, 32, 32)[i], pad)
        for i, (size, pad) in enumerate(zip(MOBILE, MOBILE_PADDING, strict=True))
    },
}
# Their ResNets move the stride to the end of a stage, so that steps inside differ from the paper's; the fields do not.
STAGES = {"resnet50": (35, 99, 291, 483), "resnet101": (35, 99, 835, 1027), "resnet152": (35, 163, 1315, 1507)}
# No published value: by our arithmetic, and each by the gradient in tests/explain/test_family_fields.py or by its twin there.
OURS = {
    "resnet50.v1_5": (427, 32),
    "resnet101.v1_5": (971, 32),
    "resnet152.v1_5": (1451, 32),
    "zfnet": (171, 32),
    "googlenet": (715, 32),
    "resnet18": (435, 32),
    "resnet34": (899, 32),
    "squeezenet1_0": (155, 16),
    "squeezenet1_1": (207, 16),
    "resnet20.cifar": (81, 4),
    "resnet56.cifar": (249, 4),
    "resnet110.cifar": (501, 4),
    "lenet5": (32, 4),
    "vgg13": (156, 32),
    "vgg19": (268, 32),
    "nin.cifar10": (27, 4),
    "nin": (195, 32),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_published_table(name: str):
    table = analyse(resolve(name).build())
    for path, (size, stride, padding) in PUBLISHED[name].items():
        field = table.by_path[path].field
        assert field is not None and {(e.size, e.stride) for e in field} == {(size, stride)}, path
        assert padding is None or -field[0].first == padding, path


@pytest.mark.parametrize("name", STAGES)
def test_published_residual_stages(name: str):
    arch = resolve(name).build()
    table = analyse(arch)
    for stage, size in enumerate(STAGES[name], 1):
        assert table.by_path[arch.within(f"layer{stage}")[-1].path].receptive_field == [size, size]


def test_fields_without_a_published_value():
    found = {name: analyse(resolve(name).build()) for name in OURS}
    assert {name: (t.receptive_field[0], t.stride[0]) for name, t in found.items()} == OURS


# Billions of operations on 224×224 up to the last end-point, by TensorFlow's profiler, which counts biases and pools too.
FLOPS = {
    "vgg16": 30.713,
    "inception_v3.slim": 5.689,
    "inception_v4": 12.271,
    "mobilenet_v1.slim": 1.140,
    "inception_resnet_v2.slim": 12.958,
}


@pytest.mark.parametrize("name", FLOPS)
def test_published_operations_are_two_of_ours(name: str):
    """A multiply-add is two operations in their count."""
    whole = resolve(name).build()
    main = tuple(node for node in whole.nodes if node.path in whole.main)  # auxiliary heads want a larger picture
    table = analyse(Architecture(name, (3, 224, 224), main, whole.output, (), whole.marks))
    full = {mark.path for mark in table.arch.marked("full")}
    head = table.arch.head.path if table.arch.head else ""
    macs = sum(row.macs for row in table.rows if not row.aux and len(row.output) == 3 and row.path not in full | {head})
    assert 2 * macs / 1e9 == pytest.approx(FLOPS[name], rel=0.005)
