"""Quarantine and back: nothing is lost, whenever it is killed; nothing is overwritten; bytes and times are kept."""

import errno
import itertools
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from neocog.errors import UserError
from neocog.pictures.doctor import check, quarantine, undo
from neocog.pictures.doctor.moving import MANIFEST, chosen

from .hospital import hostile, photo


def snapshot(root: Path) -> dict[str, object]:
    """Every file below `root`: bytes, time and rights; links by their target."""
    found: dict[str, object] = {}
    for path in sorted(root.rglob("*")):
        name, status = str(path.relative_to(root)), path.lstat()
        if path.is_symlink():
            found[name] = path.readlink()
        elif path.is_file():
            found[name] = (path.read_bytes(), status.st_mtime_ns, status.st_mode)
        elif not path.is_dir():
            found[name] = status.st_mode
    return found


@pytest.fixture
def small(tmp_path):
    """Two classes, three files that cannot be used, one of them a link, and a copy."""
    root = tmp_path / "photos"
    for label in "ab":
        (root / label / "deep").mkdir(parents=True)
        for i in range(3):
            photo(ord(label) * 10 + i, 40, 40).save(root / label / f"{i}.png")
    (root / "a" / "deep" / "bad.png").write_bytes(b"\x89PNG....")
    (root / "b" / "bad.png").write_bytes((root / "a" / "0.png").read_bytes()[:1500])
    (root / "b" / "gone.png").symlink_to("nowhere")
    shutil.copy2(root / "a" / "1.png", root / "a" / "copy.png")
    for i, path in enumerate(sorted(root.rglob("*.png"))):
        os.utime(path, ns=(10**18 + i, 10**18 + i * 1_000_000_007), follow_symlinks=False)
    return root


BAD = ["a/deep/bad.png", "b/bad.png", "b/gone.png"]


@pytest.fixture(params=["same", "other"])
def file_system(request, monkeypatch):
    """As if the quarantine were on another file system: hard links only within one folder."""
    if request.param == "other":
        link = os.link

        def within(source, target, **options):
            if Path(source).parent != Path(target).parent:
                raise OSError(errno.EXDEV, "Invalid cross-device link", str(source))
            link(source, target, **options)

        monkeypatch.setattr(os, "link", within)
    return request.param


def test_there_and_back(tmp_path, small, file_system):
    before = snapshot(small)
    moved = quarantine(check(small), tmp_path / "bad", also=["duplicates"])
    names = [*BAD, "a/copy.png"]
    assert sorted(move.name for move in moved.done) == sorted(names) and not moved.failed
    after = snapshot(small)
    assert after == {name: value for name, value in before.items() if name not in names}
    held = snapshot(tmp_path / "bad")
    manifest = held.pop(MANIFEST)
    assert held == {name: before[name] for name in names}
    lines = [json.loads(line) for line in manifest[0].splitlines()]
    assert lines[0]["root"] == str(small.resolve()) and {line["name"] for line in lines[1:]} == set(names)
    assert not check(small).errors
    back = undo(tmp_path / "bad")
    assert len(back.done) == len(names) and not back.failed
    assert snapshot(small) == before and not (tmp_path / "bad").exists()


def test_the_whole_hospital_there_and_back(tmp_path):
    hostile(tmp_path / "photos")
    before = snapshot(tmp_path / "photos")
    report = check(tmp_path / "photos")
    quarantine(report, tmp_path / "bad", also=["duplicates", "leaks", "near-leaks", "near-duplicates", "blank"])
    left = check(tmp_path / "photos")
    assert left.pictures == left.usable
    gone = {"empty", "truncated", "heic", "leak", "duplicate", "near-leak", "near-duplicate", "blank", "broken-link"}
    assert not gone & {finding.kind for finding in left.findings}
    assert left.counts["test"]["cats"] == report.counts["test"]["cats"]  # of leaks, those in test are kept
    undo(tmp_path / "bad")
    assert snapshot(tmp_path / "photos") == before


def killed_at(k: int, work) -> bool:
    """Runs `work` in a child that ends without a word before its k-th change of a file; False: it came to its end."""
    child = os.fork()
    if child == 0:
        count = 0

        def deadly(function):
            def call(*args, **options):
                nonlocal count
                count += 1
                if count == k:
                    if function is shutil.copyfileobj:
                        args[1].write(args[0].read(100))
                        args[1].flush()
                    os._exit(9)
                return function(*args, **options)

            return call

        os.link, os.fsync, shutil.copyfileobj = deadly(os.link), deadly(os.fsync), deadly(shutil.copyfileobj)
        for name in ("unlink", "mkdir", "rename", "rmdir", "symlink_to", "replace"):
            setattr(Path, name, deadly(getattr(Path, name)))
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in (0, 9)
    return code == 9


