"""The fast road: a frozen network's features, a head that is solved for, and what comes of interruptions on the way."""

import csv
import os
import shutil
import socket
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from neocog.errors import UserError
from neocog.nn import create_model
from neocog.pictures import load_folder
from neocog.pictures.arrays import array_dataset
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.sets import Dataset
from neocog.runs import RunFolder, load_predictor, read_events
from neocog.train import Fitted, Interrupted, Wishes, reopen, resolve_run
from neocog.train import run as train_run
from neocog.train.frozen import backbones, features
from neocog.weights import read_safetensors, write_safetensors
from tests.conftest import rng

EVENTS = "events.jsonl"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Two classes of 30 pictures of 80×90, stripes that lie or stand, beneath noise; one file is damaged."""
    root, draws = tmp_path_factory.mktemp("photos") / "stripes", np.random.default_rng(0)
    for label in ("lying", "standing"):
        (root / label).mkdir(parents=True)
        for i in range(30):
            wave = 40 * np.sin((np.arange(90) + draws.integers(0, 9)) * draws.uniform(0.5, 0.9))
            field = np.broadcast_to(wave, (80, 90)) if label == "standing" else np.broadcast_to(wave[:80, None], (80, 90))
            noisy = 128 + field[..., None] + draws.normal(0, 60, (80, 90, 3))
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(root / label / f"{i}.png")
    broken = root / "lying" / "7.png"
    broken.write_bytes(broken.read_bytes()[:9000])
    return load_folder(root)


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small network of seven other classes, by chance."""
    model = create_model("resnet8.cifar", num_classes=7, generator=rng(0))
    record = Preprocessing(32, 32, mean=(0.5,), std=(0.25,))
    meta = {"net": "resnet8.cifar", "arch": model.arch.to_json(), "classes": list("abcdefg"), "preprocessing": record.to_json()}
    path = tmp_path_factory.mktemp("weights") / "w.safetensors"
    write_safetensors(path, model.state_dict(), meta)
    return path


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NEOCOG_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(features.baselines, "SIDE", 32)  # the pictures for gradients, which are not what is tested here
    return tmp_path / "cache" / "features"


def train(data: Dataset, out: Path, wishes: Wishes, stop=lambda: False) -> Fitted:
    resolved = resolve_run(data, data.name, wishes)
    RunFolder(out).begin(resolved.config)
    return train_run(resolved, data, out, lambda event: None, stop, "cpu")


def told(out: Path, kind: str) -> list[dict]:
    return [event for event in read_events(out / EVENTS) if event["event"] == kind]


def end(out: Path) -> dict[str, bytes]:
    return {key: value.numpy().tobytes() for key, value in read_safetensors(out / "last.safetensors")[0].items()}


def test_what_a_newcomer_gets_where_weights_can_be_had(photos, weights, tmp_path, monkeypatch):
    monkeypatch.setenv("NEOCOG_WEIGHTS", str(weights))
    resolved = resolve_run(photos, "stripes", Wishes())
    assert resolved.config.kind == "features" and resolved.config.net == "resnet8.cifar"
    assert any("fast road" in reason and "NEOCOG_WEIGHTS" in reason for reason in resolved.reasons)
    fitted = train(photos, tmp_path / "run", Wishes())
    assert [failed.where for failed in fitted.failed] in ([], ["lying/7.png"])  # it may have fallen into the test set
    assert not (tmp_path / "run" / "start.safetensors").exists() and RunFolder(tmp_path / "run").finished
    (judged,) = told(tmp_path / "run", "validation")
    beside = {event["name"]: event for event in told(tmp_path / "run", "baseline")}
    assert set(beside) == {"chance", "knn", "hog-svm"} and {e["n"] for e in beside.values()} == {judged["n"]}
    assert judged["top1"] > 80 > beside["chance"]["top1"] and judged["best"]
    # the run is an ordinary one: what it kept answers by itself
    predictor = load_predictor(tmp_path / "run")
    assert predictor.classes == photos.classes and predictor.preprocessing == Preprocessing(32, 32, mean=(0.5,), std=(0.25,))
    scored = predictor.score_all(photos.val)
    assert 100 * (scored.scores.argmax(1) == scored.labels).mean() == pytest.approx(judged["top1"], abs=1e-3)
    # all but the head is as it was
    before, after = read_safetensors(weights)[0], read_safetensors(tmp_path / "run" / "best.safetensors")[0]
    assert {k for k in before if not torch.equal(before[k], after[k])} == {"linear.weight", "linear.bias"}


