"""Every attribution method under one signature: what of a picture a unit's value comes from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neocog.arch import SIFT, Neighbours
from neocog.errors import UserError
from neocog.explain.attribution import cam as _cam
from neocog.explain.attribution import gradients as _gradients
from neocog.explain.deconvnet.rules import backward, undefined
from neocog.explain.occlusion.baselines import baseline_of
from neocog.explain.occlusion.slide import occlude
from neocog.explain.targets import Target
from neocog.nn import Model

Undefined = Callable[[nn.Module], str | None]


@dataclass(frozen=True)
class Method:
    """A way to attribute.

    run(model, x N×C×H×W, target, **settings) gives N×C×H×W, or a map a picture, N×h×w, of any size; each picture's as if
    alone, the model left as it was. undefined(model) says why it means nothing for a network, or None. signed: whether negative
    numbers can come out and mean "against". adds: whether the numbers of a place's colours are contributions, whose sum is the
    place's; else the largest, by size, speaks for it. settings: what run takes besides, with what it takes unasked.
    warning: what must be said with every picture.
    """

    name: str
    title: str
    source: str
    run: Callable[..., Tensor]
    undefined: Undefined
    signed: bool = True
    adds: bool = False
    settings: Mapping[str, Any] = field(default_factory=dict)
    warning: str = ""

    def one_map(self, found: Tensor) -> Tensor:
        """N×C×H×W or N×h×w, as `run` gives it, to one number a place, N×h×w."""
        if found.dim() == 3:
            return found
        return found.sum(1) if self.adds else found.abs().amax(1)


def _by_rule(rule: str) -> Undefined:
    return lambda model: undefined(model, rule)


def _has_slope(model: nn.Module) -> str | None:
    """Words and neighbours are counted: no small change of a pixel changes them a little."""
    if not isinstance(model, Model):
        return None
    steps = [n.record for n in model.arch.nodes if n.path in model.arch.main and isinstance(n.record, SIFT | Neighbours)]
    return f"{steps[0].describe()} has no derivative; occlusion needs none" if steps else None


def _weighs_maps(model: nn.Module) -> str | None:
    """CAMs of a layer: gradients must reach it, and there must be maps."""
    if isinstance(model, Model) and _cam.last_maps(model.arch) is None:
        return _cam.NO_MAPS
    return _has_slope(model)


def _integrated(model: nn.Module, x: Tensor, target: Target, **settings: Any) -> Tensor:
    return _gradients.integrated_gradients(model, x, target, **settings).maps


def _deconvnet(model: nn.Module, x: Tensor, target: Target) -> Tensor:
    return backward(model, x.contiguous(), target, rule="deconvnet")


def _occlusion(
    model: nn.Module, x: Tensor, target: Target, size: int | None = None, stride: int | None = None, fill: str = "mean"
) -> Tensor:
    """By how much the class's probability falls while a square stands there, N×H×W: at the squares' middles what was measured,
    between them in proportion."""
    if target.path is not None:
        raise UserError("occlusion explains classes' probabilities; of an inner unit take a gradient or grad-cam")
    cover, found = baseline_of(model, x, fill), []
    for one, over, number in zip(x, cover, target.channels.tolist(), strict=True):
        seen = occlude(model, one, number, size, stride, over)
        spread = seen.drop.astype(np.float64)
        for axis, corners in enumerate((seen.tops, seen.lefts)):
            side = seen.sides[axis]
            middles = (corners + np.minimum(corners + seen.size, side) - 1) / 2
            at = np.interp(np.arange(side), middles, np.arange(len(middles)))
            low = np.minimum(at.astype(int), max(len(middles) - 2, 0))
            high, part = np.minimum(low + 1, len(middles) - 1), np.expand_dims(at - low, 1 - axis)
            spread = spread.take(low, axis) * (1 - part) + spread.take(high, axis) * part
        found.append(spread)
    return torch.from_numpy(np.stack(found)).to(x)


def _nothing(model: nn.Module) -> str | None:
    return None


_PLAIN, _LAYER = _has_slope, {"layer": None}
_ALL = (
    Method("gradient", "Gradient", "Simonyan et al. 2014", _gradients.gradient, _PLAIN),
    Method("saliency", "Saliency", "Simonyan et al. 2014", _gradients.saliency, _PLAIN, signed=False),
    Method("input-x-gradient", "Input × gradient", "Shrikumar et al. 2016", _gradients.input_x_gradient, _PLAIN, adds=True),
    Method("smoothgrad", "SmoothGrad", "Smilkov et al. 2017", _gradients.smoothgrad, _PLAIN,
           settings={"samples": 25, "noise": 0.15, "seed": 0}),
    Method("integrated-gradients", "Integrated gradients", "Sundararajan et al. 2017", _integrated, _PLAIN, adds=True,
           settings={"steps": 50, "baseline": "mean"}),
    Method("guided-backprop", "Guided backprop", "Springenberg et al. 2015", _gradients.guided_backprop, _by_rule("guided"),
           warning="it shows edges of the picture even where the weights are random (Adebayo et al. 2018): it does not tell "
                   "what speaks for a class"),
    Method("deconvnet", "Deconvnet", "Zeiler & Fergus 2014", _deconvnet, _by_rule("deconvnet"),
           warning="made to show what excites an inner map; it changes little when upper weights are drawn anew, and says "
                   "little of a class"),
    Method("cam", "CAM", "Zhou et al. 2016", _cam.cam, _cam.cam_undefined),
    Method("grad-cam", "Grad-CAM", "Selvaraju et al. 2017", _cam.grad_cam, _weighs_maps, signed=False, settings=_LAYER),
    Method("grad-cam++", "Grad-CAM++", "Chattopadhay et al. 2018", _cam.grad_cam_plus_plus, _weighs_maps, signed=False,
           settings=_LAYER),
    Method("hirescam", "HiResCAM", "Draelos & Carin 2020", _cam.hirescam, _weighs_maps, settings=_LAYER),
    Method("layer-cam", "LayerCAM", "Jiang et al. 2021", _cam.layer_cam, _weighs_maps, signed=False, settings=_LAYER),
    Method("occlusion", "Occlusion", "Zeiler & Fergus 2014", _occlusion, _nothing,
           settings={"size": None, "stride": None, "fill": "mean"}),
)  # fmt: skip
METHODS: dict[str, Method] = {method.name: method for method in _ALL}
