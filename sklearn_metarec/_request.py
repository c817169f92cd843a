"""Who is asked about in one call, and what may be recommended to them."""

import numpy as np

from sklearn_metarec._history import Context, History
from sklearn_metarec._scoring import Filters, rank
from sklearn_metarec._vocabulary import encode_ids
from sklearn_metarec.interactions import (
    find_roles,
    make_csr,
    pair_matrix,
    read_table,
    time_values,
)

# What a strength, a target times its weight, may be: its square fits double precision,
# and itself single precision.
_LARGEST_STRENGTH = 1e36


def check_magnitudes(y, sample_weight, limits):
    """Check that targets and weights are of a size that can be computed with.

    Parameters
    ----------
    y, sample_weight : ndarray of shape (n,) or None
        Targets and weights; 0 is all right.
    limits : (float, float)
        The least that other weights may be, and the most that both may be.

    Raises
    ------
    ValueError
        If one is not.
    """
    least, most = limits
    if y is not None:
        _check_magnitude(np.abs(y), "y", 0.0, most)
    if sample_weight is not None:
        _check_magnitude(sample_weight, "sample_weight", least, most)
        if y is not None:
            strengths = np.abs(y) * sample_weight
            _check_magnitude(strengths, "y * sample_weight", 0.0, _LARGEST_STRENGTH)


def _check_magnitude(sizes, name, least, most):
    wrong = (sizes > most) | ((sizes < least) & (sizes > 0))
    if wrong.any():
        row = int(np.argmax(wrong))
        from_ = f"is 0 or from {least:g}" if least else "is up"
        raise ValueError(
            f"{name} is {sizes[row]} at row {row}; what can be computed with {from_} "
            f"to {most:g}. Scale it."
        )


class Asked:
    """The users of a call, in the order asked, repeated ones too.

    Parameters
    ----------
    ids : ndarray of shape (n,)
        User ids, known to the model or not.
    """

    def __init__(self, ids):
        self.ids = ids
        self._encoded = None

    @property
    def vocabulary(self):
        """The distinct users."""
        return self._encode()[0]

    @property
    def codes(self):
        """The position of each asked user among the distinct ones."""
        return self._encode()[1]

    def _encode(self):
        if self._encoded is None:
            self._encoded = encode_ids(self.ids, "users")
        return self._encoded

    def filters(self, profiles, vocabulary, exclude_seen, items, exclude):
        """Return the filters of a call.

        Parameters
        ----------
        profiles : Profiles
            The users of the call.
        vocabulary : Vocabulary
            The model's items.
        exclude_seen : bool
            Whether what is in the profiles is left out.
        items, exclude : array-like or table, or None
            What alone, and what not, to recommend: one list, or pairs.

        Returns
        -------
        filters : Filters
            In item codes.
        """
        allowed, allow = self._item_filter(items, vocabulary)
        banned, deny = self._item_filter(exclude, vocabulary)
        if banned is not None:
            allowed = ~banned if allowed is None else allowed & ~banned
        if exclude_seen:
            deny = profiles.matrix if deny is None else deny + profiles.history.pairs
        return Filters(len(profiles), deny, allow, allowed)

    def _item_filter(self, items, vocabulary):
        """Return (mask over all items, None) or (None, items of each user)."""
        if items is None:
            return None, None
        if isinstance(items, str | bytes) or not hasattr(items, "__len__"):
            raise ValueError(
                "items and exclude take a list of item ids or a table of pairs, got "
                f"{items!r}. For one item pass [item]."
            )
        if hasattr(items, "columns") or np.ndim(items) == 2:
            return None, self._pairs(items, vocabulary)
        mask = np.zeros(len(vocabulary), dtype=bool)
        cols = vocabulary.lookup(items, "items")
        mask[cols[cols >= 0]] = True
        return mask, None

    def _pairs(self, pairs, vocabulary):
        table = read_table(pairs, allow_empty=True, warn=False)
        rows = self.vocabulary.lookup(table.user, "user_id")
        cols = vocabulary.lookup(table.item, "item_id")
        known = (rows >= 0) & (cols >= 0)
        ones = np.ones(int(known.sum()), dtype=np.float32)
        shape = (len(self.vocabulary), len(vocabulary))
        matrix = pair_matrix(rows[known], cols[known], ones, shape)
        return History(None, vocabulary, matrix).take(self.codes).matrix


def distinct(codes, n_codes):
    """Return (ascending distinct codes, -1 first; the position of each row's code)."""
    used = np.zeros(n_codes + 1, dtype=bool)
    used[codes + 1] = True
    positions = np.cumsum(used) - 1
    distinct = np.flatnonzero(used) - 1
    return distinct.astype(np.int32), positions[codes + 1]


def check_ids(ids):
    """Return the ids that a call names as an array."""
    if isinstance(ids, str | bytes) or np.ndim(ids) != 1:
        raise ValueError(
            f"users and items are named by a list or 1-d array of ids, got {ids!r}. "
            "For a single one pass [id]."
        )
    if isinstance(ids, np.ndarray) or hasattr(ids, "to_numpy"):
        return np.asarray(ids)
    ids = list(ids)
    array = np.empty(len(ids), dtype=object)
    array[:] = ids
    return array


def check_k(k):
    """Check the length of a list."""
    if not isinstance(k, int | np.integer) or k < 1:
        raise ValueError(f"k must be an integer of at least 1, got {k!r}.")


def read_rows(history):
    """Return (table, target) of the rows given for a call, each None if missing."""
    if history is None:
        return None, None
    table, target = history if isinstance(history, tuple) else (history, None)
    return read_table(table, allow_empty=True, warn=False), target


def read_context(context):
    """Return the context of a call's requests, or None."""
    if context is None:
        return None
    if not hasattr(context, "columns"):
        raise TypeError(
            "context must be a dataframe with the columns that X had beside user and "
            f"item, one row a user; got {type(context).__name__}."
        )
    import narwhals.stable.v2 as nw

    frame = nw.from_native(context, eager_only=True)
    roles = find_roles(frame.columns)
    time = time_values(frame[roles["time"]].to_native()) if "time" in roles else None
    others = [name for name in frame.columns if name not in roles.values()]
    return Context(time, frame.select(others).to_native() if others else None)


def most_similar(vocabulary, ids, k, make_scorer):
    """Return the k ids of a vocabulary most similar to each of some, and how much."""
    check_k(k)
    codes = vocabulary.lookup(check_ids(ids))
    known = np.flatnonzero(codes >= 0)
    n, n_all = len(known), len(vocabulary)
    itself = make_csr(np.arange(n + 1), codes[known], np.ones(n, bool), (n, n_all))
    found = np.full((len(codes), k), -1, dtype=np.int32)
    scores = np.full((len(codes), k), -np.inf, dtype=np.float32)
    if n:
        scorer = make_scorer(codes[known])
        found[known], scores[known] = rank(scorer, n, n_all, k, Filters(n, itself))
    return vocabulary.decode(found), scores
