"""The peers' side of the races: each library used as its documentation asks.

Each function takes a `Table`, prepares what the library wants to be given (outside of
the time), and returns a `Contestant`. Imports neither this package nor, before its
time, any peer: also run in a peer's own environment.
"""

import numpy as np
from _contestant import Contestant
from _machine import cores
from threadpoolctl import threadpool_limits

K = 10


def _one_blas_thread(work):
    """Run `work` as implicit asks for: its own threads, and BLAS with one."""

    def limited():
        with threadpool_limits(1, "blas"):
            return work()

    return limited


# ---------------------------------------------------------------------------- implicit


def implicit_als_fit(table, **options):
    """Fit implicit's ALS by conjugate gradients."""
    matrix = table.matrix()
    matrix.data[:] += options["alpha"]

    def fit():
        return _implicit_als(matrix, **options)

    def outcome(model):
        return {"users": model.user_factors, "items": model.item_factors}

    return Contestant(_one_blas_thread(fit), outcome)


def _implicit_als(matrix, n_factors, max_iter, regularization, alpha):
    """Fit; `matrix` holds the confidences already."""
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=n_factors, iterations=max_iter, regularization=regularization,
        alpha=1.0, random_state=0, num_threads=cores(),
    )  # fmt: skip
    model.fit(matrix, show_progress=False)
    return model


def implicit_als_recommend(table, **options):
    """Recommend to all users by implicit's ALS."""
    matrix = table.matrix()
    model = _one_blas_thread(lambda: _implicit_als(11 * matrix, **options))()
    everyone = np.arange(table.shape[0])

    def recommend():
        return model.recommend(everyone, matrix, N=K)

    def outcome(result):
        factors = {"users": model.user_factors, "items": model.item_factors}
        return {"cols": result[0], "scores": result[1], **factors}

    return Contestant(_one_blas_thread(recommend), outcome)


def implicit_als_one(table, asked, **options):
    """Recommend to one user after the other by implicit's ALS."""
    matrix = table.matrix()
    model = _one_blas_thread(lambda: _implicit_als(11 * matrix, **options))()

    def recommend():
        return [model.recommend(user, matrix[user], N=K)[0] for user in asked]

    return Contestant(_one_blas_thread(recommend), _stacked)


def _stacked(lists):
    return {"cols": np.stack(lists)}


def implicit_knn_fit(table, n_neighbors):
    """Fit implicit's cosine neighbours."""
    matrix, sample = table.matrix(), table.sample()

    def outcome(model):
        return {"cols": model.recommend(sample, matrix[sample], N=K)[0]}

    def fit():
        return _implicit_knn(matrix, n_neighbors)

    return Contestant(_one_blas_thread(fit), outcome)


def _implicit_knn(matrix, n_neighbors):
    from implicit.nearest_neighbours import CosineRecommender

    # The item itself is among its K neighbours.
    model = CosineRecommender(K=n_neighbors + 1, num_threads=cores())
    model.fit(matrix, show_progress=False)
    return model


def implicit_knn_recommend(table, n_neighbors):
    """Recommend to all users by implicit's cosine neighbours."""
    matrix, sample = table.matrix(), table.sample()
    model = _implicit_knn(matrix, n_neighbors)
    everyone = np.arange(table.shape[0])

    def recommend():
        return model.recommend(everyone, matrix, N=K)

    def outcome(result):
        return {"cols": result[0][sample]}

    return Contestant(_one_blas_thread(recommend), outcome)


def implicit_bpr_fit(table, **options):
    """Fit implicit's BPR, on one thread and with a seed: so it is reproducible."""
    from implicit.bpr import BayesianPersonalizedRanking

    matrix = table.matrix()

    def fit():
        model = BayesianPersonalizedRanking(
            factors=options["n_factors"], iterations=options["max_iter"],
            learning_rate=options["learning_rate"],
            regularization=options["regularization"], num_threads=1, random_state=0,
            use_gpu=False,
        )  # fmt: skip
        model.fit(matrix, show_progress=False)
        return model

    def outcome(model):
        # The biases are a column of the items' factors.
        return {"users": model.user_factors, "items": model.item_factors}

    return Contestant(_one_blas_thread(fit), outcome)


