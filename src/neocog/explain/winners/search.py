"""The pictures on which each map answers most, in one pass over a data set (Zeiler & Fergus, 2014, figure 2).

Of a picture only the map's single strongest place competes, so that the k winners are k different pictures. Of equal answers
the earlier picture wins, and in a picture the first place, row by row.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from neocog.arch import LRN, Add, Architecture, AvgPool2d, BatchNorm2d, Cat, Dropout, L2Pool2d, MaxPool2d, ReLU, analyse
from neocog.errors import BadPicture, UserError
from neocog.explain.answers.maps import default_layers
from neocog.explain.inside import device_of, record_of, undisturbed
from neocog.explain.resuming import EVERY, State
from neocog.explain.targets import layer_named
from neocog.explain.winners.ranking import Ranking, state_of
from neocog.nn import Model
from neocog.nn.model import planned
from neocog.nn.resample import torch_resize
from neocog.pictures.sets import Pictures
from neocog.pictures.store import Store
from neocog.runs import Predictor

K = 9  # winners of each map


@dataclass(frozen=True, eq=False)
class Winners:
    """Of each of a layer's M maps the k strongest answers, falling: `values` M×k, the `pictures` M×k that gave them, and
    where, `places` M×k×2 (row, column). Where there was nothing to compare (NaN), the picture is −1. `answered` M: on how
    many pictures the map was above 0 anywhere."""

    path: str
    values: np.ndarray
    pictures: np.ndarray
    places: np.ndarray
    answered: np.ndarray


@dataclass(frozen=True, eq=False)
class Top:
    """The winners of each layer by its path, among `looked` pictures; those that could not be read are in `failed`."""

    layers: Mapping[str, Winners]
    looked: int
    failed: tuple[BadPicture, ...] = ()


def natural_layers(arch: Architecture) -> tuple[str, ...]:
    """Where one looks for what maps detect: the last map of each size, as it comes from its ReLU or its join where pooling,
    normalisation or dropout follow, which detect nothing of their own."""
    passing = (MaxPool2d, AvgPool2d, L2Pool2d, LRN, BatchNorm2d, Dropout)
    found = []
    for last in default_layers(arch):
        path = last
        while path != "input" and isinstance(arch.by_path[path].record, passing):
            path = arch.by_path[path].inputs[0]
        found.append(path if path != "input" and isinstance(arch.by_path[path].record, ReLU | Cat | Add) else last)
    return tuple(dict.fromkeys(found))


def spatial_layers(arch: Architecture) -> tuple[str, ...]:
    """Every layer that gives maps of more than one place."""
    return tuple(
        row.path
        for row in analyse(arch).rows
        if row.path in arch.main and len(row.output) == 3 and row.output[1] * row.output[2] > 1
    )


def strongest(
    model: Model,
    pictures: Pictures,
    layers: Sequence[str] | None = None,
    k: int = K,
    folder: Path | None = None,
    on_progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] | None = None,
    every: float = EVERY,
) -> Top:
    """The k pictures on which every map of `layers` (paths; None: `natural_layers`) answers most.

    folder: where the state is kept every so many seconds, for these weights, pictures, layers and k. A call after a kill goes
    on from there and gives the same bits; one after the end reads the answer. Raises KeyboardInterrupt, with the state
    kept, once `stop()` is true.
    """
    wanted = tuple(layer_named(model, path, maps=True) for path in layers or natural_layers(model.arch))
    if not wanted:
        raise UserError(f"{model.arch.name} has no maps: its first layer sees the whole picture at once")
    if not len(pictures):
        raise UserError("no pictures to look at")
    record = record_of(model)
    size = Predictor(model, record, pictures.classes, model.arch.name).batch(*model.arch.input[1:])
    keep = state_of(folder, model, pictures, wanted, k, size)
    state = Ranking.fresh(model, wanted, k).resumed(keep.read())
    if state.done < len(pictures):
        store = Store(pictures, record, limit=0, resize=torch_resize)
        try:
            _look(model, store, state, size, keep, on_progress, stop, every)
        finally:
            store.close()
    elif on_progress is not None:
        on_progress(state.done, len(pictures))
    return _answer(state, model)


def _answer(state: Ranking, model: Model) -> Top:
    """The same as people read it."""
    table, found = analyse(model.arch).by_path, {}
    seen = state.done - len(state.failed)
    for path, (values, pictures, places, answered) in state.layers.items():
        wide = table[path].output[2]
        flat = places[:seen].T.numpy()
        found[path] = Winners(
            path,
            np.ascontiguousarray(values[:seen].T.numpy()),
            np.ascontiguousarray(pictures[:seen].T.numpy()),
            np.stack([flat // wide, flat % wide], -1),
            answered.numpy(),
        )
    return Top(found, seen, tuple(state.failed))


def _look(
    model: Model,
    store: Store,
    state: Ranking,
    size: int,
    keep: State,
    on_progress: Callable[[int, int], None] | None,
    stop: Callable[[], bool] | None,
    every: float,
) -> None:
    """The pass over the pictures. Batches begin at multiples of `size`, wherever the pass was taken up again: the last bit of a
    convolution may depend on what it is computed with."""
    total, saved = len(store.pictures), time.monotonic()
    arch, numbers = model.arch, torch.empty(0)
    below = set().union(*(arch.ancestors(path) - {path} for path in state.layers))
    steps = planned(arch, tuple(path for path in state.layers if path not in below))

    def take(path: str, out: Tensor) -> None:
        state.merge(path, out, numbers)

    with undisturbed(model), torch.inference_mode(), watched(model, state.layers, take):
        while state.done < total:
            wanted = np.arange(state.done, min(state.done + size, total))
            pixels, kept = store.get(wanted)
            numbers = torch.from_numpy(kept)
            if len(kept):
                x = torch.from_numpy(store.preprocessing.normalise(pixels)).to(device_of(model))
                model._run(steps, {"input": x.contiguous(memory_format=torch.channels_last)})
            state.failed += [store.failed[i] for i in wanted.tolist() if i in store.failed]
            state.done = int(wanted[-1]) + 1
            if on_progress is not None:
                on_progress(state.done, total)
            asked = stop is not None and stop()
            if keep.path is not None and (asked or state.done == total or time.monotonic() - saved > every):
                begun = time.monotonic()
                keep.write(state.arrays(), now=True)
                saved = time.monotonic()
                every = max(every, 20 * (saved - begun))  # of a network with 100,000 maps not all the time
            if asked and state.done < total:
                raise KeyboardInterrupt


@contextmanager
def watched(model: Model, layers: Mapping[str, object], take: Callable[[str, Tensor], None]) -> Iterator[None]:
    """`take(path, out)` for every output of these layers as soon as it is there, so that none must be held."""

    def hook(path: str) -> Callable[..., None]:
        return lambda module, inputs, out: take(path, out)

    hooks = [model.get_submodule(path).register_forward_hook(hook(path)) for path in layers]
    try:
        yield
    finally:
        for one in hooks:
            one.remove()
