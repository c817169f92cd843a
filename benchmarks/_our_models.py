"""Our side of the races: from raw ids, through the public interface."""

import numpy as np
from _contestant import Contestant
from _peer_models import K, _stacked, errors

from sklearn_metarec import BPR, EASE, IALS, SLIM, ItemKNN, MFRegressor


def als_fit(table, **options):
    """Fit IALS."""

    def outcome(model):
        return {"users": model.user_factors_, "items": model.item_factors_}

    return Contestant(lambda: _als(table, **options), outcome)


def _als(table, **options):
    """Fit with one penalty for all users, as implicit has it."""
    return IALS(scale_regularization=0, random_state=0, **options).fit(table.X)


def als_recommend(table, **options):
    """Recommend to all users by IALS."""
    model = _als(table, **options)

    def outcome(result):
        return {
            "cols": np.searchsorted(table.items, result[0]), "scores": result[1],
            "users": model.user_factors_, "items": model.item_factors_,
        }  # fmt: skip

    return Contestant(lambda: model.recommend(k=K), outcome)


def als_one(table, asked, **options):
    """Recommend to one user after the other by IALS."""
    model = _als(table, **options)
    users = table.users[asked]

    def recommend():
        return [model.recommend([user], k=K)[0][0] for user in users]

    return Contestant(recommend, _stacked)


def bpr_fit(table, **options):
    """Fit BPR on one thread; plain sampling and rates are what the peers have."""

    def fit():
        model = BPR(random_state=0, n_jobs=1, **options)
        return model.fit(table.X)

    return Contestant(fit, lambda model: _lists(table, model))


def _lists(table, model):
    items, _ = model.recommend(table.users[table.sample()], k=K)
    return {"cols": np.searchsorted(table.items, items)}


def knn_fit(table, n_neighbors):
    """Fit ItemKNN."""
    return Contestant(
        lambda: _knn(table, n_neighbors), lambda model: _lists(table, model)
    )


def _knn(table, n_neighbors):
    """Fit plain cosines, which is what the peers have."""
    return ItemKNN(n_neighbors, shrinkage=0.0, asymmetry=0.0).fit(table.X)


def knn_recommend(table, n_neighbors):
    """Recommend to all users by ItemKNN."""
    model = _knn(table, n_neighbors)

    def outcome(result):
        return {"cols": np.searchsorted(table.items, result[0][table.sample()])}

    return Contestant(lambda: model.recommend(k=K), outcome)


def ease_fit(table, regularization):
    """Fit EASE."""
    return Contestant(
        lambda: EASE(regularization).fit(table.X), lambda model: _lists(table, model)
    )


def slim_fit(table, **options):
    """Fit SLIM."""

    def outcome(model):
        return {"weights": model.item_weights_.toarray()}

    return Contestant(lambda: SLIM(**options).fit(table.X), outcome)


def mf_fit(table):
    """Fit MFRegressor."""

    def fit():
        return MFRegressor(random_state=0).fit(table.X, table.y)

    return Contestant(fit, lambda model: errors(table, model.predict(table.X_test)))
