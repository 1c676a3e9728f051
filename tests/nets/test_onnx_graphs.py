"""Our networks beside the graphs that the onnx package carries for its own tests (`light_*`): other people's exports of Caffe's
and Caffe2's files, their weights left out. Compared node by node, each by what it does and by everything that it reads."""

from collections.abc import Callable, Hashable
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import pytest

from neocog.arch import (
    LRN,
    AdaptiveAvgPool2d,
    Add,
    Architecture,
    AvgPool2d,
    BatchNorm2d,
    Cat,
    ChannelShuffle,
    Conv2d,
    DepthwiseConv2d,
    Dropout,
    Flatten,
    Linear,
    MaxPool2d,
    Node,
    ReLU,
    analyse,
)
from neocog.arch.account import Row
from neocog.nets import resolve
from tests.conftest import Agree, version

Step = tuple[str, tuple, tuple[str, ...]]
"""(its name, what it does, the names it reads)."""

onnx = pytest.importorskip("onnx", reason="the onnx package, whose graphs these are, is not installed")


def conv(out: int, shape: tuple, kernel: tuple, stride: tuple, before: tuple, groups: int, bias: bool, made: tuple) -> tuple:
    """A convolution; one that covers its whole map is a full connection."""
    if tuple(made[1:]) == (1, 1) and tuple(kernel) == tuple(shape[1:]) and groups == 1:
        return ("fc", out, shape[0] * kernel[0] * kernel[1])
    return ("conv", out, shape[0] // groups, *kernel, *stride, *before, groups, bias, *made[1:])


def pool(kind: str, shape: tuple, kernel: tuple, stride: tuple, before: tuple, made: tuple) -> tuple:
    """A pool, by where it begins and how many places come out: rounding up and padding behind are the same thing."""
    if kind == "average" and tuple(made[1:]) == (1, 1) and tuple(before) == (0, 0):
        return ("global average", shape[0])
    return (kind, *kernel, *stride, *before, *made[1:])


def our_steps(arch: Architecture) -> list[Step]:
    return [(row.path, our_op(row), row.node.inputs) for row in analyse(arch).rows if not row.aux]


def our_op(row: Row) -> tuple:
    """What a node does; () for what only passes its input on."""
    record, shape, made = row.node.record, row.inputs[0], row.output
    match record:
        case DepthwiseConv2d():
            return our_op(changed(row, node=Node(row.path, record.as_conv(shape), row.node.inputs)))
        case Conv2d():
            rows, columns = record.windows(shape)
            before = (rows.before, columns.before)
            return conv(record.out, shape, record.kernel, record.stride, before, record.groups, record.bias, made)
        case Linear(out=out):
            return ("fc", out, shape[0])
        case MaxPool2d() | AvgPool2d():
            rows, columns = record.windows(shape)
            kind = "max" if isinstance(record, MaxPool2d) else "average"
            return pool(kind, shape, record.kernel, record.stride, (rows.before, columns.before), made)
        case AdaptiveAvgPool2d():
            return () if shape == made else ("global average", shape[0])
        case LRN() as lrn:
            alpha = lrn.alpha if lrn.divide_alpha else lrn.alpha * lrn.size
            return ("LRN", lrn.size, round(alpha, 9), lrn.beta, lrn.k)
        case BatchNorm2d() | ReLU() | Cat() | Add():
            return (record.type,)
        case ChannelShuffle(groups=groups):
            return ("shuffle", groups)
        case Dropout() | Flatten():
            return ()
    raise AssertionError(f"{row.path}: {record.type} has no counterpart in onnx")


def their_steps(name: str) -> list[Step]:
    path = Path(onnx.__file__).parent / "backend/test/data/light" / f"light_{name}.onnx"
    graph = onnx.shape_inference.infer_shapes(onnx.load(path)).graph
    stored = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    shapes: dict[str, tuple] = {
        v.name: tuple(d.dim_value for d in v.type.tensor_type.shape.dim)
        for v in (*graph.value_info, *graph.input, *graph.output)
    } | {n.output[0]: tuple(stored[n.input[0]]) for n in graph.node if n.op_type == "ConstantOfShape"}
    weights = {n.output[0] for n in graph.node if n.op_type in ("ConstantOfShape", "Unsqueeze")} | set(stored)
    out: list[Step] = []
    for node in graph.node:
        if node.op_type == "Reshape" and node.input[0] in weights:
            weights.add(node.output[0])
            continue
        given = {a.name: tuple(a.ints) or a.f or a.i for a in node.attribute}
        reads, name = tuple(i for i in node.input if i not in weights), node.output[0]
        shape, made = shapes.get(node.input[0], ())[1:], shapes.get(name, ())[1:]
        before = tuple(given.get("pads", (0, 0)))[:2]
        window = (given.get("kernel_shape"), given.get("strides", (1, 1)), before)
        match node.op_type:
            case "ConstantOfShape" | "Unsqueeze":
                continue
            case "Conv":
                wanted = shapes[node.input[1]]
                op = conv(wanted[0], shape, *window, given.get("group", 1), len(node.input) > 2, made)
            case "Gemm":
                op = ("fc", *shapes[node.input[1]])
            case "MaxPool" | "AveragePool":
                op = pool("max" if node.op_type == "MaxPool" else "average", shape, *window, made)
            case "GlobalAveragePool":
                op = ("global average", shape[0])
            case "LRN":
                op = ("LRN", given["size"], round(given["alpha"], 9), round(given["beta"], 6), given.get("bias", 1.0))
            case "BatchNormalization":
                op = ("BatchNorm2d",)
            case "Relu":
                op = ("ReLU",)
            case "Concat":
                op = ("Cat",)
            case "Sum":
                op = ("Add",)
            case "Transpose":
                op = ("shuffle", shape[0])
            case "Reshape" | "Dropout" | "Softmax" | "Mul" | "Add":  # Mul and Add: the second half of Caffe's normalisation
                op = ()
            case other:
                raise AssertionError(f"{other} is not expected here")
        out.append((name, op, reads))
    return out


def fingerprints(steps: list[Step]) -> list[tuple[tuple, Hashable]]:
    """Of each step, what it does and a number for that and all that it reads, back to the picture."""
    known: dict[str, int] = {}
    found = []
    for name, op, reads in steps:
        sources = [known.get(source, 0) for source in reads]
        if not op:
            known[name] = sources[0]
            continue
        known[name] = hash((op, tuple(sorted(sources)) if op == ("Add",) else tuple(sources)))
        found.append((op, known[name]))
    return found


def with_records(arch: Architecture, changes: dict[str, Any]) -> Architecture:
    """The network with the records of some nodes given anew, and others (None) taken out."""
    gone = {path: arch.by_path[path].inputs[0] for path, record in changes.items() if record is None}
    nodes = tuple(
        Node(n.path, changes.get(n.path, n.record), tuple(gone.get(i, i) for i in n.inputs))
        for n in arch.nodes
        if n.path not in gone
    )
    return changed(arch, nodes=nodes)


def alexnet() -> Architecture:
    """Caffe's conventions (k = 1, α by the size, pools that round up), and exported on 224 pixels instead of 227."""
    net = changed(resolve("alexnet").build(), input=(3, 224, 224))
    norm = LRN(5, 1e-4, 0.75, 1.0, divide_alpha=True)
    return with_records(net, {"norm1": norm, "norm2": norm, "pool5": MaxPool2d(3, 2, ceil=True)})


def googlenet() -> Architecture:
    """Exported with pools that round down, hence maps of 55, 27, 13 and 6 instead of the paper's 56, 28, 14 and 7."""
    net = resolve("googlenet").build()
    pools = [n for n in net.nodes if isinstance(n.record, MaxPool2d) and n.record.ceil]
    norm = LRN(5, 1e-4, 0.75, 1.0, divide_alpha=True)
    norms = {n.path: norm for n in net.nodes if isinstance(n.record, LRN)}
    return with_records(net, {**{n.path: n.record.replace(ceil=False) for n in pools}, **norms})


def bn_inception() -> Architecture:
    """Caffe2's has 96 maps in the pooling branches of 4c and 4d, as TF-slim has; ours has 128, as the Caffe port has."""
    net = resolve("bn_inception").build()
    return with_records(
        net,
        {
            f"inception{m}.branch4.1.conv": net.by_path[f"inception{m}.branch4.1.conv"].record.replace(out=96)
            for m in ("4c", "4d")
        },
    )


def zfnet() -> Architecture:
    """Caffe2's ZFNet-512: nothing padded at the start, LRN before the pools, conv4 of 512, a last pool of 2×2, fc7 of 1,024."""
    net = resolve("zfnet.big").build()
    pool, records = MaxPool2d(3, 2), {n.path: n.record for n in net.nodes}
    return with_records(
        net,
        {
            "conv1": records["conv1"].replace(padding=0),
            "conv4": records["conv4"].replace(out=512),
            "pool1": records["norm1"],  # each in the other's place
            "norm1": pool,
            "pool2": records["norm2"],
            "norm2": pool,
            "pool5": MaxPool2d(2, 2),
            "fc7": records["fc7"].replace(out=1024),
        },
    )


CASES: dict[str, Callable[[], Architecture]] = {
    "vgg19": lambda: resolve("vgg19").build(),
    "resnet50": lambda: resolve("resnet50.v1_5").build(),
    "squeezenet": lambda: changed(resolve("squeezenet1_1").build(), input=(3, 224, 224)),
    "densenet121": lambda: resolve("densenet121").build(),
    "bvlc_alexnet": alexnet,
    "inception_v1": googlenet,
    "inception_v2": bn_inception,
    "zfnet512": zfnet,
}
"""Each with what has to be changed in ours before the two are one graph; nothing in the first four."""


@pytest.mark.parametrize("graph", CASES)
def test_node_by_node(graph: str, agree: Agree):
    arch = CASES[graph]()
    ours, theirs = fingerprints(our_steps(arch)), fingerprints(their_steps(graph))
    seen = {key for _, key in theirs}
    assert [op for op, key in ours if key not in seen][:5] == [], "ours alone"
    mine = {key for _, key in ours}
    assert [op for op, key in theirs if key not in mine][:5] == [], "theirs alone"
    assert len(ours) == len(theirs)
    changes = " after the changes that the test names" if CASES[graph].__doc__ else ""
    agree(arch.name, version("onnx"), f"light_{graph}: {len(ours)} nodes, each with all that it reads{changes}")


def test_their_shufflenet_is_another_network():
    """Its units keep 136 maps throughout (the paper: a quarter of 240 inside, three groups; or of 272, four), so that nothing
    behind the first pool can agree."""
    convs = [op for _, op, _ in their_steps("shufflenet") if op and op[0] == "conv"]
    inner = {op[1] for op in convs[4:13]}
    assert inner == {136}
    ours = [op for _, op, _ in our_steps(resolve("shufflenet_v1").build()) if op and op[0] == "conv"]
    assert {op[1] for op in ours[4:13]} == {60, 240}
