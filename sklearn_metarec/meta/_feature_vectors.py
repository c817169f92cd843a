"""Short dense vectors of encoded features, for ids of the fit and for later ones."""

from dataclasses import dataclass

import numpy as np

from sklearn_metarec.linear_model._components import leading_components, unit_variance

# Where the features are more, so many of their principal components stand for them.
_MAX_COMPONENTS = 64


@dataclass(frozen=True)
class FeatureVectors:
    """Features standardized over the ids of a fit, or their principal components.

    Attributes
    ----------
    rotation : ndarray of shape (n_features, n_vector)
        What a row of encoded features is multiplied by.
    center : ndarray of shape (n_vector,)
        What is then subtracted. An id without features has zeros, as the mean has.
    """

    rotation: np.ndarray
    center: np.ndarray

    @classmethod
    def fit(cls, features, random_state):
        """Learn from the features of all ids, a csr_array or None."""
        if features is None or not features.nnz:
            n_features = 0 if features is None else features.shape[1]
            return cls(np.zeros((n_features, 0)), np.zeros(0))
        scaled, center, scale = unit_variance(features)
        if scaled.shape[1] <= _MAX_COMPONENTS:
            return cls(np.diag(scale.astype(np.float64)), center.astype(np.float64))
        u, s = leading_components(scaled, _MAX_COMPONENTS, random_state, center)
        directions = (scaled.T @ u - np.outer(center, u.sum(axis=0))) / s
        return cls(scale[:, None] * directions, center @ directions)

    def transform(self, features, n_ids):
        """Return the vectors of some ids."""
        if features is None:
            return np.zeros((n_ids, self.rotation.shape[1]))
        vectors = features @ self.rotation - self.center
        vectors[np.diff(features.indptr) == 0] = 0
        return np.asarray(vectors, dtype=np.float64)