def test_killed_before_any_change_of_a_file_nothing_is_lost(tmp_path, small, file_system, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)  # the machine stays on
    before, report, bad = snapshot(small), check(small), tmp_path / "bad"

    def nothing_lost() -> None:
        both = [snapshot(small), snapshot(bad)]
        assert all(value in (both[0].get(name), both[1].get(name)) for name, value in before.items())

    for k in itertools.count(1):
        killed = killed_at(k, lambda: quarantine(report, bad, also=["duplicates"]))
        nothing_lost()
        if k % 2:  # either back at once, or first on with it
            quarantine(check(small, workers=1), bad, also=["duplicates"])
            assert snapshot(small).keys() == before.keys() - {*BAD, "a/copy.png"}
        if (bad / MANIFEST).exists():
            undo(bad)
        assert snapshot(small) == before
        assert not bad.exists() or all(name.startswith(f".{MANIFEST}.") for name in snapshot(bad))
        if not killed:
            break
    assert k > 15
    quarantine(report, bad, also=["duplicates"])
    for k in itertools.count(1):
        killed_at(k, lambda: undo(bad))
        nothing_lost()
        if not (bad / MANIFEST).exists():
            break
    assert snapshot(small) == before and k > 2


def test_what_is_in_the_way_is_never_overwritten(tmp_path, small):
    report = check(small)
    (tmp_path / "bad").mkdir()
    quarantine(report, tmp_path / "bad")
    (small / "b" / "bad.png").write_bytes(b"\x89PNG new and bad as well")
    quarantine(check(small), tmp_path / "bad")
    assert {path.name for path in (tmp_path / "bad" / "b").iterdir()} == {"bad.png", "bad~2.png", "gone.png"}
    photo(1, 40, 40).save(small / "a" / "deep" / "bad.png")
    back = undo(tmp_path / "bad")
    assert {bad.where: bad.why.split(":")[0] for bad in back.failed} == {
        "a/deep/bad.png": "another file of that name has taken its place",
        "b/bad.png": "another file of that name has taken its place",
    }
    assert (small / "b" / "bad.png").read_bytes() == b"\x89PNG new and bad as well"
    assert (tmp_path / "bad" / "b" / "bad.png").read_bytes() == (small / "a" / "0.png").read_bytes()[:1500]
    (small / "a" / "deep" / "bad.png").unlink()
    (small / "b" / "bad.png").unlink()
    assert not undo(tmp_path / "bad").failed and (small / "b" / "bad.png").stat().st_size == 1500


def test_a_moved_data_set_is_given_its_files_back(tmp_path, small):
    before = snapshot(small)
    quarantine(check(small), tmp_path / "bad")
    small.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="not there: give the folder"):
        undo(tmp_path / "bad")
    undo(tmp_path / "bad", tmp_path / "elsewhere")
    assert snapshot(tmp_path / "elsewhere") == before


def test_places_that_will_not_do(tmp_path, small):
    report = check(small)
    for place in (small, small / "bad", tmp_path):
        with pytest.raises(UserError, match="must not lie in the data set"):
            quarantine(report, place)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("x")
    with pytest.raises(UserError, match="holds other things"):
        quarantine(report, tmp_path / "full")
    with pytest.raises(UserError, match="is no quarantine"):
        undo(tmp_path / "full")
    quarantine(report, tmp_path / "bad")
    shutil.copytree(tmp_path / "bad", tmp_path / "twin", symlinks=True)
    other = tmp_path / "other" / "photos"
    shutil.copytree(small, other, symlinks=True)
    (other / "a" / "x.png").touch()
    with pytest.raises(UserError, match="is the quarantine of"):
        quarantine(check(other), tmp_path / "twin")
    with pytest.raises(UserError, match="no files of their own"):
        quarantine(replace(report, root="digits"), tmp_path / "digits")


def test_a_full_disk_stops_with_one_line_and_all_files_whole(tmp_path, small, monkeypatch):
    before = snapshot(small)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("neocog.pictures.doctor.moving.transfer", full)
    with pytest.raises(UserError, match="no space left on device: what was moved so far is listed and nothing is lost"):
        quarantine(check(small), tmp_path / "bad")
    assert snapshot(small) == before


def test_what_is_chosen_of_copies(tmp_path):
    for name, seed in (("train/a/1", 1), ("train/b/1", 2), ("val/a/1", 1), ("test/a/1", 1), ("test/a/2", 3), ("train/a/2", 4),
                       ("train/a/3", 4), ("val/b/1", 5), ("test/b/1", 6)):  # fmt: skip
        path = tmp_path / "p" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        photo(seed, 40, 40).save(path)
    report = check(tmp_path / "p")
    assert chosen(report) == []
    assert [(m.name, m.why) for m in chosen(report, ["leaks"])] == [
        ("val/a/1.png", "leak of test/a/1.png"), ("train/a/1.png", "leak of test/a/1.png")]  # fmt: skip
    assert [m.name for m in chosen(report, ["duplicates"])] == ["train/a/3.png"]
