"""What a newcomer need not choose: a network for the data, and how pictures meet the network's input."""

from dataclasses import dataclass, replace

from neocog.arch import Architecture
from neocog.arch.rewrite import tensors, with_channels, with_classes, with_input
from neocog.errors import ShapeError, UserError
from neocog.nets import Net, Recipe, resolve
from neocog.pictures.preprocessing import Preprocessing

SMALL = 64  # pixels: up to here pictures are used as they are
PHOTO = 64  # the side that photographs are brought to when nothing else is said
PAD = 8  # pixels by which a smaller picture is padded rather than enlarged


@dataclass(frozen=True)
class Choice:
    """A network made to fit some data, and one line for each decision."""

    name: str
    arch: Architecture
    preprocessing: Preprocessing
    recipe: Recipe
    reasons: tuple[str, ...]


def default_net(size: tuple[int, int, int]) -> tuple[str, str]:
    """(net, why) for pictures of (height, width, channels)."""
    height, width, _ = size
    if max(height, width) <= SMALL:
        return (
            "resnet8.cifar",
            f"{width}×{height} pictures: a small residual net at their own size, trained from scratch",
        )
    return (
        "resnet20.cifar",
        f"photos brought to {PHOTO}×{PHOTO}: a small residual net from scratch, in minutes without a GPU",
    )


def any_size(arch: Architecture) -> bool:
    """Whether the same weights serve pictures of other sizes (global pooling before the classifier)."""
    channels, height, width = arch.input
    try:
        other = with_input(arch, (channels, height + 32, width + 32))[0]
    except ShapeError:
        return False
    return {k: p.shape for k, p in tensors(arch).items()} == {k: p.shape for k, p in tensors(other).items()}


def fit(net: Net, size: tuple[int, int, int], classes: int, flip: bool, side: int | None = None) -> Choice:
    """`net` for pictures of (height, width, channels) and so many classes. Raises ShapeError with the diagnosis.

    side: the input's side, if asked for. Mean and std are the card's where its colours are the data's; else `measured`
    tells that they are to be taken from the training pictures.
    """
    arch, card = net.build(), net.card.preprocessing
    height, width, channels = size
    reasons = []
    if arch.input[0] != channels:
        arch, _ = with_channels(arch, channels)
        reasons.append(f"{net.name} reads {channels} channel{'s' if channels > 1 else ''} here, not {card.channels}")
    arch, _ = with_classes(arch, classes)
    native = (card.height, card.width)
    color = card.color if card.channels == channels else ("L" if channels == 1 else "RGB")
    if side is not None:
        rows = columns = side
    elif any_size(arch) and max(height, width) <= SMALL:
        rows, columns = height, width
    elif any_size(arch) and max(native) <= SMALL:
        rows = columns = PHOTO
    else:
        rows, columns = native
    arch, _ = with_input(arch, (channels, rows, columns))
    mean, std = (card.mean, card.std) if card.channels == channels else ((), ())
    base = replace(
        card,
        height=rows,
        width=columns,
        color=color,
        mean=mean or (0.0,),
        std=std or (1.0,),
        resize_to=None,
        resize="none",
    )
    if (height, width) == (rows, columns):
        pass
    elif max(height, width) <= SMALL and 0 <= rows - height <= PAD and 0 <= columns - width <= PAD:
        base = replace(base, resize="pad")
        reasons.append(f"pictures of {width}×{height} lie in the middle of {columns}×{rows}")
    elif card.resize in ("shorter", "squash") and card.resize_to and native == (rows, columns):
        base = replace(base, resize=card.resize, resize_to=card.resize_to)
    else:
        base = replace(base, resize="shorter", resize_to=min(rows, columns) if rows == columns else max(rows, columns))
    recipe = net.card.quick
    if not flip:
        recipe = replace(recipe, augment=tuple(a for a in recipe.augment if a != "flip"))
    return Choice(net.name, arch, base, recipe, tuple(reasons))


def measures_pixels(net: Net, channels: int) -> bool:
    """Whether mean and std are to be taken from the training pictures: the card's are of another number of channels."""
    return net.card.preprocessing.channels != channels


def choose_recipe(net: Net, name: str, flip: bool) -> Recipe:
    """The card's recipe of this name: "quick" or "paper"."""
    if name == "quick":
        recipe = net.card.quick
    elif name == "paper" and net.card.paper_recipe is not None:
        recipe = net.card.paper_recipe
    else:
        have = "quick" + (" and paper" if net.card.paper_recipe else "")
        raise UserError(f"{net.name} has no recipe '{name}'; it has {have}")
    return recipe if flip else replace(recipe, augment=tuple(a for a in recipe.augment if a != "flip"))


__all__ = ["Choice", "any_size", "choose_recipe", "default_net", "fit", "measures_pixels", "resolve"]
