"""How augmentations are written in recipes and on the command line: `flip`, `crop=0.125`, `resized-crop=0.08:1`. No numpy."""

import math
from dataclasses import dataclass

from neocog.errors import UnknownName, UserError

KNOWN: dict[str, tuple[float, ...]] = {
    "flip": (),  # mirrored left to right, half of the pictures
    "crop": (0.125,),  # padded by this share of each side and cropped back at random
    "shift": (0.0625,),  # the same for digits in the middle of a black field
}
"""Each name with the default values of its arguments, in order."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One augmentation with its numbers."""

    name: str
    values: tuple[float, ...]


def parse(text: str) -> Spec:
    """`name` or `name=a:b`; arguments left out have their defaults. UserError for what is not known."""
    name, _, given = text.partition("=")
    if name not in KNOWN:
        raise UnknownName("augmentation", name, KNOWN, f"there are {', '.join(KNOWN)}")
    defaults = KNOWN[name]
    try:
        values = tuple(float(part) for part in given.split(":")) if given else ()
    except ValueError:
        raise UserError(f"augmentation '{text}': its arguments are numbers, joined by colons") from None
    if len(values) > len(defaults) or not all(map(math.isfinite, values)):
        raise UserError(f"augmentation '{text}': {name} takes at most {len(defaults)} finite numbers")
    return Spec(name, (*values, *defaults[len(values) :]))
