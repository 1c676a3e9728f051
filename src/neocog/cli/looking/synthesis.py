"""`explain --method invert | maximise`: pictures made from what a network knows."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from neocog.arch import analyse
from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look
from neocog.cli.looking.several import watched
from neocog.errors import BadPicture, UserError
from neocog.explain.feeding import batches
from neocog.explain.inside import shown
from neocog.explain.synthesis.inversion import InversionSettings, invert_layers, stages
from neocog.explain.synthesis.inversion_figure import draw_inversion
from neocog.explain.synthesis.maximisation import AscentSettings, Best, best_of, maximise
from neocog.explain.synthesis.maximisation_figure import draw_maxima
from neocog.explain.targets import Target, class_named, layer_named, map_numbered, place_in
from neocog.figure.parts import number
from neocog.files import cache_folder

MOST = 12  # pictures or layers that are made in one call


def run(look: Look) -> Shown:
    """The figure of the method that was asked for."""
    return {"invert": _invert, "maximise": _maximise}[look.method](look)


def _cache(look: Look) -> Path:
    return Path(look.args.cache) if look.args.cache else cache_folder()


def _invert(look: Look) -> Shown:
    model, args = look.model, look.args
    paths = tuple(layer_named(model, path) for path in args.layer or ()) or stages(model.arch)
    if len(paths) > MOST:
        raise UserError(f"--layer: {len(paths)} layers take long; name at most {MOST}")
    settings = InversionSettings(seed=args.seed or 0)
    settings = replace(settings, steps=args.steps or settings.steps)

    def tell(path: str, done: int, total: int) -> None:
        look.progress.update(path, done, total)

    found = invert_layers(model, look.pixels, paths, settings, cache=_cache(look), on_step=tell, stop=look.stop)
    views = [shown(model, one.pixels) for one in found]
    figure = draw_inversion(f"What {look.net} keeps of {look.name}", look.view, found, views, settings)
    facts: dict[str, Any] = {
        "file": args.image,
        "settings": asdict(settings),
        "layers": [
            {"path": one.path, "error": round(one.error, 6), "distance": round(one.distance, 4), "loss": float(one.losses[-1])}
            for one in found
        ],
    }
    words = [
        f"{one.path}: features to within {number(100 * one.error)} %, pixels {one.distance:.1f} of 255 off" for one in found
    ]
    arrays = {one.path: one.pixels for one in found} | {f"{one.path}.losses": one.losses for one in found}
    return Shown(figure, facts, words, arrays)


def _maximise(look: Look) -> Shown:
    model, args = look.model, look.args
    target, name = _target(look)
    settings = AscentSettings(seed=args.seed or 0)
    settings = replace(settings, steps=args.steps or settings.steps)
    found = maximise(model, target, settings, cache=_cache(look), on_step=look.tell("climbing"), stop=look.stop)
    failed: list[BadPicture] = []
    best, real = _best(look, target, failed) if args.data is not None else (None, [])
    views = [shown(model, pixels) for pixels in found.pixels]
    names = [name if i == 0 else f"{name}, other noise" for i in range(len(views))]
    figure = draw_maxima(f"{name}: what it would like to see · {look.net}", found, views, names, best, real)
    facts: dict[str, Any] = {
        "target": name,
        "layer": target.path,
        "settings": asdict(settings),
        "values": [round(float(v), 6) for v in found.values],
        "start": [round(float(v), 6) for v in found.start],
    }
    words = [
        f"{one}: {value:.4g}, from {start:.4g} for noise"
        for one, value, start in zip(names, found.values, found.start, strict=True)
    ]
    if best is not None:
        facts["real"] = {"n": best.n, "mean": round(best.mean, 6), "values": [round(float(v), 6) for v in best.values],
                         "indices": [int(i) for i in best.indices]}  # fmt: skip
        words.append(f"real pictures: {best.values[0]:.4g} at most, {best.mean:.4g} on average, of {best.n:,}")
    skipped = look.split.skipped if best is not None else ()
    return Shown(figure, facts, words, {"pixels": found.pixels, "curve": found.curve}, (*skipped, *failed))


def _target(look: Look) -> tuple[Target, str]:
    """The unit of --layer and --unit, at --place or in the middle of its map, or the class of --class, as often as --n says."""
    model, args, count = look.model, look.args, look.args.n or 1
    if count > MOST:
        raise UserError(f"--n {count}: name at most {MOST} pictures, which are made together")
    if args.target is not None:
        if args.layer or args.unit is not None or args.place is not None:
            raise UserError("--class and --layer, --unit or --place: one of them, a class or a unit")
        number = class_named(look.predictor.classes, args.target)
        return Target(None, torch.full((count,), number)), look.predictor.classes[number]
    if not args.layer or args.unit is None:
        raise UserError("--method maximise wants a class (--class) or a unit of a layer (--layer and --unit)")
    path = look.layer(maps=False)
    number = map_numbered(model, path, args.unit)
    shape = analyse(model.arch).by_path[path].output
    place = None if args.place is None else place_in(model, path, args.place)
    if len(shape) != 3:
        return Target(path, torch.full((count,), number)), f"{path} {number}"
    place = place or (shape[1] // 2, shape[2] // 2)
    return Target(path, torch.full((count,), number), torch.tensor([place] * count)), f"{path} {number}"


def _best(look: Look, target: Target, failed: list[BadPicture]) -> tuple[Best, list[np.ndarray]]:
    """Of a map its largest value anywhere counts, so that real pictures are not at a disadvantage."""
    model, pictures = look.model, look.split.pictures
    source = watched(look, batches(model, pictures, failed=failed), len(pictures), "real pictures")
    best = best_of(model, Target(target.path, target.channels), ((batch.x, batch.indices) for batch in source))
    from neocog.nn.resample import torch_resize
    from neocog.pictures.store import Store

    store = Store(pictures, look.predictor.preprocessing, limit=0, resize=torch_resize)
    try:
        views = [shown(model, store.get(np.array([i]))[0][0]) for i in best.indices]
    finally:
        store.close()
    return best, views
