"""Raw ids of lists, test table and training table to one set of codes."""

import numpy as np
from scipy import sparse

from sklearn_metarec._kernels import csr
from sklearn_metarec._kernels.metrics import PADDING, UNKNOWN
from sklearn_metarec.interactions import (
    Interactions,
    encode_ids,
    encode_interactions,
    pair_matrix,
    read_table,
)
from sklearn_metarec.metrics._codes import Relevant


class ItemCodes:
    """One set of item codes that grows by vocabularies.

    Each source of ids is encoded by itself, as ids of one table may be integers where
    those of another are a mix; what a source adds is numbered on.
    """

    def __init__(self):
        self._vocabularies = []
        self.size = 0

    def add(self, vocabulary, codes):
        """Take in the new ids of a vocabulary; turn its codes into ours."""
        if self.size == 0:
            self._vocabularies.append(vocabulary)
            self.size = len(vocabulary)
            return codes
        ours = self.lookup(vocabulary.ids)
        new = np.flatnonzero(ours < 0)
        if len(new):
            ours[new] = self.size + np.arange(len(new), dtype=np.int32)
            self._vocabularies.append(vocabulary.restrict(new))
            self.size += len(new)
        return ours[codes]

    def lookup(self, values):
        """Return the codes of an array of ids, -1 where an id is unknown."""
        if not self._vocabularies:
            return np.full(len(values), -1, dtype=np.int32)
        first, *others = self._vocabularies
        codes = first.lookup(values, "items")
        offset = len(first)
        for vocabulary in others:
            missing = np.flatnonzero(codes < 0)
            found = vocabulary.lookup(values[missing], "items")
            codes[missing] = np.where(found < 0, -1, found + offset)
            offset += len(vocabulary)
        return codes


def encode_training(X, codes):
    """Enter the items of the training table as the first; return its distinct pairs.

    Parameters
    ----------
    X : array-like, dataframe or Interactions
        The training table.
    codes : ItemCodes
        Without any items.

    Returns
    -------
    pairs : csr_array of shape (n_users, n_items)
        Ones where a user has an item.
    """
    X = encode_interactions(X)
    codes.add(X.items, X.cols)
    ones = np.ones(len(X), dtype=np.float32)
    pairs = pair_matrix(X.rows, X.cols, ones, (len(X.users), len(X.items)))
    pairs.data[:] = 1  # a user who has an item twice is one user all the same
    return pairs


def training_facts(pairs, n_codes):
    """Return what metrics need of the training table, by their names in `Lists`.

    Parameters
    ----------
    pairs : csr_array of shape (n_users, n_items)
        Its distinct pairs.
    n_codes : int
        Items of all tables and lists: those after the first `n_items` have no pair.

    Returns
    -------
    facts : dict
        The n_items, popularity, n_train_users and vectors (an item's users).
    """
    n_users, n_items = pairs.shape
    widened = sparse.csr_array(
        (pairs.data, pairs.indices, pairs.indptr), shape=(n_users, n_codes)
    )
    return {
        "n_items": n_items,
        "popularity": np.bincount(pairs.indices, minlength=n_codes),
        # The vocabulary of an `Interactions` may know users that have no row.
        "n_train_users": np.count_nonzero(np.diff(pairs.indptr)),
        "vectors": widened.T,
    }


def encode_relevant(X, users, codes, *, y=None, weight=None, relevance):
    """Enter the items of the test table, and group its relevant rows by user.

    Parameters
    ----------
    X : array-like, dataframe or Interactions
        The test table.
    users : array of shape (n,)
        The users of the lists.
    codes : ItemCodes
        Gets the items of the table.
    y, weight : ndarray of shape (n_rows,) or None
        The target and weight of each row.
    relevance : callable
        From y (or None, for 1 each) to a mask of the relevant rows, or None for all,
        and the gains of these rows, or None for 1 each.

    Returns
    -------
    relevant : Relevant
        With the entries of a user in the order of the rows.
    """
    row_of_list, n_rows, rows, items, cols = _encode_test(X, users)
    _check_length(y, len(rows), "y_true")
    _check_length(weight, len(rows), "sample_weight")
    cols = codes.add(items, cols)
    kept = rows >= 0  # rows of users who have no list
    user_weight = None
    if weight is not None:
        # Rows of weight zero count as absent.
        kept &= weight > 0
        sums = np.bincount(rows[kept], weights=weight[kept], minlength=n_rows)
        user_weight = np.where(row_of_list < 0, 0.0, np.append(sums, 0)[row_of_list])
    mask, gains = relevance(y)
    if mask is not None:
        kept, gains = kept & mask, None if gains is None else gains[kept[mask]]
    if not kept.all():
        rows, cols = rows[kept], cols[kept]
    indptr, indices, gains = _group(rows, cols, gains, n_rows)
    return Relevant(row_of_list, indptr, indices, gains, user_weight)


