"""`explain --method planes | templates | hog`: the maps that answer, the weights on pixels, the gradients of a picture."""

import numpy as np

from neocog.arch import HOG
from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look
from neocog.explain import draw_planes, draw_strokes, draw_templates, planes, spoken, strokes, templates
from neocog.explain.targets import short


def run(look: Look) -> Shown:
    """The figure of the method that was asked for."""
    return {"planes": _planes, "templates": _templates, "hog": _hog}[look.method](look)


def _planes(look: Look) -> Shown:
    layers = planes(look.model, look.picture, look.args.layer)
    best = look.predictor.classes[look.answer]
    facts = {
        "file": look.args.image,
        "answer": best,
        "layers": [
            {"path": one.path, "shape": list(one.maps.shape), "silent": one.silent, "largest": round(float(one.maps.max()), 6)}
            for one in layers
        ],
    }
    words = [
        f"{one.path}: {'×'.join(map(str, one.maps.shape))}, {one.silent} maps silent, largest answer {one.maps.max():.4g}"
        for one in layers
    ]
    title = f"{short(look.net)}: {look.name}, taken for {best}"
    return Shown(draw_planes(title, look.view, layers), facts, words, {one.path: one.maps for one in layers})


def _templates(look: Look) -> Shown:
    found = templates(look.model)
    facts = {"path": found.path, "names": list(found.names), "shape": list(found.maps.shape), "scale": round(found.scale, 6)}
    words = [f"{found.path}: {len(found.names)} templates, weights from −{found.scale:.4g} to +{found.scale:.4g}, grey is 0"]
    return Shown(draw_templates(f"{short(look.net)}: templates", found), facts, words, {"templates": found.maps})


def _hog(look: Look) -> Shown:
    best = look.answer
    record = next((node.record for node in look.model.arch.nodes if isinstance(node.record, HOG)), None)
    found, said = strokes(look.pixels, record), spoken(look.model, look.pixels, best)
    answer = look.predictor.classes[best]
    rows, columns, orientations = found.cells.shape
    facts = {
        "file": look.args.image,
        "answer": answer,
        "cell": found.cell,
        "cells": [rows, columns],
        "orientations": orientations,
        "length": found.length,
    }
    words = [f"{columns}×{rows} cells of {found.cell} pixels, {orientations} orientations: {found.length:,} numbers"]
    title = f"{short(look.net)}: {look.name}, taken for {answer}"
    return Shown(draw_strokes(title, look.view, found, said), facts, words, {"cells": np.asarray(found.cells)})
