"""Randomized response: noise before anything is collected."""

from numbers import Real

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, OneToOneFeatureMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_metarec._history import History, Rows
from sklearn_metarec._vocabulary import encode_ids
from sklearn_metarec.base import unchanged_on_failure
from sklearn_metarec.interactions import encode_interactions
from sklearn_metarec.privacy._mechanism import uniform_source
from sklearn_metarec.utils._sklearn import (
    Interval,
    fit_context,
    validate_data,
    validate_params,
)

_NUMBERS_PER_BLOCK = 1 << 22


class RandomizedResponse(OneToOneFeatureMixin, TransformerMixin, BaseEstimator):
    """Flip entries of users' rows at random, so that none of them tells the truth.

    A row is a user, a column an item of a catalogue that all know; what is above 0
    counts as 1, that is: the user has the item. Each entry stays as it is with
    probability exp(epsilon) / (1 + exp(epsilon)) and is flipped otherwise,
    independently. That is local: a user's device can do it to its own row, and whoever
    collects the answers never sees the truth.

    The guarantee is epsilon-differential privacy for each single entry, whatever is
    known of the others: whether the user has this item. Of a user with another m items
    instead it is 2 m epsilon; of histories as a whole it promises little. Nothing is
    learned from the table but the number of columns. Answer once: each answer to the
    same question adds an epsilon.

    Counts of what comes out are biased in a known way: `estimate_counts` takes that
    off. For a table of one row an interaction, see :func:`randomize_interactions`.

    Parameters
    ----------
    epsilon : float, default=3.0
        The privacy loss of an entry. With 3, 4.7% of the entries are flipped, which is
        4.7 false items a user in a catalogue of 100.
    random_state : int, RandomState or None, default=None
        None takes the flips from the operating system's cryptographic generator.
        Anything else can be repeated, and is for tests.

    Attributes
    ----------
    flip_probability_ : float
        With what probability an entry is flipped.
    n_features_in_ : int
        Items of the catalogue.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        The names of the columns, where they have some.

    See Also
    --------
    PrivateEASE : Noise after collection: far less, for the same epsilon.

    References
    ----------
    S. L. Warner (1965). Randomized response: a survey technique for eliminating evasive
    answer bias. JASA 60.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn_metarec.privacy import RandomizedResponse
    >>> X = np.eye(3).repeat(1000, axis=0)
    >>> randomized = RandomizedResponse(2.0, random_state=0).fit(X)
    >>> counts, error = randomized.estimate_counts(randomized.transform(X))
    >>> bool(np.all(np.abs(counts - 1000) < 4 * error))
    True
    """

    _parameter_constraints = {
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(self, epsilon=3.0, *, random_state=None):
        self.epsilon = epsilon
        self.random_state = random_state

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn how many columns there are.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_users, n_items)
            One row a user.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The fitted transformer.
        """
        with unchanged_on_failure(self):
            self._read(X, "numeric", reset=True)
        self.flip_probability_ = float(1 / (1 + np.exp(self.epsilon)))
        return self

    def transform(self, X):
        """Flip entries at random.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_users, n_items)
            One row a user.

        Returns
        -------
        X_out : ndarray or sparse matrix of shape (n_users, n_items)
            Zeros and ones, as a sparse matrix where `X` is one.
        """
        check_is_fitted(self)
        X = self._read(X, [np.float64, np.float32], reset=False)
        draw = uniform_source(self.random_state)
        n_rows = max(_NUMBERS_PER_BLOCK // X.shape[1], 1)
        blocks = [
            self._flip(X[start : start + n_rows], draw)
            for start in range(0, X.shape[0], n_rows)
        ]
        return sparse.vstack(blocks, "csr") if sparse.issparse(X) else np.vstack(blocks)

    def _read(self, X, dtype, *, reset):
        try:
            return validate_data(self, X, accept_sparse="csr", dtype=dtype, reset=reset)
        except (TypeError, ValueError):
            raise
        except Exception as error:  # a library of frames has errors of its own
            raise ValueError(f"X is no matrix of numbers: {error}") from error

    def _flip(self, block, draw):
        dense = block.toarray() if sparse.issparse(block) else block
        flipped = (dense > 0) ^ (draw(dense.shape) < self.flip_probability_)
        flipped = flipped.astype(block.dtype)
        return type(block)(flipped) if sparse.issparse(block) else flipped

    def estimate_counts(self, X):
        """Estimate how many users have each item, from what was transformed.

        Of n users of whom c have an item, c (1 - q) + (n - c) q answers are expected
        to say so, with the flip probability q. So (answers - n q) / (1 - 2 q) is c in
        expectation.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_users, n_items)
            Rows that `transform` returned, of all users: those without a 1, too.

        Returns
        -------
        counts : ndarray of shape (n_items,), dtype=float64
            Without bias; below 0 or above n by chance.
        error : float
            Their standard deviation, which is the same for all and needs no estimate:
            sqrt(n q (1 - q)) / (1 - 2 q).
        """
        check_is_fitted(self)
        X = self._read(X, "numeric", reset=False)
        n_users, q = X.shape[0], self.flip_probability_
        answers = np.asarray((X > 0).sum(axis=0), dtype=np.float64).ravel()
        error = float(np.sqrt(n_users * q * (1 - q)) / (1 - 2 * q))
        return (answers - n_users * q) / (1 - 2 * q), error

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        # Each call flips anew.
        tags.non_deterministic = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


@validate_params(
    {
        "X": "no_validation",  # encode_interactions says what is no table
        "catalogue": ["array-like"],
        "epsilon": [Interval(Real, 0, None, closed="neither")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def randomize_interactions(X, catalogue, *, epsilon=3.0, random_state=None):
    """Apply randomized response to a table of interactions.

    What :class:`RandomizedResponse` does, for a table of one row an interaction: rows
    vanish, and rows of items that a user never had appear. Times, strengths and other
    columns would give the true rows away, and are left out.

    Parameters
    ----------
    X : array-like or dataframe of shape (n, >= 2), or Interactions
        One row an interaction.
    catalogue : array-like of shape (n_items,)
        The items that there are, from a public source. Rows of others are left out.
    epsilon : float, default=3.0
        The privacy loss of each pair of a user and an item.
    random_state : int, RandomState or None, default=None
        As of :class:`RandomizedResponse`.

    Returns
    -------
    randomized : DataFrame
        `user_id` and `item_id`, by user, then by item.

    Examples
    --------
    >>> from sklearn_metarec.privacy import randomize_interactions
    >>> X = [["ann", "tea"], ["ann", "milk"], ["bob", "tea"]]
    >>> randomize_interactions(X, ["tea", "milk", "rum"], random_state=0)
      user_id item_id
    0     ann    milk
    1     ann     tea
    2     bob     tea
    """
    import pandas as pd

    items = encode_ids(catalogue, "catalogue")[0]
    history = History.from_rows(Rows(encode_interactions(X).compact()), rating=False)
    matrix = history.restrict(items).matrix
    response = RandomizedResponse(epsilon, random_state=random_state)
    answers = response.fit_transform(matrix).tocoo()
    return pd.DataFrame(
        {"user_id": history.users.ids[answers.row], "item_id": items.ids[answers.col]}
    )