@pytest.mark.parametrize("at", [3, 9])
def test_stopped_anywhere_and_resumed_it_ends_the_same(photos, weights, tmp_path, monkeypatch, at):
    wishes = Wishes(weights=str(weights))
    train(photos, tmp_path / "whole", wishes)
    asked = iter(range(10_000))
    shutil.rmtree(tmp_path / "cache")
    with pytest.raises(Interrupted):
        train(photos, tmp_path / "run", wishes, stop=lambda: next(asked) == at)
    folder = RunFolder(tmp_path / "run")
    assert folder.exists and not folder.finished
    train_run(reopen(folder, photos), photos, folder.path, lambda event: None, lambda: False, "cpu")
    assert folder.finished and end(folder.path) == end(tmp_path / "whole")
    made = told(folder.path, "looked")[-1]["made"]
    assert made == told(tmp_path / "whole", "looked")[-1]["made"] - 16 * (at + 1) if at < 6 else made >= 0


def test_features_are_made_once(photos, weights, tmp_path, own_cache):
    wishes = Wishes(weights=str(weights))
    train(photos, tmp_path / "first", wishes)
    assert told(tmp_path / "first", "looked")[0]["made"] > 60
    train(photos, tmp_path / "again", wishes)
    assert told(tmp_path / "again", "looked")[0]["made"] == 0 and end(tmp_path / "first") == end(tmp_path / "again")
    other = replace(wishes, seed=5)  # other splits: the pictures that were in the test set are new, the others are known
    data = load_folder(Path(photos.train.root), seed=5)
    train(data, tmp_path / "other", other)
    assert 0 < told(tmp_path / "other", "looked")[0]["made"] < 60
    for file in own_cache.rglob("*.safetensors"):
        file.write_bytes(file.read_bytes()[:-5])
    train(photos, tmp_path / "mended", wishes)
    assert told(tmp_path / "mended", "looked")[0]["made"] > 60 and end(tmp_path / "mended") == end(tmp_path / "first")


def test_a_cache_that_cannot_be_written_is_told_and_does_no_harm(photos, weights, tmp_path, own_cache):
    own_cache.parent.mkdir()
    own_cache.write_text("a file where the folder should be")
    train(photos, tmp_path / "run", Wishes(weights=str(weights)))
    assert "not kept" in told(tmp_path / "run", "looked")[0]["trouble"] and RunFolder(tmp_path / "run").finished


def test_a_cache_that_may_only_be_read_is_read(photos, weights, tmp_path, monkeypatch):
    train(photos, tmp_path / "first", Wishes(weights=str(weights)))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("neocog.train.frozen.feature_cache.os.utime", refuse)
    train(photos, tmp_path / "second", Wishes(weights=str(weights)))
    looked = told(tmp_path / "second", "looked")[0]
    assert looked["made"] == 0 and "Permission denied" in looked["trouble"]


def test_the_cache_stays_within_its_limit(tmp_path):
    for number in range(4):
        cache = features.FeatureCache(f"net{number}", tmp_path / "f", limit=10_000)
        for row in range(10):
            cache.put(bytes([number, row] * 8), np.full(100, row, np.float32))
        cache.flush()
        os.utime(cache.folder, (number, number))
    assert features.FeatureCache("net3", tmp_path / "f", limit=10_000).get(bytes([3, 4] * 8)).tolist() == [4.0] * 100
    kept = sorted(folder.name for folder in (tmp_path / "f").iterdir())
    assert "net3" in kept and "net0" not in kept and sum(f.stat().st_size for f in (tmp_path / "f").rglob("*.s*")) <= 10_000


