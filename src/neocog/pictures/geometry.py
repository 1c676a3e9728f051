"""Resizing and cropping of Pillow pictures (modes L and RGB), equal to the pixel with torchvision's on Pillow."""

import numpy as np
from PIL import Image

# Bilinear without antialiasing, as OpenCV resizes and so Caffe: the one way of resizing that Pillow has not.
LINEAR = "linear"

# Above this many pixels, and only for strips longer than this many times their short side, the part that the crop will
# drop is not even computed. torchvision computes it, and needs gigabytes for a strip of 1×10,000 pixels at 224.
_STRIP_PIXELS, _STRIP_RATIO = 1 << 24, 16


def squash(picture: Image.Image, height: int, width: int, interpolation: str) -> Image.Image:
    """To height×width, whatever the proportions."""
    return _resize(picture, height, width, interpolation)


def shrink_to_fit(picture: Image.Image, height: int, width: int, interpolation: str) -> Image.Image:
    """Into height×width with its proportions kept; a picture that fits already is left alone."""
    ratio = min(height / picture.height, width / picture.width)
    if ratio >= 1:
        return picture
    fitted = [min(limit, max(1, round(side * ratio))) for side, limit in zip(_sides(picture), (height, width), strict=True)]
    return _resize(picture, fitted[0], fitted[1], interpolation)


def shorter_and_crop(picture: Image.Image, size: int, height: int, width: int, interpolation: str) -> Image.Image:
    """The short side to `size`, the long one in proportion (rounded down, like torchvision), then the centre crop."""
    short, long = sorted(picture.size)
    longer = int(size * long / short)
    new_height, new_width = (longer, size) if picture.width <= picture.height else (size, longer)
    if size * longer > _STRIP_PIXELS and long > _STRIP_RATIO * short:
        picture = _middle_of_strip(picture, longer, max(height, width))
        short, long = sorted(picture.size)
        longer = int(size * long / short)
        new_height, new_width = (longer, size) if picture.width <= picture.height else (size, longer)
    return center_crop(_resize(picture, new_height, new_width, interpolation), height, width)


def center_crop(picture: Image.Image, height: int, width: int) -> Image.Image:
    """The middle height×width; where the picture is smaller, it is centred on black first."""
    if _sides(picture) == (height, width):
        return picture
    if picture.height < height or picture.width < width:
        canvas = Image.new(picture.mode, (max(width, picture.width), max(height, picture.height)))
        canvas.paste(picture, ((canvas.width - picture.width) // 2, (canvas.height - picture.height) // 2))
        picture = canvas
    # Python rounds halves to even, so 0.5 → 0 and 1.5 → 2: torchvision's offsets.
    left, top = round((picture.width - width) / 2), round((picture.height - height) / 2)
    return picture.crop((left, top, left + width, top + height))


def _sides(picture: Image.Image) -> tuple[int, int]:
    return picture.height, picture.width


def _resize(picture: Image.Image, height: int, width: int, interpolation: str) -> Image.Image:
    if _sides(picture) == (height, width):
        return picture
    if interpolation == LINEAR:
        return _linear(picture, height, width)
    return picture.resize((width, height), Image.Resampling[interpolation.upper()])


def _linear(picture: Image.Image, height: int, width: int) -> Image.Image:
    """Between the two nearest rows and columns of pixels, however much the picture shrinks."""
    pixels = np.asarray(picture)  # only the rows and columns that are wanted become floats
    for axis, size in ((0, height), (1, width)):
        n = pixels.shape[axis]
        places = ((np.arange(size) + 0.5) * (n / size) - 0.5).clip(0, n - 1)  # centres of pixels, as everywhere here
        before = np.floor(places).astype(np.intp)
        share = (places - before).astype(np.float32).reshape([-1 if i == axis else 1 for i in range(pixels.ndim)])
        pixels = pixels.take(before, axis) * (1 - share) + pixels.take(np.minimum(before + 1, n - 1), axis) * share
    return Image.fromarray(np.rint(pixels).astype(np.uint8))


def _middle_of_strip(picture: Image.Image, longer: int, crop: int) -> Image.Image:
    """The middle of a strip, twice what the crop and the reach of the widest filter (lanczos, 3 pixels) need."""
    short, long = sorted(picture.size)
    keep = min(long, max(short * 2, 2 * int(crop * long / longer) + 16))
    keep -= (long - keep) % 2  # or the middle would move by half a pixel, which can be a hundred in the result
    start = (long - keep) // 2
    box = (start, 0, start + keep, short) if picture.width > picture.height else (0, start, short, start + keep)
    return picture.crop(box)
