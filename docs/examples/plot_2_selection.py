"""
Watch a selection
=================

``MetaSelector`` compares recommenders and their settings, and becomes the best. Its
displays show what it measured.
"""

# %%
# The budget is a number of evaluations here, so that the result is the same on any
# machine; ``budget="60s"`` is what one would use.
import matplotlib.pyplot as plt

from sklearn_metarec import EASE, IALS, ItemKNN, MetaSelector, PopularityRecommender
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.inspection import LeaderboardDisplay, SelectionDisplay

X, y = make_interactions(4000, 300, 60_000, random_state=0)
candidates = [
    ("ease", EASE(), {"regularization": [5.0, 50.0, 500.0]}),
    ("item_knn", ItemKNN(), {"n_neighbors": [5, 20, 80]}),
    ("ials", IALS(16, random_state=0), {"regularization": [1.0, 5.0, 20.0]}),
    ("popularity", PopularityRecommender(), {}),
]
selector = MetaSelector(candidates, budget=30, combine=None, random_state=0).fit(X)
print(selector.best_name_, selector.best_params_)

# %%
# The leaderboard, with 95% intervals over the users. Configurations in a pale colour
# were left behind on a part of the users: a paired test said that they would not win.
LeaderboardDisplay.from_selector(selector)
plt.show()

# %%
# The same as a race: each line is a configuration, measured on growing shares of the
# users.
SelectionDisplay.from_selector(selector, kind="race")
plt.show()

# %%
# Is the best one worth its time?
SelectionDisplay.from_selector(selector, kind="time")
plt.show()
