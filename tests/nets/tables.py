"""Layer tables, row by row: (path or block, output, params, MACs, receptive field, stride).

Facts that were computed independently, with other definitions of these networks on torch's meta tensors
(architectures.md, sections 3, 4.1, 4.2, 7 and 13). Rows that stand there for several equal blocks are one row each here; their
receptive field was printed for the last of them only, hence None. The conv1 rows of the ResNets hold the convolution alone,
while their block rows include batch normalisation: the sums of the rows are short of the totals by bn1's parameters, and
`REST` names them. A full connection has no receptive field.
"""

Shape = tuple[int, ...]
Line = tuple[str, Shape, int, int, int | None, int | None]


def blocks(scope: str, first: int, last: int, output: Shape, params: int, macs: int, field: int, stride: int) -> list[Line]:
    """Equal blocks, of which only the last one's receptive field was printed."""
    rows: list[Line] = [(f"{scope}.{i}", output, params, macs, None, stride) for i in range(first, last + 1)]
    return [*rows[:-1], (*rows[-1][:4], field, stride)]


LENET5: list[Line] = [
    ("C1", (6, 28, 28), 156, 117_600, 5, 1),
    ("S2", (6, 14, 14), 12, 1_176, 6, 2),
    ("C3", (16, 10, 10), 1_516, 150_000, 14, 2),
    ("S4", (16, 5, 5), 32, 400, 16, 4),
    ("C5", (120, 1, 1), 48_120, 48_000, 32, 4),
    ("F6", (84,), 10_164, 10_080, None, None),
    ("output", (10,), 840, 840, None, None),
]

ALEXNET: list[Line] = [
    ("conv1", (96, 55, 55), 34_944, 105_415_200, 11, 4),
    ("pool1", (96, 27, 27), 0, 0, 19, 8),
    ("conv2", (256, 27, 27), 307_456, 223_948_800, 51, 8),
    ("pool2", (256, 13, 13), 0, 0, 67, 16),
    ("conv3", (384, 13, 13), 885_120, 149_520_384, 99, 16),
    ("conv4", (384, 13, 13), 663_936, 112_140_288, 131, 16),
    ("conv5", (256, 13, 13), 442_624, 74_760_192, 163, 16),
    ("pool5", (256, 6, 6), 0, 0, 195, 32),
    ("fc6", (4096,), 37_752_832, 37_748_736, None, None),
    ("fc7", (4096,), 16_781_312, 16_777_216, None, None),
    ("fc8", (1000,), 4_097_000, 4_096_000, None, None),
]

ALEXNET_OWT: list[Line] = [
    ("features.0", (64, 55, 55), 23_296, 70_276_800, 11, 4),
    ("features.2", (64, 27, 27), 0, 0, 19, 8),
    ("features.3", (192, 27, 27), 307_392, 223_948_800, 51, 8),
    ("features.5", (192, 13, 13), 0, 0, 67, 16),
    ("features.6", (384, 13, 13), 663_936, 112_140_288, 99, 16),
    ("features.8", (256, 13, 13), 884_992, 149_520_384, 131, 16),
    ("features.10", (256, 13, 13), 590_080, 99_680_256, 163, 16),
    ("features.12", (256, 6, 6), 0, 0, 195, 32),
    ("classifier.1", (4096,), 37_752_832, 37_748_736, None, None),
    ("classifier.4", (4096,), 16_781_312, 16_777_216, None, None),
    ("classifier.6", (1000,), 4_097_000, 4_096_000, None, None),
]

