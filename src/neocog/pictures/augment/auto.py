"""RandAugment, TrivialAugment and AutoAugment, uint8 N×H×W×C → a new uint8 N×H×W×C.

Fourteen operations of Pillow, with torchvision's magnitudes and conventions (nearest neighbour, black outside, brightness
and its kin as 1 ± magnitude), which differ from the papers' in details. Fifteen with Invert, which AutoAugment alone has.
"""

from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from neocog.pictures.augment.draws import Draws

Operation = Callable[[Image.Image, float], Image.Image]
Use = tuple[str, float]
"""An operation and its magnitude."""


def _affine(picture: Image.Image, *matrix: float) -> Image.Image:
    """matrix: from places in the result to places in the picture, (x, y, 1) → ax + by + c, dx + ey + f."""
    return picture.transform(picture.size, Image.Transform.AFFINE, matrix, Image.Resampling.NEAREST)


def _posterize(picture: Image.Image, bits: float) -> Image.Image:
    return ImageOps.posterize(picture, int(bits))


def _enhance(what: Callable[[Image.Image], ImageEnhance._Enhance]) -> Operation:
    return lambda picture, by: what(picture).enhance(1 + by)


OPERATIONS: dict[str, Operation] = {
    "Identity": lambda picture, _: picture,
    "ShearX": lambda picture, by: _affine(picture, 1, by, 0, 0, 1, 0),
    "ShearY": lambda picture, by: _affine(picture, 1, 0, 0, by, 1, 0),
    "TranslateX": lambda picture, by: _affine(picture, 1, 0, -int(by), 0, 1, 0),
    "TranslateY": lambda picture, by: _affine(picture, 1, 0, 0, 0, 1, -int(by)),
    "Rotate": lambda picture, degrees: picture.rotate(degrees, Image.Resampling.NEAREST),
    "Brightness": _enhance(ImageEnhance.Brightness),
    "Color": _enhance(ImageEnhance.Color),
    "Contrast": _enhance(ImageEnhance.Contrast),
    "Sharpness": _enhance(ImageEnhance.Sharpness),
    "Posterize": _posterize,
    "Solarize": lambda picture, threshold: ImageOps.solarize(picture, threshold),  # pyright: ignore[reportArgumentType]
    "AutoContrast": lambda picture, _: ImageOps.autocontrast(picture),
    "Equalize": lambda picture, _: ImageOps.equalize(picture),
    "Invert": lambda picture, _: ImageOps.invert(picture),
}
DRAWN = tuple(name for name in OPERATIONS if name != "Invert")
SIGNED = frozenset({"ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast", "Sharpness"})


def magnitude(name: str, level: float, height: int, width: int, wide: bool = False) -> float:
    """The magnitude at `level`, from 0 to 1, of an operation on a picture of this size; `wide`: TrivialAugment's range."""
    if name in ("Brightness", "Color", "Contrast", "Sharpness"):
        return (0.99 if wide else 0.9) * level
    if name == "Posterize":
        return 8 - round((6 if wide else 4) * level)
    if name == "Solarize":
        return 255 * (1 - level)
    largest = {
        "ShearX": 0.99 if wide else 0.3,
        "ShearY": 0.99 if wide else 0.3,
        "TranslateX": 32 if wide else 150 / 331 * width,
        "TranslateY": 32 if wide else 150 / 331 * height,
        "Rotate": 135 if wide else 30,
    }
    return largest.get(name, 0) * level


def apply(pixels: np.ndarray, uses: Sequence[Sequence[Use]]) -> np.ndarray:
    """Each picture through its operations, one after another."""
    out = np.empty_like(pixels)
    for k, todo in enumerate(uses):
        picture = Image.fromarray(pixels[k] if pixels.shape[3] == 3 else pixels[k, :, :, 0])
        for name, by in todo:
            picture = OPERATIONS[name](picture, by)
        out[k] = np.asarray(picture).reshape(pixels.shape[1:])
    return out


def randaugment(pixels: np.ndarray, draws: Draws, operations: float = 2, level: float = 9) -> np.ndarray:
    """`operations` drawn with replacement, all at `level` of 30, the sign by chance (Cubuk et al. 2020, section 3)."""
    return apply(pixels, randaugment_uses(pixels.shape, draws, int(operations), level))


def randaugment_uses(shape: tuple[int, ...], draws: Draws, operations: int, level: float) -> list[list[Use]]:
    """What `randaugment` does to each picture."""
    which, plus = draws.integers(0, len(DRAWN), operations), draws.integers(0, 2, operations)
    return [
        [_use(DRAWN[i], level / 30, bool(sign), shape) for i, sign in zip(row, signs, strict=True)]
        for row, signs in zip(which.tolist(), plus.tolist(), strict=True)
    ]


def trivialaugment(pixels: np.ndarray, draws: Draws) -> np.ndarray:
    """One operation, its level one of 0/30 … 30/30 of the wide range (Müller & Hutter 2021, section 3)."""
    return apply(pixels, trivialaugment_uses(pixels.shape, draws))


