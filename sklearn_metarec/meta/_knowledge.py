"""What earlier comparisons taught: scores and costs of configurations by data set."""

import json
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path

import numpy as np

_FILE = Path(__file__).with_name("_knowledge.json")
# What a configuration's cost is learned from, as logarithms.
COST_FEATURES = ("n_interactions", "n_users", "n_items")
# What similarity of tables goes by, as logarithms, and how far it reaches, in standard
# deviations (of all of them together: two tables at random are some five apart).
TELLING = (
    "n_users", "n_items", "n_interactions", "density", "users_per_item",
    "items_per_user", "user_count_max", "user_count_min", "user_count_mean",
    "item_count_max", "item_count_min", "item_count_mean",
)  # fmt: skip
_WIDTH = 2.0
_LEAST_SIMILARITY = 1e-3
# What the mean of a configuration counts in a portfolio, beside what it adds. From a
# tenth to one, portfolios of four to twelve differ little; without it they are worse.
_OWN_SHARE = 0.1


@dataclass(frozen=True)
class Configuration:
    """A model of this package with its settings.

    Attributes
    ----------
    model : str
        The name of the class.
    params : tuple of (str, object)
        What differs from the defaults.
    """

    model: str
    params: tuple = ()

    @classmethod
    def of(cls, estimator, params):
        """Describe an estimator that has been given some parameters."""
        return cls(type(estimator).__name__, tuple(sorted(params.items())))

    def make(self):
        """Return the estimator."""
        model = getattr(import_module("sklearn_metarec"), self.model)
        return model(**dict(self.params))


@dataclass(frozen=True)
class Experience:
    """How configurations did on one data set.

    Attributes
    ----------
    name : str
        The data set.
    family : str
        Data sets of one origin are of one family, and count as one.
    features : dict of str to float
        What :func:`meta_features` says of it.
    scores : dict of Configuration to float
        Greater is better; what could not be fitted has 0.
    seconds : dict of Configuration to float
        Of a fit and of ranking all users, on one core.
    """

    name: str
    family: str
    features: dict
    scores: dict
    seconds: dict

    def relative(self, configurations):
        """Return the scores relative to the best; 0 for what was not measured."""
        best = max(self.scores.values())
        scores = [self.scores.get(c, 0.0) for c in configurations]
        return np.array(scores) / best if best > 0 else np.ones(len(scores))


@cache
def experiences(task):
    """Return what is known of a task: experiences that ship with the package.

    Parameters
    ----------
    task : {"ranking", "rating"}
        What was predicted.

    Returns
    -------
    known : tuple of Experience
        Written by benchmarks/learn_portfolio.py.
    """
    content = json.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(read_experience(entry) for entry in content["experiences"][task])


def read_experience(entry):
    """Return an experience from its form in a file."""
    results = [
        (Configuration(r["model"], tuple(sorted(r["params"].items()))), r)
        for r in entry["results"]
    ]
    return Experience(
        entry["name"], entry["family"], entry["features"],
        {configuration: r["score"] for configuration, r in results},
        {configuration: r["seconds"] for configuration, r in results},
    )  # fmt: skip


def write_experience(experience):
    """Return an experience in its form in a file."""
    return {
        "name": experience.name,
        "family": experience.family,
        "features": {k: float(f"{v:.5g}") for k, v in experience.features.items()},
        "results": [
            {
                "model": configuration.model,
                "params": dict(configuration.params),
                "score": round(score, 5),
                "seconds": round(experience.seconds[configuration], 3),
            }
            for configuration, score in experience.scores.items()
        ],
    }


