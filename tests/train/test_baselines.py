"""The baselines as runs: what they learn is what scikit-learn learns, stopped and resumed it is the same to the byte."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch

from neocog.arch import Neighbours, analyse
from neocog.errors import UserError
from neocog.nets import resolve
from neocog.pictures.arrays import array_dataset
from neocog.pictures.preprocessing import Preprocessing
from neocog.pictures.sets import Dataset
from neocog.runs import RunFolder, load_predictor, read_events
from neocog.train import Fitted, Interrupted, Wishes, reopen, resolve_run
from neocog.train import run as train_run
from neocog.train.choose import fit
from neocog.train.frozen import solved
from neocog.train.frozen.codebook import kmeans
from neocog.weights import read_safetensors

CLASSES = ("falling", "lying", "standing")


def stripes(n: int, seed: int, side: int = 26) -> tuple[np.ndarray, np.ndarray]:
    """uint8 n×side×side: stripes of a class's direction at any phase, under noise."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side]
    labels = np.arange(n) % 3
    along = [x + y, y, x]
    waves = [np.sin(along[k] * rng.uniform(0.6, 0.9) + rng.uniform(0, 6)) for k in labels]
    return (120 + 60 * np.array(waves) + rng.normal(0, 40, (n, side, side))).clip(0, 255).astype(np.uint8), labels


@pytest.fixture(scope="module")
def data() -> Dataset:
    return array_dataset("stripes", list(CLASSES), stripes(90, 0), stripes(60, 1), flip=False, val_fraction=0.2)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solved, "POINTS", 3000)


def train(data: Dataset, out: Path, wishes: Wishes, stop=lambda: False) -> Fitted:
    resolved = resolve_run(data, data.name, wishes)
    RunFolder(out).begin(resolved.config)
    return train_run(resolved, data, out, lambda event: None, stop, "cpu")


def end(out: Path) -> dict[str, bytes]:
    return {key: value.numpy().tobytes() for key, value in read_safetensors(out / "last.safetensors")[0].items()}


def wrong(out: Path, data: Dataset) -> float:
    assert data.test is not None
    scored = load_predictor(out).score_all(data.test)
    return 100 * float((scored.scores.argmax(1) != scored.labels).mean())


@pytest.mark.parametrize(("net", "most"), [("hog-svm", 2.0), ("sift-svm", 5.0)])
def test_stripes_are_told_apart_and_a_run_that_is_resumed_is_the_same(data, tmp_path, net, most):
    train(data, tmp_path / "whole", Wishes(net))
    assert wrong(tmp_path / "whole", data) <= most
    train(data, tmp_path / "again", Wishes(net))
    assert end(tmp_path / "again") == end(tmp_path / "whole")
    for at in (1, 8):
        asked = iter(range(10_000))
        out = tmp_path / f"stopped{at}"
        with pytest.raises(Interrupted):
            train(data, out, Wishes(net), stop=lambda asked=asked, at=at: next(asked) == at)
        assert not RunFolder(out).finished
        train_run(reopen(RunFolder(out), data), data, out, lambda event: None, lambda: False, "cpu")
        assert RunFolder(out).finished and end(out) == end(tmp_path / "whole")
    books = [e for e in read_events(tmp_path / "stopped8" / "events.jsonl") if e["event"] == "codebook"]
    assert len(books) == (2 if net == "sift-svm" else 0)


def test_the_svm_is_scikit_learns(data, tmp_path):
    """On the descriptions that the network itself gives, with the strength that was chosen: the same answers."""
    svm = pytest.importorskip("sklearn.svm")
    train(data, tmp_path / "run", Wishes("hog-svm"))
    predictor = load_predictor(tmp_path / "run")
    (told,) = [e for e in read_events(tmp_path / "run" / "events.jsonl") if e["event"] == "head"]
    assert told["strength"] == min(told["trials"], key=lambda trial: trial[1])[0]

    def described(pictures) -> np.ndarray:
        x = torch.from_numpy(
            predictor.preprocessing.normalise(
                pictures.arrays[pictures.rows][..., None] if hasattr(pictures, "rows") else pictures.arrays
            )
        )
        with torch.no_grad():
            return predictor.model.forward_head(predictor.model.forward_features(x), pre_logits=True).double().numpy()

    known, asked = described(data.train), described(data.test)
    mean = known.mean(0)
    spread = np.sqrt(((known - mean) ** 2).sum(1).mean())
    theirs = svm.LinearSVC(C=1 / (len(known) * told["strength"]), tol=1e-8, max_iter=100_000)
    theirs.fit((known - mean) / spread, data.train.labels)
    ours = predictor.score_all(data.test).scores
    assert np.abs(ours - theirs.decision_function((asked - mean) / spread)).max() < 0.02


@pytest.mark.parametrize(("net", "k"), [("knn", 5), ("knn.1", 1)])
def test_neighbours_are_scikit_learns(data, tmp_path, net, k):
    neighbors = pytest.importorskip("sklearn.neighbors")
    train(data, tmp_path / "run", Wishes(net))
    predictor = load_predictor(tmp_path / "run")
    assert predictor.model.arch.head is not None
    head = predictor.model.arch.head.record
    assert isinstance(head, Neighbours) and (head.pictures, head.k, head.out) == (len(data.train), k, 3)
    flat = [np.asarray(s.arrays, float).reshape(len(s), -1) for s in (data.train, data.test)]
    theirs = neighbors.KNeighborsClassifier(k).fit(flat[0], data.train.labels).predict_proba(flat[1])
    scored = predictor.score_all(data.test)
    shares = predictor.probabilities(scored.scores)
    assert np.abs((shares * (k + 1) - 1 / 3) / k - theirs).max() < 2e-3, "shares of the votes"
    assert wrong(tmp_path / "run", data) < 60


