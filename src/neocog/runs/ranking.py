"""At which place the true class stands: the one rule by which answers count as right. numpy only."""

import numpy as np


def ranks(scores: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """int64 [N]: the place of each picture's class among its N×classes scores, 1 where it is the answer.

    A class that ties with the true one counts as ahead of it, and so does a score that is no number, so that constant or
    broken scores do not look right.
    """
    own = scores[np.arange(len(labels)), labels][:, None]
    return (~(scores < own)).sum(1)


def wrong_in_top(scores: np.ndarray, labels: np.ndarray, k: int) -> np.ndarray:
    """bool [N]: whether the true class is *not* among the k largest."""
    return ranks(scores, labels) > k
