"""Losses on scores, the larger the likelier: N×classes scores and labels → the mean over the batch.

Labels are int64 N, or shares, float N×classes, where pictures are mixed: a picture's loss is then that of each label by share.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from neocog.nets import Recipe

Loss = Callable[[Tensor, Tensor], Tensor]


def mle(scores: Tensor, labels: Tensor) -> Tensor:
    """The mean distance to the right code (LeCun et al. 1998, eq. 8); scores are negative distances."""
    right = scores.gather(1, labels[:, None]) if labels.dim() == 1 else (scores * labels).sum(1)
    return -right.mean()


def map_loss(scores: Tensor, labels: Tensor, competition: float) -> Tensor:
    """Eq. 9: y_D + log(e^-j + Σ_i e^-y_i) with distances y = -scores; j > 0 stops pushing classes already far away."""
    rubbish = scores.new_full((len(scores), 1), -competition)
    return mle(scores, labels) + torch.cat([rubbish, scores], 1).logsumexp(1).mean()


def hinge(scores: Tensor, labels: Tensor) -> Tensor:
    """The multi-class SVM of Weston & Watkins 1999: Σ over wrong classes of max(0, s_j − s_y + 1), as cs231n has it.

    Crammer & Singer's takes the largest of these terms instead of their sum.
    """
    if labels.dim() == 1:
        return scores.shape[1] * F.multi_margin_loss(scores, labels)  # torch divides by the number of classes
    shares, classes = labels.topk(max(1, int((labels > 0).sum(1).max())), dim=1)  # as many as any picture has
    each = [F.multi_margin_loss(scores, y, reduction="none") for y in classes.unbind(1)]
    return scores.shape[1] * (torch.stack(each, 1) * shares).sum(1).mean()


def make_loss(recipe: Recipe) -> Loss:
    """The recipe's loss."""
    if recipe.loss == "cross_entropy":
        return lambda scores, labels: F.cross_entropy(scores, labels, label_smoothing=recipe.label_smoothing)
    if recipe.loss == "hinge":
        return hinge
    if recipe.loss == "mle":
        return mle
    return lambda scores, labels: map_loss(scores, labels, recipe.competition)
