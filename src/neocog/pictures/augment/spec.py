"""How augmentations are written in recipes and on the command line: `flip`, `crop=0.125`, `resized-crop=0.08:1`. No numpy.

Stages, in the order in which they are always done, however a list names them:

    cut      the network's input out of the picture (one at most; else as the preprocessing record says)
    place    the input moved
    flip     mirrored left to right
    policy   operations drawn from a set
    colour   hue, then brightness, contrast and saturation, then lighting
    erase    a rectangle lost
    mix      pictures of the batch with one another, and their labels
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from neocog.errors import UnknownName, UserError

STAGES = ("cut", "place", "flip", "policy", "colour", "erase", "mix")
MIRRORS = ("flip", "flip-alternating")


@dataclass(frozen=True, slots=True)
class Argument:
    """A number: its default, the least and the most it may be, and whether it is a whole one."""

    name: str
    default: float
    low: float = 0.0
    high: float = 1.0
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Kind:
    """An augmentation: its stage, its numbers, what it does, and who says so."""

    stage: str
    arguments: tuple[Argument, ...]
    help: str
    source: str

    @property
    def defaults(self) -> tuple[float, ...]:
        """The default of each number, in order."""
        return tuple(argument.default for argument in self.arguments)


def _pixels(name: str, default: int) -> Argument:
    return Argument(name, default, 1, 65_535, whole=True)


_EACH = Argument("each", 0, 0, 1, whole=True)
_ALPHA = Argument("alpha", 1.0, 1e-6, math.inf)

KNOWN: dict[str, Kind] = {
    "square-crop": Kind(
        "cut",
        (_pixels("side", 256), _pixels("crop", 224)),
        "short side to `side`, the middle square, a window of `crop` at random; in proportion for other inputs",
        "Krizhevsky et al. 2012, sections 2 and 4.1",
    ),
    "scale-jitter": Kind(
        "cut",
        (_pixels("low", 256), _pixels("high", 512), _pixels("crop", 224)),
        "short side to a whole number from `low` to `high`, a window of `crop` at random; in proportion for other inputs",
        "Simonyan & Zisserman 2015, section 3.1; with 256:480 He et al. 2016, section 3.4",
    ),
    "resized-crop": Kind(
        "cut",
        (Argument("low", 0.08, 1e-6), Argument("high", 1.0, 1e-6), Argument("narrow", 3 / 4, 1e-3, 1e3),
         Argument("wide", 4 / 3, 1e-3, 1e3)),
        "a window of `low` to `high` of the area, `narrow` to `wide` times as wide as high, resized to the input",
        "Szegedy et al. 2015, section 6; sampled as torchvision does",
    ),
    "crop": Kind(
        "place",
        (Argument("share", 0.125),),
        "padded with black by this share of each side (4 pixels of 32) and cropped back at random",
        "He et al. 2016, section 4.2",
    ),
    "crop-reflect": Kind(
        "place",
        (Argument("share", 0.0625, high=0.5),),
        "the same, padded with the picture's own reflection (2 pixels of 32)",
        "airbench94.py (Jordan 2024)",
    ),
    "shift": Kind(
        "place",
        (Argument("share", 0.0625),),
        "`crop` by less: for digits in the middle of a black field",
        "He et al. 2016, section 4.2, by half as much",
    ),
    "flip": Kind("flip", (), "mirrored left to right, half of the pictures", "Krizhevsky et al. 2012, section 4.1"),
    "flip-alternating": Kind(
        "flip",
        (),
        "mirrored in every other epoch: half of the pictures in the even ones, the others in the odd ones",
        "airbench94.py (Jordan 2024)",
    ),
    "randaugment": Kind(
        "policy",
        (Argument("operations", 2, 1, 14, whole=True), Argument("magnitude", 9, 0, 30, whole=True)),
        "so many operations of 14, one after another, at this magnitude of 30",
        "Cubuk et al. 2020, section 3; operations as torchvision's",
    ),
    "trivialaugment": Kind(
        "policy",
        (),
        "one operation of 14 at a random magnitude, from a wide range",
        "Müller & Hutter 2021, section 3 (wide); operations as torchvision's",
    ),
    "autoaugment": Kind("policy", (), "one of 25 pairs of operations found on ImageNet", "Cubuk et al. 2019, table 9"),
    "autoaugment-cifar": Kind("policy", (), "one of 25 pairs of operations found on CIFAR-10", "Cubuk et al. 2019, table 7"),
    "hue": Kind(
        "colour", (Argument("turn", 0.1, 0, 0.5),), "hue turned by up to this share of the circle", "torchvision's ColorJitter"
    ),
    "jitter": Kind(
        "colour",
        (Argument("brightness", 0.4), Argument("contrast", 0.4), Argument("saturation", 0.4)),
        "brightness, contrast and saturation times 1 ± so much, in random order, not clipped in between",
        "fb.resnet.torch; with 0.5:0.5:0.5 Howard 2013, section 2.2, which GoogLeNet took",
    ),
    "lighting": Kind(
        "colour",
        (Argument("deviation", 0.1, 0, 10),),
        "the principal components of ImageNet's colours added, times eigenvalue times N(0, deviation²)",
        "Krizhevsky et al. 2012, section 4.1; eigenvalues and vectors of fb.resnet.torch",
    ),
    "cutout": Kind(
        "erase",
        (Argument("share", 0.5),),
        "a square of this share of the side (16 pixels of 32) anywhere, partly outside too, becomes the mean colour",
        "DeVries & Taylor 2017, section 3.2",
    ),
    "erasing": Kind(
        "erase",
        (Argument("probability", 0.5), Argument("low", 0.02, 1e-6), Argument("high", 0.4, 1e-6), Argument("narrow", 0.3, 1e-3)),
        "a rectangle of `low` to `high` of the area, `narrow` to 1/`narrow` times as high as wide, becomes noise",
        "Zhong et al. 2020, algorithm 1",
    ),
    "mixup": Kind(
        "mix",
        (Argument("alpha", 0.2, 1e-6, math.inf), Argument("probability", 1.0), _EACH),
        "λ·one + (1 − λ)·another, pictures and labels, λ from Beta(alpha, alpha) a batch (a picture with `each` = 1)",
        "Zhang et al. 2018, section 2",
    ),
    "cutmix": Kind(
        "mix",
        (_ALPHA, Argument("probability", 1.0), _EACH),
        "a rectangle of another picture, 1 − λ of the area; labels by the area that was really pasted",
        "Yun et al. 2019, section 3.1",
    ),
}  # fmt: skip
"""Each name, in the order of the stages."""


@dataclass(frozen=True, slots=True)
class Spec:
    """One augmentation with its numbers."""

    name: str
    values: tuple[float, ...]

    @property
    def kind(self) -> Kind:
        """What is known of it."""
        return KNOWN[self.name]

    def __str__(self) -> str:
        """As `parse` reads it, with every number."""
        return f"{self.name}={':'.join(f'{value:.6g}' for value in self.values)}" if self.values else self.name


def parse(text: str) -> Spec:
    """`name` or `name=a:b`; numbers left out have their defaults. UserError for what is not known or out of range."""
    name, equals, given = text.strip().partition("=")
    if name not in KNOWN:
        raise UnknownName("augmentation", name, KNOWN, f"there are {', '.join(KNOWN)}")
    arguments = KNOWN[name].arguments
    usage = f"{name}={':'.join(a.name for a in arguments)}" if arguments else f"{name}, without numbers"
    try:
        values = tuple(float(part) for part in given.split(":")) if equals else ()
    except ValueError:
        raise UserError(f"augmentation '{text}': what stands behind '=' are numbers joined by colons: {usage}") from None
    if len(values) > len(arguments):
        raise UserError(f"augmentation '{text}': {len(values)} numbers are too many: {usage}")
    for argument, value in zip(arguments, values, strict=False):
        least, most = argument.low, argument.high
        if not (math.isfinite(value) and least <= value <= most and (value == int(value) or not argument.whole)):
            what = "a whole number" if argument.whole else "a number"
            limits = f"from {least:g} to {most:g}" if most < math.inf else "above 0"
            raise UserError(f"augmentation '{text}': {argument.name} is {what} {limits}, not {value:g}")
    spec = Spec(name, (*values, *KNOWN[name].defaults[len(values) :]))
    _in_order(text, spec)
    return spec


def parse_all(texts: Iterable[str]) -> tuple[Spec, ...]:
    """All of a recipe, in the order in which they are done; UserError also for two that exclude one another."""
    specs = sorted((parse(text) for text in texts), key=lambda spec: list(KNOWN).index(spec.name))
    for one, two in pairwise(specs):
        if one.name == two.name:
            raise UserError(f"augmentation: {one.name} is there twice; keep one")
        if one.kind.stage == two.kind.stage and one.kind.stage in ("cut", "place", "flip"):
            does = {"cut": "cut the input out of the picture", "place": "move the input", "flip": "mirror"}[one.kind.stage]
            raise UserError(f"augmentation: {one.name} and {two.name} both {does}; keep one")
    return tuple(specs)


def without_mirroring(texts: Iterable[str]) -> tuple[str, ...]:
    """For pictures that are of another class, or of none, in the mirror."""
    return tuple(text for text in texts if text.strip().partition("=")[0] not in MIRRORS)


def _in_order(text: str, spec: Spec) -> None:
    """UserError where a range runs backwards."""
    given = dict(zip((a.name for a in spec.kind.arguments), spec.values, strict=True))
    for low, high in (("low", "high"), ("narrow", "wide"), ("crop", "side"), ("crop", "low")):
        if low in given and high in given and given[low] > given[high]:
            raise UserError(f"augmentation '{text}': {low} {given[low]:g} is above {high} {given[high]:g}")
