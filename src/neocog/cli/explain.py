"""Look inside a trained network.

planes: what the maps of its layers answer to a picture (by default a Neocognitron's S- and C-layers; of another net the
last map of each size). templates: the weights of a linear classifier, or of an mlp's first layer, as pictures. hog: the
orientations of the picture's gradients, cell by cell, and what of them speaks for hog-svm's answer and against it.

examples:
  neocog explain runs/digits three.png --method planes --out planes.png
  neocog explain runs/flowers rose.jpg --method planes --layer layer1.0.conv1 --out conv1.png
  neocog explain runs/linear --method templates --out templates.png
  neocog explain runs/hog-svm shoe.png --method hog --out hog.png
"""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neocog.cli import DONE
from neocog.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

    from neocog.runs import Predictor

METHODS = ("planes", "templates", "hog")
FORMATS = {
    ".png": "PNG",
    ".webp": "WEBP",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".gif": "GIF",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
SUFFIXES = tuple(FORMATS)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("run", metavar="RUN", help="a run folder, or a weight file of one")
    parser.add_argument("image", metavar="IMAGE", nargs="?", help="the picture to explain (templates need none)")
    parser.add_argument("--method", required=True, choices=METHODS, help="how to look")
    parser.add_argument("--layer", metavar="PATH", action="append", help="which layer, for planes; may be given several times")
    parser.add_argument("--out", required=True, metavar="FILE", help="the picture to write, F.png")
    parser.add_argument("--json", action="store_true", help="one object: method, net, out, and what the picture shows")


def run(args: argparse.Namespace) -> int:
    """Write the picture; say what it shows."""
    from neocog.runs import load_predictor

    out = Path(args.out)
    check_picture("--out", out)
    predictor = load_predictor(args.run)
    drawn, facts, words = METHOD[args.method](predictor, args)
    out.parent.mkdir(parents=True, exist_ok=True)
    write_picture(out, drawn)
    if args.json:
        print(json.dumps({"method": args.method, "net": predictor.net, "out": str(out), **facts}, ensure_ascii=False))
    else:
        print("\n".join((*words, f"{out}: {drawn.width}×{drawn.height} pixels")))
    return DONE


def check_picture(option: str, out: str | Path, svg: bool = False) -> None:
    """Raises UserError for a name that says no format that can be written."""
    if Path(out).suffix.lower() not in ((*SUFFIXES, ".svg") if svg else SUFFIXES):
        more = "or .svg" if svg else f"(or {', '.join(SUFFIXES[1:])})"
        raise UserError(f"{option} {out}: a picture's name ends in .png {more}")


def write_picture(out: Path, drawn: "Image.Image") -> None:
    """Whole or not at all, in the format that the name's ending says."""
    import io

    from neocog.files import write_bytes

    stream = io.BytesIO()
    drawn.save(stream, FORMATS[out.suffix.lower()])
    write_bytes(out, stream.getvalue())


def _planes(predictor: "Predictor", args: argparse.Namespace) -> tuple["Image.Image", dict[str, Any], list[str]]:
    import numpy as np

    from neocog.explain import draw_planes, pixels_of, planes
    from neocog.pictures.decode import decode

    if args.image is None:
        raise UserError("--method planes shows what maps answer to a picture: name one behind the run")
    picture = decode(Path(args.image))
    layers = planes(predictor.model, picture, args.layer)
    pixels = pixels_of(predictor.model, picture)
    chances = predictor.probabilities(predictor.scores(pixels[None]))[0]
    best = predictor.classes[int(np.argmax(chances))]
    title = f"{predictor.net}: {Path(args.image).name}, taken for {best}"
    shown = pixels[:, :, ::-1] if predictor.preprocessing.color == "BGR" else pixels
    facts = {
        "file": args.image,
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
    return draw_planes(title, shown, layers), facts, words


def _templates(predictor: "Predictor", args: argparse.Namespace) -> tuple["Image.Image", dict[str, Any], list[str]]:
    from neocog.explain import draw_templates, templates

    if args.layer:
        raise UserError("--method templates draws the layer that reads the pixels; leave --layer out")
    found = templates(predictor.model)
    facts = {"path": found.path, "names": list(found.names), "shape": list(found.maps.shape), "scale": round(found.scale, 6)}
    words = [f"{found.path}: {len(found.names)} templates, weights from −{found.scale:.4g} to +{found.scale:.4g}, grey is 0"]
    return draw_templates(f"{predictor.net}: templates", found), facts, words


def _hog(predictor: "Predictor", args: argparse.Namespace) -> tuple["Image.Image", dict[str, Any], list[str]]:
    import numpy as np

    from neocog.arch import HOG
    from neocog.explain import draw_strokes, pixels_of, spoken, strokes
    from neocog.pictures.decode import decode

    if args.image is None:
        raise UserError("--method hog shows the gradients of a picture: name one behind the run")
    if args.layer:
        raise UserError("--method hog looks at the picture itself; leave --layer out")
    pixels = pixels_of(predictor.model, decode(Path(args.image)))
    best = int(np.argmax(predictor.scores(pixels[None])[0]))
    record = next((node.record for node in predictor.model.arch.nodes if isinstance(node.record, HOG)), None)
    found, said = strokes(pixels, record), spoken(predictor.model, pixels, best)
    shown = pixels[:, :, ::-1] if predictor.preprocessing.color == "BGR" else pixels
    answer = predictor.classes[best]
    rows, columns, orientations = found.cells.shape
    facts = {
        "file": args.image,
        "answer": answer,
        "cell": found.cell,
        "cells": [rows, columns],
        "orientations": orientations,
        "length": found.length,
    }
    words = [f"{columns}×{rows} cells of {found.cell} pixels, {orientations} orientations: {found.length:,} numbers"]
    title = f"{predictor.net}: {Path(args.image).name}, taken for {answer}"
    return draw_strokes(title, shown, found, said), facts, words


METHOD = {"planes": _planes, "templates": _templates, "hog": _hog}
