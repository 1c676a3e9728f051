"""Training through Python: pictures in memory or decoded each time, few workers or many, one seed or another."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from neocog.errors import UserError
from neocog.pictures import load_data, load_folder
from neocog.pictures.arrays import array_dataset
from neocog.pictures.embedded import digits
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.sets import Dataset
from neocog.pictures.store import Store
from neocog.runs import RunFolder, read_events
from neocog.train import Fitted, Interrupted, Resolved, Wishes, check_same_data, reopen, resolve_run
from neocog.train import run as train_run
from neocog.train.choose import any_size
from neocog.train.sgd import Batches
from neocog.weights import read_safetensors


@pytest.fixture(scope="module")
def few() -> Dataset:
    """334 digits to train on, 100 to test on."""
    images, labels = digits()
    at, test = np.arange(0, 5000, 15), np.arange(7, 5000, 50)
    return array_dataset("few", [str(i) for i in range(10)], (images[at], labels[at]), (images[test], labels[test]), flip=False,
                         val_fraction=0.1)  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 30 pictures of many sizes in files, two of them damaged where only decoding notices."""
    root, rng = tmp_path_factory.mktemp("files") / "pictures", np.random.default_rng(0)
    for label in ("a", "b"):
        (root / label).mkdir(parents=True)
        for i in range(30):
            noise = rng.integers(0, 256, (20 + i, 40 - i % 7, 3), dtype=np.uint8)
            noise[: 8 if label == "a" else 2] = 0
            Image.fromarray(noise).save(root / label / f"{i}.png")
    for name in ("a/3.png", "b/4.png"):
        raw = (root / name).read_bytes()
        (root / name).write_bytes(raw[: len(raw) // 2])
    return root


def train(data: Dataset, out: Path, wishes: Wishes, stop=lambda: False, resolved: Resolved | None = None) -> Fitted:
    resolved = resolved or resolve_run(data, data.name, wishes)
    RunFolder(out).begin(resolved.config)
    return train_run(resolved, data, out, lambda event: None, stop, "cpu")


def weights(out: Path) -> dict[str, bytes]:
    return {key: value.numpy().tobytes() for key, value in read_safetensors(out / "last.safetensors")[0].items()}


SMALL = Wishes("resnet8.cifar", side=12, steps=6, changes=(("batch", 16),))


def test_pictures_in_memory_and_decoded_each_time_give_the_same_run(folder, tmp_path):
    """So do one worker and many."""
    data = load_folder(folder)
    record = Preprocessing(16, 16, color="RGB", resize="shorter")
    held = Store(data.train, record)
    held.fill()
    assert held.fits and len(held.failed) >= 1
    for workers in (1, 2, 7):
        loose = Store(data.train, record, limit=0, workers=workers)
        loose.fill()
        assert not loose.fits
        for (one, kept), (other, kept_too) in zip(held.batches(16), loose.batches(16), strict=True):
            assert np.array_equal(one, other) and np.array_equal(kept, kept_too)
        assert {i: str(e) for i, e in loose.failed.items()} == {i: str(e) for i, e in held.failed.items()}
        some = np.random.default_rng(0).permutation(len(data.train))[:17]
        assert all(np.array_equal(a, b) for a, b in zip(held.get(some), loose.get(some), strict=True))

    resolved = resolve_run(data, "pictures", SMALL)
    names = [p.name for p in (tmp_path / "a", tmp_path / "b")]
    train(data, tmp_path / names[0], SMALL, resolved=resolved)
    # the same readable pictures, decoded anew for every batch
    stores = {name: Store(store.pictures, store.preprocessing, limit=0, workers=3) for name, store in resolved.stores.items()}
    for name, store in stores.items():
        store.failed.update(resolved.stores[name].failed)
    train(data, tmp_path / names[1], SMALL, resolved=replace(resolved, stores=stores))
    assert weights(tmp_path / "a") == weights(tmp_path / "b")


def test_pictures_that_fail_are_told_by_the_fit(folder, tmp_path):
    fitted = train(load_folder(folder), tmp_path / "run", SMALL)
    assert {f.where for f in fitted.failed} <= {"a/3.png", "b/4.png"} and fitted.failed


def test_an_epoch_shows_every_picture_at_most_once_and_all_of_them_in_turn(few):
    resolved = resolve_run(few, "few", Wishes("linear", changes=(("batch", 32),)))
    batches = Batches(resolved.stores["train"], resolved.config.recipe, 0, torch.device("cpu"))
    n = len(resolved.stores["train"].good)
    assert batches.per_epoch == n // 32 == resolved.config.steps_per_epoch
    orders = [batches.order(epoch) for epoch in range(3)]
    assert all(sorted(order) == list(range(n)) for order in orders) and not np.array_equal(orders[0], orders[1])
    again = Batches(resolved.stores["train"], resolved.config.recipe, 0, torch.device("cpu"))
    for step in (11, 3, 0):  # whatever was asked for before
        (x, y, _), (other, other_y, _) = batches.get(step), again.get(step)
        assert torch.equal(x, other) and torch.equal(y, other_y)
    assert not torch.equal(batches.get(0)[0], batches.get(1)[0])


@pytest.mark.parametrize("at", [0, 1, 7, 11])
def test_stopping_at_any_step_and_going_on_ends_in_the_same_weights(few, tmp_path, at):
    """Batch normalisation and Nesterov momentum, with a label smoothed and pictures cropped."""
    wishes = replace(SMALL, steps=12)
    train(few, tmp_path / "whole", wishes)
    asked = iter(range(100))
    with pytest.raises(Interrupted) as stopped:
        train(few, tmp_path / "run", wishes, stop=lambda: next(asked) == at)
    assert stopped.value.step == at
    folder = RunFolder(tmp_path / "run")
    assert folder.exists and not folder.finished
    train_run(reopen(folder, few), few, folder.path, lambda event: None, lambda: False, "cpu")
    assert folder.finished and weights(tmp_path / "run") == weights(tmp_path / "whole")
    logged = [e["step"] for e in read_events(folder.path / "events.jsonl") if e["event"] == "step"]
    assert logged == list(range(1, 13))


def test_the_best_weights_are_those_that_were_best_in_validation(few, tmp_path):
    fitted = train(few, tmp_path / "run", Wishes("linear", steps=60, changes=(("batch", 32), ("lr", 2.0))))
    seen = [e for e in read_events(tmp_path / "run" / "events.jsonl") if e["event"] == "validation"]
    top = max(seen, key=lambda e: (e["top1"], -e["loss"]))
    assert (fitted.best_step, fitted.best_top1) == (top["step"], top["top1"])
    assert read_safetensors(tmp_path / "run" / "best.safetensors")[1]["step"] == top["step"]
    from neocog.evaluate import evaluate
    from neocog.runs import load_predictor

    assert evaluate(load_predictor(tmp_path / "run"), few.val).top1 == pytest.approx(top["top1"], abs=1e-3)


def test_wishes_are_granted_or_refused(few, tmp_path):
    def config(**wishes):
        return resolve_run(few, "few", Wishes("linear", **wishes)).config

    assert config(epochs=3, changes=(("batch", 30),)).steps == 3 * (len(few.train) // 30)
    assert config(epochs=0.5, changes=(("batch", 30),)).steps == pytest.approx(0.5 * (len(few.train) // 30), abs=0.5)
    assert config(steps=17).steps == 17 and config(steps=1, seed=4).seed == 4
    for bad in ({"epochs": 3, "steps": 5}, {"steps": 0}, {"budget": -1.0}, {"epochs": float("inf")}, {"epochs": float("nan")},
                {"changes": (("wobble", 3),)}, {"recipe": "paper"}):  # fmt: skip
        with pytest.raises(UserError):
            config(**bad)
    assert config(changes=(("lr", 0.5),), steps=1).recipe.lr == 0.5, "a rate that was asked for is the rate that is taken"


def test_a_budget_is_steps_that_about_fill_it(few):
    """Measured once, on a copy; loosely, as the machine is shared."""
    import time

    begin = time.process_time()
    config = resolve_run(few, "few", Wishes("lenet5.modern", budget=3.0)).config
    assert config.steps > 5 and "3 s" in config.length
    assert time.process_time() - begin < 3


def test_what_is_picked_for_small_pictures_and_photos(few, folder):
    for data, words in ((few, "28×28"), (load_folder(folder), "×")):
        resolved = resolve_run(data, data.name, Wishes(steps=1))
        why = [reason for reason in resolved.reasons if reason.startswith("net ")]
        assert len(why) == 1 and words in why[0] and resolved.config.net in why[0] and "--net takes another" in why[0]
        assert any_size(resolved.config.arch), "the picked net serves pictures of other sizes"
    grey = resolve_run(few, "few", Wishes("resnet8.cifar", steps=1))
    assert grey.config.arch.input == (1, 28, 28) and any("first layer" in reason for reason in grey.reasons)
    # mean and deviation come from the training pictures when the card's are of another number of channels
    pixels = few.train.arrays / 255
    assert grey.config.preprocessing.mean == pytest.approx((pixels.mean(),), abs=1e-3)
    assert grey.config.preprocessing.std == pytest.approx((pixels.std(),), abs=1e-3)


def test_other_data_is_not_gone_on_with(few, tmp_path):
    train(few, tmp_path / "run", Wishes("linear", steps=2))
    with pytest.raises(UserError, match="not the data"):
        folder = RunFolder(tmp_path / "run")
        check_same_data(folder.config(), load_data("digits"), "digits", folder)


def test_a_picture_that_cannot_be_read_any_more_is_no_silent_change(folder, tmp_path):
    data = load_folder(folder)
    run, lost = RunFolder(tmp_path / "run"), folder / "a" / "9.png"
    run.begin(resolve_run(data, "pictures", SMALL).config)
    whole = lost.read_bytes()
    lost.write_bytes(whole[:100] + bytes(len(whole) - 100))  # names and sizes are what they were
    try:
        assert load_folder(folder).fingerprint == data.fingerprint
        with pytest.raises(UserError, match="could when the run was begun"):
            reopen(run, load_folder(folder))
    finally:
        lost.write_bytes(whole)
    assert reopen(run, load_folder(folder)).config.data["n_train"] > 0


def test_more_pictures_than_fit_in_a_batch_or_fewer(few, tmp_path):
    tiny = array_dataset(
        "tiny", ["a", "b"], (np.zeros((3, 8, 8), np.uint8), np.array([0, 1, 1])), None, flip=False, val_fraction=0
    )
    assert train(tiny, tmp_path / "run", Wishes("resnet8.cifar", steps=2)).best_top1 is None
    assert RunFolder(tmp_path / "run").finished
    one = array_dataset("one", ["a", "b"], (np.zeros((1, 8, 8), np.uint8), np.array([0])), None, flip=False, val_fraction=0)
    with pytest.raises(UserError, match="class 'b'"):
        resolve_run(one, "one", Wishes("linear", steps=1))