VGG16: list[Line] = [
    ("features.0", (64, 224, 224), 1_792, 86_704_128, 3, 1),
    ("features.2", (64, 224, 224), 36_928, 1_849_688_064, 5, 1),
    ("features.4", (64, 112, 112), 0, 0, 6, 2),
    ("features.5", (128, 112, 112), 73_856, 924_844_032, 10, 2),
    ("features.7", (128, 112, 112), 147_584, 1_849_688_064, 14, 2),
    ("features.9", (128, 56, 56), 0, 0, 16, 4),
    ("features.10", (256, 56, 56), 295_168, 924_844_032, 24, 4),
    ("features.12", (256, 56, 56), 590_080, 1_849_688_064, 32, 4),
    ("features.14", (256, 56, 56), 590_080, 1_849_688_064, 40, 4),
    ("features.16", (256, 28, 28), 0, 0, 44, 8),
    ("features.17", (512, 28, 28), 1_180_160, 924_844_032, 60, 8),
    ("features.19", (512, 28, 28), 2_359_808, 1_849_688_064, 76, 8),
    ("features.21", (512, 28, 28), 2_359_808, 1_849_688_064, 92, 8),
    ("features.23", (512, 14, 14), 0, 0, 100, 16),
    ("features.24", (512, 14, 14), 2_359_808, 462_422_016, 132, 16),
    ("features.26", (512, 14, 14), 2_359_808, 462_422_016, 164, 16),
    ("features.28", (512, 14, 14), 2_359_808, 462_422_016, 196, 16),
    ("features.30", (512, 7, 7), 0, 0, 212, 32),
    ("classifier.0", (4096,), 102_764_544, 102_760_448, None, None),
    ("classifier.3", (4096,), 16_781_312, 16_777_216, None, None),
    ("classifier.6", (1000,), 4_097_000, 4_096_000, None, None),
]

RESNET34: list[Line] = [
    ("conv1", (64, 112, 112), 9_408, 118_013_952, 7, 2),
    ("maxpool", (64, 56, 56), 0, 0, 11, 4),
    *blocks("layer1", 0, 2, (64, 56, 56), 73_984, 231_211_008, 59, 4),
    ("layer2.0", (128, 28, 28), 230_144, 179_830_784, 83, 8),
    *blocks("layer2", 1, 3, (128, 28, 28), 295_424, 231_211_008, 179, 8),
    ("layer3.0", (256, 14, 14), 919_040, 179_830_784, 227, 16),
    *blocks("layer3", 1, 5, (256, 14, 14), 1_180_672, 231_211_008, 547, 16),
    ("layer4.0", (512, 7, 7), 3_673_088, 179_830_784, 643, 32),
    *blocks("layer4", 1, 2, (512, 7, 7), 4_720_640, 231_211_008, 899, 32),
    ("fc", (1000,), 513_000, 512_000, None, None),
]

RESNET50: list[Line] = [
    ("conv1", (64, 112, 112), 9_408, 118_013_952, 7, 2),
    ("maxpool", (64, 56, 56), 0, 0, 11, 4),
    ("layer1.0", (256, 56, 56), 75_008, 231_211_008, 19, 4),
    *blocks("layer1", 1, 2, (256, 56, 56), 70_400, 218_365_952, 35, 4),
    ("layer2.0", (512, 28, 28), 379_392, 295_436_288, 51, 8),
    *blocks("layer2", 1, 3, (512, 28, 28), 280_064, 218_365_952, 99, 8),
    ("layer3.0", (1024, 14, 14), 1_512_448, 295_436_288, 131, 16),
    *blocks("layer3", 1, 5, (1024, 14, 14), 1_117_184, 218_365_952, 291, 16),
    ("layer4.0", (2048, 7, 7), 6_039_552, 295_436_288, 355, 32),
    *blocks("layer4", 1, 2, (2048, 7, 7), 4_462_592, 218_365_952, 483, 32),
    ("fc", (1000,), 2_049_000, 2_048_000, None, None),
]

RESNET20: list[Line] = [
    ("conv1", (16, 32, 32), 432, 442_368, 3, 1),
    *blocks("layer1", 0, 2, (16, 32, 32), 4_672, 4_718_592, 15, 1),
    ("layer2.0", (32, 16, 16), 13_952, 3_538_944, 21, 2),
    *blocks("layer2", 1, 2, (32, 16, 16), 18_560, 4_718_592, 37, 2),
    ("layer3.0", (64, 8, 8), 55_552, 3_538_944, 49, 4),
    *blocks("layer3", 1, 2, (64, 8, 8), 73_984, 4_718_592, 81, 4),
    ("linear", (10,), 650, 640, None, None),
]

TABLES: dict[str, list[Line]] = {
    "lenet5": LENET5,
    "alexnet": ALEXNET,
    "alexnet.owt": ALEXNET_OWT,
    "vgg16": VGG16,
    "resnet34": RESNET34,
    "resnet50": RESNET50,
    "resnet20.cifar": RESNET20,
}
REST: dict[str, int] = {"resnet34": 2 * 64, "resnet50": 2 * 64, "resnet20.cifar": 2 * 16}
