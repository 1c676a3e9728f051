"""Architectures as values: what makes one, what refuses to be one, JSON and back, the layer table in words."""

import json
import pickle
import random
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neocog.arch import (
    LRN,
    Add,
    Architecture,
    Aux,
    Concat,
    Conv2d,
    Flatten,
    Identity,
    Linear,
    MaxPool2d,
    Node,
    Ref,
    ReLU,
    Sequential,
    Slice,
    Sum,
    Tap,
    analyse,
    architecture,
    block,
    head,
    stage,
)
from neocog.arch.init import Init, Normal
from neocog.arch.record import Leaf
from neocog.arch.table import lines, repeated, text
from neocog.errors import UserError
from neocog.nets import nets, resolve
from tests.conftest import deep_is_slow

from . import strategies
from .cases import CASES

SHAPE = (3, 8, 8)


def refused(*nodes: Node, output: str = "b", **more: object) -> str:
    with pytest.raises(UserError) as caught:
        Architecture("net", SHAPE, nodes, output, **more)
    return str(caught.value)


A, B = Node("a", ReLU(), ("input",)), Node("b", ReLU(), ("a",))


def test_broken_graphs():
    """Each is the user's to mend (a foreign file, a typing error): one line that names the place."""
    assert "two nodes are called 'a'" in refused(A, A)
    assert "'a' reads 'b', which is no node before it" in refused(Node("a", ReLU(), ("b",)), B)  # a cycle
    assert "'a' reads 'a'" in refused(Node("a", ReLU(), ("a",)))
    assert "'b' reads 'c'" in refused(A, Node("b", Add(), ("a", "c")))
    assert "the output 'z' is no node" in refused(A, B, output="z")
    assert "the output 'input' is no node" in refused(A, output="input")
    assert "the output 'z' is no node" in refused(A, B, taps=(Tap("aux", "z", 0.3),))
    assert "'a' is a layer and cannot hold 'a.b'" in refused(A, Node("a.b", ReLU(), ("a",)), output="a")
    assert "two nodes are called 'a'" in refused(Node("a.b", ReLU(), ("input",)), A)
    for path in ("a b", "", "a..b", "1x", "class", "a.", "a-b"):
        assert "is no path" in refused(Node(path, ReLU(), ("input",)))
    for shape in ((8, 8), (3, 0, 8), (1, 2, 3, 4)):
        with pytest.raises(UserError, match="an input is"):
            Architecture("net", shape, (A,), "a")


def test_broken_notation():
    with pytest.raises(UserError, match=r"Ref\('gate'\) names no step before it"):
        architecture("net", SHAPE, Sequential(a=ReLU(), b=Sum(Identity(), Ref("gate"))))
    with pytest.raises(UserError, match=r"two (steps|nodes) are called '0'"):
        architecture("net", SHAPE, Sequential(ReLU(), **{"0": ReLU()}))
    with pytest.raises(UserError, match=r"two (steps|nodes) are called 'x'"):
        architecture("net", SHAPE, Sum(Sequential(x=ReLU()), Sequential(x=ReLU())))
    with pytest.raises(UserError, match="int is no part of a network; it stands at 'a'"):
        architecture("net", SHAPE, Sequential(a=3))
    with pytest.raises(UserError):
        architecture("net", SHAPE, Sequential())


def test_paths():
    """A path is a name is a state_dict prefix: torchvision's `layer1.0.conv1` and `layer1.0.downsample.0`."""
    net = architecture("net", SHAPE, Sequential(
        stem=ReLU(),
        layer1=stage(Sequential(
            block(Sequential(add=Sum(
                Sequential(conv1=Conv2d(3, 3, padding=1), relu=ReLU()), downsample=Sequential(Conv2d(3, 1))))),
            None,
            block(Sequential(ReLU()), "second"))),
        aux=Aux(Sequential(Flatten(), head(Linear(2))), 0.5),
        flatten=Flatten(), fc=head(Linear(2))))  # fmt: skip
    assert [n.path for n in net.nodes] == [
        "stem", "layer1.0.conv1", "layer1.0.relu", "layer1.0.downsample.0", "layer1.0.add", "layer1.1.0", "aux.0", "aux.1",
        "flatten", "fc"]  # fmt: skip
    assert [(m.kind, m.path, m.label) for m in net.marks] == [
        ("block", "layer1.0", ""), ("block", "layer1.1", "second"), ("stage", "layer1", ""), ("head", "aux.1", ""),
        ("head", "fc", "")]  # fmt: skip
    assert net.head.path == "fc"
    assert net.taps == (Tap("aux", "aux.1", 0.5),)
    assert [n.path for n in net.within("layer1.0")] == [
        "layer1.0.conv1",
        "layer1.0.relu",
        "layer1.0.downsample.0",
        "layer1.0.add",
    ]
    assert net.main == {n.path for n in net.nodes} - {"aux.0", "aux.1"}


