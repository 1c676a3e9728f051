"""Pictures in, a trained, judged and predicting classifier out, by the command; on every form of data."""

import io
import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .command import assert_same_weights, real, tensors

JUDGEMENT = {"top1_error", "top5_error", "n", "protocol", "ci95"}


def test_the_whole_way_through_the_installed_script(neocog, tmp_path, digit):
    """Training and predicting in processes from the start; the rest in forks of one, to save the time of importing torch."""
    run = tmp_path / "run"
    first = real("train", "digits", "--net", "lenet5.modern", "--steps", 100, "--out", run).check(0)
    assert "61,706 parameters" in first.err and "100 steps" in first.err and str(run) in first.err
    assert "test:" in first.out and "n 1,000" in first.out and "95 % interval" in first.out
    judged = neocog("evaluate", run, "digits", "--json").check(0).json()
    assert set(judged) >= JUDGEMENT
    assert (
        judged["n"] == 1000 and judged["protocol"] == "pad-32" and judged["ci95"][0] < judged["top1_error"] < judged["ci95"][1]
    )
    assert judged["top1_error"] < 30 and judged["top5_error"] < judged["top1_error"]
    answers = real("predict", run, digit, "--json", "--top", 3).check(0).json()
    assert [set(answer) for answer in answers] == [{"file", "top"}] and answers[0]["file"] == str(digit)
    top = answers[0]["top"]
    assert [set(one) for one in top] == [{"label", "probability"}] * 3 and top[0]["label"] == "7"
    chances = [one["probability"] for one in top]
    assert chances == sorted(chances, reverse=True) and 0 < sum(chances) <= 1.000003
    assert "best validation" in neocog("show", run).check(0).out


def test_an_idx_folder(neocog, idx, tmp_path, digit):
    run = tmp_path / "run"
    report = (
        neocog("train", idx, "--net", "lenet5.modern", "--batch", 32, "--epochs", 12, "--out", run, "--json").check(0).json()
    )
    assert set(report) >= {"run", "net", "steps", "validation", "test", "failed"}
    assert report["test"]["n"] == 200 and report["test"]["top1_error"] < 30 and report["failed"] == []
    again = neocog("evaluate", run, idx, "--json").check(0).json()
    assert {key: again[key] for key in report["test"]} == report["test"]
    # the best weights by themselves say the same, and the embedded digits' classes are the same
    assert (
        neocog("evaluate", run / "best.safetensors", idx, "--split", "test", "--json").check(0).json()["top1_error"]
        == (report["test"]["top1_error"])
    )
    other = neocog("evaluate", run, "digits", "--json").check(0).json()
    assert other["n"] == 1000 and other["top1_error"] < 40
    assert neocog("predict", run, digit, digit).check(0).out.count(str(digit)) == 2


def test_a_folder_of_cifar_files(neocog, tmp_path):
    """Ten classes of one colour each, with noise: 32×32 records of label, red, green and blue plane."""
    root, rng = tmp_path / "cifar", np.random.default_rng(0)
    root.mkdir()
    (root / "batches.meta.txt").write_text("\n".join(f"kind{i}" for i in range(10)) + "\n\n")
    for name, n in (("data_batch_1.bin", 400), ("test_batch.bin", 100)):
        labels = np.arange(n) % 10
        colours = np.random.default_rng(7).integers(40, 216, (10, 3))[labels]
        planes = np.clip(colours[:, :, None] + rng.normal(0, 20, (n, 3, 1024)), 0, 255)
        rows = np.concatenate([labels[:, None], planes.reshape(n, -1)], 1).astype(np.uint8)
        (root / name).write_bytes(rows.tobytes())
    run = tmp_path / "run"
    report = neocog("train", root, "--steps", 16, "--batch", 64, "--out", run, "--json").check(0).json()
    assert report["net"] == "resnet8.quick" and report["test"]["n"] == 100
    assert report["test"]["protocol"] == "native-32"
    assert (
        neocog("evaluate", run, root, "--split", "train", "--json").check(0).json()["n"]
        == json.loads((run / "config.json").read_text())["data"]["n_train"]
    )
    Image.new("RGB", (90, 50), (200, 30, 40)).save(tmp_path / "red.png")
    answer = neocog("predict", run, tmp_path / "red.png", "--json", "--top", 99).check(0).json()[0]
    assert sorted(one["label"] for one in answer["top"]) == [f"kind{i}" for i in range(10)]


