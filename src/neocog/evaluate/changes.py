"""Pictures moved, scaled, turned, darkened, blurred, made noisy or compressed by a stated amount. Pillow and numpy.

The *source* picture is changed, before the network's preprocessing: so networks of different inputs, and the baselines, see
the very same changed pictures, under any protocol, and a shift brings in what lay beyond the crop. Lengths are in percent of
the picture's short side, for photos differ in size. What comes in from beyond the edge is the picture's own reflection, or of a
picture with an even border (a digit on black) the border's colour. At the neutral amount a picture is not touched.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

from neocog.errors import UnknownName, UserError
from neocog.pictures.augment.draws import generator
from neocog.pictures.sets import Pictures

FINE = 320
"""Pixels of the short side that noise and JPEG begin from at most: that of single pixels of a large photo would vanish when it
is made small."""
Change = Callable[[Image.Image, float, np.random.Generator], Image.Image]


@dataclass(frozen=True)
class Kind:
    """One way to change a picture. neutral: the amount that changes nothing (None: there is none). words: what is done."""

    name: str
    unit: str
    neutral: float | None
    amounts: tuple[float, ...]
    low: float
    high: float
    words: str
    change: Change

    def told(self, amount: float) -> str:
        """The amount as people write it."""
        return {"%": f"{amount:g} %", "°": f"{amount:g}°", "×": f"×{amount:g}"}.get(self.unit, f"{amount:g}")


EVEN = 8
"""A border is of one colour if its values differ by no more than this."""
BEYOND = "what comes in from beyond the edge: the picture's reflection, or the colour of an even border"


def _padded(picture: Image.Image, rows: int, columns: int) -> Image.Image:
    """So many rows above and below, and columns left and right, more."""
    pixels = np.asarray(picture)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    even = int(np.ptp(edge, axis=0).max()) <= EVEN
    return Image.fromarray(
        np.pad(pixels, [(rows, rows), (columns, columns), (0, 0)][: pixels.ndim], "edge" if even else "symmetric")
    )


def shift(picture: Image.Image, percent: float, rng: np.random.Generator) -> Image.Image:
    """By whole pixels, right, down, left or up as drawn."""
    away = round(percent / 100 * min(picture.size))
    x, y = ((-away, 0), (0, -away), (away, 0), (0, away))[int(rng.integers(4))]
    left, top = abs(x) + x, abs(y) + y
    return _padded(picture, abs(y), abs(x)).crop((left, top, left + picture.width, top + picture.height))


def scale(picture: Image.Image, factor: float, rng: np.random.Generator) -> Image.Image:
    """The picture so many times as large, of which the middle is kept: zoomed in above 1, away below."""
    width, height = picture.width / factor, picture.height / factor
    more = [max(0, int(np.ceil((new - old) / 2))) for new, old in ((height, picture.height), (width, picture.width))]
    wide = _padded(picture, *more)
    left, top = (wide.width - width) / 2, (wide.height - height) / 2
    return wide.resize(picture.size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))


def rotation(picture: Image.Image, degrees: float, rng: np.random.Generator) -> Image.Image:
    """About the middle, clockwise or not as drawn."""
    more = int(np.ceil((np.hypot(*picture.size) - min(picture.size)) / 2)) + 2
    turned = _padded(picture, more, more).rotate(degrees * (1 if rng.integers(2) else -1), Image.Resampling.BICUBIC)
    return turned.crop((more, more, more + picture.width, more + picture.height))


def brightness(picture: Image.Image, factor: float, rng: np.random.Generator) -> Image.Image:
    """Every value times the factor, cut off at white."""
    return ImageEnhance.Brightness(picture).enhance(factor)


def contrast(picture: Image.Image, factor: float, rng: np.random.Generator) -> Image.Image:
    """The distance of every value from the picture's mean grey times the factor."""
    return ImageEnhance.Contrast(picture).enhance(factor)


def blur(picture: Image.Image, percent: float, rng: np.random.Generator) -> Image.Image:
    """Gaussian, its standard deviation in percent of the short side (Pillow's, three box filters)."""
    return picture.filter(ImageFilter.GaussianBlur(percent / 100 * min(picture.size)))


def noise(picture: Image.Image, percent: float, rng: np.random.Generator) -> Image.Image:
    """Gaussian, in every channel by itself, its standard deviation in percent of white."""
    pixels = np.asarray(_fine(picture))
    drawn = pixels + 2.55 * percent * rng.standard_normal(pixels.shape, np.float32)
    return Image.fromarray(np.rint(drawn).clip(0, 255).astype(np.uint8))


def jpeg(picture: Image.Image, quality: float, rng: np.random.Generator) -> Image.Image:
    """Compressed and decoded, at Pillow's quality (libjpeg's tables), colours at half the resolution."""
    stream = io.BytesIO()
    _fine(picture).save(stream, "JPEG", quality=round(quality), subsampling="4:2:0")
    found = Image.open(stream)
    found.load()
    return found


