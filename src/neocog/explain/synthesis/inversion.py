"""Inverting features: a picture that gives a layer what another picture gave it (Mahendran & Vedaldi 2015).

Minimised is |Φ(x) − Φ₀|² / |Φ₀|² + a·range_norm(x) + v·variation(x) over the pixels, from noise. What of the picture comes back
is what the layer keeps of it. Deeper layers leave more open, so that they want a stronger prior: v grows with the layer's step.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neocog.arch import Architecture, analyse
from neocog.errors import UserError
from neocog.explain.inside import record_of, undisturbed, values_at
from neocog.explain.resuming import State
from neocog.explain.synthesis.ascent import Canvas, OnStep, bytes_of, climb, range_norm, variation, with_slope
from neocog.explain.targets import layer_named
from neocog.nn import Model
from neocog.nn.model import feature_maps
from neocog.pictures.sets import fingerprint
from neocog.runs.marks import weights_mark


@dataclass(frozen=True)
class InversionSettings:
    """steps of Adam, at `rate` pixel values a step at first; weights of the range norm (exponent 6) and of total variation
    (exponent 2), the latter times the layer's step on the picture; the noise's deviation and seed."""

    steps: int = 120
    rate: float = 12.0
    range_weight: float = 0.005
    variation_weight: float = 0.006
    noise: float = 8.0
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Inversion:
    """pixels: uint8 H×W×C, as the network's record has them, reconstructed from layer `path`. error: |Φ(x) − Φ₀| / |Φ₀| of
    these bytes; distance: the root mean square difference to the original's pixels, 0 to 255. losses: steps."""

    path: str
    words: str
    pixels: np.ndarray
    error: float
    distance: float
    variation_weight: float
    losses: np.ndarray


def invert(model: Model, pixels: np.ndarray, path: str, settings: InversionSettings | None = None, *, cache: Path | None = None,
           on_step: OnStep | None = None, stop: Callable[[], bool] | None = None) -> Inversion:  # fmt: skip
    """The picture that layer `path` keeps of `pixels`, uint8 H×W×C as the network's record makes them.

    Kept and gone on with below `cache`. Raises UserError where the layer answers nothing but zeros, KeyboardInterrupt once
    `stop()`.
    """
    settings, path = settings or InversionSettings(), layer_named(model, path)
    canvas = Canvas.of(model)
    goal_pixels = torch.from_numpy(np.array(pixels)).permute(2, 0, 1)[None].float().to(canvas.gain.device)
    weight = settings.variation_weight * step_of(model.arch, path)
    about = {
        "arch": model.arch.to_json(), "weights": weights_mark(model), "record": record_of(model).to_json(), "path": path,
        "settings": [getattr(settings, name) for name in settings.__dataclass_fields__],
        "picture": fingerprint([pixels]),
    }  # fmt: skip
    state = State(cache, "inversion", about)
    with undisturbed(model):
        with torch.no_grad():
            goal = values_at(model, canvas.read(goal_pixels), (path,))[path]
        size = goal.square().sum()
        if not float(size) > 0:
            raise UserError(f"{model.arch.name}: '{path}' answers nothing but zeros to this picture: nothing to invert")

        def loss_of(x: Tensor, step: int) -> Tensor:
            now = with_slope(model, values_at(model, canvas.read(x), (path,))[path])
            away = (now - goal).square().sum() / size
            return away + settings.range_weight * range_norm(x, canvas.middle) + weight * variation(x)

        start = canvas.start(tuple(goal_pixels.shape), settings.noise, settings.seed)
        found, losses = climb(start, loss_of, settings.steps, settings.rate, state=state, on_step=on_step, stop=stop)
        made = bytes_of(found)
        with torch.no_grad():
            again = torch.from_numpy(made).permute(0, 3, 1, 2).float().to(canvas.gain.device)
            away = (values_at(model, canvas.read(again), (path,))[path] - goal).square().sum() / size
        distance = float((again - goal_pixels).square().mean().sqrt())
    words = model.arch.by_path[path].record.describe()
    return Inversion(path, words, made[0], float(away.sqrt()), distance, weight, losses[:, 0])


def step_of(arch: Architecture, path: str) -> int:
    """How many pixels lie between neighbouring places of a layer; of one that sees everything, what the last map has."""
    table = analyse(arch)
    return max(table.by_path[path].stride or table.stride)


def stages(arch: Architecture, most: int = 5) -> tuple[str, ...]:
    """Layers from shallow to deep of which a row of reconstructions is made: the last map of each step, and the scores."""
    maps = feature_maps(arch)
    out = (arch.output,) if arch.output not in maps else ()
    return (*maps[-(most - len(out)) :], *out)


def invert_layers(model: Model, pixels: np.ndarray, paths: Sequence[str], settings: InversionSettings | None = None, *,
                  cache: Path | None = None, on_step: Callable[[str, int, int], None] | None = None,
                  stop: Callable[[], bool] | None = None) -> tuple[Inversion, ...]:  # fmt: skip
    """The same of several layers, one after the other."""

    def told(path: str) -> OnStep | None:
        if on_step is None:
            return None
        tell = on_step
        return lambda done, total: tell(path, done, total)

    return tuple(invert(model, pixels, p, settings, cache=cache, on_step=told(p), stop=stop) for p in paths)
