"""The scikit-learn door: its conventions, its own checks, and that it is the command's road."""

import gc
import pickle
import re
import sys
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("sklearn", reason="needs the extra: pip install 'neocog[sklearn]'")

from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler
from sklearn.utils.estimator_checks import check_estimator

import neocog
from neocog import ImageClassifier
from neocog.errors import UserError
from neocog.estimator.inputs import Reading, settle
from neocog.evaluate.predictions import read_predictions
from neocog.pictures.embedded import digits

from .cli.command import Server, assert_same_weights, shared_server

NET = "INPUT FC 24 RELU FC"


def small(**params) -> ImageClassifier:
    return ImageClassifier(**{"net": NET, "steps": 15, **params})


@pytest.fixture(scope="module")
def two() -> tuple[np.ndarray, np.ndarray]:
    """120 zeros and ones, uint8 28×28, with words for labels."""
    images, labels = digits()
    at = np.r_[0:60, 500:560]
    return images[at], np.array(["zero", "one"])[labels[at]]


@pytest.fixture(scope="module")
def fitted(two) -> ImageClassifier:
    return small().fit(*two)


# ── the checks of scikit-learn itself ────────────────────────────────────────────────────────────────────────────────

SWITCHED_OFF = {"check_array_api_input"}  # runs with SCIPY_ARRAY_API=1 in the environment, and passes there
NOT_INSTALLED = "skipped pandas is not installed"  # the end of a check whose other parts have passed


