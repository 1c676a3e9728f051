"""Figure 4 of a run, and the three methods on the command line: what they say is what the snapshots' weights give."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from neocog.errors import UserError
from neocog.explain import evolve, exemplars, snapshots, strongest
from neocog.pictures import load_data
from neocog.runs import load_predictor
from neocog.weights import read_safetensors, write_safetensors

TEXT = "INPUT 1x28x28 CONV 5x5/2 4 BN RELU POOL 2/2 CONV 3x3 5 RELU GAP FC 10"


@pytest.fixture(scope="module")
def trained(neocog, idx, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("evolution") / "run"
    neocog("train", idx, "--net", TEXT, "--steps", 9, "--snapshots", 3, "--out", out).check(0)
    return out


def test_each_snapshot_answers_for_itself(trained: Path, idx: Path, tmp_path: Path):
    pictures = load_data(str(idx)).train.subset(range(60))
    found = evolve(trained, pictures, n=2, folder=tmp_path)
    assert found.steps == tuple(snapshots(trained)) == (3, 6, 9) and found.looked == 60
    assert len({len(ones) for ones in found.layers.values()} | {3}) == 1
    for path, ones in found.layers.items():
        assert all(one.maps == ones[-1].maps and one.values.shape == (2, 1) for one in ones)
        for step, one in zip(found.steps, ones, strict=True):
            model = load_predictor(trained / "snapshots" / f"step-{step:07}.safetensors").model
            again = exemplars(model, pictures, strongest(model, pictures, [path], 1).layers[path], one.maps)
            assert np.array_equal(one.pictures, again.pictures) and np.allclose(one.values, again.values, atol=1e-5)
            assert np.allclose(one.projections, again.projections, atol=1e-5)
        moved = found.moved(path)
        assert not moved[0].any() and (moved[1] == (ones[1].pictures[:, 0] != ones[0].pictures[:, 0])).all()
    assert len(found.filters) == 3 and not np.array_equal(found.filters[0].weights, found.filters[2].weights)
    seen: list[int] = []
    evolve(trained, pictures, n=2, folder=tmp_path, on_progress=lambda step, done, total: seen.append(done))
    assert seen == [60] * 3, "each snapshot's pass was kept"


def test_a_run_without_snapshots_is_told(tmp_path: Path):
    with pytest.raises(UserError, match="kept no weights on its way: train with --snapshots"):
        snapshots(tmp_path)


def test_the_commands(neocog, trained: Path, idx: Path, tmp_path: Path):
    def explain(method: str, *more: object):
        return neocog("explain", trained, "--method", method, "--cache", tmp_path / "kept", *more)

    said = explain("top9", "--data", idx, "--out", tmp_path / "t.svg", "--json", "--arrays", tmp_path / "t.npz").check(0)
    facts = json.loads(said.out)
    assert facts["pictures"] == 200 and [layer["path"] for layer in facts["layers"]] == ["relu1", "relu2"]
    first = facts["layers"][0]["maps"][0]
    arrays = np.load(tmp_path / "t.npz")
    assert np.allclose(first["values"], arrays["relu1.values"][first["map"]], atol=1e-5)
    assert arrays["relu2.projections"].shape[:2] == arrays["relu2.patches"].shape[:2]
    svg = (tmp_path / "t.svg").read_text("utf-8")
    assert svg.startswith("<svg") and f"map {first['map']}" in svg and "deconvnet from that one unit" in svg
    one = explain("top9", "--data", idx, "--layer", "conv2", "--unit", 3, "--out", tmp_path / "u.png", "--json").check(0)
    assert [m["map"] for m in json.loads(one.out)["layers"][0]["maps"]] == [3]
    explain("top9", "--data", idx, "--layer", "conv2", "--unit", 5, "--out", tmp_path / "u.png").complaint("0 to 4")
    explain("top9", "--data", idx, "--unit", 3, "--out", tmp_path / "u.png").complaint("--layer")
    explain("top9", "--out", tmp_path / "u.png").complaint("--data")
    facts = json.loads(explain("filters", "--data", idx, "--out", tmp_path / "f.png", "--json").check(0).out)
    assert facts["shape"] == [4, 1, 5, 5] and facts["folded"] and facts["pictures"] == 200 and facts["silent"] is not None
    neocog("explain", "lenet5", "--method", "filters", "--out", tmp_path / "l.svg").check(0)
    facts = json.loads(
        explain("evolution", "--data", idx, "--pictures", 50, "--out", tmp_path / "e.png", "--json").check(0).out
    )
    assert facts["steps"] == [3, 6, 9] and facts["pictures"] == 50 and facts["split"] == "train"


def test_a_snapshot_of_nan_has_no_winner(neocog, trained: Path, idx: Path, tmp_path: Path):
    """A map without an answer is told as nothing, not as the last picture; the facts stay JSON."""
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    file = run / "snapshots" / "step-0000006.safetensors"
    values, meta = read_safetensors(file)
    values["conv1.weight"] = values["conv1.weight"] * np.nan
    write_safetensors(file, values, meta)
    common = ("--data", idx, "--pictures", 20, "--cache", tmp_path / "kept", "--out", tmp_path / "e.svg", "--json")
    told = neocog("explain", run, "--method", "evolution", *common).check(0).out
    assert "NaN" not in told and "Infinity" not in told
    one = json.loads(told)["layers"][0]["maps"][0]
    for name in ("values", "pictures", "places"):
        assert [value is None for value in one[name]] == [False, True, False]


def test_two_wishes_for_the_same_are_refused(neocog, trained: Path, idx: Path, digit: Path, tmp_path: Path):
    for method, *more in (("top9", "--data", idx), ("evolution", "--data", idx), ("deconvnet",)):
        picture = (digit,) if method == "deconvnet" else ()
        wish = ("--method", method, *more, "--layer", "relu1", "--unit", 1, "--n", 2, "--out", tmp_path / "x.svg")
        neocog("explain", trained, *picture, *wish).complaint("--n", "--unit")
    wish = ("--method", "top9", "--data", idx, "--split", "best", "--out", tmp_path / "x.svg")
    neocog("explain", trained, *wish).complaint("--split", "'test'")
