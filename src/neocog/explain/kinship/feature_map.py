"""A map of many pictures: what the classifier reads of each, brought to the plane by PCA and t-SNE (scikit-learn's).

t-SNE keeps neighbours together (van der Maaten & Hinton 2008). Distances between far groups, sizes and densities say nothing;
so the map comes with how far its neighbourhoods can be trusted, and with what neighbours agree on before and after.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch

from neocog.errors import UserError
from neocog.explain.feeding import Batch
from neocog.explain.inside import undisturbed, values_at
from neocog.explain.kinship.nearest import feature_layer, pooled
from neocog.nn import Model

NEIGHBOURS, PLAIN = 10, 50  # whose agreement is counted; components that PCA leaves
LEAST, MOST = 32, 10_000  # pictures that make a map; so many that all pairs of them fit into memory


@dataclass(frozen=True, eq=False)
class FeatureMap:
    """N pictures: `places` N×2, their `labels`, the network's `answers` and their `indices` in the split.

    trust: trustworthiness of the map among 10 neighbours, 1 at best (Venna & Kaski 2001). alike: the part of the 10 nearest in
    the features, and in the map, that share a picture's label. kept: the part of the variance that PCA left.
    """

    path: str
    features: int
    places: np.ndarray
    labels: np.ndarray
    answers: np.ndarray
    indices: np.ndarray
    trust: float
    alike: tuple[float, float]
    kept: float
    perplexity: float

    @property
    def wrong(self) -> np.ndarray:
        """N: whether the network's answer is not the label."""
        return self.labels != self.answers


def map_features(model: Model, batches: Iterable[Batch], layer: str | None = None, seed: int = 0) -> FeatureMap:
    """Of the batches' pictures; perplexity 30, or less for few. Raises UserError where scikit-learn is missing, for too few or
    many, and where the features tell none apart."""
    try:
        from sklearn.decomposition import PCA
        from sklearn.manifold import TSNE, trustworthiness
    except ImportError:
        raise UserError("a map of features needs scikit-learn: pip install 'neocog[sklearn]'") from None
    path, kept, labels, answers, indices = feature_layer(model, layer), [], [], [], []
    keep = tuple(dict.fromkeys((path, model.arch.output)))
    with undisturbed(model), torch.inference_mode():
        for batch in batches:
            values = values_at(model, batch.x, keep)
            scores = values[model.arch.output]
            kept.append(pooled(values[path]).cpu().numpy())
            answers.append((scores.flatten(2).mean(2) if scores.dim() > 2 else scores).argmax(1).cpu().numpy())
            labels.append(batch.labels.cpu().numpy())
            indices.append(batch.indices)
            if sum(map(len, kept)) > MOST:
                raise UserError(f"a map takes {MOST:,} pictures at most, for it compares all pairs: say how many with n")
    features = np.concatenate(kept)
    n, count = features.shape
    if n < LEAST:
        raise UserError(f"{n} pictures make no map: {LEAST} at least")
    if not np.isfinite(features).all() or not np.ptp(features, 0).any():
        raise UserError(f"{model.arch.name}: '{path}' tells no pictures apart: its numbers are all the same, or not finite")
    pca = PCA(min(PLAIN, n, count), random_state=seed)
    plain = pca.fit_transform(features)
    perplexity = min(30.0, (n - 1) / 3)
    places = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(plain)
    said = np.concatenate(labels)
    alike = tuple(float((said[_nearest(values)] == said[:, None]).mean()) for values in (features, places))
    trust = float(trustworthiness(features, places, n_neighbors=NEIGHBOURS))
    return FeatureMap(path, count, places, said, np.concatenate(answers), np.concatenate(indices), trust, (alike[0], alike[1]),
                      float(pca.explained_variance_ratio_.sum()), perplexity)  # fmt: skip


def _nearest(values: np.ndarray) -> np.ndarray:
    """N×10: each one's nearest others."""
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=NEIGHBOURS).fit(values).kneighbors(return_distance=False)
