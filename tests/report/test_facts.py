"""What the panels are told, against the same figures worked out the long way from the raw files of the run."""

import json
from pathlib import Path

import numpy as np
import pytest

from neocog.errors import UserError
from neocog.explain.attribution.methods import METHODS
from neocog.explain.inside import input_of
from neocog.explain.targets import classes
from neocog.report.plain import clean, thinned
from neocog.report.run import run_report
from neocog.report.source import open_run
from neocog.runs import load_predictor

from .conftest import Make


def raw(run: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Probabilities N×C, labels and names, straight from the files."""
    classes = json.loads((run / "test" / "evaluation.json").read_text())["classes"]
    rows = [line.split("\t") for line in (run / "test" / "pictures.tsv").read_text().splitlines()]
    scores = np.fromfile(run / "test" / "scores.f32", "<f4").reshape(-1, len(classes)).astype(float)
    return np.exp(scores), np.array([int(label) for label, _ in rows]), [name for _, name in rows]


def test_headline_confusion_and_classes_are_what_counting_gives(photo_run: Path, report: dict) -> None:
    p, labels, _ = raw(photo_run)
    said = p.argmax(1)
    result, n = report["panels"]["headline"]["result"], len(labels)
    assert result["n"] == n == 100 and result["wrong"] == int((said != labels).sum()) > 5
    assert result["top1_error"] == pytest.approx(100 * (said != labels).mean(), abs=1e-4)
    assert result["majority_error"] == 75 and result["top5_error"] is None
    assert result["ci95"][0] < result["top1_error"] < result["ci95"][1]
    counted = {(own, taken): 0 for own in range(4) for taken in range(4)}
    for own, taken in zip(labels.tolist(), said.tolist(), strict=True):
        counted[own, taken] += 1
    assert {(r, c): k for r, c, k in report["panels"]["confusion"]["cells"]} == {k: v for k, v in counted.items() if v}
    for i, row in enumerate(report["panels"]["classes"]["table"]):
        assert row["n"] == 25 and row["wrong"] == 25 - counted[i, i] and row["learned"] == 3
        assert row["precision"] == pytest.approx(100 * counted[i, i] / sum(counted[k, i] for k in range(4)), abs=1e-4)


def test_mistakes_are_the_surest_first_and_cells_hold_their_own_pictures(photo_run: Path, report: dict) -> None:
    p, labels, names = raw(photo_run)
    said = p.argmax(1)
    wrong = sorted(np.flatnonzero(said != labels).tolist(), key=lambda i: -p[i, said[i]])
    assert report["panels"]["mistakes"]["surest"] == wrong[:48]
    for own, taken, indices in report["panels"]["confusion"]["behind"]:
        assert indices and all((labels[i], said[i]) == (own, taken) for i in indices)
    for key, (name, own, taken, sure, own_sure) in report["rows"].items():
        i = int(key)
        assert (name, own, taken) == (names[i], labels[i], said[i])
        assert [sure, own_sure] == pytest.approx([p[i, taken], p[i, own]], abs=1e-4)
    assert set(report["pictures"]) == set(report["rows"]), "a hundred pictures all have room"


def test_reliability_and_coverage_are_what_sorting_gives(photo_run: Path, report: dict) -> None:
    p, labels, _ = raw(photo_run)
    sure, right = p.max(1), p.argmax(1) == labels
    gap, told = 0.0, report["panels"]["calibration"]
    for k, one in enumerate(told["bins"]):
        inside = (sure > k / 15) & (sure <= (k + 1) / 15)
        assert one["n"] == inside.sum()
        if inside.any():
            assert one["confidence"] == pytest.approx(100 * sure[inside].mean(), abs=1e-3)
            assert one["accuracy"] == pytest.approx(100 * right[inside].mean(), abs=1e-3)
            gap += inside.sum() * abs(right[inside].mean() - sure[inside].mean())
    assert told["ece"] == pytest.approx(gap, abs=1e-3)
    order = np.argsort(-sure)
    for share, error, threshold in told["curve"]:
        k = round(share)
        assert error == pytest.approx(100 * (~right[order[:k]]).mean(), abs=1e-3)
        assert threshold == pytest.approx(100 * sure[order[k - 1]], abs=1e-3)


def test_looking_inside_shows_what_spoke_for_either_class(photo_run: Path, report: dict) -> None:
    """Maps of the surest mistakes: Grad-CAM's own, on one scale for both classes; without weights there is no panel."""
    told, (p, labels, _) = report["panels"]["inside"], raw(photo_run)
    predictor, data = load_predictor(photo_run), open_run(photo_run)
    assert told["method"] == "Grad-CAM" and predictor.model.arch.by_path[told["layer"]]
    assert [row["i"] for row in told["rows"]] == report["panels"]["mistakes"]["surest"][:8]
    seen = 0
    for row in told["rows"]:
        i = row["i"]
        x = input_of(predictor.model, predictor.preprocessing.image(data.pictures.picture(int(data.at[i]))))
        maps = [METHODS["grad-cam"].run(predictor.model, x, classes([c]))[0] for c in (int(p[i].argmax()), int(labels[i]))]
        largest = max(float(one.max()) for one in maps)
        assert row["share"] == pytest.approx([float(one.max()) / largest if largest else 0 for one in maps], abs=2e-3)
        seen += row["taken"] != row["own"]
        assert all(row[key].startswith("data:image/") for key in ("plain", "taken", "own"))
    assert seen, "not once did the two classes' maps differ"
    (photo_run / "last.safetensors").rename(photo_run / "away")
    try:
        assert "inside" not in run_report(open_run(photo_run), "r.html", budget=0)["panels"]
    finally:
        (photo_run / "away").rename(photo_run / "last.safetensors")


def test_curves_comparison_and_commands(photo_run: Path, photos: Path, report: dict) -> None:
    panels = report["panels"]
    assert panels["curves"]["loss"] == [[step, pytest.approx(3 / step, abs=1e-5)] for step in range(1, 41)]
    assert panels["curves"]["validation_error"] == [[10, 50.0], [20, 40.0], [30, 30.0], [40, 20.0]]
    assert panels["curves"]["best"] == {"step": 30, "error": 30.0}
    assert panels["headline"]["seconds"] == 42.5
    ways = [(row["name"], row["error"]) for row in panels["comparison"]["validation"]]
    assert ways == [("hog-svm", 22.5), ("", 30.0), ("chance", 75.0)]
    train = panels["setting"]["commands"][0]["command"]
    assert train == f"neocog train {photos} --net lenet5.modern --lr 0.05 --steps 40 --seed 0 --out {photo_run}"


def test_another_run_is_compared_on_the_same_pictures(make: Make, photos: Path, photo_run: Path) -> None:
    other = make(photos, seed=1)
    row = run_report(open_run(photo_run), "r.html", [other], budget=0)["panels"]["comparison"]["runs"][0]
    (p, labels, _), (q, _, _) = raw(photo_run), raw(other)
    mine, theirs = p.argmax(1) != labels, q.argmax(1) != labels
    assert row["difference"] == pytest.approx(100 * (mine.mean() - theirs.mean()), abs=1e-4)
    assert row["difference_ci95"][0] < row["difference"] < row["difference_ci95"][1] and 0 < row["p"] <= 1


def test_moved_and_changed_data(make: Make, photos: Path, tmp_path: Path) -> None:
    run = make(photos)
    moved = tmp_path / "moved"
    photos.rename(moved)
    try:
        gone = run_report(open_run(run), "r.html")
        assert gone["pictures"] == {} and str(photos) in gone["missing"] and gone["panels"]["mistakes"]["surest"]
        found = run_report(open_run(run, str(moved)), "r.html", budget=40_000)
        assert found["pictures"] and found["missing"] == ""
        (tmp_path / "else" / "x").mkdir(parents=True)
        (tmp_path / "else" / "y").mkdir()
        for name in ("x", "y"):
            (tmp_path / "else" / name / "p.jpg").write_bytes((moved / "test" / "ant" / "ant00.jpg").read_bytes())
        with pytest.raises(UserError, match="does not hold the pictures"):
            open_run(run, str(tmp_path / "else"))
    finally:
        moved.rename(photos)


def test_other_pictures_of_the_same_names_are_not_shown(make: Make, photos: Path) -> None:
    """MNIST and Fashion-MNIST call theirs t10k/0, t10k/1, …: only the classes tell."""
    run = make(photos)
    assert open_run(run, str(photos)).pictures is not None
    file = run / "test" / "pictures.tsv"
    rows = [line.split("\t") for line in file.read_text().splitlines()]
    file.write_text("".join(f"{(int(label) + 1) % 4}\t{name}\n" for label, name in rows))
    with pytest.raises(UserError, match="does not hold the pictures"):
        open_run(run, str(photos))


def test_an_unfinished_run_is_not_judged(make: Make, photos: Path) -> None:
    """Nothing reads the test split before the training has ended, a report neither."""
    import shutil

    run = make(photos)
    shutil.rmtree(run / "test")
    events = (run / "events.jsonl").read_text().splitlines()
    (run / "events.jsonl").write_text("\n".join(line for line in events if '"trained"' not in line) + "\n")
    report = run_report(open_run(run), "r.html")
    assert report["panels"]["headline"]["result"] is None and not report["panels"]["headline"]["finished"]
    assert "confusion" not in report["panels"] and not (run / "test").exists()


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain.jpg", "plain.jpg"),
        ("日本 עברית", "日本 עברית"),
        ("a\u202egpj.exe", "a\\u202egpj.exe"),
        ("tab\tnul\0", "tab\\u0009nul\\u0000"),
        (b"caf\xe9".decode("utf-8", "surrogateescape"), "caf\\xe9"),
        ("\ud800", "\\ud800"),
    ],
)
def test_names_are_shown_as_they_are_or_as_escapes(name: str, shown: str) -> None:
    assert clean(name) == shown
    assert clean(name).encode("utf-8")


def test_long_names_keep_their_ends_and_long_curves_their_mean() -> None:
    short = clean("x" * 5000 + "yz.jpg")
    assert len(short) <= 120 and short.endswith("yz.jpg") and "…" in short
    points = [(i, float(i % 7)) for i in range(2100)]
    found = thinned(points, 300)
    assert len(found) == 300 and found[-1][0] == 2099
    assert sum(y for _, y in found) / 300 == pytest.approx(sum(y for _, y in points) / 2100)
