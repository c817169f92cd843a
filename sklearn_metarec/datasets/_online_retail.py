"""The purchases of an online shop, of the UCI repository."""

import io
import zipfile

import numpy as np

from sklearn_metarec.datasets._archive import Archive, read_member
from sklearn_metarec.datasets._cache import PARAMETERS, DataSet, fetch
from sklearn_metarec.datasets._xlsx import read_rows
from sklearn_metarec.utils._sklearn import validate_params

# Spreadsheets count days since 1899-12-30, and this is 1970-01-01.
_FIRST_DAY = 25_569


@validate_params(PARAMETERS, prefer_skip_nested_validation=True)
def fetch_online_retail(
    *, data_home=None, download_if_missing=True, n_retries=3, delay=1.0,
    return_X_y=False, as_frame=False,
):  # fmt: skip
    """Load the purchases of a year in an online shop (implicit feedback).

    =================   ========================
    Purchases           397,924
    Customers           4,339
    Articles            3,665
    Target              quantity, 1 and more
    =================   ========================

    They are downloaded from the UCI Machine Learning Repository at the first call.

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
        Whether to return pandas objects, with named columns. Recommenders find the
        column of time by its name, in a frame only.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with the following attributes.

        data : ndarray of shape (397924, 5), dtype=object, or DataFrame
            User id (int), item id (a string: "85123A"), timestamp (seconds since 1970),
            unit price (pounds) and country, in the order of time.
        target : ndarray of shape (397924,), dtype=float64, or Series
            How many were bought.
        frame : DataFrame of shape (397924, 6) or None
            `data` and `target` with `as_frame=True`.
        feature_names, target_names : list of str
            The columns of `data`, and the name of the target.
        item_features : ndarray of shape (3665, 3), dtype=object, or DataFrame
            Item id, description and median price, in the order of the ids.
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
    fetch_msweb : Visits of pages.

    Notes
    -----
    The folder has `online_retail.csv.gz` (the columns above, and `rating`, which is 1)
    and `online_retail.items.csv.gz`. Where these are, nothing is downloaded. To make
    them of the spreadsheet takes about half a minute, once. Rows without a customer
    and cancellations are left out; nothing else is.

    The archive is compared with the SHA-256 checksum of the published one.

    References
    ----------
    .. [1] D. Chen, S. L. Sain and K. Guo, "Data mining for the online retail industry",
       Journal of Database Marketing & Customer Strategy Management 19(3), 2012.

    Examples
    --------
    >>> from sklearn_metarec.datasets import fetch_online_retail
    >>> X, y = fetch_online_retail(return_X_y=True)  # doctest: +SKIP
    >>> X.shape, y.shape  # doctest: +SKIP
    ((397924, 5), (397924,))
    """
    return fetch(
        _ONLINE_RETAIL, "online_retail.rst", data_home=data_home,
        download_if_missing=download_if_missing, n_retries=n_retries, delay=delay,
        return_X_y=return_X_y, as_frame=as_frame,
    )  # fmt: skip


def _parse(path):
    import pandas as pd

    with zipfile.ZipFile(path) as archive:
        rows = read_rows(io.BytesIO(read_member(archive, ".xlsx")))
        header = {name: column for column, name in next(rows).items()}
        purchases = list(_purchases(rows, header))
    table = pd.DataFrame(purchases, columns=_COLUMNS).assign(rating=1)
    days = table["day"].astype(np.float64)
    table["timestamp"] = np.rint((days - _FIRST_DAY) * 86_400).astype(np.int64)
    table["unit_price"] = table["unit_price"].astype(np.float64)
    articles = table.groupby("item_id", sort=True)
    items = pd.DataFrame(
        {
            "description": articles["description"].agg(_most_frequent),
            "median_price": articles["unit_price"].median(),
        }
    )
    kept = ["user_id", "item_id", "rating", "timestamp", *_COLUMNS[4:]]
    return {"": table[kept], ".items": items.reset_index()}


_COLUMNS = [
    "user_id", "item_id", "description", "day", "quantity", "unit_price", "country",
]  # fmt: skip
_HEADER = [
    "CustomerID", "StockCode", "Description", "InvoiceDate", "Quantity", "UnitPrice",
    "Country",
]  # fmt: skip


def _purchases(rows, header):
    """Yield the rows that have a customer and were not cancelled."""
    invoice = header["InvoiceNo"]
    columns = [header[name] for name in _HEADER]
    for row in rows:
        if columns[0] in row and not row[invoice].startswith("C"):
            yield [row.get(column, "") for column in columns]


def _most_frequent(texts):
    """Return the most frequent text, of several the one that comes first."""
    return texts.value_counts(sort=False).idxmax()


_ONLINE_RETAIL = DataSet(
    "online_retail",
    # Several projects state this checksum of the archive.
    Archive(
        "https://archive.ics.uci.edu/static/public/352/online+retail.zip",
        "f5385cbb54bbebf7196389109c6b0621faab0c304e3702548165e71c84aede8b",
    ),
    _parse,
    {
        "": ["user_id", "item_id", "timestamp", "quantity", "unit_price", "country"],
        ".items": ["item_id", "description", "median_price"],
    },
    {"rows": 397_924, "users": 4339, "items": 3665},
    target="quantity",
    text=frozenset({"item_id", "country", "description"}),
    dropped=frozenset({"rating"}),
)
