"""`explain --method deconvnet`: units carried back to the pixels."""

import torch

from neocog.arch.drawing.measure import clip
from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look
from neocog.errors import UserError
from neocog.explain.deconvnet.figure import draw_projection
from neocog.explain.deconvnet.project import Projection, all_layers, contrast, project
from neocog.explain.deconvnet.rules import undefined
from neocog.explain.inside import input_of
from neocog.explain.targets import Target, classes, place_in
from neocog.explain.winners.search import natural_layers
from neocog.figure.sketch import LARGE


def run(look: Look) -> Shown:
    """A class's score, the units that were named, or of every layer the maps that answer most."""
    args = look.args
    if args.target is not None and args.layer:
        raise UserError("--class is the network's answer, --layer an inner layer: name one of them")
    if (args.unit is not None or args.place is not None) and len(args.layer or ()) != 1:
        raise UserError("--unit and --place are of one layer: name it with --layer")
    if args.place is not None and args.unit is None:
        raise UserError("--place is of one map: name it with --unit")
    if args.n is not None and (args.unit is not None or args.target is not None):
        raise UserError("--n says how many maps of a layer; --unit and --class name one: leave one of them away")
    found = _of_class(look) if args.target is not None else _of_unit(look) if args.unit is not None else _of_layers(look)
    names = look.predictor.classes
    title = f"{clip(look.net, LARGE, 340)}: {look.name}, taken for {names[look.answer]}"
    facts = {"file": args.image, "rule": "deconvnet", "answer": names[look.answer], "units": [*_facts(found, names)]}
    words = [_words(layer, names) for layer in found]
    arrays = {f"{layer.path or 'class'}/{key}": getattr(layer, key) for layer in found for key in ("units", "values", "pixels")}
    return Shown(draw_projection(title, look.view, found, names), facts, words, arrays)


def _of_class(look: Look) -> tuple[Projection, ...]:
    _check(look, None)
    return (project(look.model, input_of(look.model, look.pixels), classes([look.target_class])),)


def _of_unit(look: Look) -> tuple[Projection, ...]:
    path = look.layer(maps=False)
    _check(look, path)
    unit = look.unit(path)
    assert unit is not None
    place = None if look.args.place is None else torch.tensor([place_in(look.model, path, look.args.place)])
    return (project(look.model, input_of(look.model, look.pixels), Target(path, torch.tensor([unit]), place)),)


def _of_layers(look: Look) -> tuple[Projection, ...]:
    paths = look.layers(natural_layers(look.model.arch), maps=False)
    if not paths:
        _check(look, None)
        raise UserError(f"{look.net} has no maps to carry back: name a class with --class, or a layer with --layer")
    found: tuple[Projection, ...] = ()
    for i, path in enumerate(paths):
        _check(look, path)
        if look.stop():
            raise KeyboardInterrupt
        found += all_layers(look.model, input_of(look.model, look.pixels), (path,), look.args.n or 9)
        look.progress.update("layers", i + 1, len(paths))
    return found


def _check(look: Look, path: str | None) -> None:
    """Before anything is computed. Raises UserError where the network has no rule."""
    if (why := undefined(look.model, "deconvnet", path)) is not None:
        raise UserError(why)


def _facts(found: tuple[Projection, ...], names: tuple[str, ...]) -> list[dict[str, object]]:
    return [
        {
            "layer": layer.path,
            "unit": int(layer.units[k]),
            "class": names[int(layer.units[k])] if layer.path is None else None,
            "place": None if layer.places is None else [int(v) for v in layer.places[k]],
            "value": round(float(layer.values[k]), 6),
            "box": [layer.boxes[k].top, layer.boxes[k].left, layer.boxes[k].bottom, layer.boxes[k].right],
            "scale": float(f"{contrast(layer.seen(k)):.6g}"),
        }
        for layer in found
        for k in range(len(layer))
    ]


def _words(layer: Projection, names: tuple[str, ...]) -> str:
    if layer.path is None:
        return f"class {names[int(layer.units[0])]}: score {layer.values[0]:.4g}"
    kind = "maps" if layer.places is not None else "units"
    return f"{layer.path}: {kind} " + ", ".join(f"{u} ({v:.3g})" for u, v in zip(layer.units, layer.values, strict=True))
