"""The picture that a lesson looks at: the reader's, or a drawn one that has something for every filter."""

import math

import numpy as np
from PIL import Image, ImageDraw

from neocog.errors import UserError

SIDE = 128


def seen(picture: Image.Image | None, seed: int, colour: bool = False, side: int = SIDE) -> np.ndarray:
    """uint8 side×side×3, or side×side in grey: the middle square of `picture`, or of none the drawn scene."""
    if picture is None:
        found = scene(seed, side)
    else:
        if min(picture.size) < 8:
            raise UserError(f"a picture of {picture.width}×{picture.height} pixels: the lesson wants at least 8×8")
        edge = min(picture.size)
        left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
        found = picture.convert("RGB").crop((left, top, left + edge, top + edge)).resize((side, side), Image.Resampling.LANCZOS)
    return np.array(found if colour else found.convert("L"))


def scene(seed: int, side: int = SIDE) -> Image.Image:
    """A shaded ball, a tilted card, stripes that grow finer, under a soft sky, with a little noise of the seed."""
    big = 4 * side
    rows, columns = np.mgrid[:big, :big] / big
    sky = np.stack([150 + 70 * rows, 185 + 40 * rows, 235 - 60 * rows], 2)
    page = Image.fromarray(np.clip(sky, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(page)
    pen.rectangle([0, 0.74 * big, big, big], fill=(92, 110, 74))
    at, wide = 0.0, 0.075
    while at < 1:  # a fence whose boards grow narrower: a scale of frequencies
        pen.rectangle([at * big, 0.80 * big, (at + wide / 2) * big, 0.94 * big], fill=(238, 232, 214))
        at, wide = at + wide, max(wide * 0.93, 0.02)
    middle, arm, turn = (0.70, 0.34), 0.24, math.radians(18)
    corners = [
        (middle[0] + arm * math.cos(turn + k * math.pi / 2), middle[1] + arm * math.sin(turn + k * math.pi / 2))
        for k in range(4)
    ]
    pen.polygon([(x * big, y * big) for x, y in corners], fill=(196, 60, 48))
    inner = [(middle[0] + 0.45 * (x - middle[0]), middle[1] + 0.45 * (y - middle[1])) for x, y in corners]
    pen.polygon([(x * big, y * big) for x, y in inner], fill=(250, 214, 92))
    pixels = np.asarray(page).astype(np.float64)
    u, v = (columns - 0.30) / 0.21, (rows - 0.52) / 0.21
    inside = u**2 + v**2 < 1
    light = 0.25 + 0.75 * np.clip(0.85 * np.sqrt(np.clip(1 - u**2 - v**2, 0, 1)) - 0.35 * u - 0.45 * v, 0, 1)
    pixels[inside] = (light[..., None] * np.array([70, 132, 205]))[inside]
    small = pixels.reshape(side, 4, side, 4, 3).mean((1, 3))
    small += np.random.default_rng(seed).normal(0, 6, (side, side, 1))
    return Image.fromarray(np.clip(np.rint(small), 0, 255).astype(np.uint8))
