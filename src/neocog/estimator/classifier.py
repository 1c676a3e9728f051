"""`ImageClassifier`: a network as a scikit-learn estimator. What it trains is an ordinary run."""

import os
import re
import shutil
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import Tags, check_random_state
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from neocog.errors import DataError, UserError
from neocog.estimator.datasets import of_numbers, of_pictures
from neocog.estimator.folders import Temporary, new_folder, pack, unpack
from neocog.estimator.inputs import Reading, is_pictures, pictures
from neocog.evaluate import judge_once
from neocog.pictures import load_data
from neocog.pictures.sets import ArrayPictures, Dataset, Pictures
from neocog.runs import RunFolder, load_predictor
from neocog.runs.events import Event
from neocog.runs.learned import write_learned
from neocog.train import Wishes, machine, resolve_run
from neocog.train import run as train_run

if TYPE_CHECKING:
    from neocog.nn import Model
    from neocog.pictures.preprocessing import Preprocessing

VALIDATION = 0.1  # of each class, as `neocog train` carves from a folder
DERIVED = ("run_", "predictor_", "_temporary")  # what a pickle makes again of the files of the run


class ImageClassifier(ClassifierMixin, BaseEstimator):
    """Any network of neocog, or a line of text that describes one, by scikit-learn's conventions.

    X is pixels, N×H×W or N×H×W×C; rows of numbers, N×F; a list of paths or of PIL pictures. Instead of X and y, `fit` takes
    what `neocog train` takes: a folder, or the name of a data set. Raises ValueError for what cannot be used, NotFittedError
    before `fit`.

    Parameters (None leaves the choice to the network and the pictures, as `neocog train` makes it):

    net                   name, or line of text; baselines too (hog-svm, sift-svm, knn)
    image_shape           (H, W) or (H, W, 3) of a row; None: square, or else a single line of pixels
    pixel_range           the numbers that are black and white; None: bytes as they are, numbers within [0, 1] by that, others
                          from the smallest to the largest of the training data
    recipe                quick, paper, modern, …; lr, batch_size, augment and changes stand in place of what it says
    epochs, steps, budget the length; a budget is in seconds
    augment               a list, words joined by commas, or "none"
    changes               any other fields of the recipe: {"optimizer": "adamw"}
    weights               where the start comes from: a run, a weight file, "pretrained"
    size                  side of what the network sees
    validation_fraction   of the training pictures, by which the best weights are chosen; None: a tenth
    random_state          seed of splits, start and order; None: another at each `fit`
    device                auto, cpu, cuda, …
    out                   the run folder, or with -2, -3, … where that is taken; None: a temporary one, gone with the estimator
    verbose               1 prints decisions and validations

    Attributes of a fitted one:

    classes_, n_features_in_ (numbers a picture; not of files), feature_names_in_ (of a table)
    run_ (the folder), predictor_, model_ (the Module), preprocessing_
    reading_ (how numbers become pixels), reasons_ (a line for each decision)
    test_ (of `fit` on a folder: how well its test split was told, measured once)
    """

    def __init__(
        self,
        net: str | None = None,
        *,
        image_shape: Sequence[int] | None = None,
        pixel_range: Sequence[float] | None = None,
        recipe: str = "quick",
        epochs: float | None = None,
        steps: int | None = None,
        budget: float | None = None,
        lr: float | None = None,
        batch_size: int | None = None,
        augment: str | Sequence[str] | None = None,
        changes: dict[str, Any] | None = None,
        weights: str | None = None,
        size: int | None = None,
        validation_fraction: float | None = None,
        random_state: Any = 0,
        device: str = "auto",
        out: str | os.PathLike[str] | None = None,
        verbose: int = 0,
    ):
        self.net = net
        self.image_shape = image_shape
        self.pixel_range = pixel_range
        self.recipe = recipe
        self.epochs = epochs
        self.steps = steps
        self.budget = budget
        self.lr = lr
        self.batch_size = batch_size
        self.augment = augment
        self.changes = changes
        self.weights = weights
        self.size = size
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.device = device
        self.out = out
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags

    def fit(self, X: Any, y: Any = None) -> Self:
        """Train on pictures X with labels y [N], of any type; or on a folder or a data set by its name, without y."""
        with _as_value_errors():
            if not isinstance(self.net, (str, type(None))):
                raise UserError(f"net is a name or a line of text, not {self.net!r}")
            seed = self._seed()
            if isinstance(X, (str, os.PathLike)):
                if y is not None:
                    raise DataError("a folder holds its own labels: fit(folder), without y; for one picture fit([path], …)")
                spec = os.fspath(X)
                data, reading = load_data(spec, seed, self.validation_fraction), Reading((0, 0, 0), 0, 255)
                classes = np.array(data.classes)
                self._forget_features()
            else:
                spec, data, classes, reading = self._data(X, y, seed)
            self._train(data, spec, classes, reading, seed)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """Scores, float32 N×C: the largest is the answer. Of two classes [N]: above 0 for the second."""
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    def predict(self, X: Any) -> np.ndarray:
        """The class of each picture [N]."""
        scores = self._scores(X)
        return self.classes_[scores.argmax(1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """Softmax of the scores, float32 N×C: as exact as the network computes."""
        scores = self._scores(X)
        return self.predictor_.probabilities(scores.astype(np.float64)).astype(np.float32)

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Natural logarithms of the probabilities, float32 N×C."""
        wide = self._scores(X).astype(np.float64)
        wide -= wide.max(1, keepdims=True)
        return (wide - np.log(np.exp(wide).sum(1, keepdims=True))).astype(np.float32)

    @property
    def model_(self) -> "Model":
        """The trained Module, in eval mode."""
        return self.predictor_.model

    @property
    def preprocessing_(self) -> "Preprocessing":
        """How pictures come to the network."""
        return self.predictor_.preprocessing

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Copy the run to a folder of its own, which every verb of the command reads, and `ImageClassifier.load`."""
        check_is_fitted(self)
        with _as_value_errors():
            RunFolder(Path(path)).check_free()
        return Path(shutil.copytree(self.run_, path, dirs_exist_ok=True))

    @classmethod
    def load(cls, run: str | os.PathLike[str], **params: Any) -> Self:
        """A fitted classifier from any run folder: saved, trained by the command, or imported."""
        self = cls(**params)
        with _as_value_errors():
            config = RunFolder(Path(run)).config()
            told, record = config.data.get("estimator", {}), config.preprocessing
            self.run_, self.reasons_ = Path(run), ()
            self._take(np.array(told.get("classes", config.classes)))
            shape = told.get("image_shape", (record.height, record.width, record.channels))
            self.reading_ = Reading(tuple(shape), *told.get("pixel_range", (0.0, 255.0)))
            if shape[0]:
                self.n_features_in_ = int(np.prod(shape))
        return self

    def __getstate__(self) -> dict[str, Any]:
        """A fitted one carries the files of its run."""
        state: dict[str, Any] = dict(vars(self))
        if "run_" in state:
            state["_files"] = pack(self.run_)
        return {key: value for key, value in state.items() if key not in DERIVED}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A run that was carried lies in a temporary folder."""
        files = state.get("_files")
        super().__setstate__({key: value for key, value in state.items() if key != "_files"})
        if files is not None:
            self._temporary = Temporary()
            unpack(files, self._temporary.run)
            self.run_ = self._temporary.run
            self._take(self.classes_[np.argsort(self._columns)])

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _seed(self) -> int:
        if isinstance(self.random_state, (int, np.integer)):
            return int(self.random_state)
        return int(check_random_state(self.random_state).randint(2**31))

    def _forget_features(self) -> None:
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                delattr(self, name)

    def _data(self, X: Any, y: Any, seed: int) -> tuple[str, Dataset, np.ndarray, Reading]:
        """(what it is called, the data, its classes, how numbers are read)."""
        fraction = VALIDATION if self.validation_fraction is None else self.validation_fraction
        if is_pictures(X):
            self._forget_features()
            return of_pictures(X, y, fraction, seed)
        values = self._numbers(X, y, reset=True)
        found = of_numbers(values, y, self.image_shape, self.pixel_range, fraction, seed)
        self.n_features_in_ = int(np.prod(found[-1].shape))
        return found

    def _numbers(self, X: Any, y: Any = "no_validation", *, reset: bool) -> np.ndarray:
        """X checked as scikit-learn checks it; rows are also counted, so that `predict` wants as many as `fit` had."""
        dimensions = 1 + np.ndim(X[0]) if isinstance(X, (list, tuple)) and len(X) else getattr(X, "ndim", 2)
        if dimensions <= 2:
            found: Any = validate_data(self, X, y, reset=reset)  # pyright: ignore[reportArgumentType] (its default is a str)
            return found[0] if isinstance(found, tuple) else found
        return check_array(X, allow_nd=True, estimator=self)

    def _train(self, data: Dataset, spec: str, classes: np.ndarray, reading: Reading, seed: int) -> None:
        resolved = resolve_run(data, spec, self._wishes(data, seed))
        temporary = Temporary() if self.out is None else None
        folder, config = RunFolder(temporary.run if temporary else new_folder(os.fspath(self.out or ""))), resolved.config
        plain = all(isinstance(one, (bool, int, float, str)) for one in classes.tolist())
        config.data["estimator"] = {"classes": classes.tolist() if plain else list(data.classes), **reading.to_json()}
        folder.begin(config)
        write_learned(folder.path, data.train, data.val)
        self.reasons_ = tuple(map(_pythonic, resolved.reasons))
        if self.verbose:
            print("\n".join(f"· {line}" for line in self.reasons_))
        try:
            fitted = train_run(resolved, data, folder.path, self._tell, lambda: False, self.device)
        finally:
            for store in resolved.stores.values():
                store.close()
        if failed := (*data.skipped, *fitted.failed):
            some = "; ".join(map(str, failed[:5]))
            words = f"left out {len(failed)} picture{'s' * (len(failed) > 1)} that cannot be read: {some}"
            warnings.warn(words, UserWarning, stacklevel=4)
        self.run_, self.reading_, self._temporary = folder.path, reading, temporary
        self._take(classes)
        if hasattr(self, "test_"):
            del self.test_
        if data.test is not None:
            self.test_ = judge_once(folder, data.test, lambda: self.predictor_)

    def _wishes(self, data: Dataset, seed: int) -> Wishes:
        changes = dict(self.changes or {})
        if self.lr is not None:
            changes["lr"] = self.lr
        if self.batch_size is not None:
            changes["batch"] = self.batch_size
        if self.augment is not None:
            words = self.augment.split(",") if isinstance(self.augment, str) else self.augment
            changes["augment"] = () if self.augment == "none" else tuple(words)
        elif data.train.arrays is not None and data.size[0] == 1:
            changes.setdefault("augment", ())  # a line of pixels has no other place to be in
        asked = {"epochs": self.epochs, "steps": self.steps, "budget": self.budget, "weights": self.weights}
        return Wishes(net=self.net, recipe=self.recipe, seed=seed, side=self.size, device=self.device,
                      changes=tuple(changes.items()), **asked)  # fmt: skip

    def _take(self, classes: np.ndarray) -> None:
        """Use the weights of the run. classes: in the order of its scores; scikit-learn's metrics want them sorted."""
        self.predictor_, self._columns = load_predictor(self.run_), np.argsort(classes, kind="stable")
        self.classes_ = classes[self._columns]
        self.predictor_.model.to(machine.device(self.device))

    def _tell(self, event: Event) -> None:
        if event["event"] == "stuck":
            words = f"nothing was learned by step {event['step']}: {event['why']}; {event['advice']}"
            warnings.warn(words, ConvergenceWarning, stacklevel=2)
        elif self.verbose and event["event"] == "validation" and event["top1"] is not None:
            print(f"step {event['step']:,}: {event['top1']:.2f} % of {event['n']:,} validation pictures right")

    def _scores(self, X: Any) -> np.ndarray:
        """float32 N×C, in the order of `classes_`. A picture that cannot be read is an error: its row could say nothing."""
        check_is_fitted(self)
        with _as_value_errors():
            names = self.predictor_.classes
            found: Pictures
            if isinstance(X, (str, os.PathLike)):
                raise DataError(f"a list of pictures is wanted: [{os.fspath(X)!r}]")
            if is_pictures(X):
                found = pictures(X, np.zeros(len(X), np.int64), names)
            else:
                pixels = self.reading_.pixels(self._numbers(X, reset=False))
                found = ArrayPictures(pixels, np.zeros(len(pixels), np.int64), names, "X")
            scored = self.predictor_.score_all(found)
            if scored.failed:
                raise DataError(f"{len(scored.failed)} of {len(found)} pictures cannot be read, the first: {scored.failed[0]}")
            return scored.scores[:, self._columns]


@contextmanager
def _as_value_errors() -> Iterator[None]:
    """What is the user's to mend is a ValueError in scikit-learn's world."""
    try:
        yield
    except UserError as error:
        raise ValueError(_pythonic(str(error))) from error


def _pythonic(words: str) -> str:
    """The command's `--batch-size` is `batch_size` here; a command in backticks stays one."""
    return words if "`" in words else re.sub(r"--([a-z][a-z-]*)", lambda found: found[1].replace("-", "_"), words)
