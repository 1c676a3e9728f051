"""How a network is trained, as a value: everything but the data, the seed and the length."""

import math
from dataclasses import dataclass, fields
from typing import Any

from neocog.errors import UserError
from neocog.pictures.augment.spec import parse_all

LEARNERS = ("sgd", "features", "perceptron", "neocognitron", "neocognitron-taught", "svm", "neighbours")
LOSSES = ("cross_entropy", "hinge", "mle", "map")
OPTIMIZERS = ("sgd", "caffe-sgd", "rmsprop", "tf-rmsprop", "adamw", "lm", "muon")
SCHEDULES = ("onecycle", "step", "linear", "poly", "cosine", "exponential", "inv", "plateau", "constant")
DECAYS = ("all", "weights", "not-depthwise")
RANGES = (("lr", 0.0, math.inf), ("momentum", 0.0, 1.0), ("weight_decay", 0.0, math.inf), ("label_smoothing", 0.0, 1.0),
          ("competition", 0.0, math.inf), ("warmup", 0.0, 1.0), ("warmup_hold", 0.0, 1.0), ("gamma", 0.0, math.inf),
          ("batch", 1, math.inf), ("epochs", 0.0, math.inf), ("rho", 0.0, 1.0), ("eps", 0.0, math.inf),
          ("power", 0.0, math.inf), ("bias_lr", 0.0, math.inf), ("head_lr", 0.0, math.inf), ("clip", 0.0, math.inf),
          ("ema", 0.0, 1.0), ("filter_rms", 0.0, math.inf))  # fmt: skip


@dataclass(frozen=True, slots=True)
class Recipe:
    """A recipe.

    optimizer: "sgd" (torch's: the rate outside the velocity), "caffe-sgd" (Krizhevsky's and Caffe's: inside it), "rmsprop" and
    "tf-rmsprop" (`rho`, `eps` outside or inside the root, `momentum`), "adamw" (`momentum` is β1, `rho` β2), "lm" (LeNet-5's
    stochastic diagonal Levenberg-Marquardt, η/(μ + h); `eps` is μ), "muon" (orthogonal updates of filters, with `momentum`; all
    else as Nesterov's SGD with momentum `rho`). decay: what `weight_decay` pulls on: "all", "weights" (no
    biases, no normalisation) or "not-depthwise" (nor depthwise filters). bias_lr, head_lr: the rates of biases and of the
    classifier, as multiples. clip: the largest norm of all gradients together; 0: none. ema: decay of the running mean of the
    weights, which is what is judged and kept; 0: none. filter_rms: filters whose RMS exceeds it are scaled back to it after
    each step (ZFNet); 0: none.

    schedule: "onecycle": linear from lr/25 to lr over the first `warmup` of the steps, then linear to 0; "step": `lr` times
    `gamma` for each of `milestones` (fractions of all steps) passed, or times that one of `factors` which belongs to the last
    passed; "linear", "cosine", "poly" (`power`): down to 0; "exponential": `lr` times `gamma` at the end, evenly on the way;
    "inv": (1 + `gamma`·t)^-`power`, t being the share of the steps behind (Caffe's, in shares);
    "plateau": times `gamma` whenever validation has not improved for `patience` epochs; "constant". All but onecycle rise
    linearly over the first `warmup`, or stay at `warmup_hold` times the rate so long.

    loss: "cross_entropy" (with `label_smoothing`), "hinge" (multi-class SVM, Weston & Watkins 1999), "mle" or "map" (LeNet-5's
    eqs. 8 and 9; `competition` is j). augment: as `pictures.augment.spec` reads it. start: "", "whiten" (the first
    convolution becomes the whitening of its patches, and stays so) or "unit-variance" (each map has mean 0, deviation 1).
    freeze: paths, each with all below it, that keep their weights. test_flip: judged by the mean of the scores of the picture
    and its mirror image. source: where the numbers come from, and which of them are not the paper's.
    """

    name: str = "quick"
    learner: str = "sgd"  # or "perceptron", "neocognitron", "neocognitron-taught" (a teacher picks the last layer's winners)
    loss: str = "cross_entropy"
    label_smoothing: float = 0.0
    competition: float = 10.0
    optimizer: str = "sgd"
    lr: float = 0.1
    momentum: float = 0.9
    nesterov: bool = False
    rho: float = 0.9
    eps: float = 1e-8
    weight_decay: float = 5e-4
    decay: str = "all"
    bias_lr: float = 1.0
    head_lr: float = 1.0
    clip: float = 0.0
    ema: float = 0.0
    filter_rms: float = 0.0
    schedule: str = "onecycle"
    warmup: float = 0.2
    warmup_hold: float = 0.0
    milestones: tuple[float, ...] = ()
    gamma: float = 0.1
    factors: tuple[float, ...] = ()
    power: float = 1.0
    patience: int = 5
    batch: int = 128
    epochs: float = 10.0
    augment: tuple[str, ...] = ("flip", "crop")
    start: str = ""
    freeze: tuple[str, ...] = ()
    test_flip: bool = False
    source: str = ""

    def __post_init__(self) -> None:
        for name, low, high in RANGES:
            value = getattr(self, name)
            if not (math.isfinite(value) and low <= value and (value < high or high == math.inf)):
                limit = f"from {low:g} up" + (f" to, not including, {high:g}" if high < math.inf else "")
                raise UserError(f"recipe: {name} goes {limit}, not {value:g}")
        for name in ("lr", "epochs"):
            if not getattr(self, name) > 0:
                raise UserError(f"recipe: {name} is above 0, not {getattr(self, name):g}")
        known = (("learner", LEARNERS), ("loss", LOSSES), ("schedule", SCHEDULES), ("optimizer", OPTIMIZERS),
                 ("decay", DECAYS), ("start", ("", "whiten", "unit-variance")))  # fmt: skip
        for name, values in known:
            if getattr(self, name) not in values:
                raise UserError(f"recipe: unknown {name} '{getattr(self, name)}'; there are {', '.join(filter(None, values))}")
        if self.factors and len(self.factors) != len(self.milestones):
            raise UserError(f"recipe: {len(self.milestones)} milestones and {len(self.factors)} factors: one each, or none")
        if self.nesterov and self.optimizer != "sgd":
            raise UserError(f"recipe: nesterov is for the optimizer sgd, not for {self.optimizer}")
        try:
            parse_all(self.augment)
        except UserError as error:
            raise UserError(f"recipe: {error}") from None

    def to_json(self) -> dict[str, Any]:
        """A plain object, for the run's configuration."""
        return {f.name: list(v) if isinstance(v := getattr(self, f.name), tuple) else v for f in fields(self)}

    @staticmethod
    def from_json(data: dict[str, Any]) -> "Recipe":
        """The inverse of `to_json`."""
        values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()}
        try:
            return Recipe(**values)
        except TypeError as error:
            raise UserError(f"recipe: {error}") from None
