"""The visits of areas of www.microsoft.com, of the UCI KDD archive."""

import csv
import gzip

from sklearn_metarec.datasets._archive import Archive
from sklearn_metarec.datasets._cache import PARAMETERS, DataSet, fetch
from sklearn_metarec.utils._sklearn import validate_params


@validate_params(PARAMETERS, prefer_skip_nested_validation=True)
def fetch_msweb(
    *, data_home=None, download_if_missing=True, n_retries=3, delay=1.0,
    return_X_y=False, as_frame=False,
):  # fmt: skip
    """Load the areas of a web site that its users visited (implicit feedback).

    =================   ===========================
    Visits              about 98,650
    Users               32,711
    Areas               294, of which 285 visited
    Target              1
    =================   ===========================

    They are downloaded from the UCI KDD archive at the first call.

    Parameters
    ----------
    data_home : str or path-like, default=None
        The folder in which the tables are kept, or lie already: see Notes. By default
        that of scikit-learn, `~/scikit_learn_data`.
    download_if_missing : bool, default=True
        Whether to download what is not there; otherwise it is an error.
    n_retries : int, default=3
        How many times to try where the network fails.
    delay : float, default=1.0
        Seconds between two attempts.
    return_X_y : bool, default=False
        Whether to return `(data, target)` instead of a Bunch.
    as_frame : bool, default=False
        Whether to return pandas objects, with named columns.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : ndarray of shape (n, 2), dtype=int64, or DataFrame
            User id and area id, one row a visited area.
        target : ndarray of shape (n,), dtype=float64, or Series
            1, since nothing more is known.
        frame : DataFrame of shape (n, 3) or None
            `data` and `target` with `as_frame=True`.
        feature_names, target_names : list of str
            The columns of `data`, and the name of the target.
        item_features : ndarray of shape (n_areas, 2), dtype=object, or DataFrame
            Area id and title.
        item_feature_names : list of str
            Its columns.
        DESCR : str
            The full description.

    (data, target) : tuple if `return_X_y` is True
        The two of them.

    Raises
    ------
    DatasetError
        If it is not there and cannot be downloaded, or its files are damaged. It is an
        OSError.

    See Also
    --------
    fetch_lastfm : Artists that people listen to.

    Notes
    -----
    The folder has `msweb.csv.gz` (user_id, item_id and rating, which is 1) and
    `msweb.items.csv.gz` (item_id and labels). Where these are, nothing is downloaded.

    No checksum of the archive is published. So what a download is compared with is the
    published number of users, and the checksum of an earlier download, which is kept in
    `msweb.sha256`.

    References
    ----------
    .. [1] J. S. Breese, D. Heckerman and C. Kadie, "Empirical Analysis of Predictive
       Algorithms for Collaborative Filtering", UAI 1998.

    Examples
    --------
    >>> from sklearn_metarec.datasets import fetch_msweb
    >>> X, y = fetch_msweb(return_X_y=True)  # doctest: +SKIP
    >>> X.shape[1], float(y.min())  # doctest: +SKIP
    (2, 1.0)
    """
    return fetch(
        _MSWEB, "msweb.rst", data_home=data_home,
        download_if_missing=download_if_missing, n_retries=n_retries, delay=delay,
        return_X_y=return_X_y, as_frame=as_frame,
    )  # fmt: skip


def _parse(path):
    """Read lines that begin with what they are: an area, a case, or a vote of it."""
    import pandas as pd

    areas, visits, user = [], [], None
    with gzip.open(path, "rt", encoding="latin-1", newline="") as file:
        for kind, *values in filter(None, csv.reader(file)):
            if kind == "A":
                areas.append((int(values[0]), values[2]))
            elif kind == "C":
                user = int(values[1])
            elif kind == "V":
                visits.append((user, int(values[0]), 1))
    items = pd.DataFrame(areas, columns=["item_id", "labels"]).sort_values("item_id")
    return {
        "": pd.DataFrame(visits, columns=["user_id", "item_id", "rating"]),
        ".items": items,
    }


_MSWEB = DataSet(
    "msweb",
    Archive("https://kdd.ics.uci.edu/databases/msweb/anonymous-msweb.data.gz"),
    _parse,
    {"": ["user_id", "item_id", "rating"], ".items": ["item_id", "labels"]},
    {"users": 32_711},
    text=frozenset({"labels"}),
)
