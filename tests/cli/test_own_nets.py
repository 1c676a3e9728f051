"""A line of text where a network's name is taken; lint; diff of two and more."""

import json
import subprocess
import sys

import pytest
import torch

from neocog import create_model

LINE = "INPUT -> [[CONV 8 -> BN -> RELU]*1 -> POOL?]*4 -> FC"
NAME = "INPUT [CONV 8 BN RELU POOL?]*4 FC"


def test_show_and_lint_take_a_line(neocog):
    shown = neocog("show", LINE, "--json").check(0).json()
    assert (shown["name"], shown["input"], shown["output"]) == (NAME, [3, 32, 32], [10])
    assert "keeps all" in neocog("lint", "INPUT 3x32x32 [[CONV RELU]*2 POOL]*3 FC").check(0).out


def test_a_typing_error_is_pointed_at(neocog):
    done = neocog("show", "INPUT [[CONV RELU]*2 POLL?]*3 FC").check(2)
    assert done.err.splitlines() == [
        "neocog: column 22: 'POLL' is no layer; did you mean POOL?",
        "  INPUT [[CONV RELU]*2 POLL?]*3 FC",
        "                       ^",
    ]


def test_lint(neocog):
    found = neocog("lint", "alexnet", "--json").check(0).json()
    assert [f["rule"] for f in found["findings"]] == ["input-halves", "stride-1", "full-connection"]
    assert set(found["findings"][0]) == {"path", "rule", "why", "advice", "source"}
    text = neocog("lint", "resnet50").check(0).out
    assert "and 4 more:" in text and "CS231n" in text
    assert "224×192" in neocog("lint", "resnet18", "--input", "3x224x192").check(0).out


def test_diff_of_a_family(neocog):
    found = neocog("diff", "vgg11", "vgg13", "vgg16", "--json").check(0).json()
    assert [net["params"] for net in found["nets"]] == [132_863_336, 133_047_848, 138_357_544]
    assert found["nets"][2]["results"][0]["top1_error"] == 25.6
    assert {"stage": "56×56", "cells": ["", "", "conv3-256"], "differs": True} in found["rows"]
    lines = neocog("diff", "vgg11", "vgg13", "vgg16").check(0).out.splitlines()
    assert lines[0].split() == ["vgg11", "vgg13", "vgg16"]
    assert any(line.startswith("~ parameters") for line in lines)
    assert not any(line.startswith("~ input") for line in lines)


def test_diff_wants_two(neocog):
    assert "two networks or more" in neocog("diff", "vgg11").check(2).err


def test_a_line_is_trained_resumed_judged_and_compared(neocog, tmp_path):
    """The name in the run is the line, however it was written."""
    run = str(tmp_path / "run")
    neocog("train", "digits", "--net", LINE, "--steps", "2", "--out", run).check(0)
    config = json.loads((tmp_path / "run" / "config.json").read_text())
    assert config["net"] == NAME
    assert config["arch"]["input"] == [1, 28, 28], "the line leaves the size open: the data's"
    neocog("train", "digits", "--net", NAME, "--steps", "2", "--out", run, "--resume").check(0)
    other = neocog("train", "digits", "--net", "INPUT FC", "--out", run, "--resume").check(2)
    assert f"begun with --net {NAME}" in other.err
    assert neocog("evaluate", run, "digits", "--json").check(0).json()["n"] == 1000
    assert "reads-all" in neocog("lint", run).check(0).out, "28 pixels halved four times leave one unread"
    assert "+ " in neocog("diff", run, "lenet.caffe").check(0).out


@pytest.mark.parametrize("verb", ["show", "lint"])
def test_unknown_names_are_told_as_before(neocog, verb: str):
    assert "did you mean alexnet" in neocog(verb, "alexnt").check(2).err


@pytest.mark.parametrize("args", [["lint", "alexnet"], ["show", LINE], ["diff", "vgg11", "vgg13", LINE]], ids=lambda a: a[0])
def test_they_answer_without_torch(args: list[str]):
    program = (
        "import sys; from neocog.cli import main; code = main(sys.argv[1:])\n"
        "print([m for m in ('torch', 'numpy') if m in sys.modules], code)"
    )
    done = subprocess.run([sys.executable, "-c", program, *args], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] 0"


def test_create_model_takes_a_line():
    model = create_model(LINE, num_classes=4, in_chans=1, img_size=40)
    assert model.arch.name == NAME
    assert model(torch.zeros(2, 1, 40, 40)).shape == (2, 4)
