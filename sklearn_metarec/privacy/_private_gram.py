"""What private models share: one noisy matrix, and no user in what is released."""

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from sklearn_metarec._history import History
from sklearn_metarec._vocabulary import Vocabulary, encode_ids
from sklearn_metarec._weighting import Weighting
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.interactions import make_csr
from sklearn_metarec.privacy._mechanism import (
    gaussian_sigma,
    gram_sensitivity,
    uniform_source,
)
from sklearn_metarec.privacy._noisy_gram import noisy_gram
from sklearn_metarec.utils._sklearn import Interval

PRIVACY_CONSTRAINTS = {
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "delta": [Interval(Real, 0, 1, closed="neither")],
    "max_items": [Interval(Integral, 1, None, closed="left")],
    "threshold": [Interval(Real, 0, None, closed="left")],
    "catalogue": ["array-like", None],
    "random_state": ["random_state"],
}


class PrivateGramMixin(BaseRecommender):
    """A model made of a noisy Gram matrix alone: left of the model's class.

    A subclass has the parameters of PRIVACY_CONSTRAINTS, calls `_private_gram` in
    `_fit`, and names in `_released` what `release` is to carry over.
    """

    # Strengths and the frequencies of items would need noise of their own.
    weighting = "binary"
    _released: tuple[str, ...] = ()
    epsilon: float
    delta: float
    max_items: int
    threshold: float
    catalogue: Any
    random_state: Any

    @property
    def _update(self):
        # So there is no partial_fit: each further look at a user adds to epsilon.
        raise AttributeError("A private model is fitted once.")

    def _make_history(self, rows, *, reset):
        history = super()._make_history(rows, reset=reset)
        if self.catalogue is None:
            return history
        return history.restrict(encode_ids(self.catalogue, "catalogue")[0])

    def _private_gram(self, history):
        """Return the noisy Gram matrix, its entries drawn to 0; all else is made of it.

        The only place at which a fit reads what users have.
        """
        X = Weighting(self.weighting).transform(history.matrix)
        self.noise_scale_ = gaussian_sigma(
            float(self.epsilon), float(self.delta),
            sensitivity=float(gram_sensitivity(self.max_items)),
        )  # fmt: skip
        gram = noisy_gram(
            X, self.max_items, self.noise_scale_, uniform_source(self.random_state),
            self.n_jobs,
        )  # fmt: skip
        diagonal = np.maximum(np.diag(gram), 0)
        self.item_popularity_ = diagonal / (diagonal.max(initial=0) or 1)
        # Soft thresholding: what cannot be told from noise is none, and the rest is
        # drawn to zero by as much.
        reach = np.float32(self.threshold * self.noise_scale_)
        gram -= np.clip(gram, -reach, reach)
        np.fill_diagonal(gram, diagonal)
        return gram

    def _popularity(self):
        return self.item_popularity_

    def _complete_scorer(self, profiles):
        # As the base does, but from noisy counts: not what most users like, exactly.
        return super()._complete_scorer(profiles)

    def release(self):
        """Return the part of the model that is private, without the users.

        The fitted model itself holds its users and their items, to leave out what they
        have and to serve them by id: keep it where the table is kept. What this returns
        holds the matrix made of the noisy one, and the ids of the items; it serves by
        `recommend(history=...)`, and all that it does not know by noisy popularity.

        Returns
        -------
        released : object
            A recommender of the same class.

        Raises
        ------
        ValueError
            If the noise is that of a `random_state`: who knows that can take it off.
        """
        check_is_fitted(self)
        if self.random_state is not None:
            raise ValueError(
                "The noise of this model came from random_state, so that it can be "
                "computed and taken off again. Fit with random_state=None to release."
            )
        released = clone(self).set_params(catalogue=self.items_)
        matrix = make_csr(
            np.zeros(1, dtype=np.int64), np.empty(0, dtype=np.int32),
            np.empty(0, dtype=np.float32), (0, len(self.items_)),
        )  # fmt: skip
        nobody = Vocabulary(np.empty(0, dtype=object))
        released._set_history(History(nobody, self._items, matrix))
        facts = ("n_features_in_", "feature_names_in_", "noise_scale_")
        for name in (*facts, "item_popularity_", *self._released):
            if hasattr(self, name):
                setattr(released, name, getattr(self, name))
        return released