def _encode_test(X, users):
    """Return the row of each list, their number, and rows, items, cols of the table."""
    if isinstance(X, Interactions):
        return X.users.lookup(users, "users"), len(X.users), X.rows, X.items, X.cols
    table = read_table(X, allow_empty=True)
    # There are fewer lists than rows of the table: to encode the lists' users and
    # look the others up is the shorter way round.
    vocabulary, row_of_list = encode_ids(users, "users")
    rows = vocabulary.lookup(table.user, "user_id")
    items, cols = encode_ids(table.item, "item_id")
    return row_of_list, len(vocabulary), rows, items, cols


def _check_length(values, n_rows, name):
    if values is not None and len(values) != n_rows:
        raise ValueError(
            f"{name} has {len(values)} entries, but X_true has {n_rows} rows."
        )


def _group(rows, cols, gains, n_rows):
    """Gather the entries of each row by counting."""
    # Read-only codes, as joblib's memory maps, would have the kernels compiled again.
    rows, cols = (np.require(codes, requirements="W") for codes in (rows, cols))
    indptr = np.zeros(n_rows + 1, dtype=np.int64)
    csr.count_codes(rows, indptr)
    indices = np.empty_like(cols)
    # The kernel moves values along: without gains they are bytes of no meaning.
    values = np.empty(len(cols), dtype=np.uint8) if gains is None else gains
    grouped = np.empty_like(values)
    csr.scatter(rows, cols, values, indptr, indices, grouped)
    return indptr, indices, None if gains is None else grouped


def encode_lists(items, padding, codes, *, keep_unknown):
    """Return the codes of the recommended items.

    Parameters
    ----------
    items : ndarray of shape (n, k)
        Raw ids.
    padding : ndarray of shape (n, k) or None
        True where a slot holds no recommendation; None: nowhere.
    codes : ItemCodes
        Codes of the tables' items.
    keep_unknown : bool
        Whether items of neither table get codes of their own; else they are UNKNOWN.

    Returns
    -------
    ranked : ndarray of shape (n, k), dtype=int32
        Codes.
    """
    ids = items.ravel() if padding is None else items[~padding]
    found = codes.lookup(ids)
    if keep_unknown:
        unknown = found == UNKNOWN
        if unknown.any():
            vocabulary, own = encode_ids(ids[unknown], "items")
            found[unknown] = codes.add(vocabulary, own)
    if padding is None:
        return found.reshape(items.shape)
    ranked = np.full(items.shape, PADDING, dtype=np.int32)
    ranked[~padding] = found
    return ranked


def encode_vectors(item_vectors, codes):
    """Arrange the rows of `(ids, vectors)` by item code.

    Parameters
    ----------
    item_vectors : tuple of (array of shape (n,), matrix of shape (n, d))
        Ids and their vectors.
    codes : ItemCodes
        Codes of all items that matter.

    Returns
    -------
    vectors : ndarray or csr_array of shape (codes.size, d)
        Zeros for an item that has no vector.

    Raises
    ------
    ValueError
        If there is not one vector an id, or an id is there twice.
    """
    try:
        ids, vectors = item_vectors
    except (TypeError, ValueError) as error:
        raise ValueError(
            "item_vectors must be a pair (item ids, vectors), such as "
            "(model.items_, model.item_factors_)."
        ) from error
    if not sparse.issparse(vectors):
        vectors = np.asarray(vectors, dtype=np.float64)
    vocabulary, order = encode_ids(ids, "item_vectors' ids")
    if vectors.ndim != 2 or vectors.shape[0] != len(order):
        raise ValueError(
            f"item_vectors holds {len(order)} ids, but vectors of shape "
            f"{vectors.shape}: give one row an id."
        )
    if len(vocabulary) < len(order):
        raise ValueError(
            f"item_vectors holds {len(order)} ids, {len(vocabulary)} of them distinct: "
            "give each item one vector."
        )
    # Items without a vector take the row of zeros that is put below the others.
    position = np.full(codes.size, len(order))
    own = codes.lookup(np.asarray(vocabulary.ids))
    position[own[own >= 0]] = np.argsort(order)[own >= 0]
    if sparse.issparse(vectors):
        zeros = sparse.csr_array((1, vectors.shape[1]))
        return sparse.vstack([vectors, zeros], format="csr")[position]
    return np.vstack([vectors, np.zeros((1, vectors.shape[1]))])[position]
