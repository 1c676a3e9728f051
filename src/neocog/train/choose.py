"""What a newcomer need not choose: a network for the data, and how pictures meet the network's input."""

from dataclasses import dataclass, replace

from neocog.arch import Architecture, fits
from neocog.arch.rewrite import tensors, with_channels, with_classes, with_input
from neocog.errors import ShapeError, UserError
from neocog.nets import Net, Recipe
from neocog.nets.recipes import recipes
from neocog.nets.registry import looks_like_text
from neocog.pictures.augment.spec import without_mirroring
from neocog.pictures.preprocessing import Preprocessing

SMALL = 64  # pixels: up to here pictures are used as they are
PHOTO = 64  # the side that photographs are brought to when nothing else is said
PAD = 8  # pixels by which a smaller picture is padded rather than enlarged

Size = tuple[int, int, int]
"""(height, width, channels) of typical pictures."""


@dataclass(frozen=True)
class Choice:
    """A network made to fit some data, the record of how it gets its pictures, and one line for each decision.

    measure: mean and std are to be taken from the training pictures, since the card's are of another number of channels.
    """

    arch: Architecture
    preprocessing: Preprocessing
    measure: bool
    reasons: tuple[str, ...]


def default_net(size: Size) -> tuple[str, str]:
    """(net, why) for pictures of this size."""
    height, width, _ = size
    if max(height, width) <= SMALL:
        return "resnet8.quick", f"{width}×{height} pictures: a small residual net at their own size, trained from scratch"
    return "resnet14.cifar", "photos: a small residual net from scratch, in minutes without a GPU"


def any_size(arch: Architecture) -> bool:
    """Whether the same weights serve pictures of other sizes (global pooling before the classifier)."""
    channels, height, width = arch.input
    try:
        other, _ = with_input(arch, (channels, height + 32, width + 32))
    except ShapeError:
        return False
    return {k: p.shape for k, p in tensors(arch).items()} == {k: p.shape for k, p in tensors(other).items()}


def fit(net: Net, size: Size, classes: int, side: int | None = None, alike: bool = True) -> Choice:
    """`net` for such pictures and so many classes; `side` is the input's side, if asked for; `alike`: all have that size.

    A network of any size sees small pictures at their own size; every other network sees its native size. One that leaves its
    size open (a line of text without one) is built for the pictures. Raises ShapeError, with the diagnosis, if it does not fit.
    """
    card, reasons = net.card.preprocessing, []
    height, width, channels = size
    large = (
        (PHOTO, PHOTO) if looks_like_text(net.name) else (card.height, card.width)
    )  # a line without a size has none of its own
    native = (height, width) if max(height, width) <= SMALL else large
    arch = net.sized((channels, *((side, side) if side else native))) if net.sized else net.build()
    arch, _ = with_classes(arch, classes)
    if arch.input[0] != channels:
        reasons.append(f"{net.name} was designed for {_kind(arch.input[0])}; its first layer here reads {_kind(channels)}")
        arch, _ = with_channels(arch, channels)
    rows, columns = arch.input[1:] if net.sized else _input_side(arch, card, height, width, side)
    if (rows, columns) != arch.input[1:] and side is None:
        reasons.append(
            f"{net.name} was designed for {arch.input[2]}×{arch.input[1]}; here it sees {columns}×{rows} (--size changes it)"
        )
    arch, _ = with_input(arch, (channels, rows, columns))
    same = card.channels == channels
    colors = card if same else replace(card, color="L" if channels == 1 else "RGB", scale=1 / 255, mean=(0.0,), std=(1.0,))
    return Choice(arch, _geometry(colors, (height, width), (rows, columns), alike), not same, tuple(reasons))


def _kind(count: int) -> str:
    return "grey pictures" if count == 1 else "colour pictures"


def _input_side(arch: Architecture, card: Preprocessing, height: int, width: int, side: int | None) -> tuple[int, int]:
    """(rows, columns) that the network shall see."""
    if side is not None:
        return side, side
    if any_size(arch):
        if max(height, width) <= SMALL and fits(arch, (arch.input[0], height, width)):
            return height, width
        if max(card.height, card.width) <= SMALL:
            return PHOTO, PHOTO
    return card.height, card.width


def _geometry(card: Preprocessing, have: tuple[int, int], want: tuple[int, int], alike: bool) -> Preprocessing:
    """How pictures of `have` (rows, columns), all of them if `alike`, come to `want`."""
    (height, width), (rows, columns) = have, want
    plain = replace(card, height=rows, width=columns, resize="none", resize_to=None)
    if alike and have == want:
        return plain
    if alike and 0 <= rows - height <= PAD and 0 <= columns - width <= PAD:
        return replace(plain, resize="pad")
    if (rows, columns) == (card.height, card.width) and card.resize in ("shorter", "squash"):
        return card
    return replace(plain, resize="shorter", resize_to=max(rows, columns))


def choose_recipe(net: Net, name: str, flip: bool) -> Recipe:
    """The network's recipe of this name; without mirroring where a mirrored picture is of no class."""
    found = recipes(net)
    if name not in found:
        raise UserError(f"{net.name} has no recipe '{name}'; it has {' and '.join(found)}")
    return found[name] if flip else replace(found[name], augment=without_mirroring(found[name].augment))
