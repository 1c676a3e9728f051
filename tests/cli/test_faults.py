"""Everything that goes wrong: one clear line, the right exit code, nothing lost."""

import contextlib
import hashlib
import json
import os
import shutil
import struct
import subprocess
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .command import assert_same_weights

NOBODY = 65534


def snapshot(folder: Path) -> dict[str, str]:
    """Every file below `folder` with its checksum."""
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def bomb(path: Path) -> None:
    """A PNG of 60,000×60,000 pixels in 200 bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def photo(seed: int, colour: tuple[int, int, int]) -> Image.Image:
    noise = np.random.default_rng(seed).normal(0, 25, (24, 24, 3)) + np.array(colour)
    return Image.fromarray(np.clip(noise, 0, 255).astype(np.uint8))


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Two classes of 20 small pictures each."""
    for label, colour in (("red", (190, 60, 60)), ("blue", (60, 60, 190))):
        (tmp_path / "album" / label).mkdir(parents=True)
        for i in range(20):
            photo(i, colour).save(tmp_path / "album" / label / f"{i:02}.png")
    return tmp_path / "album"


def spoil(folder: Path) -> dict[str, str]:
    """Put the five bad files into `folder`: their names, with a word of the reason that each is to be given."""
    whole = folder.parent / "whole.jpg"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(whole, quality=95)
    raw = whole.read_bytes()
    whole.unlink()
    (folder / "truncated.jpg").write_bytes(raw[: len(raw) // 2])
    (folder / "header.jpg").write_bytes(raw[:40])
    (folder / "empty.png").write_bytes(b"")
    (folder / "page.jpg").write_text("<!doctype html><title>404</title>")
    bomb(folder / "bomb.png")
    return {
        "truncated.jpg": "truncated",
        "header.jpg": "",
        "empty.png": "empty",
        "page.jpg": "web page",
        "bomb.png": "too large",
    }


QUICKLY = ("--net", "tiny", "--steps", 6, "--batch", 8, "--max-bad", 0.2)  # 5 of 45 are bad


def test_bad_pictures_are_left_out_and_named(neocog, album, tmp_path):
    bad = spoil(album / "red")
    done = neocog("train", album, *QUICKLY, "--out", tmp_path / "run").check(3)
    for name, why in bad.items():
        lines = [line for line in done.out.splitlines() if line.startswith("left out") and name in line]
        assert len(lines) == 1 and why in lines[0], done.out
    report = neocog("train", album, *QUICKLY, "--out", tmp_path / "json", "--json").check(3).json()
    assert sorted(Path(f["file"]).name for f in report["failed"]) == sorted(bad)
    assert all(set(f) == {"file", "error"} for f in report["failed"])
    assert report["test"]["n"] in (8, 9)
    # the run is whole, and going on with it names again those that were never pictures
    assert neocog("train", album, "--out", tmp_path / "run", "--resume").check(3).out.count("left out") >= len(bad) - 1
    # above the share that is allowed, nothing is begun
    neocog("train", album, *QUICKLY[:-2], "--out", tmp_path / "no").complaint("5 of 45", "--max-bad", "data check")
    assert not (tmp_path / "no").exists()
    judged = neocog("evaluate", tmp_path / "run", album, "--json")
    assert judged.code in (0, 3) and judged.json()["n"] in (8, 9)


def test_bad_pictures_among_the_test_pictures_are_named_and_not_counted(neocog, album, tmp_path):
    for split in ("train", "test"):
        shutil.copytree(album, tmp_path / "split" / split)
    raw = (album / "red" / "00.png").read_bytes()
    (tmp_path / "split" / "test" / "red" / "00.png").write_bytes(raw[: len(raw) // 2])  # its header is whole
    done = neocog("train", tmp_path / "split", *QUICKLY, "--out", tmp_path / "run").check(3)
    assert "test/red/00.png" in done.out and "n 39" in done.out
    judged = neocog("evaluate", tmp_path / "run", tmp_path / "split", "--json").check(3).json()
    assert judged["n"] == 39 and [f["file"] for f in judged["failed"]] == ["test/red/00.png"]
    # and a run that is finished says so again when asked to go on
    neocog("train", tmp_path / "split", "--out", tmp_path / "run", "--resume").check(3)


def test_predict_on_bad_pictures(neocog, finished, digit, tmp_path):
    folder = tmp_path / "mixed"
    folder.mkdir()
    bad = spoil(folder)
    alone = neocog("predict", finished, folder, tmp_path / "missing.png", "--json").check(2).json()
    assert all(set(answer) == {"file", "error"} for answer in alone) and len(alone) == len(bad) + 1
    shutil.copy(digit, folder / "good.png")
    answers = neocog("predict", finished, folder, tmp_path / "missing.png", "--json").check(3).json()
    by_name = {Path(a["file"]).name: a for a in answers}
    assert by_name["good.png"]["top"][0]["label"] == "7"
    for name, why in [*bad.items(), ("missing.png", "no such file")]:
        assert why in by_name[name]["error"] and "top" not in by_name[name]
    text = neocog("predict", finished, folder).check(3)
    assert all(any(name in line and why in line for line in text.text.splitlines()) for name, why in bad.items())
    (tmp_path / "nothing").mkdir()
    neocog("predict", finished, tmp_path / "nothing").complaint("no pictures", "nothing")
    # still a list that a program can read, when it was asked for one
    assert neocog("predict", finished, tmp_path / "missing.png", "--json").check(2).json()[0]["error"] == "no such file"


def test_folders_that_are_no_data_set(neocog, album, tmp_path):
    def complaint(data, *words):
        return neocog("train", data, *QUICKLY, "--out", tmp_path / "run").complaint(*words)

    complaint(tmp_path / "albun", "does not exist", "album")
    complaint(album / "red" / "00.png", "file")
    complaint(album / "red", "one folder per class")
    (tmp_path / "void").mkdir()
    complaint(tmp_path / "void", "no class folders")
    (album / "green").mkdir()
    complaint(album, "green", "no usable picture")
    (album / "green").rmdir()
    shutil.rmtree(album / "red")
    complaint(album, "two or more classes", "'blue'")
    (album / "red").mkdir()
    spoil(album / "red")
    (album / "red" / "truncated.jpg").unlink()  # only its pixels are damaged: the next test's matter
    complaint(album, "red", "no usable picture")
    assert not (tmp_path / "run").exists(), "nothing was begun"


def test_a_class_whose_pictures_all_fail_only_when_decoded(neocog, album, tmp_path):
    """Their headers are whole, so only decoding finds out; what is left is one class, and no classifier."""
    for path in (album / "red").iterdir():
        path.write_bytes(path.read_bytes()[:200])
    result = neocog("train", album, *QUICKLY, "--out", tmp_path / "run")
    assert "Traceback" not in result.text and result.code in (2, 3)
    assert result.code == 2, "a class of which no picture can be read: the net would never have seen it"


def test_a_net_too_large_for_its_pictures(neocog, album, tmp_path):
    line = neocog("train", album, "--net", "vgg16", "--size", 16, "--steps", 1, "--out", tmp_path / "run").complaint(
        "does not fit", "16×16", "max 2×2/2"
    )
    assert "smallest" in line
    assert not (tmp_path / "run").exists()
    neocog("train", "digits", "--net", "lenet5", "--size", 8, "--steps", 1, "--out", tmp_path / "run").complaint("C3")


def test_out_that_is_taken(neocog, idx, finished, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("all my work")
    before = snapshot(tmp_path)
    neocog("train", idx, *QUICKLY, "--out", tmp_path / "mine").complaint("something else", "--out")
    neocog("train", idx, *QUICKLY, "--out", tmp_path / "mine" / "thesis.txt").complaint("file")
    neocog("train", idx, *QUICKLY, "--out", tmp_path / "mine", "--resume").complaint("no run")
    neocog("train", idx, *QUICKLY, "--out", tmp_path / "nowhere", "--resume").complaint("no such run")
    neocog("train", idx, *QUICKLY, "--out", tmp_path / "mine" / "thesis.txt" / "run").complaint("thesis.txt")
    neocog("demo", "--budget", "3s", "--out", tmp_path / "mine").complaint("something else")
    assert snapshot(tmp_path) == before
    kept = snapshot(finished)
    neocog("train", idx, *QUICKLY, "--out", finished).complaint("--resume")
    assert snapshot(finished) == kept


@contextlib.contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that everybody can get to, unlike pytest's."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_folder_that_may_not_be_written_to(neocog, finished, idx):
    uid = NOBODY if os.getuid() == 0 else None
    with open_folder() as folder:
        shutil.copytree(finished, folder / "run")
        shutil.copytree(idx, folder / "idx")
        (folder / "run" / "events.jsonl").write_text("")
        if uid is None:
            folder.chmod(0o555)
        before = snapshot(folder)
        neocog("train", "digits", *QUICKLY, "--out", folder / "new", uid=uid).complaint("permission denied", "new", "--out")
        neocog("train", "digits", *QUICKLY, uid=uid, cwd=folder).complaint("permission denied", "--out")
        neocog("train", folder / "idx", "--out", folder / "run", "--resume", uid=uid).complaint("permission denied")
        # reading needs no writing
        neocog("evaluate", folder / "run", folder / "idx", uid=uid).check(0)
        (folder / "idx" / "train-images-idx3-ubyte").chmod(0)
        if uid is not None:
            neocog("train", folder / "idx", *QUICKLY, uid=uid).complaint("permission denied", "train-images")
            (folder / "run" / "best.safetensors").chmod(0)
            neocog("predict", folder / "run", "x.png", uid=uid).complaint("best.safetensors")
            (folder / "run" / "config.json").chmod(0)
            neocog("predict", folder / "run", "x.png", uid=uid).complaint("permission denied", "config.json")
            neocog("show", folder / "run", uid=uid).complaint("permission denied", "config.json")
        (folder / "idx" / "train-images-idx3-ubyte").chmod(0o644)
        folder.chmod(0o755)
        assert snapshot(folder).keys() == before.keys()


def settle(neocog, data: Path, run: Path, expected: Path) -> None:
    """After a failure in `run`: what is there loads, and --resume ends it as if nothing had happened."""
    from neocog.runs import load_predictor

    assert not [p.name for p in run.iterdir() if p.name.startswith(".")], "no half-written file is left"
    if (run / "best.safetensors").exists():
        load_predictor(run)
    neocog("train", data, "--out", run, "--resume").check(0)
    assert_same_weights(run, expected)


def test_files_may_not_grow_any_more(neocog, idx, tmp_path):
    """A limit on the size of files, the full disk of shared machines: too small for the weights, then for the state."""
    options = ("train", idx, "--net", "tiny", "--batch", 32, "--epochs", 3)
    neocog(*options, "--out", tmp_path / "whole").check(0)
    config, best = ((tmp_path / "whole" / name).stat().st_size for name in ("config.json", "best.safetensors"))
    for limit in (500, config + 50, best + 500):
        run = tmp_path / f"run{limit}"
        line = neocog(*options, "--out", run, fsize=limit).complaint("file too large")
        assert "limit" in line
        if limit == 500:  # nothing was begun: the same command works once there is room
            neocog(*options, "--out", run).check(0)
            assert_same_weights(run, tmp_path / "whole")
        else:
            assert "--resume" in line
            settle(neocog, idx, run, tmp_path / "whole")


@pytest.mark.parametrize("size", [24, 40, 64])
def test_a_full_disk(neocog, idx, tmp_path, size):
    """A file system of so many kilobytes: it fills up at the weights, the state or the events."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        os.getuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}k", "tmpfs", disk], check=False).returncode
    ):
        pytest.skip("needs the right to mount a file system")
    try:
        options = ("train", idx, "--net", "tiny", "--batch", 32, "--epochs", 4)
        result = neocog(*options, "--out", disk / "run")
        if result.code == 0:
            pytest.skip(f"{size} kB are enough")
        result.complaint("no space left", "--resume")
        neocog(*options, "--out", tmp_path / "whole").check(0)
        subprocess.run(["mount", "-o", "remount,size=20m", disk], check=True)
        settle(neocog, idx, disk / "run", tmp_path / "whole")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_disk_that_fills_up_while_training_keeps_the_last_checkpoint(neocog, idx, tmp_path):
    disk, run = tmp_path / "disk", tmp_path / "disk" / "run"
    disk.mkdir()
    if os.getuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=False).returncode:
        pytest.skip("needs the right to mount a file system")
    try:
        options = ("train", idx, "--net", "tiny", "--batch", 32, "--epochs", 15)
        going = neocog.start(*options, "--out", run)
        assert going.until(lambda: (run / "state.safetensors").exists())
        with contextlib.suppress(OSError):
            (disk / "ballast").write_bytes(bytes(3 << 20))
        going.wait().complaint("no space left", "--resume")
        assert (run / "state.safetensors").stat().st_size > 1000
        neocog("predict", run, tmp_path / "none.png", "--json").check(2)  # loads
        (disk / "ballast").unlink()
        neocog(*options, "--out", tmp_path / "whole").check(0)
        settle(neocog, idx, run, tmp_path / "whole")
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.fixture
def copy(finished: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(finished, tmp_path / "copy"))


VERBS = (["predict", "RUN", "DIGIT"], ["evaluate", "RUN", "IDX"], ["train", "IDX", "--out", "RUN", "--resume"], ["show", "RUN"])


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
@pytest.mark.parametrize("damage", ["half", "empty", "binary", "list", "number", "other", "no arch", "wrong arch", "schema"])
def test_a_damaged_configuration(neocog, copy, idx, digit, verb, damage):
    file = copy / "config.json"
    config = json.loads(file.read_text())
    no_arch = {k: v for k, v in config.items() if k != "arch"}
    file.write_bytes(
        {
            "half": file.read_bytes()[:500],
            "empty": b"",
            "binary": bytes(range(256)),
            "list": b"[]",
            "number": b"3",
            "other": b'{"schema": 1}',
            "no arch": json.dumps(no_arch).encode(),
            "wrong arch": json.dumps({**config, "arch": {"schema": 1, "name": "x"}}).encode(),
            "schema": json.dumps({**config, "schema": 99}).encode(),
        }[damage]
    )
    places = {"RUN": copy, "IDX": idx, "DIGIT": digit}
    result = neocog(*(places.get(word, word) for word in verb))
    result.complaint("config.json")


@pytest.mark.parametrize("damage", ["half", "header", "empty", "text", "other", "another net", "no metadata", "missing"])
def test_damaged_weights(neocog, copy, idx, digit, damage):
    from safetensors.torch import load_file, save_file

    file = copy / "best.safetensors"
    values, raw = load_file(file), file.read_bytes()
    from neocog.weights import read_safetensors, write_safetensors

    meta = read_safetensors(file)[1]
    if damage == "another net":  # whole, but not the tensors of its own architecture
        write_safetensors(file, {"conv.weight": values["conv.weight"][:3], "fc.bias": values["fc.bias"]}, meta)
    elif damage == "no metadata":
        save_file(values, file)
    elif damage == "missing":
        file.unlink()
        (copy / "last.safetensors").unlink()
    else:
        file.write_bytes(
            {
                "half": raw[: len(raw) // 2],
                "header": raw[:20],
                "empty": b"",
                "text": b"weights, honestly\n",
                "other": (3).to_bytes(8, "little") + b"{}}" + raw,
            }[damage]
        )
    for verb in (["predict", copy, digit], ["evaluate", copy, idx]):
        neocog(*verb).complaint("no weights" if damage == "missing" else "best.safetensors")


@pytest.mark.parametrize("name", ["state.safetensors"])
@pytest.mark.parametrize("damage", ["half", "empty", "another net", "no step"])
def test_a_damaged_state(neocog, idx, copy, name, damage):
    """Nobody but a failing disk makes one; it is told, and the weights are still there to use."""
    from neocog.weights import read_safetensors, write_safetensors

    values, _ = read_safetensors(copy / "last.safetensors")
    file, meta = copy / name, {"step": 3, "best": {"step": 0, "top1": None, "loss": None}}
    if damage == "another net":
        write_safetensors(file, {"model.x": values["fc.bias"]}, meta)
    elif damage == "no step":
        write_safetensors(file, {f"model.{k}": v for k, v in values.items()}, {})
    else:
        write_safetensors(file, {f"model.{k}": v for k, v in values.items()}, meta)
        file.write_bytes(file.read_bytes()[: 0 if damage == "empty" else 2000])
    neocog("train", idx, "--out", copy, "--resume").complaint("state.safetensors")
    neocog("evaluate", copy, idx).check(0)


def test_a_damaged_log_loses_no_more_than_the_damaged_lines(neocog, idx, copy):
    log = copy / "events.jsonl"
    lines = log.read_text().splitlines()
    log.write_bytes(b"\xff\xfe garbage\n7\n[]\nnull\n" + "\n".join(lines).encode() + b'\n{"event": "te')
    assert "test:" in neocog("show", copy).check(0).out
    neocog("train", idx, "--out", copy, "--resume").check(0)


def test_a_loss_that_explodes_is_told_with_advice(neocog, idx, tmp_path):
    run = tmp_path / "run"
    line = neocog("train", idx, "--net", "lenet5.modern", "--lr", 1e6, "--epochs", 3, "--out", run).complaint("loss", "--lr")
    assert "1e+06" in line and "with 0.1" in line, "the rate that was given, and one that is known to work"
    for text in (run / "events.jsonl").read_text().splitlines():
        json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is not JSON: other people's parsers reject it"))
    # the advice can be followed: what lies in --out is no obstacle, or the line says what to do with it
    again = neocog("train", idx, "--net", "lenet5.modern", "--lr", 0.02, "--epochs", 3, "--out", run)
    assert again.code == 0 or "--out" in again.complaint()


def test_weights_that_exploded_are_never_judged_right(neocog, idx, copy):
    """Scores that are no numbers compare as neither larger nor smaller; they are wrong answers all the same."""
    from neocog.weights import read_safetensors, write_safetensors

    values, meta = read_safetensors(copy / "best.safetensors")
    write_safetensors(
        copy / "best.safetensors", {k: v * float("nan") if v.is_floating_point() else v for k, v in values.items()}, meta
    )
    result = neocog("evaluate", copy, idx, "--json")
    assert "Traceback" not in result.text
    assert result.code == 2 or result.json()["top1_error"] >= 80, result.out


def test_going_on_with_other_data(neocog, finished, idx, album, tmp_path):
    before = snapshot(finished)
    for data in ("digits", album):
        neocog("train", data, "--out", finished, "--resume").complaint("not the data")
    assert snapshot(finished) == before


def test_going_on_with_a_finished_run_repeats_its_result_without_testing_again(neocog, copy, idx):
    events = (copy / "events.jsonl").read_text()
    first = next(json.loads(line) for line in events.splitlines() if '"test"' in line)
    kept = snapshot(copy)
    report = neocog("train", idx, "--out", copy, "--resume", "--json").check(0).json()
    assert report["test"]["top1_error"] == first["top1_error"] and report["test"]["n"] == 200
    assert snapshot(copy) == kept and events.count('"event": "test"') == 1
    text = neocog("train", idx, "--out", copy, "--resume").check(0).out
    assert f"{100 - first['top1_error']:.2f} % right" in text


@pytest.mark.parametrize(
    "option", [["--steps", "99"], ["--net", "lenet5"], ["--lr", "0.5"], ["--seed", "4"], ["--epochs", "50"]], ids=" ".join
)
def test_going_on_with_other_wishes_is_not_done_in_silence(neocog, copy, idx, option):
    """A run is what its configuration says; a wish that contradicts it is refused or said to be ignored."""
    result = neocog("train", idx, "--out", copy, "--resume", *option)
    assert "Traceback" not in result.text and result.code in (0, 2)
    assert option[0] in result.err, "nothing says that the option has no effect"


@pytest.mark.parametrize(
    "options",
    [
        "--device cuda:99",
        "--device nonsense",
        "--batch 0",
        "--batch -3",
        "--lr -1",
        "--lr nan",
        "--lr 0",
        "--momentum 0",
        "--momentum -1",
        "--momentum 1.5",
        "--label-smoothing 2",
        "--label-smoothing -1",
        "--augment wobble",
        "--augment ,",
        "--schedule never",
        "--loss focal",
        "--weight-decay -1",
        "--weight-decay nan",
        "--size 100000",
        "--seed -1",
    ],
)
def test_wishes_that_no_training_can_grant(neocog, idx, tmp_path, options):
    """Refused before anything is begun, so that the next try may use the same --out."""
    run = tmp_path / "run"
    result = neocog("train", idx, "--net", "resnet8.cifar", "--steps", 1, *options.split(), "--out", run)
    if options in ("--momentum 0", "--seed -1") and result.code == 0:
        return  # these could be granted
    word = options.split()[0].lstrip("-").split("-")[0]
    result.complaint({"augment": "augmentation", "size": "100000"}.get(word, word))
    assert not run.exists(), f"{sorted(p.name for p in run.iterdir())} left behind"