def test_with_a_network_or_a_length_beside_them_weights_are_trained_on(photos, weights, tmp_path):
    words = str(weights)
    fine = resolve_run(photos, "stripes", Wishes("resnet8.cifar", weights=words, steps=3))
    assert (fine.config.kind, fine.config.recipe.name, fine.config.weights) == ("sgd", "finetune", words)
    assert resolve_run(photos, "stripes", Wishes(weights=words, epochs=1)).config.kind == "sgd"
    assert resolve_run(photos, "stripes", Wishes("resnet8.cifar", "features", weights=words)).config.kind == "features"
    with pytest.raises(UserError, match="has no length"):
        resolve_run(photos, "stripes", Wishes(recipe="features", weights=words, epochs=1))
    with pytest.raises(UserError, match="not resnet14"):
        resolve_run(photos, "stripes", Wishes("resnet14.cifar", weights=words))
    with pytest.raises(UserError, match="name them"):
        resolve_run(photos, "stripes", Wishes("resnet8.cifar", "finetune"))


@pytest.mark.parametrize("at", [0, 2])
def test_a_frozen_body_stays_as_it_was_to_the_last_bit_also_when_resumed(photos, weights, tmp_path, at):
    wishes = Wishes("resnet8.cifar", weights=str(weights), steps=4, changes=(("freeze", ("all-but-head",)),))
    asked = iter(range(100))
    with pytest.raises(Interrupted):
        train(photos, tmp_path / "run", wishes, stop=lambda: next(asked) == at)
    folder = RunFolder(tmp_path / "run")
    train_run(reopen(folder, photos), photos, folder.path, lambda event: None, lambda: False, "cpu")
    before, after = read_safetensors(weights)[0], read_safetensors(tmp_path / "run" / "last.safetensors")[0]
    assert {k for k in before if not torch.equal(before[k], after[k])} == {"linear.weight", "linear.bias"}


@pytest.mark.parametrize("options", [{}, {"steps": 3, "side": 40}], ids=["fast", "trained on"])
def test_killed_before_it_had_its_start_it_is_read_once_more(photos, weights, tmp_path, options):
    """Only the configuration was written; without the source there is nothing to go on from."""
    source = tmp_path / "w.safetensors"
    shutil.copy(weights, source)
    wishes = Wishes(weights=str(source), **options)
    train(photos, tmp_path / "whole", wishes)
    folder = RunFolder(tmp_path / "run")
    folder.begin(resolve_run(photos, "stripes", wishes).config)
    source.rename(tmp_path / "away")
    with pytest.raises(UserError, match=r"stopped before.*w\.safetensors.*another --out"):
        train_run(reopen(folder, photos), photos, folder.path, lambda event: None, lambda: False, "cpu")
    (tmp_path / "away").rename(source)
    train_run(reopen(folder, photos), photos, folder.path, lambda event: None, lambda: False, "cpu")
    assert end(folder.path) == end(tmp_path / "whole")


def test_a_learner_that_begins_from_nothing_takes_no_weights(photos, weights):
    with pytest.raises(UserError, match="neocognitron begins from nothing"):
        resolve_run(photos, "stripes", Wishes(weights=str(weights), changes=(("learner", "neocognitron"),)))


def test_small_pictures_are_learned_from_scratch_and_nothing_is_looked_for(weights, monkeypatch):
    monkeypatch.setattr(backbones, "find", lambda *_: pytest.fail("weights were looked for"))
    pixels = np.random.default_rng(0).integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    data = array_dataset("small", ["a", "b"], (pixels, np.arange(20) % 2), None, flip=False, val_fraction=0)
    assert resolve_run(data, "small", Wishes(steps=1)).config.weights == ""
    assert resolve_run(data, "small", Wishes()).config.kind == "sgd"


