"""`explain --method top9`: what each map answers most among many pictures."""

from typing import Any

import numpy as np

from neocog.arch import Architecture
from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look, chosen_pictures, data_words, kept_in, short
from neocog.errors import UserError
from neocog.explain import draw_top, exemplars, natural_layers, spatial_layers, strongest, telling_maps
from neocog.explain.targets import listed, map_numbered
from neocog.pictures.sets import Pictures

MAPS, MAPS_OF_MANY = 12, 4  # of a layer that are drawn; where every layer is
MANY = 8


def run(look: Look) -> Shown:
    """The figure, and the winners of every map."""
    arch, pictures = look.model.arch, chosen_pictures(look)
    layers = wanted_layers(look, arch)
    folder = kept_in(look)
    top = strongest(look.model, pictures, layers, folder=folder, on_progress=look.tell("looking at pictures"), stop=look.stop)
    n = look.args.n or (MAPS if len(layers) < MANY else MAPS_OF_MANY)
    found = []
    for path in layers:
        winners = top.layers[path]
        maps = (look.args.unit,) if look.args.unit is not None else telling_maps(winners, n)
        found.append(
            exemplars(look.model, pictures, winners, maps, on_progress=look.tell(f"{path}: projecting"), stop=look.stop)
        )
    why = next((one.why for one in found if one.why), "")
    facts = {
        "data": look.args.data,
        "split": look.split.what,
        "pictures": top.looked,
        "kept": str(folder),
        "undefined": why or None,
        "layers": [
            {
                "path": one.path,
                "silent": int((top.layers[one.path].answered == 0).sum()),
                "maps": [told(one.maps[m], one, m, pictures) for m in range(len(one.maps))],
            }
            for one in found
        ],
    }
    words = [
        f"{one.path}: maps {', '.join(map(str, one.maps))} of {len(top.layers[one.path].values)} drawn, "
        f"{(top.layers[one.path].answered == 0).sum()} never answer"
        for one in found
    ]
    words += [why] if why else []
    arrays: dict[str, np.ndarray] = {}
    for one in found:
        winners = top.layers[one.path]
        for name in ("values", "pictures", "places", "answered"):
            arrays[f"{one.path}.{name}"] = getattr(winners, name)
        arrays[f"{one.path}.maps"], arrays[f"{one.path}.patches"] = np.asarray(one.maps), one.patches
        if one.projections is not None:
            arrays[f"{one.path}.projections"] = one.projections
    k = found[0].values.shape[1]
    about = f"{short(look.net)}: of {top.looked:,} pictures ({data_words(look)}) the {k} with the strongest single answers"
    sheet = draw_top("What its maps look for", about, arch, found, pictures.classes)
    return Shown(sheet, facts, words, arrays, (*look.split.skipped, *top.failed))


def told(number: int, one: Any, m: int, pictures: Pictures) -> dict[str, Any]:
    """A map's winners for --json."""
    known = [j for j in range(one.values.shape[1]) if one.pictures[m, j] >= 0]
    return {
        "map": number,
        "values": [round(float(one.values[m, j]), 6) for j in known],
        "pictures": [pictures.name(int(one.pictures[m, j])) for j in known],
        "places": [one.places[m, j].tolist() for j in known],
        "classes": [pictures.classes[one.labels[m, j]] for j in known],
    }


def wanted_layers(look: Look, arch: Architecture) -> tuple[str, ...]:
    """Those of --layer, "all" for every one; else the natural ones. With --unit, one layer that has this map."""
    layers = spatial_layers(arch) if look.args.layer == ["all"] else look.layers(natural_layers(arch))
    if not layers:
        raise UserError(f"{look.net} has no maps: its first layer sees the whole picture at once")
    if look.args.unit is not None:
        if look.args.n is not None:
            raise UserError("--n says how many maps of a layer, --unit names one: leave one of them away")
        if look.args.layer is None:
            raise UserError(f"--unit {look.args.unit} is a map of a layer: name the layer with --layer, as {listed(layers)}")
        for path in layers:
            map_numbered(look.model, path, look.args.unit)
    return layers
