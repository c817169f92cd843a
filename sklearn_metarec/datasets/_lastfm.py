"""What Last.fm users listened to, of HetRec 2011."""

import csv
import io
import zipfile

from sklearn_metarec.datasets._archive import Archive, read_text
from sklearn_metarec.datasets._cache import PARAMETERS, DataSet, fetch
from sklearn_metarec.utils._sklearn import validate_params

_N_TAGS = 10  # of an artist


@validate_params(PARAMETERS, prefer_skip_nested_validation=True)
def fetch_lastfm(
    *, data_home=None, download_if_missing=True, n_retries=3, delay=1.0,
    return_X_y=False, as_frame=False,
):  # fmt: skip
    """Load the artists that Last.fm users listened to most (implicit feedback).

    =================   ==========================
    Pairs               92,834
    Users               1,892
    Artists             17,632
    Target              play count, 1 to 352,698
    =================   ==========================

    They are downloaded from GroupLens at the first call. They may be used for purposes
    that are not commercial.

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

        data : ndarray of shape (92834, 2), dtype=int64, or DataFrame
            User id and artist id.
        target : ndarray of shape (92834,), dtype=float64, or Series
            How often the user listened to the artist.
        frame : DataFrame of shape (92834, 3) or None
            `data` and `target` with `as_frame=True`.
        feature_names, target_names : list of str
            The columns of `data`, and the name of the target.
        item_features : ndarray of shape (17632, 3), dtype=object, or DataFrame
            Artist id, name and the ten tags that most users gave (separated by `|`, the
            most frequent first; empty where there is none).
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
    fetch_online_retail : Purchases.

    Notes
    -----
    The folder has `lastfm_hetrec2011.csv.gz` (the columns above, and `rating`, which is
    1) and `lastfm_hetrec2011.items.csv.gz`. Where these are, nothing is downloaded.

    The archive is compared with the SHA-256 checksum of the published one.

    References
    ----------
    .. [1] I. Cantador, P. Brusilovsky and T. Kuflik, "Second Workshop on Information
       Heterogeneity and Fusion in Recommender Systems", RecSys 2011.

    Examples
    --------
    >>> from sklearn_metarec.datasets import fetch_lastfm
    >>> X, y = fetch_lastfm(return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((92834, 2), (92834,))
    """
    return fetch(
        _LASTFM, "lastfm_hetrec2011.rst", data_home=data_home,
        download_if_missing=download_if_missing, n_retries=n_retries, delay=delay,
        return_X_y=return_X_y, as_frame=as_frame,
    )  # fmt: skip


def _parse(path):
    with zipfile.ZipFile(path) as archive:
        plays, artists, tags, tagged = (
            _table(archive, name)
            for name in (
                "user_artists.dat", "artists.dat", "tags.dat", "user_taggedartists.dat",
            )
        )  # fmt: skip
    plays = plays.rename(
        columns={"userID": "user_id", "artistID": "item_id", "weight": "play_count"}
    )
    items = artists.rename(columns={"id": "item_id"})[["item_id", "name"]]
    tags = items["item_id"].map(_most_frequent(tagged, tags)).fillna("")
    plays = plays.assign(rating=1)[["user_id", "item_id", "rating", "play_count"]]
    return {"": plays, ".items": items.assign(tags=tags)}


def _table(archive, name):
    import pandas as pd

    return pd.read_csv(
        io.StringIO(read_text(archive, name)), sep="\t", dtype=str, na_filter=False,
        quoting=csv.QUOTE_NONE, index_col=False,
    )  # fmt: skip


def _most_frequent(tagged, tags):
    """Return the tags of each artist, the most frequent first, then the first given."""
    names = tags.set_index("tagID")["tagValue"]
    pairs = tagged.groupby(["artistID", "tagID"], sort=False).size().reset_index()
    pairs = pairs.sort_values(pairs.columns[2], ascending=False, kind="stable")
    pairs = pairs.groupby("artistID").head(_N_TAGS)
    named = pairs["tagID"].map(names)
    return named.groupby(pairs["artistID"]).agg("|".join)


_LASTFM = DataSet(
    "lastfm_hetrec2011",
    # Several projects state this checksum of the archive.
    Archive(
        "https://files.grouplens.org/datasets/hetrec2011/hetrec2011-lastfm-2k.zip",
        "6738f48195667ff03caaab4d32ca9a3133d8cc026b7c3cdaf6ce1010e913c59c",
    ),
    _parse,
    {
        "": ["user_id", "item_id", "play_count"],
        ".items": ["item_id", "name", "tags"],
    },
    {"rows": 92_834, "users": 1892, "items": 17_632},
    target="play_count",
    text=frozenset({"name", "tags"}),
    dropped=frozenset({"rating"}),
)
