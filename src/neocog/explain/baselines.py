"""What stands for "nothing there": the input that takes a picture's place, whole or in part."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neocog.errors import UserError
from neocog.explain.inside import input_of
from neocog.nn import Model

SOLID = {"black": 0, "grey": 128, "white": 255}
KNOWN = ("mean", *SOLID, "blur")


def baseline_of(model: nn.Module, x: Tensor, words: str = "mean") -> Tensor:
    """An input N×C×H×W without what x shows. mean: 0, the mean pixel where the network's record takes it away; black, grey,
    white or a colour as "128,128,128" (RGB): as the record makes it; blur: x blurred beyond recognition."""
    if words == "mean":
        return torch.zeros_like(x)
    if words == "blur":
        return blurred(x)
    if words in SOLID:
        colour = [SOLID[words]] * 3
    else:
        parts = words.split(",")
        if len(parts) not in (1, 3) or not all(p.strip().isdecimal() and int(p) < 256 for p in parts):
            raise UserError(f"nothing to fill with is called '{words}': {', '.join(KNOWN)}, or a colour as 128,128,128")
        colour = [int(p) for p in parts] * (3 // len(parts))
    if not isinstance(model, Model) or model.preprocessing is None:
        raise UserError(f"a fill of '{words}' needs the network's preprocessing record; mean and blur do not")
    record = model.preprocessing
    seen = colour[::-1] if record.color == "BGR" else [round(sum(colour) / 3)] if record.channels == 1 else colour
    pixels = np.broadcast_to(np.asarray(seen, np.uint8), (*x.shape[-2:], record.channels))
    return input_of(model, np.ascontiguousarray(pixels)).to(x).expand_as(x)


def blurred(x: Tensor, share: float = 5 / 224) -> Tensor:
    """Every channel through a Gaussian of `share` of the shorter side (Petsiuk et al. 2018: 5 pixels of 224, on 11), borders
    mirrored. We cut it at three widths, not at one."""
    sigma = max(0.5, share * min(x.shape[-2:]))
    reach = max(1, min(round(3 * sigma), min(x.shape[-2:]) - 1))
    at = torch.arange(-reach, reach + 1, dtype=x.dtype, device=x.device)
    bell = torch.exp(-(at**2) / (2 * sigma**2))
    bell = (bell / bell.sum()).expand(x.shape[1], 1, -1)
    out = F.pad(x, (reach, reach, reach, reach), mode="reflect")
    out = F.conv2d(out, bell[..., None], groups=x.shape[1])
    return F.conv2d(out, bell[..., None, :], groups=x.shape[1])
