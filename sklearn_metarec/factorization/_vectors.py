"""What models with one vector a user and one vector an item have in common."""

import numpy as np

from sklearn_metarec._scoring import cosine_scorer
from sklearn_metarec.utils._sklearn import CallbackSupportMixin, check_random_state


class CosineMixin:
    """Similarities of `user_factors_`, and of `item_factors_`."""

    user_factors_: np.ndarray
    item_factors_: np.ndarray

    def _item_scorer(self, cols):
        return cosine_scorer(self.item_factors_, cols)

    def _user_scorer(self, rows):
        return cosine_scorer(self.user_factors_, rows)


class FactorMixin(CallbackSupportMixin, CosineMixin):
    """Starting points, and similarities, of factors that are improved step by step."""

    # An update starts from what was learned so far, which a fit does not have.
    _partial_fit_exact = False

    def _random_factors(self, history, std):
        """Return small random (user, item) factors: their inner products are near 0.

        They depend on the codes and the seed only, not on the order of rows.
        """
        # A Generator draws three times as fast as a RandomState.
        seed = check_random_state(self.random_state).randint(2**31)
        rng = np.random.default_rng(seed)
        size = std / np.sqrt(self.n_factors)
        n_users, n_items = history.matrix.shape
        users = rng.normal(0.0, size, (n_users, self.n_factors))
        return users, rng.normal(0.0, size, (n_items, self.n_factors))
