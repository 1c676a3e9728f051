"""Resampling by torch, which is faster than Pillow where its vector kernels fit: to ±1/255 the same pixels."""

import warnings

import numpy as np
import torch

from neocog.pictures.resample import Window, ordinary, pillow_resize

# Decoded pixels may not be written to, and are not.
warnings.filterwarnings("ignore", message="The given NumPy array is not writable")


def torch_resize(pixels: np.ndarray, window: Window, interpolation: str) -> np.ndarray:
    """As `pictures.resample.pillow_resize`; whatever but bilinear RGB of ordinary proportions is left to that.

    Of the filters with negative weights Pillow rounds in another order (see `resample.window`).
    """
    rows, columns, top, left, height, width = window
    if not ordinary(pixels.shape[2], window, interpolation):
        return pillow_resize(pixels, window, interpolation)
    own = np.require(pixels, requirements=["C", "W"])  # Pillow's may not be written to, of which torch warns
    whole = torch.from_numpy(own)[None].permute(0, 3, 1, 2)  # channels last, with the stride of N too
    resized = torch.nn.functional.interpolate(whole, (rows, columns), mode="bilinear", antialias=True)
    return resized[0, :, top : top + height, left : left + width].permute(1, 2, 0).numpy()
