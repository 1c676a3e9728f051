"""`explain --method occlusion`: a square over the picture, and what the network then says; figure 7 of ZFNet's paper."""

from dataclasses import replace

import numpy as np
import torch

from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look, chosen_pictures, data_words, kept_in, short
from neocog.errors import BadPicture, UserError
from neocog.explain.deconvnet.project import Projection, project
from neocog.explain.deconvnet.rules import undefined
from neocog.explain.inside import input_of, pixels_of, shown
from neocog.explain.occlusion.figure import OTHERS, draw_occlusion
from neocog.explain.occlusion.slide import Occlusion, last_layer, occlude, usual_window
from neocog.explain.occlusion.veil import veil
from neocog.explain.targets import Target
from neocog.explain.winners.patches import Exemplars, exemplars
from neocog.explain.winners.search import Top, strongest
from neocog.pictures.sets import Pictures


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
    others, top = None, None
    if found.layer is not None and found.unit is not None:
        why = undefined(model, "deconvnet", found.layer)
        target = Target(found.layer, torch.tensor([found.unit]))
        projection = why or project(model, input_of(model, look.pixels), target)
        others, top = _others(look, found) if args.data else (None, None)
    title = f"{names[found.target]} in {look.name}, with a square over it"
    about = (
        f"{short(look.net)} · the network's answer without a square: {names[found.clean.label]} ({found.clean.confidence:.3f})"
    )
    if top is not None:
        about += f" · elsewhere: {data_words(look)}, n = {top.looked:,}"
    figure = draw_occlusion(title, look.view, shown(model, cover.pixels), found, names, projection, others, about)
    failed = () if top is None else (*look.split.skipped, *top.failed)
    return Shown(figure, _facts(look, found, projection), _words(found, names), _arrays(found, projection), failed)


def _others(look: Look, found: Occlusion) -> tuple[Exemplars | None, Top]:
    """The same map's strongest answers in --data, other than this very picture's; and all that were found."""
    assert found.layer is not None and found.unit is not None
    pictures, folder = chosen_pictures(look), kept_in(look)
    top = strongest(
        look.model, pictures, [found.layer], folder=folder, on_progress=look.tell("looking at pictures"), stop=look.stop
    )
    winners, unit = top.layers[found.layer], found.unit
    best = [j for j in range(winners.pictures.shape[1]) if winners.pictures[unit, j] >= 0]
    best = [j for j in best[: OTHERS + 1] if not _same(look, pictures, int(winners.pictures[unit, j]))][:OTHERS]
    if not best:
        return None, top
    some = replace(winners, **{name: getattr(winners, name)[:, best] for name in ("values", "pictures", "places")})
    return exemplars(look.model, pictures, some, [unit], stop=look.stop), top


def _same(look: Look, pictures: Pictures, i: int) -> bool:
    try:
        return np.array_equal(pixels_of(look.model, pictures.picture(i)), look.pixels)
    except BadPicture:
        return False


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
