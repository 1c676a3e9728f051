"""How what the maps look for came about: Zeiler & Fergus (2014), figure 4, from the weights that a run kept on its way.

At each snapshot every map's strongest answer among the pictures is projected back. A sudden jump in what one sees is often
another picture from which the strongest answer now comes, so that is marked.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from neocog.errors import BadPicture, UserError
from neocog.explain.answers.filters import Filters, filters_of
from neocog.explain.targets import map_numbered
from neocog.explain.winners.patches import Exemplars, exemplars, telling_maps
from neocog.explain.winners.search import natural_layers, strongest
from neocog.pictures.sets import Pictures
from neocog.runs import load_predictor

SNAPSHOTS = "snapshots"  # the folder of a run that holds them
_STEP = re.compile(r"step-(\d+)\.safetensors")


@dataclass(frozen=True, eq=False)
class Evolution:
    """What the maps look for after each of `steps`. layers: for each layer one `Exemplars` a snapshot, of the same maps and
    k = 1. filters: those of the first convolution at each snapshot; empty where the network has none. `looked` pictures,
    of which `failed` could not be read."""

    steps: tuple[int, ...]
    layers: Mapping[str, tuple[Exemplars, ...]]
    filters: tuple[Filters, ...]
    looked: int
    failed: tuple[BadPicture, ...] = ()

    def moved(self, path: str) -> np.ndarray:
        """Snapshots×maps: whether the answer comes from another picture than at the snapshot before."""
        pictures = np.stack([one.pictures[:, 0] for one in self.layers[path]])
        return np.concatenate([np.zeros_like(pictures[:1], bool), pictures[1:] != pictures[:-1]])


def snapshots(run: str | Path) -> dict[int, Path]:
    """The weight files that a run kept on its way, by step. Raises UserError where there are none."""
    found = {int(m[1]): path for path in Path(run, SNAPSHOTS).glob("step-*.safetensors") if (m := _STEP.fullmatch(path.name))}
    if not found:
        raise UserError(f"{run} kept no weights on its way: train with --snapshots N, say 8, to see how its maps came about")
    return dict(sorted(found.items()))


def evolve(
    run: str | Path,
    pictures: Pictures,
    layers: Sequence[str] | None = None,
    maps: Sequence[int] | None = None,
    n: int = 6,
    folder: Path | None = None,
    on_progress: Callable[[str, int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Evolution:
    """The strongest answers of `maps` of `layers` at every snapshot of a run (None: n telling maps of natural layers, as the
    last snapshot has them).

    folder: where each snapshot's pass over the pictures is kept (see `strongest`). on_progress: told which, done and total.
    """
    files = snapshots(run)
    last = load_predictor(files[max(files)]).model
    paths = tuple(layers or natural_layers(last.arch))
    wanted: dict[str, tuple[int, ...]] = {}
    if maps is not None:
        wanted = {path: tuple(map_numbered(last, path, unit) for unit in maps) for path in paths}
    kept: dict[int, tuple[dict[str, Exemplars], Filters | None]] = {}
    looked, failed = 0, ()
    for step in sorted(files, reverse=True):  # from the end, which says which maps to follow
        model = load_predictor(files[step]).model

        def tell(done: int, total: int, step: int = step) -> None:
            if on_progress is not None:
                on_progress(f"step {step:,}", done, total)

        top = strongest(model, pictures, paths, 1, folder, tell, stop)
        looked, failed = top.looked, top.failed
        wanted = wanted or {path: telling_maps(winners, n) for path, winners in top.layers.items()}
        found = {path: exemplars(model, pictures, top.layers[path], wanted[path], stop=stop) for path in paths}
        try:
            kept[step] = found, filters_of(model)
        except UserError:
            kept[step] = found, None
    return Evolution(
        tuple(files),
        {path: tuple(kept[step][0][path] for step in files) for path in paths},
        tuple(one for step in files if (one := kept[step][1]) is not None),
        looked,
        failed,
    )
