"""Our networks beside the authors' own definition files (shared/data/prototxt; facts to compare with, never copied)."""

import re
from pathlib import Path

import pytest

from neocog.arch import LRN, Conv2d, Dropout, Flatten, Linear, MaxPool2d, analyse
from neocog.arch.architecture import Architecture
from neocog.nets import resolve

TOKEN = re.compile(r'#[^\n]*|"(?P<text>[^"]*)"|(?P<brace>[{}])|(?P<word>[\w.+-]+)\s*(?P<colon>:?)')
Message = list[tuple[str, "str | Message"]]


def parse(text: str) -> Message:
    """Protobuf's text format: a list of (field, value or message)."""
    tokens = [m for m in TOKEN.finditer(text) if not m.group().startswith("#")]
    at = 0

    def message() -> Message:
        nonlocal at
        out: Message = []
        while at < len(tokens) and tokens[at].group("brace") != "}":
            key = tokens[at].group("word")
            at += 1
            if tokens[at].group("brace") == "{":
                at += 1
                out.append((key, message()))
            else:
                value = tokens[at]
                out.append((key, value.group("text") if value.group("word") is None else value.group("word")))
            at += 1
        return out

    return message()


def one(found: Message, key: str, default: str = "0") -> str:
    values = [v for k, v in found if k == key and isinstance(v, str)]
    assert len(set(values)) <= 1, f"{key} is said twice"
    return values[0] if values else default


def sub(found: Message, key: str) -> Message:
    return next((v for k, v in found if k == key and not isinstance(v, str)), [])


def layers(path: Path) -> list[Message]:
    if not path.is_file():
        pytest.skip(f"{path} is not here")
    found = [v for k, v in parse(path.read_text()) if k in ("layer", "layers") and not isinstance(v, str)]
    assert found
    return found


def their_conv(layer: Message) -> tuple[int, ...]:
    p = sub(layer, "convolution_param")
    bias = one(p, "bias_term", "true") == "true"
    numbers = (int(one(p, key, default)) for key, default in
               (("num_output", "?"), ("kernel_size", "?"), ("stride", "1"), ("pad", "0"), ("group", "1")))  # fmt: skip
    return (*numbers, bias)


def our_conv(conv: Conv2d) -> tuple[int, ...]:
    (top, bottom), (left, right) = conv.padding
    assert top == bottom == left == right
    assert conv.kernel[0] == conv.kernel[1]
    assert conv.stride[0] == conv.stride[1]
    return (conv.out, conv.kernel[0], conv.stride[0], top, conv.groups, conv.bias)


def their_pool(layer: Message) -> tuple[str, int, int, int]:
    p = sub(layer, "pooling_param")
    return (one(p, "pool", "MAX"), int(one(p, "kernel_size")), int(one(p, "stride", "1")), int(one(p, "pad")))


TYPES = {"Convolution": "Conv2d", "InnerProduct": "Linear", "Pooling": "MaxPool2d", "LRN": "LRN", "ReLU": "ReLU",
         "Dropout": "Dropout"}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "file"),
    [("alexnet", "bvlc_alexnet/deploy.prototxt"), ("caffenet", "bvlc_reference_caffenet/deploy.prototxt"),
     ("lenet.caffe", "lenet/lenet.prototxt")],
)  # fmt: skip
def test_chain_nets(name: str, file: str, shared: Path):
    """Layer for layer: type, order, maps, kernel, stride, padding, groups, LRN's constants, dropout."""
    theirs = [layer for layer in layers(shared / "prototxt" / file) if one(layer, "type") in TYPES]
    ours = [n for n in resolve(name).build().nodes if not isinstance(n.record, Flatten)]
    assert [n.record.type for n in ours] == [TYPES[one(layer, "type")] for layer in theirs]
    for node, layer in zip(ours, theirs, strict=True):
        match node.record:
            case Conv2d() as record:
                assert our_conv(record) == their_conv(layer), node.path
            case MaxPool2d(kernel=kernel, stride=stride, padding=padding):
                assert ("MAX", kernel[0], stride[0], padding[0][0]) == their_pool(layer), node.path
            case Linear(out=out):
                assert out == int(one(sub(layer, "inner_product_param"), "num_output")), node.path
            case Dropout(p=p):
                assert p == float(one(sub(layer, "dropout_param"), "dropout_ratio", "0.5")), node.path
            case LRN() as record:
                p = sub(layer, "lrn_param")
                assert (record.size, record.alpha, record.beta) == (
                    int(one(p, "local_size", "5")), float(one(p, "alpha", "1")), float(one(p, "beta", "0.75")))  # fmt: skip
                # Caffe divides α by the size and starts from k = 1: its CaffeNet does, the paper's AlexNet does not
                convention = (float(one(p, "k", "1")), True) if name == "caffenet" else (2.0, False)
                assert (record.k, record.divide_alpha) == convention, node.path


def block(arch: Architecture, scope: str) -> list[Conv2d]:
    """A block's convolutions: the main path, then the projection."""
    convs = [n for n in arch.within(scope) if isinstance(n.record, Conv2d)]
    main = [n.record for n in convs if "downsample" not in n.path]
    return main + [n.record for n in convs if "downsample" in n.path]


@pytest.mark.parametrize("depth", [50, 101, 152])
def test_resnets(depth: int, shared: Path):
    """Every convolution of every block, the strides in the first 1×1 included: what sets them apart from torchvision's."""
    found = [f for f in layers(shared / "prototxt" / "resnet" / f"ResNet-{depth}-deploy.prototxt")
             if one(f, "type") == "Convolution"]  # fmt: skip
    arch = resolve(f"resnet{depth}").build()
    # ResNet-50's file leaves bias_term out of conv1 alone, so that Caffe gives it a bias, which BatchNorm takes off again.
    *stem, bias = their_conv(found[0])
    assert our_conv(arch.by_path["conv1"].record) == (*stem, False)
    assert bias is (depth == 50)
    groups: dict[str, list[Message]] = {}
    for layer in found[1:]:
        groups.setdefault(one(layer, "name").split("_branch")[0], []).append(layer)
    scopes = [mark.path for mark in arch.marked("block")]
    assert len(groups) == len(scopes) == {50: 16, 101: 33, 152: 50}[depth]
    for group, scope in zip(groups.values(), scopes, strict=True):
        main = [their_conv(layer) for layer in group if "branch1" not in one(layer, "name")]
        projection = [their_conv(layer) for layer in group if "branch1" in one(layer, "name")]
        assert [our_conv(c) for c in block(arch, scope)] == main + projection, scope


def test_resnets_first_pool(shared: Path):
    """The authors' pool is unpadded and rounds up; ours is padded by 1, as in most toolkits: as many places, a pixel apart."""
    path = shared / "prototxt" / "resnet" / "ResNet-50-deploy.prototxt"
    pool = next(f for f in layers(path) if one(f, "type") == "Pooling")
    assert their_pool(pool) == ("MAX", 3, 2, 0)
    ours = analyse(resolve("resnet50").build()).by_path["maxpool"]
    ceil = MaxPool2d(3, 2, ceil=True)
    assert ceil.output(*ours.inputs) == ours.output


def test_classifiers(shared: Path):
    for depth in (50, 101, 152):
        path = shared / "prototxt" / "resnet" / f"ResNet-{depth}-deploy.prototxt"
        fc = [f for f in layers(path) if one(f, "type") == "InnerProduct"]
        assert [int(one(sub(f, "inner_product_param"), "num_output")) for f in fc] == [1000]
