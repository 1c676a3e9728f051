"""`neocog leaderboard`: tables in text and as an object, what runs reached beside them, and wishes that match nothing."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


def test_text_and_object_say_the_same(neocog):
    text = neocog("leaderboard", "--all").check(0).out
    tables = neocog("leaderboard", "--json").check(0).json()["tables"]
    titles = [line for line in text.splitlines() if line and not line.startswith(" ")]
    assert len([t for t in titles if " · " in t]) == len(tables) > 30
    for table in tables:
        assert len(table["rows"]) == table["of"]
        places = [row["rank"] for row in table["rows"] if row["rank"] is not None]
        assert places == sorted(places) and (not places or places[0] == 1)
        for row in table["rows"]:
            assert f"{row['top1_error']:.2f}" in text if row["top1_error"] is not None else row["top5_error"] is not None
    assert "unverified" in text and "they compare within a table only" in text


def test_16_4_and_18_2_stand_apart(neocog):
    """Row 84 of the scope: one AlexNet and five, one ResNet and six."""
    tables = neocog("leaderboard", "--json").check(0).json()["tables"]
    where = {(row["net"], row["top5_error"]): i for i, table in enumerate(tables) for row in table["rows"]}
    assert where["alexnet", 16.4] != where["alexnet", 18.2] and where["resnet152", 3.57] != where["resnet152", 4.49]
    nets = {(row["net"], row["top5_error"]): row["nets"] for table in tables for row in table["rows"]}
    assert (nets["alexnet", 16.4], nets["alexnet", 18.2], nets["resnet152", 3.57]) == (5, 1, 6)


def test_a_networks_places_are_among_all(neocog):
    text = neocog("leaderboard", "resnet152", "--protocol", "10crop").check(0).out
    assert "resnet152.caffe" in text and "alexnet" not in text and "ranks are among all" in text
    (table,) = (
        neocog("leaderboard", "resnet34", "--protocol", "10crop", "--data", "ilsvrc val", "--json").check(0).json()["tables"]
    )
    assert {row["net"] for row in table["rows"]} == {"resnet34", "resnet34.a", "resnet34.c"}
    assert all(row["rank"] > 5 for row in table["rows"]) and table["of"] > 10


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nothing-like-it"], ["nothing-like-it", "neocog list"]),
        (["--data", "svhn"], ["svhn", "CIFAR-10 test"]),
        (["--protocol", "7crop"], ["7crop", "144 crops"]),
        (["lenet5", "--protocol", "144crop"], ["lenet5 144crop", "leave one of them out"]),
        (["--runs", "no-such-folder"], ["no-such-folder"]),
        (["--runs", "."], ["holds no run"]),
    ],
)
def test_what_matches_nothing_is_told_in_one_line(neocog, args, words):
    neocog("leaderboard", *args).complaint(*words)


def test_neither_torch_nor_numpy_is_loaded():
    program = ("import sys; from neocog.cli import main; code = main(['leaderboard', 'alexnet'])\n"
               "print([m for m in ('torch', 'numpy', 'PIL') if m in sys.modules], code)")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] 0"


def cifar_run(finished: Path, to: Path, net: str, top1: float, **config) -> None:
    """A tested run on CIFAR-10, by another run's files."""
    shutil.copytree(finished, to)
    plain = json.loads((to / "config.json").read_text())
    plain |= {"net": net, "data": {**plain["data"], "spec": "cifar10", "name": "cifar10", "n_test": 10_000}}
    plain["recipe"]["augment"] = config.get("augment", [])
    (to / "config.json").write_text(json.dumps(plain))
    test = {"event": "test", "step": 1, "top1_error": top1, "top5_error": 0.5, "n": 10_000, "protocol": "native-32",
            "ci95": [top1 - 0.5, top1 + 0.5], "majority_error": 90.0, "failed": []}  # fmt: skip
    (to / "events.jsonl").write_text(json.dumps(test) + "\n")


def test_runs_stand_where_they_compare(neocog, finished: Path, tmp_path: Path):
    runs = tmp_path / "runs"
    cifar_run(finished, runs / "a", "resnet56.cifar", 6.5, augment=["crop", "flip"])
    cifar_run(finished, runs / "deep" / "b", "nin.cifar10", 11.0)
    cifar_run(finished, runs / "c", "nin.cifar10", 9.0, augment=["mixup=0.2", "flip"])
    (runs / "a-file.txt").touch()
    (runs / "broken").mkdir()
    (runs / "broken" / "config.json").write_text("{")
    shutil.copytree(finished, runs / "own")
    tables = neocog("leaderboard", "--runs", runs, "--json").check(0).json()["tables"]
    rows = {Path(row["where"]).name: (table, row) for table in tables for row in table["rows"]
            if row["source"] == "measured" and str(runs) in row["where"]}  # fmt: skip
    assert rows.keys() == {"a", "b", "c", "own"}

    table, row = rows["a"]
    assert (table["pictures"], table["training"]) == ("CIFAR-10 test", "with shifts and flips")
    assert {"resnet56.cifar", "wrn28_10.cifar"} <= {r["net"] for r in table["rows"]}
    assert (row["top1_error"], row["n"], row["ci95"], row["protocol"]) == (6.5, 10_000, [6.0, 7.0], "native-32")
    better = [r["top1_error"] for r in table["rows"] if r["top1_error"] < 6.5]
    assert row["rank"] == 1 + len(better)
    assert rows["b"][0]["training"] == "without augmentation" and "allcnn_c" in {r["net"] for r in rows["b"][0]["rows"]}
    assert rows["c"][0]["training"] == "with flip, mixup" and len(rows["c"][0]["rows"]) == 1, "with like only"
    own = rows["own"][0]
    assert own["pictures"].startswith("idx (200 test pictures, fingerprint ") and len(own["rows"]) == 1
    test = [json.loads(line) for line in (finished / "events.jsonl").read_text().splitlines() if '"event": "test"' in line][-1]
    assert rows["own"][1]["top1_error"] == test["top1_error"] and rows["own"][1]["ci95"] == test["ci95"]

    text = neocog("leaderboard", "resnet56.cifar", cwd=tmp_path).check(0).out  # runs/ is looked at by itself
    assert "● measured, 6.00 to 7.00 (n 10,000, native-32) runs/a" in text
    only = neocog("leaderboard", "--runs", runs / "deep" / "b", "--data", "cifar10").check(0).out
    assert "deep/b" in only and "runs/a" not in only


def test_the_picture_is_whole_or_not_there(neocog, tmp_path: Path):
    out = tmp_path / "board.svg"
    assert "errors in" in neocog("leaderboard", "--out", out).check(0).out
    assert out.read_text("utf-8").endswith("</svg>\n")
    found = neocog("leaderboard", "--data", "cifar10", "--out", tmp_path / "c.svg", "--json").check(0).json()
    assert {table["pictures"] for table in found["tables"]} == {"CIFAR-10 test"}
    neocog("leaderboard", "--out", tmp_path / "board.png").complaint("ends in .svg")
    assert {p.name for p in tmp_path.iterdir()} == {"board.svg", "c.svg"}