# ---------------------------------------------------------------------------- skrecsys


def skrecsys_als_recommend(table, n_factors):
    """Recommend to all users by skrecsys' (explicit) ALS."""
    model = _skrecsys_als(table, n_factors)

    def recommend():
        return model.recommend(table.users, n_recommendations=K)

    def outcome(result):
        # A constant column for each bias makes the score one inner product.
        ones = np.ones
        users = [model.user_factors_, model.user_bias_[:, None], ones(table.shape[0])]
        items = [model.item_factors_, ones(table.shape[1]), model.item_bias_[:, None]]
        return {
            "cols": np.searchsorted(table.items, result[0]),
            "scores": result[1] - model.global_bias_,
            "users": np.column_stack(users),
            "items": np.column_stack(items),
        }

    return Contestant(recommend, outcome)


def _skrecsys_als(table, n_factors):
    """Fit in one sweep, since only the ranking is timed."""
    from skrecsys.recommendation import AlternatingLeastSquares

    model = AlternatingLeastSquares(n_factors=n_factors, n_iter=1, random_state=0)
    return model.fit(table.X, table.y)


def skrecsys_als_one(table, asked, n_factors):
    """Recommend to one user after the other by skrecsys' ALS."""
    model = _skrecsys_als(table, n_factors)
    users = table.users[asked]

    def recommend():
        return [model.recommend([user], n_recommendations=K)[0][0] for user in users]

    return Contestant(recommend, _stacked)


def skrecsys_knn_fit(table, n_neighbors):
    """Fit skrecsys' cosine neighbours."""
    return Contestant(
        lambda: _skrecsys_knn(table, n_neighbors),
        lambda model: _skrecsys_lists(table, model),
    )


def _skrecsys_knn(table, n_neighbors):
    from skrecsys.recommendation import ItemKNNRecommender

    return ItemKNNRecommender(n_neighbors=n_neighbors).fit(table.X)


def _skrecsys_lists(table, model):
    users = table.users[table.sample()]
    items, _ = model.recommend(users, n_recommendations=K)
    return {"cols": np.searchsorted(table.items, items)}


def skrecsys_knn_recommend(table, n_neighbors):
    """Recommend to all users by skrecsys' cosine neighbours."""
    model = _skrecsys_knn(table, n_neighbors)

    def recommend():
        return model.recommend(table.users, n_recommendations=K)

    def outcome(result):
        return {"cols": np.searchsorted(table.items, result[0][table.sample()])}

    return Contestant(recommend, outcome)


def skrecsys_ease_fit(table, regularization):
    """Fit skrecsys' EASE."""
    from skrecsys.recommendation import EASE

    return Contestant(
        lambda: EASE(l2_reg=regularization).fit(table.X),
        lambda model: _skrecsys_lists(table, model),
    )


def skrecsys_slim_fit(table, regularization, l1_regularization):
    """Fit skrecsys' SLIM without dropping weights, its penalties in our units."""
    from skrecsys.recommendation import SLIMElasticNet

    total = regularization + l1_regularization
    # Its squared error is a mean over users, and 1000 the most weights that it keeps.
    options = {
        "alpha": total / table.shape[0], "l1_ratio": l1_regularization / total,
        "n_neighbors": 1000,
    }  # fmt: skip

    def outcome(model):
        places = np.searchsorted(table.items, model.item_ids_)
        weights = np.zeros((table.shape[1],) * 2)
        weights[np.ix_(places, places)] = model.similarity_.toarray()
        return {"weights": weights}

    return Contestant(lambda: SLIMElasticNet(**options).fit(table.X), outcome)


