"""Classes that a size, a format or a lack of colour gives away: a network learns the camera instead of the subject."""

import numpy as np

from neocog.pictures.doctor.exam import Fact
from neocog.pictures.doctor.finding import Finding
from neocog.pictures.doctor.listing import Listing
from neocog.pictures.doctor.table import Table

_ENOUGH = 20  # pictures of a class
_TOLD = 0.95  # of all pictures told right by this alone


def giveaways(listing: Listing, table: Table) -> list[Finding]:
    """One finding for each of format, colour and size that alone tells the class of 95 % of the training pictures.

    Told right: by the most frequent class of each value; with values that occur at random this is close to the share of
    the largest class, and a value is asked for only where there are ten times fewer values than pictures.
    """
    index = table.index
    train = np.flatnonzero(listing.split[index] == 0) if len(index) else np.zeros(0, np.int64)
    labels = listing.label[index][train]
    counts = np.bincount(labels, minlength=1)
    if (counts >= _ENOUGH).sum() < 2 or counts.max() > 0.9 * len(labels):
        return []
    sizes = table.sizes[train]
    grey = (table.facts[train] & Fact.GREY > 0).astype(np.int64)
    values = {
        "format": table.form[train],
        "colour or grey": grey,
        "size": np.unique(sizes, axis=0, return_inverse=True)[1].reshape(-1),
    }
    findings = []
    for what, value in values.items():
        pairs, n = np.unique(np.stack([value, labels], 1), axis=0, return_counts=True)
        if len(np.unique(value)) * 10 > len(value) or len(np.unique(value)) < 2:
            continue
        best = np.zeros(int(value.max()) + 1, np.int64)
        np.maximum.at(best, pairs[:, 0], n)
        right = best.sum() / len(labels)
        if right >= _TOLD:
            words = f"({what} alone tells the class of {100 * right:.0f} % of the training pictures)"
            findings.append(Finding("giveaway", (), particulars=words))
    return findings
