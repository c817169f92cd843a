"""Checks that the same ids in any form give the same model."""

import tempfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from scipy import sparse

from sklearn_metarec.interactions import (
    encode_interactions,
    interactions_from_matrix,
)
from sklearn_metarec.testing._assertions import (
    require_close,
    require_same_lists,
    require_same_model,
)
from sklearn_metarec.testing._tables import fitted, make_rows


def checks(can):
    """Yield the checks that apply."""
    yield check_arrays_and_lists
    yield check_matrix
    if find_spec("pandas"):
        yield check_pandas
        yield check_column_names
        yield check_row_order_with_times
    if find_spec("polars"):
        yield check_polars
    yield check_read_only_input
    yield check_relabelling
    yield check_mixed_ids
    if can.takes_codes:
        yield check_interactions


def check_arrays_and_lists(name, estimator):
    """Check that arrays and lists of the same ids are the same table."""
    X, y = make_rows(estimator)
    forms = {
        "an int32 array": (X.astype(np.int32), y),
        "an object array": (X.astype(object), y.astype(int)),
        "a Fortran-ordered array": (np.asfortranarray(X), y.astype(np.float32)),
        "a float array": (X.astype(float), y),
        "a list": (X.tolist(), y.tolist()),
    }
    _require_same_for(name, estimator, X, y, forms)


def check_matrix(name, estimator):
    """Check that the entries of a sparse matrix are the rows of a table."""
    X, y = make_rows(estimator, distinct=True)
    user_ids, rows = np.unique(X[:, 0], return_inverse=True)
    item_ids, cols = np.unique(X[:, 1], return_inverse=True)
    shape = (len(user_ids), len(item_ids))
    matrix = sparse.csr_array((y, (rows, cols)), shape=shape)
    forms = {"a matrix": interactions_from_matrix(matrix, user_ids, item_ids)}
    _require_same_for(name, estimator, X, y, forms)


def check_interactions(name, estimator):
    """Check that a table that is encoded already is the same table."""
    X, y = make_rows(estimator)
    forms = {"an Interactions": (encode_interactions(X), y)}
    _require_same_for(name, estimator, X, y, forms)
    half = np.arange(len(X)) % 2 == 0
    part = encode_interactions(X)[half]  # its vocabularies are those of the whole
    require_same_model(
        fitted(estimator, X[half], y[half]), fitted(estimator, part, y[half]),
        f"{name}: a part of an Interactions is another table than those rows",
    )  # fmt: skip


def check_pandas(name, estimator):
    """Check that a pandas frame with a series as target is the same table."""
    import pandas as pd

    X, y = make_rows(estimator)
    frame = pd.DataFrame(X, columns=["user_id", "item_id"])
    nullable = frame.astype({"user_id": "Int64", "item_id": "category"})
    forms = {
        "a pandas frame": (frame, pd.Series(y)),
        "a pandas frame with an index": (
            frame.set_axis(range(len(X), 0, -1)),
            pd.Series(y, index=range(len(X), 0, -1)),
        ),
        "a pandas frame of objects": (frame.astype(object), y),
        "a pandas frame of nullable and categorical columns": (nullable, y),
    }
    _require_same_for(name, estimator, X, y, forms)


def check_polars(name, estimator):
    """Check that a polars frame with a series as target is the same table."""
    import polars as pl

    X, y = make_rows(estimator)
    frame = pl.DataFrame({"user_id": X[:, 0], "item_id": X[:, 1]})
    forms = {"a polars frame": (frame, pl.Series(y))}
    _require_same_for(name, estimator, X, y, forms)


def check_column_names(name, estimator):
    """Check that columns are found by name: in any order, spelling and prefixed."""
    import pandas as pd

    X, y = make_rows(estimator)
    user, item = X.T
    model = fitted(estimator, X, y)
    scores, lists = model.predict(X), model.recommend(k=5)
    for columns in (
        {"item_id": item, "user_id": user},
        {"ids__item_id": item, "rest__user_id": user},
        {"itemId": item, "UserID": user},
        {"item": item, "user": user},
    ):
        frame = pd.DataFrame(columns)
        other = fitted(estimator, frame, y)
        what = f"a frame with columns {list(columns)}"
        message = f"{name} is another model for {what}"
        require_same_lists(lists, other.recommend(k=5), message)
        require_close(other.predict(frame), scores, f"{name}.predict of {what}")


def check_row_order_with_times(name, estimator):
    """Check that the order of rows says nothing where they have times."""
    import pandas as pd

    X, y = make_rows(estimator)
    user, item = X.T
    time = np.random.default_rng(3).permutation(len(X))
    timed = pd.DataFrame({"timestamp": time, "item_id": item, "user_id": user})
    order = np.argsort(time)
    model = fitted(estimator, timed, y)
    other = fitted(estimator, timed.iloc[order], y[order])
    message = f"{name} depends on the order of rows although they have times"
    require_close(other.predict(timed), model.predict(timed), message)
    require_same_lists(model.recommend(k=5), other.recommend(k=5), message)


def check_read_only_input(name, estimator):
    """Check that read-only arrays do, in memory or mapped from a file."""
    X, y = make_rows(estimator)
    frozen = [X.copy(), y.copy()]
    for array in frozen:
        array.setflags(write=False)
    forms = {"a read-only array": tuple(frozen)}
    with tempfile.TemporaryDirectory() as folder:
        mapped = []
        for label, array in (("X", X), ("y", y)):
            path = Path(folder) / f"{label}.npy"
            np.save(path, array)
            mapped.append(np.load(path, mmap_mode="r"))
        forms["a memory-mapped array"] = tuple(mapped)
        _require_same_for(name, estimator, X, y, forms)
        # Windows cannot remove a file that is mapped.
        del mapped, forms


def check_relabelling(name, estimator):
    """Check that other ids in the same order give the same model in the other ids."""
    X, y = make_rows(estimator)
    model = fitted(estimator, X, y)
    names = {
        "shifted integers": lambda ids: [id_ - 100 for id_ in ids],
        "integers far apart": lambda ids: [id_ * 10**12 for id_ in ids],
        "fractions": lambda ids: [id_ + 0.5 for id_ in ids],
        "zero-padded strings": lambda ids: [f"{id_:06d}" for id_ in ids],
    }
    for what, rename in names.items():
        other = fitted(estimator, _renamed(X, rename), y)
        require_same_model(
            model, other, f"{name} is another model for {what}", rename=rename
        )


def check_mixed_ids(name, estimator):
    """Check that integers and strings may be mixed: numbers come before strings."""
    X, y = make_rows(estimator)
    model = fitted(estimator, X, y)

    def rename(ids):
        return [id_ if id_ < 103 else f"{id_:06d}" for id_ in ids]

    other = fitted(estimator, _renamed(X, rename), y)
    require_same_model(
        model, other, f"{name} is another model for mixed ids", rename=rename
    )


def _renamed(X, rename):
    """Return the rows in other ids, as a list of rows: these keep every type."""
    columns = [rename(column.tolist()) for column in X.T]
    return [list(row) for row in zip(*columns, strict=True)]


def _require_same_for(name, estimator, X, y, forms):
    """Fit each form of a table, and ask the model for predictions of that form."""
    model = fitted(estimator, X, y)
    scores = model.predict(X)
    for what, form in forms.items():
        other = fitted(estimator, *form)
        require_same_model(model, other, f"{name} is another model for {what}")
        require_close(other.predict(form[0]), scores, f"{name}.predict of {what}")
