"""`explain --method evolution`: what the maps answered most at each snapshot of a training."""

from pathlib import Path

import numpy as np

from neocog.cli.evaluate_split import choose_split
from neocog.cli.looking import Shown
from neocog.cli.looking.look import Look, chosen_pictures, data_words, kept_in, short
from neocog.errors import UserError
from neocog.explain import draw_evolution, evolve
from neocog.runs import read_config

MAPS = 6  # of a layer that are drawn


def run(look: Look) -> Shown:
    """The figure. The pictures are those it learned from, as in the paper, unless --split says others."""
    args, folder = look.args, Path(look.args.run)
    if not folder.is_dir():
        raise UserError(f"{args.run}: --method evolution looks at a run folder, whose snapshots it reads")
    config = read_config(folder)
    look.split = choose_split(args.run, [], args.data, args.split or "train")
    pictures = chosen_pictures(look)
    layers = look.layers() or None
    if args.unit is not None and args.n is not None:
        raise UserError("--n says how many maps of a layer, --unit names one: leave one of them away")
    if args.unit is not None and layers is None:
        raise UserError(f"--unit {args.unit} is a map of a layer: name the layer with --layer")
    units = None if args.unit is None else (args.unit,)

    def tell(name: str, done: int, total: int) -> None:
        look.progress.update(f"{name}: looking at pictures", done, total)

    found = evolve(folder, pictures, layers, units, args.n or MAPS, kept_in(look), tell, look.stop)
    facts = {
        "data": args.data,
        "split": look.split.what,
        "pictures": found.looked,
        "steps": list(found.steps),
        "steps_per_epoch": config.steps_per_epoch,
        "layers": [
            {
                "path": path,
                "maps": [
                    {
                        "map": unit,
                        "values": [round(float(one.values[m, 0]), 6) if one.pictures[m, 0] >= 0 else None for one in ones],
                        "pictures": [pictures.name(int(i)) if (i := one.pictures[m, 0]) >= 0 else None for one in ones],
                        "places": [one.places[m, 0].tolist() if one.pictures[m, 0] >= 0 else None for one in ones],
                    }
                    for m, unit in enumerate(ones[0].maps)
                ],
            }
            for path, ones in found.layers.items()
        ],
    }
    words = [
        f"{path}: maps {', '.join(map(str, ones[0].maps))}; from another picture than before in "
        f"{int(found.moved(path).sum())} of {found.moved(path)[1:].size} steps from one snapshot to the next"
        for path, ones in found.layers.items()
    ]
    arrays: dict[str, np.ndarray] = {"steps": np.asarray(found.steps)}
    for path, ones in found.layers.items():
        arrays[f"{path}.maps"] = np.asarray(ones[0].maps)
        for name in ("values", "pictures", "places", "patches", "projections"):
            if getattr(ones[0], name) is not None:
                arrays[f"{path}.{name}"] = np.stack([getattr(one, name)[:, 0] for one in ones])
    if found.filters:
        arrays["filters"] = np.stack([one.weights for one in found.filters])
    about = f"{short(look.net)}: the strongest answer among {found.looked:,} pictures ({data_words(look)})"
    sheet = draw_evolution("How its maps came about", about, look.model.arch, found, config.steps_per_epoch)
    return Shown(sheet, facts, words, arrays, (*look.split.skipped, *found.failed))
