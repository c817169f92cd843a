"""The MovieLens tables of GroupLens."""

import csv
import io
import zipfile

from sklearn_metarec.datasets._archive import Archive, read_text
from sklearn_metarec.datasets._cache import PARAMETERS, DataSet, fetch
from sklearn_metarec.utils._sklearn import StrOptions, validate_params

_RATINGS = ["user_id", "item_id", "rating"]
_MOVIES = ["item_id", "title", "year", "genres"]


@validate_params(
    {"variant": [StrOptions({"100k", "1m", "latest-small"})]} | PARAMETERS,
    prefer_skip_nested_validation=True,
)
def fetch_movielens(
    variant="100k", *, data_home=None, download_if_missing=True, n_retries=3,
    delay=1.0, return_X_y=False, as_frame=False,
):  # fmt: skip
    """Load the ratings of movies by MovieLens users (explicit feedback).

    ==============   =========   =======   ======   ===============
    variant          ratings     users     movies   stars
    ==============   =========   =======   ======   ===============
    "100k"             100,000       943    1,682   1, 2, ... 5
    "1m"             1,000,209     6,040    3,706   1, 2, ... 5
    "latest-small"     100,836       610    9,724   0.5, 1, ... 5
    ==============   =========   =======   ======   ===============

    They are downloaded from GroupLens at the first call. The licence forbids to pass
    them on, and to use them commercially without permission.

    Parameters
    ----------
    variant : {"100k", "1m", "latest-small"}, default="100k"
        Which of the tables.
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
        Whether to return pandas objects, with named columns. Recommenders find the
        column of time by its name, in a frame only.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : ndarray of shape (n, 3), dtype=int64, or DataFrame
            User id, movie id and timestamp (seconds since 1970).
        target : ndarray of shape (n,), dtype=float64, or Series
            The stars.
        frame : DataFrame of shape (n, 4) or None
            `data` and `target` with `as_frame=True`.
        feature_names, target_names : list of str
            The columns of `data`, and the name of the target.
        item_features : ndarray of shape (n_movies, 4), dtype=object, or DataFrame
            Movie id, title, year of the release (NaN where unknown) and genres
            (separated by `|`).
        user_features : ndarray of shape (n_users, 5), dtype=object, or DataFrame
            User id, age, gender, occupation and zip code, in the order of the files;
            None for "latest-small", which has none.
        item_feature_names, user_feature_names : list of str or None
            Their columns.
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
    load_movietweetings : Ratings that come with the package.

    Notes
    -----
    The folder has `movielens_100k.csv.gz`, `movielens_100k.items.csv.gz` and
    `movielens_100k.users.csv.gz` (and so for the others): CSV with the columns above.
    Where these are, nothing is downloaded.

    An archive is compared with the SHA-256 checksum of the published one, and with the
    published counts. "latest-small" is that of September 2018: should GroupLens replace
    it, this is an error, not another table.

    References
    ----------
    .. [1] F. M. Harper and J. A. Konstan, "The MovieLens Datasets: History and
       Context", ACM Transactions on Interactive Intelligent Systems 5(4), 2015.

    Examples
    --------
    >>> from sklearn_metarec.datasets import fetch_movielens
    >>> X, y = fetch_movielens("100k", return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((100000, 3), (100000,))
    """
    return fetch(
        _VARIANTS[variant], "movielens.rst", data_home=data_home,
        download_if_missing=download_if_missing, n_retries=n_retries, delay=delay,
        return_X_y=return_X_y, as_frame=as_frame,
    )  # fmt: skip


def _parse_100k(path):
    with zipfile.ZipFile(path) as archive:
        ratings = _table(read_text(archive, "u.data"), "\t", [*_RATINGS, "timestamp"])
        genres = _table(read_text(archive, "u.genre"), "|", ["name", "code"])
        # Title, two dates, an address, and a switch for each genre.
        between = ["released", "video", "url"]
        names = genres["name"].to_list()
        movies = _table(
            read_text(archive, "u.item"), "|", ["item_id", "title", *between, *names]
        )
        columns = ["user_id", "age", "gender", "occupation", "zip_code"]
        users = _table(read_text(archive, "u.user"), "|", columns)
    switches = movies[names].to_numpy() == "1"
    movies["genres"] = [
        "|".join(name for name, on in zip(names, row, strict=True) if on)
        for row in switches
    ]
    movies["year"] = movies["released"].str[-4:]  # 01-Jan-1995
    return {"": ratings, ".items": movies[_MOVIES], ".users": users}


def _parse_1m(path):
    with zipfile.ZipFile(path) as archive:
        ratings, movies, users = (
            _table(read_text(archive, name).replace("::", "\t"), "\t", columns)
            for name, columns in (
                ("ratings.dat", [*_RATINGS, "timestamp"]),
                ("movies.dat", ["item_id", "title", "genres"]),
                ("users.dat", ["user_id", "gender", "age", "occupation", "zip"]),
            )
        )
    return {"": ratings, ".items": _with_years(movies), ".users": users}


def _parse_latest(path):
    import pandas as pd

    with zipfile.ZipFile(path) as archive:
        ratings, movies = (
            pd.read_csv(
                io.StringIO(read_text(archive, name)), dtype=str, na_filter=False
            )
            for name in ("ratings.csv", "movies.csv")
        )
    names = {"userId": "user_id", "movieId": "item_id"}
    ratings = ratings.rename(columns=names)[[*_RATINGS, "timestamp"]]
    return {"": ratings, ".items": _with_years(movies.rename(columns=names))}


def _table(text, separator, columns):
    """Read text without a header and without quotes, each value as it stands."""
    import pandas as pd

    return pd.read_csv(
        io.StringIO(text), sep=separator, names=columns, header=None, dtype=str,
        na_filter=False, quoting=csv.QUOTE_NONE, index_col=False,
    )  # fmt: skip


def _with_years(movies):
    """Return the movies with the year that stands at the end of a title."""
    # The greedy beginning finds the last year: "1984 (Nineteen Eighty-Four) (1984)".
    years = movies["title"].str.extract(r".*\((\d{4})\)", expand=False).fillna("")
    return movies.assign(year=years)[_MOVIES]


def _variant(name, filename, sha256, parse, counts, users=None):
    columns = {"": _RATINGS, ".items": _MOVIES} | ({".users": users} if users else {})
    return DataSet(
        f"movielens_{name}",
        Archive(f"https://files.grouplens.org/datasets/movielens/{filename}", sha256),
        parse,
        columns,
        counts,
        text=frozenset(
            {"title", "genres", "gender", "occupation", "zip_code", "zip"}
        ),
    )  # fmt: skip


# The checksums are those that TensorFlow Datasets and several other projects state of
# the published archives; of the first two GroupLens publishes MD5 sums, with the same
# result.
_VARIANTS = {
    "100k": _variant(
        "100k", "ml-100k.zip",
        "50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229",
        _parse_100k, {"rows": 100_000, "users": 943, "items": 1682},
        ["user_id", "age", "gender", "occupation"],
    ),
    "1m": _variant(
        "1m", "ml-1m.zip",
        "a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20",
        _parse_1m, {"rows": 1_000_209, "users": 6040, "items": 3706},
        ["user_id", "age", "gender", "occupation"],
    ),
    "latest-small": _variant(
        "latest_small", "ml-latest-small.zip",
        "696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436",
        _parse_latest, {"rows": 100_836, "users": 610, "items": 9724},
    ),
}  # fmt: skip