def test_the_nearer_of_two_classes_with_as_many_votes_is_ahead():
    from neocog.nn.neighbours import Neighbours as Layer

    layer = Layer(1, 3, 4, 4)
    layer.weight.copy_(torch.tensor([[10], [12], [20], [22]], dtype=torch.uint8))
    layer.labels.copy_(torch.tensor([2, 0, 0, 2]))
    layer.grid.copy_(torch.tensor([0.0, 1.0]))
    assert layer(torch.tensor([[9.0], [13.0]])).argmax(1).tolist() == [2, 0]


def test_more_votes_win_and_of_as_many_the_class_of_the_nearest():
    from neocog.nn.neighbours import ballots

    for sequence in product(range(3), repeat=5):  # every way in which five neighbours can be
        (row,) = ballots(torch.tensor([sequence]), 3)
        wanted = min(set(sequence), key=lambda one: (-sequence.count(one), sequence.index(one)))
        assert int(row.argmax()) == wanted and len({float(v) for v in row if v}) == len(set(sequence))


def test_lengths(data, tmp_path, monkeypatch):
    """A part of the pictures, of each class its share; a budget becomes a number of them; memory is bounded."""
    resolved = resolve_run(data, "stripes", Wishes("knn", epochs=0.5))
    count = resolved.config.data["n_train"]
    assert resolved.config.steps == round(count / 2) and "of 72" in resolved.config.length
    train(data, tmp_path / "half", Wishes("knn", epochs=0.5))
    labels = read_safetensors(tmp_path / "half" / "last.safetensors")[0]["nearest.labels"]
    assert sorted(np.bincount(labels.numpy()).tolist()) == [12, 12, 12]
    assert resolve_run(data, "stripes", Wishes("hog-svm", steps=10**9)).config.steps == count
    monkeypatch.setattr(solved, "_pace", lambda *_: 0.5)
    assert resolve_run(data, "stripes", Wishes("hog-svm", budget=40.0)).config.steps == 32
    monkeypatch.setattr(solved, "NUMBERS", 900 * 50)  # 900 numbers: 5×5 blocks of 36
    assert resolve_run(data, "stripes", Wishes("hog-svm")).config.steps == 50


def test_what_a_learner_cannot_teach_is_told(data):
    for net, learner, words in (
        ("knn", "sgd", "knn is not learned by --learner sgd"),
        ("hog-svm", "neighbours", "has no place for them"),
        ("lenet5.modern", "svm", "would stay as chance made it"),
        ("sift-svm", "perceptron", "not learned by --learner perceptron"),
    ):
        with pytest.raises(UserError, match=words):
            resolve_run(data, "stripes", Wishes(net, changes=(("learner", learner),)))


@pytest.mark.parametrize(
    ("net", "size", "want"),
    [("hog-svm", (28, 28, 1), (1, 28, 28)), ("hog-svm", (8, 8, 1), (1, 32, 32)), ("hog-svm", (375, 500, 3), (3, 128, 128)),
     ("sift-svm", (32, 32, 3), (3, 32, 32)), ("sift-svm", (20, 30, 3), (3, 40, 60)), ("knn", (8, 8, 1), (1, 8, 8)),
     ("knn", (375, 500, 3), (3, 32, 32))],
)  # fmt: skip
def test_the_rule_for_sizes(net, size, want):
    choice = fit(resolve(net), size, 4)
    assert choice.arch.input == want and analyse(choice.arch).output == (4,)
    assert (choice.preprocessing.height, choice.preprocessing.width) == want[1:]
    assert choice.preprocessing.resize == ("none" if size[0] == want[1] else "squash" if size[0] > 64 else "shorter")


def test_kmeans_finds_what_is_there():
    """As low a sum of squares as scikit-learn's from the same number of tries, and never an empty word."""
    cluster = pytest.importorskip("sklearn.cluster")
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(20, 8)) * 4
    points = (centres[rng.integers(0, 20, 2000)] + rng.normal(size=(2000, 8))).astype(np.float32)
    found = kmeans(torch.from_numpy(points), 20, np.random.default_rng(1))
    away = torch.cdist(torch.from_numpy(points), found)
    assert len(away.argmin(1).unique()) == 20
    theirs = cluster.KMeans(20, n_init=1, random_state=0).fit(points)
    assert float(away.min(1).values.square().sum()) < 1.2 * theirs.inertia_
    few = kmeans(torch.from_numpy(points[:3]), 5, np.random.default_rng(1))
    assert torch.isfinite(few).all() and float(torch.cdist(torch.from_numpy(points[:3]), few).min(1).values.max()) < 1e-4


def test_what_a_byte_stands_for():
    assert solved.steps_of(Preprocessing(4, 4)) == pytest.approx((0.0, 1 / 255))
    assert solved.steps_of(Preprocessing(4, 4, "L", mean=(0.5,), std=(0.25,))) == pytest.approx((-2.0, 4 / 255))