def test_refs_are_sought_from_within():
    """The innermost step of that name, then outwards; "input" is the picture."""
    net = architecture("net", SHAPE, Sequential(
        gate=ReLU(),
        inner=Sequential(gate=ReLU(), use=Sum(Identity(), Ref("gate"))),
        outer=Sum(Ref("gate"), Ref("input"), Ref("inner.use"))))  # fmt: skip
    assert net.by_path["inner.use"].inputs == ("inner.gate", "inner.gate")
    assert net.by_path["outer"].inputs == ("gate", "input", "inner.use")


def test_equality_is_by_value():
    """By everything but the name."""
    one, other = resolve("lenet5").build(), resolve("lenet5").build()
    assert one is not other
    assert one == other.renamed("another")
    assert {one: 1}[other] == 1
    assert one != resolve("lenet5.modern").build()
    assert len({net.build() for net in nets().values()}) == len(nets()) - 1, "perceptron and linear are one network"
    assert resolve("perceptron").build() == resolve("linear").build()
    assert (one == 3) is False
    start = architecture("x", SHAPE, Conv2d(4, 3, init=Normal(0.1)))
    assert start != architecture("x", SHAPE, Conv2d(4, 3)), "how it starts belongs to the record"


def test_values_do_not_change():
    arch = resolve("lenet5").build()
    for thing, field in ((arch, "name"), (arch.nodes[0], "path"), (arch.nodes[0].record, "out")):
        with pytest.raises((FrozenInstanceError, AttributeError)):
            setattr(thing, field, "x")
    assert pickle.loads(pickle.dumps(arch)) == arch  # between the processes of a data loader


def test_slices_of_parts_and_of_maps():
    """The first map is not the first of one part, which is all of them."""
    one, every = (architecture("s", (6, 2, 2), Slice(0, 1, of)) for of in (None, 1))
    assert one != every
    assert analyse(one).output == (1, 2, 2)
    assert analyse(every).output == (6, 2, 2)


# --- JSON -------------------------------------------------------------------------------------------------------------


def test_json_says_its_schema():
    data = resolve("lenet5").build().to_json()
    assert data["schema"] == 1
    assert list(data) == ["schema", "name", "input", "nodes", "output", "taps", "marks"]
    assert data["nodes"][0] == ["C1", {"type": "Conv2d", "out": 6, "kernel": [5, 5], "init": {"type": "FanInUniform"},
                                       "bias_init": {"type": "FanInUniform"}}, ["input"]]  # fmt: skip


def broken(**changes: object) -> str:
    data = json.loads(json.dumps(resolve("lenet5.modern").build().to_json())) | changes
    with pytest.raises(UserError) as caught:
        Architecture.from_json({k: v for k, v in data.items() if v is not None})
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_broken_json():
    """Files from elsewhere, or from a newer neocog: one clear line each."""
    assert "schema 2; this neocog reads schema 1" in broken(schema=2)
    assert "schema None" in broken(schema=None)
    wings = [["a", {"type": "Wings"}, ["input"]]]
    assert "unknown layer type 'Wings'; was it written by a newer neocog?" in broken(nodes=wings, output="a")
    assert "Conv2d" in broken(nodes=[["a", {"type": "Conv2d", "out": 3, "kernel": 3, "wings": 2}, ["input"]]], output="a")
    assert "Conv2d" in broken(nodes=[["a", {"type": "Conv2d"}, ["input"]]], output="a")
    assert "at least 1" in broken(nodes=[["a", {"type": "Conv2d", "out": 3, "kernel": 0}, ["input"]]], output="a")
    assert "not a network" in broken(nodes=None)
    assert "not a network" in broken(nodes=[["a"]])
    assert "not a network" in broken(nodes=5)
    assert "which is no node before it" in broken(nodes=[["a", {"type": "ReLU"}, ["nowhere"]]], output="a")
    for text_ in ("", "{", "[]", "3", "null", '"x"'):
        with pytest.raises(UserError, match="architecture file"):
            Architecture.from_json(text_)


@pytest.mark.parametrize(
    "record",
    [{"type": "Normal", "std": 1.0}, 5, None, "ReLU", ["x"]],
    ids=["an initialisation", "a number", "nothing", "a word", "a list"],
)
def test_a_node_holds_a_layer(record: object):
    """Anything else must be refused when it is read, not crash when it is used."""
    with pytest.raises(UserError):
        Architecture.from_json({"schema": 1, "name": "x", "input": [3, 8, 8], "output": "a", "taps": [], "marks": [],
                                "nodes": [["a", record, ["input"]]]})  # fmt: skip