def portfolio(known, n=None, *, per_model=None, like=None):
    """Order configurations so that the first few are good on all kinds of data.

    Greedily: each next one is that which raises most the score of the best so far,
    relative to the best of all, in the mean over families of data sets, with a share
    of its own mean added: what is good everywhere is a safer bet than what was best on
    one set. Of equal ones the cheapest.

    Parameters
    ----------
    known : sequence of Experience
        What to learn from.
    n : int, default=None
        How many to return; all by default.
    per_model : int, default=None
        How many of one model to take at most. Other settings of a model are found by
        tuning; another model is not.
    like : dict of str to float, default=None
        Meta-features of a table: what is known of similar ones then counts more.

    Returns
    -------
    order : list of Configuration
        The best first.
    """
    configurations = list(dict.fromkeys(c for e in known for c in e.scores))
    relative = np.array([e.relative(configurations) for e in known])
    weights = family_weights(known)
    if like is not None:
        weights = weights * _similarity(known, like)
        weights = weights / weights.sum()
    seconds = np.array(
        [np.mean([e.seconds.get(c, np.inf) for e in known]) for c in configurations]
    )
    own = weights @ relative
    reached = np.zeros(len(known))
    left = list(range(len(configurations)))
    order: list[Configuration] = []
    models: list[str] = []
    while left and (n is None or len(order) < n):
        gains = weights @ np.maximum(relative[:, left], reached[:, None])
        # Rounded, so that noise does not decide between what is equally good.
        gains = (gains + _OWN_SHARE * own[left]).round(5)
        place = min(range(len(left)), key=lambda i: (-gains[i], seconds[left[i]]))
        chosen = left.pop(place)
        reached = np.maximum(reached, relative[:, chosen])
        order.append(configurations[chosen])
        models.append(configurations[chosen].model)
        if models.count(models[-1]) == per_model:
            left = [c for c in left if configurations[c].model != models[-1]]
    return order


def portfolio_for(features, known, n=None, *, per_model=None):
    """Order configurations for a table, by its like only if that is shown to help.

    It is if, over the families of data sets, each left out in turn, the best of
    the first n is better in the mean in the order of the similar ones.

    Parameters
    ----------
    features : dict of str to float
        Meta-features of the table.
    known : sequence of Experience
        What to learn from.
    n, per_model : int, default=None
        As in :func:`portfolio`.

    Returns
    -------
    order : list of Configuration
        The best first.
    """
    reached = np.zeros(2)
    weights = family_weights(known)
    for experience, weight in zip(known, weights, strict=True):
        others = [e for e in known if e.family != experience.family]
        if not others:
            return portfolio(known, n, per_model=per_model)
        for place, like in enumerate((None, experience.features)):
            order = portfolio(others, n, per_model=per_model, like=like)
            reached[place] += weight * experience.relative(order).max()
    like = features if reached[1] > reached[0] else None
    return portfolio(known, n, per_model=per_model, like=like)


def _similarity(known, features):
    """Return how much each experience tells of a table with these meta-features."""
    rows = np.array([_telling(e.features) for e in known])
    scale = rows.std(axis=0)
    scale[scale == 0] = 1
    distance = np.linalg.norm((rows - _telling(features)) / scale, axis=1)
    return np.exp(-((distance / _WIDTH) ** 2) / 2) + _LEAST_SIMILARITY


def _telling(features):
    return np.log([max(features.get(name, 1.0), 1e-9) for name in TELLING])


def family_weights(known):
    """Return the weight of each experience: equal families, equal within them."""
    families = [e.family for e in known]
    weights = np.array([1 / families.count(family) for family in families])
    return weights / weights.sum()


def predict_seconds(known, configuration, features):
    """Predict what a configuration costs on a table, from what it did on others.

    A regression of the logarithm of its seconds on those of the table's sizes, over
    the configurations of the same model.

    Parameters
    ----------
    known : sequence of Experience
        What to learn from.
    configuration : Configuration
        Whose cost.
    features : dict of str to float
        With the sizes of COST_FEATURES.

    Returns
    -------
    seconds : float or None
        None if fewer than five data sets tell.
    """
    rows, logs = [], []
    for experience in known:
        times = [
            seconds
            for c, seconds in experience.seconds.items()
            if c.model == configuration.model and np.isfinite(seconds)
        ]
        own = experience.seconds.get(configuration)
        if times:
            usual = own if own is not None and np.isfinite(own) else np.median(times)
            rows.append(_sizes(experience.features))
            logs.append(np.log(max(usual, 1e-3)))
    if len(rows) < 5:
        return None
    design = np.array(rows)
    center = design.mean(axis=0)
    centered = design - center
    # A little shrinkage: few data sets, and sizes that go together.
    slopes = np.linalg.solve(
        centered.T @ centered + np.eye(len(center)), centered.T @ (logs - np.mean(logs))
    )
    return float(np.exp(np.mean(logs) + (_sizes(features) - center) @ slopes))


def _sizes(features):
    return np.log([max(features[name], 1) for name in COST_FEATURES])
