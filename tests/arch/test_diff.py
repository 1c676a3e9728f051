"""The difference between two networks, line by line."""

import pytest

from neocog.arch import Conv2d, Identity, Normal, Ref, ReLU, Sequential, Sum, architecture
from neocog.arch.diff import Change, diff
from neocog.arch.rewrite import with_classes
from neocog.nets import nets, resolve
from tests.conftest import deep_is_slow


def between(a: str, b: str) -> list[Change]:
    return diff(resolve(a).build(), resolve(b).build())


def test_alexnet_and_torchvisions():
    """What `neocog diff alexnet alexnet.owt` says: what the name hides."""
    found = [(c.kind, c.where, c.left, c.right) for c in between("alexnet", "alexnet.owt")]
    assert found == [
        ("input", "input", "3×227×227", "3×224×224"),
        ("layer", "conv1 → features.0", "Conv2d out 96, padding 0", "out 64, padding 2"),
        ("removed", "norm1", "LRN 5", ""),
        ("layer", "conv2 → features.3", "Conv2d out 256, groups 2", "out 192, groups 1"),
        ("removed", "norm2", "LRN 5", ""),
        ("layer", "conv4 → features.8", "Conv2d out 384, groups 2", "out 256, groups 1"),
        ("layer", "conv5 → features.10", "Conv2d groups 2", "groups 1"),
        ("added", "avgpool", "", "average to 6×6 → 256×6×6"),
        ("added", "classifier.0", "", "dropout 0.5"),
        ("removed", "drop7", "dropout 0.5", ""),
        ("init", "conv1 → features.0, conv3 → features.6, fc8 → classifier.6", "weights N(0, 0.01²), biases 0",
         "weights U(±1/√fan-in), biases U(±1/√fan-in)"),
        ("init", "conv2 → features.3, conv4 → features.8, conv5 → features.10, fc6 → classifier.1, fc7 → classifier.4",
         "weights N(0, 0.01²), biases 1", "weights U(±1/√fan-in), biases U(±1/√fan-in)"),
    ]  # fmt: skip


@pytest.mark.parametrize("depth", [50, 101, 152])
def test_resnet_and_v1_5(depth: int):
    """Only the strides differ."""
    found = between(f"resnet{depth}", f"resnet{depth}.v1_5")
    assert [(c.kind, c.where, c.left, c.right) for c in found] == [
        ("layer", f"layer{i}.0.conv{j}", f"Conv2d stride {a}", f"stride {b}")
        for i in (2, 3, 4)
        for j, a, b in ((1, 2, 1), (2, 1, 2))
    ]


@pytest.mark.parametrize("name", deep_is_slow(nets()))
def test_nothing_differs_from_itself(name: str):
    assert between(name, name) == []


def test_the_start_comes_last():
    """What two nets start from matters least to who asks what they are."""
    for a, b in (("alexnet", "caffenet"), ("lenet5", "lenet5.modern"), ("vgg11", "vgg13"), ("resnet18", "resnet34")):
        kinds = [c.kind for c in between(a, b)]
        assert kinds
        assert kinds == sorted(kinds, key="init".__eq__)


def test_start_alone():
    one, other = (architecture("x", (3, 8, 8), Sequential(a=Conv2d(4, 3, init=Normal(std)), b=Conv2d(4, 3, init=Normal(std))))
                  for std in (0.1, 0.2))  # fmt: skip
    assert diff(one, other) == [Change("init", "a, b", "weights N(0, 0.1²)", "weights N(0, 0.2²)")]


def test_order_of_pool_and_norm():
    """CaffeNet's only other difference of structure."""
    found = between("alexnet", "caffenet")
    assert {c.where for c in found if c.kind in ("added", "removed")} in ({"pool1", "pool2"}, {"norm1", "norm2"})
    assert [c.where for c in found if c.kind == "init"] == ["fc6, fc7"]


def test_plain_twin_lacks_the_additions():
    found = between("resnet18.a", "plain18")
    types = {c.left.split(" → ")[0] for c in found if c.kind == "removed"}
    assert "sum" in types
    assert {c.kind for c in found} == {"removed"}


def test_shape_follows_from_the_input():
    one = resolve("resnet8.cifar").build()
    assert [(c.kind, c.where) for c in diff(one, with_classes(one, 7)[0])] == [("layer", "linear")]


def test_wiring():
    """The same layers, joined otherwise."""
    conv = Conv2d(3, 3, padding=1)
    one = architecture("one", (3, 8, 8), Sequential(a=conv, b=conv, y=Sum(Identity(), Ref("a"))))
    other = architecture("other", (3, 8, 8), Sequential(a=conv, b=conv, y=Sum(Identity(), Ref("input"))))
    assert diff(one, other) == [Change("wiring", "y", "reads b, a", "reads b, input")]


def test_wiring_of_a_single_input():
    """A layer that reads another layer than before is another network."""
    conv = Conv2d(3, 3, padding=1)
    one = architecture("one", (3, 8, 8), Sequential(a=conv, b=Sequential(Ref("a"), r=ReLU()), y=Sum(Identity(), Ref("a"))))
    other = architecture(
        "other", (3, 8, 8), Sequential(a=conv, b=Sequential(Ref("input"), r=ReLU()), y=Sum(Identity(), Ref("a")))
    )
    assert one != other
    assert diff(one, other) != []