def trivialaugment_uses(shape: tuple[int, ...], draws: Draws) -> list[list[Use]]:
    """What `trivialaugment` does to each picture."""
    which, level, plus = draws.integers(0, len(DRAWN)), draws.integers(0, 31), draws.integers(0, 2)
    rows = zip(which.tolist(), level.tolist(), plus.tolist(), strict=True)
    return [[_use(DRAWN[i], at / 30, bool(sign), shape, wide=True)] for i, at, sign in rows]


def autoaugment(pixels: np.ndarray, draws: Draws, policy: Sequence["Pair"]) -> np.ndarray:
    """One of the pairs for each picture; each half is done with its own probability (Cubuk et al. 2019, section 3)."""
    return apply(pixels, autoaugment_uses(pixels.shape, draws, policy))


def autoaugment_uses(shape: tuple[int, ...], draws: Draws, policy: Sequence["Pair"]) -> list[list[Use]]:
    """What `autoaugment` does to each picture."""
    which, chance, plus = draws.integers(0, len(policy)), draws.random(2), draws.integers(0, 2, 2)
    return [
        [
            _use(name, (level or 0) / 9, bool(signs[half]), shape)
            for half, (name, probability, level) in enumerate(policy[i])
            if chances[half] <= probability
        ]
        for i, chances, signs in zip(which.tolist(), chance.tolist(), plus.tolist(), strict=True)
    ]


def _use(name: str, level: float, plus: bool, shape: tuple[int, ...], wide: bool = False) -> Use:
    by = magnitude(name, level, shape[1], shape[2], wide)
    return name, by if plus or name not in SIGNED else -by


Half = tuple[str, float, int | None]
Pair = tuple[Half, Half]


def _pairs(table: str) -> tuple[Pair, ...]:
    """Lines of two halves `Name probability level`; a level of - where the operation has none."""

    def half(words: str) -> Half:
        name, probability, level = words.split()
        return name, float(probability), None if level == "-" else int(level)

    pairs = [tuple(half(words) for words in line.split(",")) for line in table.strip().splitlines()]
    return tuple((one, two) for one, two in pairs)


# Cubuk et al. 2019, table 9.
IMAGENET = _pairs("""
Posterize 0.4 8, Rotate 0.6 9
Solarize 0.6 5, AutoContrast 0.6 -
Equalize 0.8 -, Equalize 0.6 -
Posterize 0.6 7, Posterize 0.6 6
Equalize 0.4 -, Solarize 0.2 4
Equalize 0.4 -, Rotate 0.8 8
Solarize 0.6 3, Equalize 0.6 -
Posterize 0.8 5, Equalize 1.0 -
Rotate 0.2 3, Solarize 0.6 8
Equalize 0.6 -, Posterize 0.4 6
Rotate 0.8 8, Color 0.4 0
Rotate 0.4 9, Equalize 0.6 -
Equalize 0.0 -, Equalize 0.8 -
Invert 0.6 -, Equalize 1.0 -
Color 0.6 4, Contrast 1.0 8
Rotate 0.8 8, Color 1.0 2
Color 0.8 8, Solarize 0.8 7
Sharpness 0.4 7, Invert 0.6 -
ShearX 0.6 5, Equalize 1.0 -
Color 0.4 0, Equalize 0.6 -
Equalize 0.4 -, Solarize 0.2 4
Solarize 0.6 5, AutoContrast 0.6 -
Invert 0.6 -, Equalize 1.0 -
Color 0.6 4, Contrast 1.0 8
Equalize 0.8 -, Equalize 0.6 -
""")
# Table 7.
CIFAR = _pairs("""
Invert 0.1 -, Contrast 0.2 6
Rotate 0.7 2, TranslateX 0.3 9
Sharpness 0.8 1, Sharpness 0.9 3
ShearY 0.5 8, TranslateY 0.7 9
AutoContrast 0.5 -, Equalize 0.9 -
ShearY 0.2 7, Posterize 0.3 7
Color 0.4 3, Brightness 0.6 7
Sharpness 0.3 9, Brightness 0.7 9
Equalize 0.6 -, Equalize 0.5 -
Contrast 0.6 7, Sharpness 0.6 5
Color 0.7 7, TranslateX 0.5 8
Equalize 0.3 -, AutoContrast 0.4 -
TranslateY 0.4 3, Sharpness 0.2 6
Brightness 0.9 6, Color 0.2 8
Solarize 0.5 2, Invert 0.0 -
Equalize 0.2 -, AutoContrast 0.6 -
Equalize 0.2 -, Equalize 0.6 -
Color 0.9 9, Equalize 0.6 -
AutoContrast 0.8 -, Solarize 0.2 8
Brightness 0.1 3, Color 0.7 0
Solarize 0.4 5, AutoContrast 0.9 -
TranslateY 0.9 9, TranslateY 0.7 9
AutoContrast 0.9 -, Solarize 0.8 3
Equalize 0.8 -, Invert 0.1 -
TranslateY 0.7 9, AutoContrast 0.9 -
""")
POLICIES = {"autoaugment": IMAGENET, "autoaugment-cifar": CIFAR}
