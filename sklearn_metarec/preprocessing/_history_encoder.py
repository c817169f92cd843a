"""A user's behaviour as columns."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sklearn_metarec._history import History, Rows
from sklearn_metarec._weighting import WEIGHTINGS, Weighting
from sklearn_metarec.interactions import encode_interactions, read_table, take_csr
from sklearn_metarec.preprocessing._tables import (
    as_configured,
    check_same_columns,
    check_sparse_output,
)
from sklearn_metarec.utils._sklearn import StrOptions, fit_context, validate_data


class HistoryEncoder(TransformerMixin, BaseEstimator):
    """Encode what the user of a row has done as one column an item.

    The rows of the fit are the users' histories. A row of any table then becomes the
    history of its user: what a classifier needs to tell who somebody is, or a
    regressor how they will like the row's item. A user who was not in the fit has a
    row of zeros.

    Parameters
    ----------
    weighting : {"binary", "log", "tfidf", "bm25"} or None, default="binary"
        What stands in the column of an item of the user: 1 (multi-hot), the logarithm
        of 1 + how often, TF-IDF or BM25 with users as documents, or how often it was.
    exclude_own : bool, default=False
        Whether the row's own item is left out of its history. Set it where the target
        is what the user made of that item: a row that was not in the fit does not
        have it either.
    sparse_output : bool, default=True
        Whether to return compressed sparse rows. A dataframe as output needs a dense
        array.

    Attributes
    ----------
    users_, items_ : ndarray
        Sorted unique ids; the columns are in the order of the items.
    n_features_in_ : int
        Columns of the table of the fit.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, where they have some.

    Examples
    --------
    >>> from sklearn_metarec.preprocessing import HistoryEncoder
    >>> X = [["ann", "tea"], ["ann", "rum"], ["bob", "rum"], ["ann", "rum"]]
    >>> HistoryEncoder(None, sparse_output=False).fit_transform(X).tolist()
    [[2.0, 1.0], [2.0, 1.0], [1.0, 0.0], [2.0, 1.0]]
    """

    _parameter_constraints = {
        "weighting": [StrOptions(set(WEIGHTINGS)), None],
        "exclude_own": ["boolean"],
        "sparse_output": ["boolean"],
    }

    def __init__(self, weighting="binary", *, exclude_own=False, sparse_output=True):
        self.weighting = weighting
        self.exclude_own = exclude_own
        self.sparse_output = sparse_output

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Collect the users' histories.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2), or Interactions
            One row an interaction.
        y : None
            Ignored: the target of the rows is no part of the history.

        Returns
        -------
        self : object
            The fitted encoder.
        """
        table = encode_interactions(X).compact()
        history = History.from_rows(Rows(table), rating=False)
        validate_data(self, X, skip_check_array=True)
        self._users, self._items = history.users, history.items
        self.users_, self.items_ = history.users.ids, history.items.ids
        weighting = Weighting(self.weighting).fit(history.matrix)
        self._histories = weighting.transform(history.matrix)
        return self

    def transform(self, X):
        """Return the history of each row's user.

        Parameters
        ----------
        X : array-like or dataframe of shape (n, >= 2)
            Rows of users, known or not.

        Returns
        -------
        X_out : sparse matrix or ndarray of shape (n, n_items)
            One column an item of the fit; a sparse array instead of a matrix where
            scikit-learn is configured so.
        """
        check_is_fitted(self)
        if self.sparse_output:
            check_sparse_output(self)
        check_same_columns(self, X)
        table = read_table(X, warn=False)
        codes = self._users.lookup(table.user, "user_id")
        out = take_csr(self._histories, codes)[0].astype(np.float64)
        if self.exclude_own:
            cols = self._items.lookup(table.item, "item_id")
            rows = np.repeat(np.arange(len(cols)), np.diff(out.indptr))
            out.data[out.indices == cols[rows]] = 0
            out.eliminate_zeros()
        return as_configured(out) if self.sparse_output else out.toarray()

    def get_feature_names_out(self, input_features=None):
        """Return the names of the output columns.

        Parameters
        ----------
        input_features : None
            Ignored: the columns are the items of the fit.

        Returns
        -------
        feature_names_out : ndarray of shape (n_items,), dtype=object
            The item ids, such as `history_tea`.
        """
        check_is_fitted(self)
        names = [f"history_{item}" for item in self.items_.tolist()]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.transformer_tags.preserves_dtype = []
        return tags