def save_as(kind: int, picture: Image.Image, stem: Path) -> Path:
    """One of the kinds of file that a folder of photos holds after ten years."""
    name, how = [
        (".jpg", lambda p, f: p.save(f, quality=90)),
        (".png", lambda p, f: p.convert("L").save(f)),
        (".png", lambda p, f: p.quantize(32).save(f)),
        (".gif", lambda p, f: p.quantize(64).save(f)),
        (".jpeg", lambda p, f: p.convert("CMYK").save(f)),
        (".JPG", _rotated),
        (".png", lambda p, f: Image.fromarray(np.asarray(p.convert("L")).astype(np.uint16) * 257).save(f)),
        (".webp", lambda p, f: p.save(f)),
        (".png", _transparent),
        (".bmp", lambda p, f: p.save(f)),
        (".tif", lambda p, f: p.save(f, compression="tiff_lzw")),
    ][kind % 11]
    path = stem.with_name(stem.name + name)
    how(picture, path)
    return path


def _rotated(picture: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)


def _transparent(picture: Image.Image, path: Path) -> None:
    picture.putalpha(Image.new("L", picture.size, 255))
    picture.save(path)


@pytest.fixture(scope="module")
def photos(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of 88 crops each, of many sizes and all kinds of file: a cat, a bicycle with fishes, a bagel."""
    source, root, dice = shared / "photos", tmp_path_factory.mktemp("photos") / "album", random.Random(3)
    for name, file in (("cat", "cat.jpg"), ("fish bike", "fish-bike.jpg"), ("bagel", "stubs/bagel.jpg")):
        (root / name).mkdir(parents=True)
        with Image.open(source / file) as opened:
            whole = opened.convert("RGB")
        whole.thumbnail((400, 400))
        for i in range(88):
            side = dice.uniform(0.45, 0.95)
            width, height = round(whole.width * side), round(whole.height * side * dice.uniform(0.8, 1))
            left, top = dice.randint(0, whole.width - width), dice.randint(0, whole.height - height)
            crop = whole.crop((left, top, left + width, top + height))
            if i % 3 == 0:
                crop = crop.resize((dice.randint(24, 130), dice.randint(24, 130)))
            save_as(i, crop, root / name / f"{i:03}")
    (root / "cat" / "notes.txt").write_text("not a picture")
    (root / "cat" / ".DS_Store").write_bytes(b"\0")
    return root


def test_a_folder_of_mixed_photos(neocog, photos, tmp_path):
    run = tmp_path / "run"
    first = neocog("train", photos, "--net", "resnet8.cifar", "--size", 32, "--epochs", 10, "--batch", 32, "--out", run).check(
        0
    )
    assert "not pictures" in first.err
    judged = neocog("evaluate", run, photos, "--json").check(0).json()
    assert judged["n"] == 54 and judged["failed"] == []
    assert judged["ci95"][1] < judged["majority_error"] - 15, judged  # clearly above the commonest class
    # folders and files, in the order given, folders by name
    some = sorted((photos / "bagel").iterdir())[:12]
    (tmp_path / "holiday").mkdir()
    for path in some:
        shutil.copy(path, tmp_path / "holiday")
    answers = neocog("predict", run, photos / "cat" / "000.jpg", tmp_path / "holiday", "--json").check(0).json()
    assert [Path(a["file"]).name for a in answers] == ["000.jpg", *(p.name for p in some)]
    right = sum(a["top"][0]["label"] == "bagel" for a in answers[1:])
    assert right >= 8, answers
    # a picture and its EXIF-rotated twin get one answer: training and prediction go through one record
    with Image.open(photos / "cat" / "000.jpg") as picture:
        small = picture.convert("RGB")
    png, turned = tmp_path / "a.png", tmp_path / "b.png"
    small.save(png)
    exif = Image.Exif()
    exif[0x0112] = 6
    small.transpose(Image.Transpose.ROTATE_90).save(turned, exif=exif)
    one, two = neocog("predict", run, png, turned, "--json").check(0).json()
    assert one["top"] == two["top"]


def test_a_newcomer_needs_no_option(neocog, photos, tmp_path):
    small = tmp_path / "photos"
    for folder in ("cat", "bagel"):
        (small / folder).mkdir(parents=True)
        for path in sorted((photos / folder).iterdir())[:12]:
            if path.suffix in (".jpg", ".png", ".gif"):
                shutil.copy(path, small / folder)
    # the epochs are only there to save time; everything else is left to neocog
    done = neocog("train", "photos/", "--epochs", 1, cwd=tmp_path).check(0)
    why = [line for line in done.err.splitlines() if line.startswith("· net ")]
    assert len(why) == 1 and "--net takes another" in why[0] and "scratch" in why[0]
    run = tmp_path / "runs" / f"photos-{why[0].split()[2].rstrip(':')}"
    assert (run / "config.json").is_file() and str(run.relative_to(tmp_path)) in done.out
    assert "test pictures say little" in done.out
    again = neocog("train", "photos/", "--epochs", 1, cwd=tmp_path).check(0)
    assert f"{run.name}-2" in again.out, "a second run takes the next name and leaves the first alone"


def test_evaluate_chooses_what_was_not_learned_from(neocog, finished, idx, tmp_path):
    data = json.loads((finished / "config.json").read_text())["data"]
    assert (data["n_train"] + data["n_val"], data["n_test"]) == (500, 200)
    for split in ("train", "val", "test"):
        judged = neocog("evaluate", finished, idx, "--split", split, "--json").check(0).json()
        assert (judged["n"], judged["split"]) == (data[f"n_{split}"], split)
    # all of a folder that training never saw
    from neocog.pictures.embedded import digits

    images, labels = digits()
    for i in range(7, 5000, 500):
        (tmp_path / "new" / str(labels[i])).mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[i]).save(tmp_path / "new" / str(labels[i]) / f"{i}.png")
    whole = neocog("evaluate", finished, tmp_path / "new", "--json").check(0).json()
    assert (whole["n"], whole["split"]) == (10, "all pictures")
    # fewer classes, in another order, are matched by name; unknown ones are told
    shutil.rmtree(tmp_path / "new" / "0")
    assert neocog("evaluate", finished, tmp_path / "new", "--json").check(0).json()["n"] == 9
    (tmp_path / "new" / "9").rename(tmp_path / "new" / "nine")
    neocog("evaluate", finished, tmp_path / "new").complaint("'nine'", "knows")


def test_a_time_becomes_steps_once(neocog, idx, tmp_path):
    run = tmp_path / "run"
    report = neocog("train", idx, "--net", "tiny", "--budget", "2s", "--batch", 32, "--out", run, "--json").check(0).json()
    config = json.loads((run / "config.json").read_text())
    steps = config["steps"]
    assert steps == report["steps"] > 10 and "2 s" in config["length"]
    # the run is now one of so many steps: the same steps give the same net, to the bit
    neocog("train", idx, "--net", "tiny", "--steps", steps, "--batch", 32, "--out", tmp_path / "steps").check(0)
    assert_same_weights(tmp_path / "steps", run)


def test_the_same_seed_gives_the_same_run_and_another_another(neocog, idx, tmp_path):
    def weights(name, *options):
        neocog("train", idx, "--net", "tiny", "--steps", 20, "--out", tmp_path / name, *options).check(0)
        return {key: value.tobytes() for key, value in tensors(tmp_path / name)[0].items()}

    one = weights("a")
    assert weights("b") == one and weights("c", "--seed", 1) != one
    # `tiny` gains nothing from bfloat16, whatever the processor has
    assert weights("d", "--precision", "fp32") == one
    assert weights("e", "--precision", "bf16") == weights("f", "--precision", "bf16") != one
    import neocog as package

    events = [json.loads(line) for line in (tmp_path / "a" / "events.jsonl").read_text().splitlines()]
    assert [e["event"] for e in events][:1] == ["start"] and package.load(tmp_path / "a").classes == tuple("0123456789")


def test_a_short_demo_tells_the_whole_story(neocog, tmp_path):
    done = neocog("demo", "--budget", "3s", cwd=tmp_path).check(0)
    for words in (
        "5,000 handwritten digits",
        "LeNet-5 reads",
        "perceptron",
        "lenet5",
        "resnet8.quick",
        "Tested once",
        "interval",
        "MACs",
        "neocog predict",
        "neocog train",
    ):
        assert words in done.text, f"no {words!r} in the demo"
    assert done.out.count("█") > 200, "digits and bars are drawn"
    out = tmp_path / "runs" / "demo-digits"
    for net in ("perceptron", "lenet5", "resnet8.quick"):
        neocog("evaluate", out / net, "digits").check(0)
    print(f"demo with 3 s each: CPU {done.cpu:.1f} s")


def test_predict_prints_valid_json_for_any_name(neocog, finished, tmp_path, digit):
    odd = tmp_path / 'a "quoted"\n näme.png'
    shutil.copy(digit, odd)
    answer = neocog("predict", finished, odd, "--json").check(0).json()
    assert answer[0]["file"] == str(odd)
    raw = io.BytesIO(Path(digit).read_bytes())
    with Image.open(raw) as picture:
        picture.convert("RGB").save(tmp_path / "colour.png")  # grey stored as colour is the same picture
    one, two = neocog("predict", finished, digit, tmp_path / "colour.png", "--json").check(0).json()
    assert one["top"] == two["top"]
