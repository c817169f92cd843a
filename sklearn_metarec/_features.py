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
    none. An update reads a side table again if it is another object, or has another
    shape, than the one that was read last.
    """

    _encoded: dict
    # The side tables that were read, with their shapes.
    _read_tables: dict = {}

    def __getstate__(self):
        state = super().__getstate__()
        state.pop("_read_tables", None)
        return state

    def _default_encoder(self):
        return FeatureEncoder()

    def _make_history(self, rows, *, reset):
        history = super()._make_history(rows, reset=reset)
        if reset:
            self._encoded, self._read_tables = {}, {}
        tables = self._unread_tables(rows.table)
        self._encoded = self._encoded | {
            side: self._encode(self._encoded.get(side), table)
            for side, table in tables.items()
        }
        users, items = (
            vocabulary.union(tables[side].vocabulary) if side in tables else vocabulary
            for side, vocabulary in (("user", history.users), ("item", history.items))
        )
        if users is history.users and items is history.items:
            return history
        return history.recode(users, items)

    def _unread_tables(self, interactions):
        """Return the side tables that were given and not read yet, by side."""
        tables = {}
        for side in ("item", "user"):
            given = getattr(self, f"{side}_features", None)
            if given is None:
                continue
            if are_columns(given):
                tables[side] = SideTable.from_columns(given, interactions, side)
                continue
            shape = getattr(given, "shape", None)
            known, known_shape = self._read_tables.get(side, (None, None))
            # What has no shape, such as a dict, may have grown unseen.
            if given is known and shape is not None and shape == known_shape:
                continue
            tables[side] = SideTable.from_table(given, side)
            self._read_tables = self._read_tables | {side: (given, shape)}
        return tables

    def _encode(self, known, table):
        if known is not None:
            matrix = encoded_rows(known.encoder.transform, table.features)
            return known.add(table.vocabulary, matrix)
        given = self.feature_encoder
        encoder = self._default_encoder() if given is None else clone(given)
        matrix = encoded_rows(encoder.fit_transform, table.features)
        return _Encoded(encoder, table.vocabulary, matrix)

    def _feature_rows(self, side, codes=None):
        """Return the features of items or users of the model, or None.

        Parameters
        ----------
        side : {"item", "user"}
            Whose.
        codes : ndarray of shape (n_ids,), dtype=int, default=None
            Which of them, -1 being one that the model does not know. By default all.

        Returns
        -------
        features : csr_array of shape (n_ids, n_features), dtype=float32, or None
            One row an id, in the order of `items_` or `users_` where all are asked.
        """
        encoded = self._encoded.get(side)
        if encoded is None:
            return None
        vocabulary = self._items if side == "item" else self._users
        if codes is None:
            rows = encoded.vocabulary.lookup(vocabulary.ids)
        elif not len(vocabulary):
            rows = np.full(len(codes), -1)
        else:
            rows = encoded.vocabulary.lookup(vocabulary.ids[codes])
            rows[codes < 0] = -1
        return take_csr(encoded.matrix, rows)[0]


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