@settings(max_examples=80)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_random_networks_through_json(seed: int, size: int):
    arch = strategies.graph(random.Random(seed), size)
    line = json.dumps(arch.to_json())
    back = Architecture.from_json(line)
    assert back == arch
    assert hash(back) == hash(arch)
    assert repr(back.nodes) == repr(arch.nodes)
    assert json.dumps(back.to_json()) == line
    assert [r.output for r in analyse(back).rows] == [r.output for r in analyse(arch).rows]


def test_every_record_type_is_known_by_name():
    """So that a JSON file can name it; abstract ones are not layers."""
    assert {"Conv2d", "RBF", "SCell", "Slice"} <= set(Leaf.types)
    assert {"Constant", "Normal", "HeNormal", "Codes"} <= set(Init.types)
    assert not set(Leaf.types) & set(Init.types)


# --- the table in words -----------------------------------------------------------------------------------------------


def test_table_of_lenet5():
    found = text(analyse(resolve("lenet5").build()))
    assert [line.split()[0] for line in found] == ["layer", "C1", "S2", "C3", "S4", "C5", "F6", "output", "score"] or [
        line.split()[0] for line in found
    ] == ["layer", "C1", "S2", "C3", "S4", "C5", "F6", "output"]
    assert "60 map links" in found[3]
    assert found[3].split()[-1] == "14/2"


@pytest.mark.parametrize("name", deep_is_slow(nets()))
def test_table_adds_up(name: str):
    """Folding rows into blocks and runs loses no parameter and no multiplication."""
    table = analyse(resolve(name).build())
    for full in (False, True):
        found = lines(table, full)
        assert sum(line.params for line in found) == table.total("params") + table.params_aux
        assert sum(line.macs for line in found if not line.aux) == table.total("macs")
    assert len(lines(table, True)) == len(table.rows)
    runs = repeated(lines(table))
    assert sum(line.params * n for line, n in runs) == table.total("params") + table.params_aux
    assert all(len(line) <= 140 for line in text(table))


@pytest.mark.parametrize("name", CASES)
def test_table_of_hard_cases(name: str):
    table = analyse(CASES[name].build())
    assert len(text(table, True)) == len(table.rows) + 1
    assert sum(line.params for line in lines(table)) == table.total("params") + table.params_aux


def test_unused_nodes_cost_nothing_in_the_total():
    """A node that the output does not need and no tap names: it is counted apart, as an auxiliary part."""
    arch = Architecture("net", SHAPE, (Node("a", Conv2d(4, 3), ("input",)), Node("dead", Conv2d(4, 3), ("input",))), "a")
    assert analyse(arch).total("params") == 112
    assert analyse(arch).params_aux == 112


def test_words_of_layers():
    words = {
        Conv2d(96, 11, 4): "conv 11×11/4",
        Conv2d(8, (1, 7), padding=(0, 3)): "conv 1×7/1 p0×3",
        Conv2d(8, 3, 2, ((0, 1), (0, 1))): "conv 3×3/2 p0.1",
        Conv2d(8, 3, padding="same", groups=2): "conv 3×3/1 same g2",
        MaxPool2d(3, (2, 1), ceil=True): "max 3×3/2×1 ceil",
        LRN(): "LRN 5",
    }
    assert {record: record.describe() for record in words} == words
    assert Concat(ReLU()).record.describe() == "concatenation"


# --- values that are refused too late: with a traceback where the user should get a line ------------------------------


def file_with(record: object, inputs: list[str]) -> dict:
    return {
        "schema": 1,
        "name": "x",
        "input": [3, 8, 8],
        "output": "a",
        "taps": [],
        "marks": [],
        "nodes": [["a", record, inputs]],
    }


@pytest.mark.parametrize(
    ("record", "inputs"),
    [
        ({"type": "Conv2d", "out": "q", "kernel": 3}, ["input"]),  # TypeError in size()
        ({"type": "Conv2d", "out": 4, "kernel": 3, "groups": 0}, ["input"]),  # ZeroDivisionError in fan()
        ({"type": "AdaptiveAvgPool2d", "out": 0}, ["input"]),  # ZeroDivisionError in windows()
        ({"type": "TableConv2d", "table": [[]], "kernel": 3}, ["input"]),  # ValueError in output()
        ({"type": "ReLU"}, []),  # IndexError in output()
        ({"type": "ReLU"}, ["input", "input"]),  # analysed as if it had one
        ({"type": "Windowed"}, ["input"]),  # AttributeError in windows()
    ],
    ids=[
        "a word for a number",
        "no groups",
        "no places",
        "an empty table",
        "no input",
        "an input too many",
        "an abstract layer",
    ],
)
def test_broken_fields(record: object, inputs: list[str]):
    """A foreign or damaged file must end in a UserError, when it is read or when it is analysed."""
    with pytest.raises(UserError):
        analyse(Architecture.from_json(file_with(record, inputs)))
