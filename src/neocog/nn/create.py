"""`create_model`: a network by name, in the conventions of timm."""

from pathlib import Path

from torch import Generator

from neocog.arch import Architecture
from neocog.arch.rewrite import with_channels, with_classes, with_dropout, with_input
from neocog.errors import UserError
from neocog.nets import resolve
from neocog.nn.model import Model, feature_maps


def adapt(
    arch: Architecture,
    num_classes: int | None = None,
    in_chans: int | None = None,
    img_size: int | tuple[int, int] | None = None,
    drop_rate: float | None = None,
) -> Architecture:
    """`arch` for other classes, channels, size or dropout. Raises ShapeError with the diagnosis if the size does not fit."""
    if in_chans is not None and in_chans != arch.input[0]:
        arch, _ = with_channels(arch, in_chans)
    if img_size is not None:
        height, width = (img_size, img_size) if isinstance(img_size, int) else img_size
        arch, _ = with_input(arch, (arch.input[0], height, width))
    if num_classes is not None:
        arch, _ = with_classes(arch, num_classes)
    if drop_rate is not None:
        arch, _ = with_dropout(arch, drop_rate)
    return arch


def create_model(
    name: str | Architecture,
    *,
    num_classes: int | None = None,
    in_chans: int | None = None,
    img_size: int | tuple[int, int] | None = None,
    weights: str | Path | None = None,
    features_only: bool = False,
    drop_rate: float | None = None,
    generator: Generator | None = None,
) -> Model:
    """A Module of the network `name` (see `list_models`), or of an architecture; None leaves what the paper has.

    weights: a file of this network, ours, torchvision's, timm's or Keras's; `pretrained`, `tv:V1` or `keras` for what is
    published; an address; `hf:owner/name`. A classifier for other classes starts afresh.
    features_only: the model gives one map for each stride, `feature_info` describes them.
    Raises UnknownName, ShapeError (with the diagnosis, before memory is taken), UserError.
    """
    net = None if isinstance(name, Architecture) else resolve(name)
    arch = name if isinstance(name, Architecture) else resolve(name).build()
    new = adapt(arch, num_classes, in_chans, img_size, drop_rate)
    features = feature_maps(new) if features_only else None
    if features == ():
        raise UserError(f"{arch.name} has no maps to give: features_only needs a convolutional net")
    model = Model(new, generator, features)
    if net is not None and in_chans is None and img_size is None:
        model.preprocessing = net.card.preprocessing
    if weights is not None:
        from neocog.weights import load_weights
        from neocog.weights.pretrained import fetched

        here = fetched(weights, arch.name or None)
        load_weights(model, here.path, source=arch)
        if here.preprocessing is not None and in_chans is None and img_size is None:
            model.preprocessing = here.preprocessing
    return model
