"""What covers a part of a picture: the fills of occlusion, as pixels that people see and as numbers that the network reads."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor

from neocog.errors import UserError
from neocog.explain.inside import input_of, record_of
from neocog.nn import Model

FILLS = ("mean", "grey", "black", "white", "blur")
LEVELS = {"grey": 128, "black": 0, "white": 255}


@dataclass(frozen=True, eq=False)
class Veil:
    """A whole picture of what covers: `values` C×H×W as the network reads it, `pixels` uint8 H×W×C in its own order of
    colours, `words` that say what it is."""

    values: Tensor
    pixels: np.ndarray
    words: str


def veil(model: Model, pixels: np.ndarray, fill: str = "mean", size: int = 0) -> Veil:
    """What covers uint8 pixels H×W×C of the network's own record.

    mean: the training pictures' mean, which is 0 once it has been subtracted (Zeiler & Fergus and Captum both cover with
    0). grey 128, black 0, white 255 of 255. blur: the picture itself, blurred by a Gaussian of half the `size`, so that no edge
    is made. A colour: "r,g,b", from 0 to 255. Raises UserError for anything else.
    """
    record = record_of(model)
    if fill == "mean":
        middle = np.asarray(record.mean) / record.scale
        colour = np.broadcast_to(np.rint(middle.clip(0, 255)), pixels.shape).astype(np.uint8)
        values = torch.zeros(pixels.shape[2], *pixels.shape[:2], device=input_of(model, pixels).device)
        return Veil(values, colour, "the training mean (0 for the network)")
    if fill == "blur":
        radius = max(1.0, size / 2)
        picture = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else np.ascontiguousarray(pixels))
        soft = np.asarray(picture.filter(ImageFilter.GaussianBlur(radius))).reshape(pixels.shape)
        return Veil(input_of(model, soft)[0], soft, f"the picture, blurred (σ {radius:g} px)")
    named = (LEVELS[fill],) * 3 if fill in LEVELS else colour_of(fill)
    words = f"{fill} ({named[0]} of 255)" if fill in LEVELS else f"the colour {','.join(map(str, named))}"
    tone = Image.new("RGB", (1, 1), named).convert("L" if record.color == "L" else "RGB")
    one = np.asarray(tone).reshape(-1)[:: -1 if record.color == "BGR" else 1]
    plain = np.broadcast_to(one, pixels.shape).astype(np.uint8)
    return Veil(input_of(model, plain)[0], plain, words)


def colour_of(words: str) -> tuple[int, int, int]:
    """ "128,128,128" as red, green, blue. Raises UserError for what is no colour."""
    parts = [part.strip() for part in words.split(",")]
    if len(parts) != 3 or not all(part.isdecimal() and int(part) < 256 for part in parts):
        raise UserError(f"no fill '{words}': there are {', '.join(FILLS)}, or a colour as 128,128,128, each from 0 to 255")
    red, green, blue = (int(part) for part in parts)
    return red, green, blue
