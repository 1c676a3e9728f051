"""Linear heads reach the optimum that scikit-learn's solvers reach, whichever way there is shorter."""

import numpy as np
import pytest
import torch

from neocog.train.frozen import heads


def blobs(n: int, features: int, classes: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, features))
    y = rng.integers(0, classes, n)
    return (centres[y] + 1.5 * rng.normal(size=(n, features)) + 3).astype(np.float32), y


@pytest.mark.parametrize(("n", "features", "classes"), [(120, 10, 3), (40, 90, 4)])
def test_softmax_as_in_scikit_learn(n, features, classes):
    linear = pytest.importorskip("sklearn.linear_model")
    x, y = blobs(n, features, classes)
    x = x.astype(np.float64)

    def lost(weight: torch.Tensor, bias: torch.Tensor) -> float:
        scores = torch.from_numpy(x) @ weight.T + bias
        return float(torch.nn.functional.cross_entropy(scores, torch.from_numpy(y)) + 0.015 * weight.square().sum())

    weight, bias = heads.softmax(torch.from_numpy(x), torch.from_numpy(y), classes, 0.03)
    theirs = linear.LogisticRegression(C=1 / (n * 0.03), tol=1e-10, max_iter=10_000).fit(x, y)
    ours = torch.softmax(torch.from_numpy(x) @ weight.T + bias, 1).numpy()
    assert np.abs(ours - theirs.predict_proba(x)).max() < 1e-4
    assert lost(weight, bias) < lost(*map(torch.from_numpy, whole(theirs, classes))) * (1 + 1e-5)


def whole(theirs, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Their weights and biases, one row a class: of two they keep one row, the difference."""
    weight, bias = theirs.coef_, theirs.intercept_
    return (weight, bias) if classes > 2 else (np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2)


@pytest.mark.parametrize(("n", "features", "classes"), [(120, 10, 3), (40, 90, 4)])
def test_svm_as_in_scikit_learn(n, features, classes):
    svm = pytest.importorskip("sklearn.svm")
    x, y = blobs(n, features, classes)
    weight, bias = heads.svm(torch.from_numpy(x).double(), torch.from_numpy(y), classes, 0.03)
    theirs = svm.LinearSVC(C=1 / (n * 0.03), tol=1e-10, max_iter=1_000_000).fit(x, y)
    assert np.abs(weight.numpy() - theirs.coef_).max() < 5e-4 and np.abs(bias.numpy() - theirs.intercept_).max() < 5e-4


@pytest.mark.parametrize("fit", [heads.softmax, heads.svm])
@pytest.mark.parametrize("features", [20, 120])
def test_the_best_strength_wins_and_weights_are_those_of_the_features_given(fit, features):
    """More features than pictures are solved for in the span of the pictures; the answer is the same."""
    x, y = blobs(60, features, 3)
    splits = heads.folds(y, seed=0)
    made = heads.fit_best(fit, x, y, 3, splits)
    assert made.strength == min(made.trials, key=lambda trial: trial[1])[0] and len(made.trials) >= 3
    spread = float(((x - x.mean(0)) ** 2).sum(1).mean() ** 0.5)
    plain = fit(torch.from_numpy((x.astype(np.float64) - x.mean(0)) / spread), torch.from_numpy(y), 3, made.strength)
    want = torch.from_numpy((x - x.mean(0)) / spread).double() @ plain[0].T + plain[1]
    assert np.abs(made.head.scores(x) - want.numpy()).max() < 5e-3 * float(want.abs().max())
    again = heads.fit_best(fit, x, y, 3, splits)
    assert torch.equal(made.head.weight, again.head.weight) and torch.equal(made.head.bias, again.head.bias)


def test_noise_is_regularised_away_and_signal_is_not():
    rng = np.random.default_rng(0)
    y = np.arange(200) % 2
    noise, signal = rng.normal(size=(200, 50)).astype(np.float32), blobs(200, 50, 2)
    loud = heads.fit_best(heads.softmax, noise, y, 2, heads.folds(y, 0))
    clear = heads.fit_best(heads.softmax, *signal, 2, heads.folds(signal[1], 0))
    assert loud.strength > 10 * clear.strength
    assert (clear.head.scores(signal[0]).argmax(1) == signal[1]).mean() > 0.99


def test_folds_deal_out_each_class_and_never_hold_out_all_of_one():
    labels = np.array([0] * 23 + [1] * 7 + [2])
    pairs = heads.folds(labels, seed=3)
    assert len(pairs) == heads.FOLDS and sorted(np.concatenate([held for _, held in pairs])) == list(range(30))
    for learn, held in pairs:
        assert not set(learn) & set(held) and set(labels[learn]) == {0, 1, 2} and 4 <= (labels[held] == 0).sum() <= 5
    assert any(not np.array_equal(a[1], b[1]) for a, b in zip(pairs, heads.folds(labels, seed=4), strict=True))


def test_neighbours_as_in_scikit_learn():
    neighbors = pytest.importorskip("sklearn.neighbors")
    x, y = blobs(300, 12, 4)
    known, labels, asked = x[:200], y[:200], x[200:]
    theirs = neighbors.KNeighborsClassifier(5, metric="cosine").fit(known, labels)
    votes = heads.nearest(known, labels, asked, 4)
    clear = np.sort(votes.round(), 1)[:, -1] > np.sort(votes.round(), 1)[:, -2]  # ties are ours to break
    assert clear.sum() > 50 and np.array_equal(votes.argmax(1)[clear], theirs.predict(asked)[clear])