def verdicts(estimator: ImageClassifier) -> dict[str, str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(estimator, on_fail=None, on_skip=None)
    return {r["check_name"]: f"{r['status']} {r['exception'] or ''}".strip() for r in results}


def test_every_check_of_scikit_learn_passes():
    found = verdicts(small(steps=20, lr=0.02, validation_fraction=0.0))
    assert len(found) > 40
    left = {name: v for name, v in found.items() if v != "passed" and not v.startswith(NOT_INSTALLED)}
    assert left.keys() <= SWITCHED_OFF, left


@pytest.mark.slow
def test_every_check_passes_for_the_network_that_is_chosen():
    found = verdicts(ImageClassifier(steps=60))
    assert {name: v for name, v in found.items() if v != "passed" and name not in SWITCHED_OFF} == {}


# ── what comes in ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_numbers_become_pixels_by_one_rule_settled_in_training():
    values = np.linspace(-3, 5, 50).reshape(2, 5, 5)
    reading = settle(values, None, None)
    assert reading == Reading((5, 5, 1), -3.0, 5.0)
    wider = np.array([[[-9.0, 9.0], [1.0, -3 + 8 * 100.4 / 255]]])
    assert reading.pixels(wider)[0, :, :, 0].tolist() == [[0, 255], [128, 100]]  # 1.0 is the middle, 127.5
    whole = np.arange(256, dtype=np.uint8).reshape(1, 16, 16)
    assert settle(whole / 255, None, None).pixels(whole / 255).tobytes() == whole.tobytes()
    assert settle(whole > 99, None, None) == Reading((16, 16, 1), 0.0, 1.0)
    assert settle(whole[:, :8].reshape(1, -1), (8, 16), None) == Reading((8, 16, 1), 0.0, 255.0)
    assert settle(np.zeros((3, 10)), None, (0, 16)) == Reading((1, 10, 1), 0.0, 16.0)


def test_the_same_pictures_in_any_form_are_the_same_training(two, fitted, tmp_path):
    X, y = two
    expected = fitted.decision_function(X)
    files = []
    for i, picture in enumerate(X):
        files.append(str(tmp_path / f"{i}.png"))
        Image.fromarray(picture).save(files[-1])
    forms = {
        "floats": X / 255,
        "channel": X[..., None],
        "rows": X.reshape(len(X), -1),
        "integers": X.astype(np.int64),
        "pillow": [Image.fromarray(picture) for picture in X],
        "files": files,
        "array of names": np.array(files),
    }
    for name, form in forms.items():
        again = small().fit(form, list(y))
        assert np.array_equal(again.decision_function(form), expected), name
    assert np.allclose(fitted.decision_function(files[:3]), expected[:3], rtol=1e-5)  # learned from arrays, asked about files


def test_labels_of_any_type(two):
    X, y = two
    reference = small().fit(X, y == "zero")
    assert reference.classes_.tolist() == [False, True]
    for zero, one in ((7, 3), (2.0, 1.0), ("nought", "mankind")):
        again = small().fit(X, np.where(y == "zero", zero, one))
        assert again.classes_.tolist() == sorted([zero, one]) and again.predict(X).dtype == again.classes_.dtype
        assert np.array_equal(again.predict(X) == zero, reference.predict(X))


@pytest.mark.parametrize(
    ("X", "y", "words"),
    [
        (np.zeros((4, 3, 8, 8), np.uint8), [0, 1, 0, 1], "X.transpose(0, 2, 3, 1)"),
        (np.zeros((4, 8, 8, 4), np.uint8), [0, 1, 0, 1], "X[..., :3]"),
        (np.zeros((4, 8, 8), np.uint8), [0, 1, 0], "inconsistent numbers"),
        (np.zeros((4, 8, 8), np.uint8), ["a"] * 4, "of one class: a"),
        (np.zeros((4, 8, 8), np.uint8), None, "requires y"),
        (np.zeros((4, 8, 8), np.uint8), [0.5, 1.5, 2.5, 3.5], "Unknown label type"),
        (["a.jpg", 3, "b.jpg", "c.jpg"], [0, 1, 0, 1], "X[1] is of type int"),
        ("digits", [0, 1], "without y"),
        ("no such folder/", None, "does not exist"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_a_value_error_that_says_why(X, y, words):
    with pytest.raises(ValueError) as caught:
        small().fit(X, y)
    assert words in str(caught.value)


def test_wishes_that_cannot_be_met(two):
    for params, words in (
        ({"net": "lenet7"}, "did you mean lenet5"),
        ({"net": 5}, "net is a name"),
        ({"epochs": 2}, "epochs, steps and budget each set the length"),  # beside steps; without the command's dashes
        ({"image_shape": (4, 4)}, "image_shape 4×4 is 16 numbers, but X has 784"),
        ({"pixel_range": (1, 0)}, "from black to white"),
        ({"augment": "flipp"}, "did you mean flip?"),
        ({"changes": {"weigth_decay": 0.1}}, "no field 'weigth_decay': did you mean weight_decay"),
        ({"validation_fraction": 1.0}, "fraction"),
    ):
        with pytest.raises(ValueError) as caught:
            small(**params).fit(two[0].reshape(120, -1), two[1])
        assert words in str(caught.value)


def test_pictures_that_cannot_be_read(two, tmp_path):
    X, y = two
    files = [tmp_path / f"{i}.png" for i in range(len(X))]
    for file, picture in zip(files, X, strict=True):
        Image.fromarray(picture).save(file)
    files[70].write_bytes(b"no picture")
    files[80].write_bytes(files[80].read_bytes()[:-60])  # a whole header, half of the pixels
    with pytest.warns(UserWarning, match=r"left out 2 pictures that cannot be read: 70\.png.*; 80\.png"):
        learned = small().fit(files, y)
    with pytest.raises(ValueError, match=r"1 of 3 pictures cannot be read, the first: 70\.png"):
        learned.predict(files[69:72])
    with pytest.raises(ValueError, match=r"2 of 6 pictures .* cannot be read"):  # more than one in twenty
        small().fit([*files[:2], *files[60:62], files[70], files[80]], [*y[:2], *y[60:62], y[70], y[80]])
    assert learned.predict(files[:5]).shape == (5,) and not hasattr(learned, "n_features_in_")


def test_numbers_on_another_scale_than_in_training_are_refused(two, fitted):
    with pytest.raises(ValueError, match=r"X \* 255"):
        fitted.predict(two[0] / 255)
    assert np.array_equal(fitted.predict(two[0].astype(float)), fitted.predict(two[0]))


# ── what comes out ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_scores_probabilities_and_answers_agree(two, fitted):
    X, y = two
    scores, shares = fitted.decision_function(X), fitted.predict_proba(X)
    assert scores.shape == (120,) and shares.shape == (120, 2)
    assert np.array_equal(fitted.predict(X), fitted.classes_[(scores > 0).astype(int)])
    assert np.allclose(shares[:, 1], 1 / (1 + np.exp(-scores.astype(float))), atol=1e-6)
    assert np.allclose(fitted.predict_log_proba(X), np.log(shares), atol=1e-5)
    assert fitted.score(X, y) == np.mean(fitted.predict(X) == y) > 0.95
    assert fitted.model_ is fitted.predictor_.model and not fitted.model_.training
    assert fitted.preprocessing_.id == "native-28"


def test_it_says_nothing_unless_asked(two, capsys):
    small().fit(*two)
    assert capsys.readouterr() == ("", "")
    small(verbose=1).fit(*two)
    assert "validation pictures right" in capsys.readouterr().out


def test_the_seed_determines_the_training(two):
    X, y = two
    once = small(random_state=3).fit(X, y).decision_function(X)
    assert np.array_equal(small(random_state=3).fit(X, y).decision_function(X), once)
    assert not np.array_equal(small(random_state=4).fit(X, y).decision_function(X), once)
    state = np.random.RandomState(0)
    first, second = (small(random_state=state).fit(X, y).decision_function(X) for _ in range(2))
    assert not np.array_equal(first, second)
    assert np.array_equal(small(random_state=np.random.RandomState(0)).fit(X, y).decision_function(X), first)


def test_a_training_that_learns_nothing_is_told(two):
    with pytest.warns(ConvergenceWarning, match="nothing was learned"):
        small(lr=1e-12, steps=100).fit(*two)


def test_a_pickle_carries_its_run_and_a_temporary_run_goes_with_its_estimator(two):
    original = small().fit(*two)
    expected, folder, raw = original.predict_proba(two[0]), original.run_, pickle.dumps(original)
    del original
    gc.collect()
    assert not folder.parent.exists()
    again = pickle.loads(raw)
    assert np.array_equal(again.predict_proba(two[0]), expected)
    assert neocog.load(again.run_).classes == ("one", "zero")
    assert not hasattr(clone(again), "run_")


def test_what_is_saved_is_a_run_and_comes_back(two, fitted, tmp_path):
    X, _ = two
    saved = fitted.save(tmp_path / "run")
    again = ImageClassifier.load(saved)
    assert np.array_equal(again.predict_proba(X.reshape(120, -1)), fitted.predict_proba(X))
    assert again.classes_.tolist() == ["one", "zero"] and again.n_features_in_ == 784
    with pytest.raises(ValueError, match="holds a run already"):
        fitted.save(saved)
    with pytest.raises(ValueError, match="no run folder"):
        ImageClassifier.load(tmp_path)


def test_fits_with_out_never_meet(two, tmp_path):
    one = small(steps=2, out=tmp_path / "deep" / "run")
    paths = [clone(one).fit(*two).run_.name for _ in range(3)]
    assert paths == ["run", "run-2", "run-3"]


def test_a_folder_is_trained_as_the_command_does_it(tmp_path):
    """The same weights to the last bit, and the test split judged once, with the same figure."""
    images, labels = digits()
    for i in range(0, 1000, 10):
        folder = tmp_path / "photos" / ("9" if labels[i] == 0 else "10")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(images[i]).save(folder / f"{i}.png")
    neocog_command: Server = shared_server()
    command = neocog_command("train", tmp_path / "photos", "--net", NET, "--steps", 15, "--seed", 5, "--json",
                             "--out", tmp_path / "command").check(0).json()  # fmt: skip
    ours = small(random_state=5, out=tmp_path / "ours").fit(str(tmp_path / "photos"))
    assert_same_weights(tmp_path / "command", ours.run_)
    assert ours.test_.to_json() == command["test"]
    assert np.array_equal(*(read_predictions(run / "test").log_probabilities for run in (ours.run_, tmp_path / "command")))
    one, nought = tmp_path / "photos" / "10" / "500.png", tmp_path / "photos" / "9" / "0.png"
    assert neocog.load(ours.run_).classes == ("9", "10") and ours.classes_.tolist() == ["10", "9"]  # as metrics want them
    for mine in (ours, pickle.loads(pickle.dumps(ours)), ImageClassifier.load(tmp_path / "command")):
        assert mine.predict([one, nought]).tolist() == ["10", "9"]
        assert mine.predict_proba([one, nought]).argmax(1).tolist() == [0, 1]
    shown = neocog_command("show", ours.run_).check(0)
    assert "20" in shown.out


# ── in company ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_it_works_in_pipelines_searches_and_ensembles(two):
    X, y = two
    rows, folds = X.reshape(120, -1), StratifiedKFold(2, shuffle=True, random_state=0)
    assert cross_val_score(small(), X, y, cv=folds, error_score="raise").min() > 0.9
    files = [Image.fromarray(picture) for picture in X]
    assert cross_val_score(small(), files, y, cv=folds, error_score="raise").min() > 0.9
    search = GridSearchCV(small(), {"net": [NET, "INPUT FC"], "lr": [0.005, 1e-9]}, cv=folds, error_score="raise")
    search.fit(X, y)
    assert search.best_params_["lr"] == 0.005 and search.score(X, y) > 0.9
    members = [("net", small()), ("line", LogisticRegression(max_iter=2000))]
    for company in (
        make_pipeline(FunctionTransformer(np.fliplr), small()),
        make_pipeline(MinMaxScaler(), small()),
        VotingClassifier(members, voting="soft"),
        StackingClassifier(members, cv=2),
        CalibratedClassifierCV(small(), cv=2),
        CalibratedClassifierCV(FrozenEstimator(small().fit(rows, y))),
    ):
        assert company.fit(rows, y).score(rows, y) > 0.9, company


@pytest.mark.slow
def test_processes_side_by_side_give_the_same_scores(two):
    alone, beside = (cross_val_score(small(), *two, cv=4, n_jobs=n, error_score="raise") for n in (1, 2))
    assert np.array_equal(alone, beside)


def test_no_float_copy_of_the_pixels_is_made():
    values = np.random.default_rng(0).random((2000, 64, 64), np.float32)
    tracemalloc.start()
    try:
        pixels = settle(values, None, None).pixels(values)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert pixels.nbytes <= peak < pixels.nbytes + 40_000_000 < values.nbytes * 2


def test_without_scikit_learn_the_error_names_the_extra(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("neocog.estimator")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(UserError, match=r"pip install 'neocog\[sklearn\]'"):
        neocog.ImageClassifier  # noqa: B018


def test_the_guide_runs(capsys):
    """The page's own blocks, one after another."""
    text = (Path(__file__).parents[1] / "docs" / "scikit-learn.md").read_text(encoding="utf-8")
    first = re.findall(r"```python\n(.*?)```", text, flags=re.S)[0]
    exec(first, {})
    assert float(capsys.readouterr().out.split()[-1]) > 0.9
