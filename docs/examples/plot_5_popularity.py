"""
Accuracy against popularity
===========================

A list of what everybody knows is often right and seldom useful. ``RP3beta`` has a
parameter that holds popular items back: what does it cost, and what does it give?
"""

# %%
# All metrics come from one pass over the lists.
import matplotlib.pyplot as plt
import numpy as np

from sklearn_metarec import EASE, PopularityRecommender, RP3beta
from sklearn_metarec.datasets import load_movietweetings
from sklearn_metarec.metrics import ranking_scores
from sklearn_metarec.model_selection import PerUserShuffleSplit
from sklearn_metarec.preprocessing import clean_interactions

X, rating = load_movietweetings(return_X_y=True, as_frame=True)
X = clean_interactions(X, min_user=10, min_item=10).X
train, test = next(PerUserShuffleSplit(test_size=0.2, random_state=0).split(X))
train, test = X.iloc[train], X.iloc[test]
users = test["user_id"].unique()
metrics = ["ndcg@10", "novelty@10", "coverage@10", "tail_share@10", "gini@10"]


def measure(model):
    items, scores = model.fit(train).recommend(users, k=10)
    return ranking_scores(
        test, users, items, scores=scores, metrics=metrics, X_train=train
    )


betas = np.linspace(0, 1, 9)
walks = [measure(RP3beta(beta=beta)) for beta in betas]
others = {"popularity": PopularityRecommender(), "EASE": EASE(100)}
others = {name: measure(model) for name, model in others.items()}

# %%
# Each point of the line is a value of ``beta``. Up is more accurate, to the right more
# of the catalogue is shown; what is above and to the right of another model is better
# in both.
fig, axes = plt.subplots(1, 2, figsize=(9, 4), layout="constrained", sharey=True)
for ax, metric in zip(axes, ["coverage@10", "novelty@10"], strict=True):
    x = [values[metric] for values in walks]
    y = [values["ndcg@10"] for values in walks]
    ax.plot(x, y, "o-", label="RP3beta")
    for place in (0, len(betas) // 2, len(betas) - 1):
        ax.annotate(
            f"beta={betas[place]:g}", (x[place], y[place]),
            textcoords="offset points", xytext=(6, 6), fontsize=8,
        )  # fmt: skip
    for name, values in others.items():
        ax.plot(values[metric], values["ndcg@10"], "s", label=name)
    ax.set_xlabel(metric)
    ax.grid(alpha=0.3)
axes[0].set_ylabel("ndcg@10")
axes[0].legend()
plt.show()
