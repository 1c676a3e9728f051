"""Any Pillow mode → "L" or "RGB", without the silent losses of `Image.convert`.

Pillow's own conversion clips 16-bit grey at 255 and turns float pictures black; both were measured (specs/stack.md 2).
"""

import numpy as np
from PIL import Image


def flatten(picture: Image.Image) -> Image.Image:
    """A picture in mode "L" (grey sources) or "RGB", 8 bits a channel.

    - Transparency, of palettes and single colours too, is laid on white.
    - 16-bit grey is scaled by 1/257, so that 65,535 becomes 255. Mode "I" (32-bit integers) is taken as it is when all
      values lie in 0..255, as 16-bit grey when they lie in 0..65,535, and otherwise stretched like floats.
    - Float pictures with all values in [0, 1] are scaled by 255; all others are stretched from their minimum..maximum
      to 0..255 (a constant one becomes 0). Values that are not finite are an error.
    - CMYK, YCbCr and HSV become RGB by Pillow's formulas; colour profiles are not applied.

    ValueError when Pillow has no way from the picture's mode to RGB.
    """
    mode = picture.mode
    if mode in ("L", "RGB") and "transparency" not in picture.info:
        return picture
    if mode.startswith("I;16"):
        return _grey(_scaled_16(np.asarray(picture)))
    if mode == "I":
        return _grey(_from_integers(np.asarray(picture)))
    if mode == "F":
        return _grey(_from_floats(np.asarray(picture)))
    if picture.has_transparency_data:
        return _on_white(picture)
    return picture.convert("L" if mode in ("1", "L", "LA", "La") else "RGB")


def is_grey(mode: str) -> bool:
    """Will `flatten` make mode "L" of a picture of this mode?"""
    return mode in ("1", "L", "LA", "La", "F") or mode.startswith("I")


def _on_white(picture: Image.Image) -> Image.Image:
    if is_grey(picture.mode):
        picture = picture.convert("LA")
        flat = Image.new("L", picture.size, 255)
        flat.paste(picture.getchannel("L"), mask=picture.getchannel("A"))
        return flat
    picture = picture.convert("RGBA")
    flat = Image.new("RGB", picture.size, (255, 255, 255))
    flat.paste(picture, mask=picture.getchannel("A"))
    return flat


def _grey(values: np.ndarray) -> Image.Image:
    return Image.fromarray(np.ascontiguousarray(values, np.uint8))


def _scaled_16(values: np.ndarray) -> np.ndarray:
    """0..65,535 → 0..255, rounded to the nearest."""
    return (values.astype(np.uint32) + 128) // 257


def _from_integers(values: np.ndarray) -> np.ndarray:
    low, high = int(values.min()), int(values.max())
    if low >= 0 and high <= 255:
        return values
    return _scaled_16(values) if low >= 0 and high <= 65_535 else _stretched(values, low, high)


def _from_floats(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():  # min and max hand a NaN on
        raise ValueError("holds values that are not finite numbers")
    return np.rint(values * 255) if low >= 0 and high <= 1 else _stretched(values, low, high)


def _stretched(values: np.ndarray, low: float, high: float) -> np.ndarray:
    return np.rint((values.astype(np.float64) - low) * (255 / (high - low))) if high > low else np.zeros_like(values)
