"""`explain --method occlusion`: a square over the picture, and what the network then says; figure 7 of ZFNet's paper."""

import numpy as np

from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look
from neocog.cli.looking.top import chosen_pictures, data_words, kept_in, short
from neocog.errors import UserError
from neocog.explain.deconvnet.project import Projection, project
from neocog.explain.deconvnet.rules import undefined
from neocog.explain.inside import input_of, shown
from neocog.explain.occlusion.figure import draw_occlusion
from neocog.explain.occlusion.slide import Occlusion, last_layer, occlude, usual_window
from neocog.explain.occlusion.veil import veil
from neocog.explain.targets import Target
from neocog.explain.winners.patches import Exemplars, exemplars
from neocog.explain.winners.search import strongest


def run(look: Look) -> Shown:
    """The five panels."""
    args, model, names = look.args, look.model, look.predictor.classes
    path = look.layer(last_layer(model)) if args.layer or last_layer(model) else None
    if path is None and args.unit is not None:
        raise UserError(f"{look.net} has no maps, so there is no map {args.unit} to sum up")
    unit = look.unit(path) if path else None
    fill = args.fill or "mean"
    found = occlude(
        model, look.picture, look.target_class, args.size, args.stride, fill, path, unit,
        look.tell("covering the picture"), look.stop,
    )  # fmt: skip
    cover = veil(model, look.pixels, fill, args.size or usual_window(*found.sides)[0])
    projection: Projection | str = "The network has no maps of more than one place."
    others = None
    if found.layer is not None and found.unit is not None:
        why = undefined(model, "deconvnet", found.layer)
        target = Target(found.layer, _one(found.unit))
        projection = why or project(model, input_of(model, look.pixels), target)
        others = _others(look, found) if args.data else None
    title = f"{names[found.target]} in {look.name}, with a square over it"
    about = (
        f"{short(look.net)} · the network's answer without a square: {names[found.clean.label]} ({found.clean.confidence:.3f})"
    )
    if others is not None:
        about += f" · elsewhere: {data_words(look)}, n = {len(chosen_pictures(look)):,}"
    figure = draw_occlusion(title, look.view, shown(model, cover.pixels), found, names, projection, others, about)
    return Shown(figure, _facts(look, found, projection), _words(found, names), _arrays(found, projection))


def _one(number: int):
    import torch

    return torch.tensor([number])


def _others(look: Look, found: Occlusion) -> Exemplars:
    """The same map's strongest answers in --data, other than this very picture's."""
    assert found.layer is not None and found.unit is not None
    pictures, folder = chosen_pictures(look), kept_in(look)
    top = strongest(
        look.model, pictures, [found.layer], folder=folder, on_progress=look.tell("looking at pictures"), stop=look.stop
    )
    return exemplars(look.model, pictures, top.layers[found.layer], [found.unit], stop=look.stop)


def _facts(look: Look, found: Occlusion, projection: Projection | str) -> dict:
    names = look.predictor.classes
    labels, counts = np.unique(found.label, return_counts=True)
    often = sorted(zip(labels.tolist(), counts.tolist(), strict=True), key=lambda one: -one[1])
    return {
        "file": look.args.image,
        "class": names[found.target],
        "answer": names[found.clean.label],
        "probability": round(found.clean.probability, 6),
        "lowest": round(float(found.probability.min()), 6),
        "lowest_box": list(found.lowest),
        "size": found.size,
        "stride": found.stride,
        "fill": found.fill,
        "positions": list(found.probability.shape),
        "layer": found.layer,
        "unit": found.unit,
        "projection": "deconvnet" if isinstance(projection, Projection) else None,
        "labels": [{"label": names[label], "positions": count} for label, count in often],
    }


def _words(found: Occlusion, names: tuple[str, ...]) -> list[str]:
    left, top, right, bottom = found.lowest
    where = f"columns {left} to {right}, rows {top} to {bottom}"
    kept = float((found.label == found.clean.label).mean())
    return [
        f"{names[found.target]}: {found.clean.probability:.3f} without a square, {found.probability.min():.3f} with it over "
        f"{where}",
        f"the answer stays {names[found.clean.label]} at {100 * kept:.0f} % of {found.label.size} positions "
        f"({found.size} px, every {found.stride}, {found.fill})",
    ]  # fmt: skip


def _arrays(found: Occlusion, projection: Projection | str) -> dict[str, np.ndarray]:
    arrays = {
        "tops": found.tops, "lefts": found.lefts, "probability": found.probability, "logit": found.logit,
        "label": found.label, "confidence": found.confidence, "clean_probability": np.array(found.clean.probability),
        "clean_logit": np.array(found.clean.logit),
    }  # fmt: skip
    if found.activation is not None:
        arrays |= {"activation": found.activation, "clean_activation": np.array(found.clean.activation)}
    if isinstance(projection, Projection):
        arrays["projection"] = projection.pixels[0]
    return arrays
