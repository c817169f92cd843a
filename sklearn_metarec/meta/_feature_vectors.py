"""Short dense vectors of encoded features, for ids of the fit and for later ones."""

from dataclasses import dataclass

import numpy as np

from sklearn_metarec._features import FeatureMixin
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


class VectorsMixin(FeatureMixin):
    """What to derive from, left of the base class, for vectors of both sides' features.

    `_vectors` holds them by side, one row an item or a user of the model.
    """

    def _learn_vectors(self, rng):
        self._features = {
            side: FeatureVectors.fit(self._feature_rows(side), int(rng.integers(2**31)))
            for side in ("item", "user")
        }
        self._vectors = {
            side: self._features[side].transform(self._feature_rows(side), len(ids))
            for side, ids in (("item", self._items), ("user", self._users))
        }
        self._vectors_of = self._encoded

    def _update_vectors(self, old):
        """Make the vectors of new ids, or all where features came; tell which sides."""
        changed = set()
        for side, now, before in (
            ("item", self._items, old.items), ("user", self._users, old.users),
        ):  # fmt: skip
            if self._encoded.get(side) is not self._vectors_of.get(side):
                codes = np.arange(len(now))
            elif now is not before:
                codes = np.flatnonzero(before.lookup(now.ids) < 0)
            else:
                continue
            features = self._feature_rows(side, codes)
            made = self._features[side].transform(features, len(codes))
            vectors = np.empty((len(now), made.shape[1]))
            vectors[now.lookup(before.ids)] = self._vectors[side]
            vectors[codes] = made
            self._vectors = self._vectors | {side: vectors}
            changed.add(side)
        self._vectors_of = self._encoded
        return changed
