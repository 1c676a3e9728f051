"""`neocog data check`: the report for people and for machines, its exit codes, and the way to quarantine and back."""

import shutil
import signal

import pytest

from tests.pictures.doctor.hospital import hostile, photo

NOBODY = 65534


@pytest.fixture
def healthy(tmp_path):
    for label in "ab":
        (tmp_path / "good" / label).mkdir(parents=True)
        for i in range(10):
            photo(ord(label) * 100 + i, 48, 40).save(tmp_path / "good" / label / f"{i}.png")
    return tmp_path / "good"


def test_a_healthy_folder(neocog, healthy):
    text = neocog("data", "check", healthy).check(0).out
    assert "good: 20 pictures, 20 of them usable" in text and "48×40" in text and "✓ nothing to complain of" in text
    assert "Only headers were read" in neocog("data", "check", healthy, "--quick").check(0).out
    plain = neocog("data", "check", healthy, "--json").check(0).json()
    assert plain["findings"] == [] and plain["counts"] == {"train": {"a": 10, "b": 10}} and plain["size"] == [48, 40]


def test_a_hostile_folder_there_and_back(neocog, tmp_path):
    root = tmp_path / "photos"
    wanted = hostile(root)
    plain = neocog("data", "check", root, "--json").check(3).json()
    assert {f["kind"]: set(f["files"]) for f in plain["findings"]} == wanted
    assert all(f["count"] == len(f["files"]) and f["words"] and f["advice"] for f in plain["findings"])
    text = neocog("data", "check", root, "--names", 2).check(3).out
    assert "✗ 4 files: cut off before the end" in text and "and 2 more" in text
    assert "    train/cats/cut.jpg  truncated" in text
    assert "train/cats/ok04.jpg" in text and " = train/cats/copied" in text
    held = neocog("data", "check", root, "--quarantine", tmp_path / "bad").check(3).out
    assert f"`neocog data check --undo {tmp_path / 'bad'}` puts them back" in held
    assert not (root / "train" / "cats" / "empty.jpg").exists() and (tmp_path / "bad" / "train" / "cats" / "empty.jpg").exists()
    assert neocog("data", "check", root, "--json").check(3).json()["pictures"] == plain["usable"]
    back = neocog("data", "check", "--undo", tmp_path / "bad", "--json").check(0).json()
    assert len(back["moved"]) == plain["pictures"] - plain["usable"] and not back["failed"]
    assert neocog("data", "check", root, "--json").check(3).json() == plain


def test_what_cannot_be_is_told_in_one_line(neocog, healthy, tmp_path):
    neocog("data").complaint("check")
    neocog("data", "check").complaint("which data")
    neocog("data", "check", tmp_path / "goood").complaint("does not exist", "did you mean")
    neocog("data", "check", healthy / "a").complaint("one folder per class")
    neocog("data", "check", healthy, "--also", "leaks").complaint("--quarantine")
    neocog("data", "check", healthy, "--quarantine", tmp_path / "q", "--also", "everything").complaint(
        "duplicates", "everything"
    )
    neocog("data", "check", "--undo", tmp_path).complaint("is no quarantine")
    neocog("data", "check", healthy, "--quarantine", "q", "--undo", "q").complaint("--undo")


def test_a_locked_picture_is_named(neocog, healthy, tmp_path):
    for path in (*tmp_path.parents[:2], tmp_path):
        path.chmod(0o755)
    (healthy / "a" / "3.png").chmod(0)
    (healthy / "b" / "locked").mkdir(mode=0)
    plain = neocog("data", "check", healthy, "--json", uid=NOBODY).check(3).json()
    assert {f["kind"]: f["files"] for f in plain["findings"] if f["severity"] == "error"} == {
        "no-permission": ["a/3.png"], "unreadable-folder": ["b/locked"]}  # fmt: skip


def test_named_sets_too(neocog):
    text = neocog("data", "check", "digits").check(0).out
    assert "digits: 5,000 pictures" in text and "imbalance" not in text


def test_ctrl_c_is_clean(neocog, tmp_path):
    photo(0, 3000, 2000).save(tmp_path / "large.jpg")
    for label in "ab":
        (tmp_path / "p" / label).mkdir(parents=True)
        for i in range(60):
            shutil.copy(tmp_path / "large.jpg", tmp_path / "p" / label / f"{i}.jpg")
    running = neocog.start("data", "check", tmp_path / "p")
    running.kill(signal.SIGINT)
    result = running.wait().check(130)
    assert result.out == "" and result.err.strip() == "neocog: interrupted"
