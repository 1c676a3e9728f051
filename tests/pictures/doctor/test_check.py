"""Every planted fault is found, and nothing else is accused."""

import os

import numpy as np
import pytest
from PIL import Image

from neocog.errors import BadPicture, DataError
from neocog.pictures import ArrayPictures, Dataset, load_folder
from neocog.pictures.doctor import check, quick_findings, too_many_bad
from neocog.pictures.doctor.finding import KINDS, UNUSABLE

from .hospital import hostile, photo


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    root = tmp_path_factory.mktemp("hospital") / "photos"
    return root, hostile(root)


def found(report) -> dict[str, set[str]]:
    return {finding.kind: set(finding.files) for finding in report.findings}


@pytest.mark.parametrize("workers", [1, 3])
def test_every_planted_fault_is_found_and_nothing_else_accused(hospital, workers):
    root, wanted = hospital
    seen = []
    report = check(root, on_progress=lambda *step: seen.append(step), workers=workers)
    assert found(report) == wanted
    assert sum(len(names) for kind, names in wanted.items() if not kind.endswith("-class")) >= 40
    files = [path for path in root.rglob("*") if path.is_symlink() or not path.is_dir()]
    left_out = sum(len(wanted[kind]) for kind in ("other", "unnamed", "outside"))
    assert report.pictures == len(files) - left_out
    assert report.usable == report.pictures - sum(len(wanted.get(kind, ())) for kind in UNUSABLE)
    assert report.counts["test"] == {"cats": 4, "dogs": 4, "foxes": 0, "hares": 0, "wolves": 1}
    assert [step for step in seen if step[0] == "examining"][-1][1:] == (report.pictures, report.pictures)
    (copies,) = report.of("duplicate")
    assert set(copies.groups[0]) == {f"train/cats/{name}" for name in ("copied.jpg", "copied.png", "ok04.jpg")}
    (lying,) = report.of("wrong-extension")
    assert dict(zip(lying.files, lying.why, strict=True)) == {
        "train/cats/really_gif.png": "a GIF", "train/cats/really_png.jpg": "a PNG"}  # fmt: skip


def test_quick_sees_what_headers_and_sizes_tell(hospital):
    root, wanted = hospital
    report = check(root, quick=True)
    seen = found(report)
    missed = {"blank", "near-duplicate", "near-leak", "near-two-labels", "undecodable"}
    partly = {"truncated", "grey-among-colour", "duplicate"}  # inside the file; three equal channels; another format
    assert set(seen) == set(wanted) - missed | {"duplicate"}
    for kind in set(wanted) - missed - partly:
        assert seen[kind] == wanted[kind], kind
    assert seen["truncated"] == {"train/cats/cut_early.jpg", "train/cats/cut_early.png"}
    assert seen["grey-among-colour"] == wanted["grey-among-colour"] - {"train/dogs/grey_in_rgb.png"}
    assert seen["duplicate"] == {f"train/{name}.jpg" for name in ("cats/ok04", "cats/copied", "dogs/blank", "dogs/blank2")}


def test_every_kind_has_words_and_the_hospital_has_nearly_every_kind(hospital):
    unseen = set(KINDS) - set(hospital[1])
    assert unseen == {"no-permission", "unreadable-folder", "one-class", "imbalance", "giveaway", "layout", "crowd",
                      "colour-among-grey", "incomplete"}  # fmt: skip
    assert all(kind.severity in ("error", "warning", "note") and kind.advice for kind in KINDS.values())


def put(root, **classes) -> None:
    """{class: pictures}."""
    for label, pictures in classes.items():
        (root / label).mkdir(parents=True)
        for i, picture in enumerate(pictures):
            picture.save(root / label / f"{i:03}.png")


def test_a_healthy_folder_has_nothing_to_complain_of(tmp_path):
    put(tmp_path / "p", a=[photo(i) for i in range(10)], b=[photo(i) for i in range(20, 30)])
    report = check(tmp_path / "p")
    assert report.findings == () and report.size == (160, 120) and report.usable == 20


def test_imbalance_one_class_and_a_class_that_its_size_gives_away(tmp_path):
    put(tmp_path / "p", many=[photo(i, 40, 40) for i in range(110)], few=[photo(i, 40, 40) for i in range(200, 210)])
    (finding,) = check(tmp_path / "p").findings
    assert finding.kind == "imbalance" and "110 of 'many' against 10 of 'few', 11:1" in finding.words
    assert "count like 1.3 equal ones" in finding.words  # exp of the entropy of (11/12, 1/12)
    put(tmp_path / "q", only=[photo(i, 40, 40) for i in range(10)])
    assert [f.kind for f in check(tmp_path / "q").findings] == ["one-class"]
    put(tmp_path / "r", wide=[photo(i, 50, 40) for i in range(30)], high=[photo(i, 40, 50) for i in range(50, 80)])
    (finding,) = check(tmp_path / "r").findings
    assert finding.kind == "giveaway" and "size alone tells the class of 100 %" in finding.words


