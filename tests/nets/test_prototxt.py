"""Our networks beside the authors' own definition files (shared/data/prototxt; facts to compare with, never copied)."""

import re
from pathlib import Path

import pytest

from neocog.arch import (
    LRN,
    AdaptiveAvgPool2d,
    AvgPool2d,
    Cat,
    Constant,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    analyse,
)
from neocog.arch.architecture import Architecture, Node
from neocog.nets import resolve
from tests.conftest import Agree

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
def test_chain_nets(name: str, file: str, shared: Path, agree: Agree):
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
    agree(name, "Caffe definition", f"{file}: {len(ours)} layers, their settings and order")


def block(arch: Architecture, scope: str) -> list[Conv2d]:
    """A block's convolutions: the main path, then the projection."""
    convs = [n for n in arch.within(scope) if isinstance(n.record, Conv2d)]
    main = [n.record for n in convs if "downsample" not in n.path]
    return main + [n.record for n in convs if "downsample" in n.path]


@pytest.mark.parametrize("depth", [50, 101, 152])
def test_resnets(depth: int, shared: Path, agree: Agree):
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
    agree(f"resnet{depth}", "Caffe definition", f"ResNet-{depth}-deploy.prototxt: every convolution, strides and projections")


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


def name_of(layer: Message) -> str:
    return one(layer, "name")


def values(found: Message, key: str) -> list[str]:
    """Every value of a repeated field."""
    return [v for k, v in found if k == key and isinstance(v, str)]


def same(node: Node, layer: Message) -> None:
    """One of our layers beside one of Caffe's."""
    p = sub(layer, "pooling_param")
    match node.record:
        case Conv2d() as record:
            assert our_conv(record) == their_conv(layer)
        case MaxPool2d(kernel=kernel, stride=stride, padding=padding, ceil=ceil):
            assert ("MAX", kernel[0], stride[0], padding[0][0]) == their_pool(layer)
            assert ceil or stride == (1, 1), "Caffe rounds up"
        case AvgPool2d(kernel=kernel, stride=stride, padding=padding):
            assert ("AVE", kernel[0], stride[0], padding[0][0]) == their_pool(layer)
        case AdaptiveAvgPool2d(out=out):
            assert (one(p, "pool"), out) == ("AVE", (1, 1))
            assert one(p, "global_pooling") == "true" or their_pool(layer) == ("AVE", 7, 1, 0)
        case Linear(out=out):
            assert out == int(one(sub(layer, "inner_product_param"), "num_output"))
        case Dropout(p=rate):
            assert rate == float(one(sub(layer, "dropout_param"), "dropout_ratio", "0.5"))
        case LRN() as record:
            p = sub(layer, "lrn_param")
            assert (record.size, record.alpha, record.beta) == (
                int(one(p, "local_size", "5")), float(one(p, "alpha", "1")), float(one(p, "beta", "0.75")))  # fmt: skip
            assert (record.k, record.divide_alpha) == (float(one(p, "k", "1")), True)
        case record:
            assert record.type == {"ReLU": "ReLU", "Concat": "Cat"}[one(layer, "type")]


def same_graph(nodes: list[Node], theirs: list[Message], blobs: dict[str, str]) -> dict[str, Node]:
    """In order: type, numbers, what each reads. `blobs`: Caffe's blob -> our node that holds it; grows. Ours by their names."""
    flattened = {n.path: n.inputs[0] for n in nodes if isinstance(n.record, Flatten)}
    nodes = [n for n in nodes if not isinstance(n.record, Flatten)]
    assert len(nodes) == len(theirs)
    for node, layer in zip(nodes, theirs, strict=True):
        same(node, layer)
        assert [flattened.get(i, i) for i in node.inputs] == [blobs[b] for b in values(layer, "bottom")], node.path
        (top,) = values(layer, "top")
        blobs[top] = node.path
    return dict(zip(map(name_of, theirs), nodes, strict=True))


BRANCHED = {*TYPES, "Concat"}


