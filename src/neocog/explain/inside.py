"""A network as it is looked at: in eval mode, its parameters wanting no gradient, and afterwards exactly as it was."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from neocog.errors import UserError
from neocog.nn import Model
from neocog.nn.model import planned
from neocog.pictures.preprocessing import Preprocessing


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Everything in eval mode, no parameter wanting a gradient; afterwards modes, wishes and hooks are as they were.

    Gradients that lay in `.grad` are not touched, running statistics do not move.
    """
    modes = {module: module.training for module in model.modules()}
    wishes = [(p, p.requires_grad) for p in model.parameters()]
    model.eval()
    try:
        for p, _ in wishes:
            p.requires_grad_(False)
        yield
    finally:
        for p, wish in wishes:
            p.requires_grad_(wish)
        for module, mode in modes.items():
            module.training = mode


def values_at(model: nn.Module, x: Tensor, paths: Iterable[str]) -> dict[str, Tensor]:
    """What the modules at `paths` give for x, N×C×H×W each (N×F for features), with their graph where gradients are on.

    Of a network of ours only what they need is computed. An output that a later module overwrites in place (ReLU in place)
    is given as it was. `paths` may hold "input". Raises UserError for one that is not there.
    """
    wanted = tuple(dict.fromkeys(paths))
    if isinstance(model, Model):
        model._check(x)
        inner = tuple(path for path in wanted if path != "input")
        if unknown := [path for path in inner if path not in model.arch.by_path]:
            raise UserError(f"{model.arch.name} has no layer '{unknown[0]}'; `neocog show` lists them")
        found = model._run(planned(model.arch, inner), {"input": x}) if inner else {}
        return {path: x if path == "input" else found[path] for path in wanted}
    found = {"input": x} if "input" in wanted else {}

    def keep(path: str) -> Callable[[nn.Module, object, Tensor], Tensor]:
        def hook(module: nn.Module, inputs: object, out: Tensor) -> Tensor:
            found[path] = out
            return out.clone()  # for what follows and may write into it

        return hook

    leaves = {path: module_at(model, path) for path in wanted if path != "input"}
    hooks = [leaf.register_forward_hook(keep(path)) for path, leaf in leaves.items()]
    try:
        model(x)
    finally:
        for hook in hooks:
            hook.remove()
    missing = [path for path in wanted if path not in found]
    if missing:
        raise UserError(f"'{missing[0]}' was not called: it may serve only training")
    return found


def module_at(model: nn.Module, path: str) -> nn.Module:
    """The module of that path. Raises UserError where there is none."""
    try:
        return model.get_submodule(path)
    except AttributeError:
        raise UserError(f"{model.arch.name if isinstance(model, Model) else type(model).__name__} has no '{path}'") from None


def device_of(model: nn.Module) -> torch.device:
    """Where its parameters lie."""
    first = next(model.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def record_of(model: Model) -> Preprocessing:
    """How the network gets its pictures."""
    if model.preprocessing is None:
        raise UserError(f"{model.arch.name}: these weights have no preprocessing record, so pictures mean nothing to them")
    return model.preprocessing


def pixels_of(model: Model, picture: Image.Image | np.ndarray) -> np.ndarray:
    """A picture, or its uint8 pixels H×W[×3], as the network's own record makes it: uint8 H×W×C."""
    return record_of(model).image(Image.fromarray(picture) if isinstance(picture, np.ndarray) else picture)


def input_of(model: Model, pixels: np.ndarray) -> Tensor:
    """uint8 pixels N×H×W×C (or of one picture, H×W×C) → what the network reads, N×C×H×W."""
    batch = pixels if pixels.ndim == 4 else pixels[None]
    return torch.from_numpy(record_of(model).normalise(batch)).to(device_of(model))


def shown(model: Model, pixels: np.ndarray) -> np.ndarray:
    """uint8 pixels …×H×W×C as people look at them: RGB, grey repeated."""
    color = record_of(model).color
    return pixels[..., ::-1] if color == "BGR" else np.repeat(pixels, 3, -1) if color == "L" else pixels
