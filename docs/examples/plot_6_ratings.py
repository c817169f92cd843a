"""
Rating models are regressors
============================

So scikit-learn's tools for regressors take them: here its learning curve, and a vote
of two models.
"""

# %%
# How does the error fall with the number of ratings?
import matplotlib.pyplot as plt
from sklearn.ensemble import VotingRegressor
from sklearn.model_selection import ShuffleSplit, learning_curve

from sklearn_metarec import BiasRegressor, ItemKNNRegressor, SVDppRegressor
from sklearn_metarec.datasets import make_interactions

X, stars = make_interactions(
    500, 200, 20_000, n_factors=4, feedback="explicit", random_state=0
)
models = {
    "biases": BiasRegressor(),
    "SVD++": SVDppRegressor(),
    "neighbours": ItemKNNRegressor(),
    "vote of both": VotingRegressor(
        [("svdpp", SVDppRegressor()), ("knn", ItemKNNRegressor())]
    ),
}
fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, model in models.items():
    sizes, _, scores = learning_curve(
        model, X, stars,
        train_sizes=[0.1, 0.2, 0.4, 0.7, 1.0],
        cv=ShuffleSplit(3, test_size=0.25, random_state=0),
        scoring="neg_root_mean_squared_error",
    )  # fmt: skip
    ax.plot(sizes, -scores.mean(axis=1), "o-", label=name)
ax.set_ylabel("RMSE")
ax.set_xlabel("ratings in training")
ax.grid(alpha=0.3)
ax.legend()
plt.show()

# %%
# The ratings have a noise of half a star, and are whole stars: what no model can be
# without.
