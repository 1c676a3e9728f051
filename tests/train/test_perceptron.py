"""Rosenblatt's rule: it learns what can be separated within Novikoff's bound, and XOR never."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from neocog.pictures import ArrayPictures
from neocog.pictures.arrays import array_dataset
from neocog.pictures.sets import Dataset
from neocog.runs import RunFolder, read_events
from neocog.train import Wishes, resolve_run
from neocog.train import run as train_run
from neocog.train.perceptron import Perceptron


def passes(data: Dataset, out: Path, most: int, seed: int = 0) -> list[int]:
    """Mistakes in each pass over the training pictures, through the whole of training."""
    resolved = resolve_run(data, data.name, Wishes("perceptron", side=2, epochs=most, seed=seed))
    RunFolder(out).begin(resolved.config)
    seen: list[dict] = []
    train_run(resolved, data, out, seen.append, lambda: False, "cpu")
    counted = [e["mistakes"] for e in seen if e["event"] == "pass"]
    assert counted == [e["mistakes"] for e in read_events(out / "events.jsonl") if e["event"] == "pass"]
    return counted


def corners(xor: bool) -> Dataset:
    """2×2 pictures with a bright pixel above, below, both or none: labelled by "one of them", or by "both"."""
    pixels = np.array([[[a, 80], [40, b]] for a in (0, 255) for b in (0, 255)], np.uint8)
    labels = [0, 1, 1, 0] if xor else [0, 0, 0, 1]
    all_four = ArrayPictures(pixels, labels, ["no", "yes"], "corners")
    return Dataset("corners", ("no", "yes"), all_four, None, all_four, "f", False)


@pytest.mark.parametrize("seed", range(3))
def test_and_is_learned_and_xor_never(tmp_path, seed):
    learned = passes(corners(xor=False), tmp_path / "and", 200, seed)
    assert learned[-1] == 0 and 0 not in learned[:-1] and len(learned) < 200, learned
    never = passes(corners(xor=True), tmp_path / "xor", 60, seed)
    assert len(never) == 60 and min(never) > 0


def test_xor_by_the_command(neocog, tmp_path):
    for split in ("train", "val", "test"):
        for a in (0, 255):
            for b in (0, 255):
                folder = tmp_path / "xor" / split / ("odd" if a != b else "even")
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray(np.array([[a, 80], [40, b]], np.uint8)).save(folder / f"{a}{b}.png")
    done = neocog(
        "train", tmp_path / "xor", "--net", "perceptron", "--size", 2, "--epochs", 50, "--out", tmp_path / "run"
    ).check(0)
    told = [line for line in done.err.splitlines() if line.startswith("pass ")]
    assert len(told) == 50 and not any(": 0 mistakes" in line for line in told)
    assert told[0].startswith("pass 1: ") and told[0].endswith("mistakes of 4")
    assert "100.00 % right" not in done.out


def test_mistakes_are_told_and_fall_to_none_on_what_can_be_separated(neocog, idx, tmp_path):
    done = neocog("train", idx, "--net", "perceptron", "--epochs", 60, "--out", tmp_path / "run").check(0)
    told = [line for line in done.err.splitlines() if line.startswith("pass ")]
    counts = [int(line.split()[2].replace(",", "")) for line in told]
    assert counts[-1] == 0 and 0 not in counts[:-1] and len(counts) < 60, "it stops after the first pass without a mistake"
    assert "up to 60 passes" in done.err
    neocog("train", idx, "--net", "perceptron", "--budget", "3s").complaint("perceptron", "--epochs")


@given(st.integers(0, 2**32), st.integers(2, 12), st.integers(2, 60), st.floats(0.02, 0.5), st.sampled_from([1.0, 0.25, 7.0]))
def test_no_more_mistakes_than_novikoff_allows(seed, size, n, margin, rate):
    """Two classes told apart by a hyperplane (w, b) of length 1 with margin γ: at most (R/γ)² mistakes, R² = max ‖x‖² + 1.

    Two weight vectors that move against each other are one of √2 times the margin and √2 times the radius, so the bound of
    Novikoff (1962) holds as it stands; the rate only scales both.
    """
    rng = np.random.default_rng(seed)
    plane = rng.normal(size=size + 1)
    plane /= np.linalg.norm(plane)
    points = rng.normal(size=(n, size))
    side = points @ plane[:-1] + plane[-1]
    points, side = points[np.abs(side) >= margin], side[np.abs(side) >= margin]
    if len(points) == 0:
        return
    gamma = np.abs(side).min()
    bound = (np.square(points).sum(1).max() + 1) / gamma**2
    labels = (side > 0).astype(np.int64)
    machine = Perceptron(np.zeros((2, size)), np.zeros(2))
    made = 0
    for _ in range(int(bound) + 2):
        mistakes = machine.learn(points, labels, rate)
        made += mistakes
        if mistakes == 0:
            break
    assert mistakes == 0 and made <= bound
    assert ((points @ machine.weight.T + machine.bias).argmax(1) == labels).all()


def test_many_classes_that_can_be_separated_are_learned(tmp_path):
    pixels = np.array([np.eye(4)[k].reshape(2, 2) * 255 for k in range(4) for _ in range(5)], np.uint8)
    labels = [k for k in range(4) for _ in range(5)]
    data = array_dataset(
        "four", list("abcd"), (pixels, np.array(labels)), (pixels, np.array(labels)), flip=False, val_fraction=0.2
    )
    assert passes(data, tmp_path / "run", 50)[-1] == 0
