"""
Tune with GridSearchCV
======================

Recommenders are estimators: scikit-learn's searches take them. What differs is the
splitter, as rows are not independent here, and the scorer, as lists are what is
judged.
"""

# %%
# Several metrics come from one ranking; ``refit`` names the one that decides.
import matplotlib.pyplot as plt
import numpy as np
from sklearn.model_selection import GridSearchCV

from sklearn_metarec import EASE
from sklearn_metarec.datasets import load_movietweetings
from sklearn_metarec.model_selection import PerUserShuffleSplit, make_ranking_scorer
from sklearn_metarec.preprocessing import clean_interactions

X, rating = load_movietweetings(return_X_y=True, as_frame=True)
# The part in which every user and every film has at least 15 rows.
X = clean_interactions(X, min_user=15, min_item=15).X
print(f"{len(X):,} rows, {X['user_id'].nunique():,} users")

search = GridSearchCV(
    EASE(),
    {"regularization": np.geomspace(10, 3000, 8)},
    scoring=make_ranking_scorer(["ndcg@10", "coverage@10"]),
    refit="ndcg@10",
    cv=PerUserShuffleSplit(n_splits=3, test_size=0.2, random_state=0),
).fit(X)
print(search.best_params_, f"nDCG@10 {search.best_score_:.3f}")

# %%
# A larger penalty leaves what is sure, which is what is popular: the lists of all
# users show fewer different films.
results = search.cv_results_
penalty = results["param_regularization"].astype(float)
fig, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
for ax, metric in zip(axes, ["ndcg@10", "coverage@10"], strict=True):
    mean, spread = results[f"mean_test_{metric}"], results[f"std_test_{metric}"]
    ax.errorbar(penalty, mean, yerr=spread, fmt="o-", capsize=3)
    ax.set_xscale("log")
    ax.set_xlabel("regularization")
    ax.set_title(metric)
    ax.grid(alpha=0.3)
plt.show()

# %%
# The search recommends through the free function, which unwraps it.
from sklearn_metarec import recommend

items, scores = recommend(search, X["user_id"][:1], k=5)
print(items)
