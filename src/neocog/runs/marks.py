"""What weights and pictures are, in a few letters: the keys under which work on them is kept and found again."""

import hashlib
from itertools import chain

import torch
from torch import nn

from neocog.pictures.sets import Pictures, fingerprint


def weights_mark(model: nn.Module) -> str:
    """SHA-256 over the network's tensors."""
    digest = hashlib.sha256()
    for key, value in sorted(model.state_dict().items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())  # bfloat16 too
    return digest.hexdigest()


def pictures_mark(pictures: Pictures) -> str:
    """SHA-256 over the names, and the pixels of pictures in memory or the sizes and times of files. Labels do not count."""
    names, held = map(pictures.name, range(len(pictures))), pictures.arrays
    if held is not None:
        return fingerprint(chain([held], names))
    return fingerprint(part for i, name in enumerate(names) for part in (name, _stamp(pictures, i)))


def _stamp(pictures: Pictures, i: int) -> str:
    source = pictures.source(i)
    try:
        return "" if source is None else source.stamp()
    except OSError:
        return "gone"
