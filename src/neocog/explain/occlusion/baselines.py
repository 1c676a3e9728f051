"""What stands for "nothing there", as a network reads it: where a path begins, what takes a picture's place."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neocog.errors import UserError
from neocog.explain.occlusion.veil import veil
from neocog.nn import Model


def baseline_of(model: nn.Module, x: Tensor, fill: str = "mean") -> Tensor:
    """An input N×C×H×W without what x shows. mean: 0, the mean pixel where the network's record takes it away; blur: x, blurred
    beyond recognition; grey, black, white or a colour "r,g,b" as the record makes them, as `veil` does."""
    if fill == "mean":
        return torch.zeros_like(x)
    if fill == "blur":
        return blurred(x)
    if not isinstance(model, Model):
        raise UserError(f"a fill of '{fill}' needs the network's preprocessing record; mean and blur do not")
    made = veil(model, np.zeros((*x.shape[-2:], x.shape[1]), np.uint8), fill)
    return made.values.to(x).expand_as(x)


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
