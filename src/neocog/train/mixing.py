"""Pictures mixed with one another, and their labels with them: mixup and cutmix."""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.pictures.augment.spec import Spec


def mix(x: Tensor, y: Tensor, specs: tuple[Spec, ...], classes: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """N×C×H×W pictures and N labels → mixed pictures and float32 N×classes shares that sum to 1. `x` is left as it was.

    Of several specs one is drawn for the batch, all equally likely, and then done with its probability. Partners are a random
    permutation of these pictures: with several processes, of those that each of them has.
    """
    spec = specs[int(rng.integers(len(specs)))]
    alpha, probability, each = spec.values
    done = rng.random() < probability
    n = len(x)
    share = rng.beta(alpha, alpha, n) if each else np.full(n, rng.beta(alpha, alpha))
    partner = torch.from_numpy(rng.permutation(n)).to(x.device)
    places = rng.random((n if each else 1, 2))
    own = F.one_hot(y, classes).float()
    if not done or n < 2:
        return x, own
    if spec.name == "mixup":
        mixed, share = mixup(x, partner, share)
    else:
        mixed, share = cutmix(x, partner, share, np.broadcast_to(places, (n, 2)))
    weight = torch.from_numpy(share).to(own)[:, None]
    return mixed, weight * own + (1 - weight) * own[partner]


def mixup(x: Tensor, partner: Tensor, share: np.ndarray) -> tuple[Tensor, np.ndarray]:
    """(share·x + (1 − share)·x[partner], the shares) for shares [N] (Zhang et al. 2018, section 2)."""
    weight = torch.from_numpy(share).to(x)[:, None, None, None]
    return x[partner].lerp_(x, weight), share


def cutmix(x: Tensor, partner: Tensor, share: np.ndarray, places: np.ndarray) -> tuple[Tensor, np.ndarray]:
    """A rectangle of x[partner] in each picture, and what is left of its own (Yun et al. 2019, section 3.1, eq. 2).

    The sides are √(1 − share) of the picture's, rounded down; the middle lies at `places` N×2, in [0, 1) of height and width;
    what sticks out is cut off. So the share that is left is counted afterwards, as the authors' code does.
    """
    height, width = x.shape[2:]
    cut = np.sqrt(1 - share)
    half = np.stack([(height * cut).astype(int) // 2, (width * cut).astype(int) // 2], 1)
    middle = (places * [height, width]).astype(int)
    low, high = (middle - half).clip(0), np.minimum(middle + half, [height, width])
    boxes = np.concatenate([low, high], 1)
    mixed = x.clone()
    if (boxes == boxes[0]).all():
        top, left, bottom, right = boxes[0].tolist()
        mixed[:, :, top:bottom, left:right] = x[:, :, top:bottom, left:right][partner]
    else:
        for k, (other, (top, left, bottom, right)) in enumerate(zip(partner.tolist(), boxes.tolist(), strict=True)):
            mixed[k, :, top:bottom, left:right] = x[other, :, top:bottom, left:right]
    return mixed, 1 - (high - low).prod(1) / (height * width)
