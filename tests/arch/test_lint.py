"""The rules of thumb: what each finds, and that the recipe of the notes passes all."""

import pytest

from neocog.arch import DepthwiseConv2d, Sequential, architecture
from neocog.arch.lint import RULES, lint
from neocog.arch.textform import parse

from .rewriting import build, every_net


def broken(net: str) -> dict[str, list[str]]:
    """Paths by rule."""
    found: dict[str, list[str]] = {}
    for f in lint(parse(net) if net.startswith("INPUT") else build(net)):
        found.setdefault(f.rule, []).append(f.path)
    return found


@pytest.mark.parametrize("text", [
    "INPUT 3x32x32 [[CONV RELU]*2 POOL]*3 FC 10", "INPUT 3x32x32 [CONV RELU POOL]*4 GAP FC",
    "INPUT 3x32x32 CONV 7x7 RELU POOL 3/2 p1 CONV 5x5 RELU POOL FC", "INPUT FC",
])  # fmt: skip
def test_the_recipe_of_the_notes_keeps_every_rule(text: str):
    assert broken(text) == {}


@pytest.mark.parametrize(("text", "rule", "paths"), [
    ("INPUT 3x30x30 [CONV RELU POOL]*2 GAP FC", "input-halves", ["input"]),
    ("INPUT 3x32x30 [CONV RELU POOL]*2 GAP FC", "input-halves", ["input"]),
    ("INPUT 3x32x32 [CONV 7x7 RELU]*2 POOL FC", "small-filters", ["conv2"]),
    ("INPUT 3x32x32 CONV /2 RELU CONV /2 RELU FC", "stride-1", ["conv1", "conv2"]),
    ("INPUT 3x32x32 CONV p0 RELU CONV p0 RELU FC", "same-padding", ["conv1", "conv2"]),
    ("INPUT 3x32x32 CONV RELU POOL 4 FC", "small-pools", ["pool1"]),
    ("INPUT 3x33x33 CONV RELU POOL 3/3 FC", "pool-stride", ["pool1"]),
    ("INPUT 3x32x32 [CONV RELU]*4 POOL FC", "pattern", ["conv4"]),
    ("INPUT 3x32x32 [FC RELU]*3 FC", "pattern", ["fc3"]),
    ("INPUT 3x31x31 CONV RELU POOL FC", "reads-all", ["pool1"]),
    ("INPUT 3x64x64 CONV RELU POOL CONV GAP FC", "receptive-field", ["conv2"]),
    ("INPUT 3x32x32 [[CONV RELU]*3 POOL]*5 GAP FC", "receptive-field", ["pool5"]),
    ("INPUT 3x256x256 [CONV 64 RELU]*2 [POOL CONV RELU]*3 GAP FC", "memory", ["conv1"]),
    ("INPUT 3x64x64 CONV RELU POOL FC 512 RELU FC", "full-connection", ["fc1"]),
])  # fmt: skip
def test_each_rule_finds_what_breaks_it(text: str, rule: str, paths: list[str]):
    assert broken(text)[rule] == paths


def test_alexnet_breaks_three():
    """The notes praise it all the same: 227 pixels, stride 4 in the first layer, 62 % of the weights in fc6."""
    assert broken("alexnet") == {"input-halves": ["input"], "stride-1": ["conv1"], "full-connection": ["fc6"]}


def test_vgg16_is_the_recipe():
    """But for the memory of its first layers and its first full connection, which the notes name themselves."""
    assert broken("vgg16") == {"memory": ["features.0"], "full-connection": ["classifier.0"]}
    (full,) = (f for f in lint(build("vgg16")) if f.rule == "full-connection")
    assert full.why.startswith("74 % of all 138,357,544")


def test_vgg19_has_four_in_a_row():
    assert broken("vgg19")["pattern"] == ["features.16", "features.25", "features.34"]


def test_resnet50_skips_places():
    """The paper's stride in the 1×1 layers: half of the rows and columns are read by nothing there."""
    assert "layer2.0.conv1" in broken("resnet50")["reads-all"]
    assert "pattern" not in broken("resnet50"), "the pattern is of chains"


def test_depthwise_filters_have_no_pairs_of_maps():
    arch = architecture("dw", (3, 32, 32), Sequential(a=DepthwiseConv2d(3, padding=1), b=DepthwiseConv2d(7, padding=3)))
    (finding,) = (f for f in lint(arch) if f.rule == "small-filters")
    assert "a pair of maps" not in finding.advice


def test_input_of_another_size():
    assert [f.rule for f in lint(build("resnet8.cifar"), (3, 30, 30))][:1] == ["input-halves"]


@pytest.mark.parametrize("name", every_net())
def test_every_network_can_be_linted(name: str):
    """Each finding names a rule and a layer of the main network, and says why, what to do and who says so."""
    arch = build(name)
    for f in lint(arch):
        assert f.rule in RULES
        assert f.path == "input" or f.path in arch.main
        assert all(text and text == text.strip() for text in (f.why, f.advice, f.source))
