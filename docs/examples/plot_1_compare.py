"""
Compare recommenders
====================

Which recommender is better, and is the difference more than chance? Several are fitted
on the same part of the table, and measured user by user on the other.
"""

# %%
# The table is made, so that the example runs anywhere. ``PerUserShuffleSplit`` holds
# out a fifth of each user's items.
import matplotlib.pyplot as plt
import numpy as np

from sklearn_metarec import EASE, IALS, ItemKNN, PopularityRecommender, PureSVD
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.metrics import mean_interval, paired_test, ranking_scores
from sklearn_metarec.model_selection import PerUserShuffleSplit

X, y = make_interactions(1500, 300, 30_000, random_state=0)
train, test = next(PerUserShuffleSplit(test_size=0.2, random_state=0).split(X))

models = {
    "popularity": PopularityRecommender(),
    "PureSVD": PureSVD(8, random_state=0),
    "ItemKNN": ItemKNN(),
    "IALS": IALS(16, random_state=0),
    "EASE": EASE(),
}

# %%
# ``per_user=True`` gives one value a user, NaN for those without a test item. So a
# mean has an interval.
users = np.unique(X[test, 0])
values = {}
for name, model in models.items():
    items, scores = model.fit(X[train]).recommend(users, k=10)
    result = ranking_scores(X[test], users, items, scores=scores, per_user=True)
    values[name] = result["ndcg@10"]
intervals = {name: mean_interval(v, random_state=0) for name, v in values.items()}

names = sorted(intervals, key=lambda name: intervals[name].mean)
means = np.array([intervals[name].mean for name in names])
low = np.array([intervals[name].low for name in names])
high = np.array([intervals[name].high for name in names])

fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.errorbar(means, names, xerr=[means - low, high - means], fmt="o", capsize=3)
ax.set_xlabel("nDCG@10, mean over users with a 95% interval")
ax.grid(axis="x", alpha=0.3)
plt.show()

# %%
# Intervals that overlap do not say that two models are equal: the same users were
# asked twice. A paired test looks at the difference of each user's two values.
best, second = names[-1], names[-2]
result = paired_test(values[best], values[second], random_state=0)
print(f"{best} - {second}: {result.difference:+.4f}")
print(f"95% interval: {result.interval[0]:+.4f} to {result.interval[1]:+.4f}")
print(f"p = {result.p_value:.4f}")
