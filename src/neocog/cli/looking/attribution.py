"""`explain --method gradient … layer-cam | compare`: what of a picture a class's score, or a unit's value, comes from."""

from typing import Any

import torch

from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look
from neocog.errors import UserError
from neocog.explain import attribute, draw_attribution, draw_comparison
from neocog.explain.attribution.attribute import UNCHECKED, Attribution, method_named
from neocog.explain.attribution.cam import NO_MAPS, last_maps
from neocog.explain.inside import input_of
from neocog.explain.occlusion.fade import OnStep, by_chance
from neocog.explain.targets import Target, classes, map_numbered, place_in
from neocog.figure.parts import number


def run(look: Look) -> Shown:
    """The figure of the method that was asked for."""
    return _compare(look) if look.method == "compare" else _one(look)


def _one(look: Look) -> Shown:
    found = attribute(
        look.model, look.picture, look.method, _target(look), bool(look.args.sanity), look.args.seed or 0,
        on_step=_step(look, "sanity"), **_settings(look, look.method),
    )  # fmt: skip
    facts = {"file": look.args.image, "answer": look.predictor.classes[look.answer], **found.facts}
    arrays = {"map": found.map, "values": found.values, "picture": found.picture}
    return Shown(draw_attribution(found), facts, _words(found), arrays)


def _words(found: Attribution) -> list[str]:
    chance = "" if found.probability is None else f", probability {found.probability:.3g}"
    told = f"{found.method.title} of {found.unit} ({found.value:.4g}{chance})" + (f": {found.told}" if found.told else "")
    sanity = found.badge.words if found.badge else UNCHECKED
    return [told, *found.notes, f"{found.method.name}: {sanity}"]


def _compare(look: Look) -> Shown:
    from neocog.explain.attribution.methods import METHODS

    target, sanity, seed = _target(look), bool(look.args.sanity), look.args.seed or 0
    chance, found, refused = None, [], {}
    if sanity:
        x = input_of(look.model, look.pixels)
        wanted = target if isinstance(target, Target) else classes([target])
        chance = by_chance(look.model, x, wanted, seed, on_step=_step(look, "random orders"))
    for i, (name, way) in enumerate(METHODS.items()):
        _step(look, "methods")(i, len(METHODS))
        why = way.undefined(look.model)
        if why is None and isinstance(target, Target) and name in ("cam", "occlusion"):
            why = "it explains classes, no inner units"
        if why is None and isinstance(target, Target) and "layer" in way.settings:
            why = None if last_maps(look.model.arch, target.path) else NO_MAPS
        if why is not None:
            refused[name] = why
            continue
        settings = _settings(look, name)
        found.append(attribute(look.model, look.picture, name, target, sanity, seed, chance, _step(look, name), **settings))
    if not found:
        raise UserError("; ".join(f"{name}: {why}" for name, why in refused.items()))
    first = found[0]
    probability = "" if first.probability is None else f" · probability {number(first.probability)}"
    title = f"What {first.unit} comes from, {len(found)} ways"
    about = f"{look.net} · {look.name}{probability} · each map on its own scale"
    facts = {
        "file": look.args.image,
        "answer": look.predictor.classes[look.answer],
        "methods": {one.method.name: one.facts for one in found},
        "undefined": refused,
    }
    words = [line for one in found for line in (f"{one.method.name}: {one.badge.words}" if one.badge else "",) if line]
    words += [] if sanity else [f"the methods' worth was {UNCHECKED}"]
    words += [f"{name}: undefined: {why}" for name, why in refused.items()]
    arrays = {"picture": first.picture, **{one.method.name: one.map for one in found}}
    return Shown(draw_comparison(title, about, found, refused), facts, words, arrays)


def _target(look: Look) -> "int | Target":
    """The class of --class, the network's answer, or the unit of --unit in --layer."""
    args = look.args
    if args.unit is None:
        if args.place is not None:
            raise UserError("--place is a place of a map: say which with --layer and --unit")
        if args.layer and look.method != "compare" and "layer" not in method_named(look.method).settings:
            raise UserError(f"--layer: {look.method} explains a class or one unit of a layer: name it with --unit")
        return look.target_class
    if args.target is not None:
        raise UserError("--class and --unit are two things to explain: leave one out")
    path = look.layer(maps=False)
    number = torch.tensor([map_numbered(look.model, path, args.unit)])
    place = None if args.place is None else torch.tensor([place_in(look.model, path, args.place)])
    return Target(path, number, place)


def _settings(look: Look, name: str) -> dict[str, Any]:
    """The options that mean something to the method. --layer is the one whose maps a CAM weighs, unless it holds the unit."""
    takes, args = method_named(name).settings, look.args
    layer = None if args.layer is None or args.unit is not None else look.layer()
    wishes = {"layer": layer, "samples": args.n, "steps": args.steps}
    wishes |= {"baseline": args.fill, "fill": args.fill, "size": args.size, "stride": args.stride}
    return {key: value for key, value in wishes.items() if key in takes and value is not None}


def _step(look: Look, name: str) -> OnStep:
    def step(done: int, total: int) -> None:
        look.progress.update(name, done, total)
        if look.stop():
            raise KeyboardInterrupt

    return step