@pytest.mark.parametrize(
    ("name", "file", "count"),
    [("googlenet", "bvlc_googlenet/deploy.prototxt", 141),
     ("squeezenet1_0.caffe", "squeezenet/v1.0_deploy.prototxt", 65),
     ("squeezenet1_1", "squeezenet/v1.1_deploy.prototxt", 65)],
)  # fmt: skip
def test_branched_nets(name: str, file: str, count: int, shared: Path, agree: Agree):
    """Layer for layer, wiring included."""
    theirs = [layer for layer in layers(shared / "prototxt" / file) if one(layer, "type") in BRANCHED]
    arch = resolve(name).build()
    assert len(theirs) == count
    same_graph([n for n in arch.nodes if n.path in arch.main], theirs, {"data": "input"})
    assert sum(isinstance(n.record, Cat) for n in arch.nodes) == {"googlenet": 9}.get(name, 8)
    agree(name, "Caffe definition", f"{file}: {count} layers, each with all that it reads")


def test_googlenet_in_training(shared: Path, agree: Agree):
    """The auxiliary heads, where they read and what they weigh; and how every layer starts."""
    found = layers(shared / "prototxt" / "bvlc_googlenet" / "train_val.prototxt")
    theirs = [layer for layer in found if one(layer, "type") in BRANCHED]
    arch = resolve("googlenet").build()
    blobs = {"data": "input"}
    main = [n for n in arch.nodes if n.path in arch.main]
    ours = same_graph(main, [f for f in theirs if not name_of(f).startswith(("loss1/", "loss2/"))], blobs)
    for i, tap in enumerate(arch.taps, 1):
        ours |= same_graph(list(arch.within(tap.name)), [f for f in theirs if name_of(f).startswith(f"loss{i}/")], blobs)
        (loss,) = [f for f in found if name_of(f) == f"loss{i}/loss"]
        assert (blobs[values(loss, "bottom")[0]], float(one(loss, "loss_weight"))) == (tap.output, tap.weight)
    weighted = [f for f in theirs if one(f, "type") in ("Convolution", "InnerProduct")]
    assert len(weighted) == 57 + 1 + 2 * 3
    for layer in weighted:
        p = sub(layer, "convolution_param") or sub(layer, "inner_product_param")
        record = ours[name_of(layer)].record
        assert one(sub(p, "weight_filler"), "type") == "xavier"
        assert (type(record.init).__name__, record.bias_init) == (
            "CaffeXavier", Constant(float(one(sub(p, "bias_filler"), "value"))))  # fmt: skip
    agree("googlenet", "Caffe definition", "bvlc_googlenet/train_val.prototxt: auxiliary heads, their weights, every start")


def our_convs(name: str) -> dict[str, tuple[int, ...]]:
    """Every convolution by path, depthwise ones as grouped ones and the classifier as the 1×1 that Caffe's ports make of it."""
    found = {}
    for row in analyse(resolve(name).build()).rows:
        record = row.node.record
        if isinstance(record, DepthwiseConv2d):
            record = record.as_conv(row.inputs[0])
        if isinstance(record, Conv2d):
            found[row.path] = our_conv(record)
        elif isinstance(record, Linear):
            found[row.path] = (record.out, 1, 1, 0, 1, True)
    return found


def test_mobilenet(shared: Path):
    """A well-known Caffe port, convolution for convolution: maps, kernel, stride, padding, groups."""
    found = layers(shared / "prototxt" / "mobilenet" / "mobilenet_deploy.prototxt")
    theirs = [their_conv(layer) for layer in found if one(layer, "type") == "Convolution"]
    assert list(our_convs("mobilenet_v1").values()) == theirs
    assert len(theirs) == 28


def test_mobilenet_v2(shared: Path):
    """The port of the second differs from the paper in two things, which table 2 settles: a 1×1 that "expands" 32 maps to 32 in
    the first block, where t is 1, and the stride of 2 where 96 maps begin instead of where 64 do."""
    found = layers(shared / "prototxt" / "mobilenet" / "mobilenet_v2_deploy.prototxt")
    theirs = {one(layer, "name"): their_conv(layer) for layer in found if one(layer, "type") == "Convolution"}
    assert theirs.pop("conv2_1/expand") == (32, 1, 1, 0, 1, False)
    ours = our_convs("mobilenet_v2")
    differ = [(a, b) for a, b in zip(theirs, ours, strict=True) if theirs[a] != ours[b]]
    assert differ == [("conv4_3/dwise", "features.7.conv.1.0"), ("conv4_7/dwise", "features.11.conv.1.0")]
    assert [(theirs[a][2], ours[b][2]) for a, b in differ] == [(1, 2), (2, 1)]
    sums = [node for node in resolve("mobilenet_v2").build().nodes if node.record.type == "Add"]
    assert sum(one(layer, "type") == "Eltwise" for layer in found) == len(sums) == 10
