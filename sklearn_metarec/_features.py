"""What the models share that read features of items and users."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.base import clone

from sklearn_metarec._side_tables import SideTable, are_columns
from sklearn_metarec._vocabulary import Vocabulary, encode_ids
from sklearn_metarec.base import BaseRecommender
from sklearn_metarec.interactions import make_csr, take_csr
from sklearn_metarec.preprocessing import FeatureEncoder


class FeatureMixin(BaseRecommender):
    """What to derive from, left of the base class, for side features.

    The model has the parameters `item_features`, `user_features` or both, and
    `feature_encoder`; `None` of the latter is :meth:`_default_encoder`. The ids of a
    side table belong to the catalogue: they get codes, also without a single row.
    `_feature_rows` returns the encoded features, one row an id, zeros where an id has
    none.
    """

    _encoded: dict

    def _default_encoder(self):
        return FeatureEncoder()

    def _make_history(self, rows, *, reset):
        history = super()._make_history(rows, reset=reset)
        known = {} if reset else self._encoded
        self._encoded = known | {
            side: self._encode(known.get(side), table)
            for side, table in self._side_tables(rows.table).items()
        }
        users, items = (
            _extended(vocabulary, self._encoded.get(side))
            for side, vocabulary in (("user", history.users), ("item", history.items))
        )
        if users is history.users and items is history.items:
            return history
        return history.recode(users, items)

    def _side_tables(self, interactions):
        """Return the side tables that were given, by side."""
        tables = {}
        for side in ("item", "user"):
            given = getattr(self, f"{side}_features", None)
            if are_columns(given):
                tables[side] = SideTable.from_columns(given, interactions, side)
            elif given is not None:
                tables[side] = SideTable.from_table(given, side)
        return tables

    def _encode(self, known, table):
        if known is not None:
            matrix = encoded_rows(known.encoder.transform, table.features)
            return known.add(table.vocabulary, matrix)
        given = self.feature_encoder
        encoder = self._default_encoder() if given is None else clone(given)
        matrix = encoded_rows(encoder.fit_transform, table.features)
        return _Encoded(encoder, table.vocabulary, matrix)

    def _feature_rows(self, side):
        """Return the features of all items or users of the model, or None.

        Parameters
        ----------
        side : {"item", "user"}
            Whose.

        Returns
        -------
        features : csr_array of shape (n_ids, n_features), dtype=float32, or None
            One row an id, in the order of `items_` or `users_`.
        """
        encoded = self._encoded.get(side)
        if encoded is None:
            return None
        vocabulary = self._items if side == "item" else self._users
        return take_csr(encoded.matrix, encoded.vocabulary.lookup(vocabulary.ids))[0]


@dataclass(frozen=True)
class _Encoded:
    """The encoded features of some ids."""

    encoder: Any
    vocabulary: Vocabulary
    matrix: sparse.csr_array

    def add(self, vocabulary, matrix):
        """Return the features of these and other ids; the other ones' are newer."""
        both = encode_ids(np.concatenate([self.vocabulary.ids, vocabulary.ids]))[0]
        newer = vocabulary.lookup(both.ids)
        place = np.where(
            newer >= 0, newer + len(self.vocabulary), self.vocabulary.lookup(both.ids)
        )
        stacked = sparse.vstack([self.matrix, matrix], format="csr")
        return _Encoded(self.encoder, both, take_csr(stacked, place)[0])


def encoded_rows(transform, features):
    """Return what a transformer makes of features as compressed float32 rows.

    Parameters
    ----------
    transform : callable
        Its `transform` or `fit_transform`.
    features : dataframe or ndarray of shape (n, n_columns)
        The features.

    Returns
    -------
    rows : csr_array of shape (n, n_outputs), dtype=float32
        Sorted, without duplicates.
    """
    if not features.shape[1]:
        return sparse.csr_array((features.shape[0], 0), dtype=np.float32)
    encoded = transform(features)
    if hasattr(encoded, "to_numpy"):
        encoded = encoded.to_numpy()
    rows = sparse.csr_array(encoded, dtype=np.float32)
    rows.sum_duplicates()
    return make_csr(rows.indptr, rows.indices, rows.data, rows.shape)


def _extended(vocabulary, encoded):
    """Return a vocabulary with the ids that only a side table has."""
    if encoded is None or (vocabulary.lookup(encoded.vocabulary.ids) >= 0).all():
        return vocabulary
    return encode_ids(np.concatenate([vocabulary.ids, encoded.vocabulary.ids]))[0]
