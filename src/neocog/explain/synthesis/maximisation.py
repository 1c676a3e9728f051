"""Activation maximisation: a picture that a unit or a class answers most to (Erhan 2009; Simonyan, Vedaldi & Zisserman 2014).

Climbed is the value itself, of a class its score before the softmax, by Adam over the pixels, from the mean pixel with a little
noise. Without a prior the result is noise that the unit loves; the priors are stated with every picture: decay towards the mean
pixel (Simonyan's |I|²), a blur every few steps (Yosinski et al. 2015) that becomes finer, and jitter (Mordvintsev et al. 2015).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neocog.errors import UserError
from neocog.explain.inside import device_of, record_of, undisturbed
from neocog.explain.resuming import State
from neocog.explain.synthesis.ascent import Canvas, OnStep, blurred, bytes_of, climb, jittered, with_slope
from neocog.explain.targets import Target, value_of
from neocog.nn import Model
from neocog.runs.marks import weights_mark


@dataclass(frozen=True)
class AscentSettings:
    """steps of Adam, at `rate` pixel values a step at first. decay: the share of its distance to the mean pixel that a pixel
    loses in a step. blur: a Gaussian's deviation at first, in pixels of a picture of 224 (half as many of a small one), every
    `blur_every` steps; it falls to a third. jitter: as a share of the picture's side. noise: the start's deviation."""

    steps: int = 120
    rate: float = 40.0
    decay: float = 0.005
    blur: float = 1.0
    blur_every: int = 4
    jitter: float = 0.04
    noise: float = 6.0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Maxima:
    """pixels: uint8 N×H×W×C, as the network's record has them; values: what the target's unit answers to these very bytes, N;
    start: what it answered to the noise they began as. curve: steps×N, while pictures were moved about. target, settings."""

    pixels: np.ndarray
    values: np.ndarray
    start: np.ndarray
    curve: np.ndarray
    target: Target
    settings: AscentSettings


@dataclass(frozen=True, eq=False)
class Best:
    """The pictures of a data set that a unit answers most to: values and indices, falling; values of all: their mean, n."""

    values: np.ndarray
    indices: np.ndarray
    mean: float
    n: int


def maximise(model: Model, target: Target, settings: AscentSettings | None = None, *, cache: Path | None = None,
             on_step: OnStep | None = None, stop: Callable[[], bool] | None = None) -> Maxima:  # fmt: skip
    """A picture for each of the target's units, together; equal units begin from different noise.

    A target without places climbs its map's largest value, wherever that is. Kept and gone on with below `cache`. Raises
    UserError for no unit, KeyboardInterrupt once `stop()`.
    """
    settings = settings or AscentSettings()
    if not len(target):
        raise UserError("nothing to maximise: name a class, or units of a layer")
    canvas, record = Canvas.of(model), record_of(model)
    shape = (len(target), record.channels, record.height, record.width)
    side = max(record.height, record.width)
    about = {
        "arch": model.arch.to_json(), "weights": weights_mark(model), "record": record.to_json(), "path": target.path,
        "channels": target.channels.tolist(), "places": None if target.places is None else target.places.tolist(),
        "settings": [getattr(settings, name) for name in settings.__dataclass_fields__],
    }  # fmt: skip

    def loss_of(x: Tensor, step: int) -> Tensor:
        seed = settings.seed * 1_000_003 + step
        return -with_slope(model, value_of(model, canvas.read(jittered(x, round(settings.jitter * side), seed)), target))

    def after(x: Tensor, step: int) -> None:
        x += settings.decay * (canvas.middle - x)
        last = (
            step + 1 > settings.steps - settings.blur_every
        )  # the picture that is kept has been sharpened since its last blur
        if settings.blur and settings.blur_every and (step + 1) % settings.blur_every == 0 and not last:
            sigma = settings.blur * max(side / 224, 0.5) * (1 - 2 / 3 * step / settings.steps)
            x.copy_(blurred(x, sigma))

    with undisturbed(model):
        start = canvas.start(shape, settings.noise, settings.seed)
        state = State(cache, "maximum", about)
        found, losses = climb(
            start, loss_of, settings.steps, settings.rate, after=after, state=state, on_step=on_step, stop=stop
        )
        made = bytes_of(found)
        with torch.no_grad():
            values = value_of(model, canvas.read(_tensor(made, model)), target)
            before = value_of(model, canvas.read(_tensor(bytes_of(start), model)), target)
    return Maxima(made, values.cpu().numpy(), before.cpu().numpy(), -losses, target, settings)


def _tensor(pixels: np.ndarray, model: Model) -> Tensor:
    return torch.from_numpy(pixels).permute(0, 3, 1, 2).float().to(device_of(model))


def best_of(model: Model, target: Target, batches: Iterable[tuple[Tensor, np.ndarray]], k: int = 4) -> Best:
    """The k of many pictures, batches of (N×C×H×W, their indices), to which the target's first unit answers most; of a map
    without a place, by its largest value. Memory does not grow with their number."""
    one = target.part(0, 1)
    values, indices, total, n = np.empty(0), np.empty(0, np.int64), 0.0, 0
    with undisturbed(model), torch.inference_mode():
        for x, numbers in batches:
            found = value_of(model, x, one.repeated(len(x))).double().cpu().numpy()
            total, n = total + float(found.sum()), n + len(found)
            values, indices = np.concatenate([values, found]), np.concatenate([indices, np.asarray(numbers)])
            kept = np.argsort(-values, kind="stable")[:k]
            values, indices = values[kept], indices[kept]
    if not n:
        raise UserError("there are no pictures to compare with")
    return Best(values, indices, total / n, n)