def test_colour_among_grey_and_a_crowd(tmp_path):
    scene = photo(0, 64, 64)
    film = [scene.point(lambda v, k=k: min(v + k % 7, 255)).convert("L") for k in range(101)]
    for k, frame in enumerate(film):
        frame.putpixel((k % 64, k // 64), 0)
    put(tmp_path / "p", film=[*film, photo(1, 64, 64)], other=[photo(i, 64, 64).convert("L") for i in range(50, 65)])
    report = check(tmp_path / "p")
    assert {f.kind: len(f.files) for f in report.findings} == {"crowd": 101, "colour-among-grey": 1}


def test_what_is_no_data_set_is_told(tmp_path):
    with pytest.raises(DataError, match="does not exist"):
        check(tmp_path / "none")
    with pytest.raises(DataError, match="it holds no class folders"):
        check(tmp_path)
    photo(0).save(tmp_path / "1.png")
    with pytest.raises(DataError, match="1 file lie directly in it"):
        check(tmp_path)


def test_locked_folders_and_files(tmp_path):
    put(tmp_path / "p", a=[photo(i) for i in range(10)], b=[photo(i) for i in range(20, 30)])
    (tmp_path / "p" / "a" / "inner").mkdir()
    locked = [tmp_path / "p" / "a" / "inner", tmp_path / "p" / "b" / "000.png"]
    for path in locked:
        path.chmod(0)
    try:
        if os.access(locked[0], os.R_OK):
            pytest.skip("this user may read everything")
        seen = found(check(tmp_path / "p"))
        assert seen["unreadable-folder"] == {"a/inner"} and seen["no-permission"] == {"b/000.png"}
    finally:
        for path in locked:
            path.chmod(0o755)


def array_set(images: np.ndarray, labels, test=None) -> Dataset:
    def part(x, y, name):
        return ArrayPictures(x, y, ["a", "b"], name)

    return Dataset("set", ("a", "b"), part(images, labels, "set/train"), None,
                   part(*test, "set/test") if test else None, "", True)  # fmt: skip


def test_sets_in_memory(tmp_path):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (60, 28, 28, 1), np.uint8)
    images[7], images[9] = images[3], images[4]
    labels = np.arange(60) % 2
    data = array_set(images, labels, (images[[5, 30, 31]], labels[[5, 30, 31]]))
    data.test.arrays[1:] = rng.integers(0, 256, (2, 28, 28, 1), np.uint8)
    wanted = {
        "leak": (("set/train[5]", "set/test[0]"),),
        "two-labels": (("set/train[4]", "set/train[9]"),),
        "duplicate": (("set/train[3]", "set/train[7]"),),
    }
    for findings in (check(data).findings, quick_findings(data)):
        assert {f.kind: tuple(map(tuple, f.groups)) for f in findings} == wanted


def test_quick_findings_of_a_folder_that_is_about_to_be_trained_on(tmp_path):
    put(tmp_path / "p", a=[photo(i, 40, 40) for i in range(99)], b=[photo(i, 40, 40) for i in range(200, 208)])
    (tmp_path / "p" / "b" / "bad.png").write_bytes(b"")
    (tmp_path / "p" / "a" / "copy.png").write_bytes((tmp_path / "p" / "a" / "000.png").read_bytes())
    data = load_folder(tmp_path / "p", test_fraction=0, val_fraction=0)
    findings = quick_findings(data)
    assert [f.kind for f in findings] == ["empty", "duplicate", "tiny-class", "imbalance"]
    assert findings[0].sentence == "1 file: empty (0 bytes): b/bad.png (empty file): get them again"
    assert findings[1].sentence.startswith("2 files: copies within one class: a/000.png, a/copy.png: keep one")
    assert [f.kind for f in quick_findings(data, seconds=0)] == ["empty", "tiny-class", "imbalance", "incomplete"]
    # a copy that a split has parted is a leak
    parted = Dataset("p", data.classes, data.train.subset(range(50)), None, data.train.subset(range(50, 107)), "", True)
    assert [tuple(f.groups) for f in quick_findings(parted) if f.groups] == [(("a/000.png", "a/copy.png"),)]
    assert quick_findings(parted)[0].kind == "leak"


def test_too_many_bad():
    bad = [BadPicture(f"{i}.jpg", "empty file") for i in range(6)]
    too_many_bad(bad, 120)
    too_many_bad([], 0)
    too_many_bad(bad, 10, limit=0.6)
    with pytest.raises(DataError) as caught:
        too_many_bad(bad, 119)
    assert str(caught.value).startswith("6 of 119 pictures (5.0 %) cannot be read, more than 5 %: 0.jpg (empty file), ")
    assert "and 3 more" in str(caught.value) and "--max-bad" in str(caught.value)


def test_a_grey_copy_of_a_mode_is_no_copy_of_another_shape(tmp_path):
    """The hash of the pixels holds the mode and the size: the same bytes in another shape are another picture."""
    values = np.random.default_rng(0).integers(0, 256, 64 * 48, np.uint8)
    shapes = [Image.fromarray(values.reshape(64, 48)), Image.fromarray(values.reshape(48, 64)),
              Image.fromarray(values.reshape(32, 32, 3))]  # fmt: skip
    put(tmp_path / "p", a=shapes, b=[photo(0)])
    assert not check(tmp_path / "p").of("duplicate", "near-duplicate")


def test_no_more_pictures_are_opened_than_the_workers_need(tmp_path, monkeypatch):
    """However slowly the results are taken: what was examined waits in memory."""
    from neocog.pictures.doctor import checking
    from neocog.pictures.names import Names

    begun = []
    monkeypatch.setattr(checking, "examine", lambda path, name, quick: begun.append(name))
    for taken, _ in enumerate(checking._examined(tmp_path, Names(map(str, range(500))), False, workers=3)):
        assert len(begun) <= taken + 1 + 4 * 3 + 1
    assert len(begun) == 500
