"""
How many interactions does a new user need?
===========================================

``ColdUserSplit`` takes users out of the training part. Their first rows come back as
``history=``, one more at a time: the lists are made without another fit.
"""

# %%
# Users and items have numeric features that tell of the taste, which ``FMRanker``
# reads.
import matplotlib.pyplot as plt

from sklearn_metarec import EASE, FMRanker, ItemKNN, PopularityRecommender
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.metrics import ranking_scores
from sklearn_metarec.model_selection import ColdUserSplit

data = make_interactions(
    1000, 300, 30_000, n_item_features=8, n_user_features=8,
    as_frame=True, return_X_y=False, random_state=0,
)  # fmt: skip
X = data.X
features = {"item_features": data.item_features, "user_features": data.user_features}
train, test = next(ColdUserSplit(test_size=0.3, random_state=0).split(X))
models = {
    "popularity": PopularityRecommender(),
    "ItemKNN": ItemKNN(),
    "EASE": EASE(50),
    "FMRanker with features": FMRanker(**features, max_iter=25, random_state=0),
}
for model in models.values():
    model.fit(X.iloc[train])

# %%
# Of each new user the first ten rows are what may be known; what comes later is the
# test. All models are asked for the same, whatever the length of the history.
rows = X.iloc[test]
place = rows.groupby("user_id").cumcount()
later = rows[place >= 10]
users = later["user_id"].unique()
first = rows[(place < 10) & rows["user_id"].isin(users)]
# What may be in some history is in no list, so that longer ones are not at a
# disadvantage.
lengths = [1, 2, 3, 5, 7, 10]


def ndcg(model, length):
    history = first[place.loc[first.index] < length]
    items, scores = model.recommend(users, k=10, history=history, exclude=first)
    return ranking_scores(later, users, items, scores=scores)["ndcg@10"]


fig, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for name, model in models.items():
    ax.plot(lengths, [ndcg(model, n) for n in lengths], "o-", label=name)
ax.set_xlabel("rows known of a new user")
ax.set_ylabel("nDCG@10 of later rows")
ax.grid(alpha=0.3)
ax.legend()
plt.show()
