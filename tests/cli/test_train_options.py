"""`neocog train`'s ways of looking before leaping, and options that change how the steps are computed."""

import json

import pytest

BRIEFLY = {"neocog.cli.train_trial:TRIAL": 0.3}  # seconds of measuring


def test_a_dry_run_tells_all_and_writes_nothing(neocog, tmp_path):
    options = ("train", "digits", "--net", "lenet5.modern", "--epochs", 2, "--dry-run")
    told = neocog(*options, "--json", cwd=tmp_path, patch=BRIEFLY).check(0).json()
    assert told["net"] == "lenet5.modern" and told["steps"] == 2 * told["steps_per_epoch"]
    assert told["recipe"]["name"] == "quick" and told["data"]["n_test"] == 1000
    assert told["memory_bytes"] > 1e6 and 0 < told["seconds"] == pytest.approx(
        told["steps"] * told["seconds_per_step"], rel=0.6, abs=1.0
    )
    words = neocog(*options, cwd=tmp_path, patch=BRIEFLY).check(0).out
    for word in ("steps", "memory", "ms a step", "momentum 0.9", "pad-32"):
        assert word in words
    assert not list(tmp_path.iterdir()), "a dry run left something behind"


def test_rates_are_tried_on_a_copy(neocog, tmp_path):
    told = neocog("train", "digits", "--net", "linear", "--batch", 32, "--find-lr", "--json", cwd=tmp_path).check(0).json()
    assert len(told["rates"]) == len(told["losses"]) > 10 and told["rates"][0] < told["suggested"] < 10
    assert "--lr" in neocog("train", "digits", "--net", "linear", "--find-lr", cwd=tmp_path).check(0).out
    neocog("train", "digits", "--net", "perceptron", "--find-lr", cwd=tmp_path).complaint("gradient descent", "perceptron")
    assert not list(tmp_path.iterdir())


def test_every_field_of_a_recipe_can_be_given(neocog, tmp_path):
    run = tmp_path / "run"
    neocog("train", "digits", "--net", "tiny", "--steps", 4, "--out", run, "--optimizer", "rmsprop", "--lr", "0.001",
           "--clip", 2, "--ema", "0.9", "--schedule", "step", "--milestones", "0.5,0.75", "--factors", "0.5,0.1",
           "--warmup", 0, "--test-flip",
           "--augment", "shift=0.1", "--pieces", 2, "--snapshots", 2, "--no-nesterov").check(0)  # fmt: skip
    config = json.loads((run / "config.json").read_text("utf-8"))
    recipe = config["recipe"]
    assert (recipe["optimizer"], recipe["clip"], recipe["ema"], recipe["milestones"]) == ("rmsprop", 2.0, 0.9, [0.5, 0.75])
    assert recipe["factors"] == [0.5, 0.1]
    assert recipe["test_flip"] and recipe["augment"] == ["shift=0.1"] and config["engine"] == {"pieces": 2, "snapshots": 2}
    test = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()][-1]
    assert test["event"] == "test" and test["protocol"].endswith("-flip")
    assert neocog("evaluate", run, "digits", "--json").check(0).json()["protocol"] == test["protocol"]
    assert len(list((run / "snapshots").iterdir())) == 2


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--augment", "flop"), ("flop", "flip")),
        (("--augment", "crop=a"), ("crop=a", "numbers")),
        (("--milestones", "a,b"), ("--milestones", "a")),
        (("--factors", "0.5,0.25"), ("0 milestones", "2 factors")),
        (("--optimizer", "sdg"), ("sdg", "sgd")),
        (("--schedule", "stair"), ("stair", "cosine")),
        (("--freeze", "conv9"), ("conv9",)),
        (("--max-bad", "2"), ("0 to 1",)),
        (("--ema", "1"), ("ema",)),
        (("--recipe", "best"), ("best", "quick")),
        (("--pieces", "0"), ("above 0",)),
        (("--resume", "--dry-run"), ("--dry-run", "--resume")),
    ],
)
def test_what_cannot_be_is_told_in_a_line(neocog, tmp_path, options, words):
    neocog("train", "digits", "--net", "tiny", "--steps", 2, "--out", tmp_path / "run", *options).complaint(*words)
    assert not (tmp_path / "run").exists()


def test_a_run_goes_on_only_as_it_was_begun(neocog, tmp_path):
    run = tmp_path / "run"
    neocog("train", "digits", "--net", "tiny", "--steps", 4, "--batch", 16, "--pieces", 2, "--out", run).check(0)
    neocog("train", "digits", "--out", run, "--resume", "--pieces", 4).complaint("--pieces 2", "4")
