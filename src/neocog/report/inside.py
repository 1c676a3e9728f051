"""Where the surest mistakes were read from: the picture, and over it what spoke for the wrong class and for its own."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from neocog.errors import BadPicture, UserError
from neocog.explain.attribution.cam import cam_layer
from neocog.explain.attribution.methods import METHODS, Method
from neocog.explain.inside import input_of, shown, undisturbed
from neocog.explain.targets import classes
from neocog.figure.parts import overlay
from neocog.nn import Model
from neocog.report.plain import clean
from neocog.report.source import OnProgress, Source
from neocog.report.thumbs import uri

MOST, SIDE = 8, 160  # pictures; pixels of their longer side
ORDER = ("grad-cam", "integrated-gradients")  # the first that means something for the network


def inside(source: Source, wanted: Sequence[int], on_progress: OnProgress | None = None) -> dict[str, Any] | None:
    """The data of the panel for the predictions at these positions; None where pictures or weights cannot be had."""
    if source.pictures is None or source.at is None or source.predictions is None or not len(wanted):
        return None
    try:
        from neocog.runs import load_predictor

        predictor = load_predictor(source.path)
    except UserError:  # no weights yet, or weights that were taken away
        return None
    names = list(predictor.classes)
    if tuple(source.predictions.classes) != predictor.classes:
        return None  # judged on classes of another order or number
    method = chosen(predictor.model)
    if method is None:
        return None
    rows = []
    labels, scores = source.predictions.labels, source.predictions.log_probabilities
    there = [i for i in wanted if source.at[i] >= 0][:MOST]
    for done, i in enumerate(there):
        if on_progress is not None:
            on_progress("looking inside", done, len(there))
        try:
            pixels = predictor.preprocessing.image(source.pictures.picture(int(source.at[i])))
        except BadPicture:
            continue
        both = [int(np.argmax(scores[i])), int(labels[i])]
        maps = two(predictor.model, method, pixels, both)
        view = enlarged(shown(predictor.model, pixels))
        top = float(np.abs(maps).max())  # one scale for both, or their sizes could not be compared
        rows.append({"i": i, "plain": uri(Image.fromarray(view), False),
                     **{who: uri(Image.fromarray(overlay(view, one, top, method.signed)), False)
                        for who, one in zip(("taken", "own"), maps, strict=True)},
                     "share": [float(f"{np.abs(one).max() / top:.3g}") if top > 0 else 0.0 for one in maps]})  # fmt: skip
    if not rows:
        return None
    layer = cam_layer(predictor.model) if method.name == "grad-cam" else None
    return {"method": method.title, "paper": method.source, "layer": layer and clean(layer), "signed": method.signed,
            "rows": rows, "count": len(names)}  # fmt: skip


def chosen(model: Model) -> Method | None:
    """The first of ORDER that is defined for the network."""
    return next((METHODS[name] for name in ORDER if METHODS[name].undefined(model) is None), None)


def two(model: Model, method: Method, pixels: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
    """What speaks for each of the classes in one picture: classes × h × w."""
    x = input_of(model, pixels).expand(len(numbers), -1, -1, -1).contiguous()
    with undisturbed(model), torch.enable_grad():
        found = method.run(model, x, classes(numbers))
    return method.one_map(found).detach().float().cpu().numpy()


def enlarged(view: np.ndarray) -> np.ndarray:
    """uint8 H×W×3 with its longer side near SIDE: small pictures by a whole factor, so that their pixels stay square."""
    picture = Image.fromarray(np.ascontiguousarray(view))
    longer = max(picture.size)
    if longer < SIDE:
        factor = max(1, round(SIDE / longer))
        return np.asarray(picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST))
    picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.asarray(picture)
