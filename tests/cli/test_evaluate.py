"""`neocog evaluate`: protocols, folders that go on, ensembles, comparisons, the sheet; and what a training leaves behind."""

import json
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neocog.evaluate.predictions import read_predictions

from .command import Server


@pytest.fixture(scope="module")
def other(neocog: Server, idx: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another run of the same net, less trained."""
    run = tmp_path_factory.mktemp("runs") / "other"
    neocog("train", idx, "--net", "tiny", "--batch", 32, "--epochs", 3, "--seed", 1, "--out", run).check(0)
    return run


def test_a_training_leaves_what_was_said_of_its_test_pictures(neocog: Server, finished: Path, idx: Path):
    """The figures of the run are those of the folder, counted here anew."""
    kept = read_predictions(finished / "test")
    assert len(kept) == 200 and kept.data["split"] == "test" and kept.net == "tiny"
    wrong = 100 * float((kept.log_probabilities.argmax(1) != kept.labels).mean())
    (tested,) = [e for e in map(json.loads, (finished / "events.jsonl").open()) if e["event"] == "test"]
    judged = neocog("evaluate", finished, idx, "--json").check(0).json()
    assert tested["top1_error"] == judged["top1_error"] == pytest.approx(wrong)
    assert {"top1_error", "top5_error", "n", "protocol", "ci95"} <= set(judged) and judged["n"] == 200
    mistakes = sum(n for _, _, n in judged["confusion"]["pairs"])
    assert mistakes == round(wrong * 2) and all(i != j for i, j, _ in judged["confusion"]["pairs"])


def test_protocols_are_compared_with_the_first(neocog: Server, finished: Path, idx: Path):
    texts = ["1crop", "10crop@32", "dense@32+50crop@32", "dense@32:scores"]
    found = neocog("evaluate", finished, idx, "--json", "--per-class", "--protocol", *texts).check(0).json()
    ids = [one["protocol"] for one in found["protocols"]]
    assert found["protocol"] == ids[0] and len(set(ids)) == 4 and "10crop-32-28-bilinear-aa" in ids
    assert [one["n"] for one in found["protocols"]] == [200] * 4
    for one, compared in zip(found["protocols"][1:], found["compared"], strict=True):
        assert compared["difference"] == pytest.approx(one["top1_error"] - found["top1_error"], abs=1e-3)
        low, high = compared["ci95"]
        assert low <= compared["difference"] <= high and compared["p"] <= compared["p_holm"]
    assert sum(row["wrong"] for row in found["per_class"]) == round(found["top1_error"] * 2)
    assert found["dense"][0]["side"] == 32 and found["dense"][0]["saving"] > 0
    text = neocog("evaluate", finished, idx, "--per-class", "--protocol", *texts[::2]).check(0).out
    for words in ("dense at 32: ", "fewer than", "points of error", "McNemar", "taken for"):
        assert words in text


def test_an_evaluation_goes_on_where_it_was_stopped(neocog: Server, finished: Path, idx: Path, tmp_path: Path):
    whole = tmp_path / "whole"
    neocog("evaluate", finished, idx, "--protocol", "50crop@32", "--out", whole).check(0)
    scores = (whole / "scores.f32").read_bytes()
    for number, code, out in ((signal.SIGKILL, -9, "killed"), (signal.SIGINT, 130, "asked")):
        part = tmp_path / out
        running = neocog.start("evaluate", finished, idx, "--protocol", "50crop@32", "--out", part)
        running.until(lambda part=part: (part / "scores.f32").exists() and (part / "scores.f32").stat().st_size > 0)
        running.kill(number)
        stopped = running.wait()
        if stopped.code != 0:  # else it was quicker than we
            assert stopped.code == code and len((part / "scores.f32").read_bytes()) < len(scores)
        again = neocog("evaluate", finished, idx, "--protocol", "50crop@32", "--out", part, "--json").check(0)
        assert (part / "scores.f32").read_bytes() == scores and again.json()["n"] == 200
    neocog("evaluate", finished, idx, "--out", whole).complaint("something else", "--out")


def test_ensembles_and_comparisons(neocog: Server, finished: Path, other: Path, idx: Path, tmp_path: Path):
    one = read_predictions(finished / "test")
    neocog("evaluate", other, idx, "--out", tmp_path / "b").check(0)
    two = read_predictions(tmp_path / "b")
    want = np.exp(one.log_probabilities.astype(float)) + np.exp(two.log_probabilities)
    found = neocog("evaluate", finished, idx, "--ensemble", other, "--json").check(0).json()
    assert found["top1_error"] == pytest.approx(100 * float((want.argmax(1) != one.labels).mean()))
    assert found["protocol"].startswith("ensemble of 2: ")
    a, b = (p.log_probabilities.argmax(1) != p.labels for p in (one, two))
    for rival in (other, tmp_path / "b"):
        (compared,) = neocog("evaluate", finished, idx, "--against", rival, "--json").check(0).json()["compared"]
        assert compared["difference"] == pytest.approx(100 * (a.mean() - b.mean())) and compared["n"] == 200
    assert "points of error" in neocog("evaluate", finished, idx, "--against", other).check(0).out


def test_the_sheet_shows_every_view(neocog: Server, finished: Path, idx: Path, tmp_path: Path):
    sheet = tmp_path / "sheet.png"
    neocog("evaluate", finished, idx, "--protocol", "144crop@32,36,40,44+dense@40+1crop", "--sheet", sheet).check(0)
    page = np.asarray(Image.open(sheet).convert("RGB"))
    assert page.shape[1] == 1360 and page.shape[0] > 1500 and (page != 255).any(2).mean() > 0.15
    neocog("evaluate", finished, idx, "--sheet", tmp_path / "sheet.xyz").complaint("sheet.xyz", ".png")


def test_slips_are_told_before_anything_is_judged(neocog: Server, finished: Path, idx: Path, tmp_path: Path):
    neocog("evaluate", finished, "no-such-data", "--protocol", "11crop").complaint("11crop", "did you mean")
    neocog("evaluate", finished, idx, "--protocol", "10crop").complaint("no border", "10crop@32")
    neocog("evaluate", finished, idx, "--protocol", "dense@20").complaint("too small for tiny")
    neocog("evaluate", finished, idx, "--against", tmp_path / "none").complaint("none", "no such run")


def test_unreadable_pictures_are_named_and_not_counted(neocog: Server, finished: Path, tmp_path: Path):
    from neocog.pictures.embedded import digits

    images, labels = digits()
    for i in range(0, 5000, 250):
        folder = tmp_path / "more" / str(labels[i])
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[i]).save(folder / f"{i}.png")
    bad = tmp_path / "more" / "0" / "cut.png"
    bad.write_bytes((tmp_path / "more" / "0" / "0.png").read_bytes()[:150])
    for protocol in ("1crop", "10crop@32"):
        found = neocog("evaluate", finished, tmp_path / "more", "--protocol", protocol, "--json", "--out", tmp_path / protocol)
        judged = found.check(3).json()
        assert judged["n"] == 20 and [f["file"] for f in judged["failed"]] == ["0/cut.png"]


@pytest.mark.slow
def test_several_processes_judge_each_picture_once(neocog: Server, finished: Path, idx: Path, tmp_path: Path):
    """Three processes: another share for each, and the same bytes as of one."""
    neocog("evaluate", finished, idx, "--protocol", "10crop@32", "--out", tmp_path / "one").check(0)
    together = neocog(
        "launch", "-n", 3, "evaluate", finished, idx, "--protocol", "10crop@32", "--out", tmp_path / "three", "--json"
    )
    assert together.check(0).json()["n"] == 200
    assert (tmp_path / "three" / "scores.f32").read_bytes() == (tmp_path / "one" / "scores.f32").read_bytes()
    shutil.rmtree(tmp_path / "three")
