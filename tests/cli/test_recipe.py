"""`neocog recipe`: what people read and what machines read."""

import json
import subprocess
import sys

import pytest

from neocog.cli.recipe import describe, sparkline
from neocog.nets import Recipe, resolve

from .command import Server


def test_columns_for_people(neocog: Server):
    out = neocog("recipe", "inception_v3").check(0).out
    lines = out.splitlines()
    assert lines[0] == "Inception v3 (2015)" and lines[2].split() == ["quick", "paper", "modern"]
    for words in (
        "RMSProp as in TensorFlow 1",
        "times 0.94 every 2 passes",
        "all gradients to a norm of 2",
        "jitter=0.125:0.5:0.5",
    ):
        assert words in out
    assert max(map(len, lines)) <= 110
    starts = [line.index("─") for line in lines if "─" in line]
    assert starts == [13], "cells stand behind the column of labels"
    assert "source" in out and out.index("pictures") < out.index("source")
    one = neocog("recipe", "lenet5", "--recipe", "paper").check(0).out
    assert "Levenberg" in one and "0.0002, 0.0001, 5e-05, 1e-05 after 2, 5, 8, 12 passes" in one and "quick" not in one


def test_one_object_for_machines(neocog: Server):
    found = neocog("recipe", "alexnet", "--json").check(0).json()
    assert found["net"] == "alexnet" and list(found["recipes"]) == ["quick", "paper", "modern"]
    assert Recipe.from_json(found["recipes"]["paper"]) == resolve("alexnet").card.paper_recipe
    alone = json.loads(neocog("recipe", "alexnet", "--recipe", "modern", "--json").check(0).out)
    assert list(alone["recipes"]) == ["modern"]


def test_what_is_not_there_is_told(neocog: Server):
    neocog("recipe", "mlp", "--recipe", "paper").complaint("mlp has no recipe 'paper'", "quick")
    neocog("recipe", "alexnett").complaint("alexnet")


def test_it_loads_no_torch():
    code = "import sys; from neocog.cli import main; main(['recipe', 'resnet50'])"
    code += "; print([m for m in ('torch', 'numpy') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(("recipe", "bars"), [
    (Recipe(schedule="constant", warmup=0.0), "████████"),
    (Recipe(schedule="linear", warmup=0.0), "█▇▆▅▄▃▂▁"),
    (Recipe(schedule="step", warmup=0.0, milestones=(0.5, 0.75)), "████▆▆▃▃"),
    (Recipe(schedule="onecycle", warmup=0.25), "▃▇█▇▅▄▃▁"),
])  # fmt: skip
def test_bars_follow_the_rate(recipe: Recipe, bars: str):
    assert sparkline(recipe, 8) == bars


def test_words_for_every_choice():
    """Each optimiser, loss, schedule and rule of decay is described, and differently."""
    from neocog.nets.recipe import DECAYS, LEARNERS, LOSSES, OPTIMIZERS, SCHEDULES

    for field, values in (
        ("learner", LEARNERS),
        ("optimizer", OPTIMIZERS),
        ("loss", LOSSES),
        ("schedule", SCHEDULES),
        ("decay", DECAYS),
    ):
        said = [str(describe(Recipe(**{field: value}))) for value in values]  # type: ignore[arg-type]
        assert len(set(said)) == len(values), field
    rest = describe(Recipe(ema=0.9, clip=2.0, filter_rms=0.1, start="whiten", freeze=("conv1",), test_flip=True,
                           head_lr=10.0, warmup=0.1, warmup_hold=0.2, schedule="cosine"))  # fmt: skip
    words = str(rest)
    for part in (
        "0.9 a step",
        "norm of 2",
        "RMS of 0.1",
        "whiten",
        "conv1 frozen",
        "mirror",
        "classifier learn at 10",
        "0.2 of it",
    ):
        assert part in words, part