def _fine(picture: Image.Image) -> Image.Image:
    short = min(picture.size)
    if short <= FINE:
        return picture
    width, height = (max(1, round(side * FINE / short)) for side in picture.size)
    return picture.resize((width, height), Image.Resampling.LANCZOS)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("shift", "%", 0, (0, 4, 7, 11, 14, 18, 25, 35), 0, 100, "moved, in % of the short side", shift),
        Kind("scale", "×", 1, (0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.15, 1.4, 1.7, 2), 0.1, 10, "zoomed about the middle", scale),
        Kind("rotation", "°", 0, (0, 5, 10, 15, 20, 30, 45, 60, 90, 135, 180), 0, 360, "turned about the middle", rotation),
        Kind("brightness", "×", 1, (0.25, 0.4, 0.6, 0.8, 1, 1.25, 1.6, 2.5, 4), 0, 20, "values times a factor", brightness),
        Kind("contrast", "×", 1, (0.1, 0.2, 0.35, 0.6, 1, 1.6, 2.5, 4), 0, 20, "distance from grey times a factor", contrast),
        Kind("blur", "%", 0, (0, 0.25, 0.5, 1, 1.5, 2.5, 4, 6), 0, 50, "Gaussian, deviation in % of side", blur),
        Kind("noise", "%", 0, (0, 2, 4, 8, 12, 18, 26, 36), 0, 400, "Gaussian, deviation in % of white", noise),
        Kind("jpeg", "", None, (90, 70, 50, 35, 25, 15, 10, 5), 1, 100, "compressed, at this quality", jpeg),
    )
}


def parse_kinds(text: str) -> list[tuple[Kind, tuple[float, ...]]]:
    """`shift,rotation` or `all`, each with its own amounts behind `=` joined by colons (`noise=0:5:10`) or its usual ones."""
    found: dict[str, tuple[Kind, tuple[float, ...]]] = {}
    for word in ",".join(KINDS).split(",") if text.strip() == "all" else text.split(","):
        name, equals, given = word.strip().partition("=")
        if name not in KINDS:
            raise UnknownName("robustness curve", name, [*KINDS, "all"], f"there are {', '.join(KINDS)}, or all")
        kind = KINDS[name]
        found[name] = kind, parse_amounts(kind, given) if equals else kind.amounts
    return list(found.values())


def parse_amounts(kind: Kind, text: str) -> tuple[float, ...]:
    """`0:5:10`, the least first (qualities: the best), each once. Raises UserError for what is no number or out of range."""
    usage = (
        f"numbers from {kind.low:g} to {kind.high:g} joined by colons, such as {':'.join(f'{a:g}' for a in kind.amounts[:4])}"
    )
    try:
        amounts = sorted({float(part) for part in text.split(":")}, reverse=kind.neutral is None)
    except ValueError:
        raise UserError(f"{kind.name}={text}: amounts are {usage}") from None
    whole = kind.name != "jpeg" or all(amount == int(amount) for amount in amounts)
    if not all(kind.low <= amount <= kind.high for amount in amounts) or not whole:
        raise UserError(f"{kind.name}={text}: amounts are {usage}")
    return tuple(amounts)


class Changed(Pictures):
    """Pictures of a split, each changed by one kind and amount. What is drawn depends on the picture's number alone, not on the
    amount: so a curve follows each picture along one way."""

    def __init__(self, pictures: Pictures, kind: Kind, amount: float, seed: int = 0, numbers: np.ndarray | None = None):
        super().__init__(pictures.labels, pictures.classes, len(pictures))
        self._pictures, self._kind, self._amount, self._seed = pictures, kind, amount, seed
        self._numbers = np.arange(len(pictures)) if numbers is None else numbers

    def picture(self, i: int) -> Image.Image:
        drawn = generator(self._seed, int(self._numbers[i]))
        return self._kind.change(self._pictures.picture(i), self._amount, drawn)

    def name(self, i: int) -> str:
        return self._pictures.name(i)

    def subset(self, indices: np.ndarray | Sequence[int]) -> "Changed":
        at = np.asarray(indices, np.int64)
        return Changed(self._pictures.subset(at), self._kind, self._amount, self._seed, self._numbers[at])


def some_of(pictures: Pictures, n: int | None, seed: int = 0) -> Pictures:
    """n of the pictures drawn at random, in their order; all of them if there are no more."""
    if n is None or n >= len(pictures):
        return pictures
    return pictures.subset(np.sort(generator(seed, len(pictures)).permutation(len(pictures))[:n]))


def changed(pictures: Pictures, kind: Kind, amount: float, seed: int = 0) -> Pictures:
    """The pictures changed so; the very same ones at the neutral amount."""
    return pictures if amount == kind.neutral else Changed(pictures, kind, amount, seed)
