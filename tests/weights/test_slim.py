"""TF-slim's names and shapes, recorded from its graphs: its own (tf_slim 1.1.0) and, of v4 and Inception-ResNet, those of
tensorflow/models' research/slim. The outputs of those graphs were compared by hand, with TensorFlow."""

import hashlib

import pytest

from neocog.arch.window import Shape
from neocog.nets import resolve
from neocog.weights.converters import dialect_for
from neocog.weights.converters.dialect import pairs
from neocog.weights.converters.recognise import fits

# Variables of the network, a digest of them all in order, and those whose names leave slim's own rule or end the network.
GRAPHS = {
    "vgg11": (22, "9d18e8be14281122", """
vgg_a/conv1/conv1_1/weights [3, 3, 3, 64]
vgg_a/conv5/conv5_2/weights [3, 3, 512, 512]
vgg_a/fc6/weights [7, 7, 512, 4096]
vgg_a/fc6/biases [4096]
vgg_a/fc8/weights [1, 1, 4096, 1000]
vgg_a/fc8/biases [1000]
"""),
    "alexnet.slim": (16, "1a78a93025aa1f1c", """
alexnet_v2/conv1/weights [11, 11, 3, 64]
alexnet_v2/conv1/biases [64]
alexnet_v2/conv5/weights [3, 3, 384, 256]
alexnet_v2/fc6/weights [5, 5, 256, 4096]
alexnet_v2/fc6/biases [4096]
alexnet_v2/fc8/weights [1, 1, 4096, 1000]
alexnet_v2/fc8/biases [1000]
"""),
    "inception_v3.slim": (388, "3b0defd78f24147e", """
InceptionV3/Conv2d_3b_1x1/BatchNorm/beta [80]
InceptionV3/Mixed_5c/Branch_1/Conv2d_0b_1x1/weights [1, 1, 256, 48]
InceptionV3/Mixed_5c/Branch_1/Conv_1_0c_5x5/weights [5, 5, 48, 64]
InceptionV3/Mixed_6a/Branch_0/Conv2d_1a_1x1/weights [3, 3, 288, 384]
InceptionV3/Mixed_6a/Branch_1/Conv2d_1a_1x1/weights [3, 3, 96, 96]
InceptionV3/Mixed_6b/Branch_2/Conv2d_0a_1x1/weights [1, 1, 768, 128]
InceptionV3/Mixed_6b/Branch_2/Conv2d_0b_7x1/weights [7, 1, 128, 128]
InceptionV3/Mixed_6b/Branch_2/Conv2d_0c_1x7/weights [1, 7, 128, 128]
InceptionV3/Mixed_6b/Branch_2/Conv2d_0d_7x1/weights [7, 1, 128, 128]
InceptionV3/Mixed_6b/Branch_2/Conv2d_0e_1x7/weights [1, 7, 128, 192]
InceptionV3/Mixed_7b/Branch_1/Conv2d_0a_1x1/weights [1, 1, 1280, 384]
InceptionV3/Mixed_7b/Branch_1/Conv2d_0b_1x3/weights [1, 3, 384, 384]
InceptionV3/Mixed_7b/Branch_1/Conv2d_0b_3x1/weights [3, 1, 384, 384]
InceptionV3/Mixed_7b/Branch_2/Conv2d_0a_1x1/weights [1, 1, 1280, 448]
InceptionV3/Mixed_7b/Branch_2/Conv2d_0b_3x3/weights [3, 3, 448, 384]
InceptionV3/Mixed_7b/Branch_2/Conv2d_0c_1x3/weights [1, 3, 384, 384]
InceptionV3/Mixed_7b/Branch_2/Conv2d_0d_3x1/weights [3, 1, 384, 384]
InceptionV3/Mixed_7b/Branch_3/Conv2d_0b_1x1/weights [1, 1, 1280, 192]
InceptionV3/AuxLogits/Conv2d_1b_1x1/weights [1, 1, 768, 128]
InceptionV3/AuxLogits/Conv2d_2a_5x5/weights [5, 5, 128, 768]
InceptionV3/AuxLogits/Conv2d_2b_1x1/weights [1, 1, 768, 1001]
InceptionV3/AuxLogits/Conv2d_2b_1x1/biases [1001]
InceptionV3/Logits/Conv2d_1c_1x1/weights [1, 1, 2048, 1001]
InceptionV3/Logits/Conv2d_1c_1x1/biases [1001]
"""),
    "inception_v4": (598, "6bdc4dbe7b54ce1d", """
InceptionV4/Conv2d_2b_3x3/BatchNorm/moving_mean [64]
InceptionV4/Mixed_3a/Branch_1/Conv2d_0a_3x3/weights [3, 3, 64, 96]
InceptionV4/Mixed_4a/Branch_0/Conv2d_0a_1x1/weights [1, 1, 160, 64]
InceptionV4/Mixed_4a/Branch_0/Conv2d_1a_3x3/weights [3, 3, 64, 96]
InceptionV4/Mixed_4a/Branch_1/Conv2d_0a_1x1/weights [1, 1, 160, 64]
InceptionV4/Mixed_4a/Branch_1/Conv2d_0b_1x7/weights [1, 7, 64, 64]
InceptionV4/Mixed_4a/Branch_1/Conv2d_0c_7x1/weights [7, 1, 64, 64]
InceptionV4/Mixed_4a/Branch_1/Conv2d_1a_3x3/weights [3, 3, 64, 96]
InceptionV4/Mixed_5a/Branch_0/Conv2d_1a_3x3/weights [3, 3, 192, 192]
InceptionV4/Mixed_6h/Branch_2/Conv2d_0a_1x1/weights [1, 1, 1024, 192]
InceptionV4/Mixed_6h/Branch_2/Conv2d_0b_7x1/weights [7, 1, 192, 192]
InceptionV4/Mixed_6h/Branch_2/Conv2d_0c_1x7/weights [1, 7, 192, 224]
InceptionV4/Mixed_6h/Branch_2/Conv2d_0d_7x1/weights [7, 1, 224, 224]
InceptionV4/Mixed_6h/Branch_2/Conv2d_0e_1x7/weights [1, 7, 224, 256]
InceptionV4/Mixed_6h/Branch_3/Conv2d_0b_1x1/weights [1, 1, 1024, 128]
InceptionV4/Mixed_7d/Branch_1/Conv2d_0a_1x1/weights [1, 1, 1536, 384]
InceptionV4/Mixed_7d/Branch_1/Conv2d_0b_1x3/weights [1, 3, 384, 256]
InceptionV4/Mixed_7d/Branch_1/Conv2d_0c_3x1/weights [3, 1, 384, 256]
InceptionV4/Mixed_7d/Branch_2/Conv2d_0a_1x1/weights [1, 1, 1536, 384]
InceptionV4/Mixed_7d/Branch_2/Conv2d_0b_3x1/weights [3, 1, 384, 448]
InceptionV4/Mixed_7d/Branch_2/Conv2d_0c_1x3/weights [1, 3, 448, 512]
InceptionV4/Mixed_7d/Branch_2/Conv2d_0d_1x3/weights [1, 3, 512, 256]
InceptionV4/Mixed_7d/Branch_2/Conv2d_0e_3x1/weights [3, 1, 512, 256]
InceptionV4/Logits/Logits/weights [1536, 1001]
InceptionV4/Logits/Logits/biases [1001]
"""),
    "inception_resnet_v2.slim": (898, "61d9890bf14835d4", """
InceptionResnetV2/Conv2d_3b_1x1/BatchNorm/beta [80]
InceptionResnetV2/Mixed_5b/Branch_0/Conv2d_1x1/weights [1, 1, 192, 96]
InceptionResnetV2/Mixed_5b/Branch_1/Conv2d_0a_1x1/weights [1, 1, 192, 48]
InceptionResnetV2/Mixed_5b/Branch_1/Conv2d_0b_5x5/weights [5, 5, 48, 64]
InceptionResnetV2/Mixed_5b/Branch_2/Conv2d_0a_1x1/weights [1, 1, 192, 64]
InceptionResnetV2/Mixed_5b/Branch_2/Conv2d_0b_3x3/weights [3, 3, 64, 96]
InceptionResnetV2/Mixed_5b/Branch_2/Conv2d_0c_3x3/weights [3, 3, 96, 96]
InceptionResnetV2/Mixed_5b/Branch_3/Conv2d_0b_1x1/weights [1, 1, 192, 64]
InceptionResnetV2/Repeat/block35_10/Branch_0/Conv2d_1x1/weights [1, 1, 320, 32]
InceptionResnetV2/Repeat/block35_10/Branch_1/Conv2d_0a_1x1/weights [1, 1, 320, 32]
InceptionResnetV2/Repeat/block35_10/Branch_1/Conv2d_0b_3x3/weights [3, 3, 32, 32]
InceptionResnetV2/Repeat/block35_10/Branch_2/Conv2d_0a_1x1/weights [1, 1, 320, 32]
InceptionResnetV2/Repeat/block35_10/Branch_2/Conv2d_0b_3x3/weights [3, 3, 32, 48]
InceptionResnetV2/Repeat/block35_10/Branch_2/Conv2d_0c_3x3/weights [3, 3, 48, 64]
InceptionResnetV2/Repeat/block35_10/Conv2d_1x1/weights [1, 1, 128, 320]
InceptionResnetV2/Mixed_6a/Branch_0/Conv2d_1a_3x3/weights [3, 3, 320, 384]
InceptionResnetV2/Repeat_1/block17_20/Branch_0/Conv2d_1x1/weights [1, 1, 1088, 192]
InceptionResnetV2/Repeat_1/block17_20/Branch_1/Conv2d_0a_1x1/weights [1, 1, 1088, 128]
InceptionResnetV2/Repeat_1/block17_20/Branch_1/Conv2d_0b_1x7/weights [1, 7, 128, 160]
InceptionResnetV2/Repeat_1/block17_20/Branch_1/Conv2d_0c_7x1/weights [7, 1, 160, 192]
InceptionResnetV2/Repeat_1/block17_20/Conv2d_1x1/weights [1, 1, 384, 1088]
InceptionResnetV2/Repeat_1/block17_20/Conv2d_1x1/biases [1088]
InceptionResnetV2/Mixed_7a/Branch_0/Conv2d_0a_1x1/weights [1, 1, 1088, 256]
InceptionResnetV2/Mixed_7a/Branch_0/Conv2d_1a_3x3/weights [3, 3, 256, 384]
InceptionResnetV2/Mixed_7a/Branch_1/Conv2d_0a_1x1/weights [1, 1, 1088, 256]
InceptionResnetV2/Mixed_7a/Branch_1/Conv2d_1a_3x3/weights [3, 3, 256, 288]
InceptionResnetV2/Mixed_7a/Branch_2/Conv2d_0a_1x1/weights [1, 1, 1088, 256]
InceptionResnetV2/Mixed_7a/Branch_2/Conv2d_0b_3x3/weights [3, 3, 256, 288]
InceptionResnetV2/Mixed_7a/Branch_2/Conv2d_1a_3x3/weights [3, 3, 288, 320]
InceptionResnetV2/Repeat_2/block8_9/Branch_0/Conv2d_1x1/weights [1, 1, 2080, 192]
InceptionResnetV2/Repeat_2/block8_9/Conv2d_1x1/weights [1, 1, 448, 2080]
InceptionResnetV2/Repeat_2/block8_9/Conv2d_1x1/biases [2080]
InceptionResnetV2/Block8/Branch_0/Conv2d_1x1/weights [1, 1, 2080, 192]
InceptionResnetV2/Block8/Branch_1/Conv2d_0a_1x1/weights [1, 1, 2080, 192]
InceptionResnetV2/Block8/Branch_1/Conv2d_0b_1x3/weights [1, 3, 192, 224]
InceptionResnetV2/Block8/Branch_1/Conv2d_0c_3x1/weights [3, 1, 224, 256]
InceptionResnetV2/Block8/Conv2d_1x1/weights [1, 1, 448, 2080]
InceptionResnetV2/Conv2d_7b_1x1/weights [1, 1, 2080, 1536]
InceptionResnetV2/Logits/Logits/weights [1536, 1001]
InceptionResnetV2/Logits/Logits/biases [1001]
"""),
}  # fmt: skip
# What only training needs lies in the checkpoints too.
BESIDE = {
    "inception_v4": (
        "InceptionV4/AuxLogits/Aux_logits/weights [768, 1001]",
        "InceptionV4/AuxLogits/Conv2d_2a/weights [5, 5, 128, 768]",
    ),
    "inception_resnet_v2.slim": ("InceptionResnetV2/AuxLogits/Logits/biases [1001]", "global_step []"),
}


def variables(lines: list[str]) -> dict[str, Shape]:
    """Shapes by name, from lines as TensorFlow prints them."""
    split = (line.split(" ", 1) for line in lines)
    return {name: tuple(int(n) for n in shape.strip("[]").split(", ") if n) for name, shape in split}


@pytest.mark.parametrize("net", GRAPHS)
def test_names_and_shapes(net: str):
    """Every variable that slim's graph has, and no other."""
    count, digest, some = GRAPHS[net]
    dialect = dialect_for(net, "slim")
    recorded = variables(some.strip().splitlines())
    matched = pairs(resolve(net).build(), dialect)  # with the class that means none, where slim has it
    made = {key: shape for pair in matched for key, shape in pair.expects().items() if not key.endswith("num_batches_tracked")}
    assert {key: made.get(key) for key in recorded} == recorded
    assert len(made) == count
    lines = "\n".join(sorted(f"{key} {list(shape)}" for key, shape in made.items()))
    assert hashlib.sha256(lines.encode()).hexdigest()[:16] == digest
    beside = variables(list(BESIDE.get(net, ())))
    assert fits(resolve(net).build(), dialect, made | beside) is not None
    assert fits(resolve(net).build(), dialect, made | {"InceptionV9/x/weights": (1,)}) is None
