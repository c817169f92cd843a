"""
Watch a selection
=================

``MetaSelector`` compares recommenders and their settings, and becomes the best. Its
displays show what it measured.
"""

# %%
# The table is made, and large enough for a race: from 90,000 rows on, the first rounds
# are run on a part of the users. ``budget="60s"`` would bound the time.
import matplotlib.pyplot as plt

from sklearn_metarec import EASE, IALS, ItemKNN, MetaSelector, PopularityRecommender
from sklearn_metarec.datasets import make_interactions
from sklearn_metarec.inspection import LeaderboardDisplay, SelectionDisplay

X, y = make_interactions(12_000, 400, 300_000, random_state=0)
candidates = [
    ("ease", EASE(), {"regularization": [5.0, 50.0, 500.0]}),
    ("item_knn", ItemKNN(), {"n_neighbors": [5, 20, 80]}),
    ("ials", IALS(16, random_state=0), {"regularization": [1.0, 5.0, 20.0]}),
    ("popularity", PopularityRecommender(), {}),
]
selector = MetaSelector(candidates, combine=None, random_state=0).fit(X)
print(selector.best_name_, selector.best_params_)

# %%
# The leaderboard, with 95% intervals over the users. What is pale was measured on a
# part of the users: no more was needed, as a paired test said that it is behind, or
# that nobody else is left.
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
