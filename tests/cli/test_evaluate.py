"""`neocog evaluate`: protocols, folders that go on, ensembles, comparisons, the sheet; and what a training leaves behind."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neocog.cli import evaluate_split, main
from neocog.errors import BadPicture
from neocog.evaluate import Stopped, judge_once
from neocog.evaluate.once import told_test
from neocog.evaluate.predictions import read_predictions
from neocog.pictures import FilePictures, load_data
from neocog.pictures.sets import Dataset
from neocog.runs import RunFolder, load_predictor, read_config

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


def test_another_protocol_is_named_and_other_pictures_are_refused(neocog: Server, finished: Path, idx: Path, tmp_path: Path):
    neocog("evaluate", finished, idx, "--protocol", "10crop@32", "--out", tmp_path / "ten").check(0)
    said = neocog("evaluate", finished, idx, "--against", tmp_path / "ten").check(0).out
    assert f"{finished} by native-28" in said and f"{tmp_path / 'ten'} by 10crop-32-28-bilinear-aa" in said
    neocog("evaluate", finished, idx, "--split", "val", "--against", tmp_path / "ten").complaint("other pictures", "same split")


def test_a_test_goes_on_whoever_began_it(neocog: Server, finished: Path, idx: Path, tmp_path: Path):
    """One door stops in the middle, another one ends it: the same bytes, one event, and nobody judges again."""
    run, calls = tmp_path / "run", iter(range(100))
    shutil.copytree(finished, run)
    whole = (run / "test" / "scores.f32").read_bytes()
    shutil.rmtree(run / "test")
    lines = (run / "events.jsonl").read_text().splitlines(keepends=True)
    (run / "events.jsonl").write_text("".join(line for line in lines if json.loads(line)["event"] != "test"))
    folder, test = RunFolder(run), load_data(idx).test
    assert test is not None and told_test(folder) is None
    with pytest.raises(Stopped):
        judge_once(folder, test, lambda: load_predictor(run), "1crop", stop=lambda: next(calls) >= 0)
    config = json.loads((run / "config.json").read_text())
    config["data"] |= {"spec": "elsewhere/idx"}
    (run / "config.json").write_text(json.dumps(config))
    neocog("train", idx, "--out", run, "--resume").check(0)
    assert (run / "test" / "scores.f32").read_bytes() == whole
    before = (run / "events.jsonl").read_bytes()
    told = judge_once(folder, test, lambda: pytest.fail("judged already"))
    assert told.to_json() == told_test(RunFolder(finished)).to_json()  # pyright: ignore[reportOptionalMemberAccess]
    assert (run / "events.jsonl").read_bytes() == before and before.count(b'"event": "test"') == 1


def test_all_pictures_may_be_of_one_class(neocog: Server, finished: Path, tmp_path: Path):
    from neocog.pictures.embedded import digits

    (tmp_path / "mine" / "7").mkdir(parents=True)
    for i in range(3500, 3510):
        Image.fromarray(digits()[0][i]).save(tmp_path / "mine" / "7" / f"{i}.png")
    found = neocog("evaluate", finished, tmp_path / "mine", "--json").check(0).json()
    assert (found["n"], found["majority_error"], found["split"]) == (10, 0.0, "all pictures")
    neocog("train", tmp_path / "mine", "--net", "tiny").complaint("two or more classes")
    (tmp_path / "mine" / "7").rename(tmp_path / "mine" / "seven")
    neocog("evaluate", finished, tmp_path / "mine").complaint("knows no class 'seven'")


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


SLIPS = (
    ("--protocol", "10crop"), ("--protocol", "1crop", "dense@20"), ("--protocol", "1crpo"), ("--robust", "shfit"),
    ("--sheet", "a.xyz"), ("--against", "none"), ("--split", "tset"),
)  # fmt: skip


def test_slips_cost_no_loading_of_torch(finished: Path, idx: Path):
    slips = [["evaluate", str(finished), str(idx), *slip] for slip in SLIPS] + [["evaluate", str(finished), "no-data"]]
    code = f"""import sys
from neocog.cli import main
codes = [main(slip) for slip in {slips}]
assert codes == [2] * len(codes) and "torch" not in sys.modules, codes"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_data_is_listed_once(finished: Path, idx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where the run's own data lay, and anywhere else; twice only where the own data has moved."""
    config, calls = read_config(finished), []
    for i in range(6):
        (tmp_path / "other" / "01"[i % 2]).mkdir(parents=True, exist_ok=True)
        Image.new("L", (28, 28), 40 * i).save(tmp_path / "other" / "01"[i % 2] / f"{i}.png")
    shutil.copytree(idx, tmp_path / "moved")

    def counted(spec: str, **more: object) -> Dataset:
        calls.append(spec)
        return load_data(spec, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("neocog.pictures.load_data", counted)
    for spec, own, times in ((idx, True, 1), (tmp_path / "other", False, 1), (tmp_path / "moved", True, 2)):
        calls.clear()
        data, is_own = evaluate_split._load(str(spec), config)
        assert (is_own, len(calls), data.test is not None) == (own, times, own)


@pytest.mark.parametrize(
    ("train", "test", "bad", "named"),
    [
        (["train/a/0", "train/b/0"], ["test/a/1", "test/b/1"], "test/a/2", "gone"),
        (["train/a/0", "train/b/0"], ["test/a/1", "test/b/1"], "train/a/2", None),
        (["a/0", "b/0"], ["a/1", "b/1"], "a/2", "gone (in the data, of no split)"),
        (["a/0", "b/0"], [], "a/2", "gone"),
    ],
)
def test_only_the_splits_own_files_are_named(train: list[str], test: list[str], bad: str, named: str | None):
    splits = [FilePictures([Path("r") / name for name in names], [0, 1][: len(names)], "ab", "r") for names in (train, test)]
    data = Dataset("d", ("a", "b"), splits[0], None, splits[1] if test else None, "", True, (), (BadPicture(bad, "gone"),))
    found = evaluate_split.left_out(data, splits[1 if test else 0])
    assert [one.why for one in found] == ([] if named is None else [named])


def test_an_interrupt_at_the_very_beginning_is_one_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    class Interrupting(dict[str, str]):
        def __contains__(self, key: object) -> bool:
            raise KeyboardInterrupt

    monkeypatch.setattr("neocog.cli.os.environ", Interrupting())
    assert main(["list"]) == 130 and capsys.readouterr().err == "\nneocog: interrupted\n"


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
