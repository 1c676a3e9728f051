"""A convolution's filters, which of them dominate and which are dead (Zeiler & Fergus, 2014, section 3 and figure 6a)."""

from dataclasses import dataclass

import numpy as np
import torch

from neocog.arch import Architecture, BatchNorm2d, Conv2d, DepthwiseConv2d, Dropout, Node, ReLU, analyse
from neocog.errors import UserError
from neocog.explain.inside import record_of
from neocog.explain.targets import listed
from neocog.nn import Model

RADIUS = 0.1  # ZFNet clips a filter's RMS to this; its inputs are pixels from −128 to 128
DOMINATES, DEAD = 3.0, 0.1  # times the median RMS


@dataclass(frozen=True, eq=False)
class Filters:
    """The O filters of the convolution at `path`.

    weights O×C×h×w, as they act: what batch normalisation right behind multiplies them by is in them where `folded`. Where
    they read the picture (`on_pixels`), C is in the order RGB. rms O: of all weights of a filter. pixel_rms O: the same for
    inputs in pixels (0 to 255), as ZFNet has them; None where the layer reads maps. answered O: on how many of `looked`
    pictures the filter's ReLU was above 0 anywhere; None where no pictures were asked.
    """

    path: str
    words: str
    weights: np.ndarray
    on_pixels: bool
    folded: bool
    rms: np.ndarray
    pixel_rms: np.ndarray | None
    answered: np.ndarray | None = None
    looked: int = 0

    @property
    def clipped(self) -> tuple[int, ...]:
        """Those that ZFNet would have clipped: RMS on pixels above `RADIUS`."""
        return () if self.pixel_rms is None else _numbers(self.pixel_rms > RADIUS)

    @property
    def dominating(self) -> tuple[int, ...]:
        """RMS above `DOMINATES` times the median."""
        return _numbers(self.rms > DOMINATES * np.median(self.rms))

    @property
    def dead(self) -> tuple[int, ...]:
        """RMS below `DEAD` times the median."""
        return _numbers(self.rms < DEAD * np.median(self.rms))

    @property
    def silent(self) -> tuple[int, ...]:
        """Never above 0 on the pictures."""
        return () if self.answered is None else _numbers(self.answered == 0)

    @property
    def slices(self) -> np.ndarray:
        """Of each filter the input map that it weighs most, O."""
        return (self.weights.astype(np.float64) ** 2).sum((2, 3)).argmax(1)


def _numbers(mask: np.ndarray) -> tuple[int, ...]:
    return tuple(np.flatnonzero(mask).tolist())


def convolutions(arch: Architecture) -> tuple[str, ...]:
    """The paths of the main network's convolutions, in order."""
    return tuple(n.path for n in arch.nodes if n.path in arch.main and isinstance(n.record, Conv2d | DepthwiseConv2d))


def behind(arch: Architecture, path: str) -> list[Node]:
    """The nodes that follow one another behind `path`, up to a ReLU, as long as each is the only reader of the one before."""
    chain: list[Node] = []
    while True:
        readers = [n for n in arch.nodes if path in n.inputs and n.path in arch.main]
        if len(readers) != 1 or not isinstance(readers[0].record, BatchNorm2d | Dropout | ReLU):
            return chain
        chain.append(readers[0])
        if isinstance(readers[0].record, ReLU):
            return chain
        path = readers[0].path


def relu_of(arch: Architecture, path: str) -> str | None:
    """The ReLU that a convolution feeds; None where it feeds another activation."""
    chain = behind(arch, path)
    return chain[-1].path if chain and isinstance(chain[-1].record, ReLU) else None


def filters_of(model: Model, path: str | None = None) -> Filters:
    """The filters of the convolution at `path`; None: of the first. Raises UserError for a layer that is none."""
    arch, every = model.arch, convolutions(model.arch)
    if not every:
        raise UserError(f"{arch.name} has no convolution, so no filters; --method templates draws a full connection's weights")
    path = every[0] if path is None else path
    if path not in every:
        raise UserError(f"{arch.name}: '{path}' is no convolution; its convolutions are {listed(every)}")
    weight = model.get_submodule(path).weight
    assert isinstance(weight, torch.Tensor)
    weights = weight.detach().double().cpu().numpy()
    norm = next((n for n in behind(arch, path)[:1] if isinstance(n.record, BatchNorm2d)), None)
    if norm is not None:
        weights = weights * _gain(model, norm.path)[:, None, None, None]
    below = arch.ancestors(path) - {path}
    first = not any(isinstance(arch.by_path[name].record, Conv2d | DepthwiseConv2d) for name in below)
    record, on_pixels = record_of(model), first and weights.shape[1] == arch.input[0] and arch.input[0] in (1, 3)
    pixel_rms = None
    if on_pixels:
        gain = np.broadcast_to(record.scale / np.asarray(record.std), weights.shape[1])
        pixel_rms = np.sqrt(((weights * gain[:, None, None]) ** 2).mean((1, 2, 3)))
        weights = weights[:, ::-1] if record.color == "BGR" else weights
    rms = np.sqrt((weights**2).mean((1, 2, 3)))
    words = analyse(arch).by_path[path].node.record.describe()
    return Filters(path, words, weights.astype(np.float32), on_pixels, norm is not None, rms, pixel_rms)


def _gain(model: Model, path: str) -> np.ndarray:
    """What batch normalisation multiplies each map by, in eval mode."""
    norm = model.get_submodule(path)
    variance, weight = norm.running_var, getattr(norm, "weight", None)
    assert isinstance(variance, torch.Tensor)
    gain = 1 / torch.sqrt(variance.double() + float(norm.eps))  # type: ignore[arg-type]
    return (gain if weight is None else gain * weight.detach().double()).cpu().numpy()