def test_without_weights_it_is_from_scratch_and_the_reason_is_told(photos, monkeypatch):
    resolved = resolve_run(photos, "stripes", Wishes(weights="none"))
    assert resolved.config.net == "resnet14.cifar" and "--weights none" in resolved.reasons
    monkeypatch.setenv("NEOCOG_WEIGHTS", "/nowhere/at/all.pth")
    with pytest.raises(UserError, match="no such run or weight file"):
        resolve_run(photos, "stripes", Wishes())
    monkeypatch.delenv("NEOCOG_WEIGHTS")
    monkeypatch.setattr(backbones, "unreachable", lambda url, patience: "the host is away")
    reasons = resolve_run(photos, "stripes", Wishes()).reasons
    assert any("no pretrained weights" in reason and "the host is away" in reason for reason in reasons)


def test_a_host_that_does_not_answer_costs_no_more_than_the_patience():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        begun = time.monotonic()
        assert "does not answer" in backbones.unreachable(f"http://127.0.0.1:{silent.getsockname()[1]}/w.pth", 0.3)
        assert time.monotonic() - begun < 2
    assert "cannot be reached" in backbones.unreachable("http://127.0.0.1:1/w.pth", 5.0)


def test_the_smallest_adequate_file_in_the_cache_is_taken(monkeypatch):
    table = backbones.published.table()
    assert backbones.best(table).net == "shufflenet_v2"
    some = [entry for entry in table if entry.name in ("resnet18", "resnet50", "squeezenet1_1", "resnet20.cifar")]
    assert (chosen := backbones.best(some)) is not None and (chosen.net, chosen.tag) == ("resnet18", "V1")
    assert backbones.best([entry for entry in some if entry.name == "squeezenet1_1"]).net == "squeezenet1_1"
    assert backbones.best([entry for entry in some if entry.name == "resnet20.cifar"]) is None


@pytest.mark.slow
def test_two_hundred_photos_from_the_authors_squeezenet(shared, tmp_path, monkeypatch):
    """Animals (ImageNet's classes 0 to 397) against things, of the NIPS 2017 photographs; 40 of 200 to test on, two splits."""
    from neocog.evaluate import evaluate
    from neocog.train.frozen import baselines, heads

    source, net = shared / "photos" / "nips17", shared / "weights" / "squeezenet1_0"
    if not (source / "labels.csv").is_file() or not net.is_dir():
        pytest.skip(f"{source} or {net} is not here")
    monkeypatch.setattr(baselines, "SIDE", 128)
    with (source / "labels.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            folder = tmp_path / "two" / ("animal" if int(row["class_index"]) < 398 else "thing")
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(source / row["file"], folder / row["file"])
    wrong = {"fast": 0.0, "scratch": 0.0, "hog-svm": 0.0}
    for seed in (0, 1):
        data = load_folder(tmp_path / "two", seed=seed)
        assert data.test is not None
        for name, words in (("fast", str(net / "decompressed_SqueezeNet.caffemodel")), ("scratch", "none")):
            begun = time.process_time()
            train(data, tmp_path / f"{name}{seed}", Wishes(weights=words, seed=seed))
            assert name != "fast" or time.process_time() - begun < 60, "seconds of a processor, the simpler ways included"
            wrong[name] += evaluate(load_predictor(tmp_path / f"{name}{seed}"), data.test).top1_error
        (x, at), (asked, truth) = map(baselines.hog_features, (data.train, data.test))
        labels = data.train.labels[at]
        head = heads.fit_best(heads.svm, x, labels, 2, heads.folds(labels, seed)).head
        wrong["hog-svm"] += 100 * float((head.scores(asked).argmax(1) != data.test.labels[truth]).mean())
    assert wrong["fast"] < 0.7 * wrong["scratch"] and wrong["fast"] < 0.7 * wrong["hog-svm"], wrong
