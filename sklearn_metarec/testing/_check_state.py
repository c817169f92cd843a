"""Checks of what a fitted recommender is made of: files, copies, threads."""

import pickle
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import joblib
import numpy as np
from sklearn.base import clone

from sklearn_metarec._side_tables import SIDE_TABLES
from sklearn_metarec.testing._assertions import (
    require,
    require_same_lists,
    require_same_model,
    require_unchanged,
    snapshot,
)
from sklearn_metarec.testing._tables import (
    Capabilities,
    fitted,
    make_rows,
    seeded,
    some_users,
    unseen_rows,
)


def checks(can):
    """Yield the checks that apply."""
    yield check_calls_change_nothing
    yield check_threads
    yield check_parallel
    # A class of an interactive session has no name that a file could give.
    if can.importable:
        yield check_pickle
        yield check_memory_mapped_model
    if can.importable and find_spec("skops"):
        yield check_skops
    if can.params & set(SIDE_TABLES):
        yield check_clone_shares_side_tables
    yield check_html


def check_calls_change_nothing(name, estimator):
    """Check that no call but a fit changes the model."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    for what, call in _calls(model, estimator, rows).items():
        before = snapshot(model)
        call()
        require_unchanged(model, before, f"{name}.{what}")


def check_threads(name, estimator):
    """Check that calls from two threads at once give what they give alone."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    calls = _calls(model, estimator, rows)
    alone = {what: call() for what, call in calls.items()}
    # A copy that no call has warmed up.
    calls = _calls(fitted(estimator, *rows), estimator, rows)
    with ThreadPoolExecutor(2) as pool:
        pending = [(what, pool.submit(calls[what])) for what in [*calls] * 4]
        for what, future in pending:
            require(
                joblib.hash(future.result()) == joblib.hash(alone[what]),
                f"{name}.{what} gives another result beside another thread.",
            )


def check_parallel(name, estimator):
    """Check that a fit in a worker of joblib gives the model of a fit here."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    expected = model.recommend(k=5)
    for backend in ("threading", "loky"):
        found = joblib.Parallel(n_jobs=2, backend=backend)(
            joblib.delayed(_fit_and_recommend)(seeded(estimator), rows)
            for _ in range(2)
        )
        for lists in found:
            require_same_lists(expected, lists, f"{name} in a worker of {backend}")


def check_pickle(name, estimator):
    """Check that a pickled model comes back the same, and can be asked and updated."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    copy = pickle.loads(pickle.dumps(model))
    require_same_model(model, copy, f"{name} comes back from pickle as another model")
    model.recommend(k=2)  # whatever a first call keeps has to be pickled too
    copy = pickle.loads(pickle.dumps(model))
    require_same_model(model, copy, f"{name} comes back from pickle as another model")


def check_memory_mapped_model(name, estimator):
    """Check that a model works whose arrays are mapped from a file, read-only."""
    rows = make_rows(estimator)
    model = fitted(estimator, *rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.joblib"
        joblib.dump(model, path)
        mapped = joblib.load(path, mmap_mode="r")
        require_same_model(model, mapped, f"{name} mapped from a file")
        for what, call in _calls(mapped, estimator, rows).items():
            expected = _calls(model, estimator, rows)[what]()
            require(
                joblib.hash(call()) == joblib.hash(expected),
                f"{name}.{what} of a model mapped from a file differs.",
            )
        # Windows cannot remove a file that is mapped.
        del mapped, call


def check_skops(name, estimator):
    """Check that a model saved with `sklearn_metarec.save` comes back the same."""
    import skops.io

    from sklearn_metarec.persistence import load, save

    model = fitted(estimator, *make_rows(estimator))
    with tempfile.TemporaryDirectory() as folder:
        path = save(model, Path(folder) / "model.skops")
        ours = type(model).__module__.startswith("sklearn_metarec.")
        trusted = () if ours else skops.io.get_untrusted_types(file=path)
        copy = load(path, trusted=trusted)
    require_same_model(model, copy, f"{name} comes back from a file as another model")


def check_clone_shares_side_tables(name, estimator):
    """Check that a clone has the very side table of its original, not a copy."""
    for param in sorted(set(SIDE_TABLES) & Capabilities(estimator).params):
        table = {"item_id": np.arange(3)}
        original = clone(estimator).set_params(**{param: table})
        require(
            getattr(clone(original), param) is table,
            f"{name}: clone copies {param}, once a fit of a search.",
        )


def check_html(name, estimator):
    """Check that the representation for notebooks names the class, fitted or not."""
    model = fitted(estimator, *make_rows(estimator))
    for instance in (estimator, model):
        require(
            type(instance).__name__ in instance._repr_html_(),
            f"{name}: the HTML representation does not name the class.",
        )


def _fit_and_recommend(estimator, rows):
    return estimator.fit(*rows).recommend(k=5)


def _calls(model, estimator, rows):
    """Return every call that a fitted model has to survive, by what it is."""
    can = Capabilities(estimator)
    users, (user, item) = some_users(rows), rows.X[0].tolist()
    test = unseen_rows(rows)
    history = ([["zoe", item], [user, item], [user, rows.X[1, 1]]], [2.0, 3.0, 1.0])
    calls = {
        "predict": partial(model.predict, test),
        "recommend": partial(model.recommend, k=3),
        "recommend(users)": partial(model.recommend, [*users, "nobody"], k=3),
        "score": partial(model.score, test, np.arange(len(test)) % 3 + 1.0),
    }
    options = {"history": history, "items": rows.X[:5, 1], "exclude": rows.X[:9]}
    for option, value in options.items():
        if can.takes(option):
            asked = None if option == "history" else users
            calls[f"recommend({option})"] = partial(
                model.recommend, asked, k=3, **{option: value}
            )
    if can.has("explain"):
        calls["explain"] = partial(model.explain, user, item)
        if can.takes("history"):
            calls["explain(history)"] = partial(
                model.explain, "zoe", item, history=history
            )
    for side, ids in (("items", rows.X[:3, 1]), ("users", users)):
        if can.has(f"similar_{side}"):
            similar = getattr(model, f"similar_{side}")
            calls[f"similar_{side}"] = partial(similar, ids, 3)
    return calls
