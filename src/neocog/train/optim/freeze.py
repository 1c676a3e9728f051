"""Layers that keep their weights while the others learn."""

import fnmatch
from collections.abc import Iterable

from neocog.arch import Architecture, analyse
from neocog.errors import UnknownName, UserError
from neocog.nn import Model

ALL_BUT_HEAD = "all-but-head"


def frozen_paths(arch: Architecture, words: Iterable[str]) -> tuple[str, ...]:
    """The paths that `words` mean: names of layers or of what holds them, shell patterns (`layer[12]`, `features.*`), or
    "all-but-head". Raises UserError for a word that means nothing, or if nothing is left to learn."""
    holders = {row.path for row in analyse(arch).rows if row.tensors}
    scopes = {path.rsplit(".", k)[0]: None for path in (n.path for n in arch.nodes) for k in range(path.count("."), -1, -1)}
    heads = {mark.path for mark in arch.marked("head")}
    found: dict[str, None] = {}
    for word in words:
        if word == ALL_BUT_HEAD:
            if not heads:
                raise UserError(f"--freeze {word}: no layer of {arch.name} is marked as its head")
            matches = [path for path in scopes if path not in heads and not any(_below(head, path) for head in heads)]
        else:
            matches = [path for path in scopes if fnmatch.fnmatchcase(path, word)]
        if not matches:
            raise UnknownName("layer", word, scopes, f"--freeze takes paths of {arch.name} (`neocog show`) or {ALL_BUT_HEAD}")
        found |= dict.fromkeys(matches)
    whole = [path for path in found if any(_below(holder, path) for holder in holders)]
    paths = tuple(path for path in whole if not any(_below(path, other) for other in whole if other != path))
    if paths and all(any(_below(holder, path) for path in paths) for holder in holders):
        raise UserError(f"--freeze leaves {arch.name} nothing to learn")
    return paths


def freeze(model: Model, paths: Iterable[str]) -> None:
    """Take the parameters at and below `paths` out of learning, and `hold` them."""
    paths = tuple(paths)
    for path in paths:
        for param in model.get_submodule(path).parameters():
            param.requires_grad_(False)
    hold(model, paths)


def hold(model: Model, paths: Iterable[str]) -> None:
    """Frozen layers as in evaluation, after `model.train()`: batch normalisation there would go on changing its averages, and
    give its maps by the batch instead of by what the layers behind were learned on."""
    for path in paths:
        model.get_submodule(path).eval()


def _below(path: str, scope: str) -> bool:
    """Whether `path` is `scope` or lies in it."""
    return path == scope or path.startswith(scope + ".")
