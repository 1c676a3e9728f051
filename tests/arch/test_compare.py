"""Families side by side."""

import pytest

from neocog.arch.compare import compare
from neocog.arch.textform import parse

from .rewriting import build, every_net

VGG = ["vgg11", "vgg11.lrn", "vgg13", "vgg16.c", "vgg16", "vgg19"]


def test_vgg_as_in_table_1():
    """Simonyan & Zisserman 2014: configurations A to E; a gap where a column has no such layer."""
    rows = compare([build(name) for name in VGG])
    found = [(r.stage, *r.cells) for r in rows if r.differs]
    assert found == [
        ("224×224", "", "LRN 5", "conv3-64", "conv3-64", "conv3-64", "conv3-64"),
        ("112×112", "", "", "conv3-128", "conv3-128", "conv3-128", "conv3-128"),
        ("56×56", "", "", "", "conv1-256", "conv3-256", "conv3-256"),
        ("56×56", "", "", "", "", "", "conv3-256"),
        ("28×28", "", "", "", "conv1-512", "conv3-512", "conv3-512"),
        ("28×28", "", "", "", "", "", "conv3-512"),
        ("14×14", "", "", "", "conv1-512", "conv3-512", "conv3-512"),
        ("14×14", "", "", "", "", "", "conv3-512"),
    ]
    assert [r.cells[0] for r in rows if r.stage == "features"] == ["FC-4096 drop", "FC-4096 drop", "FC-1000"]
    assert [sum(c.startswith(("conv", "FC")) for c in column) for column in zip(*(r.cells for r in rows), strict=True)] == [
        11, 11, 13, 16, 16, 19]  # fmt: skip


def test_resnets_as_in_table_1():
    """He et al. 2015: one row a stage, blocks counted; the first of a stage has a stride and a projection."""
    rows = compare([build(f"resnet{depth}") for depth in (18, 34, 50)])
    assert ("28×28", "[3-128, 3-128]", "[3-128, 3-128] ×3", "[1-128, 3-128, 1-512] ×3") in [(r.stage, *r.cells) for r in rows]
    assert [r.stage for r in rows if not r.differs] == ["112×112", "56×56", "features", "features"]


def test_equal_networks_differ_nowhere():
    assert not any(row.differs for row in compare([build("alexnet")] * 3))


def test_stages_of_other_sizes_are_matched_by_halvings():
    """28 pixels and 32: after one pool both are in the same stage."""
    rows = compare([parse(f"INPUT 1x{n}x{n} [CONV 8 RELU POOL]*2 FC") for n in (28, 32)])
    assert not any(row.differs for row in rows)
    assert {row.stage for row in rows} == {"/1", "/2", "/4", "features"}


@pytest.mark.parametrize("name", every_net())
def test_every_network_fills_a_column(name: str):
    arch, other = build(name), build("lenet5.modern")
    rows = compare([arch, other, arch])
    assert all(row.cells[0] == row.cells[2] for row in rows)
    assert [row.cells[1] for row in rows if row.cells[1]] == [row.cells[0] for row in compare([other]) if row.cells[0]]
