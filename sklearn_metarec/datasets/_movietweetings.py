"""The bundled data set."""

import numpy as np
from sklearn.utils import Bunch

from sklearn_metarec.datasets._base import (
    DATA_MODULE,
    object_table,
    read_columns,
    read_description,
)
from sklearn_metarec.utils._sklearn import validate_params

_DATA = "movietweetings_100k.csv.gz"
_ITEMS = "movietweetings_100k.items.csv.gz"
_FEATURE_NAMES = ["user_id", "item_id", "timestamp"]
_TARGET_NAME = "rating"


@validate_params(
    {"return_X_y": ["boolean"], "as_frame": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def load_movietweetings(*, return_X_y=False, as_frame=False):
    """Load and return 100,000 movie ratings from Twitter.

    =================   ==============
    Ratings             100,000
    Users               16,554
    Movies              10,506
    Target              integer 0 - 10
    =================   ==============

    The data come with the package: nothing is downloaded.

    Parameters
    ----------
    return_X_y : bool, default=False
        Whether to return `(data, target)` instead of a Bunch.

    as_frame : bool, default=False
        Whether to return pandas objects, with named columns. Recommenders find the
        column of time by its name, in a frame only; in an array they take the order of
        the rows, which is that of time here.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : ndarray of shape (100000, 3), dtype=object, or DataFrame
            User id and item id (strings: item ids have leading zeros) and timestamp
            (integer seconds since 1970), in the order of time.
        target : ndarray of shape (100000,), dtype=float64, or Series
            The ratings, in whole stars.
        frame : DataFrame of shape (100000, 4) or None
            `data` and `target` with `as_frame=True`.
        feature_names : list of str
            The columns of `data`.
        target_names : list of str
            The name of the target.
        item_features : ndarray of shape (10506, 4), dtype=object, or DataFrame
            Item id, title (string), year (integer) and genres (string, separated by
            `|`; empty where unknown), in the order of the ids.
        item_feature_names : list of str
            The columns of `item_features`.
        DESCR : str
            The full description, with the paper to cite.
        data_filename, item_filename, license_filename : str
            The files of the ratings, of the items and of the licence.
        data_module : str
            The package that holds these files, for `importlib.resources.files`.

    (data, target) : tuple if `return_X_y` is True
        The two of them.

    See Also
    --------
    make_interactions : Generate a table of interactions.

    References
    ----------
    .. [1] S. Dooms, T. De Pessemier and L. Martens, "MovieTweetings: a Movie Rating
       Dataset Collected From Twitter", CrowdRec at RecSys 2013.

    Examples
    --------
    >>> from sklearn_metarec.datasets import load_movietweetings
    >>> movies = load_movietweetings()
    >>> movies.data.shape, movies.target.shape
    ((100000, 3), (100000,))
    >>> movies.data[0].tolist(), float(movies.target[0])
    (['12620', '2171847', 1362062307], 6.0)
    >>> movies.item_features[0].tolist()
    ['0002844', "Fantômas - À l'ombre de la guillotine (1913)", 1913, 'Crime|Drama']
    """
    ratings = read_columns(_DATA)
    target = np.array(ratings.pop(_TARGET_NAME), dtype=np.float64)
    columns = {
        "user_id": _shared(ratings["user_id"]),
        "item_id": _shared(ratings["item_id"]),
        "timestamp": list(map(int, ratings["timestamp"])),
    }
    frame = None
    if as_frame:
        frame = _data_frame({**columns, _TARGET_NAME: target})
        data, target = frame[_FEATURE_NAMES], frame[_TARGET_NAME]
    else:
        data = object_table(list(columns.values()))
    if return_X_y:
        return data, target
    items = read_columns(_ITEMS)
    items["year"] = list(map(int, items["year"]))
    return Bunch(
        data=data,
        target=target,
        frame=frame,
        feature_names=list(_FEATURE_NAMES),
        target_names=[_TARGET_NAME],
        # Not called `items`: that attribute of a dictionary is a method.
        item_features=_data_frame(items)
        if as_frame
        else object_table(list(items.values())),
        item_feature_names=list(items),
        DESCR=read_description("movietweetings_100k.rst"),
        data_filename=_DATA,
        item_filename=_ITEMS,
        license_filename="movietweetings_100k.LICENSE",
        data_module=DATA_MODULE,
    )


def _shared(ids):
    """Use one string object for all rows of an id: smaller, and faster to encode."""
    first: dict[str, str] = {}
    return [first.setdefault(value, value) for value in ids]


def _data_frame(columns):
    import pandas as pd

    return pd.DataFrame(columns)