def skrecsys_bpr_fit(table, **options):
    """Fit skrecsys' BPR on one thread, where it is reproducible."""
    from skrecsys.recommendation import BayesianPersonalizedRanking

    def fit():
        model = BayesianPersonalizedRanking(random_state=0, n_jobs=1, **options)
        return model.fit(table.X)

    return Contestant(fit, lambda model: _skrecsys_lists(table, model))


# ------------------------------------------------------------------------------ cmfrec


def cmfrec_cmf_fit(table):
    """Fit cmfrec's collective factorization with implicit features, ten factors."""
    from cmfrec import CMF
    from scipy import sparse

    ratings = sparse.coo_matrix((table.y, (table.rows, table.cols)), shape=table.shape)

    def fit():
        model = CMF(
            k=10, add_implicit_features=True, precompute_for_predictions=False,
            nthreads=cores(), verbose=False,
        )  # fmt: skip
        return model.fit(ratings)

    def outcome(model):
        return errors(table, model.predict(*places(table)))

    return Contestant(fit, outcome)


def places(table):
    """Return the codes of the test rows; one beyond the last for an unknown id."""
    columns = []
    for ids, column in zip((table.users, table.items), table.X_test.T, strict=True):
        place = np.minimum(np.searchsorted(ids, column), len(ids) - 1)
        columns.append(np.where(ids[place] == column, place, len(ids)))
    return columns


# ----------------------------------------------------------------- NumPy, and ratings


def numpy_ease_fit(table, regularization):
    """Fit EASE by NumPy's inverse in single precision."""
    matrix = table.matrix()

    def fit():
        gram = (matrix.T @ matrix).toarray()
        gram[np.diag_indices_from(gram)] += np.float32(regularization)
        inverse = np.linalg.inv(gram)
        weights = inverse / -np.diag(inverse)
        np.fill_diagonal(weights, 0)
        return weights

    return Contestant(fit, lambda weights: {"weights": weights})


def cornac_mf_fit(table, **options):
    """Fit cornac's matrix factorization."""
    from cornac.data import Dataset
    from cornac.models import MF

    data = Dataset.from_uir(list(zip(*table.X.T, table.y, strict=True)))

    def fit():
        model = MF(k=10, seed=0, num_threads=cores(), **options)
        return model.fit(data)

    def outcome(model):
        pairs = [
            (data.uid_map.get(user, -1), data.iid_map.get(item, -1))
            for user, item in table.X_test
        ]
        return errors(table, [_cornac_rating(model, *pair) for pair in pairs])

    return Contestant(fit, outcome)


def _cornac_rating(model, user, item):
    """Return mean, biases and product; nothing for an id that is not known."""
    rating = model.global_mean
    if user >= 0:
        rating += model.u_biases[user]
    if item >= 0:
        rating += model.i_biases[item]
    if user >= 0 and item >= 0:
        rating += model.u_factors[user] @ model.i_factors[item]
    return rating


def surprise_svd_fit(table):
    """Fit Surprise's SVD, with its own settings."""
    from surprise import SVD

    return _surprise(table, lambda: SVD(random_state=0))


def surprise_knn_fit(table):
    """Fit Surprise's neighbours of items around a baseline, with Koren's similarity."""
    from surprise import KNNBaseline

    options = {"name": "pearson_baseline", "user_based": False}
    return _surprise(table, lambda: KNNBaseline(sim_options=options, verbose=False))


def _surprise(table, make):
    from surprise import Dataset, Reader

    scale = Reader(rating_scale=(table.y.min(), table.y.max()))
    rows = [
        (user, item, rating, None)
        for (user, item), rating in zip(table.X, table.y, strict=True)
    ]
    data = Dataset(scale).construct_trainset(rows)

    def outcome(model):
        return errors(table, [model.predict(*pair).est for pair in table.X_test])

    return Contestant(lambda: make().fit(data), outcome)


def errors(table, predicted):
    """Return the errors of the test rows, inside the range of the ratings."""
    clipped = np.clip(predicted, table.y.min(), table.y.max())
    return {"errors": clipped - table.y_test}
