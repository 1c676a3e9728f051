"""One method's answer for one picture: its map with all that must be said beside it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image

from neocog.errors import UserError, nearest
from neocog.explain.attribution.cam import cam_layer, maps_and_slopes, pooled_head
from neocog.explain.attribution.gradients import path_difference
from neocog.explain.attribution.methods import METHODS, Method
from neocog.explain.attribution.sanity import Badge, badge
from neocog.explain.deconvnet.rules import undefined
from neocog.explain.inside import input_of, pixels_of, record_of, shown, undisturbed
from neocog.explain.occlusion.fade import Fading, OnStep
from neocog.explain.occlusion.slide import usual_window
from neocog.explain.targets import Target, answers, classes, value_of
from neocog.figure.parts import number
from neocog.nn import Model

GAP = 0.05  # share of the difference that integrated gradients may miss without a warning
UNCHECKED = "not checked on this picture; --sanity draws weights anew and takes away what the map marks"


@dataclass(frozen=True, eq=False)
class Attribution:
    """picture: uint8 H×W×3, as people look at it. values: what the method gave, C×H×W in the picture's own order of colours, or
    h×w; map: one number a place, h×w. unit: what was explained, in words; value: its value, and of a class its probability.
    layer: whose maps were weighed. notes: what must be said. badge: what was measured of the method here, if it was."""

    method: Method
    net: str
    picture: np.ndarray
    values: np.ndarray
    map: np.ndarray
    unit: str
    value: float
    probability: float | None
    layer: str | None
    settings: Mapping[str, Any]
    notes: tuple[str, ...] = ()
    badge: Badge | None = None

    @property
    def coloured(self) -> bool:
        """Whether values are no contributions that add up, one a colour: drawn as colours around grey."""
        return self.values.ndim == 3 and self.values.shape[0] == 3 and not self.method.adds

    @property
    def signed(self) -> bool:
        """Whether the map has signs: sizes of numbers that do not add up have none."""
        return self.method.signed and (self.method.adds or self.values.ndim == 2)

    @property
    def alone(self) -> np.ndarray:
        """What is drawn beside the picture: the map; of a grey picture whose map has sizes, the numbers with their signs."""
        return self.values[0] if self.method.signed and not self.signed and len(self.values) == 1 else self.map

    @property
    def told(self) -> str:
        """Its settings, in words."""
        said = [f"{key} {value}" for key, value in self.settings.items() if key != "layer" and value is not None]
        layer = [f"maps of {self.layer} ({self.map.shape[1]}×{self.map.shape[0]})"] if self.layer else []
        return " · ".join([*layer, *said])

    @property
    def facts(self) -> dict[str, Any]:
        """For --json."""
        return {
            "title": self.method.title, "source": self.method.source, "unit": self.unit, "value": round(self.value, 6),
            "probability": None if self.probability is None else round(self.probability, 6), "layer": self.layer,
            "settings": {k: v for k, v in self.settings.items() if k != "layer"}, "shape": list(self.map.shape),
            "least": float(self.map.min()), "largest": float(self.map.max()), "notes": list(self.notes),
            "sanity": self.badge.facts if self.badge else None,
        }  # fmt: skip


def method_named(words: str) -> Method:
    """The method of that name. Raises UserError with those there are."""
    if words in METHODS:
        return METHODS[words]
    near = nearest(words, list(METHODS))
    more = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(METHODS)}"
    raise UserError(f"no attribution method '{words}': {more}")


def attribute(
    model: Model,
    picture: Image.Image | np.ndarray,
    method: str = "grad-cam",
    target: int | Target | None = None,
    sanity: bool = False,
    seed: int = 0,
    chance: Fading | None = None,
    on_step: OnStep | None = None,
    **settings: Any,
) -> Attribution:
    """What of the picture the target's value comes from, by one of `METHODS`.

    target: a class, one unit (`Target` of one), or None for the network's answer. settings: the method's own. sanity: measure
    what the map is worth here (`chance`: random orders' curves, if known). Raises UserError where the method is undefined.
    """
    way = method_named(method)
    if (why := way.undefined(model)) is not None:
        raise UserError(why if model.arch.name in why else f"{model.arch.name}: {method} is not defined: {why}")
    pixels = pixels_of(model, picture)
    x = input_of(model, pixels)
    with undisturbed(model), torch.no_grad():
        scores = answers(model, x)[0]
        asked = int(scores.argmax()) if target is None else target
        if not isinstance(asked, Target) and not 0 <= asked < len(scores):
            raise UserError(
                f"{model.arch.name} has {len(scores)} classes, numbered 0 to {len(scores) - 1}; there is no {asked}"
            )
        wanted = asked if isinstance(asked, Target) else classes([asked])
        value = float(value_of(model, x, wanted)[0])
        chance_of = float(scores.softmax(0)[wanted.channels[0]]) if wanted.path is None else None
    chosen = {**way.settings, **settings}
    if "seed" in way.settings:
        chosen["seed"] = seed
    if way.name == "occlusion":
        size, stride = usual_window(*x.shape[-2:])
        chosen["size"] = chosen["size"] or size
        chosen["stride"] = chosen["stride"] or (stride if chosen["size"] == size else max(1, chosen["size"] // 3))
    if "layer" in way.settings and chosen["layer"] is None:
        chosen["layer"] = cam_layer(model, wanted)
    found = way.run(model, x, wanted, **chosen)
    one = way.one_map(found)[0].cpu().numpy()
    values = found[0].cpu().numpy()
    if values.ndim == 3 and record_of(model).color == "BGR":
        values = values[::-1]
    head = pooled_head(model.arch) if method == "cam" else ""
    layer = chosen.get("layer") or (None if isinstance(head, str) else head.maps)
    notes = (*_notes(way, model, x, wanted, chosen, one), *([way.warning] if way.warning else []))
    tested = badge(way, model, x, wanted, chosen, seed=seed, chance=chance, on_step=on_step) if sanity else None
    return Attribution(
        way, model.arch.name, shown(model, pixels), np.ascontiguousarray(values), one, unit_words(model, wanted), value,
        chance_of, layer, chosen, notes, tested,
    )  # fmt: skip


def unit_words(model: Model, target: Target) -> str:
    """The target of one picture: "kit fox", "map 17 of conv5 at 3,4"."""
    number = int(target.channels[0])
    if target.path is None:
        return model.classes[number] if model.classes else f"class {number}"
    if target.places is None:
        return f"map {number} of {target.path}, where it answers most"
    return f"map {number} of {target.path} at {int(target.places[0, 0])},{int(target.places[0, 1])}"


def _notes(
    way: Method, model: Model, x: torch.Tensor, target: Target, settings: Mapping[str, Any], one: np.ndarray
) -> list[str]:
    """What the numbers themselves oblige us to say."""
    if way.name == "integrated-gradients":
        total, difference = float(one.astype(np.float64).sum()), path_difference(model, x, target, settings["baseline"])
        gap = abs(total - difference)
        missed = f"the map sums to {number(total)}, the way from the baseline is {number(difference)}: it misses {number(gap)}"
        share = f", {100 * gap / abs(difference):.1f} %" if difference else ""
        return [missed + share + (": too much, take more --steps" if gap > GAP * abs(difference) else " (completeness)")]
    if way.name == "cam":
        head = pooled_head(model.arch)
        assert not isinstance(head, str)
        if head.weights is None:
            return ["the averaged maps are the classes' own, so CAM is this class's map itself; its mean is the score"]
        return ["the map's mean and the class's bias are the score"]
    if one.max() > 0 or one.min() < 0:
        if way.name == "grad-cam++" and undefined(model, "guided") is not None:
            return ["its formula takes the score's second derivatives for 0, as in ReLU networks; here they are not"]
        return []
    if way.name in ("deconvnet", "guided-backprop"):
        return ["the map is zero everywhere: on the way down all that is left is negative at some ReLU, and cut off"]
    if "layer" not in way.settings:
        return ["the map is zero everywhere: the unit does not change with any pixel here"]
    maps, slopes = maps_and_slopes(model, x, target, settings["layer"])
    if not bool(slopes.any()):
        return ["the map is zero everywhere: no gradient reaches the layer (a ReLU behind it lets nothing through)"]
    if not bool((maps * slopes).any()):
        return ["the map is zero everywhere: where maps answer, the gradient is zero"]
    return ["the map is zero everywhere: every place speaks against, which the method's ReLU cuts off; hirescam keeps signs"]
